//! The table `fund_announcement`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::fault::Fault;
use crate::primitives::{Language, MaskedName, Money, Msisdn};
use crate::welfare::announcing::{Announcement, Listener};

/// What was paid since then, and left its fund no earlier than `held_since`; what is announced already is left out.
pub(in crate::welfare) async fn insert(
    conn: &mut PgConnection,
    since: DateTime<Utc>,
    held_since: DateTime<Utc>,
) -> Result<u64, Fault> {
    let inserted = sqlx::query!(
        "insert into fund_announcement (movement_id, id, stage_id, member_id, cents, balance, at)
         select f.id, gen_random_uuid(), f.stage_id, f.member_id, f.cents, ledger.balance('fund', f.stage_id::text), paid.at
         from fund_movement f
         join ledger.journal taken on taken.id = f.journal_id
         left join ledger.journal arrived on arrived.resolves = f.journal_id and arrived.kind = 'payout_paid'
         cross join lateral (select case taken.kind when 'fund_support_paid' then taken.at else arrived.at end as at) paid
         where f.what = 'support' and f.at > $2 and paid.at > $1
           and not exists (select from fund_announcement a where a.movement_id = f.id)
         order by f.id limit 100
         on conflict (movement_id) do nothing",
        since,
        held_since
    )
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected())
}

pub(in crate::welfare) async fn lock_next(
    conn: &mut PgConnection,
) -> Result<Option<Announcement>, Fault> {
    let row = sqlx::query!(
        "select a.id, a.movement_id, a.stage_id, a.member_id, a.cents, a.balance, a.written_to, m.first_name
         from fund_announcement a join member m on m.id = a.member_id
         where a.written_at is null order by a.at, a.movement_id limit 1 for update of a skip locked"
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Announcement {
        id: row.id,
        movement: row.movement_id,
        stage: row.stage_id,
        member: row.member_id,
        person: MaskedName::of(&row.first_name),
        amount: Money::from_cents(row.cents),
        balance: Money::from_cents(row.balance),
        written_to: row.written_to,
    }))
}

pub(in crate::welfare) async fn next_listeners(
    conn: &mut PgConnection,
    announcement: &Announcement,
    limit: i64,
) -> Result<Vec<Listener>, Fault> {
    let rows = sqlx::query!(
        "select id, msisdn, language from member
         where stage_id = $1 and status = 'active' and id <> $2 and id > $3 order by id limit $4",
        announcement.stage,
        announcement.member,
        announcement.written_to.unwrap_or_default(),
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| listener(row.id, &row.msisdn, &row.language))
        .collect()
}

pub(in crate::welfare) async fn listeners(
    conn: &mut PgConnection,
    members: &[Uuid],
) -> Result<Vec<Listener>, Fault> {
    let rows = sqlx::query!(
        "select id, msisdn, language from member where id = any($1) order by id",
        members
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| listener(row.id, &row.msisdn, &row.language))
        .collect()
}

fn listener(member: Uuid, msisdn: &str, language: &str) -> Result<Listener, Fault> {
    let broken = |what: &str| Fault::broken(format!("member {member}: {what}"));
    Ok(Listener {
        member,
        msisdn: Msisdn::parse(msisdn).map_err(|_| broken("msisdn"))?,
        language: Language::parse(language).map_err(|_| broken("language"))?,
    })
}

pub(in crate::welfare) async fn note_told(
    conn: &mut PgConnection,
    movement: i64,
    last: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update fund_announcement set written_to = coalesce($2, written_to),
                written_at = case when $2::uuid is null then $3::timestamptz end
         where movement_id = $1",
        movement,
        last,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}
