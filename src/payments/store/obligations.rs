//! The SQL of obligations.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::fault::Fault;
use crate::payments::model::{AttemptId, Obligation, ObligationId, ObligationState, Purpose};
use crate::primitives::{Language, Money, Msisdn};

pub(in crate::payments) struct NewObligation<'a> {
    pub obligation: &'a Obligation,
    pub key: &'a str,
    pub ussd_session: Option<&'a str>,
}

/// False when this member already has an open obligation of this kind, or the key is used.
pub(in crate::payments) async fn insert_obligation(
    conn: &mut PgConnection,
    new: NewObligation<'_>,
) -> Result<bool, Fault> {
    let obligation = new.obligation;
    let inserted = sqlx::query!(
        "insert into obligation (id, key, purpose, member_id, stage_id, invoice_id, amount_cents, payer, language, ussd_session, created_at, policy_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict do nothing",
        obligation.id.0,
        new.key,
        obligation.purpose.kind(),
        obligation.purpose.member(),
        obligation.purpose.stage(),
        obligation.purpose.invoice(),
        obligation.amount.cents(),
        obligation.payer.digits(),
        obligation.language.as_str(),
        new.ussd_session,
        obligation.created_at,
        obligation.purpose.policy()
    )
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

struct ObligationRow {
    id: Uuid,
    purpose: String,
    member_id: Uuid,
    stage_id: Option<i32>,
    invoice_id: Option<Uuid>,
    policy_id: Option<Uuid>,
    amount_cents: i64,
    payer: String,
    language: String,
    state: String,
    created_at: DateTime<Utc>,
}

impl TryFrom<ObligationRow> for Obligation {
    type Error = Fault;

    fn try_from(row: ObligationRow) -> Result<Obligation, Fault> {
        let broken = |what: &str| Fault::broken(format!("obligation {}: {what}", row.id));
        let member = row.member_id;
        // What each is for is kept by the table's own constraints.
        let (stage, invoice, policy) = (row.stage_id, row.invoice_id, row.policy_id);
        let purpose = match row.purpose.as_str() {
            "registration_fee" => Some(Purpose::RegistrationFee { member }),
            "top_up" => Some(Purpose::TopUp { member }),
            "contribution" => stage.map(|stage| Purpose::Contribution { member, stage }),
            "invoice" => invoice.map(|invoice| Purpose::Invoice { member, invoice }),
            "loan_repayment" => Some(Purpose::LoanRepayment { member }),
            "premium" => policy.map(|policy| Purpose::Premium { member, policy }),
            _ => None,
        };
        let purpose = purpose.ok_or_else(|| broken("no such purpose"))?;
        let state = match row.state.as_str() {
            "open" => ObligationState::Open,
            "paid" => ObligationState::Paid,
            "unpaid" => ObligationState::Unpaid,
            "operator" => ObligationState::Operator,
            _ => return Err(broken("no such state")),
        };
        Ok(Obligation {
            id: ObligationId(row.id),
            purpose,
            amount: Money::from_cents(row.amount_cents),
            payer: Msisdn::parse(&row.payer).map_err(|_| broken("its payer"))?,
            language: Language::parse(&row.language).map_err(|_| broken("its language"))?,
            state,
            created_at: row.created_at,
        })
    }
}

pub(in crate::payments) async fn obligation(
    conn: &mut PgConnection,
    id: ObligationId,
) -> Result<Option<Obligation>, Fault> {
    let row = sqlx::query_as!(
        ObligationRow,
        "select id, purpose, member_id, stage_id, invoice_id, policy_id, amount_cents, payer, language, state, created_at from obligation where id = $1",
        id.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(Obligation::try_from).transpose()
}

pub(in crate::payments) async fn obligation_by_key(
    conn: &mut PgConnection,
    key: &str,
) -> Result<Option<Obligation>, Fault> {
    let row = sqlx::query_as!(
        ObligationRow,
        "select id, purpose, member_id, stage_id, invoice_id, policy_id, amount_cents, payer, language, state, created_at from obligation where key = $1",
        key
    )
    .fetch_optional(conn)
    .await?;
    row.map(Obligation::try_from).transpose()
}

/// Lets the payer ask again: what is in doubt since before then is still found out, but blocks nobody.
pub(in crate::payments) async fn set_aside_doubts(
    conn: &mut PgConnection,
    purpose: &Purpose,
    in_doubt_since: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update obligation set set_aside = true
         where member_id = $1 and purpose = $2 and state = 'open' and not set_aside
           and exists (select from attempt where obligation_id = obligation.id
                         and attempt.state = 'unknown' and attempt.submitted_at < $3)",
        purpose.member(),
        purpose.kind(),
        in_doubt_since
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(in crate::payments) async fn open_obligation_of(
    conn: &mut PgConnection,
    purpose: &Purpose,
) -> Result<Option<Obligation>, Fault> {
    let row = sqlx::query_as!(
        ObligationRow,
        "select id, purpose, member_id, stage_id, invoice_id, policy_id, amount_cents, payer, language, state, created_at
         from obligation where member_id = $1 and purpose = $2 and state = 'open' and not set_aside",
        purpose.member(),
        purpose.kind()
    )
    .fetch_optional(conn)
    .await?;
    row.map(Obligation::try_from).transpose()
}

pub(in crate::payments) async fn is_anything_open(
    conn: &mut PgConnection,
    member: Uuid,
) -> Result<bool, Fault> {
    let open = sqlx::query_scalar!(
        r#"select exists (select 1 from obligation where member_id = $1 and state = 'open') as "open!""#,
        member
    )
    .fetch_one(conn)
    .await?;
    Ok(open)
}

/// Takes the lock under which everything about an attempt and its siblings is decided.
pub(in crate::payments) async fn lock_obligation_of(
    conn: &mut PgConnection,
    attempt: AttemptId,
) -> Result<Option<Obligation>, Fault> {
    let row = sqlx::query_as!(
        ObligationRow,
        "select id, purpose, member_id, stage_id, invoice_id, policy_id, amount_cents, payer, language, state, created_at
         from obligation where id = (select obligation_id from attempt where id = $1) for update",
        attempt.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(Obligation::try_from).transpose()
}

pub(in crate::payments) async fn close_obligation(
    conn: &mut PgConnection,
    id: ObligationId,
    state: ObligationState,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update obligation set state = $2, closed_at = coalesce(closed_at, $3) where id = $1",
        id.0,
        state.name(),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How many are asked for and neither paid nor ended.
pub async fn open_count(conn: &mut PgConnection) -> Result<i64, Fault> {
    let open =
        sqlx::query_scalar!(r#"select count(*) as "open!" from obligation where state = 'open'"#)
            .fetch_one(conn)
            .await?;
    Ok(open)
}
