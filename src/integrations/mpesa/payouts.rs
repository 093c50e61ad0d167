//! Money out (Daraja, B2C v3) and questions about it (Transaction Status): what we say, and what the answers mean.
//!
//! Both are asynchronous: an accepted call is queued and nothing more, and its result comes to a secret path of ours.
//! Whatever could hide a payment is unknown, never refused.

use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answers::{Heard, Refusal, refusal};
use super::client::MpesaClient;
use super::wire::{ErrorEnvelope, Loose};
use crate::payments::{PhoneHint, Receipt, ResultCode};
use crate::payouts::{
    AskAnswer, Fate, NotTaken, PaymentOrder, PaymentResult, QuestionOrder, Said, SendAnswer,
    StatusResult,
};
use crate::primitives::Money;
use crate::telemetry::metric::{self, CallEnd};

const PAYMENT_TIMEOUT: Duration = Duration::from_secs(30);
const QUESTION_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PaymentRequest<'a> {
    #[serde(rename = "OriginatorConversationID")]
    originator: &'a str,
    initiator_name: &'a str,
    security_credential: &'a str,
    #[serde(rename = "CommandID")]
    command: &'static str,
    /// Whole shillings.
    amount: String,
    party_a: &'a str,
    party_b: &'a str,
    remarks: &'a str,
    #[serde(rename = "QueueTimeOutURL")]
    late_url: String,
    #[serde(rename = "ResultURL")]
    result_url: String,
    /// Daraja spells it so.
    occassion: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StatusRequest<'a> {
    initiator: &'a str,
    security_credential: &'a str,
    #[serde(rename = "CommandID")]
    command: &'static str,
    /// The OriginatorConversationID of the payment that is asked about; a receipt we do not have is left out.
    #[serde(rename = "OriginalConversationID")]
    originator: &'a str,
    party_a: &'a str,
    identifier_type: &'static str,
    #[serde(rename = "ResultURL")]
    result_url: String,
    #[serde(rename = "QueueTimeOutURL")]
    late_url: String,
    remarks: &'static str,
    occasion: &'static str,
}

impl MpesaClient {
    /// Hands one payment to M-PESA. Never repeats it, except after a refused access token.
    pub async fn pay_out(&self, order: &PaymentOrder) -> (Heard, SendAnswer) {
        let settings = self.settings();
        let token = order.token.expose();
        let request = PaymentRequest {
            originator: &order.originator,
            initiator_name: &settings.payouts.initiator,
            security_credential: settings.payouts.security_credential.expose_secret(),
            command: "BusinessPayment",
            amount: order.amount.as_decimal().trunc().to_string(),
            party_a: &settings.payouts.shortcode,
            party_b: order.recipient.digits(),
            remarks: order.remarks,
            late_url: settings.payout_url(token, "late"),
            result_url: settings.payout_url(token, "result"),
            occassion: order.remarks,
        };
        let is_token_refused =
            |heard: &Heard| payment_answer(heard) == SendAnswer::NotTaken(NotTaken::TokenRefused);
        let began = Instant::now();
        let path = "/mpesa/b2c/v3/paymentrequest";
        let heard = self
            .call(path, &request, PAYMENT_TIMEOUT, is_token_refused)
            .await;
        let answer = payment_answer(&heard);
        let end = match &answer {
            SendAnswer::Accepted => CallEnd::Ok,
            _ if matches!(heard, Heard::Unsent) => CallEnd::Unsent,
            SendAnswer::NotTaken(_) => CallEnd::Refused,
            SendAnswer::Duplicate | SendAnswer::Unknown => CallEnd::Unclear,
        };
        metric::provider_call("mpesa", "pay_out", end, began.elapsed());
        (heard, answer)
    }

