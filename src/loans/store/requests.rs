//! The rows of `loan`.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::small;
use crate::fault::Fault;
use crate::loans::allocation::Book;
use crate::loans::model::{Agreed, Lent, Loan, LoanId, LoanNumber, Reason, Stage, StageWord};
use crate::loans::product::ProductId;
use crate::primitives::{Money, StaffName};

struct Row {
    id: Uuid,
    number: i64,
    member_id: Uuid,
    product_id: i32,
    lender_id: i32,
    principal_cents: i64,
    instalments: i16,
    interest_cents: i64,
    fee_cents: i64,
    two_above_cents: i64,
    state: String,
    asked_at: DateTime<Utc>,
    waits_until: DateTime<Utc>,
    ready_at: Option<DateTime<Utc>>,
    first_by: Option<String>,
    second_by: Option<String>,
    disbursed_at: Option<DateTime<Utc>>,
    disbursed_on: Option<NaiveDate>,
    lost_by: Option<String>,
    ended_at: Option<DateTime<Utc>>,
    ended_why: Option<String>,
}

impl TryFrom<Row> for Loan {
    type Error = Fault;

    fn try_from(row: Row) -> Result<Loan, Fault> {
        let id = row.id;
        let broken = |what: &str| Fault::broken(format!("loan {id}: {what}"));
        let staff = |name: Option<String>| {
            name.map(|name| StaffName::parse(&name).map_err(|_| broken("a name")))
                .transpose()
        };
        let first_by = staff(row.first_by)?;
        let ended = row.ended_at.ok_or_else(|| broken("no end"));
        let lent = |first_by: Option<StaffName>, second_by| {
            Ok::<Lent, Fault>(Lent {
                at: row.disbursed_at.ok_or_else(|| broken("not lent"))?,
                on: row.disbursed_on.ok_or_else(|| broken("not lent"))?,
                first_by: first_by.ok_or_else(|| broken("lent by nobody"))?,
                second_by,
            })
        };
        let second_by = staff(row.second_by)?;
        let word = StageWord::parse(&row.state).ok_or_else(|| broken("no such state"))?;
        let stage = match word {
            StageWord::Asked => Stage::Asked {
                until: row.waits_until,
            },
            StageWord::Ready => Stage::Ready {
                since: row.ready_at.ok_or_else(|| broken("ready since when"))?,
                first_yes: first_by,
            },
            StageWord::Refused => Stage::Refused {
                at: ended?,
                why: Reason::parse(&row.ended_why.unwrap_or_default())
                    .map_err(|_| broken("refused without a reason"))?,
            },
            StageWord::Expired => Stage::Expired { at: ended? },
            StageWord::Dropped => Stage::Dropped { at: ended? },
            StageWord::Active => Stage::Active {
                lent: lent(first_by, second_by)?,
                lost_first: staff(row.lost_by)?,
            },
            StageWord::Settled => Stage::Settled {
                lent: lent(first_by, second_by)?,
                at: ended?,
            },
            StageWord::WrittenOff => Stage::WrittenOff {
                lent: lent(first_by, second_by)?,
                at: ended?,
            },
        };
        Ok(Loan {
            id: LoanId(id),
            number: LoanNumber(row.number),
            member: row.member_id,
            lender: row.lender_id,
            product: ProductId(row.product_id),
            agreed: Agreed {
                principal: Money::from_cents(row.principal_cents),
                instalments: row.instalments.unsigned_abs(),
                interest: Money::from_cents(row.interest_cents),
                fee: Money::from_cents(row.fee_cents),
                two_above: Money::from_cents(row.two_above_cents),
            },
            asked_at: row.asked_at,
            stage,
        })
    }
}

/// A request as it is first written down.
pub(in crate::loans) struct NewLoan<'a> {
    pub id: LoanId,
    pub key: &'a str,
    pub member: Uuid,
    pub product: ProductId,
    pub lender: i32,
    pub agreed: Agreed,
    pub until: DateTime<Utc>,
    /// Nobody needs to vouch for it.
    pub is_ready: bool,
}

