//! What the reporter tells after the alarm: what happened, how many are hurt, and where.

use super::file;
use super::joining;
use super::kin;
use super::model::{Case, CaseNumber, CaseState, EmergencyKind, Priority};
use super::store::{cases, reports};
use super::telling::tell_own_reporter;
use super::words::{self, Details};
use super::{later, widening};
use crate::fault::Fault;
use crate::messages::Values;
use crate::primitives::Msisdn;
use crate::work::Work;

/// The longest description of a place, in characters.
const PLACE_LENGTH_MAX: usize = 160;
/// The most hurt people a report can tell of.
const INJURED_MAX: i32 = 500;

/// A report after something was added to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub number: CaseNumber,
    pub kind: Option<EmergencyKind>,
    /// The case of the same event that others are told to come to.
    pub joined: Option<CaseNumber>,
}

/// What happened. Everybody alerted hears of it, and the reporter what to do until somebody comes. Without an open
/// case there is nothing to add to.
pub async fn tell_kind(
    work: &mut Work,
    reporter: &Msisdn,
    kind: EmergencyKind,
) -> Result<Option<Told>, Fault> {
    let Some(case) = lock_report_of(work, reporter).await? else {
        return Ok(None);
    };
    if case.kind != Some(kind) {
        cases::set_kind(work.conn(), case.id, kind, case.priority).await?;
        let said = Some(kind.as_str());
        file::note(work, case.id, "kind_told", Some(reporter), said).await?;
    }
    let what = format!("advice:{}", kind.as_str());
    let values = Values::new().code("case", case.number.serial.to_string());
    tell_own_reporter(work, &case, words::advice(kind), values, &what).await?;
    if matches!(kind, EmergencyKind::Accident | EmergencyKind::Medical) {
        later::ask_nearby_if_unanswered(work, case.id).await?;
    }
    Ok(Some(changed(work, &case, Pause::ForMore).await?))
}

/// How many are hurt.
pub async fn tell_injured(
    work: &mut Work,
    reporter: &Msisdn,
    injured: i32,
) -> Result<Option<Told>, Fault> {
    let Some(case) = lock_report_of(work, reporter).await? else {
        return Ok(None);
    };
    let injured = injured.clamp(0, INJURED_MAX);
    if case.injured != Some(injured) {
        reports::set_injured(work.conn(), case.id, injured).await?;
        let said = injured.to_string();
        file::note(work, case.id, "injured_told", Some(reporter), Some(&said)).await?;
    }
    Ok(Some(changed(work, &case, Pause::ForMore).await?))
}

/// Where it happened, in the reporter's words.
pub async fn tell_place(
    work: &mut Work,
    reporter: &Msisdn,
    place: &str,
) -> Result<Option<Told>, Fault> {
    let Some(case) = lock_report_of(work, reporter).await? else {
        return Ok(None);
    };
    let place: String = place.trim().chars().take(PLACE_LENGTH_MAX).collect();
    if !place.is_empty() && case.place.as_deref() != Some(place.as_str()) {
        cases::set_place(work.conn(), case.id, &place).await?;
        file::note(work, case.id, "place_told", Some(reporter), Some(&place)).await?;
    }
    Ok(Some(changed(work, &case, Pause::None).await?))
}

/// This phone's open report, locked. Whoever locks a case and a report joined to it begins with the case.
pub(super) async fn lock_report_of(
    work: &mut Work,
    reporter: &Msisdn,
) -> Result<Option<Case>, Fault> {
    if let Some(main) = reports::main_of(work.conn(), reporter).await? {
        cases::lock(work.conn(), main).await?;
    }
    cases::lock_open_of(work.conn(), reporter).await
}

/// Whether the people alerted hear of a change at once, or of all there is when the reporter pauses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pause {
    None,
    ForMore,
}

/// Draws the consequences of a change: how urgent it is now, whether it is an event already known, and who hears of it.
async fn changed(work: &mut Work, before: &Case, pause: Pause) -> Result<Told, Fault> {
    let case = cases::lock(work.conn(), before.id)
        .await?
        .ok_or_else(|| Fault::broken(format!("emergency {} has gone", before.id.0)))?;
    let mut told = Told {
        number: case.number,
        kind: case.kind,
        joined: None,
    };
    if Details::of(&case) == Details::of(before) {
        told.joined = joining::main_number(work, &case).await?;
        return Ok(told);
    }
    let others = reports::waiting_with(work.conn(), case.id).await?.len();
    let reported = i64::try_from(others + 1).unwrap_or(i64::MAX);
    let priority = Priority::of(case.kind, case.injured, reported);
    let changes = reports::changed(work.conn(), case.id, priority).await?;
    let case = Case { priority, ..case };
    if case.priority == Priority::Critical {
        kin::tell(work, &case).await?;
    }
    let main = match case.state {
        CaseState::Joined => joining::told_more(work, &case).await?,
        _ => joining::join_if_known(work, &case).await?,
    };
    if let Some(main) = main {
        told.joined = Some(main);
        return Ok(told);
    }
    widening::widen_if_many(work, &case).await?;
    match pause {
        Pause::None => later::tell_details_now(work, &case, changes).await?,
        Pause::ForMore => later::tell_details_soon(work, case.id, changes).await?,
    }
    Ok(told)
}
