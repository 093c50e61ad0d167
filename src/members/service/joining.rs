//! A rider asks to join, and the registration fee comes in.

use chrono::NaiveDate;
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::events::Event;
use crate::fault::Fault;
use crate::members::keys::MemberKeys;
use crate::members::model::{ASKS_AGAIN_AFTER, Kin, MemberId, StatusWord};
use crate::members::national_id::NationalId;
use crate::members::pin::PinVerifier;
use crate::members::store;
use crate::members::words::Name;
use crate::primitives::{Language, Msisdn};
use crate::stages::StageId;
use crate::work::Work;

/// Everything a rider has said by the time of the last Yes.
#[derive(Clone, Debug)]
pub struct Join {
    /// Made when the PIN was chosen: the verifier is good for this id only.
    pub id: MemberId,
    /// Names the hop that asks, as `session:step`. The same hop again joins nobody twice.
    pub key: String,
    pub msisdn: Msisdn,
    pub language: Language,
    pub first_name: Name,
    pub last_name: Name,
    pub national_id: NationalId,
    pub birth_date: Option<NaiveDate>,
    pub stage: StageId,
    pub kin: Kin,
    pub pin_verifier: PinVerifier,
    pub consent: Consent,
}

/// Which text was agreed to, and where that can be looked up.
#[derive(Clone, Debug)]
pub struct Consent {
    pub version: String,
    /// `ussd`, `sms` or `staff`.
    pub channel: String,
    pub session: String,
}

/// A pending member, now or since an earlier time the same hop came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    pub id: MemberId,
    pub repeated: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    #[error("this phone already belongs to a member")]
    AlreadyMember,
    #[error("this national id already belongs to a member")]
    NationalIdTaken,
    #[error(transparent)]
    Fault(#[from] Fault),
}

#[derive(Serialize)]
struct MemberJoined {
    member: MemberId,
    stage: StageId,
    language: Language,
    consent: String,
}

impl Event for MemberJoined {
    const NAME: &'static str = "member.joined";
    fn subject(&self) -> Uuid {
        self.member.0
    }
}

/// Writes the member down as pending, with PIN, next of kin and consent. Who was refused long enough ago asks again in the row
/// they had; a fee they paid then is owed back, and the new request has one of its own.
pub async fn join(work: &mut Work, keys: &MemberKeys, asked: Join) -> Result<Joined, JoinError> {
    let now = work.now;
    let index = asked.national_id.index(&keys.index);
    let sealed = asked.national_id.seal(&keys.sealing, asked.id)?;
    let others = store::is_index_taken(work.conn(), &index, Some(asked.id)).await?;
    let asks_again = !others
        && store::ask_again(
            work.conn(),
            &asked,
            &sealed,
            &index,
            now,
            now - ASKS_AGAIN_AFTER,
        )
        .await?;
    if !asks_again && !store::insert(work.conn(), &asked, &sealed, &index, now).await? {
        return already_there(work, &asked, &index).await;
    }
    store::save_pin(work.conn(), asked.id, &asked.pin_verifier, now).await?;
    store::save_kin(work.conn(), asked.id, &asked.kin, now).await?;
    store::insert_consent(work.conn(), asked.id, asked.language, &asked.consent, now).await?;
    let consent = asked.consent.version;
    work.record(MemberJoined {
        member: asked.id,
        stage: asked.stage,
        language: asked.language,
        consent,
    })
    .await?;
    Ok(Joined {
        id: asked.id,
        repeated: false,
    })
}

/// Whether somebody else has joined with this card. Asked early, so that nobody fills in a form for nothing; [`join`] asks
/// again.
pub async fn is_national_id_taken(
    conn: &mut PgConnection,
    keys: &MemberKeys,
    national_id: &NationalId,
    but_for: Option<MemberId>,
) -> Result<bool, Fault> {
    store::is_index_taken(conn, &national_id.index(&keys.index), but_for).await
}

async fn already_there(
    work: &mut Work,
    asked: &Join,
    index: &[u8; 32],
) -> Result<Joined, JoinError> {
    let there = store::who_is_there(work.conn(), &asked.key, &asked.msisdn, index).await?;
    match there {
        store::There::ByKey(id) => Ok(Joined { id, repeated: true }),
        store::There::ByPhone => Err(JoinError::AlreadyMember),
        store::There::ByNationalId => Err(JoinError::NationalIdTaken),
        store::There::Nobody => Err(Fault::broken(format!(
            "member {} collides with nobody we can see",
            asked.id
        ))
        .into()),
    }
}

/// What a registration fee meant when it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeePaid {
    /// Noted. With `status` active the member was approved before and has only waited for this; with `status` refused
    /// the payment came too late and is owed back.
    Now { status: StatusWord },
    /// This very payment was noted before.
    Repeated,
    /// Another payment was noted before: this one is owed back.
    PaidBefore { payment: Uuid },
}

#[derive(Serialize)]
struct MemberFeePaid {
    member: MemberId,
    payment: Uuid,
    status: StatusWord,
}

impl Event for MemberFeePaid {
    const NAME: &'static str = "member.fee_paid";
    fn subject(&self) -> Uuid {
        self.member.0
    }
}

/// The registration fee of a member has come in with this payment.
pub async fn fee_paid(work: &mut Work, member: MemberId, payment: Uuid) -> Result<FeePaid, Fault> {
    let (loaded, paid_with) = store::lock_for_fee(work.conn(), member).await?;
    match paid_with {
        Some(noted) if noted == payment => return Ok(FeePaid::Repeated),
        Some(noted) => return Ok(FeePaid::PaidBefore { payment: noted }),
        None => {}
    }
    let paid = loaded.pay_fee(work.now);
    store::save_fee(work.conn(), &paid, payment).await?;
    let status = paid.status.word();
    work.record(MemberFeePaid {
        member,
        payment,
        status,
    })
    .await?;
    Ok(FeePaid::Now { status })
}
