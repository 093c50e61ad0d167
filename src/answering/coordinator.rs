//! Texts of those who answer emergencies: what they say about a case, and when they are on duty.

use chrono::TimeDelta;

use crate::emergencies::grammar::{self, Order, Says};
use crate::emergencies::{
    self, AnswerError, Answered, Did, Duty, Look, OpenCase, SplitError, SwapAsked, Which,
};
use crate::fault::Fault;
use crate::members::{self, NoSwap};
use crate::messages::{Class, Values};
use crate::primitives::Msisdn;
use crate::work::Work;

/// Who answers an alarm that ended is told so for this long; later their text is like anybody's.
const ENDED_IS_REMEMBERED: TimeDelta = TimeDelta::hours(24);

/// The answer to a text.
pub(super) struct Reply {
    /// What was understood, for the inbox.
    pub understood: &'static str,
    pub class: Class,
    pub template: &'static str,
    pub values: Values,
}

/// Whether a text that begins with the emergency word is about a case this phone was alerted to, such as `SOS 42 ok 8`.
pub(super) async fn means_a_case(
    work: &mut Work,
    from: &Msisdn,
    text: &str,
) -> Result<bool, Fault> {
    let (Some(Order::Answer {
        case: Some(serial), ..
    })
    | Some(Order::About(Some(serial)))) = grammar::read(text)
    else {
        return Ok(false);
    };
    let open = emergencies::open_for(work.conn(), from).await?;
    Ok(open
        .iter()
        .any(|case| case.serial == serial && (case.asked || case.on_it)))
}

/// Does what a text of somebody who answers emergencies says. None when it is not for here: it says nothing of the kind, or
/// its phone was alerted to nothing and serves no stage.
pub(super) async fn reply(
    work: &mut Work,
    from: &Msisdn,
    text: &str,
) -> Result<Option<Reply>, Fault> {
    let Some(order) = grammar::read(text) else {
        return Ok(None);
    };
    let now = work.now;
    let open = emergencies::open_for(work.conn(), from).await?;
    let roles = members::roles_of(work.conn(), from).await?;
    let ended = emergencies::last_ended_for(work.conn(), from, now - ENDED_IS_REMEMBERED).await?;
    let answers_here = !open.is_empty() || !roles.is_empty() || ended.is_some();
    match order {
        Order::OnDuty | Order::OffDuty | Order::Swap(_) => duty(work, from, order).await,
        Order::Yes | Order::No => yes_or_no(work, from, order == Order::Yes, &open).await,
        _ if !answers_here => Ok(None),
        Order::Answer { case, says } => {
            // What has ended is spoken of only where nothing else can be meant.
            if let (None, true, Some(serial)) = (case, open.is_empty(), ended) {
                return says_of(work, from, Which::Serial(serial), says)
                    .await
                    .map(Some);
            }
            let which = case.map_or(Which::Theirs, Which::Serial);
            says_of(work, from, which, says).await.map(Some)
        }
        Order::About(case) => {
            let which = case.map_or(Which::Theirs, Which::Serial);
            Ok(Some(match emergencies::look(work, from, which).await {
                Ok(look) => Reply::about(&look, now),
                Err(error) => refusal(error, case)?,
            }))
        }
        Order::Split(serial) => split(work, from, serial).await.map(Some),
        Order::List => Ok(Some(list(&open))),
    }
}

/// A report that was taken for another one's event is alarmed by itself.
async fn split(work: &mut Work, from: &Msisdn, serial: i64) -> Result<Reply, Fault> {
    let values = Values::new().code("case", serial.to_string());
    Ok(match emergencies::split(work, serial, from).await {
        Ok(_) => Reply::case("answer.split", values),
        Err(SplitError::NotJoined) => Reply::case("answer.not_joined", values),
        Err(SplitError::NotFound | SplitError::NotTheirs) => {
            Reply::case("answer.not_yours", values)
        }
        Err(SplitError::Fault(fault)) => return Err(fault),
    })
}

