//! A prompt's life: it shows or cannot, a person answers or does not, the core decides, and the outcome is told.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::nairobi;
use crate::daraja::book::{Entry, Kind};
use crate::daraja::{Code, c2b};
use crate::faults::Fault;
use crate::phones::{Declined, Msisdn, plain, shown};
use crate::world::{State, World};

use super::{Answer, Outcome, PROMPT_MAX, Prompt, Push, UNABLE_TO_LOCK, callback};

/// Brings the prompt to the handset, if the handset can take one. A prompt is itself a USSD dialogue: it cannot show while
/// another one is open.
pub(super) fn show(world: &Arc<World>, checkout_id: &str) {
    let now = world.now();
    let mut state = world.state();
    let Some(push) = state.book.push(checkout_id).map(|push| push.clone()) else {
        return;
    };
    let payer = push.payer.clone();
    let text = format!(
        "Pay Ksh{} to {} account {}? Enter M-PESA PIN:",
        plain(push.cents),
        world.settings.organisation,
        push.account
    );
    let failed = never_shown(world, &mut state, &payer, &text, now);
    if let Some(outcome) = failed {
        drop(state);
        return settle(world, checkout_id, outcome);
    }
    let silent = state.strikes(Fault::Silent, Some(&payer), now);
    let life = world.settings.timings.prompt_life;
    state.phone(&payer, &world.settings).prompt = Some(Prompt {
        merchant: world.settings.organisation.clone(),
        amount: (push.cents / 100).to_string(),
        account: push.account,
        text,
        at: now,
        until: now + TimeDelta::from_std(life).unwrap_or_default(),
        ignored: false,
        checkout_id: checkout_id.to_owned(),
        silent,
    });
    drop(state);
    world.tell(&payer, "prompt");
    let (expiring, checkout_id) = (world.clone(), checkout_id.to_owned());
    world.later(life, async move { expire(&expiring, &payer, &checkout_id) });
}

fn never_shown(
    world: &World,
    state: &mut State,
    payer: &Msisdn,
    text: &str,
    now: DateTime<Utc>,
) -> Option<Outcome> {
    let orders = [
        (Fault::BusyLine, Outcome::number(1001, UNABLE_TO_LOCK, now)),
        (Fault::Unreachable, Outcome::unreachable(now)),
        (Fault::PhoneOff, Outcome::unreachable(now)),
        (
            Fault::SmscTimeout,
            Outcome::number(1036, "SMSC ACK timeout.", now),
        ),
        (
            Fault::PromptError,
            Outcome::number(1025, "An error occurred while sending a push request.", now),
        ),
        (
            Fault::NotPermitted,
            Outcome::number(
                2028,
                "The request is not permitted according to product assignment.",
                now,
            ),
        ),
        (
            Fault::OperatorUnknown,
            Outcome::of(
                Code::Word("SFC_IC0003".into()),
                "The operator does not exist.",
                now,
            ),
        ),
    ];
    for (what, outcome) in orders {
        if state.strikes(what, Some(payer), now) {
            return Some(outcome);
        }
    }
    if text.chars().count() > PROMPT_MAX {
        return Some(Outcome::number(
            1025,
            "An error occurred while sending a push request.",
            now,
        ));
    }
    let phone = state.phone(payer, &world.settings);
    if phone.in_session() || phone.prompt.is_some() {
        let refused = state.dice.chance(0.5);
        return Some(if refused {
            Outcome::number(1001, UNABLE_TO_LOCK, now)
        } else {
            Outcome::unreachable(now)
        });
    }
    None
}

/// Nobody answered in time.
fn expire(world: &Arc<World>, payer: &Msisdn, checkout_id: &str) {
    let now = world.now();
    let mut state = world.state();
    let as_cancel = state.strikes(Fault::SilentCancel, Some(payer), now);
    let gone = state
        .phone(payer, &world.settings)
        .prompt
        .take_if(|prompt| prompt.checkout_id == checkout_id);
    drop(state);
    if gone.is_some() {
        world.tell(payer, "prompt");
        settle(
            world,
            checkout_id,
            if as_cancel {
                Outcome::cancelled(now)
            } else {
                Outcome::unreachable(now)
            },
        );
    }
}

/// A person answers the prompt on their phone. `None`: there is no prompt. Otherwise the result code, if that decided it.
pub async fn respond(world: &Arc<World>, payer: &Msisdn, given: Answer) -> Option<Option<Code>> {
    let checkout_id = {
        let mut state = world.state();
        let phone = state.phone(payer, &world.settings);
        let prompt = phone.prompt.as_mut()?;
        if prompt.silent || given == Answer::Ignore {
            prompt.ignored = true;
            drop(state);
            world.tell(payer, "prompt");
            return Some(None);
        }
        let checkout_id = prompt.checkout_id.clone();
        phone.prompt = None;
        checkout_id
    };
    world.tell(payer, "prompt");
    let (deciding, payer) = (world.clone(), payer.clone());
    let decided = async move { decide(&deciding, &payer, &checkout_id, given).await };
    Some(Some(world.see_through(decided).await))
}

async fn decide(world: &Arc<World>, payer: &Msisdn, checkout_id: &str, given: Answer) -> Code {
    let now = world.now();
    let outcome = match given {
        Answer::Cancel => Outcome::cancelled(now),
        Answer::WrongPin => declined(
            world
                .state()
                .phone(payer, &world.settings)
                .wallet
                .wrong_pin(),
            now,
        ),
        Answer::Approve | Answer::Ignore => pay(world, payer, checkout_id).await,
    };
    let code = outcome.result_code.clone();
    settle(world, checkout_id, outcome);
    code
}

