//! What people are asked by text. The one list of it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A question and what its answer belongs to. To ask something new, add a variant here, and what its answer does where
/// open questions are answered.
///
/// It is kept as JSON with its name as `kind`: a variant is not renamed while one may be open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Question {
    /// Somebody raised an alarm and did not say from where.
    WhereAreYou {
        /// The case the place belongs to.
        emergency: Uuid,
    },
    /// Somebody wants to pay into the fund of their stage and did not say, or not clearly, how much.
    HowMuch,
    /// The next of kin is asked whether it is the member who has forgotten the PIN.
    IsItThem { reset: Uuid },
    /// A phone that a member wants to move to is asked whether it is theirs.
    IsYourNumber { change: Uuid },
    /// Somebody paid to the paybill for an account that names nobody.
    WhoseMoney {
        /// M-PESA's own receipt number.
        receipt: String,
    },
    /// Somebody asks them to vouch for a loan.
    Vouch { loan: Uuid },
}
