//! The SQL of `job` and `periodic`. Every statement is short and stands alone: no transaction is open while a job is done.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};

use crate::fault::Fault;

pub(super) async fn insert(
    conn: &mut PgConnection,
    name: &str,
    key: Option<String>,
    body: Value,
    due: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into job (name, key, body, run_at, created_at) values ($1, $2, $3, $4, $5) on conflict (name, key) do nothing",
        name,
        key,
        body,
        due,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Pulls a waiting job forward to `run_at`. True when it was waiting for later than that.
pub async fn advance(
    conn: &mut PgConnection,
    name: &str,
    key: &str,
    run_at: DateTime<Utc>,
) -> Result<bool, Fault> {
    let moved = sqlx::query!(
        "update job set run_at = $3 where name = $1 and key = $2 and state = 'waiting' and run_at > $3",
        name,
        key,
        run_at
    )
    .execute(&mut *conn)
    .await?
    .rows_affected();
    if moved > 0 {
        sqlx::query!("select pg_notify('job', '')")
            .execute(conn)
            .await?;
    }
    Ok(moved > 0)
}

/// Forgets jobs without a key that were done before `before`, at most 10,000 at a time; returns how many.
pub async fn forget_done(conn: &mut PgConnection, before: DateTime<Utc>) -> Result<u64, Fault> {
    let forgotten = sqlx::query!(
        "delete from job where id in
            (select id from job where state = 'done' and key is null and finished_at < $1 limit 10000)",
        before
    )
    .execute(conn)
    .await?;
    Ok(forgotten.rows_affected())
}

/// How the queue stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Not begun, due or not.
    pub waiting: i64,
    /// Waiting and due.
    pub due: i64,
    pub running: i64,
    /// Seconds since the oldest job that is due fell due; 0 when none is.
    pub oldest_due_seconds: i64,
    /// Given up and still in the table: each one wants a person.
    pub given_up: i64,
}

