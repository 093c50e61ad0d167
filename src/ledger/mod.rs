//! Double entry. The ledger knows accounts, journals and postings and nothing else: what a movement of money means is said once, in
//! [`postings`], and what must never happen to it is refused by the database itself (`migrations/0002_ledger.sql`).
//!
//! * A [`Posting`] that is unbalanced or moves nothing cannot be built, and could not be written either.
//! * [`post`] writes one journal per [`Key`], for ever: a repeat is an ordinary answer, another body under the key a refusal.
//! * Wallets keep a running balance. Funds and clearing accounts, which thousands touch in the same minute, keep a snapshot and a
//!   tail, so that contributors never queue behind each other; [`roll_due`] shortens the tails.
//!
//! Call [`post`] once in a transaction and as late as the deed allows: its locks are held until the commit.

mod account;
mod posting;
pub mod postings;
mod reading;
mod service;
mod verify;

pub use account::{Account, Earning, Rail};
pub use posting::{Credited, Debited, JournalId, NotAPosting, Posting};
pub use reading::{Line, Movement, came_by_mpesa, first_movement, lines_after, movements_of};
pub use service::{Key, PostError, Posted, balance, balances, post, roll_due};
pub use verify::{Report, verify, verify_whole};
