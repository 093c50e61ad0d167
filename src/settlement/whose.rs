//! Asking the payer of money that names nobody whose it is, and hearing the answer.

use chrono::TimeDelta;

use super::account_text::{self, Meant};
use super::paybill::{AllocateError, allocate_by_hand};
use crate::app::App;
use crate::fault::Fault;
use crate::members;
use crate::messages::{self, Class, Message, Values};
use crate::payments::{self, PhoneHint, Receipt};
use crate::primitives::{MaskedName, Money, Msisdn};
use crate::questions::{self, Question};
use crate::work::{Actor, Work};

/// So long a number is taken for the answer. Staff and the list of suspense have longer.
const WHOSE_IS_OPEN_FOR: TimeDelta = TimeDelta::days(3);
/// Money nobody has claimed for so long is owed back.
const UNCLAIMED_AFTER: TimeDelta = TimeDelta::days(30);

/// What an answer to the question came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    Given {
        person: MaskedName,
        amount: Money,
        /// The payer is the member, who has the receipt already.
        is_payer: bool,
    },
    /// Nobody who can have it goes by that number.
    Nobody,
    /// It has found its owner in the meantime.
    Settled,
}

/// Asks the payer, where we know for certain whose phone paid: a masked number fits many, and one of them would be asked about money
/// that is another's.
pub(super) async fn ask_payer(
    app: &App,
    work: &mut Work,
    receipt: &Receipt,
    amount: Money,
    phone: Option<&PhoneHint>,
) -> Result<(), Fault> {
    let Some(payer) = payer_of(work, phone).await? else {
        return Ok(());
    };
    // Somebody in trouble is asked for nothing but the place.
    if let Some(Question::WhereAreYou { .. }) = questions::open(work, &payer).await? {
        return Ok(());
    }
    let known = members::caller_language(work.conn(), &payer).await?;
    let language = known.unwrap_or_else(|| app.menus.current().default_language());
    let question = Question::WhoseMoney {
        receipt: receipt.as_str().to_owned(),
    };
    questions::ask(work, &payer, question, WHOSE_IS_OPEN_FOR).await?;
    let values = Values::new()
        .money("amount", amount)
        .code("receipt", receipt.as_str());
    let message = Message {
        key: Some(format!("suspense:{}", receipt.as_str())),
        ..Message::new(payer, language, Class::Money, "suspense.whose", values)
    };
    messages::send(work, message).await?;
    Ok(())
}

/// Whether a text can be the answer: a phone or a member number, with a word in front or without.
pub fn names_somebody(text: &str) -> bool {
    account_text::read(text).is_some()
}

/// Gives the money to whom the payer has named, and they get the receipt.
pub async fn answer_whose(
    app: &App,
    work: &mut Work,
    from: &Msisdn,
    receipt: &str,
    text: &str,
) -> Result<Whose, Fault> {
    let (Some(receipt), Some(Meant { who, into })) =
        (Receipt::parse(receipt), account_text::read(text))
    else {
        return Ok(Whose::Nobody);
    };
    match allocate_by_hand(app, work, &receipt, &who, into).await {
        Ok((member, amount)) => Ok(Whose::Given {
            person: MaskedName::of(member.first_name.as_str()),
            amount,
            is_payer: member.msisdn == *from,
        }),
        Err(AllocateError::NotInSuspense) => Ok(Whose::Settled),
        Err(AllocateError::NoMember | AllocateError::NotForThem(_)) => Ok(Whose::Nobody),
        Err(AllocateError::Fault(fault)) => Err(fault),
    }
}

/// Marks what nobody has claimed in time as owed back, and says so to whoever runs this.
pub async fn flag_unclaimed(app: App) -> Result<(), Fault> {
    let now = app.clock.now();
    let mut work = Work::begin(&app.pool, now, Actor::System).await?;
    let flagged = payments::flag_unclaimed(&mut work, now - UNCLAIMED_AFTER).await?;
    work.commit().await?;
    for receipt in flagged {
        tracing::warn!(target: "financial", %receipt, "Nobody has claimed a paybill payment: it is owed back");
    }
    Ok(())
}

async fn payer_of(work: &mut Work, phone: Option<&PhoneHint>) -> Result<Option<Msisdn>, Fault> {
    let Some(phone) = phone else {
        return Ok(None);
    };
    match (phone.whole(), phone.hash()) {
        (Some(whole), _) => Ok(Some(whole)),
        (None, Some(hash)) => members::phone_of_hash(work.conn(), &hash).await,
        (None, None) => Ok(None),
    }
}
