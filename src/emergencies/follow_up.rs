//! The jobs that follow a report after a pause.

use super::later::{self, AskNearby, TellDetails};
use crate::app::App;
use crate::jobs::JobFailure;
use crate::work::{Actor, Work};

/// Tells what was told, when the reporter has paused.
pub async fn tell_details(app: App, job: TellDetails) -> Result<(), JobFailure> {
    let mut work = Work::begin(&app.pool, app.clock.now(), Actor::System).await?;
    later::tell_details(&mut work, &job).await?;
    Ok(work.commit().await?)
}

/// Asks the riders nearby, when nobody comes.
pub async fn ask_nearby(app: App, job: AskNearby) -> Result<(), JobFailure> {
    let mut work = Work::begin(&app.pool, app.clock.now(), Actor::System).await?;
    later::ask_nearby_unless_answered(&mut work, &job).await?;
    Ok(work.commit().await?)
}