/// `YES` and `NO` alone: to the alarm this phone is asked about, else to whoever asked it to take over their duty.
async fn yes_or_no(
    work: &mut Work,
    from: &Msisdn,
    yes: bool,
    open: &[OpenCase],
) -> Result<Option<Reply>, Fault> {
    let says = match yes {
        true => Says::Accept { minutes: None },
        false => Says::Decline,
    };
    if open.iter().any(|case| case.asked && !case.on_it) {
        return says_of(work, from, Which::Theirs, says).await.map(Some);
    }
    if let Some(swap) = emergencies::answer_swap(work, from, yes).await? {
        let values = Values::new().words("name", &swap.name);
        return Ok(Some(match yes {
            true => Reply::duty("duty.swap_taken", values.words("stage", &swap.stage)),
            false => Reply::duty("duty.swap_left", values),
        }));
    }
    if open.iter().any(|case| case.on_it) {
        return says_of(work, from, Which::Theirs, says).await.map(Some);
    }
    Ok(None)
}

async fn says_of(work: &mut Work, from: &Msisdn, which: Which, says: Says) -> Result<Reply, Fault> {
    let named = match which {
        Which::Serial(serial) => Some(serial),
        Which::Id(_) | Which::Theirs => None,
    };
    let answered = match emergencies::answer(work, from, which, says).await {
        Ok(answered) => answered,
        Err(error) => return refusal(error, named),
    };
    let look = match emergencies::look(work, from, Which::Id(answered.case.id)).await {
        Ok(look) => look,
        Err(error) => return refusal(error, named),
    };
    Ok(told(&answered, &look, from))
}

/// What was done, in words.
fn told(answered: &Answered, look: &Look, from: &Msisdn) -> Reply {
    let values = Values::new().code("case", answered.case.number.serial.to_string());
    match &answered.did {
        Did::Coming { place, .. } => {
            let other = answered.people.iter().find(|one| one.msisdn != *from);
            match other {
                Some(other) => Reply::case(
                    "answer.coming_too",
                    values
                        .words("name", &other.first_name)
                        .code("helper", other.msisdn.national())
                        .words("place", place_of(look))
                        .count("count", u32::try_from(*place).unwrap_or(1)),
                ),
                None => Reply::case(
                    "answer.coming",
                    values
                        .code("phone", answered.case.msisdn.national())
                        .words("place", place_of(look)),
                ),
            }
        }
        Did::There => Reply::case("answer.there", values),
        Did::MoreAsked { people } => {
            Reply::case("answer.more", values.count("people", people.unsigned_abs()))
        }
        Did::Ended => Reply::case("answer.done", values),
        Did::CalledFalse => Reply::case("answer.false", values),
        Did::Declined => Reply::case("answer.declined", values),
        Did::Handed { name, msisdn } => Reply::case(
            "answer.handed",
            values.words("name", name).code("phone", msisdn.national()),
        ),
        Did::Noted => Reply::case("answer.noted", values),
    }
}

/// Why nothing was done, in words. A case that is not theirs and one that never was sound alike.
fn refusal(error: AnswerError, named: Option<i64>) -> Result<Reply, Fault> {
    let of = |serial: i64| Values::new().code("case", serial.to_string());
    Ok(match error {
        AnswerError::NoSuchCase(serial) | AnswerError::NotTheirs(serial) => {
            // Whoever writes any number at all is not to fill the screen with it.
            let serial = named.unwrap_or(serial).clamp(0, 999_999);
            Reply::case("answer.not_yours", of(serial))
        }
        AnswerError::NothingOpen => Reply::case("answer.nothing_open", Values::new()),
        AnswerError::SeveralOpen(serials) => Reply::case(
            "answer.which",
            Values::new()
                .words("cases", joined(serials.iter().map(i64::to_string)))
                .code("first", first(&serials)),
        ),
        AnswerError::Over(serial) => Reply::case("answer.over", of(serial)),
        AnswerError::CannotTake(serial) => Reply::case("answer.cannot_take", of(serial)),
        AnswerError::NobodyNext(serial) => Reply::case("answer.nobody_next", of(serial)),
        AnswerError::NothingSaid(serial) => Reply::case("answer.nothing_said", of(serial)),
        AnswerError::Fault(fault) => return Err(fault),
    })
}