/// None when the member has a loan or a request already, or the key is used.
pub(in crate::loans) async fn insert(
    conn: &mut PgConnection,
    new: NewLoan<'_>,
    now: DateTime<Utc>,
) -> Result<Option<LoanNumber>, Fault> {
    let number = sqlx::query_scalar!(
        "insert into loan (id, key, member_id, product_id, lender_id, principal_cents, instalments, interest_cents, fee_cents,
                           two_above_cents, state, asked_at, waits_until, ready_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) on conflict do nothing returning number",
        new.id.0,
        new.key,
        new.member,
        new.product.0,
        new.lender,
        new.agreed.principal.cents(),
        small(new.agreed.instalments),
        new.agreed.interest.cents(),
        new.agreed.fee.cents(),
        new.agreed.two_above.cents(),
        if new.is_ready { "ready" } else { "asked" },
        now,
        new.until,
        new.is_ready.then_some(now)
    )
    .fetch_optional(conn)
    .await?;
    Ok(number.map(LoanNumber))
}

/// Holds the loan until the end of the work.
pub(in crate::loans) async fn lock(
    conn: &mut PgConnection,
    id: LoanId,
) -> Result<Option<Loan>, Fault> {
    let row = sqlx::query_as!(
        Row,
        "select id, number, member_id, product_id, lender_id, principal_cents, instalments, interest_cents, fee_cents, two_above_cents,
                state, asked_at, waits_until, ready_at, first_by, second_by, disbursed_at, disbursed_on, lost_by, ended_at, ended_why
         from loan where id = $1 for update",
        id.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(Loan::try_from).transpose()
}

/// As [`lock`], holding nothing.
pub(in crate::loans) async fn load(
    conn: &mut PgConnection,
    id: LoanId,
) -> Result<Option<Loan>, Fault> {
    let row = sqlx::query_as!(
        Row,
        "select id, number, member_id, product_id, lender_id, principal_cents, instalments, interest_cents, fee_cents, two_above_cents,
                state, asked_at, waits_until, ready_at, first_by, second_by, disbursed_at, disbursed_on, lost_by, ended_at, ended_why
         from loan where id = $1",
        id.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(Loan::try_from).transpose()
}

pub(in crate::loans) async fn loan_by_key(
    conn: &mut PgConnection,
    key: &str,
) -> Result<Option<LoanId>, Fault> {
    let id = sqlx::query_scalar!("select id from loan where key = $1", key)
        .fetch_optional(conn)
        .await?;
    Ok(id.map(LoanId))
}

pub(in crate::loans) async fn by_number(
    conn: &mut PgConnection,
    number: LoanNumber,
) -> Result<Option<LoanId>, Fault> {
    let id = sqlx::query_scalar!("select id from loan where number = $1", number.0)
        .fetch_optional(conn)
        .await?;
    Ok(id.map(LoanId))
}

/// The loan or request of a member that is not over.
pub(in crate::loans) async fn live_of(
    conn: &mut PgConnection,
    member: Uuid,
) -> Result<Option<LoanId>, Fault> {
    let id = sqlx::query_scalar!(
        "select id from loan where member_id = $1 and state in ('asked', 'ready', 'active')",
        member
    )
    .fetch_optional(conn)
    .await?;
    Ok(id.map(LoanId))
}

/// The latest loan that was lent to a member, over or not.
pub(in crate::loans) async fn latest_of(
    conn: &mut PgConnection,
    member: Uuid,
) -> Result<Option<LoanId>, Fault> {
    let id = sqlx::query_scalar!(
        "select id from loan where member_id = $1 and disbursed_at is not null order by asked_at desc limit 1",
        member
    )
    .fetch_optional(conn)
    .await?;
    Ok(id.map(LoanId))
}

/// Loans in one of these states, the oldest first.
pub(in crate::loans) async fn loans_in(
    conn: &mut PgConnection,
    states: &[StageWord],
) -> Result<Vec<Loan>, Fault> {
    let states: Vec<String> = states.iter().map(|word| word.as_str().to_owned()).collect();
    let rows = sqlx::query_as!(
        Row,
        "select id, number, member_id, product_id, lender_id, principal_cents, instalments, interest_cents, fee_cents, two_above_cents,
                state, asked_at, waits_until, ready_at, first_by, second_by, disbursed_at, disbursed_on, lost_by, ended_at, ended_why
         from loan where state = any($1) order by number limit 1000",
        &states
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Loan::try_from).collect()
}

/// Writes down the stage. `second` is who wrote it off as the second person.
pub(in crate::loans) async fn save(
    conn: &mut PgConnection,
    loan: &Loan,
    second: Option<&StaffName>,
) -> Result<(), Fault> {
    let (mut ready_at, mut first_by, mut second_by, mut lost_by) = (None, None, None, None);
    let (mut lent_at, mut lent_on, mut ended_at, mut ended_why) = (None, None, None, None);
    let lent = |lent: &Lent| {
        (
            Some(lent.first_by.as_str().to_owned()),
            lent.second_by.as_ref().map(|by| by.as_str().to_owned()),
            Some(lent.at),
            Some(lent.on),
        )
    };
    match &loan.stage {
        Stage::Asked { .. } => {}
        Stage::Ready { since, first_yes } => {
            ready_at = Some(*since);
            first_by = first_yes.as_ref().map(|by| by.as_str().to_owned());
        }
        Stage::Refused { at, why } => {
            ended_at = Some(*at);
            ended_why = Some(why.as_str());
        }
        Stage::Expired { at } | Stage::Dropped { at } => ended_at = Some(*at),
        Stage::Active {
            lent: how,
            lost_first,
        } => {
            (first_by, second_by, lent_at, lent_on) = lent(how);
            lost_by = lost_first.as_ref().map(|by| by.as_str().to_owned());
        }
        Stage::Settled { lent: how, at } | Stage::WrittenOff { lent: how, at } => {
            (first_by, second_by, lent_at, lent_on) = lent(how);
            ended_at = Some(*at);
        }
    }
    sqlx::query!(
        "update loan set state = $2, ready_at = coalesce($3, ready_at), first_by = coalesce($4, first_by),
                         second_by = coalesce($5, second_by), disbursed_at = $6, disbursed_on = $7,
                         looked_on = coalesce(looked_on, $7), lost_by = coalesce($8, lost_by), ended_at = $9, ended_why = $10,
                         lost_second_by = $11
         where id = $1",
        loan.id.0,
        loan.stage.word().as_str(),
        ready_at,
        first_by,
        second_by,
        lent_at,
        lent_on,
        lost_by,
        ended_at,
        ended_why,
        second.map(StaffName::as_str)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How the loan stands with its arrears.
pub(in crate::loans) async fn arrears_book(
    conn: &mut PgConnection,
    id: LoanId,
    book: &Book,
) -> Result<(), Fault> {
    sqlx::query!(
        "update loan set arrears_since = $2, duplum_left_cents = $3 where id = $1",
        id.0,
        book.arrears_since,
        book.duplum_left.map(Money::cents)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Requests whose guarantors have run out of time.
pub(in crate::loans) async fn expired(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Vec<LoanId>, Fault> {
    let ids = sqlx::query_scalar!(
        "select id from loan where state = 'asked' and waits_until <= $1 order by waits_until limit 100",
        now
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(LoanId).collect())
}

/// Running loans that the daily round has not been through with today.
pub(in crate::loans) async fn due_for_a_look(
    conn: &mut PgConnection,
    today: NaiveDate,
    limit: i64,
) -> Result<Vec<LoanId>, Fault> {
    let ids = sqlx::query_scalar!(
        "select id from loan where state = 'active' and looked_on < $1 order by looked_on, id limit $2",
        today,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(LoanId).collect())
}

/// False when this day's round has been through with it already.
pub(in crate::loans) async fn looked(
    conn: &mut PgConnection,
    id: LoanId,
    today: NaiveDate,
) -> Result<bool, Fault> {
    let looked = sqlx::query!(
        "update loan set looked_on = $2 where id = $1 and state = 'active' and looked_on < $2",
        id.0,
        today
    )
    .execute(conn)
    .await?;
    Ok(looked.rows_affected() == 1)
}
