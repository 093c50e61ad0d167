//! The wallet: a member's own money, held in trust, and never less than nothing.
//!
//! Money comes in by M-PESA or from another member, and goes out into the stage's fund or to another member. Whoever takes
//! money out holds the wallet's row first; the ledger then locks both balances in its own order, so two people who send to
//! each other at the same moment wait for one another and never for ever. Limits are counted in Nairobi days and months.

mod limits;
mod model;
mod service;
mod store;

pub use limits::{Limits, Spent};
pub use model::{Line, Recipient, Sent, Source, Spend, SpendError, What};
pub use service::{
    allowed, contribute, credit, freeze, is_frozen, last_recipients, lines, note, pay_dues, send,
    thaw, withdraw, withdrawal_returned,
};
