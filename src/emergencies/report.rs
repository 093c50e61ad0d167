//! What the reporter tells after the alarm: what happened, and where.

use sha2::{Digest, Sha256};

use super::file;
use super::model::{CaseNumber, EmergencyKind, Priority};
use super::store::{alerts, cases};
use super::telling::tell;
use crate::fault::Fault;
use crate::messages::Values;
use crate::primitives::Msisdn;
use crate::work::Work;

/// The longest description of a place, in characters.
const PLACE_LENGTH_MAX: usize = 160;

/// What happened, told after the alarm. Everybody alerted hears it. Without an open case there is nothing to add to.
pub async fn tell_kind(
    work: &mut Work,
    msisdn: &Msisdn,
    kind: EmergencyKind,
) -> Result<Option<CaseNumber>, Fault> {
    let Some(case) = cases::lock_open_of(work.conn(), msisdn).await? else {
        return Ok(None);
    };
    let priority = Priority::of(Some(kind), case.injured, 1);
    cases::set_kind(work.conn(), case.id, kind, priority).await?;
    file::note(
        work,
        case.id,
        "kind_told",
        Some(msisdn),
        Some(kind.as_str()),
    )
    .await?;
    let what = format!("kind:{}", kind.as_str());
    for to in alerts::of_case(work.conn(), case.id).await? {
        let values = Values::new()
            .code("case", case.number.serial.to_string())
            .phrase("kind", kind.phrase());
        let template = "emergency.kind";
        tell(
            work,
            &to.msisdn,
            to.language,
            template,
            values,
            case.id,
            &what,
        )
        .await?;
    }
    Ok(Some(case.number))
}

/// Where it happened, in the reporter's words.
pub async fn tell_place(
    work: &mut Work,
    msisdn: &Msisdn,
    place: &str,
) -> Result<Option<CaseNumber>, Fault> {
    let Some(case) = cases::lock_open_of(work.conn(), msisdn).await? else {
        return Ok(None);
    };
    let place: String = place.chars().take(PLACE_LENGTH_MAX).collect();
    cases::set_place(work.conn(), case.id, &place).await?;
    file::note(work, case.id, "place_told", Some(msisdn), Some(&place)).await?;
    // A message's key has an end, and a place may go beyond it.
    let what = format!("place:{}", hex::encode(Sha256::digest(&place)));
    for to in alerts::of_case(work.conn(), case.id).await? {
        let values = Values::new()
            .code("case", case.number.serial.to_string())
            .words("place", &place)
            .code("phone", msisdn.national());
        let template = "emergency.place";
        tell(
            work,
            &to.msisdn,
            to.language,
            template,
            values,
            case.id,
            &what,
        )
        .await?;
    }
    Ok(Some(case.number))
}
