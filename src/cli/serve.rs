//! `kwastage serve` and `kwastage worker`: being the product until asked to stop.

use std::sync::Arc;

use anyhow::bail;
use tokio_util::sync::CancellationToken;

use super::asked_to_stop;
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::schema::{self, Standing};
use crate::serve::{self, Roles};
use crate::telemetry::{self, metric};

/// Serves until somebody asks the process to stop.
///
/// # Errors
/// Documents that do not hold up, a schema that is not this version's, or an address that is taken.
pub async fn run(config: Arc<Config>, roles: Roles) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let asked = tokio::spawn(async move {
        let asked = asked_to_stop().await;
        stopping.cancel();
        asked
    });
    let served = until(config, roles, stop).await;
    asked.abort();
    served
}

/// Serves until `stop`.
pub async fn until(
    config: Arc<Config>,
    roles: Roles,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    telemetry::start(&config.log)?;
    let metrics = metric::install()?;
    let app = App::build(config, Clock::System).await?;
    require_current_schema(&app).await?;
    serve::run(app, roles, metrics, stop).await
}

/// A database that is away is waited for by the deeds themselves; one of another shape is not worked on.
async fn require_current_schema(app: &App) -> anyhow::Result<()> {
    let Ok(mut conn) = app.pool.acquire().await else {
        tracing::warn!("Postgres does not answer; starting all the same");
        return Ok(());
    };
    match schema::standing(&mut conn).await? {
        Standing::Current { .. } => Ok(()),
        Standing::Behind { missing } => {
            bail!("{missing} migrations are missing: run `kwastage migrate`")
        }
        Standing::Ahead { version } => {
            bail!("the database is at {version}, newer than this program")
        }
        Standing::Broken { version } => bail!("migration {version} is not what this program knows"),
    }
}
