//! Changes of phone, and tries to be taken for a member.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::msisdn;
use crate::fault::Fault;
use crate::members::MemberId;
use crate::primitives::Msisdn;
use crate::recovery::phone::{ChangeId, Moving};

/// A change that is to be made.
pub(in crate::recovery) struct Change {
    pub id: ChangeId,
    pub member: MemberId,
    pub old: Msisdn,
    pub new: Msisdn,
}

pub(in crate::recovery) struct New<'a> {
    pub id: ChangeId,
    pub member: MemberId,
    pub old: &'a Msisdn,
    pub moving: &'a Moving,
    pub now: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// Cools off from now on, until then; otherwise it waits to be confirmed.
    pub due_at: Option<DateTime<Utc>>,
}

/// Ends what nobody confirmed in time, of this member or about this number.
pub(in crate::recovery) async fn expire(
    conn: &mut PgConnection,
    member: MemberId,
    new: &Msisdn,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update phone_change set state = 'expired', ended_at = $3
         where (member_id = $1 or new_msisdn = $2) and state = 'asked' and expires_at <= $3",
        member.0,
        new.digits(),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// False when the member has one on its way, or the number is being given to somebody.
pub(in crate::recovery) async fn insert(
    conn: &mut PgConnection,
    new: &New<'_>,
) -> Result<bool, Fault> {
    let inserted = sqlx::query!(
        "insert into phone_change (id, key, member_id, old_msisdn, new_msisdn, asked_from, first_by, asked_at, expires_at, due_at, state)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, case when $10::timestamptz is null then 'asked' else 'cooling' end)
         on conflict do nothing",
        new.id.0,
        new.moving.key,
        new.member.0,
        new.old.digits(),
        new.moving.to.digits(),
        new.moving.from.as_str(),
        new.moving.by.as_ref().map(|name| name.as_str()),
        new.now,
        new.expires_at,
        new.due_at
    )
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// What one of the staff has asked for and a second may confirm, with the name of the first.
pub(in crate::recovery) async fn lock_asked_by_staff(
    conn: &mut PgConnection,
    member: MemberId,
    new: &Msisdn,
    now: DateTime<Utc>,
) -> Result<Option<(ChangeId, String)>, Fault> {
    let row = sqlx::query!(
        r#"select id, first_by as "first_by!" from phone_change
           where member_id = $1 and new_msisdn = $2 and asked_from = 'staff' and state = 'asked' and expires_at > $3 for update"#,
        member.0,
        new.digits(),
        now
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| (ChangeId(row.id), row.first_by)))
}

/// Whether this waits for a word from that phone.
pub(in crate::recovery) async fn lock_asked(
    conn: &mut PgConnection,
    id: ChangeId,
    new: &Msisdn,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let found = sqlx::query_scalar!(
        "select id from phone_change
         where id = $1 and new_msisdn = $2 and asked_from = 'old_phone' and state = 'asked' and expires_at > $3 for update",
        id.0,
        new.digits(),
        now
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.is_some())
}

pub(in crate::recovery) async fn confirm(
    conn: &mut PgConnection,
    id: ChangeId,
    second_by: Option<&str>,
    due_at: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update phone_change set state = 'cooling', second_by = $2, due_at = $3 where id = $1",
        id.0,
        second_by,
        due_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// `state` is one of those that end it.
pub(in crate::recovery) async fn end(
    conn: &mut PgConnection,
    id: ChangeId,
    state: &'static str,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update phone_change set state = $2, ended_at = $3 where id = $1",
        id.0,
        state,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The one that has been due longest, unless somebody else is at it.
pub(in crate::recovery) async fn lock_due(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Option<Change>, Fault> {
    let row = sqlx::query!(
        "select id, member_id, old_msisdn, new_msisdn from phone_change
         where state = 'cooling' and due_at <= $1 order by due_at limit 1 for update skip locked",
        now
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        Ok(Change {
            id: ChangeId(row.id),
            member: MemberId(row.member_id),
            old: msisdn(&row.old_msisdn, "phone_change")?,
            new: msisdn(&row.new_msisdn, "phone_change")?,
        })
    })
    .transpose()
}

/// The member's own; true when there was one.
pub(in crate::recovery) async fn stop(
    conn: &mut PgConnection,
    member: MemberId,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let stopped = sqlx::query!(
        "update phone_change set state = 'stopped', ended_at = $2 where member_id = $1 and state in ('asked', 'cooling')",
        member.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(stopped.rows_affected() > 0)
}

/// What was asked for this number from the member's own phone; true when there was something.
pub(in crate::recovery) async fn stop_claim_on(
    conn: &mut PgConnection,
    new: &Msisdn,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let stopped = sqlx::query!(
        "update phone_change set state = 'stopped', ended_at = $2
         where new_msisdn = $1 and asked_from = 'old_phone' and state in ('asked', 'cooling')",
        new.digits(),
        now
    )
    .execute(conn)
    .await?;
    Ok(stopped.rows_affected() > 0)
}

/// Whose number this was until lately.
pub(in crate::recovery) async fn moved_from(
    conn: &mut PgConnection,
    old: &Msisdn,
    since: DateTime<Utc>,
) -> Result<Option<MemberId>, Fault> {
    let member = sqlx::query_scalar!(
        "select member_id from phone_change where old_msisdn = $1 and state = 'done' and ended_at > $2
         order by ended_at desc limit 1",
        old.digits(),
        since
    )
    .fetch_optional(conn)
    .await?;
    Ok(member.map(MemberId))
}

pub(in crate::recovery) async fn insert_try(
    conn: &mut PgConnection,
    from: &Msisdn,
    member: Option<MemberId>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into phone_claim_try (msisdn, member_id, at) values ($1, $2, $3)",
        from.digits(),
        member.map(|member| member.0),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How many tries there were from the phone, and on the member.
pub(in crate::recovery) async fn tries_since(
    conn: &mut PgConnection,
    from: &Msisdn,
    member: Option<MemberId>,
    since: DateTime<Utc>,
) -> Result<(i64, i64), Fault> {
    let row = sqlx::query!(
        r#"select (select count(*) from phone_claim_try where msisdn = $1 and at > $3) as "of_phone!",
                  (select count(*) from phone_claim_try where member_id = $2 and at > $3) as "on_member!""#,
        from.digits(),
        member.map(|member| member.0),
        since
    )
    .fetch_one(conn)
    .await?;
    Ok((row.of_phone, row.on_member))
}

pub(in crate::recovery) async fn delete_tries(
    conn: &mut PgConnection,
    before: DateTime<Utc>,
) -> Result<u64, Fault> {
    let gone = sqlx::query!(
        "delete from phone_claim_try where id in (select id from phone_claim_try where at < $1 order by id limit 2000)",
        before
    )
    .execute(conn)
    .await?;
    Ok(gone.rows_affected())
}
