//! The menu engine: documents in XML become an immutable graph of screens, and a caller's inputs a way through it.
//!
//! The language of documents is described in `docs/menus.md`. What a phone can know and do is a closed [`Vocabulary`];
//! the engine only ever asks for it ([`Wants`]) and is given it ([`supply`], [`resolve`]). Everything is pure: the same
//! session and input give the same screen, no input can make it fail, and no page is longer than the network allows.

mod check;
mod compile;
mod decide;
mod exchange;
mod graph;
mod input;
mod keys;
mod render;
mod screens;
mod session;
mod travel;
mod typed;
mod vocabulary;

pub use decide::{decide, decide_dialled, open, resolve, supply};
pub use exchange::{Asked, Heard, Moved, Name, Opening, Outcome, Row, Supplied, Wants};
pub use render::{Page, render, sorry};
pub use screens::{Digest, Limits, Menus};
pub use session::{
    Session, expects_choice, fits, is_home, is_over, is_resume_offer, is_worth_resuming,
};
pub use vocabulary::{Effect, Fact, IntentSpec, Kind, OutcomeSpec, Variable, Vocabulary};
