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

#[cfg(test)]
mod tests {
    use super::*;

    const TO: &str = "+254733000002";

    fn row(code: u32, word: &str) -> String {
        format!(
            r#"{{"SMSMessageData":{{"Message":"Sent to 0/1 Total Cost: 0","Recipients":[{{"cost":"0","messageId":"None","number":"{TO}","status":"{word}","statusCode":{code}}}]}}}}"#
        )
    }

    fn unknown(why: &str) -> Handover {
        Handover::Unknown { why: why.into() }
    }

    #[test]
    fn answers_to_a_send() {
        let accepted = |id: &str, cents| Handover::Accepted {
            id: id.into(),
            cost: Some(Money::from_cents(cents)),
        };
        let refused = Handover::Refused;
        let sent = r#"{"SMSMessageData":{"Message":"Sent to 1/1 Total Cost: USD 0.0079 Message parts: 1","Recipients":[{"cost":"KES 0.8000","messageId":"ATXid_a1c04e7b9d2f43688e5510f3b7c6d924","number":"+254733000002","status":"Success","statusCode":102}]}}"#;
        let without_us = r#"{"SMSMessageData":{"Message":"Sent to 1/2 Total Cost: KES 0.8000","Recipients":[{"statusCode":101,"number":"+254722000003","status":"Success","cost":"KES 0.8000","messageId":"ATPid_0f1e2d3c4b5a69788796a5b4c3d2e1f0"}]}}"#;
        for (vector, status, body, wanted) in [
            (
                "R01",
                201,
                sent.to_owned(),
                accepted("ATXid_a1c04e7b9d2f43688e5510f3b7c6d924", 80),
            ),
            (
                "R02",
                201,
                row(406, "UserInBlacklist"),
                refused(Refusal::Blocked),
            ),
            (
                "R03",
                201,
                r#"{"SMSMessageData":{"Message":"InvalidSenderId","Recipients":[]}}"#.to_owned(),
                refused(Refusal::SenderName),
            ),
            (
                "R04",
                401,
                "The supplied authentication is invalid".to_owned(),
                refused(Refusal::Key),
            ),
            (
                "R05",
                400,
                "Request is missing required form field 'to'".to_owned(),
                refused(Refusal::Request(
                    "Request is missing required form field 'to'".into(),
                )),
            ),
            (
                "R06",
                201,
                without_us.to_owned(),
                unknown("the answer leaves our number out"),
            ),
            (
                "R07",
                201,
                row(405, "InsufficientBalance"),
                refused(Refusal::NoCredit),
            ),
            (
                "R08",
                429,
                r#"{"error":"failed"}"#.to_owned(),
                refused(Refusal::Throttled),
            ),
            (
                "R09",
                502,
                "<html>bad gateway</html>".to_owned(),
                unknown("HTTP 502"),
            ),
            (
                "held back",
                201,
                row(401, "RiskHold"),
                refused(Refusal::HeldBack),
            ),
            (
                "sender name of one",
                201,
                row(402, "InvalidSenderId"),
                refused(Refusal::SenderName),
            ),
            (
                "bad number",
                201,
                row(403, "InvalidPhoneNumber"),
                refused(Refusal::Number),
            ),
            (
                "landline",
                201,
                row(404, "UnsupportedNumberType"),
                refused(Refusal::Number),
            ),
            (
                "no route",
                201,
                row(407, "CouldNotRoute"),
                refused(Refusal::NoRoute),
            ),
            (
                "do not disturb",
                201,
                row(409, "DoNotDisturbRejection"),
                refused(Refusal::Blocked),
            ),
            (
                "their trouble",
                201,
                row(500, "InternalServerError"),
                unknown("status 500"),
            ),
            (
                "gateway's trouble",
                201,
                row(501, "GatewayError"),
                unknown("status 501"),
            ),
            (
                "gateway says no",
                201,
                row(502, "RejectedByGateway"),
                refused(Refusal::NoRoute),
            ),
            (
                "a new code",
                201,
                row(499, "Teleported"),
                refused(Refusal::Other("499 Teleported".into())),
            ),
            (
                "accepted without an id",
                201,
                row(102, "Success"),
                unknown("accepted without an id"),
            ),
            (
                "HTML with 200",
                200,
                "<html>ok</html>".to_owned(),
                unknown("the answer does not read"),
            ),
            (
                "empty",
                201,
                String::new(),
                unknown("the answer does not read"),
            ),
            ("moved", 302, String::new(), unknown("HTTP 302")),
        ] {
            assert_eq!(handover(status, &body, TO), wanted, "{vector}");
        }
    }

    #[test]
    fn costs_are_shillings_or_not_known() {
        for (cost, cents) in [
            ("KES 0.8000", Some(80)),
            ("0", Some(0)),
            ("KES 1.6", Some(160)),
            ("USD 0.0079", None),
            ("", None),
            ("a lot", None),
        ] {
            assert_eq!(cost_in_shillings(cost).map(Money::cents), cents, "{cost}");
        }
    }

    #[test]
    fn r13_our_balance() {
        let wanted = Balance {
            currency: "USD".into(),
            amount: Decimal::new(120_455, 2),
        };
        assert_eq!(
            balance(200, r#"{"UserData":{"balance":"USD 1204.5500"}}"#),
            Ok(wanted)
        );
        assert!(balance(401, "The supplied authentication is invalid").is_err());
        assert!(balance(200, "<html>").is_err());
        assert!(balance(200, r#"{"UserData":{"balance":"lots"}}"#).is_err());
    }

    #[test]
    fn foreign_texts_lose_their_digits() {
        assert_eq!(
            short("no way to +254733000002\n"),
            "no way to +############"
        );
    }
}
