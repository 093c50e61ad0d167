//! What Daraja's direct answers mean, by status, content type and bytes alone.
//!
//! Codes are re-used between products and with different words, so an answer is read by endpoint, code and the
//! start of its message. Whatever could hide a prompt is unknown, never refused.

use chrono::TimeDelta;
use secrecy::SecretString;

use super::wire::{CallAnswer, ErrorEnvelope, FaultEnvelope, Loose, TokenBody};
use crate::payments::{NoPrompt, Pace, PromptIds, PushAnswer, QueryAnswer, ResultCode};

/// How a call ended.
#[derive(Clone, Debug)]
pub enum Heard {
    Answer {
        status: u16,
        content_type: String,
        body: Vec<u8>,
    },
    /// It left, and no whole answer came back in time.
    Lost,
    /// It provably never left: there was no connection.
    Unsent,
}

impl Heard {
    /// What is kept as evidence.
    pub fn raw(&self) -> Vec<u8> {
        match self {
            Heard::Answer {
                status,
                content_type,
                body,
            } => [format!("HTTP {status} {content_type}\n").as_bytes(), body].concat(),
            Heard::Lost => b"no answer".to_vec(),
            Heard::Unsent => b"not sent".to_vec(),
        }
    }
}

/// An access token and how long to use it.
#[derive(Clone, Debug)]
pub struct Token {
    pub text: SecretString,
    pub use_for: TimeDelta,
}

/// Why there is no access token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenTrouble {
    /// Nobody's call will work until somebody repairs the keys.
    #[error("Daraja refuses our consumer key or secret")]
    Credentials,
    #[error("Daraja does not hand out access tokens at the moment")]
    Outage,
}

/// Tokens are refreshed this long before they end.
const TOKEN_MARGIN_SECONDS: i64 = 120;

/// Reads the answer to a token request.
pub fn token_answer(heard: &Heard) -> Result<Token, TokenTrouble> {
    let Heard::Answer { status, body, .. } = heard else {
        return Err(TokenTrouble::Outage);
    };
    match status {
        200 => {
            let Ok(token) = serde_json::from_slice::<TokenBody>(body) else {
                return Err(TokenTrouble::Outage);
            };
            if token.access_token.text().is_empty() {
                return Err(TokenTrouble::Outage);
            }
            let lifetime = token.expires_in.text().parse::<i64>().ok();
            let lifetime = lifetime
                .filter(|seconds| (300..=86_400).contains(seconds))
                .unwrap_or(3600);
            Ok(Token {
                text: SecretString::from(token.access_token.text()),
                use_for: TimeDelta::seconds(lifetime - TOKEN_MARGIN_SECONDS),
            })
        }
        // Also with an empty body, which says the same.
        400 | 401 => Err(TokenTrouble::Credentials),
        _ => Err(TokenTrouble::Outage),
    }
}

/// Reads the answer to a push.
pub fn push_answer(heard: &Heard) -> PushAnswer {
    let (status, body) = match heard {
        Heard::Answer { status, body, .. } => (*status, body),
        Heard::Lost => return PushAnswer::Unknown { ids: None },
        Heard::Unsent => return PushAnswer::NoPrompt(NoPrompt::SystemBusy),
    };
    if (200..300).contains(&status)
        && let Some(answer) = accepted_shape(body)
    {
        let ids = ids_of(&answer);
        return match (is_zero(&answer.response_code), ids) {
            (true, Some(ids)) => PushAnswer::Accepted(ids),
            (true, None) => PushAnswer::Unknown { ids: None },
            // It says no and names a prompt: one of the two is wrong.
            (false, Some(ids)) => PushAnswer::Unknown { ids: Some(ids) },
            (false, None) => PushAnswer::NoPrompt(NoPrompt::Rejected),
        };
    }
    match refusal(status, body) {
        Refusal::Phone => PushAnswer::NoPrompt(NoPrompt::BadPhone),
        Refusal::LineBusy => PushAnswer::NoPrompt(NoPrompt::LineBusy),
        Refusal::SystemBusy => PushAnswer::NoPrompt(NoPrompt::SystemBusy),
        Refusal::SlowDown(pace) => PushAnswer::NoPrompt(NoPrompt::SlowDown(pace)),
        Refusal::Maintenance => PushAnswer::NoPrompt(NoPrompt::Maintenance),
        Refusal::Token => PushAnswer::NoPrompt(NoPrompt::TokenRefused),
        Refusal::Payload(what) | Refusal::Misconfigured(what) => {
            PushAnswer::NoPrompt(NoPrompt::Misconfigured { what })
        }
        Refusal::NotKnown | Refusal::Unclear => PushAnswer::Unknown { ids: None },
    }
}

/// Reads the answer to a question about the prompt `checkout`.
pub fn query_answer(heard: &Heard, checkout: &str) -> QueryAnswer {
    let Heard::Answer { status, body, .. } = heard else {
        return QueryAnswer::NoAnswer;
    };
    if (200..300).contains(status)
        && let Some(answer) = accepted_shape(body)
    {
        let is_about_it = answer.checkout.text() == checkout;
        let code = answer.result_code.text();
        return match is_zero(&answer.response_code) && is_about_it && !code.is_empty() {
            true => QueryAnswer::Result(ResultCode::new(code)),
            false => QueryAnswer::NoAnswer,
        };
    }
    match refusal(*status, body) {
        Refusal::NotKnown => QueryAnswer::NotKnown,
        Refusal::Payload(what) if what.contains("CheckoutRequestID") => QueryAnswer::BadId,
        Refusal::SlowDown(pace) => QueryAnswer::SlowDown(pace),
        Refusal::Token => QueryAnswer::TokenRefused,
        Refusal::Payload(what) | Refusal::Misconfigured(what) => {
            QueryAnswer::Misconfigured { what }
        }
        Refusal::Phone
        | Refusal::LineBusy
        | Refusal::SystemBusy
        | Refusal::Maintenance
        | Refusal::Unclear => QueryAnswer::NoAnswer,
    }
}

