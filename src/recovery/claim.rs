//! Somebody on a number nobody knows says that they are a member.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tracing::warn;
use uuid::Uuid;

use super::rules::{TRIES_COUNT_FOR, TRIES_OF_A_PHONE, TRIES_ON_A_MEMBER};
use super::store;
use crate::fault::Fault;
use crate::members::{
    self, MemberId, MemberKeys, MemberNumber, NationalId, PinAnswer, PinDesk, StatusWord, Who,
};
use crate::primitives::{Msisdn, Secret};

/// Wrong PINs are counted for this way in, so that a stranger here never locks the member's own phone out.
const PIN_ROUTE: &str = "new_phone";

/// Who they say they are, and what is to prove it.
pub struct Claim {
    pub from: Msisdn,
    pub number: MemberNumber,
    pub card: NationalId,
    pub pin: Secret,
}

/// What became of a claim. Which part was wrong is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    It(MemberId),
    Wrong,
    /// Too many tries from this phone, or on this member.
    TooMany,
    /// Too many PINs at once; the same a moment later may pass.
    Busy,
}

/// Looks at a claim. The try is counted, and the count committed, before anything is compared: many at once are no more than
/// one after another. That is why this takes the pool and no work. A claim on nobody takes as long as one on a member.
pub async fn prove(
    pool: &PgPool,
    keys: &MemberKeys,
    desk: &PinDesk,
    claim: Claim,
    now: DateTime<Utc>,
) -> Result<Proof, Fault> {
    let mut conn = pool.acquire().await?;
    let member = members::find(&mut conn, &Who::Number(claim.number)).await?;
    let meant = member.as_ref().map(|member| member.id);
    store::phone::insert_try(&mut conn, &claim.from, meant, now).await?;
    let since = now - TRIES_COUNT_FOR;
    let (of_phone, on_member) =
        store::phone::tries_since(&mut conn, &claim.from, meant, since).await?;
    if of_phone > TRIES_OF_A_PHONE || on_member > TRIES_ON_A_MEMBER {
        warn!(target: "security", of_phone, on_member, "Too many tries to be taken for a member");
        return Ok(Proof::TooMany);
    }
    let proven = match member {
        Some(member) if member.status.word() != StatusWord::Refused => {
            let is_card = members::has_national_id(&mut conn, keys, member.id, &claim.card).await?;
            is_card.then_some(member.id)
        }
        _ => None,
    };
    drop(conn);
    let nobody = MemberId(Uuid::now_v7());
    let asked = proven.unwrap_or(nobody);
    let answer = members::check_pin(pool, desk, asked, PIN_ROUTE, claim.pin, now).await?;
    Ok(match (answer, proven) {
        (PinAnswer::Right, Some(member)) => Proof::It(member),
        (PinAnswer::Locked { .. }, Some(_)) => Proof::TooMany,
        (PinAnswer::Busy, _) => Proof::Busy,
        _ => Proof::Wrong,
    })
}
