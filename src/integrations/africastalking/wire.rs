//! What Africa's Talking answers, and what it means. Pure.

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;

use crate::messages::{Handover, Refusal};
use crate::primitives::{Money, Msisdn};

/// What our account holds, in the account's currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    pub currency: String,
    pub amount: Decimal,
}

#[derive(Deserialize)]
struct SendAnswer {
    #[serde(rename = "SMSMessageData")]
    data: MessageData,
}

#[derive(Deserialize)]
struct MessageData {
    #[serde(rename = "Message", default)]
    message: String,
    #[serde(rename = "Recipients", default)]
    recipients: Vec<Recipient>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    number: String,
    #[serde(default)]
    status: String,
    status_code: Option<Value>,
    #[serde(default)]
    message_id: String,
    #[serde(default)]
    cost: String,
}

/// What the answer to a send says of one number, written `+254...`.
pub(super) fn handover(status: u16, body: &str, to: &str) -> Handover {
    match status {
        200 | 201 => answered(body, to),
        401 | 403 => Handover::Refused(Refusal::Key),
        429 => Handover::Refused(Refusal::Throttled),
        400..=499 => Handover::Refused(Refusal::Request(short(body))),
        _ => Handover::Unknown {
            why: format!("HTTP {status}"),
        },
    }
}

fn answered(body: &str, to: &str) -> Handover {
    let Ok(answer) = serde_json::from_str::<SendAnswer>(body) else {
        return Handover::Unknown {
            why: "the answer does not read".to_owned(),
        };
    };
    let wanted = Msisdn::parse(to);
    let ours = |row: &&Recipient| {
        row.number == to || wanted.is_ok() && Msisdn::parse(&row.number) == wanted
    };
    match answer.data.recipients.iter().find(ours) {
        Some(row) => row_means(row),
        // One word for the whole call; with rows for others only, nobody has told us of ours.
        None if answer.data.recipients.is_empty() => word_means(&answer.data.message),
        None => Handover::Unknown {
            why: "the answer leaves our number out".to_owned(),
        },
    }
}

fn row_means(row: &Recipient) -> Handover {
    let code = match &row.status_code {
        Some(Value::Number(code)) => code.as_u64(),
        Some(Value::String(code)) => code.parse().ok(),
        _ => None,
    };
    match code {
        Some(100..=102) if is_id(&row.message_id) => Handover::Accepted {
            id: row.message_id.clone(),
            cost: cost_in_shillings(&row.cost),
        },
        Some(100..=102) => Handover::Unknown {
            why: "accepted without an id".to_owned(),
        },
        Some(401) => Handover::Refused(Refusal::HeldBack),
        Some(402) => Handover::Refused(Refusal::SenderName),
        Some(403 | 404) => Handover::Refused(Refusal::Number),
        Some(405) => Handover::Refused(Refusal::NoCredit),
        Some(406 | 409) => Handover::Refused(Refusal::Blocked),
        Some(407 | 502) => Handover::Refused(Refusal::NoRoute),
        // Their own trouble says nothing about the message.
        Some(code @ (500 | 501)) => Handover::Unknown {
            why: format!("status {code}"),
        },
        Some(code) => Handover::Refused(Refusal::Other(format!("{code} {}", short(&row.status)))),
        // Older answers have the word alone.
        None => word_means(&row.status),
    }
}

fn word_means(word: &str) -> Handover {
    let refusal = match word.trim().to_ascii_lowercase().as_str() {
        "invalidsenderid" => Refusal::SenderName,
        "invalidphonenumber" | "unsupportednumbertype" => Refusal::Number,
        "insufficientbalance" => Refusal::NoCredit,
        "userinblacklist" | "donotdisturbrejection" => Refusal::Blocked,
        "couldnotroute" | "rejectedbygateway" => Refusal::NoRoute,
        "riskhold" => Refusal::HeldBack,
        _ => {
            return Handover::Unknown {
                why: format!("unclear answer: {}", short(word)),
            };
        }
    };
    Handover::Refused(refusal)
}

fn is_id(id: &str) -> bool {
    !matches!(id, "" | "None") && id.len() <= 100
}

/// `KES 0.8000` and `0.8`; another currency is not counted here.
fn cost_in_shillings(cost: &str) -> Option<Money> {
    let amount = cost.trim().strip_prefix("KES").unwrap_or(cost).trim();
    Money::try_from(Decimal::from_str_exact(amount).ok()?.round_dp(2)).ok()
}

/// The answer to asking for user data: `{"UserData":{"balance":"USD 1204.5500"}}`.
pub(super) fn balance(status: u16, body: &str) -> Result<Balance, String> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(rename = "UserData")]
        data: UserData,
    }
    #[derive(Deserialize)]
    struct UserData {
        balance: String,
    }
    if status != 200 {
        return Err(format!("HTTP {status}: {}", short(body)));
    }
    let answer: Answer = serde_json::from_str(body).map_err(|error| error.to_string())?;
    let (currency, amount) = answer
        .data
        .balance
        .split_once(' ')
        .ok_or("a balance without a currency")?;
    let amount = Decimal::from_str_exact(amount.trim()).map_err(|error| error.to_string())?;
    Ok(Balance {
        currency: currency.to_owned(),
        amount: amount.normalize(),
    })
}

/// Enough of a foreign text for a log line. Digits are left out: it might name a phone.
fn short(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .map(|c| if c.is_ascii_digit() { '#' } else { c })
        .take(80)
        .collect()
}
