//! Guarantors: they are asked, they say yes to a part or no, or they do not answer in time.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::applying::{Rules, let_guarantors_go, locked, product_of, record_of};
use super::guarantee;
use super::limit::capacity;
use super::model::{Loan, LoanId, Stage};
use super::store::{self, Guarantee, GuaranteeState, Vouching};
use super::telling::{short_name, somebody, tell};
use crate::events::Event;
use crate::fault::Fault;
use crate::members::{self, MemberId, StatusWord};
use crate::messages::Values;
use crate::primitives::{Money, nairobi_date};
use crate::questions::{self, Question};
use crate::work::Work;

/// A guarantor who was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuarantorAsked {
    pub amount: Money,
    /// More must be asked before the request can be looked at.
    pub wants_more: bool,
}

/// Why somebody was not asked. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum GuarantorError {
    #[error("the member has no request that waits for guarantors")]
    NoRequest,
    #[error("nobody vouches for themselves")]
    Oneself,
    #[error("no active member")]
    NotActive,
    #[error("asked before")]
    AskedBefore,
    #[error("enough have been asked")]
    EnoughAsked,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What a guarantor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// To all that was asked, or to this part of it.
    Yes(Option<Money>),
    No,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    Pledged { amount: Money, number: String },
    Declined { number: String },
}

/// Why an answer changed nothing. The question stays open, but where it is over.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    #[error("that request is over, or was answered")]
    Over,
    #[error("KES {asked} was asked for")]
    TooMuch { asked: Money },
    #[error("whole shillings, at least 50")]
    TooLittle,
    #[error("the guarantor can stand for KES {capacity}")]
    BeyondMeans { capacity: Money },
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// The least somebody vouches for.
const LEAST: i64 = 50;

/// Asks a member to vouch for the request of another, by text; the menu shows it as well.
pub async fn ask_guarantor(
    work: &mut Work,
    rules: &Rules,
    borrower: Uuid,
    guarantor: Uuid,
) -> Result<GuarantorAsked, GuarantorError> {
    if borrower == guarantor {
        return Err(GuarantorError::Oneself);
    }
    let live = store::live_of(work.conn(), borrower).await?;
    let loan = locked(work, live.ok_or(GuarantorError::NoRequest)?).await?;
    if !matches!(loan.stage, Stage::Asked { .. }) {
        return Err(GuarantorError::NoRequest);
    }
    let member = members::load(work.conn(), MemberId(guarantor)).await?;
    let Some(member) = member.filter(|one| one.status.word() == StatusWord::Active) else {
        return Err(GuarantorError::NotActive);
    };
    let wanted = product_of(work.conn(), &loan).await?.product.guarantors;
    let asked = store::guarantees(work.conn(), loan.id).await?;
    if asked.iter().any(|one| one.member == guarantor) {
        return Err(GuarantorError::AskedBefore);
    }
    let principal = loan.agreed.principal;
    let amount = guarantee::ask(principal, wanted, spoken_for(&asked));
    if !amount.is_positive() {
        return Err(GuarantorError::EnoughAsked);
    }
    let now = work.now;
    let until = now + rules.guarantor_answers_within;
    store::insert_guarantee(work.conn(), loan.id, guarantor, amount, now, until).await?;
    // Whoever was asked where help is to come answers that first; the menu, and a bare yes or no, still find this one.
    let open = questions::open(work, &member.msisdn).await?;
    if !matches!(open, Some(Question::WhereAreYou { .. })) {
        let question = Question::Vouch { loan: loan.id.0 };
        let patience = rules.guarantor_answers_within;
        questions::ask(work, &member.msisdn, question, patience).await?;
    }
    let from = somebody(work, borrower).await?;
    let values = Values::new()
        .words("name", short_name(&from))
        .money("amount", amount)
        .money("principal", principal)
        .code("number", loan.number.to_string())
        .date("until", nairobi_date(until));
    tell(work, guarantor, loan.id, "loan.vouch_asked", values, "").await?;
    let wants_more = spoken_for(&asked) + amount < principal;
    Ok(GuarantorAsked { amount, wants_more })
}

