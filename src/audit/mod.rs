//! What staff did: who, what, before, after, when, from where and why, written in the deed's own transaction.
//!
//! Entries are only ever added. Off the hot path a sealer chains them: each seal is a digest over the seal before it and the
//! whole entry, so that a page that was rewritten, torn out, put in or moved shows ([`verify`]). A chain proves nothing
//! against who can rewrite all of it, so its head is said to the security log again and again, which is shipped away: whoever
//! verifies gives a head that was noted elsewhere.

mod chain;
mod model;
mod service;
mod store;
#[cfg(test)]
mod tests;

pub use chain::Digest;
pub use model::{Act, Actor, Entry, Filter, Trail};
pub use service::{Anchor, Report, Wrong, head, seal, verify, write};
pub use store::entries;