fn declined(declined: Declined, at: DateTime<Utc>) -> Outcome {
    Outcome::number(declined.code, declined.says, at)
}

/// The right PIN was typed: now the core decides.
async fn pay(world: &Arc<World>, payer: &Msisdn, checkout_id: &str) -> Outcome {
    let now = world.now();
    let push = match judge(world, payer, checkout_id) {
        Ok(push) => push,
        Err(outcome) => return outcome,
    };
    let receipt = world.state().receipt(now);
    let charged = match world.strikes(Fault::AmountDiffers, Some(payer)) {
        true => (push.cents / 1000 * 100).max(100),
        false => push.cents,
    };
    let entry = Entry {
        kind: Kind::Stk,
        receipt: receipt.clone(),
        msisdn: payer.to_string(),
        amount: charged,
        account: push.account,
        checkout_id: Some(checkout_id.to_owned()),
        originator_id: None,
        at: now,
        reversed: false,
    };
    if let Err(code) = c2b::validate(world, &entry).await {
        return Outcome::of(
            code,
            "The payment was rejected by the merchant.",
            world.now(),
        );
    }
    // Validation took a while: the wallet is judged again, together with the movement.
    let mut state = world.state();
    let today = nairobi(now).date_naive();
    let wallet = &mut state.phone(payer, &world.settings).wallet;
    if let Err(refusal) = wallet.may_pay(charged, today) {
        return declined(refusal, now);
    }
    wallet.pay(charged, today);
    let left = wallet.balance;
    book_inflow(world, &mut state, entry, left);
    drop(state);
    world.tell(payer, "balance");
    world.tell(payer, "sms");
    let says = "The service request is processed successfully.";
    Outcome {
        receipt: Some(receipt),
        charged,
        ..Outcome::number(0, says, now)
    }
}

/// Writes a payment to us into the book and tells the payer, as M-PESA does whatever else goes wrong.
pub(in crate::daraja) fn book_inflow(world: &World, state: &mut State, entry: Entry, left: i64) {
    let Ok(payer) = Msisdn::parse(&entry.msisdn) else {
        return;
    };
    let text = format!(
        "{} Confirmed. Ksh{} sent to {} for account {} on {}. Your M-PESA balance is now Ksh{}.",
        entry.receipt,
        shown(entry.amount),
        world.settings.organisation,
        entry.account,
        nairobi(entry.at).format("%-d/%-m/%y at %-I:%M %p"),
        shown(left),
    );
    state.book.paybill += entry.amount;
    let at = entry.at;
    state.book.entries.push(entry);
    state
        .phone(&payer, &world.settings)
        .receive("MPESA", &text, at);
}

fn judge(world: &World, payer: &Msisdn, checkout_id: &str) -> Result<Push, Outcome> {
    let now = world.now();
    let mut state = world.state();
    let Some(push) = state.book.push(checkout_id).map(|push| push.clone()) else {
        return Err(Outcome::number(1019, "Transaction has expired", now));
    };
    let orders = [
        (
            Fault::LowBalance,
            1,
            "The balance is insufficient for the transaction.",
        ),
        (
            Fault::WrongPin,
            2001,
            "The initiator information is invalid.",
        ),
        (Fault::PinLocked, 8006, "The security credential is locked."),
        (Fault::RuleLimited, 17, "Rule limited."),
        (
            Fault::OverLimit,
            4,
            "Declined due to limit rule: would exceed the daily transfer limit.",
        ),
        (Fault::Expired, 1019, "Transaction has expired"),
        (Fault::UnknownCode, 7777, "Something new."),
    ];
    for (what, code, says) in orders {
        if state.strikes(what, Some(payer), now) {
            return Err(Outcome::number(code, says, now));
        }
    }
    let rule_limited = state.book.paid_just_now(payer, push.cents, now);
    let wallet = &mut state.phone(payer, &world.settings).wallet;
    wallet
        .may_pay(push.cents, nairobi(now).date_naive())
        .map_err(|refusal| declined(refusal, now))?;
    if rule_limited {
        return Err(Outcome::number(17, "Rule limited.", now));
    }
    Ok(push)
}

/// Writes down what became of a push, and tells us: by callback, and for a payment by C2B confirmation too.
fn settle(world: &Arc<World>, checkout_id: &str, outcome: Outcome) {
    let push = {
        let mut state = world.state();
        let Some(push) = state.book.push(checkout_id) else {
            return;
        };
        push.outcome = Some(outcome.clone());
        push.clone()
    };
    let timings = &world.settings.timings;
    let strikes = |what| world.strikes(what, Some(&push.payer));
    let c2b_first = strikes(Fault::C2bBeforeCallback);
    if let Some(receipt) = &outcome.receipt {
        let delay = if c2b_first {
            timings.callback_after
        } else {
            timings.confirmation_after
        };
        c2b::confirm_later(world, receipt, delay);
    }
    if outcome.receipt.is_some() && strikes(Fault::C2bOnly) {
        return;
    }
    let behind = if c2b_first {
        timings.confirmation_after
    } else {
        Duration::ZERO
    };
    callback::announce(world, push, outcome, timings.callback_after + behind);
}
