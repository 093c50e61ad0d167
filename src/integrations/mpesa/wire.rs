//! Daraja's bodies as they travel. Reading is lenient: codes and numbers come as text or number, items in any
//! order, alone or in a list, with or without a value, and whatever else there is stays unread.

use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::payments::{
    PaybillPayment, PhoneHint, PromptIds, PromptResult, Receipt, ResultCode, Said,
};
use crate::primitives::Money;

/// The push and query password: base64 of shortcode, passkey and timestamp, nothing between them.
pub fn password(shortcode: &str, passkey: &str, timestamp: &str) -> String {
    BASE64_STANDARD.encode(format!("{shortcode}{passkey}{timestamp}"))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PushRequest<'a> {
    pub business_short_code: &'a str,
    pub password: String,
    pub timestamp: String,
    pub transaction_type: &'a str,
    /// Whole shillings.
    pub amount: String,
    pub party_a: &'a str,
    pub party_b: &'a str,
    pub phone_number: &'a str,
    #[serde(rename = "CallBackURL")]
    pub callback_url: String,
    pub account_reference: &'a str,
    pub transaction_desc: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueryRequest<'a> {
    pub business_short_code: &'a str,
    pub password: String,
    pub timestamp: String,
    #[serde(rename = "CheckoutRequestID")]
    pub checkout_request_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RegisterRequest<'a> {
    pub short_code: &'a str,
    /// What M-PESA does when validation does not answer: `Completed` never refuses a rider's money.
    pub response_type: &'a str,
    #[serde(rename = "ConfirmationURL")]
    pub confirmation_url: String,
    #[serde(rename = "ValidationURL")]
    pub validation_url: String,
}

/// A text that may travel as a text or as a number, or not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Loose(pub Option<String>);

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Loose, D::Error> {
        Ok(Loose(match Value::deserialize(deserializer)? {
            Value::String(text) => Some(text),
            // The digits as they were sent: no float has touched them.
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }))
    }
}

impl Loose {
    pub(super) fn text(&self) -> &str {
        self.0.as_deref().unwrap_or_default().trim()
    }

    pub(super) fn filled(&self) -> Option<&str> {
        Some(self.text()).filter(|text| !text.is_empty())
    }

    pub(super) fn money(&self) -> Option<Money> {
        let text = self.filled()?;
        let exact = Decimal::from_str(text)
            .or_else(|_| Decimal::from_scientific(text))
            .ok()?;
        Money::try_from(exact)
            .ok()
            .filter(|money| money.is_positive())
    }
}

