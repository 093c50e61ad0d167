//! The questions that are answered later: transaction status, account balance, reversal.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Number, Value, json};

use crate::clock::nairobi_stamp;
use crate::faults::Fault;
use crate::phones::{Msisdn, plain};
use crate::world::{State, World};

use super::b2c::{acknowledged, conversation_id, refused_credential};
use super::book::{Entry, Kind};
use super::result::{Outcome, Return, decimal, post_result};
use super::{Asked, Refused, enter};

/// A question as it came, acknowledged and answered later.
struct Question {
    initiator: String,
    credential: String,
    to: Return,
}

impl Question {
    fn read(world: &World, asked: &Asked, command: &str) -> Result<Self, Refused> {
        let need = |name: &str| asked.filled(name).ok_or_else(|| Refused::invalid(name));
        let initiator = need("Initiator")?;
        let credential = need("SecurityCredential")?;
        if need("CommandID")? != command {
            return Err(Refused::invalid("CommandID"));
        }
        if !(2..=100).contains(&need("Remarks")?.chars().count()) {
            return Err(Refused::invalid("Remarks"));
        }
        Ok(Self {
            initiator,
            credential,
            to: Return::read(world, asked)?,
        })
    }

    /// Acknowledges now and answers later with what `find` makes of the state by then.
    fn answer_later<F>(self, world: &Arc<World>, find: F) -> Response
    where
        F: FnOnce(&World, &mut State) -> Outcome + Send + 'static,
    {
        let now = world.now();
        let (originator, conversation) = {
            let mut state = world.state();
            let originator = format!(
                "{}-{}-{}-{}",
                state.dice.hex(4),
                state.dice.hex(4),
                state.dice.hex(4),
                state.dice.hex(18)
            );
            let conversation = conversation_id(&mut state, now);
            (originator, conversation)
        };
        let acknowledged = acknowledged(&conversation, &originator);
        let answering = world.clone();
        world.later(world.settings.timings.result_after, async move {
            let outcome = {
                let mut state = answering.state();
                let refused = refused_credential(
                    &answering,
                    &mut state,
                    &self.initiator,
                    &self.credential,
                    None,
                );
                refused.unwrap_or_else(|| find(&answering, &mut state))
            };
            post_result(
                &answering,
                None,
                &self.to,
                &conversation,
                &originator,
                outcome,
            )
            .await;
        });
        acknowledged
    }
}

