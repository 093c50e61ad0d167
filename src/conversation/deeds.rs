//! A hop's deed happens once: its name is the session and the step, and its outcome is kept beside it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use super::SessionId;
use crate::fault::Fault;
use crate::menu::Outcome;
use crate::primitives::Msisdn;
use crate::work::Work;

/// A deed's outcome as it is kept: what the menus need to go on from it, again and again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    pub outcome: Outcome,
}

/// Whether this hop's deed is ours to do.
pub(super) enum Claim {
    Fresh,
    Done(Outcome),
}

/// Claims `(session, step)` in this transaction. A twin of this hop waits here until we have committed, and then
/// gets our outcome.
pub(super) async fn claim(
    work: &mut Work,
    session: &SessionId,
    step: u16,
    msisdn: &Msisdn,
    intent: &str,
) -> Result<Claim, Fault> {
    let now = work.now;
    let claimed = sqlx::query!(
        "insert into deed (session_id, step, msisdn, intent, outcome, at) values ($1, $2, $3, $4, 'null', $5)
         on conflict (session_id, step) do nothing",
        session.as_str(),
        step as i16,
        msisdn.digits(),
        intent,
        now
    )
    .execute(work.conn())
    .await?;
    if claimed.rows_affected() == 1 {
        return Ok(Claim::Fresh);
    }
    match recall(work.conn(), session, step, msisdn, intent).await? {
        Some(outcome) => Ok(Claim::Done(outcome)),
        None => Err(another_deed(step)),
    }
}

fn another_deed(step: u16) -> Fault {
    Fault::broken(format!(
        "the deed at step {step} of a session was another one"
    ))
}

/// Forgets deeds done before `before`, at most 5,000 at a time; returns how many.
pub async fn forget_deeds(conn: &mut PgConnection, before: DateTime<Utc>) -> Result<u64, Fault> {
    let forgotten = sqlx::query!(
        "delete from deed where (session_id, step) in
            (select session_id, step from deed where at < $1 order by at limit 5000)",
        before
    )
    .execute(conn)
    .await?;
    Ok(forgotten.rows_affected())
}

/// Keeps the outcome of a claimed deed, in the same transaction.
pub(super) async fn keep(
    work: &mut Work,
    session: &SessionId,
    step: u16,
    outcome: &Outcome,
) -> Result<(), Fault> {
    let kept = serde_json::to_value(Kept {
        outcome: outcome.clone(),
    })?;
    sqlx::query!(
        "update deed set outcome = $3 where session_id = $1 and step = $2",
        session.as_str(),
        step as i16,
        kept
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Keeps an outcome that changed nothing else, in one statement. A twin's outcome, if it was faster, is the one that counts.
pub(super) async fn note(
    conn: &mut PgConnection,
    session: &SessionId,
    step: u16,
    msisdn: &Msisdn,
    intent: &str,
    outcome: Outcome,
    now: DateTime<Utc>,
) -> Result<Outcome, Fault> {
    let kept = Kept { outcome };
    let noted = sqlx::query!(
        "insert into deed (session_id, step, msisdn, intent, outcome, at) values ($1, $2, $3, $4, $5, $6)
         on conflict (session_id, step) do nothing",
        session.as_str(),
        step as i16,
        msisdn.digits(),
        intent,
        serde_json::to_value(&kept)?,
        now
    )
    .execute(&mut *conn)
    .await?;
    if noted.rows_affected() == 1 {
        return Ok(kept.outcome);
    }
    let before = recall(conn, session, step, msisdn, intent).await?;
    before.ok_or_else(|| another_deed(step))
}

/// The outcome of the deed this session did at this step, if it did this one.
pub(super) async fn recall(
    conn: &mut PgConnection,
    session: &SessionId,
    step: u16,
    msisdn: &Msisdn,
    intent: &str,
) -> Result<Option<Outcome>, Fault> {
    let outcome = sqlx::query_scalar!(
        "select outcome from deed where session_id = $1 and step = $2 and msisdn = $3 and intent = $4",
        session.as_str(),
        step as i16,
        msisdn.digits(),
        intent
    )
    .fetch_optional(conn)
    .await?;
    outcome
        .map(|kept| Ok(serde_json::from_value::<Kept>(kept)?.outcome))
        .transpose()
}
