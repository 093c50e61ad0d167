//! A rider pays in by M-PESA, into the fund of their stage or their own wallet, whichever way they ask for it: behind the
//! code or by text.

use crate::fault::Fault;
use crate::members::{self, AtDial, DialledMember, StatusWord};
use crate::payments::{self, Purpose, Request, RequestError, Requested, Rules};
use crate::primitives::{Money, Msisdn};
use crate::work::Work;

/// The smallest contribution, in shillings. The menus say the same.
pub const SHILLINGS_MIN: i64 = 10;
/// The largest contribution, in shillings. The menus say the same.
pub const SHILLINGS_MAX: i64 = 150_000;

/// Where a member's money goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The welfare fund of the member's stage.
    Fund,
    /// The member's own wallet.
    Wallet,
    /// The member's loan; what it does not ask for is the member's own.
    Loan,
}

/// What a rider asks for.
#[derive(Clone, Debug)]
pub struct Contribute {
    pub payer: Msisdn,
    pub into: Destination,
    pub amount: Money,
    /// Of the turn or the text that asks: the same key again is the same request.
    pub key: String,
    /// The session that must end before a prompt can appear on the handset.
    pub ussd_session: Option<String>,
}

/// M-PESA will ask this member.
#[derive(Clone, Debug)]
pub struct Contributing {
    pub member: Box<DialledMember>,
    pub requested: Requested,
}

/// Why M-PESA is not asked.
#[derive(Debug, thiserror::Error)]
pub enum ContributeError {
    #[error("the phone is no member's")]
    NotAMember,
    #[error("the member is not active")]
    NotActive(Box<DialledMember>),
    #[error("a payment is KES {SHILLINGS_MIN} to {SHILLINGS_MAX}, without cents")]
    NotPossible,
    /// One of the kind is still open.
    #[error("KES {amount} was asked for and is still open")]
    AlreadyAsked { amount: Money },
    /// The same amount was prompted moments ago and may be paid.
    #[error("KES {amount} was asked for just now")]
    JustAsked { amount: Money },
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Asks M-PESA for the money. Nothing is taken before the rider types their M-PESA PIN.
pub async fn contribute(
    work: &mut Work,
    rules: &Rules,
    asked: Contribute,
) -> Result<Contributing, ContributeError> {
    // Asked here, at the last moment: a member suspended since a session opened pays nothing in.
    let member = match members::at_dial(work.conn(), &asked.payer).await? {
        AtDial::Member(member) if member.status == StatusWord::Active => member,
        AtDial::Member(member) => return Err(ContributeError::NotActive(member)),
        AtDial::Stranger { .. } => return Err(ContributeError::NotAMember),
    };
    let limits = Money::from_shillings(SHILLINGS_MIN)..=Money::from_shillings(SHILLINGS_MAX);
    if !limits.contains(&asked.amount) {
        return Err(ContributeError::NotPossible);
    }
    let request = Request {
        key: asked.key,
        purpose: match asked.into {
            Destination::Fund => Purpose::Contribution {
                member: member.id.0,
                stage: member.stage.0,
            },
            Destination::Wallet => Purpose::TopUp {
                member: member.id.0,
            },
            Destination::Loan => Purpose::LoanRepayment {
                member: member.id.0,
            },
        },
        amount: asked.amount,
        payer: asked.payer,
        language: member.language,
        ussd_session: asked.ussd_session,
    };
    match payments::request(work, rules, request).await {
        Ok(requested) => Ok(Contributing { member, requested }),
        Err(RequestError::NotWholeShillings | RequestError::OutsideLimits { .. }) => {
            Err(ContributeError::NotPossible)
        }
        Err(RequestError::AlreadyAsked { amount }) => Err(ContributeError::AlreadyAsked { amount }),
        Err(RequestError::JustAsked { amount, .. }) => Err(ContributeError::JustAsked { amount }),
        Err(RequestError::Fault(fault)) => Err(fault.into()),
    }
}

/// What is dialled to pay so much in one step: `*384*123*2*200#`.
pub fn dial_to_pay(code: &str, amount: Money) -> String {
    let open = code.strip_suffix('#').unwrap_or(code);
    let cents = amount.cents();
    let shillings = (cents / 100 + i64::from(cents % 100 != 0)).max(SHILLINGS_MIN);
    format!("{open}*2*{shillings}#")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paying_is_one_step() {
        let dial = |cents| dial_to_pay("*384*123#", Money::from_cents(cents));
        assert_eq!(dial(20_000), "*384*123*2*200#");
        assert_eq!(dial(20_001), "*384*123*2*201#");
        assert_eq!(dial(300), "*384*123*2*10#");
    }

    #[test]
    fn the_menus_name_the_same_limits() {
        let menu = include_str!("../menus/money.xml");
        let limits = format!(r#"type="money" min="{SHILLINGS_MIN}" max="{SHILLINGS_MAX}""#);
        assert_eq!(menu.matches(&limits).count(), 2);
        assert_eq!(menu.matches(r#"type="money""#).count(), 2);
    }
}