    /// Asks what became of a payment. The answer to it comes later, as a result.
    pub async fn ask_about_payout(&self, order: &QuestionOrder) -> (Heard, AskAnswer) {
        let settings = self.settings();
        let token = order.token.expose();
        let request = StatusRequest {
            initiator: &settings.payouts.initiator,
            security_credential: settings.payouts.security_credential.expose_secret(),
            command: "TransactionStatusQuery",
            originator: &order.originator,
            party_a: &settings.payouts.shortcode,
            identifier_type: "4",
            result_url: settings.payout_url(token, "result"),
            late_url: settings.payout_url(token, "late"),
            remarks: "Payout status",
            occasion: "Payout status",
        };
        let is_token_refused =
            |heard: &Heard| question_answer(heard) == AskAnswer::NotTaken(NotTaken::TokenRefused);
        let began = Instant::now();
        let path = "/mpesa/transactionstatus/v1/query";
        let heard = self
            .call(path, &request, QUESTION_TIMEOUT, is_token_refused)
            .await;
        let answer = question_answer(&heard);
        let end = match &answer {
            AskAnswer::Accepted => CallEnd::Ok,
            _ if matches!(heard, Heard::Unsent) => CallEnd::Unsent,
            AskAnswer::NotTaken(_) => CallEnd::Refused,
            AskAnswer::Unknown => CallEnd::Unclear,
        };
        metric::provider_call("mpesa", "payout_status", end, began.elapsed());
        (heard, answer)
    }
}

#[derive(Default, Deserialize)]
struct Acknowledgement {
    #[serde(rename = "ConversationID", default)]
    conversation: Loose,
    #[serde(rename = "ResponseCode", default)]
    code: Loose,
}

/// How a call with an asynchronous result was answered.
enum Answered {
    Accepted,
    Duplicate,
    NotTaken(NotTaken),
    Unknown,
}

fn answered(heard: &Heard) -> Answered {
    let (status, body) = match heard {
        Heard::Answer { status, body, .. } => (*status, body),
        Heard::Lost => return Answered::Unknown,
        Heard::Unsent => return Answered::NotTaken(NotTaken::Unreachable),
    };
    if (200..300).contains(&status) {
        let said: Acknowledgement = serde_json::from_slice(body).unwrap_or_default();
        // It says no in the shape of a yes, or says nothing: it may have been queued.
        let is_accepted = said
            .code
            .filled()
            .is_some_and(|code| ResultCode::new(code).is_paid());
        return match is_accepted && said.conversation.filled().is_some() {
            true => Answered::Accepted,
            false => Answered::Unknown,
        };
    }
    let envelope: ErrorEnvelope = serde_json::from_slice(body).unwrap_or_default();
    let (code, words) = (envelope.code.text(), envelope.message.text());
    let says = |part: &str| words.to_ascii_lowercase().contains(part);
    match code {
        "500.002.1001" if says("duplicate") => return Answered::Duplicate,
        "500.002.1001" if says("maintenance") => return Answered::NotTaken(NotTaken::Maintenance),
        "400.002.02" if says("partyb") => return Answered::NotTaken(NotTaken::BadPhone),
        "403.002.1001" => {
            return Answered::NotTaken(NotTaken::Refused {
                what: format!("{code} {words}"),
            });
        }
        _ => {}
    }
    match refusal(status, body) {
        Refusal::SystemBusy => Answered::NotTaken(NotTaken::Unreachable),
        Refusal::SlowDown(pace) => Answered::NotTaken(NotTaken::SlowDown(pace)),
        Refusal::Maintenance => Answered::NotTaken(NotTaken::Maintenance),
        Refusal::Token => Answered::NotTaken(NotTaken::TokenRefused),
        Refusal::Payload(what) | Refusal::Misconfigured(what) => {
            Answered::NotTaken(NotTaken::Refused { what })
        }
        // Here PartyA is ourselves.
        Refusal::Phone => Answered::NotTaken(NotTaken::Refused {
            what: format!("{code} {words}"),
        }),
        Refusal::LineBusy | Refusal::NotKnown | Refusal::Unclear => Answered::Unknown,
    }
}

/// Reads the answer to a payment.
pub fn payment_answer(heard: &Heard) -> SendAnswer {
    match answered(heard) {
        Answered::Accepted => SendAnswer::Accepted,
        Answered::Duplicate => SendAnswer::Duplicate,
        Answered::NotTaken(why) => SendAnswer::NotTaken(why),
        Answered::Unknown => SendAnswer::Unknown,
    }
}

