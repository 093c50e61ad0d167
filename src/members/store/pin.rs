//! PIN verifiers and the count of wrong tries.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::fault::Fault;
use crate::members::model::MemberId;
use crate::members::pin::{PinGuard, PinVerifier};

pub(in crate::members) async fn save_pin(
    conn: &mut PgConnection,
    member: MemberId,
    verifier: &PinVerifier,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into member_pin (member_id, verifier, changed_at) values ($1, $2, $3)
         on conflict (member_id) do update set verifier = $2, changed_at = $3",
        member.0,
        verifier.as_str(),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The verifier (a member may have none yet) and the wrong tries on this route; nothing where there is no member.
pub(in crate::members) async fn pin(
    pool: &PgPool,
    member: MemberId,
    route: &str,
) -> Result<Option<(Option<PinVerifier>, PinGuard)>, Fault> {
    let row = sqlx::query!(
        r#"select member_pin.verifier as "verifier?", pin_guard.failures as "failures?", pin_guard.locked_until as "locked_until?"
           from member
           left join member_pin on member_pin.member_id = member.id
           left join pin_guard on pin_guard.member_id = member.id and pin_guard.route = $2
           where member.id = $1"#,
        member.0,
        route
    )
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let verifier = verifier(row.verifier.as_deref(), member)?;
    let failures = row.failures.map_or(0, i32::unsigned_abs);
    Ok(Some((
        verifier,
        PinGuard {
            failures,
            locked_until: row.locked_until,
        },
    )))
}

fn verifier(text: Option<&str>, member: MemberId) -> Result<Option<PinVerifier>, Fault> {
    text.map(PinVerifier::parse).transpose().map_err(|_| {
        Fault::broken(format!(
            "the PIN verifier of member {member} cannot be read"
        ))
    })
}

/// Counts a try of a member without wrong ones on this route, and gives the verifier (they may have none yet) in the same trip.
/// Nothing is counted and nothing given when there is no such member, or when tries are counted already.
pub(in crate::members) async fn charge_first(
    pool: &PgPool,
    member: MemberId,
    route: &str,
    charged: PinGuard,
) -> Result<Option<Option<PinVerifier>>, Fault> {
    let row = sqlx::query!(
        r#"insert into pin_guard as guard (member_id, route, failures, locked_until)
           select id, $2, $3, $4 from member where id = $1
           on conflict (member_id, route) do update set failures = $3, locked_until = $4
           where guard.failures = 0 and guard.locked_until is null
           returning (select verifier from member_pin where member_pin.member_id = $1) as verifier"#,
        member.0,
        route,
        i32::try_from(charged.failures).unwrap_or(i32::MAX),
        charged.locked_until
    )
    .fetch_optional(pool)
    .await?;
    row.map(|row| verifier(row.verifier.as_deref(), member))
        .transpose()
}

/// Puts `new` in the place of `old`; false when somebody else was quicker and `old` no longer stands there.
pub(in crate::members) async fn exchange_guard(
    pool: &PgPool,
    member: MemberId,
    route: &str,
    old: PinGuard,
    new: PinGuard,
) -> Result<bool, Fault> {
    let [old_failures, new_failures] =
        [old, new].map(|guard| i32::try_from(guard.failures).unwrap_or(i32::MAX));
    let exchanged = sqlx::query!(
        "insert into pin_guard as guard (member_id, route, failures, locked_until)
         values ($1, $2, $3, $4)
         on conflict (member_id, route) do update set failures = $3, locked_until = $4
         where guard.failures = $5 and guard.locked_until is not distinct from $6",
        member.0,
        route,
        new_failures,
        new.locked_until,
        old_failures,
        old.locked_until
    )
    .execute(pool)
    .await?;
    Ok(exchanged.rows_affected() == 1)
}

pub(in crate::members) async fn clear_guard(
    pool: &PgPool,
    member: MemberId,
    route: &str,
) -> Result<(), Fault> {
    sqlx::query!(
        "update pin_guard set failures = 0, locked_until = null where member_id = $1 and route = $2",
        member.0,
        route
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// On every way in.
pub(in crate::members) async fn forget_tries(
    conn: &mut PgConnection,
    member: MemberId,
) -> Result<(), Fault> {
    sqlx::query!(
        "update pin_guard set failures = 0, locked_until = null where member_id = $1",
        member.0
    )
    .execute(conn)
    .await?;
    Ok(())
}
