//! The tables `wallet` and `wallet_movement`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::limits::Spent;
use super::model::{Line, Recipient, What};
use crate::fault::Fault;
use crate::ledger::JournalId;
use crate::primitives::{MaskedName, Money, Msisdn};

/// Takes hold of the wallet until the end of the work; true when it is frozen.
pub(super) async fn lock(conn: &mut PgConnection, member: Uuid) -> Result<bool, Fault> {
    let frozen = sqlx::query_scalar!(
        r#"insert into wallet (member_id) values ($1)
           on conflict (member_id) do update set member_id = excluded.member_id
           returning frozen_at is not null as "frozen!""#,
        member
    )
    .fetch_one(conn)
    .await?;
    Ok(frozen)
}

pub(super) async fn is_frozen(conn: &mut PgConnection, member: Uuid) -> Result<bool, Fault> {
    let frozen = sqlx::query_scalar!(
        r#"select frozen_at is not null as "frozen!" from wallet where member_id = $1"#,
        member
    )
    .fetch_optional(conn)
    .await?;
    Ok(frozen.unwrap_or(false))
}

/// True when it was not so before.
pub(super) async fn set_frozen(
    conn: &mut PgConnection,
    member: Uuid,
    since: Option<DateTime<Utc>>,
) -> Result<bool, Fault> {
    let changed = sqlx::query!(
        "insert into wallet (member_id, frozen_at) values ($1, $2)
         on conflict (member_id) do update set frozen_at = excluded.frozen_at
         where (wallet.frozen_at is null) <> (excluded.frozen_at is null)",
        member,
        since
    )
    .execute(conn)
    .await?;
    Ok(changed.rows_affected() == 1)
}

/// What has left the wallet since midnight and since the first of the month. A withdrawal that came back has not left.
pub(super) async fn spent(
    conn: &mut PgConnection,
    member: Uuid,
    day_start: DateTime<Utc>,
    month_start: DateTime<Utc>,
) -> Result<Spent, Fault> {
    let row = sqlx::query!(
        r#"select coalesce(sum(left_it) filter (where at >= $2), 0)::bigint as "today!", coalesce(sum(left_it), 0)::bigint as "this_month!"
           from (select at, case direction when 'out' then cents else -cents end as left_it from wallet_movement
                 where member_id = $1 and (direction = 'out' or what = 'withdrawal_returned') and at >= $3) moved"#,
        member,
        day_start,
        month_start
    )
    .fetch_one(conn)
    .await?;
    Ok(Spent {
        today: Money::from_cents(row.today),
        this_month: Money::from_cents(row.this_month),
    })
}

/// One line of one member.
pub(super) struct NewLine {
    pub member: Uuid,
    pub what: What,
    pub amount: Money,
    pub other: Option<Uuid>,
    pub journal: JournalId,
}

pub(super) async fn insert(
    conn: &mut PgConnection,
    line: &NewLine,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into wallet_movement (member_id, at, direction, cents, what, other_id, journal_id) values ($1, $2, $3, $4, $5, $6, $7)",
        line.member,
        now,
        if line.what.comes_in() { "in" } else { "out" },
        line.amount.cents(),
        line.what.as_str(),
        line.other,
        line.journal.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The last movements, newest first.
pub(super) async fn lines(
    conn: &mut PgConnection,
    member: Uuid,
    limit: i64,
) -> Result<Vec<Line>, Fault> {
    let rows = sqlx::query!(
        r#"select w.at, w.direction, w.cents, w.what, o.first_name as "other?"
           from wallet_movement w left join member o on o.id = w.other_id
           where w.member_id = $1 order by w.at desc, w.id desc limit $2"#,
        member,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let what = What::parse(&row.what)
                .ok_or_else(|| Fault::broken(format!("a wallet moved by {}", row.what)))?;
            let amount = Money::from_cents(row.cents);
            Ok(Line {
                at: row.at,
                amount: if what.comes_in() { amount } else { -amount },
                what,
                other: row.other.as_deref().map(MaskedName::of),
            })
        })
        .collect()
}

/// To whom the member sent money last, each once, the latest first.
pub(super) async fn last_recipients(
    conn: &mut PgConnection,
    member: Uuid,
    limit: i64,
) -> Result<Vec<Recipient>, Fault> {
    let rows = sqlx::query!(
        "select o.id, o.first_name, o.msisdn from wallet_movement w join member o on o.id = w.other_id
         where w.member_id = $1 and w.what = 'sent' group by o.id order by max(w.at) desc, o.id limit $2",
        member,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let msisdn = Msisdn::parse(&row.msisdn)
                .map_err(|_| Fault::broken(format!("member {} has no proper phone", row.id)))?;
            Ok(Recipient {
                member: row.id,
                first_name: row.first_name,
                msisdn,
            })
        })
        .collect()
}
