//! What members hear of their stage's fund without asking: each payment out of it, and the closed months of its book.

use chrono::TimeDelta;
use uuid::Uuid;

use crate::app::App;
use crate::fault::Fault;
use crate::messages::{self, Class, Message, Values};
use crate::primitives::nairobi_date;
use crate::stages::{self, StageId};
use crate::welfare::{self, Announcement, Because, Forgave};
use crate::work::{Actor, Work};

/// Messages written in one transaction.
const BATCH: i64 = 500;
/// Transactions of one tick. What is left waits for the next.
const BATCHES_MAX: usize = 50;
/// Months closed in one tick, of one fund.
const MONTHS_MAX: usize = 24;
/// A month is closed so long after its end: whatever was begun in it has ended by then.
const SETTLED_AFTER: TimeDelta = TimeDelta::hours(2);

/// Tells the riders of a stage of each payment out of their fund, once, in the morning where it was at night.
pub async fn announce_payouts(app: App) -> Result<(), Fault> {
    let mut work = Work::begin(&app.pool, app.clock.now(), Actor::System).await?;
    welfare::announce_new_payouts(&mut work).await?;
    work.commit().await?;
    for _ in 0..BATCHES_MAX {
        let mut work = Work::begin(&app.pool, app.clock.now(), Actor::System).await?;
        let Some(announcement) = welfare::next_announcement(&mut work).await? else {
            return Ok(());
        };
        tell_next(&app, &mut work, &announcement).await?;
        work.commit().await?;
    }
    Ok(())
}

/// The next few who have not heard of it. Their messages and how far we have come are one commit, and each message has a key of its
/// own beside that.
async fn tell_next(app: &App, work: &mut Work, announcement: &Announcement) -> Result<(), Fault> {
    let listeners = welfare::next_listeners(work.conn(), announcement, BATCH).await?;
    let stage = stages::find(work.conn(), StageId(announcement.stage)).await?;
    let stage = stage.ok_or_else(|| Fault::broken("the stage of a fund is gone"))?;
    let not_before = app.quiet_hours().not_before(Class::Service, work.now);
    let said: Vec<Message> = listeners
        .iter()
        .map(|listener| {
            let values = Values::new()
                .words("stage", &stage.name)
                .money("amount", announcement.amount)
                .words("person", announcement.person.to_string())
                .money("balance", announcement.balance);
            Message {
                key: Some(format!("fund:{}:{}", announcement.id, listener.member)),
                about: Some(announcement.id),
                not_before: Some(not_before),
                ..Message::new(
                    listener.msisdn.clone(),
                    listener.language,
                    Class::Service,
                    "fund.paid_out",
                    values,
                )
            }
        })
        .collect();
    messages::send_all(work, &said).await?;
    let last = listeners.last().map(|listener| listener.member);
    welfare::note_told(work, announcement, last).await
}

/// Closes the months that are over, fund by fund.
pub async fn close_months(app: App) -> Result<(), Fault> {
    let now = app.clock.now();
    let this_month = welfare::first_of(nairobi_date(now - SETTLED_AFTER));
    let Some(last) = this_month.pred_opt().map(welfare::first_of) else {
        return Ok(());
    };
    let stages = welfare::funds_to_close(&mut *app.pool.acquire().await?, last).await?;
    for stage in stages {
        let code = {
            let mut conn = app.pool.acquire().await?;
            let known = stages::find(&mut conn, StageId(stage)).await?;
            known
                .ok_or_else(|| Fault::broken("the stage of a fund is gone"))?
                .code
        };
        for _ in 0..MONTHS_MAX {
            let mut work = Work::begin(&app.pool, now, Actor::System).await?;
            let closed = welfare::close_next_month(&mut work, stage, code.as_str(), last).await?;
            work.commit().await?;
            if closed.is_none() {
                break;
            }
        }
    }
    Ok(())
}

/// Tells everybody whose arrears were forgiven, and why. Done again it says nothing more.
pub async fn tell_forgiven(
    work: &mut Work,
    forgave: &Forgave,
    because: &Because,
) -> Result<(), Fault> {
    if !forgave.fresh {
        return Ok(());
    }
    let ids: Vec<Uuid> = forgave.members.iter().map(|(member, _)| *member).collect();
    let reached = welfare::listeners(work.conn(), &ids).await?;
    let said: Vec<Message> = reached
        .into_iter()
        .filter_map(|listener| {
            let given = forgave
                .members
                .iter()
                .find(|(id, _)| *id == listener.member)?;
            let values = Values::new()
                .money("amount", given.1)
                .words("because", because.as_str());
            Some(Message {
                key: Some(format!("forgiven:{}:{}", forgave.id, listener.member)),
                about: Some(listener.member),
                ..Message::new(
                    listener.msisdn,
                    listener.language,
                    Class::Service,
                    "fund.forgiven",
                    values,
                )
            })
        })
        .collect();
    messages::send_all(work, &said).await?;
    Ok(())
}
