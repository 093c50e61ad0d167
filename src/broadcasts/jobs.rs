//! What is done later: writing a broadcast's recipients, and telling its sender how it went.

use super::{BroadcastId, WriteRecipients, tell_of_the_finished, write_batch};
use crate::app::App;
use crate::fault::Fault;
use crate::jobs::JobFailure;
use crate::work::{Actor, Work};

/// Writes batch after batch, each in a transaction of its own.
pub async fn write_recipients(app: App, job: WriteRecipients) -> Result<(), JobFailure> {
    let rules = app.broadcast_rules();
    loop {
        let mut work = Work::begin(&app.pool, app.clock.now(), Actor::System).await?;
        let more = write_batch(&mut work, &rules, BroadcastId(job.broadcast)).await?;
        work.commit().await?;
        if !more {
            return Ok(());
        }
    }
}

/// Tells senders how their broadcasts went, and members whose post nobody looked at.
pub async fn tell_senders(app: App) -> Result<(), Fault> {
    let mut work = Work::begin(&app.pool, app.clock.now(), Actor::System).await?;
    tell_of_the_finished(&mut work).await?;
    work.commit().await
}
