//! What returns: looking at policies whose cover ends, or has ended.

use super::attend_due;
use crate::app::App;
use crate::fault::Fault;
use crate::work::{Actor, Work};

/// Policies looked at in one transaction.
const BATCH: i64 = 200;

/// Looks at every policy whose time has come, batch after batch.
pub async fn attend(app: App) -> Result<(), Fault> {
    loop {
        let mut work = Work::begin(&app.pool, app.clock.now(), Actor::System).await?;
        let looked_at = attend_due(&mut work, &app.shelf, BATCH).await?;
        work.commit().await?;
        if (looked_at as i64) < BATCH {
            return Ok(());
        }
    }
}