/// `CASES`.
fn list(open: &[OpenCase]) -> Reply {
    let Some(oldest) = open.first() else {
        return Reply::case("answer.nothing_open", Values::new());
    };
    let cases = open.iter().map(|case| match &case.place {
        Some(place) => format!("{} {place}", case.serial),
        None => case.serial.to_string(),
    });
    Reply::case(
        "answer.list",
        Values::new()
            .words("cases", joined(cases))
            .code("first", oldest.serial.to_string()),
    )
}

/// `ON`, `OFF` and `SWAP`. None for whoever is no coordinator.
async fn duty(work: &mut Work, from: &Msisdn, order: Order) -> Result<Option<Reply>, Fault> {
    let roles = members::roles_of(work.conn(), from).await?;
    if !roles
        .iter()
        .any(|role| role.role == members::Role::Coordinator)
    {
        return Ok(None);
    }
    let gone = match order {
        Order::OnDuty => emergencies::go_on_duty(work, from).await?,
        Order::OffDuty => emergencies::go_off_duty(work, from, false).await?,
        Order::Swap(Some(to)) => {
            return Ok(Some(match emergencies::ask_swap(work, from, &to).await? {
                SwapAsked::Asked { name, stage } => Reply::duty(
                    "duty.swap_waits",
                    Values::new().words("name", name).words("stage", stage),
                ),
                SwapAsked::Refused(NoSwap::NotACoordinator) => {
                    Reply::duty("duty.swap_nobody", Values::new())
                }
                SwapAsked::Refused(NoSwap::NotOnDuty) => {
                    Reply::duty("duty.swap_off", Values::new())
                }
            }));
        }
        _ => return Ok(Some(Reply::duty("duty.swap_how", Values::new()))),
    };
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Ok(match gone {
        Duty::NotTheirs => None,
        Duty::On { stage, open: 0 } => {
            Some(Reply::duty("duty.on", Values::new().words("stage", stage)))
        }
        Duty::On { stage, open } => Some(Reply::case(
            "duty.on_open",
            Values::new()
                .words("stage", stage)
                .count("open", count(open)),
        )),
        Duty::Off { stage, left } => Some(Reply::duty(
            "duty.off",
            Values::new()
                .words("stage", stage)
                .count("left", count(left)),
        )),
        Duty::Last { stage } => Some(Reply::duty(
            "duty.last",
            Values::new().words("stage", stage),
        )),
    })
}

impl Reply {
    fn case(template: &'static str, values: Values) -> Reply {
        Reply {
            understood: "case",
            class: Class::Emergency,
            template,
            values,
        }
    }

    fn duty(template: &'static str, values: Values) -> Reply {
        Reply {
            understood: "duty",
            class: Class::Service,
            template,
            values,
        }
    }

    fn about(look: &Look, now: chrono::DateTime<chrono::Utc>) -> Reply {
        let case = &look.case;
        let minutes = (now - case.raised_at).num_minutes().clamp(0, 9_999);
        let people = look
            .people
            .iter()
            .map(|one| match (one.arrived_at, one.minutes) {
                (Some(_), _) => format!("{} (OK)", one.first_name),
                (None, Some(minutes)) => format!("{} {minutes} min", one.first_name),
                (None, None) => one.first_name.clone(),
            });
        let people = joined(people);
        let kind = case
            .kind
            .map_or("emergency.unknown", emergencies::EmergencyKind::phrase);
        let values = Values::new()
            .code("case", case.number.serial.to_string())
            .count("minutes", u32::try_from(minutes).unwrap_or(0))
            .phrase("kind", kind)
            .code("phone", case.msisdn.national())
            .words("place", place_of(look))
            .words("people", if people.is_empty() { "-" } else { &people });
        Reply::case("answer.about", values)
    }
}

/// Whom to look for, and where: the first name, the reporter's words for the place or else their stage.
fn place_of(look: &Look) -> String {
    let stage = look.reporter.as_ref().map(|(_, stage)| stage.clone());
    let place = look.case.place.clone().or(stage);
    let name = look.reporter.as_ref().map(|(name, _)| name.clone());
    let known: Vec<String> = [name, place].into_iter().flatten().collect();
    if known.is_empty() {
        "?".to_owned()
    } else {
        known.join(", ")
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

fn first(serials: &[i64]) -> String {
    serials.first().map(i64::to_string).unwrap_or_default()
}