/// Reads the answer to a question about a payment.
pub fn question_answer(heard: &Heard) -> AskAnswer {
    match answered(heard) {
        Answered::Accepted => AskAnswer::Accepted,
        Answered::NotTaken(why) => AskAnswer::NotTaken(why),
        Answered::Duplicate | Answered::Unknown => AskAnswer::Unknown,
    }
}

#[derive(Deserialize)]
struct ResultEnvelope {
    #[serde(rename = "Result")]
    result: ResultBody,
}

#[derive(Deserialize)]
struct ResultBody {
    #[serde(rename = "ResultCode", default)]
    code: Loose,
    #[serde(rename = "OriginatorConversationID", default)]
    originator: Loose,
    #[serde(rename = "TransactionID", default)]
    transaction: Loose,
    #[serde(rename = "ResultParameters", default)]
    parameters: Value,
}

impl ResultBody {
    fn read(body: &[u8]) -> Option<ResultBody> {
        let ResultEnvelope { result } = serde_json::from_slice(body).ok()?;
        let is_whole = result.code.filled().is_some() && result.originator.filled().is_some();
        is_whole.then_some(result)
    }

    /// By key, never by position; alone or in a list, with or without a value.
    fn parameter(&self, key: &str) -> Loose {
        let items = match &self.parameters["ResultParameter"] {
            Value::Array(items) => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        let found = items
            .iter()
            .find(|item| item.get("Key").and_then(Value::as_str) == Some(key));
        let value = found
            .and_then(|item| item.get("Value"))
            .cloned()
            .unwrap_or_default();
        Loose::deserialize(value).unwrap_or_default()
    }

    fn money(&self, key: &str) -> Option<Money> {
        self.parameter(key).money()
    }
}

/// Reads the result of a payment.
pub fn read_payment_result(body: &[u8]) -> Said {
    let Some(result) = ResultBody::read(body) else {
        return Said::Unreadable;
    };
    let code = ResultCode::new(result.code.text());
    // On failure the transaction's id is a dummy or somebody else's.
    let receipt = code.is_paid().then(|| {
        let told = result.parameter("TransactionReceipt");
        Receipt::parse(told.text()).or_else(|| Receipt::parse(result.transaction.text()))
    });
    // `254712345678 - AMINA WANJIKU`
    let public_name = result.parameter("ReceiverPartyPublicName");
    let (number, name) = match public_name.text().split_once(" - ") {
        Some((number, name)) => (Some(number.trim()), Some(name.trim())),
        None => (public_name.filled(), None),
    };
    let is_number = |text: &&str| text.chars().any(|c| c.is_ascii_digit());
    Said::Result(PaymentResult {
        originator: result.originator.text().to_owned(),
        receipt: receipt.flatten(),
        amount: result.money("TransactionAmount"),
        recipient: number.filter(is_number).map(PhoneHint::new),
        name: name
            .filter(|name| !name.is_empty())
            .map(|name| name.chars().take(80).collect()),
        float: result.money("B2CUtilityAccountAvailableFunds"),
        code,
    })
}

/// Reads the result of a question about a payment.
pub fn read_status_result(body: &[u8]) -> Said {
    let Some(result) = ResultBody::read(body) else {
        return Said::Unreadable;
    };
    let status = result.parameter("TransactionStatus");
    let fate = status
        .filled()
        .map(|word| match word.to_ascii_lowercase().as_str() {
            "completed" => Fate::Completed,
            "cancelled" | "declined" | "expired" => Fate::NotPaid,
            _ => Fate::Undecided,
        });
    Said::Status(StatusResult {
        code: ResultCode::new(result.code.text()),
        about: result
            .parameter("OriginatorConversationID")
            .filled()
            .map(str::to_owned),
        fate,
        receipt: result
            .parameter("ReceiptNo")
            .filled()
            .and_then(Receipt::parse),
        amount: result.money("Amount"),
    })
}

#[cfg(test)]
mod tests;
