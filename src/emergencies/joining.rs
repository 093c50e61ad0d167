//! Several reports of one event: joined to one case, told apart again when somebody knows better.

use serde::Serialize;
use uuid::Uuid;

use super::alerting::{Recipient, alert};
use super::file;
use super::model::{Alerted, Case, CaseNumber, CaseState, EmergencyId, Priority, Rung};
use super::same_event::{self, ONE_EVENT_WITHIN, Report};
use super::store::{alerts, cases, climbs, reports};
use super::telling::{tell, tell_own_reporter};
use super::words;
use crate::events::Event;
use crate::fault::Fault;
use crate::members;
use crate::messages::Values;
use crate::primitives::Msisdn;
use crate::work::Work;

/// Why a report was not split off.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    #[error("there is no such case")]
    NotFound,
    #[error("it is a case of its own")]
    NotJoined,
    /// Who asked was not told of the event.
    #[error("somebody else's case")]
    NotTheirs,
    #[error(transparent)]
    Fault(#[from] Fault),
}

#[derive(Serialize)]
struct EmergencyJoined {
    emergency: EmergencyId,
    to: EmergencyId,
}

impl Event for EmergencyJoined {
    const NAME: &'static str = "emergency.joined";
    fn subject(&self) -> Uuid {
        self.emergency.0
    }
}

#[derive(Serialize)]
struct EmergencySplit {
    emergency: EmergencyId,
    from: EmergencyId,
}

impl Event for EmergencySplit {
    const NAME: &'static str = "emergency.split";
    fn subject(&self) -> Uuid {
        self.emergency.0
    }
}

/// Makes a joined report a case of its own again, and alarms everybody who was told of either. `who` is a phone that was.
///
/// # Errors
/// The number is nobody's, is no joined report's, or `who` was not told of it.
pub async fn split(work: &mut Work, serial: i64, who: &Msisdn) -> Result<CaseNumber, SplitError> {
    let Some(case) = lock_joined(work, serial).await? else {
        return Err(SplitError::NotFound);
    };
    let Some(main) = case.joined_to.filter(|_| case.state == CaseState::Joined) else {
        return Err(SplitError::NotJoined);
    };
    let told = told_of_both(work, main, case.id).await?;
    if !told.iter().any(|one| one.msisdn == *who) {
        return Err(SplitError::NotTheirs);
    }
    split_off(work, &case, main, Some(who)).await?;
    let values = Values::new().code("case", case.number.serial.to_string());
    tell_own_reporter(work, &case, "emergency.split_off", values, "split").await?;
    Ok(case.number)
}

/// The number of the case that this report waits with.
pub(super) async fn main_number(work: &mut Work, case: &Case) -> Result<Option<CaseNumber>, Fault> {
    let Some(main) = case.joined_to.filter(|_| case.state == CaseState::Joined) else {
        return Ok(None);
    };
    Ok(cases::lock(work.conn(), main)
        .await?
        .map(|main| main.number))
}

/// Joins the report to the oldest case it can hardly differ from. Gives that case's number.
pub(super) async fn join_if_known(
    work: &mut Work,
    case: &Case,
) -> Result<Option<CaseNumber>, Fault> {
    let may_join = case.state == CaseState::Reported
        && !case.silent
        && case.place.is_some()
        && case.kind.is_some();
    if !may_join
        || !reports::waiting_with(work.conn(), case.id)
            .await?
            .is_empty()
    {
        return Ok(None);
    }
    let since = case.raised_at - ONE_EVENT_WITHIN;
    let known = reports::candidates(work.conn(), case.id, since).await?;
    let this = report_of(case);
    let Some(main) = known
        .into_iter()
        .find(|known| same_event::are_one_event(&this, &known.report))
    else {
        return Ok(None);
    };
    // Somebody who holds it may be ending it: two alarms are better than one that nobody answers.
    if !reports::lock_if_free(work.conn(), main.id).await? {
        return Ok(None);
    }
    let Some(main) = cases::lock(work.conn(), main.id).await? else {
        return Ok(None);
    };
    if !main.state.is_open() || main.silent {
        return Ok(None);
    }
    reports::join(work.conn(), case.id, main.id).await?;
    let (from, to) = (
        case.number.serial.to_string(),
        main.number.serial.to_string(),
    );
    file::note(work, case.id, "joined", Some(&case.msisdn), Some(&to)).await?;
    file::note(
        work,
        main.id,
        "also_reported",
        Some(&case.msisdn),
        Some(&from),
    )
    .await?;
    work.record(EmergencyJoined {
        emergency: case.id,
        to: main.id,
    })
    .await?;
    rate(work, &main, case.injured).await?;
    let told = told_of_both(work, main.id, case.id).await?;
    for one in &told {
        alerts::note_if_new(work.conn(), main.id, one).await?;
    }
    tell_also(work, &main, case, "emergency.also", &told, "joined").await?;
    let values = Values::new().code("main", main.number.serial.to_string());
    tell_own_reporter(work, case, "emergency.known", values, "joined").await?;
    Ok(Some(main.number))
}

/// A report that was joined has told more. It goes its own way when that speaks against the case it was joined to,
/// otherwise the people on that case hear of it. Gives the case's number.
pub(super) async fn told_more(work: &mut Work, case: &Case) -> Result<Option<CaseNumber>, Fault> {
    let Some(main) = case.joined_to else {
        return Ok(None);
    };
    let Some(main) = cases::lock(work.conn(), main).await? else {
        return Ok(None);
    };
    if same_event::speaks_against(&report_of(case), &report_of(&main)) {
        split_off(work, case, main.id, None).await?;
        return Ok(None);
    }
    rate(work, &main, case.injured).await?;
    let told = alerts::of_case(work.conn(), main.id).await?;
    let changes = reports::changes(work.conn(), case.id).await?;
    let what = format!("more:{changes}");
    tell_also(work, &main, case, "emergency.also", &told, &what).await?;
    Ok(Some(main.number))
}

