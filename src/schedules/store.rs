//! The tables `schedule_choice`, `payment_schedule`, `schedule_step` and `arrears_watch`.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::{Choice, Mode};
use super::rule::Done;
use super::service::{ArrearsDue, Held, Step};
use crate::fault::Fault;

/// The member's schedule, held; and where there is none, the right to make it.
pub(super) async fn lock(conn: &mut PgConnection, member: Uuid) -> Result<Option<Held>, Fault> {
    sqlx::query!(
        r#"select pg_advisory_xact_lock(hashtextextended('schedule ' || $1::uuid::text, 0)) as "locked!: ()""#,
        member
    )
    .fetch_one(&mut *conn)
    .await?;
    let row = sqlx::query!(
        "select member_id, mode, since, choice_id from payment_schedule where member_id = $1 for update",
        member
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| held(row.member_id, &row.mode, row.since, row.choice_id))
        .transpose()
}

/// None when this very choice was made before.
pub(super) async fn insert_choice(
    conn: &mut PgConnection,
    choice: &Choice,
    now: DateTime<Utc>,
) -> Result<Option<i64>, Fault> {
    Ok(sqlx::query_scalar!(
        "insert into schedule_choice (member_id, mode, words, language, channel, key, with_pin, at)
         values ($1, $2, left($3, 300), $4, $5, $6, $7, $8) on conflict (key) do nothing returning id",
        choice.member,
        choice.mode.as_str(),
        choice.words,
        choice.language.as_str(),
        choice.channel.as_str(),
        choice.key,
        choice.with_pin,
        now
    )
    .fetch_optional(conn)
    .await?)
}

pub(super) async fn save(
    conn: &mut PgConnection,
    choice: &Choice,
    id: i64,
    since: NaiveDate,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let look_at = (choice.mode != Mode::Off).then_some(now);
    sqlx::query!(
        "insert into payment_schedule (member_id, mode, choice_id, since, look_at) values ($1, $2, $3, $4, $5)
         on conflict (member_id) do update set mode = $2, choice_id = $3, since = $4, look_at = $5",
        choice.member,
        choice.mode.as_str(),
        id,
        since,
        look_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn mode_of(conn: &mut PgConnection, member: Uuid) -> Result<Mode, Fault> {
    let mode = sqlx::query_scalar!(
        "select mode from payment_schedule where member_id = $1",
        member
    )
    .fetch_optional(conn)
    .await?;
    Ok(mode
        .and_then(|mode| Mode::parse(&mode))
        .unwrap_or(Mode::Off))
}

/// What M-PESA was asked for lately, the latest first.
pub(super) async fn latest_payments(
    conn: &mut PgConnection,
    member: Uuid,
) -> Result<Vec<Uuid>, Fault> {
    Ok(sqlx::query_scalar!(
        r#"select payment as "payment!" from schedule_step where member_id = $1 and step = 'pushed' order by at desc limit 2"#,
        member
    )
    .fetch_all(conn)
    .await?)
}

pub(super) async fn hold_next(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Option<Held>, Fault> {
    let row = sqlx::query!(
        "select member_id, mode, since, choice_id from payment_schedule
         where look_at <= $1 order by look_at limit 1 for update skip locked",
        now
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| held(row.member_id, &row.mode, row.since, row.choice_id))
        .transpose()
}

fn held(member: Uuid, mode: &str, since: NaiveDate, choice: i64) -> Result<Held, Fault> {
    let mode = Mode::parse(mode)
        .ok_or_else(|| Fault::broken(format!("the schedule of {member} has no mode")))?;
    Ok(Held {
        member,
        mode,
        since,
        choice,
    })
}

pub(super) async fn done(
    conn: &mut PgConnection,
    member: Uuid,
    due_on: NaiveDate,
) -> Result<Vec<Done>, Fault> {
    let rows = sqlx::query!(
        "select step, day from schedule_step where member_id = $1 and due_on = $2 order by at, try",
        member,
        due_on
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| match row.step.as_str() {
            "reminded" => Ok(Done::Reminded),
            "pushed" => Ok(Done::Pushed { on: row.day }),
            "gave_up" => Ok(Done::GaveUp),
            other => Err(Fault::broken(format!("a schedule's step {other}"))),
        })
        .collect()
}

pub(super) async fn insert_step(
    conn: &mut PgConnection,
    step: &Step,
    day: NaiveDate,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let (name, attempt, payment) = step.taken.columns();
    sqlx::query!(
        "insert into schedule_step (member_id, due_on, step, try, day, cents, payment, choice_id, at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        step.member,
        step.due_on,
        name,
        attempt,
        day,
        step.amount.cents(),
        payment,
        step.choice,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn look_again(
    conn: &mut PgConnection,
    member: Uuid,
    at: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update payment_schedule set look_at = $2 where member_id = $1 and mode <> 'off'",
        member,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn watch_newcomers(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<u64, Fault> {
    let taken_up = sqlx::query!(
        "insert into arrears_watch (member_id, look_at)
         select id, $1 from member
         where status = 'active' and not exists (select from arrears_watch w where w.member_id = member.id) limit 500
         on conflict (member_id) do nothing",
        now
    )
    .execute(conn)
    .await?;
    Ok(taken_up.rows_affected())
}

pub(super) async fn next_arrears(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Option<ArrearsDue>, Fault> {
    let row = sqlx::query!(
        "select member_id, reminded_at from arrears_watch
         where look_at <= $1 order by look_at limit 1 for update skip locked",
        now
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| ArrearsDue {
        member: row.member_id,
        reminded_at: row.reminded_at,
    }))
}

pub(super) async fn note_arrears(
    conn: &mut PgConnection,
    member: Uuid,
    look_at: DateTime<Utc>,
    reminded_at: Option<DateTime<Utc>>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update arrears_watch set look_at = $2, reminded_at = coalesce($3, reminded_at) where member_id = $1",
        member,
        look_at,
        reminded_at
    )
    .execute(conn)
    .await?;
    Ok(())
}
