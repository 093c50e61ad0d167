//! One voice to many phones: what officials tell their stage or their SACCO, what the desk tells everyone, and what
//! members post to their stage once an official has read it.
//!
//! A broadcast is a draft until its sender has seen to how many people it goes and what that costs, and has said yes with
//! their PIN. Then a job writes its recipients and their messages in batches, each batch in one transaction with how far
//! it has come: whatever dies in between, nobody is written to twice and nobody is left out. When the messages have met
//! their ends the sender is told how many arrived.
//!
//! Who has said STOP is not written to, whatever the broadcast. The author's own phone is left out as well.

pub mod jobs;
mod model;
mod posts;
mod service;
mod store;
mod telling;
#[cfg(test)]
mod tests;
mod words;
mod writing;

pub use model::{
    Audience, BroadcastId, Kind, Official, Post, PostId, Preview, Rules, Verdict, Wording,
    WordingRefused,
};
pub use posts::{DecideError, Decided, PostError, Posted, decide, post, waiting_posts};
pub use service::{
    ConfirmError, Confirmed, Draft, DraftError, Standing, confirm, draft, open_draft, preview,
    send_from_desk, sent_by,
};
pub use telling::tell_of_the_finished;
pub use words::{Asked, read};
pub use writing::{WriteRecipients, write_batch};
