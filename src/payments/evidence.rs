//! What anybody told us about an attempt, in our own words. The raw bytes are kept beside it and come first.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::primitives::{Money, Msisdn};

/// Where a piece of evidence came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The provider's direct answer to our push.
    Push,
    /// The result posted to the attempt's secret path.
    Callback,
    /// The provider's answer to our question about the attempt.
    Query,
    /// A paybill confirmation (C2B).
    Paybill,
    /// The provider's own records: its pull interface, its statement.
    Records,
}

impl Source {
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Push => "push",
            Source::Callback => "callback",
            Source::Query => "query",
            Source::Paybill => "paybill",
            Source::Records => "records",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Source> {
        [
            Source::Push,
            Source::Callback,
            Source::Query,
            Source::Paybill,
            Source::Records,
        ]
        .into_iter()
        .find(|source| source.as_str() == name)
    }
}

/// One thing somebody said, understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// When it first reached us; a repeated delivery keeps the first time.
    pub at: DateTime<Utc>,
    /// False when it came from an address the provider does not publish.
    pub trusted: bool,
    pub said: Said,
}

/// What a piece of evidence says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    Push(PushAnswer),
    Callback(PromptResult),
    Query {
        checkout: String,
        answer: QueryAnswer,
    },
    Paybill(PaybillPayment),
    /// It came on the right path and nobody can read it.
    Unreadable,
}

/// The two names Daraja gives to one prompt. Opaque text; they may embed the subscriber's number, so they
/// print as nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PromptIds {
    pub merchant: String,
    pub checkout: String,
}

impl fmt::Debug for PromptIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PromptIds(…)")
    }
}

/// The provider's direct answer to a push. Accepted means only that a prompt will be tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushAnswer {
    Accepted(PromptIds),
    /// Provably without effect: no prompt was sent.
    NoPrompt(NoPrompt),
    /// A prompt may or may not exist; pushing again could charge twice.
    Unknown {
        ids: Option<PromptIds>,
    },
}

/// Why there was provably no prompt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoPrompt {
    /// M-PESA does not take this number.
    BadPhone,
    /// The subscriber is in another USSD or M-PESA dialogue.
    LineBusy,
    /// M-PESA is overloaded or could not be reached at all.
    SystemBusy,
    /// We push too fast for our contract, per second or per period.
    SlowDown(Pace),
    /// Announced maintenance.
    Maintenance,
    /// The access token was refused, and the fresh one as well.
    TokenRefused,
    /// Our own configuration is refused: nobody's push will work until somebody repairs it.
    Misconfigured { what: String },
    /// Refused in words we have no name for, without any id.
    Rejected,
    /// Ours: it could not be sent while the rider was still expecting it.
    TooLate,
}

impl NoPrompt {
    pub(super) fn name(&self) -> &'static str {
        match self {
            NoPrompt::BadPhone => "bad_phone",
            NoPrompt::LineBusy => "line_busy",
            NoPrompt::SystemBusy => "system_busy",
            NoPrompt::SlowDown(_) => "slow_down",
            NoPrompt::Maintenance => "maintenance",
            NoPrompt::TokenRefused => "token_refused",
            NoPrompt::Misconfigured { .. } => "misconfigured",
            NoPrompt::Rejected => "rejected",
            NoPrompt::TooLate => "too_late",
        }
    }
}

/// Which of our limits was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// Requests per second.
    Rate,
    /// The quota of a longer period.
    Quota,
}

/// The answer to "what became of this prompt?".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryAnswer {
    /// A result code of the prompt; `4999` means that it is still open.
    Result(ResultCode),
    /// Nothing can be learnt from this answer; ask again.
    NoAnswer,
    /// The provider does not know the id, with the code it also uses for "try later".
    NotKnown,
    /// The id is refused for good.
    BadId,
    /// Ask less often.
    SlowDown(Pace),
    TokenRefused,
    Misconfigured {
        what: String,
    },
}

/// A Daraja result code: a number, a numeric text or an alphanumeric text on the wire, text here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResultCode(String);