/// Somebody whose report was joined asks again and still waits.
pub(super) async fn asks_again(work: &mut Work, case: &Case) -> Result<(), Fault> {
    let Some(main) = case.joined_to else {
        return Ok(());
    };
    let Some(main) = cases::lock(work.conn(), main).await? else {
        return Ok(());
    };
    let told = alerts::of_case(work.conn(), main.id).await?;
    let what = format!("again:{}", work.now.timestamp().div_euclid(60));
    tell_also(work, &main, case, "emergency.also_again", &told, &what).await
}

/// The reports that wait with a case which its own reporter stops: the oldest becomes a case, and the others wait with it.
pub(super) async fn go_on_without(work: &mut Work, stopped: &Case) -> Result<(), Fault> {
    let waiting = reports::waiting_with(work.conn(), stopped.id).await?;
    let Some(first) = waiting.first() else {
        return Ok(());
    };
    let Some(next) = cases::lock(work.conn(), *first).await? else {
        return Ok(());
    };
    split_off(work, &next, stopped.id, None).await?;
    reports::move_over(work.conn(), stopped.id, next.id).await
}

/// Tells apart again, and alarms. Both cases are locked.
pub(super) async fn split_off(
    work: &mut Work,
    case: &Case,
    main: EmergencyId,
    who: Option<&Msisdn>,
) -> Result<(), Fault> {
    let now = work.now;
    reports::split(work.conn(), case.id, now).await?;
    let said = case.number.serial.to_string();
    file::note(work, main, "split_off", who, Some(&said)).await?;
    file::note(work, case.id, "split_off", who, None).await?;
    work.record(EmergencySplit {
        emergency: case.id,
        from: main,
    })
    .await?;
    let case = Case {
        state: CaseState::Reported,
        joined_to: None,
        ..case.clone()
    };
    let reporter = members::at_dial(work.conn(), &case.msisdn).await?;
    let told = told_of_both(work, main, case.id).await?;
    let recipients: Vec<Recipient> = told
        .iter()
        .filter(|one| one.msisdn != case.msisdn && one.rung != Rung::Nearby)
        .map(recipient)
        .collect();
    alert(work, &case, Rung::Stage, &recipients, &reporter).await?;
    climbs::begin_again(work.conn(), case.id, now).await?;
    let (template, values) = words::details(&case);
    let what = format!("split:{}", now.timestamp());
    for to in &recipients {
        let values = values.clone();
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
    Ok(())
}

/// How urgent a case is with all its reports, and how many are hurt by the worst of them.
async fn rate(work: &mut Work, main: &Case, injured: Option<i32>) -> Result<(), Fault> {
    let injured = main.injured.max(injured);
    if let Some(injured) = injured.filter(|_| injured != main.injured) {
        reports::set_injured(work.conn(), main.id, injured).await?;
    }
    let others = reports::waiting_with(work.conn(), main.id).await?.len();
    let reported = i64::try_from(others + 1).unwrap_or(i64::MAX);
    let priority = Priority::of(main.kind, injured, reported).max(main.priority);
    reports::changed(work.conn(), main.id, priority).await?;
    Ok(())
}

/// Says to the people on a case what another report of it tells.
async fn tell_also(
    work: &mut Work,
    main: &Case,
    other: &Case,
    template: &'static str,
    told: &[Alerted],
    what: &str,
) -> Result<(), Fault> {
    let what = format!("also:{}:{what}", other.number.serial);
    for to in told {
        if to.declined || to.msisdn == other.msisdn {
            continue;
        }
        let values = Values::new()
            .code("case", main.number.serial.to_string())
            .code("other", other.number.serial.to_string())
            .code("phone", other.msisdn.national())
            .words("place", other.place.as_deref().unwrap_or("?"));
        tell(
            work,
            &to.msisdn,
            to.language,
            template,
            values,
            main.id,
            &what,
        )
        .await?;
    }
    Ok(())
}

/// Locks a report, and the case it waits with before it.
async fn lock_joined(work: &mut Work, serial: i64) -> Result<Option<Case>, Fault> {
    if let Some(main) = reports::main_of_serial(work.conn(), serial).await? {
        cases::lock(work.conn(), main).await?;
    }
    cases::lock_by_serial(work.conn(), serial).await
}

/// Everybody who was told of one or the other.
async fn told_of_both(
    work: &mut Work,
    main: EmergencyId,
    other: EmergencyId,
) -> Result<Vec<Alerted>, Fault> {
    let mut told = alerts::of_case(work.conn(), main).await?;
    for one in alerts::of_case(work.conn(), other).await? {
        if !told.iter().any(|known| known.msisdn == one.msisdn) {
            told.push(one);
        }
    }
    Ok(told)
}

fn recipient(one: &Alerted) -> Recipient {
    Recipient {
        msisdn: one.msisdn.clone(),
        language: one.language,
        name: one.name.clone(),
        member: one.member,
    }
}

fn report_of(case: &Case) -> Report {
    Report {
        stage: case.stage,
        kind: case.kind,
        place: case.place.clone().unwrap_or_default(),
        raised_at: case.raised_at,
    }
}
