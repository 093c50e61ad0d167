//! Who the riders are, and how they prove it.
//!
//! A rider joins on the phone and is *pending*; staff approve (or refuse, with a reason that is told); with the
//! registration fee paid the member is *active*. The number on the card comes a moment after the approval, in a
//! batch, so that a year's numbers have no gaps. Nothing here writes to a phone: each deed gives back what its
//! caller needs to choose the words.
//!
//! What this room never lets out: a PIN (kept only as a keyed verifier, [`PinDesk`]), a national id (sealed to its row,
//! [`NationalId`]), and a full phone number in anything that is printed.

mod credentials;
mod helpers;
mod keys;
mod model;
mod national_id;
mod number;
mod officers;
mod pin;
mod roster;
mod service;
mod store;
#[cfg(test)]
mod tests;
mod words;

pub use credentials::{Credential, latest_credential_change, note_credential_change};
pub use helpers::{Helper, Helping, helpers_of, helping, offer_help};
pub use keys::{Key, KeyRing, MemberKeys, NotAKey};
pub use model::{
    ASKS_AGAIN_AFTER, ApprovalRefused, Fee, Kin, Member, MemberId, Status, StatusWord, Who,
};
pub use national_id::{NationalId, NotANationalId};
pub use number::{MemberNumber, NotAMemberNumber};
pub use officers::{
    Officer, Role, StageOfficial, appoint, dismiss, officers, officers_on_duty,
    officers_on_duty_at, official,
};
pub use pin::{DeskError, NotAVerifier, PinDesk, PinOwner, PinVerifier, StrongPin, WeakPin};
pub use roster::{
    NoSwap, StageRole, Swap, WentOff, answer_swap, ask_swap, go_off_duty, go_on_duty, note_gaps,
    roles_of, swap_asked_of,
};
pub use service::approval::{ApproveError, Approved, RefuseError, Refused, approve, refuse};
pub use service::joining::{
    Consent, FeePaid, Join, JoinError, Joined, fee_paid, is_national_id_taken, join,
};
pub use service::moving::{ChangePhoneError, change_phone, has_national_id};
pub use service::numbering::number_pending;
pub use service::proving::{
    ChangePinError, PinAnswer, PinChanged, change_pin, check_pin, check_stopping_pin, pin_owner,
};
pub use service::settings::{change_kin, change_language, note_language, set_category};
pub use service::suspending::{SuspendError, reinstate, suspend};
pub use store::{
    AtDial, DialledMember, Search, at_dial, caller_language, counts, find, kin_of, load, pending,
    phone_of_hash, search,
};
pub use words::{Name, NotAName, Reason, Relation};