/// Reads the answer to a registration of paybill URLs: true when it was made or stood already.
pub fn register_answer(heard: &Heard) -> Result<bool, String> {
    let Heard::Answer { status, body, .. } = heard else {
        return Err("no answer".to_owned());
    };
    if let (200, Some(answer)) = (status, accepted_shape(body)) {
        return match is_zero(&answer.response_code) {
            true => Ok(true),
            false => Err("refused".to_owned()),
        };
    }
    let envelope: ErrorEnvelope = serde_json::from_slice(body).unwrap_or_default();
    let words = envelope.message.text();
    let stands = ["already registered", "Duplicate notification info"]
        .iter()
        .any(|known| words.contains(known));
    if stands {
        Ok(false)
    } else {
        Err(format!("HTTP {status} {} {words}", envelope.code.text()))
    }
}

/// What stands behind an answer that is not success-shaped.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Phone,
    LineBusy,
    SystemBusy,
    SlowDown(Pace),
    Maintenance,
    Token,
    /// A field of the request that Daraja does not take.
    Payload(String),
    Misconfigured(String),
    /// It does not know the prompt we ask about, or says so while it is busy.
    NotKnown,
    /// Nothing can be concluded.
    Unclear,
}

/// The `errorCode` envelope first, then the gateway's own, then the bare status.
pub(super) fn refusal(status: u16, body: &[u8]) -> Refusal {
    let envelope: ErrorEnvelope = serde_json::from_slice(body).unwrap_or_default();
    if !envelope.code.text().is_empty() {
        return refusal_by_code(envelope.code.text(), envelope.message.text());
    }
    let gateway: FaultEnvelope = serde_json::from_slice(body).unwrap_or_default();
    if let Some(fault) = gateway.fault {
        let code = fault.detail.unwrap_or_default().code;
        return refusal_by_gateway(code.text(), fault.words.text());
    }
    match status {
        429 => Refusal::SlowDown(Pace::Rate),
        _ => Refusal::Unclear,
    }
}

fn refusal_by_code(code: &str, message: &str) -> Refusal {
    let words = unprefixed(message);
    let starts = |start: &str| {
        words
            .to_ascii_lowercase()
            .starts_with(&start.to_ascii_lowercase())
    };
    let contains = |part: &str| {
        words
            .to_ascii_lowercase()
            .contains(&part.to_ascii_lowercase())
    };
    let misconfigured = || Refusal::Misconfigured(format!("{code} {words}"));
    match code {
        "400.002.02" if contains("PhoneNumber") || contains("PartyA") => Refusal::Phone,
        "400.002.02" | "400.002.05" | "400.003.02" => Refusal::Payload(format!("{code} {words}")),
        "404.001.03" | "400.003.01" | "401.002.01" | "401.003.01" | "401.001" => Refusal::Token,
        "404.001.01" | "404.001.04" | "404.003.01" | "405.001" => misconfigured(),
        "500.001.1001" | "500.001.001"
            if starts("Merchant does not exist") || starts("Wrong credentials") =>
        {
            misconfigured()
        }
        "500.001.1001" | "500.001.001" if starts("Unable to lock subscriber") => Refusal::LineBusy,
        "500.001.1001" | "500.001.001" if starts("The transaction does not Exist") => {
            Refusal::NotKnown
        }
        "500.003.02" if contains("Spike Arrest") => Refusal::SlowDown(Pace::Rate),
        "500.003.02" => Refusal::SystemBusy,
        "500.003.03" => Refusal::SlowDown(Pace::Quota),
        "00.002.1001" => Refusal::Maintenance,
        _ => Refusal::Unclear,
    }
}

fn refusal_by_gateway(code: &str, words: &str) -> Refusal {
    if words.contains("no apiproduct match found") {
        Refusal::Misconfigured(words.to_owned())
    } else if code.contains("SpikeArrest")
        || code.contains("ratelimit")
        || words.contains("quota violation")
    {
        Refusal::SlowDown(Pace::Rate)
    } else if code.contains("InvalidAccessToken") || code.contains("access_token") {
        Refusal::Token
    } else {
        Refusal::Unclear
    }
}

/// Without the `[MerchantValidate] - ` that some messages begin with.
fn unprefixed(message: &str) -> &str {
    match message
        .trim()
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((_, rest)) => rest.trim_start_matches([' ', '-']),
        None => message.trim(),
    }
}

/// None for anything but a JSON object that carries a response code or an id, and no error code.
fn accepted_shape(body: &[u8]) -> Option<CallAnswer> {
    let answer: CallAnswer = serde_json::from_slice(body).ok()?;
    let says_something = answer.response_code != Loose(None) || answer.checkout != Loose(None);
    says_something.then_some(answer)
}

fn ids_of(answer: &CallAnswer) -> Option<PromptIds> {
    let checkout = answer.checkout.text();
    (!checkout.is_empty()).then(|| PromptIds {
        merchant: answer.merchant.text().to_owned(),
        checkout: checkout.to_owned(),
    })
}

/// `0`, `"0"` and `"00000000"` alike.
fn is_zero(code: &Loose) -> bool {
    ResultCode::new(code.text()).is_paid()
}