/// What somebody is asked to vouch for and may still answer, the oldest first.
pub async fn asked_of(
    conn: &mut PgConnection,
    member: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<Vouching>, Fault> {
    store::vouching_asked_of(conn, member, now).await
}

/// A guarantor answers, once. With the last yes the request is the staff's to look at.
pub async fn answer(
    work: &mut Work,
    rules: &Rules,
    guarantor: Uuid,
    loan: LoanId,
    says: Says,
) -> Result<Answered, AnswerError> {
    let loan = store::lock(work.conn(), loan).await?;
    let loan = loan.ok_or(AnswerError::Over)?;
    let now = work.now;
    let asked = store::guarantees(work.conn(), loan.id).await?;
    let open = asked.iter().find(|one| {
        one.member == guarantor && one.state == GuaranteeState::Asked && now < one.expires_at
    });
    let (Stage::Asked { .. }, Some(open)) = (&loan.stage, open) else {
        return Err(AnswerError::Over);
    };
    let member = somebody(work, guarantor).await?;
    let number = loan.number.to_string();
    let about = || {
        Values::new()
            .words("name", short_name(&member))
            .code("number", &number)
    };
    let amount = match says {
        Says::No => {
            store::refuse_to_vouch(work.conn(), loan.id, guarantor, now).await?;
            let key = guarantor.to_string();
            tell(
                work,
                loan.member,
                loan.id,
                "loan.vouch_refused",
                about(),
                &key,
            )
            .await?;
            return Ok(Answered::Declined { number });
        }
        Says::Yes(part) => part.unwrap_or(open.asked),
    };
    if amount > open.asked {
        return Err(AnswerError::TooMuch { asked: open.asked });
    }
    if amount < Money::from_shillings(LEAST).min(open.asked) || !amount.is_whole_shillings() {
        return Err(AnswerError::TooLittle);
    }
    // One deed at a time weighs what this member stands for.
    store::hold_person(work.conn(), guarantor).await?;
    let record = record_of(work.conn(), guarantor, now).await?;
    let capacity = capacity(&rules.limit, &record, now);
    if member.status.word() != StatusWord::Active || amount > capacity {
        return Err(AnswerError::BeyondMeans { capacity });
    }
    store::pledge(work.conn(), loan.id, guarantor, amount, now).await?;
    work.record(Vouched {
        loan: loan.id,
        guarantor,
        cents: amount.cents(),
    })
    .await?;
    pledged(work, loan, &member.id.0.to_string(), about(), amount).await?;
    Ok(Answered::Pledged { amount, number })
}

/// Tells the borrower of a yes, and hands the request to the staff when it was the last one.
async fn pledged(
    work: &mut Work,
    loan: Loan,
    key: &str,
    about: Values,
    amount: Money,
) -> Result<(), Fault> {
    let wanted = product_of(work.conn(), &loan).await?.product.guarantors;
    let asked = store::guarantees(work.conn(), loan.id).await?;
    let pledges: Vec<Money> = asked.iter().filter_map(|one| one.pledged).collect();
    let values = about.money("amount", amount);
    let (id, borrower, principal) = (loan.id, loan.member, loan.agreed.principal);
    if guarantee::enough(principal, wanted, &pledges) {
        let ready = loan
            .vouched_for(work.now)
            .map_err(|error| Fault::broken(format!("loan {id}: {error}")))?;
        store::save(work.conn(), &ready, None).await?;
        return tell(work, borrower, id, "loan.ready", values, key).await;
    }
    let pledged: Money = pledges.into_iter().sum();
    let values = values.money("lacking", principal - pledged);
    tell(work, borrower, id, "loan.vouch_given", values, key).await
}

/// Lets requests go whose guarantors have run out of time; how many there were.
pub async fn expire(work: &mut Work) -> Result<usize, Fault> {
    let now = work.now;
    let mut expired = 0;
    for id in store::expired(work.conn(), now).await? {
        let loan = locked(work, id).await?;
        // Somebody else was at it.
        let Ok(over) = loan.expire(now) else { continue };
        store::save(work.conn(), &over, None).await?;
        let_guarantors_go(work, &over).await?;
        let values = Values::new().code("number", over.number.to_string());
        tell(work, over.member, id, "loan.expired", values, "").await?;
        expired += 1;
    }
    Ok(expired)
}

/// What is pledged, or may still be.
fn spoken_for(asked: &[Guarantee]) -> Money {
    asked
        .iter()
        .map(|one| match one.state {
            GuaranteeState::Asked => one.asked,
            GuaranteeState::Given => one.pledged.unwrap_or_default(),
            GuaranteeState::Declined | GuaranteeState::Expired | GuaranteeState::Void => {
                Money::ZERO
            }
        })
        .sum()
}

#[derive(Serialize)]
struct Vouched {
    loan: LoanId,
    guarantor: Uuid,
    cents: i64,
}

impl Event for Vouched {
    const NAME: &'static str = "loan.vouched";
    fn subject(&self) -> Uuid {
        self.loan.0
    }
}
