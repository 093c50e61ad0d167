//! Choosing, and the steps that are taken about due days.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::{Channel, Choice, Chosen, Mode, ModeError};
use super::rule::Done;
use super::store;
use crate::events::Event;
use crate::fault::Fault;
use crate::payments::{self, ObligationId};
use crate::primitives::{Money, nairobi_date};
use crate::work::Work;

/// A member's schedule that is due to be looked at, held until the end of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub member: Uuid,
    pub mode: Mode,
    pub since: NaiveDate,
    /// The consent under which anything is done.
    pub choice: i64,
}

/// A step about a due day, taken once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub member: Uuid,
    pub choice: i64,
    pub due_on: NaiveDate,
    pub amount: Money,
    pub taken: Taken,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Reminded,
    Pushed { attempt: i16, payment: Uuid },
    GaveUp,
}

/// A member whose arrears are due to be looked at, held until the end of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArrearsDue {
    pub member: Uuid,
    pub reminded_at: Option<DateTime<Utc>>,
}

/// Takes a member's choice. With the commit of a stop nothing is asked any more: a request of M-PESA that has not left is taken back.
pub async fn choose(work: &mut Work, choice: Choice) -> Result<Chosen, ModeError> {
    if choice.mode == Mode::Push && !(choice.with_pin && choice.channel == Channel::Ussd) {
        return Err(ModeError::NeedsPin);
    }
    let before = store::lock(work.conn(), choice.member).await?;
    let before = before.map_or(Mode::Off, |held| held.mode);
    let now = work.now;
    let chosen = Chosen {
        before,
        now: choice.mode,
    };
    let Some(id) = store::insert_choice(work.conn(), &choice, now).await? else {
        // The same hop or text again.
        return Ok(chosen);
    };
    store::save(work.conn(), &choice, id, nairobi_date(now), now).await?;
    if choice.mode != Mode::Push {
        for payment in store::latest_payments(work.conn(), choice.member).await? {
            payments::withdraw_unsent(work, ObligationId(payment)).await?;
        }
    }
    work.record(ScheduleChosen {
        member: choice.member,
        mode: choice.mode.as_str(),
        channel: choice.channel.as_str(),
        choice: id,
    })
    .await?;
    Ok(chosen)
}

/// What a member has chosen.
pub async fn mode_of(conn: &mut PgConnection, member: Uuid) -> Result<Mode, Fault> {
    store::mode_of(conn, member).await
}

/// The schedule that has waited longest to be looked at. Nobody else sees it before this work is over.
pub async fn hold_next(work: &mut Work) -> Result<Option<Held>, Fault> {
    let now = work.now;
    store::hold_next(work.conn(), now).await
}

/// What was done about a member's due day.
pub async fn done(
    conn: &mut PgConnection,
    member: Uuid,
    due_on: NaiveDate,
) -> Result<Vec<Done>, Fault> {
    store::done(conn, member, due_on).await
}

/// Writes a step down. The database refuses one that was taken before.
pub async fn take_step(work: &mut Work, step: Step) -> Result<(), Fault> {
    let now = work.now;
    store::insert_step(work.conn(), &step, nairobi_date(now), now).await?;
    let (name, attempt, payment) = step.taken.columns();
    work.record(ScheduleStep {
        member: step.member,
        due_on: step.due_on,
        step: name,
        attempt,
        payment,
        cents: step.amount.cents(),
    })
    .await
}

/// When a held schedule is looked at next.
pub async fn look_again(work: &mut Work, member: Uuid, at: DateTime<Utc>) -> Result<(), Fault> {
    store::look_again(work.conn(), member, at).await
}

/// Takes up active members whose arrears nobody watches yet; how many.
pub async fn watch_newcomers(work: &mut Work) -> Result<u64, Fault> {
    let now = work.now;
    store::watch_newcomers(work.conn(), now).await
}

/// The member whose arrears have waited longest to be looked at.
pub async fn next_arrears(work: &mut Work) -> Result<Option<ArrearsDue>, Fault> {
    let now = work.now;
    store::next_arrears(work.conn(), now).await
}

/// When a member's arrears are looked at next, and whether they were reminded of them now.
pub async fn note_arrears(
    work: &mut Work,
    member: Uuid,
    look_at: DateTime<Utc>,
    reminded: bool,
) -> Result<(), Fault> {
    let reminded_at = reminded.then_some(work.now);
    store::note_arrears(work.conn(), member, look_at, reminded_at).await
}

impl Taken {
    pub(super) fn columns(self) -> (&'static str, i16, Option<Uuid>) {
        match self {
            Taken::Reminded => ("reminded", 1, None),
            Taken::Pushed { attempt, payment } => ("pushed", attempt, Some(payment)),
            Taken::GaveUp => ("gave_up", 1, None),
        }
    }
}

#[derive(Serialize)]
struct ScheduleChosen {
    member: Uuid,
    mode: &'static str,
    channel: &'static str,
    choice: i64,
}

impl Event for ScheduleChosen {
    const NAME: &'static str = "schedule.chosen";
    fn subject(&self) -> Uuid {
        self.member
    }
}

#[derive(Serialize)]
struct ScheduleStep {
    member: Uuid,
    due_on: NaiveDate,
    step: &'static str,
    attempt: i16,
    payment: Option<Uuid>,
    cents: i64,
}

impl Event for ScheduleStep {
    const NAME: &'static str = "schedule.step";
    fn subject(&self) -> Uuid {
        self.member
    }
}