pub async fn stats(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<Stats, Fault> {
    let row = sqlx::query!(
        r#"select (select count(*) from job where state = 'waiting') as "waiting!",
                  (select count(*) from job where state = 'waiting' and run_at <= $1) as "due!",
                  (select count(*) from job where state = 'running') as "running!",
                  (select min(run_at) from job where state = 'waiting' and run_at <= $1) as oldest_due,
                  (select count(*) from job where state = 'given_up') as "given_up!""#,
        now
    )
    .fetch_one(conn)
    .await?;
    Ok(Stats {
        waiting: row.waiting,
        due: row.due,
        running: row.running,
        oldest_due_seconds: row.oldest_due.map_or(0, |due| (now - due).num_seconds()),
        given_up: row.given_up,
    })
}

/// One try at a job. The fence says which try: only the latest may finish.
#[derive(Clone, Debug)]
pub(super) struct Claimed {
    pub id: i64,
    pub fence: i64,
    pub name: String,
    pub body: Value,
    pub attempts: i32,
}

/// Takes up to `limit` due jobs of these names, oldest first.
pub(super) async fn claim(
    pool: &PgPool,
    names: &[String],
    now: DateTime<Utc>,
    leased_until: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Claimed>, Fault> {
    let mut claimed = sqlx::query_as!(
        Claimed,
        "with due as (
            select id from job where state = 'waiting' and run_at <= $2 and name = any($1)
            order by run_at, id limit $4 for update skip locked)
         update job set state = 'running', leased_until = $3, attempts = attempts + 1, fence = fence + 1
         from due where job.id = due.id
         returning job.id, job.fence, job.name, job.body, job.attempts",
        names,
        now,
        leased_until,
        limit
    )
    .fetch_all(pool)
    .await?;
    claimed.sort_by_key(|claimed| claimed.id);
    Ok(claimed)
}

/// Puts back the jobs whose worker has not finished within its lease; returns how many.
pub(super) async fn reclaim(pool: &PgPool, now: DateTime<Utc>) -> Result<u64, Fault> {
    let reclaimed = sqlx::query!(
        "update job set state = 'waiting', leased_until = null
         where id in (select id from job where state = 'running' and leased_until <= $1 for update skip locked)",
        now
    )
    .execute(pool)
    .await?;
    Ok(reclaimed.rows_affected())
}

/// Each of the following is refused, with `false`, when the lease was lost to another try meanwhile.
pub(super) async fn finish(
    pool: &PgPool,
    claimed: &Claimed,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let done = sqlx::query!(
        "update job set state = 'done', leased_until = null, finished_at = $3
         where id = $1 and fence = $2 and state = 'running'",
        claimed.id,
        claimed.fence,
        now
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn postpone(
    pool: &PgPool,
    claimed: &Claimed,
    until: DateTime<Utc>,
    why: &str,
) -> Result<bool, Fault> {
    let postponed = sqlx::query!(
        "update job set state = 'waiting', leased_until = null, run_at = $3, last_error = left($4, 2000)
         where id = $1 and fence = $2 and state = 'running'",
        claimed.id,
        claimed.fence,
        until,
        why
    )
    .execute(pool)
    .await?;
    Ok(postponed.rows_affected() == 1)
}

pub(super) async fn give_up(
    pool: &PgPool,
    claimed: &Claimed,
    now: DateTime<Utc>,
    why: &str,
) -> Result<bool, Fault> {
    let given_up = sqlx::query!(
        "update job set state = 'given_up', leased_until = null, finished_at = $3, last_error = left($4, 2000)
         where id = $1 and fence = $2 and state = 'running'",
        claimed.id,
        claimed.fence,
        now,
        why
    )
    .execute(pool)
    .await?;
    Ok(given_up.rows_affected() == 1)
}

/// Hands a job back as if it had not been begun: a worker that stops is no failure of the job.
pub(super) async fn hand_back(pool: &PgPool, claimed: &Claimed) -> Result<bool, Fault> {
    let back = sqlx::query!(
        "update job set state = 'waiting', leased_until = null, attempts = attempts - 1
         where id = $1 and fence = $2 and state = 'running'",
        claimed.id,
        claimed.fence
    )
    .execute(pool)
    .await?;
    if back.rows_affected() == 1 {
        sqlx::query!("select pg_notify('job', '')")
            .execute(pool)
            .await?;
    }
    Ok(back.rows_affected() == 1)
}

/// One turn of a task that returns.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    pub name: String,
    pub fence: i64,
}

/// Writes down the tasks of this program; one that was there before keeps its time.
pub(super) async fn note_tasks(
    pool: &PgPool,
    names: &[String],
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into periodic (name, next_at) select unnest($1::text[]), $2 on conflict (name) do nothing",
        names,
        now
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Takes the tasks that are due and that nobody is at.
pub(super) async fn claim_tasks(
    pool: &PgPool,
    names: &[String],
    now: DateTime<Utc>,
    lease: TimeDelta,
) -> Result<Vec<Turn>, Fault> {
    Ok(sqlx::query_as!(
        Turn,
        "with due as (
            select name from periodic
            where name = any($1) and next_at <= $2 and (leased_until is null or leased_until <= $2)
            order by next_at, name for update skip locked)
         update periodic set leased_until = $3, fence = fence + 1, last_began_at = $2
         from due where periodic.name = due.name
         returning periodic.name, periodic.fence",
        names,
        now,
        now + lease
    )
    .fetch_all(pool)
    .await?)
}

pub(super) async fn finish_task(
    pool: &PgPool,
    turn: &Turn,
    now: DateTime<Utc>,
    next_at: DateTime<Utc>,
    error: Option<&str>,
) -> Result<bool, Fault> {
    let finished = sqlx::query!(
        "update periodic set leased_until = null, next_at = $3, last_ended_at = $4, last_error = left($5, 2000)
         where name = $1 and fence = $2",
        turn.name,
        turn.fence,
        next_at,
        now,
        error
    )
    .execute(pool)
    .await?;
    Ok(finished.rows_affected() == 1)
}
