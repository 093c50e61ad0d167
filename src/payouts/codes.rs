//! What the result codes of a payout mean (Daraja, B2C result; general core codes as on the Account Balance page).

use super::evidence::{AskAnswer, NotTaken, Said, SendAnswer};
use super::model::NotPaid;
use crate::payments::ResultCode;

/// What a result code of a payment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Paid,
    /// Not paid, for good.
    NotPaid(NotPaid),
    /// Cached and to be sent again by M-PESA itself: nothing has been decided.
    Pending,
    /// Paid or not: only Transaction Status can tell.
    Ambiguous,
}

/// An unknown code is ambiguous, never a failure.
pub fn classify(code: &ResultCode) -> Class {
    if code.is_paid() {
        return Class::Paid;
    }
    match code.as_str() {
        "1" => Class::NotPaid(NotPaid::FloatEmpty),
        "2" | "3" => Class::NotPaid(NotPaid::Amount),
        "4" | "8" => Class::NotPaid(NotPaid::RecipientFull),
        "2040" | "SFC_IC0003" => Class::NotPaid(NotPaid::NoSuchRecipient),
        code if is_our_fault(code) => Class::NotPaid(NotPaid::OurFault),
        "100000000" => Class::Pending,
        _ => Class::Ambiguous,
    }
}

/// The operator, its credential, our account, our contract or our request: the next payout would meet the same, and each
/// wrong try brings the operator nearer to being locked.
pub(super) fn is_our_fault(code: &str) -> bool {
    matches!(
        code,
        "11" | "18" | "20" | "21" | "22" | "24" | "25" | "29" | "2001" | "2006" | "2028" | "8006"
    )
}

/// Why nothing may leave any more after this was said, in words for whoever mends it. A question is refused for the
/// operator's credential like a payment, and brings the lock as near.
pub(super) fn stops_everything(said: &Said) -> Option<String> {
    match said {
        Said::Answer(SendAnswer::NotTaken(NotTaken::Refused { what }))
        | Said::Asked(AskAnswer::NotTaken(NotTaken::Refused { what })) => {
            Some(format!("Daraja refuses us: {what}"))
        }
        Said::Result(result) if is_our_fault(result.code.as_str()) => Some(format!(
            "a payout ended in {}: our operator, account or request is refused",
            result.code.as_str()
        )),
        Said::Status(status) if is_credential(status.code.as_str()) => Some(format!(
            "a question ended in {}: our operator is refused",
            status.code.as_str()
        )),
        _ => None,
    }
}

/// Codes of the operator's credential.
fn is_credential(code: &str) -> bool {
    matches!(code, "18" | "20" | "21" | "22" | "2001" | "8006")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_that_was_published_has_its_class() {
        use NotPaid::{Amount, FloatEmpty, NoSuchRecipient, OurFault, RecipientFull};
        for (code, class) in [
            ("0", Class::Paid),
            ("00000000", Class::Paid),
            ("1", Class::NotPaid(FloatEmpty)),
            ("2", Class::NotPaid(Amount)),
            ("3", Class::NotPaid(Amount)),
            ("4", Class::NotPaid(RecipientFull)),
            ("8", Class::NotPaid(RecipientFull)),
            ("11", Class::NotPaid(OurFault)),
            ("15", Class::Ambiguous),
            ("17", Class::Ambiguous),
            ("18", Class::NotPaid(OurFault)),
            ("21", Class::NotPaid(OurFault)),
            ("26", Class::Ambiguous),
            ("2001", Class::NotPaid(OurFault)),
            ("2040", Class::NotPaid(NoSuchRecipient)),
            ("8006", Class::NotPaid(OurFault)),
            ("SFC_IC0003", Class::NotPaid(NoSuchRecipient)),
            ("100000000", Class::Pending),
            ("100000001", Class::Ambiguous),
            ("", Class::Ambiguous),
            ("31337", Class::Ambiguous),
        ] {
            assert_eq!(classify(&ResultCode::new(code)), class, "{code}");
        }
    }
}
