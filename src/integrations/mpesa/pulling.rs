//! Pull Transactions (Daraja): what was paid to the paybill in the last 48 hours.
//!
//! Rows come as a list inside a list, keys vary in their case, and the time's `Z` may or may not be meant.

use chrono::NaiveDateTime;
use serde::Serialize;
use serde_json::{Map, Value};

use super::answers::Heard;
use crate::payments::{PhoneHint, Receipt};
use crate::primitives::Money;
use crate::reconciling::PulledRow;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PullRegistration<'a> {
    pub short_code: &'a str,
    pub request_type: &'a str,
    pub nominated_number: &'a str,
    #[serde(rename = "CallBackURL")]
    pub callback_url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PullRequest<'a> {
    pub short_code: &'a str,
    /// Nairobi's time, `2026-11-05 15:00:00`.
    pub start_date: &'a str,
    pub end_date: &'a str,
    /// Rows to leave out from the beginning.
    #[serde(rename = "OffSetValue")]
    pub offset: String,
}

/// One page of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PulledPage {
    pub rows: Vec<PulledRow>,
    /// Rows in the answer, readable or not: the next page begins so much later.
    pub seen: usize,
    pub unreadable: usize,
}

/// Reads a page; nothing found is an empty one. The error is what Daraja said instead, for whoever looks into it.
pub fn pull_answer(heard: &Heard) -> Result<PulledPage, String> {
    let answer = answer(heard)?;
    match field(&answer, "responsecode").as_deref() {
        Some("1001") => return Ok(PulledPage::default()),
        Some(code) if is_ok(code) => {}
        other => {
            let words =
                field(&answer, "responsemessage").or_else(|| field(&answer, "errormessage"));
            let code = other.unwrap_or("no code");
            return Err(format!("{code}: {}", words.unwrap_or_default()));
        }
    }
    let mut found = Vec::new();
    let rows = answer
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("response"));
    if let Some((_, rows)) = rows {
        gather(rows, &mut found);
    }
    let rows: Vec<PulledRow> = found.iter().filter_map(|row| read(row)).collect();
    Ok(PulledPage {
        seen: found.len(),
        unreadable: found.len() - rows.len(),
        rows,
    })
}

/// True when the paybill is registered now, false when it was before.
pub fn registration_answer(heard: &Heard) -> Result<bool, String> {
    let answer = answer(heard)?;
    let status = field(&answer, "responsestatus").or_else(|| field(&answer, "responsecode"));
    match status.as_deref() {
        Some("1001") => Ok(false),
        Some(code) if is_ok(code) => Ok(true),
        other => Err(other.unwrap_or("no status").to_owned()),
    }
}

/// `1000`, and the zeros that Daraja's other products say.
fn is_ok(code: &str) -> bool {
    code == "1000" || code.bytes().all(|digit| digit == b'0')
}

fn answer(heard: &Heard) -> Result<Map<String, Value>, String> {
    match heard {
        Heard::Answer { body, status, .. } => match serde_json::from_slice(body) {
            Ok(Value::Object(answer)) => Ok(answer),
            _ => Err(format!("HTTP {status} with a body that is no JSON object")),
        },
        Heard::Lost => Err("no answer".to_owned()),
        Heard::Unsent => Err("Daraja cannot be reached".to_owned()),
    }
}

/// Lists in lists, however deep.
fn gather<'a>(value: &'a Value, rows: &mut Vec<&'a Map<String, Value>>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| gather(value, rows)),
        Value::Object(row) => rows.push(row),
        _ => {}
    }
}

/// By its name in any case; a number counts as its digits.
fn field(row: &Map<String, Value>, name: &str) -> Option<String> {
    let (_, value) = row.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn read(row: &Map<String, Value>) -> Option<PulledRow> {
    let amount: rust_decimal::Decimal = field(row, "amount")?.parse().ok()?;
    let amount = Money::try_from(amount)
        .ok()
        .filter(|amount| amount.is_positive())?;
    Some(PulledRow {
        receipt: Receipt::parse(&field(row, "transactionid")?)?,
        amount,
        written: written(&field(row, "trxdate")?)?,
        account: field(row, "billreference").unwrap_or_default(),
        payer_hint: field(row, "msisdn").map(|phone| PhoneHint::new(phone).masked()),
    })
}

/// The time of day as it stands there, whatever zone it claims.
fn written(text: &str) -> Option<NaiveDateTime> {
    let bare = text.trim_end_matches(['Z', 'z']);
    let bare = bare.split('+').next().unwrap_or(bare);
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(bare, format).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(status: u16, body: &str) -> Heard {
        Heard::Answer {
            status,
            content_type: "application/json".to_owned(),
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn rows_in_rows_in_any_case() {
        let body = r#"{"ResponseRefID":"26178-42530161-2","ResponseCode":"1000","ResponseMessage":"Success","Response":[[
            {"transactionId":"UK5B7K2M9P","trxDate":"2026-11-05T15:01:14Z","msisdn":"712345678","sender":"MPESA",
             "transactiontype":"c2b-pay-bill-debit","billreference":"ks 1042","amount":"200.0","organizationname":"KwaStage"},
            {"TransactionID":"UK5D4F6G8H","TrxDate":"2026-11-05 15:40:02","Amount":300},
            {"transactionId":"UK5","trxDate":"2026-11-05T15:01:14Z","amount":"200.0"}]]}"#;
        let page = pull_answer(&heard(200, body)).unwrap();
        assert_eq!((page.seen, page.unreadable), (3, 1));
        let first = &page.rows[0];
        assert_eq!(first.receipt.as_str(), "UK5B7K2M9P");
        assert_eq!(first.amount, Money::from_shillings(200));
        assert_eq!(first.written.to_string(), "2026-11-05 15:01:14");
        assert_eq!(first.account, "ks 1042");
        assert_eq!(page.rows[1].amount, Money::from_shillings(300));
    }

    #[test]
    fn nothing_is_a_page_and_a_refusal_is_none() {
        let nothing = r#"{"ResponseRefID":"1","ResponseCode":"1001","ResponseMessage":"Null","Response":[[]]}"#;
        assert_eq!(pull_answer(&heard(200, nothing)), Ok(PulledPage::default()));
        let refused = r#"{"requestId":"1","errorCode":"400.001","errorMessage":"Bad Request"}"#;
        assert_eq!(
            pull_answer(&heard(400, refused)),
            Err("no code: Bad Request".to_owned())
        );
        for lost in [
            Heard::Lost,
            Heard::Unsent,
            heard(200, "<html>"),
            heard(200, "[]"),
        ] {
            assert!(pull_answer(&lost).is_err());
        }
    }

    #[test]
    fn registering_twice_is_no_harm() {
        let said = |status: &str| {
            registration_answer(&heard(200, &format!(r#"{{"ResponseStatus":"{status}"}}"#)))
        };
        assert_eq!(said("1000"), Ok(true));
        assert_eq!(said("1001"), Ok(false));
        assert!(said("500").is_err());
    }

    #[test]
    fn no_bytes_upset_it() {
        use proptest::prelude::*;
        proptest!(|(bytes in proptest::collection::vec(any::<u8>(), 0..300))| {
            let heard = Heard::Answer { status: 200, content_type: String::new(), body: bytes };
            let _ = (pull_answer(&heard), registration_answer(&heard));
        });
    }
}
