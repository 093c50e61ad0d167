//! Open cases and duty, as screens show them.

use crate::app::App;
use crate::conversation::Turn;
use crate::emergencies::{self, AnswerError, EmergencyKind, Which};
use crate::fault::Fault;
use crate::members::{self, AtDial, Role, StageRole};
use crate::menu::Supplied;
use crate::primitives::{Language, Msisdn};
use crate::work::{Actor, Work};

/// Where the reporter told nothing and is no member.
const UNKNOWN: &str = "?";

pub(super) async fn open_cases(app: &App, turn: &Turn) -> Result<Supplied, Fault> {
    let mut conn = app.pool.acquire().await?;
    let known = members::caller_language(&mut conn, &turn.msisdn).await?;
    let open = emergencies::open_for(&mut conn, &turn.msisdn).await?;
    Ok(open.into_iter().fold(Supplied::default(), |told, case| {
        told.row(
            case.serial,
            [
                ("row_case", case.serial.to_string()),
                ("row_kind", kind(app, case.kind, known)),
                (
                    "row_where",
                    case.place.unwrap_or_else(|| UNKNOWN.to_owned()),
                ),
            ],
        )
    }))
}

/// One case; whatever cannot be seen by this phone is over for it.
pub(super) async fn case(app: &App, turn: &Turn, serial: &str) -> Result<Supplied, Fault> {
    let now = app.clock.now();
    let mut work = Work::begin(&app.pool, now, Actor::Caller).await?;
    let known = members::caller_language(work.conn(), &turn.msisdn).await?;
    let which = Which::Serial(serial.parse().unwrap_or_default());
    let look = match emergencies::look(&mut work, &turn.msisdn, which).await {
        Ok(look) => look,
        Err(AnswerError::Fault(fault)) => return Err(fault),
        Err(_refused) => {
            return Ok(seen(serial, "0", "", "", "", "", "").condition("case_over", true));
        }
    };
    let case = &look.case;
    let own = look.people.iter().find(|one| one.msisdn == turn.msisdn);
    let minutes = (now - case.raised_at).num_minutes().clamp(0, 9_999);
    let (name, stage) = look.reporter.clone().unwrap_or_default();
    let place = case.place.clone().unwrap_or(stage);
    let people: Vec<String> = look
        .people
        .iter()
        .map(|one| match (one.arrived_at, one.minutes) {
            (Some(_), _) => format!("{} OK", one.first_name),
            (None, Some(minutes)) => format!("{} {minutes} min", one.first_name),
            (None, None) => one.first_name.clone(),
        })
        .collect();
    Ok(seen(
        &case.number.serial.to_string(),
        &minutes.to_string(),
        &kind(app, case.kind, known),
        if name.is_empty() { UNKNOWN } else { &name },
        &case.msisdn.national(),
        if place.is_empty() { UNKNOWN } else { &place },
        &people.join(", "),
    )
    .condition("case_over", !case.state.is_open())
    .condition("someone_comes", !people.is_empty())
    .condition("on_case", own.is_some())
    .condition("at_case", own.is_some_and(|own| own.arrived_at.is_some())))
}

fn seen(
    short: &str,
    minutes: &str,
    kind: &str,
    who: &str,
    phone: &str,
    place: &str,
    people: &str,
) -> Supplied {
    Supplied::default()
        .value("case_short", short)
        .value("case_minutes", minutes)
        .value("case_kind", kind)
        .value("case_who", who)
        .value("case_phone", phone)
        .value("case_where", place)
        .value("case_people", people)
}

/// Whoever was alerted to it too, or is on duty at its stage.
pub(super) async fn takers(app: &App, turn: &Turn, serial: &str) -> Result<Supplied, Fault> {
    let mut work = Work::begin(&app.pool, app.clock.now(), Actor::Caller).await?;
    let which = Which::Serial(serial.parse().unwrap_or_default());
    let takers = match emergencies::takers(&mut work, &turn.msisdn, which).await {
        Ok(takers) => takers,
        Err(AnswerError::Fault(fault)) => return Err(fault),
        Err(_refused) => Vec::new(),
    };
    Ok(takers
        .into_iter()
        .fold(Supplied::default(), |told, (name, msisdn)| {
            told.row(msisdn.digits(), [("row_taker", name)])
        }))
}

/// The first name of whoever has this phone, or the phone.
pub(super) async fn named(
    app: &App,
    variable: &'static str,
    phone: &str,
) -> Result<Supplied, Fault> {
    let phone = Msisdn::parse(phone).map_err(|_| Fault::broken("a row picked was no phone"))?;
    let mut conn = app.pool.acquire().await?;
    let name = match members::at_dial(&mut conn, &phone).await? {
        AtDial::Member(member) => member.first_name.as_str().to_owned(),
        AtDial::Stranger { .. } => phone.national(),
    };
    Ok(Supplied::default().value(variable, name))
}

pub(super) async fn duty(app: &App, turn: &Turn) -> Result<Supplied, Fault> {
    let mut conn = app.pool.acquire().await?;
    let own = coordinating(members::roles_of(&mut conn, &turn.msisdn).await?);
    let Some(own) = own else {
        return Ok(Supplied::default()
            .value("duty_stage", UNKNOWN)
            .value("duty_others", 0)
            .condition("on_duty", false));
    };
    let on_duty = members::officers_on_duty(&mut conn, own.stage, Role::Coordinator).await?;
    let others = on_duty.iter().filter(|one| one.id != own.member).count();
    Ok(Supplied::default()
        .value("duty_stage", own.stage_name)
        .value("duty_others", others)
        .condition("on_duty", own.on_duty))
}

/// The other coordinators of the stage, on duty or off.
pub(super) async fn coordinators(app: &App, turn: &Turn) -> Result<Supplied, Fault> {
    let mut conn = app.pool.acquire().await?;
    let own = coordinating(members::roles_of(&mut conn, &turn.msisdn).await?);
    let Some(own) = own else {
        return Ok(Supplied::default());
    };
    let all = members::officers(&mut conn, own.stage, Role::Coordinator).await?;
    Ok(all
        .into_iter()
        .filter(|one| one.id != own.member)
        .fold(Supplied::default(), |told, one| {
            let name = one.first_name.as_str().to_owned();
            told.row(one.msisdn.digits(), [("row_coordinator", name)])
        }))
}

/// Where they are on duty, or else the first stage they coordinate.
fn coordinating(roles: Vec<StageRole>) -> Option<StageRole> {
    let mut roles: Vec<StageRole> = roles
        .into_iter()
        .filter(|role| role.role == Role::Coordinator)
        .collect();
    roles.sort_by_key(|role| !role.on_duty);
    roles.into_iter().next()
}

fn kind(app: &App, kind: Option<EmergencyKind>, language: Option<Language>) -> String {
    let menus = app.menus.current();
    let name = kind.map_or("unknown", EmergencyKind::as_str);
    let language = language.unwrap_or_else(|| menus.default_language());
    menus.phrase(&format!("kind.{name}"), language).to_owned()
}