impl ResultCode {
    pub fn new(code: impl Into<String>) -> ResultCode {
        ResultCode(code.into().trim().to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Zero, in any number of digits.
    pub fn is_paid(&self) -> bool {
        !self.0.is_empty() && self.0.bytes().all(|digit| digit == b'0')
    }
}

/// The provider's receipt number of a payment, as in the rider's M-PESA message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Receipt(String);

impl Receipt {
    /// Six to twenty letters and digits; today's are ten. Anything else is no receipt.
    pub fn parse(text: &str) -> Option<Receipt> {
        let receipt = text.trim().to_ascii_uppercase();
        let plain = (6..=20).contains(&receipt.len())
            && receipt.bytes().all(|byte| byte.is_ascii_alphanumeric());
        plain.then_some(Receipt(receipt))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Names the payment where no obligation stands behind it.
    pub fn payment_id(&self) -> Uuid {
        Uuid::new_v5(&Uuid::NAMESPACE_OID, self.0.as_bytes())
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a callback says became of a prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromptResult {
    pub ids: PromptIds,
    pub code: ResultCode,
    pub receipt: Option<Receipt>,
    pub amount: Option<Money>,
    pub phone: Option<PhoneHint>,
}

/// A paybill confirmation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaybillPayment {
    pub receipt: Receipt,
    pub amount: Money,
    pub shortcode: String,
    /// What the payer typed (or what our push said), normalised: upper case, no spaces or `-_/.`.
    pub account: String,
    pub phone: Option<PhoneHint>,
}

impl PaybillPayment {
    /// The account as it is matched: what was typed, trimmed, upper case, without spaces and `-_/.`.
    pub fn normalise_account(typed: &str) -> String {
        typed
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_' | '/' | '.'))
            .flat_map(char::to_uppercase)
            .take(40)
            .collect()
    }
}

/// A payer's number as far as the provider shows it: whole, masked with stars or blanks, or hashed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PhoneHint(String);

impl PhoneHint {
    /// Kept to 80 characters.
    pub fn new(text: impl Into<String>) -> PhoneHint {
        PhoneHint(text.into().chars().take(80).collect())
    }

    /// True unless a digit that is shown contradicts this number. A hash shows nothing.
    pub fn agrees_with(&self, payer: &Msisdn) -> bool {
        let shown = self.0.trim().trim_start_matches('+');
        if shown.len() > 20 {
            return true;
        }
        let is_mask = |c: char| !c.is_ascii_digit();
        let head: String = shown.chars().take_while(|c| !is_mask(*c)).collect();
        if head.len() == shown.len() {
            return Msisdn::parse(shown).is_ok_and(|whole| whole == *payer);
        }
        let tail_start = shown.rfind(is_mask).map_or(0, |at| {
            at + shown[at..].chars().next().map_or(1, char::len_utf8)
        });
        payer.digits().starts_with(&head) && payer.digits().ends_with(&shown[tail_start..])
    }

    /// The number, where the whole of it is shown.
    pub fn whole(&self) -> Option<Msisdn> {
        Msisdn::parse(&self.0).ok()
    }

    /// The SHA-256 of the number, in lower-case hexadecimal, where that is shown (Daraja C2B v1).
    pub fn hash(&self) -> Option<String> {
        let shown = self.0.trim();
        let is_hash = shown.len() == 64 && shown.chars().all(|c| c.is_ascii_hexdigit());
        is_hash.then(|| shown.to_ascii_lowercase())
    }

    /// As it may be kept with an inflow: no more of the number than its ends.
    pub fn masked(&self) -> String {
        match Msisdn::parse(&self.0) {
            Ok(whole) => whole.to_string(),
            Err(_) => self.0.clone(),
        }
    }
}

impl fmt::Debug for PhoneHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneHint(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_number_contradicts_only_by_the_digits_it_shows() {
        let payer = Msisdn::parse("254712345678").unwrap();
        for (shown, agrees) in [
            ("254712345678", true),
            ("0712345678", true),
            ("2547 ***** 678", true),
            ("25471****678", true),
            ("*********678", true),
            (
                "7132104d6aae9c3fac82095a42c2817952bca48e09d98d5bf4ac08218982fb90",
                true,
            ),
            ("254799999999", false),
            ("2541 ***** 678", false),
            ("2547 ***** 679", false),
        ] {
            assert_eq!(PhoneHint::new(shown).agrees_with(&payer), agrees, "{shown}");
        }
    }

    #[test]
    fn accounts_are_matched_as_people_write_them() {
        for typed in ["ks 1042", "KS-1042", " ks.10/42 ", "KS_1042"] {
            assert_eq!(
                PaybillPayment::normalise_account(typed),
                "KS1042",
                "{typed}"
            );
        }
    }
}
