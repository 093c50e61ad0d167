//! What members change about themselves.

use serde::Serialize;
use uuid::Uuid;

use crate::events::Event;
use crate::fault::Fault;
use crate::members::model::{Kin, MemberId};
use crate::members::store;
use crate::primitives::{Language, Msisdn};
use crate::work::Work;

#[derive(Serialize)]
struct MemberLanguageChanged {
    member: MemberId,
    language: Language,
}

impl Event for MemberLanguageChanged {
    const NAME: &'static str = "member.language_changed";
    fn subject(&self) -> Uuid {
        self.member.0
    }
}

/// Remembers the language of a phone, whether or not it belongs to a member.
pub async fn change_language(
    work: &mut Work,
    msisdn: &Msisdn,
    language: Language,
) -> Result<(), Fault> {
    store::save_caller_language(work.conn(), msisdn, language).await?;
    if let Some(member) = store::save_member_language(work.conn(), msisdn, language).await? {
        work.record(MemberLanguageChanged { member, language })
            .await?;
    }
    Ok(())
}

/// Remembers the language that a phone writes in, when nobody has chosen one for it. What a member or a stranger chose stays.
pub async fn note_language(
    work: &mut Work,
    msisdn: &Msisdn,
    written: Language,
) -> Result<(), Fault> {
    store::note_caller_language(work.conn(), msisdn, written).await
}

#[derive(Serialize)]
struct MemberCategoryChanged {
    member: MemberId,
    category: String,
}

impl Event for MemberCategoryChanged {
    const NAME: &'static str = "member.category_changed";
    fn subject(&self) -> Uuid {
        self.member.0
    }
}

/// Says what kind of member somebody is; one of the categories there are.
pub async fn set_category(work: &mut Work, member: MemberId, category: &str) -> Result<(), Fault> {
    store::save_category(work.conn(), member, category).await?;
    let category = category.to_owned();
    work.record(MemberCategoryChanged { member, category })
        .await
}

#[derive(Serialize)]
struct MemberKinChanged {
    member: MemberId,
}

impl Event for MemberKinChanged {
    const NAME: &'static str = "member.kin_changed";
    fn subject(&self) -> Uuid {
        self.member.0
    }
}

/// Keeps a new next of kin in place of the old one.
pub async fn change_kin(work: &mut Work, member: MemberId, kin: &Kin) -> Result<(), Fault> {
    let now = work.now;
    store::save_kin(work.conn(), member, kin, now).await?;
    work.record(MemberKinChanged { member }).await
}
