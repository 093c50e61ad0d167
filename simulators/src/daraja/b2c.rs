//! Payouts: accepted at once, paid later, and told by a result that may come before, twice or never.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::clock::nairobi;
use crate::faults::Fault;
use crate::phones::{Msisdn, shown};
use crate::world::{State, World};

use super::book::{Entry, Kind, Payout};
use super::result::{Outcome, Return, decimal, post_result};
use super::{Asked, Refused, answer, enter, takes_url};

/// The least and the most of one payout, in cents.
const PAYOUT_MIN: i64 = 1_000;
const PAYOUT_MAX: i64 = 25_000_000;
/// What M-PESA takes for a payout, in cents.
const CHARGE: i64 = 1_300;

/// `POST /mpesa/b2c/v1/paymentrequest`: M-PESA gives the id, so nothing guards against paying twice.
pub(crate) async fn pay_v1(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    pay(&world, &headers, &body, false).await
}

/// `POST /mpesa/b2c/v3/paymentrequest`
pub(crate) async fn pay_v3(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    pay(&world, &headers, &body, true).await
}

async fn pay(world: &Arc<World>, headers: &HeaderMap, body: &Bytes, our_id: bool) -> Response {
    let asked = match enter(world, headers, body, "b2c").await {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let order = match Order::read(world, &asked, our_id) {
        Ok(order) => order,
        Err(refused) => return refused.answer(world),
    };
    if world.strikes(Fault::PayoutUnauthorised, order.payee.as_ref()) {
        let text = "The initiator is not authorized to initiate this transaction";
        return Refused::new(403, "403.002.1001", text).answer(world);
    }
    let (lost, early) = {
        let strikes = |what| world.strikes(what, order.payee.as_ref());
        (
            strikes(Fault::PayoutLostAnswer),
            strikes(Fault::CallbackBeforeAnswer),
        )
    };
    let now = world.now();
    let accepted = {
        let mut state = world.state();
        if state.book.payout(&order.originator_id).is_some() {
            drop(state);
            return Refused::new(500, "500.002.1001", "Duplicate OriginatorConversationID.")
                .answer(world);
        }
        let conversation_id = conversation_id(&mut state, now);
        let originator_id = order.originator_id.clone();
        let payout = Payout {
            originator_id,
            conversation_id,
            amount: order.cents,
            at: now,
            done: None,
        };
        state.book.payouts.push(payout.clone());
        payout
    };
    if early {
        let (settling, accepted) = (world.clone(), accepted.clone());
        world
            .see_through(async move { settle(&settling, order, accepted).await })
            .await;
    } else {
        let (settling, accepted) = (world.clone(), accepted.clone());
        let delay = world.settings.timings.result_after;
        world.later(
            delay,
            async move { settle(&settling, order, accepted).await },
        );
    }
    if lost {
        return StatusCode::GATEWAY_TIMEOUT.into_response();
    }
    acknowledged(&accepted.conversation_id, &accepted.originator_id)
}

pub(super) fn conversation_id(state: &mut State, now: chrono::DateTime<chrono::Utc>) -> String {
    format!(
        "AG_{}_{}",
        nairobi(now).format("%Y%m%d"),
        state.dice.hex(20)
    )
}

pub(super) fn acknowledged(conversation_id: &str, originator_id: &str) -> Response {
    let says = "Accept the service request successfully.";
    let body = json!({
        "ConversationID": conversation_id, "OriginatorConversationID": originator_id,
        "ResponseCode": "0", "ResponseDescription": says,
    });
    answer(StatusCode::OK, &body)
}

/// Whether a credential can be what it says: base64 of one 2048-bit RSA block.
pub(super) fn plausible_credential(text: &str) -> bool {
    STANDARD.decode(text).is_ok_and(|block| block.len() == 256)
}

struct Order {
    originator_id: String,
    payee: Option<Msisdn>,
    payee_text: String,
    cents: i64,
    initiator: String,
    credential: String,
    to: Return,
}

impl Order {
    fn read(world: &World, asked: &Asked, our_id: bool) -> Result<Self, Refused> {
        let need = |name: &str| asked.filled(name).ok_or_else(|| Refused::invalid(name));
        let originator_id = if our_id {
            let id = need("OriginatorConversationID")?;
            if id.len() > 128 {
                return Err(Refused::invalid("OriginatorConversationID"));
            }
            id
        } else {
            let mut state = world.state();
            format!("{}-{}-1", state.dice.digits(5), state.dice.digits(8))
        };
        let initiator = need("InitiatorName")?;
        let credential = need("SecurityCredential")?;
        if !["BusinessPayment", "SalaryPayment", "PromotionPayment"]
            .contains(&need("CommandID")?.as_str())
        {
            return Err(Refused::invalid("CommandID"));
        }
        let cents = asked
            .shillings("Amount")
            .ok_or_else(|| Refused::invalid("Amount"))?;
        if need("PartyA")? != world.settings.b2c_shortcode {
            return Err(Refused::invalid("PartyA"));
        }
        let payee_text = need("PartyB")?;
        if payee_text.len() != 12 || !payee_text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Refused::invalid("PartyB"));
        }
        if !(2..=100).contains(&need("Remarks")?.chars().count()) {
            return Err(Refused::invalid("Remarks"));
        }
        let to = Return::read(world, asked)?;
        let payee = Msisdn::parse(&payee_text).ok();
        Ok(Self {
            originator_id,
            payee,
            payee_text,
            cents,
            initiator,
            credential,
            to,
        })
    }
}