/// `POST /mpesa/transactionstatus/v1/query`
pub(crate) async fn transaction(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = match enter(&world, &headers, &body, "transactionstatus").await {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let question = match Question::read(&world, &asked, "TransactionStatusQuery") {
        Ok(question) => question,
        Err(refused) => return refused.answer(&world),
    };
    let receipt = asked.filled("TransactionID");
    let original = asked
        .filled("OriginalConversationID")
        .or(asked.filled("OriginatorConversationID"));
    question.answer_later(&world, move |world, state| {
        let now = world.now();
        if state.strikes(Fault::StatusUnanswered, None, now) {
            return Outcome::failed(25, "Invalid request parameters.");
        }
        let undecided = state.strikes(Fault::StatusUndecided, None, now);
        match (receipt, original) {
            (Some(receipt), _) => {
                let entry = state.book.entry(&receipt).map(|entry| entry.clone());
                entry.map_or(
                    Outcome::failed(25, "Invalid request parameters."),
                    |entry| of_entry(world, state, &entry, undecided),
                )
            }
            (None, Some(original)) => of_payout(world, state, &original, undecided),
            (None, None) => Outcome::failed(25, "Invalid request parameters."),
        }
    })
}

fn of_payout(world: &World, state: &mut State, original: &str, undecided: bool) -> Outcome {
    let Some(payout) = state.book.payout(original).map(|payout| payout.clone()) else {
        return Outcome::failed(25, "Invalid request parameters.");
    };
    let entry = payout
        .done
        .clone()
        .flatten()
        .and_then(|receipt| state.book.entry(&receipt).map(|entry| entry.clone()));
    match (payout.done, entry) {
        (Some(_), Some(entry)) => of_entry(world, state, &entry, undecided),
        (Some(_), None) => Outcome::told(vec![
            (
                "OriginatorConversationID",
                Some(json!(payout.originator_id)),
            ),
            ("TransactionStatus", Some(json!("Declined"))),
            ("Amount", Some(json!((payout.amount / 100).to_string()))),
            ("ConversationID", Some(json!(payout.conversation_id))),
            ("InitiatedTime", Some(stamp(payout.at))),
            ("TransactionReason", None),
        ]),
        (None, _) => Outcome::told(vec![
            (
                "OriginatorConversationID",
                Some(json!(payout.originator_id)),
            ),
            ("TransactionStatus", Some(json!("Authorized"))),
            ("Amount", Some(json!((payout.amount / 100).to_string()))),
            ("ConversationID", Some(json!(payout.conversation_id))),
        ]),
    }
}

/// The sample's quirks and all: a key twice, a key without a value, the amount as text.
fn of_entry(world: &World, state: &mut State, entry: &Entry, undecided: bool) -> Outcome {
    let payee = Msisdn::parse(&entry.msisdn).ok();
    let name = payee.map_or(String::new(), |payee| {
        state.phone(&payee, &world.settings).name.to_uppercase()
    });
    let person = format!("{} - {name}", entry.msisdn);
    let us = |shortcode: &str| format!("{shortcode} - {}", world.settings.organisation);
    let out = entry.kind == Kind::B2c;
    let (debit, credit) = if out {
        (us(&world.settings.b2c_shortcode), person)
    } else {
        (person, us(&world.settings.paybill))
    };
    let payout = entry
        .originator_id
        .as_ref()
        .and_then(|id| state.book.payout(id))
        .map(|payout| payout.clone());
    let reason = if out {
        "Business Payment to Customer via API"
    } else {
        "Pay Bill"
    };
    let mut parameters = vec![
        ("DebitPartyName", Some(json!(debit))),
        ("DebitPartyName", Some(json!(credit))),
        (
            "OriginatorConversationID",
            Some(json!(entry.originator_id.clone().unwrap_or_default())),
        ),
        ("InitiatedTime", Some(stamp(entry.at))),
        (
            "DebitAccountType",
            Some(json!(if out {
                "Utility Account"
            } else {
                "MMF Account For Customer"
            })),
        ),
        (
            "DebitPartyCharges",
            out.then(|| json!("Fee For B2C Payment|KES|13.00")),
        ),
        ("TransactionReason", None),
        ("ReasonType", Some(json!(reason))),
        (
            "TransactionStatus",
            Some(json!(if undecided { "Authorized" } else { "Completed" })),
        ),
        ("FinalisedTime", Some(stamp(entry.at))),
        ("Amount", Some(json!((entry.amount / 100).to_string()))),
    ];
    if let Some(payout) = payout {
        parameters.push(("ConversationID", Some(json!(payout.conversation_id))));
    }
    parameters.push(("ReceiptNo", Some(json!(entry.receipt))));
    Outcome::told(parameters)
}

fn stamp(at: chrono::DateTime<chrono::Utc>) -> Value {
    nairobi_stamp(at)
        .parse::<Number>()
        .map_or(Value::Null, Value::Number)
}

/// `POST /mpesa/accountbalance/v1/query`
pub(crate) async fn balance(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = match enter(&world, &headers, &body, "accountbalance").await {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let question = match Question::read(&world, &asked, "AccountBalance") {
        Ok(question) => question,
        Err(refused) => return refused.answer(&world),
    };
    let payouts = asked
        .text("PartyA")
        .is_some_and(|party| party == world.settings.b2c_shortcode);
    question.answer_later(&world, move |world, state| {
        let (utility, charges) = if payouts {
            (state.book.utility, state.book.charges)
        } else {
            (state.book.paybill, 0)
        };
        let account =
            |name: &str, cents: i64| format!("{name}|KES|{0}|{0}|0.00|0.00", plain(cents));
        let accounts = [
            account("Working Account", 0),
            account("Float Account", 0),
            account("Utility Account", utility),
            account("Charges Paid Account", charges),
            account("Organization Settlement Account", 0),
        ];
        let parameters = vec![
            ("AccountBalance", Some(json!(accounts.join("&")))),
            ("BOCompletedTime", Some(stamp(world.now()))),
        ];
        Outcome::told(parameters).in_text()
    })
}

/// `POST /mpesa/reversal/v1/request`
pub(crate) async fn reverse(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = match enter(&world, &headers, &body, "reversal").await {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let read = || -> Result<(Question, String, i64), Refused> {
        let question = Question::read(&world, &asked, "TransactionReversal")?;
        let receipt = asked
            .filled("TransactionID")
            .ok_or_else(|| Refused::invalid("TransactionID"))?;
        let amount = asked
            .shillings("Amount")
            .ok_or_else(|| Refused::invalid("Amount"))?;
        if asked.text("RecieverIdentifierType").as_deref() != Some("11") {
            return Err(Refused::invalid("RecieverIdentifierType"));
        }
        if asked.text("ReceiverParty").as_deref() != Some(world.settings.paybill.as_str()) {
            return Err(Refused::invalid("ReceiverParty"));
        }
        Ok((question, receipt, amount))
    };
    match read() {
        Ok((question, receipt, amount)) => question.answer_later(&world, move |world, state| {
            undo(world, state, &receipt, amount)
        }),
        Err(refused) => refused.answer(&world),
    }
}

fn undo(world: &World, state: &mut State, receipt: &str, amount: i64) -> Outcome {
    let now = world.now();
    let Some(entry) = state
        .book
        .entry(receipt)
        .filter(|entry| matches!(entry.kind, Kind::Stk | Kind::C2b))
    else {
        return Outcome::word("R000002", "The OriginalTransactionID is invalid.");
    };
    if entry.reversed {
        return Outcome::word("R000001", "The transaction has already been reversed.");
    }
    if entry.amount != amount {
        return Outcome::word(
            "R000002",
            "The amount differs from the original transaction.",
        );
    }
    let entry = entry.clone();
    if state.book.paybill < amount {
        return Outcome::failed(1, "The balance is insufficient for the transaction.");
    }
    let Ok(payer) = Msisdn::parse(&entry.msisdn) else {
        return Outcome::failed(11, "The debit party is in an invalid state.");
    };
    if let Some(entry) = state.book.entry(receipt) {
        entry.reversed = true;
    }
    state.book.paybill -= amount;
    let left = state.book.paybill;
    let phone = state.phone(&payer, &world.settings);
    phone.wallet.balance += amount;
    let person = format!("{} - {}", entry.msisdn, phone.name.to_uppercase());
    let text = format!(
        "{receipt} has been reversed. Ksh{} is back on your M-PESA.",
        crate::phones::shown(amount)
    );
    phone.receive("MPESA", &text, now);
    let undone = state.receipt(now);
    state.book.entries.push(Entry {
        kind: Kind::Reversal,
        receipt: undone.clone(),
        at: now,
        ..entry
    });
    world.tell(&payer, "balance");
    world.tell(&payer, "sms");
    let parameters = vec![
        (
            "DebitAccountBalance",
            json!(format!(
                "Utility Account|KES|{0}|{0}|0.00|0.00",
                plain(left)
            )),
        ),
        ("Amount", decimal(amount)),
        ("TransCompletedTime", stamp(now)),
        ("OriginalTransactionID", json!(receipt)),
        ("Charge", decimal(0)),
        ("CreditPartyPublicName", json!(person)),
        (
            "DebitPartyPublicName",
            json!(format!(
                "{} - {}",
                world.settings.paybill, world.settings.organisation
            )),
        ),
    ];
    Outcome::done(undone, parameters)
}
