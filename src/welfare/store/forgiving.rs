//! The tables `forgiveness` and `waiver`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::fault::Fault;
use crate::primitives::{MaskedName, Money};
use crate::welfare::forgiving::{Forgive, ForgivenLine, Forgiver};
use crate::welfare::waiver::Forgiven;

pub(in crate::welfare) async fn insert(
    conn: &mut PgConnection,
    forgive: &Forgive,
    at: DateTime<Utc>,
) -> Result<(), Fault> {
    let (cents, through) = match forgive.what {
        Forgiven::Amount(amount) => (Some(amount.cents()), None),
        Forgiven::Through(day) => (None, Some(day)),
    };
    let (by_member, by_staff) = match &forgive.by {
        Forgiver::Official(member) => (Some(*member), None),
        Forgiver::Staff(name) => (None, Some(name.chars().take(60).collect::<String>())),
    };
    sqlx::query!(
        "insert into forgiveness (id, stage_id, member_id, cents, through, reason, by_member, by_staff, at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        forgive.id,
        forgive.stage,
        forgive.member,
        cents,
        through,
        forgive.because.as_str(),
        by_member,
        by_staff,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(in crate::welfare) async fn insert_waivers(
    conn: &mut PgConnection,
    forgiveness: Uuid,
    members: &[(Uuid, Money)],
    by_member: Option<Uuid>,
) -> Result<(), Fault> {
    let ids: Vec<Uuid> = members.iter().map(|(member, _)| *member).collect();
    let cents: Vec<i64> = members.iter().map(|(_, amount)| amount.cents()).collect();
    sqlx::query!(
        "insert into waiver (forgiveness_id, member_id, cents, by_member)
         select $1, member_id, cents, $4 from unnest($2::uuid[], $3::bigint[]) as given (member_id, cents)",
        forgiveness,
        &ids,
        &cents,
        by_member
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(in crate::welfare) async fn waivers_of(
    conn: &mut PgConnection,
    forgiveness: Uuid,
) -> Result<Vec<(Uuid, Money)>, Fault> {
    let rows = sqlx::query!(
        "select member_id, cents from waiver where forgiveness_id = $1 order by member_id",
        forgiveness
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.member_id, Money::from_cents(row.cents)))
        .collect())
}

pub(in crate::welfare) async fn forgiven_to(
    conn: &mut PgConnection,
    member: Uuid,
) -> Result<Money, Fault> {
    let cents = sqlx::query_scalar!(
        r#"select coalesce(sum(cents), 0)::bigint as "cents!" from waiver where member_id = $1"#,
        member
    )
    .fetch_one(conn)
    .await?;
    Ok(Money::from_cents(cents))
}

pub(in crate::welfare) async fn lines(
    conn: &mut PgConnection,
    stage: i32,
    limit: i64,
) -> Result<Vec<ForgivenLine>, Fault> {
    let rows = sqlx::query!(
        r#"select f.at, f.reason, m.first_name as "first_name?", given.members as "members!", given.cents as "cents!"
           from forgiveness f left join member m on m.id = f.member_id
           cross join lateral (select count(*) as members, coalesce(sum(w.cents), 0)::bigint as cents
                               from waiver w where w.forgiveness_id = f.id) given
           where f.stage_id = $1 order by f.at desc, f.id desc limit $2"#,
        stage,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| ForgivenLine {
            at: row.at,
            person: row.first_name.as_deref().map(MaskedName::of),
            members: row.members,
            amount: Money::from_cents(row.cents),
            because: row.reason,
        })
        .collect())
}
