//! How a member gets back in: a forgotten PIN, a lost SIM, a new number.
//!
//! Nobody lets anybody in alone. A forgotten PIN takes two officials (or staff), or one and the next of kin; a new number takes
//! the member number with national id and PIN, or the old phone with the PIN, or two of the staff. Whatever is asked is told to
//! the phone we know at once, which stops it with one word ([`not_me`]). Money out cools off from each change on.

mod claim;
mod phone;
mod reset;
mod rules;
mod store;

pub use claim::{Claim, Proof, prove};
pub use phone::{
    AskChangeError, ChangeAsked, ChangeId, Moving, ask_change, confirm_change, move_next,
    second_by_staff,
};
pub use reset::{
    AnswerError, AskResetError, ResetId, ResetStanding, Waiting, answer_reset, ask_reset, reset_of,
    staff_says, use_reset, waiting_for,
};
pub use rules::{AskedFrom, Verdict, Voice};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::fault::Fault;
use crate::members::{self, MemberId, Who};
use crate::primitives::Msisdn;
use crate::questions::{self, Question};
use crate::work::Work;

/// What one word from a phone has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// A new PIN or a new number was being asked for, and is not any more.
    Stopped,
    /// The number was changed already: the member, whose money can at least be held.
    TooLate(MemberId),
    Nothing,
}

/// `NOTME`: whoever holds the phone we know says that it was not them who asked.
pub async fn not_me(work: &mut Work, phone: &Msisdn) -> Result<Stopped, Fault> {
    let now = work.now;
    let member = members::find(work.conn(), &Who::Phone(phone.clone())).await?;
    let mut stopped = store::phone::stop_claim_on(work.conn(), phone, now).await?;
    if let Some(member) = member {
        stopped |= store::phone::stop(work.conn(), member.id, now).await?;
        stopped |= store::reset::stop(work.conn(), member.id, now).await?;
        if stopped {
            work.record(phone::Stopping { member: member.id }).await?;
        }
    }
    if stopped {
        return Ok(Stopped::Stopped);
    }
    let since = now - rules::REGRET;
    let moved = store::phone::moved_from(work.conn(), phone, since).await?;
    Ok(moved.map_or(Stopped::Nothing, Stopped::TooLate))
}

/// Lets go of tries that count no more; how many there were.
pub async fn forget_tries(conn: &mut PgConnection, before: DateTime<Utc>) -> Result<u64, Fault> {
    store::phone::delete_tries(conn, before).await
}

/// A phone that was asked where it is, or for an amount, is not asked something else over it.
async fn may_be_asked(work: &mut Work, phone: &Msisdn) -> Result<bool, Fault> {
    Ok(match questions::open(work, phone).await? {
        None | Some(Question::IsItThem { .. } | Question::IsYourNumber { .. }) => true,
        Some(_) => false,
    })
}
