//! The answer clock's hands: reads a case, has it looked at, and does each step, in the one transaction of that look.

use serde::Serialize;
use uuid::Uuid;

use super::alerting::{Recipient, alert};
use super::calling::PlaceCall;
use super::clock::{self, CALL_LOST_AFTER, Coming, Known, Plan, Step};
use super::file;
use super::ladder::{Candidates, Ladder};
use super::later;
use super::model::{Case, CaseNumber, EmergencyId};
use super::store::{alerts, calls, cases, climbs};
use super::telling::tell;
use crate::events::Event;
use crate::fault::Fault;
use crate::members::{self, AtDial, Officer, Role};
use crate::messages::Values;
use crate::primitives::{Language, Msisdn};
use crate::stages::{self, Nearness, StageId};
use crate::work::Work;

/// The phones that stand behind every ladder.
#[derive(Clone, Debug)]
pub struct Desks {
    /// At least one, by configuration.
    pub duty: Vec<Msisdn>,
    /// Told when the duty desk does not answer either.
    pub admins: Vec<Msisdn>,
    /// Of a desk's phone whose language nobody told us.
    pub language: Language,
}

/// What a look at a case came to, for logs and counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    pub number: Option<CaseNumber>,
    pub alerted: usize,
    pub called: usize,
    /// Nobody answers and the house has given up calling.
    pub shouted: bool,
}

#[derive(Serialize)]
struct EmergencyClimbed {
    emergency: EmergencyId,
    number: CaseNumber,
    round: i32,
    wave: i32,
    alerted: usize,
    called: usize,
    shouted: bool,
}

impl Event for EmergencyClimbed {
    const NAME: &'static str = "emergency.climbed";
    fn subject(&self) -> Uuid {
        self.emergency.0
    }
}

/// Claims the case whose look is most overdue; it is this transaction's alone. `but_for` are passed over.
pub async fn claim_due(work: &mut Work, but_for: &[Uuid]) -> Result<Option<EmergencyId>, Fault> {
    let now = work.now;
    climbs::claim(work.conn(), now, but_for).await
}

/// Looks at a claimed case and does what is due. All of it happens with this transaction, or none.
pub async fn look_after(
    work: &mut Work,
    id: EmergencyId,
    desks: &Desks,
    of_all: &Plan,
) -> Result<Looked, Fault> {
    let now = work.now;
    let Some(case) = cases::lock(work.conn(), id).await? else {
        return Ok(Looked::default());
    };
    let before = climbs::read(work.conn(), id).await?;
    let plan = climbs::plan_of(work.conn(), case.stage, of_all).await?;
    let plan = plan.paced_for(case.priority);
    let alerted = alerts::of_case(work.conn(), id).await?;
    let coming = climbs::coming(work.conn(), id).await?;
    calls::give_up(work.conn(), id, now - CALL_LOST_AFTER, now).await?;
    let calls = calls::of_case(work.conn(), id).await?;
    let ladder = ladder_of(work, case.stage, &case.msisdn, desks).await?;
    let known = Known {
        case: &case,
        alerted: &alerted,
        coming: &coming,
        calls: &calls,
        ladder: &ladder,
    };
    let look = clock::look(known, &before, &plan, now);
    let mut looked = Looked {
        number: Some(case.number),
        ..Looked::default()
    };
    for step in look.steps {
        perform(work, &case, step, desks, &mut looked).await?;
    }
    if look.climb.round != before.round || looked.called > 0 || looked.shouted {
        work.record(EmergencyClimbed {
            emergency: id,
            number: case.number,
            round: look.climb.round,
            wave: look.climb.wave,
            alerted: looked.alerted,
            called: looked.called,
            shouted: looked.shouted,
        })
        .await?;
    }
    climbs::save(work.conn(), id, &look.climb).await?;
    climbs::look_at(work.conn(), id, look.next).await?;
    Ok(looked)
}

/// Gives a stage periods of its own: wider, calls, desk, again, in seconds; none is as configured for all.
pub async fn set_pace(
    work: &mut Work,
    stage: StageId,
    seconds: [Option<i32>; 4],
) -> Result<(), Fault> {
    climbs::set_plan(work.conn(), stage, seconds).await
}