/// Pays or does not, and sends the result.
async fn settle(world: &Arc<World>, order: Order, payout: Payout) {
    let outcome = decide(world, &order);
    if let Some(payee) = &order.payee
        && outcome.receipt.is_some()
    {
        world.tell(payee, "balance");
        world.tell(payee, "sms");
    }
    if let Some(payout) = world.state().book.payout(&payout.originator_id) {
        payout.done = Some(outcome.receipt.clone());
    }
    post_result(
        world,
        order.payee.clone(),
        &order.to,
        &payout.conversation_id,
        &payout.originator_id,
        outcome,
    )
    .await;
}

fn decide(world: &World, order: &Order) -> Outcome {
    let now = world.now();
    let mut state = world.state();
    if let Some(failed) = refused_credential(
        world,
        &mut state,
        &order.initiator,
        &order.credential,
        order.payee.as_ref(),
    ) {
        return failed;
    }
    let refuse = Outcome::failed;
    let Some(payee) = &order.payee else {
        return Outcome::word("SFC_IC0003", "The operator does not exist.");
    };
    if state.strikes(Fault::PayoutFloatEmpty, Some(payee), now)
        || state.book.utility < order.cents + CHARGE
    {
        return refuse(1, "The balance is insufficient for the transaction.");
    }
    if order.cents < PAYOUT_MIN {
        return refuse(
            2,
            "Declined due to limit rule: less than the minimum transaction amount.",
        );
    }
    if order.cents > PAYOUT_MAX {
        return refuse(
            3,
            "Declined due to limit rule: greater than the maximum transaction amount.",
        );
    }
    let unknown = state.strikes(Fault::PayoutRecipientUnknown, Some(payee), now);
    let phone = state.phone(payee, &world.settings);
    if unknown || !phone.wallet.registered {
        let text = "Credit Party customer type (Unregistered or Registered Customer) can't be supported by the service.";
        return refuse(2040, text).in_text();
    }
    if let Err(refusal) = phone.wallet.may_receive(order.cents) {
        return refuse(refusal.code, refusal.says);
    }
    phone.wallet.balance += order.cents;
    let left = phone.wallet.balance;
    let name = format!("{} - {}", order.payee_text, phone.name.to_uppercase());
    let wrong = state.strikes(Fault::PayoutWrongRecipient, Some(payee), now);
    let name = if wrong {
        "254700000001 - SOMEONE ELSE".to_owned()
    } else {
        name
    };
    let receipt = state.receipt(now);
    let book = &mut state.book;
    book.utility -= order.cents;
    book.charges -= CHARGE;
    book.entries.push(Entry {
        kind: Kind::B2c,
        receipt: receipt.clone(),
        msisdn: payee.to_string(),
        amount: order.cents,
        account: String::new(),
        checkout_id: None,
        originator_id: Some(order.originator_id.clone()),
        at: now,
        reversed: false,
    });
    let parameters: Vec<(&str, Value)> = vec![
        ("TransactionAmount", json!(order.cents / 100)),
        ("TransactionReceipt", json!(receipt)),
        ("ReceiverPartyPublicName", json!(name)),
        (
            "TransactionCompletedDateTime",
            json!(nairobi(now).format("%d.%m.%Y %H:%M:%S").to_string()),
        ),
        ("B2CUtilityAccountAvailableFunds", decimal(book.utility)),
        ("B2CWorkingAccountAvailableFunds", decimal(0)),
        ("B2CRecipientIsRegisteredCustomer", json!("Y")),
        ("B2CChargesPaidAccountAvailableFunds", decimal(book.charges)),
    ];
    let text = format!(
        "{receipt} Confirmed. You have received Ksh{} from {}. Your M-PESA balance is now Ksh{}.",
        shown(order.cents),
        world.settings.organisation,
        shown(left)
    );
    state
        .phone(payee, &world.settings)
        .receive("MPESA", &text, now);
    Outcome::done(receipt, parameters)
}

/// The outcome of a request whose operator is unknown, wrong or locked.
pub(super) fn refused_credential(
    world: &World,
    state: &mut State,
    initiator: &str,
    credential: &str,
    whose: Option<&Msisdn>,
) -> Option<Outcome> {
    let now = world.now();
    if state.book.operator_is_locked() {
        return Some(Outcome::failed(8006, "The security credential is locked."));
    }
    let wrong = state.strikes(Fault::InitiatorRefused, whose, now)
        || !plausible_credential(credential)
        || world
            .settings
            .initiator_name
            .as_deref()
            .is_some_and(|name| name != initiator);
    if !wrong {
        return None;
    }
    Some(match state.book.wrong_credential() {
        8006 => Outcome::failed(8006, "The security credential is locked."),
        code => Outcome::failed(code, "The initiator information is invalid."),
    })
}

/// Checks both URLs a result may go to.
pub(super) fn result_urls(world: &World, asked: &Asked) -> Result<(String, String), Refused> {
    let url = |name: &str| {
        let url = asked
            .filled(name)
            .filter(|url| takes_url(url, world.settings.https_only));
        url.ok_or_else(|| Refused::invalid(name))
    };
    Ok((url("ResultURL")?, url("QueueTimeOutURL")?))
}
