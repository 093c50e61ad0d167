//! The result codes of an STK prompt (callback and query): what each means for the rider, for us and for a next try.
//!
//! The code is the contract; the prose beside it differs between channels and days and is never matched.

use serde::{Deserialize, Serialize};

use super::evidence::ResultCode;

/// How much a code settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Final: paid.
    Paid,
    /// Final: not paid, and no money was taken.
    NotPaid,
    /// Final: not paid, and it is our configuration's fault.
    Configuration,
    /// Nothing yet; ask again.
    Pending,
    /// Money may have moved. Two agreeing readings close it.
    Ambiguous,
    /// A code nobody told us about: readings never close it, a person does.
    Unknown,
}

/// What a code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    pub class: Class,
    /// What the rider is told once the code is final.
    pub text: TextKey,
}

/// The Daraja STK result codes.
pub fn meaning(code: &ResultCode) -> Meaning {
    use Class::{Ambiguous, Configuration, NotPaid, Paid, Pending, Unknown};
    use TextKey as Text;
    let (class, text) = match code.as_str() {
        _ if code.is_paid() => (Paid, Text::Paid),
        "1" => (NotPaid, Text::LowBalance),
        "2" | "3" | "4" => (NotPaid, Text::Limit),
        // The cap of our own paybill.
        "8" => (Configuration, Text::System),
        "11" | "2006" => (NotPaid, Text::Wallet),
        "17" => (NotPaid, Text::WaitTwoMinutes),
        "26" | "1025" | "9999" => (NotPaid, Text::System),
        "1001" => (NotPaid, Text::Busy),
        // The prompt may have been seen.
        "1019" | "1036" | "1037" => (Ambiguous, Text::NoAnswer),
        "1031" | "1032" => (NotPaid, Text::Cancelled),
        // A wrong PIN here; only on payouts is it our own credential.
        "2001" => (NotPaid, Text::WrongPin),
        "2028" | "SFC_IC0003" => (Configuration, Text::System),
        "8006" => (NotPaid, Text::PinLocked),
        "4999" => (Pending, Text::Checking),
        _ => (Unknown, Text::Checking),
    };
    Meaning { class, text }
}

/// A text for the rider. The names are stable: templates and reports use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TextKey {
    #[serde(rename = "PAID")]
    Paid,
    #[serde(rename = "LATE")]
    Late,
    #[serde(rename = "TWICE")]
    Twice,
    #[serde(rename = "LOWBAL")]
    LowBalance,
    #[serde(rename = "CANCEL")]
    Cancelled,
    #[serde(rename = "CHECK")]
    Checking,
    #[serde(rename = "NOANSWER")]
    NoAnswer,
    #[serde(rename = "BUSY")]
    Busy,
    #[serde(rename = "PIN")]
    WrongPin,
    #[serde(rename = "PINLOCK")]
    PinLocked,
    #[serde(rename = "LIMIT")]
    Limit,
    #[serde(rename = "WAIT2")]
    WaitTwoMinutes,
    #[serde(rename = "WALLET")]
    Wallet,
    #[serde(rename = "BADPHONE")]
    BadPhone,
    #[serde(rename = "SYSTEM")]
    System,
    /// Nobody could tell within a day; a person takes over. Never says that no money was taken.
    #[serde(rename = "UNRESOLVED")]
    Unresolved,
    /// Another amount than the one asked for arrived; a person takes over.
    #[serde(rename = "MISMATCH")]
    Mismatch,
}

impl TextKey {
    pub fn as_str(self) -> &'static str {
        match self {
            TextKey::Paid => "PAID",
            TextKey::Late => "LATE",
            TextKey::Twice => "TWICE",
            TextKey::LowBalance => "LOWBAL",
            TextKey::Cancelled => "CANCEL",
            TextKey::Checking => "CHECK",
            TextKey::NoAnswer => "NOANSWER",
            TextKey::Busy => "BUSY",
            TextKey::WrongPin => "PIN",
            TextKey::PinLocked => "PINLOCK",
            TextKey::Limit => "LIMIT",
            TextKey::WaitTwoMinutes => "WAIT2",
            TextKey::Wallet => "WALLET",
            TextKey::BadPhone => "BADPHONE",
            TextKey::System => "SYSTEM",
            TextKey::Unresolved => "UNRESOLVED",
            TextKey::Mismatch => "MISMATCH",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_table_has_its_class_and_text() {
        use Class::{Ambiguous, Configuration, NotPaid, Paid, Pending, Unknown};
        for (code, class, text) in [
            ("0", Paid, "PAID"),
            ("00000000", Paid, "PAID"),
            ("1", NotPaid, "LOWBAL"),
            ("2", NotPaid, "LIMIT"),
            ("3", NotPaid, "LIMIT"),
            ("4", NotPaid, "LIMIT"),
            ("8", Configuration, "SYSTEM"),
            ("11", NotPaid, "WALLET"),
            ("17", NotPaid, "WAIT2"),
            ("26", NotPaid, "SYSTEM"),
            ("1001", NotPaid, "BUSY"),
            ("1019", Ambiguous, "NOANSWER"),
            ("1025", NotPaid, "SYSTEM"),
            ("9999", NotPaid, "SYSTEM"),
            ("1031", NotPaid, "CANCEL"),
            ("1032", NotPaid, "CANCEL"),
            ("1036", Ambiguous, "NOANSWER"),
            ("1037", Ambiguous, "NOANSWER"),
            ("2001", NotPaid, "PIN"),
            ("2006", NotPaid, "WALLET"),
            ("2028", Configuration, "SYSTEM"),
            ("8006", NotPaid, "PINLOCK"),
            ("SFC_IC0003", Configuration, "SYSTEM"),
            ("4999", Pending, "CHECK"),
            ("7777", Unknown, "CHECK"),
            ("34", Unknown, "CHECK"),
            ("", Unknown, "CHECK"),
        ] {
            let meant = meaning(&ResultCode::new(code));
            assert_eq!(
                (meant.class, meant.text.as_str()),
                (class, text),
                "code {code:?}"
            );
        }
    }
}
