//! Insurance: products that insurers let us sell, quotes, policies, their premiums, and the proof that somebody is covered.
//!
//! Products are documents (`insurance/*.xml`, checked when they are loaded): what they cover, what they cost and which times
//! they keep. A quote is kept for as long as it is valid; taken, it becomes a policy that waits for its first premium; with
//! that it has a number and a code, and there is cover. Each premium adds a period behind the cover there is: paid twice, it
//! lasts longer. A policy that nobody pays for lapses, and comes back with a premium.
//!
//! A premium belongs to the insurer from the moment it comes in, but for our commission: the ledger keeps it under the insurer's
//! name. Money that no policy can take goes to the member's wallet. The rules are in `rating`, `cover`, `policy` and `refund`,
//! and are pure.

pub mod cover;
pub mod jobs;
mod number;
mod policy;
mod product;
pub mod rating;
mod refund;
mod service;
mod store;
mod telling;

pub use number::{NotAPolicyNumber, PolicyNumber, ProofCode};
pub use policy::{Beneficiary, Issued, NotPayable, Policy, PolicyId, Stage};
pub use product::{Category, Insurer, LINE_CHARS_MAX, NAME_CHARS_MAX, Product, Shelf, Texts};
pub use refund::{PaidFor, Refund};
pub use service::ending::{CancelError, Cancelled, cancel, refund_if_cancelled};
pub use service::paying::{
    Came, FromWallet, PayError, PremiumFrom, Price, PriceError, pay_from_wallet, premium_came,
    price_of,
};
pub use service::proving::{Asker, Proof, prove};
pub use service::quoting::{Quote, QuoteError, QuoteId, Quoting, offered, quote, quote_of};
pub use service::taking::{Take, TakeError, Taken, take};
pub use service::watching::attend_due;
pub use store::reading::{
    Held, Owed, PremiumLine, find, held, owed_to_insurers, policies_of, premiums_of,
};
pub use telling::tell_of_premium;