/// Who may be told of a case at this stage, or of a stranger's when there is none.
pub(super) async fn ladder_of(
    work: &mut Work,
    stage: Option<StageId>,
    reporter: &Msisdn,
    desks: &Desks,
) -> Result<Ladder, Fault> {
    let mut candidates = Candidates {
        duty_desk: at_desk(work, &desks.duty, desks.language).await?,
        admins: at_desk(work, &desks.admins, desks.language).await?,
        ..Candidates::default()
    };
    if let Some(stage) = stage {
        let near = stages::near(work.conn(), stage).await?;
        let ids: Vec<StageId> = near.iter().map(|(stage, _)| *stage).collect();
        let officers = members::officers_on_duty_at(work.conn(), &ids, Role::Coordinator).await?;
        for (serves, officer) in officers {
            let nearness = near.iter().find(|(stage, _)| *stage == serves);
            let rung = match nearness.map(|(_, nearness)| nearness) {
                Some(Nearness::Here) => &mut candidates.stage,
                Some(Nearness::SameZone) => &mut candidates.zone,
                Some(Nearness::SameRegion) | None => &mut candidates.region,
            };
            rung.push(coordinator(officer));
        }
    }
    Ok(Ladder::of(reporter, candidates))
}

fn coordinator(officer: Officer) -> Recipient {
    Recipient {
        msisdn: officer.msisdn,
        language: officer.language,
        name: Some(officer.first_name.as_str().to_owned()),
        member: Some(officer.id.0),
    }
}

async fn at_desk(
    work: &mut Work,
    phones: &[Msisdn],
    language: Language,
) -> Result<Vec<Recipient>, Fault> {
    let mut desk = Vec::with_capacity(phones.len());
    for phone in phones {
        let known = members::caller_language(work.conn(), phone).await?;
        desk.push(Recipient {
            msisdn: phone.clone(),
            language: known.unwrap_or(language),
            name: None,
            member: None,
        });
    }
    Ok(desk)
}

async fn perform(
    work: &mut Work,
    case: &Case,
    step: Step,
    desks: &Desks,
    looked: &mut Looked,
) -> Result<(), Fault> {
    match step {
        Step::Alert(rung, people) => {
            looked.alerted += people.len();
            let reporter = members::at_dial(work.conn(), &case.msisdn).await?;
            alert(work, case, rung, &people, &reporter).await?;
            for person in &people {
                later::tell_details_to(work, case, person).await?;
            }
        }
        Step::Call { wave, people } => {
            for person in people {
                let call = Uuid::now_v7();
                let (to, now) = ((&person.msisdn, person.language), work.now);
                if calls::plan(work.conn(), call, case.id, to, wave, now).await? {
                    file::note(work, case.id, "called", Some(&person.msisdn), None).await?;
                    work.enqueue(PlaceCall { call }).await?;
                    looked.called += 1;
                }
            }
        }
        Step::AskArrival(person) => ask_arrival(work, case, &person).await?,
        Step::ReassureReporter => reassure(work, case, desks).await?,
        Step::Shout(people) => {
            looked.shouted = true;
            file::note(work, case.id, "nobody_answered", None, None).await?;
            for person in people {
                shout(work, case, &person).await?;
            }
        }
    }
    Ok(())
}

async fn ask_arrival(work: &mut Work, case: &Case, person: &Coming) -> Result<(), Fault> {
    let now = work.now;
    climbs::note_question(work.conn(), case.id, person, now).await?;
    file::note(work, case.id, "asked_if_there", Some(&person.msisdn), None).await?;
    let values = Values::new().code("case", case.number.serial.to_string());
    let what = format!(
        "there:{}:{}",
        person.accepted_at.timestamp(),
        person.asked + 1
    );
    let template = "emergency.are_you_there";
    tell(
        work,
        &person.msisdn,
        person.language,
        template,
        values,
        case.id,
        &what,
    )
    .await
}

async fn reassure(work: &mut Work, case: &Case, desks: &Desks) -> Result<(), Fault> {
    let language = members::caller_language(work.conn(), &case.msisdn).await?;
    let language = language.unwrap_or(desks.language);
    let other = desks.duty.iter().find(|phone| **phone != case.msisdn);
    let values = Values::new()
        .code("case", case.number.serial.to_string())
        .code(
            "phone",
            other.map_or_else(|| "999".to_owned(), Msisdn::national),
        );
    let what = format!("still_calling:{}", work.now.timestamp());
    tell(
        work,
        &case.msisdn,
        language,
        "emergency.still_calling",
        values,
        case.id,
        &what,
    )
    .await
}

async fn shout(work: &mut Work, case: &Case, to: &Recipient) -> Result<(), Fault> {
    let who = match members::at_dial(work.conn(), &case.msisdn).await? {
        AtDial::Member(member) => format!("{}, {}", member.first_name.as_str(), member.stage_name),
        AtDial::Stranger { .. } => String::new(),
    };
    let values = Values::new()
        .code("case", case.number.serial.to_string())
        .code("phone", case.msisdn.national())
        .words("who", who);
    let what = format!("nobody:{}", work.now.timestamp());
    tell(
        work,
        &to.msisdn,
        to.language,
        "emergency.nobody_answered",
        values,
        case.id,
        &what,
    )
    .await
}