/// Success-shaped answers to a push and to a query.
#[derive(Debug, Default, Deserialize)]
pub(super) struct CallAnswer {
    #[serde(rename = "MerchantRequestID", default)]
    pub merchant: Loose,
    #[serde(rename = "CheckoutRequestID", default)]
    pub checkout: Loose,
    #[serde(rename = "ResponseCode", default)]
    pub response_code: Loose,
    #[serde(rename = "ResultCode", default)]
    pub result_code: Loose,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct ErrorEnvelope {
    #[serde(rename = "errorCode", default)]
    pub code: Loose,
    #[serde(rename = "errorMessage", default)]
    pub message: Loose,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct FaultEnvelope {
    pub fault: Option<GatewayFault>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct GatewayFault {
    #[serde(rename = "faultstring", default)]
    pub words: Loose,
    #[serde(default)]
    pub detail: Option<FaultDetail>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct FaultDetail {
    #[serde(rename = "errorcode", default)]
    pub code: Loose,
}

#[derive(Deserialize)]
pub(super) struct TokenBody {
    #[serde(default)]
    pub access_token: Loose,
    #[serde(default)]
    pub expires_in: Loose,
}

#[derive(Deserialize)]
struct ResultEnvelope {
    #[serde(rename = "Body")]
    body: ResultBody,
}

#[derive(Deserialize)]
struct ResultBody {
    #[serde(rename = "stkCallback")]
    callback: StkCallback,
}

#[derive(Deserialize)]
struct StkCallback {
    #[serde(rename = "MerchantRequestID", default)]
    merchant: Loose,
    #[serde(rename = "CheckoutRequestID", default)]
    checkout: Loose,
    #[serde(rename = "ResultCode", default)]
    code: Loose,
    #[serde(rename = "CallbackMetadata", default)]
    metadata: Option<Metadata>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(rename = "Item", default)]
    items: Value,
}

impl Metadata {
    /// By name, never by position.
    fn item(&self, name: &str) -> Loose {
        let items = match &self.items {
            Value::Array(items) => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        let found = items
            .iter()
            .find(|item| item.get("Name").and_then(Value::as_str) == Some(name));
        let value = found
            .and_then(|item| item.get("Value"))
            .cloned()
            .unwrap_or_default();
        Loose::deserialize(value).unwrap_or_default()
    }
}

/// Reads the body of an STK callback.
pub fn read_prompt_result(body: &[u8]) -> Said {
    let Ok(ResultEnvelope {
        body: ResultBody { callback },
    }) = serde_json::from_slice(body)
    else {
        return Said::Unreadable;
    };
    let (Some(checkout), Some(code)) = (callback.checkout.filled(), callback.code.filled()) else {
        return Said::Unreadable;
    };
    let metadata = callback.metadata.unwrap_or_default();
    Said::Callback(PromptResult {
        ids: PromptIds {
            merchant: callback.merchant.text().to_owned(),
            checkout: checkout.to_owned(),
        },
        code: ResultCode::new(code),
        receipt: metadata
            .item("MpesaReceiptNumber")
            .filled()
            .and_then(Receipt::parse),
        amount: metadata.item("Amount").money(),
        phone: metadata.item("PhoneNumber").filled().map(PhoneHint::new),
    })
}

#[derive(Deserialize)]
struct PaybillBody {
    #[serde(rename = "TransID", default)]
    receipt: Loose,
    #[serde(rename = "TransAmount", default)]
    amount: Loose,
    #[serde(rename = "BusinessShortCode", default)]
    shortcode: Loose,
    #[serde(rename = "BillRefNumber", default)]
    account: Loose,
    #[serde(rename = "MSISDN", default)]
    phone: Loose,
}

/// Reads the body of a paybill confirmation or validation; both look alike.
pub fn read_paybill(body: &[u8]) -> Said {
    let Ok(paybill) = serde_json::from_slice::<PaybillBody>(body) else {
        return Said::Unreadable;
    };
    let (Some(receipt), Some(amount)) = (
        Receipt::parse(paybill.receipt.text()),
        paybill.amount.money(),
    ) else {
        return Said::Unreadable;
    };
    Said::Paybill(PaybillPayment {
        receipt,
        amount,
        shortcode: paybill.shortcode.text().to_owned(),
        account: PaybillPayment::normalise_account(paybill.account.text()),
        phone: paybill.phone.filled().map(PhoneHint::new),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_the_three_texts_in_base64() {
        let passkey = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
        assert_eq!(
            password("600123", passkey, "20261105143007"),
            "NjAwMTIzMGYxZTJkM2M0YjVhNjk3ODg3OTZhNWI0YzNkMmUxZjAwZjFlMmQzYzRiNWE2OTc4ODc5NmE1YjRjM2QyZTFmMDIwMjYxMTA1MTQzMDA3"
        );
    }

    #[test]
    fn amounts_are_exact_in_every_spelling() {
        for (json, cents) in [
            ("1500.00", Some(150_000)),
            ("1500", Some(150_000)),
            ("\"1500.00\"", Some(150_000)),
            ("1.5e3", Some(150_000)),
            ("0.1", Some(10)),
            ("\"\"", None),
            ("0", None),
            ("-5", None),
            ("null", None),
            ("1.005", None),
            ("[1]", None),
        ] {
            let loose: Loose = serde_json::from_str(json).unwrap();
            assert_eq!(loose.money().map(Money::cents), cents, "{json}");
        }
    }

    #[test]
    fn no_bytes_upset_the_readers() {
        use proptest::prelude::*;
        let whole = br#"{"Body":{"stkCallback":{"CheckoutRequestID":"ws_CO_1","ResultCode":0,"CallbackMetadata":{"Item":[{"Name":"Amount","Value":1500.00},{"Name":"Balance"}]}}}}"#;
        proptest!(|(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0..whole.len(), at in 0..whole.len(), byte: u8)| {
            let _ = (read_prompt_result(&bytes), read_paybill(&bytes));
            prop_assert_eq!(read_prompt_result(&whole[..cut]), Said::Unreadable);
            let mut damaged = whole.to_vec();
            damaged[at] = byte;
            let _ = (read_prompt_result(&damaged), read_paybill(&damaged));
        });
    }
}
