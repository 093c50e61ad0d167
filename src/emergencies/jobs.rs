//! What returns at intervals and what calls outward about alarms: the clock's ticks, calls, drills, the promise.

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::calling::{self, PlaceCall, Placing};
use super::climbing::{self, Desks, Looked};
use super::clock::Plan;
use super::drill::Verdict;
use super::drilling::{self, Drill, DrillError};
use super::model::{CaseNumber, EmergencyId};
use super::store::promises;
use crate::clock::Clock;
use crate::config;
use crate::fault::Fault;
use crate::integrations::africastalking::VoiceClient;
use crate::primitives::{Language, Msisdn, NAIROBI};
use crate::telemetry::metric;
use crate::work::{Actor, Work};

/// Cases looked at in one tick. What is left is the next tick's, a second later.
const LOOKS_A_TICK: usize = 200;
/// Between two tries to reach the provider for one call.
const CALL_AGAIN_AFTER: TimeDelta = TimeDelta::seconds(5);
/// No night is passed over and none has two drills.
const BETWEEN_DRILLS: TimeDelta = TimeDelta::hours(20);
/// A case whose times become known later than this is not counted any more.
const COUNTED_FOR: TimeDelta = TimeDelta::days(7);

/// What the clock, the calls and the drill need.
#[derive(Clone)]
pub struct EmergencyDesk {
    pub pool: PgPool,
    pub clock: Clock,
    pub desks: Desks,
    pub plan: Plan,
    pub voice: VoiceClient,
    /// Our voice number, in whose name the trials of the chain are raised.
    pub our_number: Option<Msisdn>,
    pub nightly: Nightly,
}

/// The drill of each night.
#[derive(Clone, Debug)]
pub struct Nightly {
    /// None: the chain is not tried.
    pub phone: Option<Msisdn>,
    /// The hour in Nairobi.
    pub hour: u32,
    /// What each link may take.
    pub patience: TimeDelta,
    /// The test phone answers by itself.
    pub answer_wanted: bool,
}

