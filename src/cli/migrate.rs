//! `kwastage migrate`

use anyhow::{Context, bail};
use secrecy::ExposeSecret;

use crate::config::Config;
use crate::schema::{self, Standing};

pub(super) async fn run(config: &Config) -> anyhow::Result<()> {
    let mut connection = schema::connect(config.database.url.expose_secret())
        .await
        .context("cannot reach Postgres")?;
    match schema::standing(&mut connection).await? {
        Standing::Current { version } => {
            println!("The database is at version {version}: nothing to do.")
        }
        Standing::Behind { .. } => {
            let applied = schema::migrate(&mut connection)
                .await
                .context("a migration failed")?;
            println!("Applied {applied} migrations.");
        }
        Standing::Ahead { version } => bail!(
            "the database is at version {version}, newer than this program: update the program"
        ),
        Standing::Broken { version } => bail!(
            "migration {version} failed half way or was changed after it ran: mend it by hand"
        ),
    }
    Ok(())
}
