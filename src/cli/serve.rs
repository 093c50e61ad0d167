//! `kwastage serve` and `kwastage worker`: being the product until asked to stop.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::asked_to_stop;
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::schema;
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
pub async fn until(config: Arc<Config>, roles: Roles, stop: CancellationToken) -> anyhow::Result<()> {
    let _logs = telemetry::start(&config.log)?;
    let metrics = metric::install()?;
    let app = App::build(config, Clock::System).await?;
    schema::require_current(&app.pool).await?;
    serve::run(app, roles, metrics, stop).await
}
