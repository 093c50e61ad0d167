//! Four digits, and everything that makes four digits worth something: which are too easy, how they are kept,
//! and how often they may be tried.

mod choice;
mod desk;
mod duress;
mod guard;

pub use choice::{PinOwner, StrongPin, WeakPin};
pub use desk::{DeskError, NotAVerifier, PinDesk, PinVerifier};
pub(super) use duress::own_behind;
pub(super) use guard::{PinGuard, TRIES};
