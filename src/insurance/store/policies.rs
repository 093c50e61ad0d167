//! The SQL of policies, and of what their holders were told.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::fault::Fault;
use crate::insurance::cover::{Notice, Term};
use crate::insurance::number::{PolicyNumber, ProofCode};
use crate::insurance::policy::{Beneficiary, Issued, Policy, PolicyId, Stage};
use crate::insurance::service::quoting::QuoteId;
use crate::members::Name;
use crate::primitives::{Money, Msisdn};

/// False when the quote was taken before, or the member has a policy of the product that goes on.
pub(in crate::insurance) async fn insert(
    conn: &mut PgConnection,
    policy: &Policy,
    quote: QuoteId,
) -> Result<bool, Fault> {
    let inserted = sqlx::query!(
        "insert into policy (id, quote_id, member_id, product, insurer, term, price_cents, commission_cents,
                             beneficiary_name, beneficiary_msisdn, applied_at, state)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'pending') on conflict do nothing",
        policy.id.0,
        quote.0,
        policy.member,
        policy.product,
        policy.insurer,
        policy.term.as_str(),
        policy.price.cents(),
        policy.commission.cents(),
        policy.beneficiary.name.as_str(),
        policy.beneficiary.msisdn.digits(),
        policy.applied_at
    )
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Writes down where a policy stands, and when it has to be looked at.
pub(in crate::insurance) async fn save(
    conn: &mut PgConnection,
    policy: &Policy,
    look_at: Option<DateTime<Utc>>,
) -> Result<(), Fault> {
    let issued = policy.stage.issued();
    let (lapsed_at, ended_at) = match &policy.stage {
        Stage::Lapsed { at, .. } => (Some(*at), None),
        Stage::Cancelled { at, .. } | Stage::Replaced { at, .. } => (None, Some(*at)),
        Stage::Pending | Stage::Active { .. } => (None, None),
    };
    sqlx::query!(
        "update policy set state = $2, number_year = $3, number_serial = $4, code = $5, issued_at = $6,
                           lapsed_at = $7, ended_at = $8, look_at = $9
         where id = $1",
        policy.id.0,
        policy.stage.word(),
        issued.map(|issued| issued.number.year),
        issued.map(|issued| issued.number.serial),
        issued.map(|issued| issued.code.as_str()),
        issued.map(|issued| issued.at),
        lapsed_at,
        ended_at,
        look_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes hold of the policy until the end of the work.
pub(in crate::insurance) async fn lock(
    conn: &mut PgConnection,
    id: PolicyId,
) -> Result<Option<Policy>, Fault> {
    let row = sqlx::query_as!(
        PolicyRow,
        "select id, member_id, product, insurer, term, price_cents, commission_cents, beneficiary_name, beneficiary_msisdn,
                applied_at, state, number_year, number_serial, code, issued_at, lapsed_at, ended_at
         from policy where id = $1 for update",
        id.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(Policy::try_from).transpose()
}

/// The policy that came of a quote.
pub(in crate::insurance) async fn of_quote(
    conn: &mut PgConnection,
    quote: QuoteId,
) -> Result<Option<Policy>, Fault> {
    let row = sqlx::query_as!(
        PolicyRow,
        "select id, member_id, product, insurer, term, price_cents, commission_cents, beneficiary_name, beneficiary_msisdn,
                applied_at, state, number_year, number_serial, code, issued_at, lapsed_at, ended_at
         from policy where quote_id = $1",
        quote.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(Policy::try_from).transpose()
}

/// The member's policy of a product that goes on, or may.
pub(in crate::insurance) async fn lock_of_product(
    conn: &mut PgConnection,
    member: Uuid,
    product: &str,
) -> Result<Option<Policy>, Fault> {
    let row = sqlx::query_as!(
        PolicyRow,
        "select id, member_id, product, insurer, term, price_cents, commission_cents, beneficiary_name, beneficiary_msisdn,
                applied_at, state, number_year, number_serial, code, issued_at, lapsed_at, ended_at
         from policy where member_id = $1 and product = $2 and state in ('pending', 'active', 'lapsed') for update",
        member,
        product
    )
    .fetch_optional(conn)
    .await?;
    row.map(Policy::try_from).transpose()
}

/// The policy with this number or code.
pub(in crate::insurance) async fn find_named(
    conn: &mut PgConnection,
    number: Option<PolicyNumber>,
    code: Option<&ProofCode>,
) -> Result<Option<Policy>, Fault> {
    let row = sqlx::query_as!(
        PolicyRow,
        "select id, member_id, product, insurer, term, price_cents, commission_cents, beneficiary_name, beneficiary_msisdn,
                applied_at, state, number_year, number_serial, code, issued_at, lapsed_at, ended_at
         from policy where (number_year = $1 and number_serial = $2) or code = $3",
        number.map(|number| number.year),
        number.map(|number| number.serial),
        code.map(ProofCode::as_str)
    )
    .fetch_optional(conn)
    .await?;
    row.map(Policy::try_from).transpose()
}

/// The policies of a member that are not replaced, the latest first.
pub(in crate::insurance) async fn of_member(
    conn: &mut PgConnection,
    member: Uuid,
) -> Result<Vec<Policy>, Fault> {
    let rows = sqlx::query_as!(
        PolicyRow,
        "select id, member_id, product, insurer, term, price_cents, commission_cents, beneficiary_name, beneficiary_msisdn,
                applied_at, state, number_year, number_serial, code, issued_at, lapsed_at, ended_at
         from policy where member_id = $1 and state <> 'replaced' order by applied_at desc, id limit 50",
        member
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Policy::try_from).collect()
}

/// A number that nobody has had.
pub(in crate::insurance) async fn next_serial(conn: &mut PgConnection) -> Result<i32, Fault> {
    let serial = sqlx::query_scalar!(r#"select nextval('policy_serial')::integer as "serial!""#)
        .fetch_one(conn)
        .await?;
    Ok(serial)
}

pub(in crate::insurance) async fn is_code_taken(
    conn: &mut PgConnection,
    code: &ProofCode,
) -> Result<bool, Fault> {
    let taken = sqlx::query_scalar!(
        r#"select exists (select from policy where code = $1) as "taken!""#,
        code.as_str()
    )
    .fetch_one(conn)
    .await?;
    Ok(taken)
}

/// Takes hold of policies that have to be looked at by now, those nobody else is looking at.
pub(in crate::insurance) async fn due(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<PolicyId>, Fault> {
    let due = sqlx::query_scalar!(
        "select id from policy where look_at <= $1 order by look_at limit $2 for update skip locked",
        now,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(due.into_iter().map(PolicyId).collect())
}

/// True when the holder has not been told this of this end before.
pub(in crate::insurance) async fn note_notice(
    conn: &mut PgConnection,
    policy: PolicyId,
    ends_at: DateTime<Utc>,
    what: Notice,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let noted = sqlx::query!(
        "insert into cover_notice (policy_id, ends_at, what, at) values ($1, $2, $3, $4) on conflict do nothing",
        policy.0,
        ends_at,
        what.as_str(),
        now
    )
    .execute(conn)
    .await?;
    Ok(noted.rows_affected() == 1)
}

pub(in crate::insurance) struct PolicyRow {
    id: Uuid,
    member_id: Uuid,
    product: String,
    insurer: String,
    term: String,
    price_cents: i64,
    commission_cents: i64,
    beneficiary_name: String,
    beneficiary_msisdn: String,
    applied_at: DateTime<Utc>,
    state: String,
    number_year: Option<i32>,
    number_serial: Option<i32>,
    code: Option<String>,
    issued_at: Option<DateTime<Utc>>,
    lapsed_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
}

impl TryFrom<PolicyRow> for Policy {
    type Error = Fault;

    fn try_from(row: PolicyRow) -> Result<Policy, Fault> {
        let broken = |what: &str| Fault::broken(format!("policy {}: {what}", row.id));
        let code = row.code.as_deref().and_then(ProofCode::parse);
        let issued = match (row.number_year, row.number_serial, code, row.issued_at) {
            (Some(year), Some(serial), Some(code), Some(at)) => Some(Issued {
                number: PolicyNumber { year, serial },
                code,
                at,
            }),
            _ => None,
        };
        let stage = match (row.state.as_str(), issued, row.lapsed_at, row.ended_at) {
            ("pending", None, _, _) => Stage::Pending,
            ("active", Some(issued), _, _) => Stage::Active { issued },
            ("lapsed", Some(issued), Some(at), _) => Stage::Lapsed { issued, at },
            ("cancelled", Some(issued), _, Some(at)) => Stage::Cancelled { issued, at },
            ("replaced", issued, _, Some(at)) => Stage::Replaced { issued, at },
            _ => return Err(broken("its state")),
        };
        Ok(Policy {
            id: PolicyId(row.id),
            member: row.member_id,
            term: Term::parse(&row.term).ok_or_else(|| broken("its term"))?,
            price: Money::from_cents(row.price_cents),
            commission: Money::from_cents(row.commission_cents),
            beneficiary: Beneficiary {
                name: Name::parse(&row.beneficiary_name).map_err(|_| broken("its beneficiary"))?,
                msisdn: Msisdn::parse(&row.beneficiary_msisdn)
                    .map_err(|_| broken("its beneficiary's phone"))?,
            },
            applied_at: row.applied_at,
            stage,
            product: row.product,
            insurer: row.insurer,
        })
    }
}