/// A call that could not be placed now.
#[derive(Debug, thiserror::Error)]
pub enum CallUndone {
    #[error("the voice provider was not reached")]
    NotReached { again_after: TimeDelta },
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<&config::Emergencies> for Plan {
    fn from(config: &config::Emergencies) -> Plan {
        Plan {
            wider_after: config.wider_after,
            calls_after: config.calls_after,
            desk_after: config.desk_after,
            again_every: config.again_every,
            call_again_after: config.call_again_after,
            rounds_max: config.rounds_max,
            waves_max: config.waves_max,
            late_after: config.late_after,
        }
    }
}

impl Desks {
    /// The phones of the configuration.
    pub fn of(config: &config::Emergencies, language: Language) -> Desks {
        Desks {
            duty: config.duty_phones.clone(),
            admins: config.admin_phones.clone(),
            language,
        }
    }
}

/// One tick of the answer clock: every case whose look is due, each in a transaction of its own. A case that cannot be
/// looked at holds up no other; it comes again with the next tick.
pub async fn tick(desk: &EmergencyDesk) -> Result<(), Fault> {
    let mut stuck: Vec<Uuid> = Vec::new();
    let mut first_fault = None;
    for _ in 0..LOOKS_A_TICK {
        let mut work = begin(desk).await?;
        let Some(id) = climbing::claim_due(&mut work, &stuck).await? else {
            break;
        };
        match look(desk, work, id).await {
            Ok(looked) => tell(id, &looked),
            Err(fault) => {
                tracing::error!(emergency = %id.0, %fault, "The clock could not look at an emergency");
                stuck.push(id.0);
                first_fault.get_or_insert(fault);
            }
        }
    }
    first_fault.map_or(Ok(()), Err)
}

async fn look(desk: &EmergencyDesk, mut work: Work, id: EmergencyId) -> Result<Looked, Fault> {
    let looked = climbing::look_after(&mut work, id, &desk.desks, &desk.plan).await?;
    work.commit().await?;
    Ok(looked)
}

fn tell(id: EmergencyId, looked: &Looked) {
    let Some(number) = looked.number else { return };
    if looked.shouted {
        metric::emergency_unanswered();
        tracing::error!(
            emergency = %id.0,
            "NOBODY ANSWERED emergency {number}: every rung and the duty desk were alerted and called again and again"
        );
    } else if looked.alerted + looked.called > 0 {
        tracing::warn!(
            emergency = %id.0, alerted = looked.alerted, called = looked.called,
            "Nobody has answered emergency {number} yet: it goes on"
        );
    }
}

/// Places a call. Written down before the provider is asked: a worker that dies meanwhile leaves a call that is given up
/// and made up for by the next wave, never two calls.
pub async fn place_call(desk: &EmergencyDesk, job: PlaceCall) -> Result<(), CallUndone> {
    let mut work = begin(desk).await?;
    let to = calling::take(&mut work, job.call).await?;
    work.commit().await?;
    let Some(to) = to else { return Ok(()) };
    let placing = desk.voice.call(&to, job.call).await;
    if let Placing::Refused(why) | Placing::Unclear(why) = &placing {
        tracing::error!(call = %job.call, why, "A call to a coordinator was not placed as it should be: {why}");
    }
    let mut work = begin(desk).await?;
    let again = calling::placed(&mut work, job.call, &placing).await?;
    work.commit().await?;
    match again {
        false => Ok(()),
        true => Err(CallUndone::NotReached {
            again_after: CALL_AGAIN_AFTER,
        }),
    }
}

/// Begins the night's drill when its hour has come, and looks after those that are on.
pub async fn drills(desk: &EmergencyDesk) -> Result<(), Fault> {
    let now = desk.clock.now();
    if let Some(phone) = desk.nightly.phone.clone()
        && now.with_timezone(&NAIROBI).hour() == desk.nightly.hour
    {
        let mut work = begin(desk).await?;
        if drilling::is_drill_due(&mut work, now - BETWEEN_DRILLS).await? {
            drop(work);
            match begin_drill(desk, phone, false).await {
                Ok(_) => {}
                Err(DrillError::Fault(fault)) => return Err(fault),
                Err(busy @ DrillError::OneIsOn) => {
                    metric::emergency_drill("raise");
                    tracing::error!("The night's drill broke at the link raise: {busy}");
                }
            }
        }
    }
    let mut work = begin(desk).await?;
    let open = drilling::open_drills(&mut work).await?;
    drop(work);
    for id in open {
        watch_drill(desk, id).await?;
    }
    Ok(())
}

/// Raises a trial for this phone.
pub async fn begin_drill(
    desk: &EmergencyDesk,
    phone: Msisdn,
    by_hand: bool,
) -> Result<(EmergencyId, CaseNumber), DrillError> {
    let mut work = begin(desk).await?;
    let drill = Drill {
        reporter: desk.our_number.clone().unwrap_or_else(|| phone.clone()),
        phone,
        language: desk.desks.language,
        by_hand,
    };
    let begun = drilling::begin_drill(&mut work, &drill).await?;
    work.commit().await?;
    Ok(begun)
}

/// Looks how a trial stands, and says it loudly when a link broke.
pub async fn watch_drill(desk: &EmergencyDesk, id: EmergencyId) -> Result<Verdict, Fault> {
    let mut work = begin(desk).await?;
    let verdict = drilling::watch_drill(
        &mut work,
        id,
        desk.nightly.patience,
        desk.nightly.answer_wanted,
        &desk.desks.duty,
        desk.desks.language,
    )
    .await?;
    work.commit().await?;
    match &verdict {
        Verdict::Waiting(_) => {}
        Verdict::Whole => metric::emergency_drill("whole"),
        Verdict::Broken { link, said } => {
            metric::emergency_drill(link.as_str());
            tracing::error!(drill = %id.0, link = link.as_str(), "The emergency chain is broken: {said}");
        }
    }
    Ok(verdict)
}

/// Counts how long people waited for the first yes and for the first who was there.
pub async fn count_promise(desk: &EmergencyDesk) -> Result<(), Fault> {
    let mut work = begin(desk).await?;
    let since: DateTime<Utc> = work.now - COUNTED_FOR;
    let kept = promises::uncounted(work.conn(), since).await?;
    for kept in &kept {
        promises::count(work.conn(), kept).await?;
    }
    work.commit().await?;
    for kept in kept {
        for (what, seconds) in [
            ("answered", kept.answered_in_s),
            ("arrived", kept.arrived_in_s),
        ] {
            if let Some(seconds) = seconds {
                metric::emergency_waited(what, seconds.unsigned_abs());
            }
        }
    }
    Ok(())
}

async fn begin(desk: &EmergencyDesk) -> Result<Work, Fault> {
    Work::begin(&desk.pool, desk.clock.now(), Actor::System).await
}
