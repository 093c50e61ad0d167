//! What returns: requests that expire, and the daily round, each loan in a transaction of its own.

use super::daily;
use super::vouching;
use crate::app::App;
use crate::fault::Fault;
use crate::work::{Actor, Work};

/// Lets requests go whose guarantors did not answer.
pub async fn expire_requests(app: App) -> Result<(), Fault> {
    let mut work = Work::begin(&app.pool, app.clock.now(), Actor::System).await?;
    vouching::expire(&mut work).await?;
    work.commit().await
}

/// Today's round, as far as it has not been done. A loan that cannot be looked at holds up no other.
pub async fn daily_round(app: App) -> Result<(), Fault> {
    let now = app.clock.now();
    let mut first_fault = None;
    let due = daily::due_for_a_look(&mut *app.pool.acquire().await?, now).await?;
    for loan in due {
        let mut work = Work::begin(&app.pool, now, Actor::System).await?;
        match daily::look(&mut work, loan).await {
            Ok(_looked) => work.commit().await?,
            Err(fault) if fault.is_passing() => return Err(fault),
            Err(fault) => {
                tracing::error!(target: "financial", %fault, loan.id = %loan, "A loan could not be looked at today");
                first_fault.get_or_insert(fault);
            }
        }
    }
    first_fault.map_or(Ok(()), Err)
}
