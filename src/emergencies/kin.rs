//! The next of kin of a member whose case is critical: told once, with care, and whom to call.

use super::file;
use super::model::Case;
use super::store::alerts;
use super::telling::tell as tell_phone;
use super::words;
use crate::fault::Fault;
use crate::members::{self, AtDial, MemberId};
use crate::messages::Values;
use crate::primitives::Msisdn;
use crate::work::Work;

/// Tells the next of kin that help is being called, and who knows more. Never of an alarm that must not show: it may be
/// at home.
pub(super) async fn tell(work: &mut Work, case: &Case) -> Result<(), Fault> {
    let Some((kin, name, language)) = reach(work, case).await? else {
        return Ok(());
    };
    let Some(knows_more) = who_knows_more(work, case).await? else {
        return Ok(());
    };
    if !file::has(work, case.id, "kin_told").await? {
        file::note(work, case.id, "kin_told", None, None).await?;
    }
    let values = Values::new()
        .words("name", name)
        .phrase("kind", words::kind_of_kin(case.kind))
        .code("phone", knows_more.national())
        .code("case", case.number.serial.to_string());
    tell_phone(
        work,
        &kin,
        language,
        "emergency.kin",
        values,
        case.id,
        "kin",
    )
    .await
}

/// That the alarm was stopped, when they were told of it.
pub(super) async fn tell_of_end(work: &mut Work, case: &Case) -> Result<(), Fault> {
    if !file::has(work, case.id, "kin_told").await? {
        return Ok(());
    }
    let Some((kin, name, language)) = reach(work, case).await? else {
        return Ok(());
    };
    let values = Values::new().words("name", name);
    tell_phone(
        work,
        &kin,
        language,
        "emergency.kin_end",
        values,
        case.id,
        "kin_end",
    )
    .await
}

/// The phone of the member's next of kin, the member's first name, and the language to say it in.
async fn reach(
    work: &mut Work,
    case: &Case,
) -> Result<Option<(Msisdn, String, crate::primitives::Language)>, Fault> {
    let Some(member) = case.member.filter(|_| !case.silent) else {
        return Ok(None);
    };
    let Some(kin) = members::kin_of(work.conn(), MemberId(member)).await? else {
        return Ok(None);
    };
    let AtDial::Member(member) = members::at_dial(work.conn(), &case.msisdn).await? else {
        return Ok(None);
    };
    if kin.msisdn == case.msisdn {
        return Ok(None);
    }
    let known = members::caller_language(work.conn(), &kin.msisdn).await?;
    Ok(Some((
        kin.msisdn,
        member.first_name.as_str().to_owned(),
        known.unwrap_or(member.language),
    )))
}

/// Who comes, or else who was asked to, people before the duty desk.
async fn who_knows_more(work: &mut Work, case: &Case) -> Result<Option<Msisdn>, Fault> {
    let coming = alerts::responders(work.conn(), case.id).await?;
    if let Some(first) = coming.into_iter().find(|one| one.left_at.is_none()) {
        return Ok(Some(first.msisdn));
    }
    let asked = alerts::of_case(work.conn(), case.id).await?;
    let first = asked.iter().find(|one| one.name.is_some() && !one.declined);
    Ok(first.or(asked.first()).map(|one| one.msisdn.clone()))
}
