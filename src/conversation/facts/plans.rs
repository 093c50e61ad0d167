//! What the screens of due days, the fund and its forgiven arrears show.

use crate::app::App;
use crate::conversation::Turn;
use crate::conversation::caller::CallingMember;
use crate::fault::Fault;
use crate::members;
use crate::menu::Supplied;
use crate::messages::{self, Kind};
use crate::primitives::{Language, nairobi_date};
use crate::schedules::{self, Mode};
use crate::welfare::{self, Period};

/// Months of a fund's book that a phone shows.
const MONTHS: i64 = 12;
/// Forgivenesses that a phone shows.
const FORGIVEN: i64 = 10;

pub(super) async fn schedule(app: &App, member: &CallingMember) -> Result<Supplied, Fault> {
    let mut conn = app.pool.acquire().await?;
    let mode = schedules::mode_of(&mut conn, member.id.0).await?;
    let today = nairobi_date(app.clock.now());
    let plan = welfare::plan_of(&mut conn, member.id.0, today).await?;
    let period = plan.as_ref().map(|plan| plan.period);
    let amount = plan.map(|plan| plan.amount).unwrap_or_default();
    Ok(Supplied::default()
        .value("plan_amount", amount.as_decimal())
        .condition("pushes", mode == Mode::Push)
        .condition("reminds", mode == Mode::Remind)
        .condition("by_week", period == Some(Period::Week))
        .condition("by_month", period == Some(Period::Month)))
}

pub(super) async fn fund_rules(
    app: &App,
    member: &CallingMember,
    language: Option<Language>,
) -> Result<Supplied, Fault> {
    let mut conn = app.pool.acquire().await?;
    let today = nairobi_date(app.clock.now());
    let rules = welfare::rules_of(&mut conn, member.stage.0, today).await?;
    let menus = app.menus.current();
    let language = language.unwrap_or_else(|| menus.default_language());
    Ok(rules.into_iter().fold(Supplied::default(), |told, rule| {
        let event = format!("fund_event.{}", rule.event.as_str());
        told.row(
            "",
            [
                ("event_name", menus.phrase(&event, language).to_owned()),
                ("pays", rule.amount.as_decimal().to_string()),
                ("times", rule.times_a_year.to_string()),
            ],
        )
    }))
}

pub(super) async fn fund_months(app: &App, member: &CallingMember) -> Result<Supplied, Fault> {
    let mut conn = app.pool.acquire().await?;
    let months = welfare::months_of(&mut conn, member.stage.0, MONTHS).await?;
    Ok(months.into_iter().fold(Supplied::default(), |told, month| {
        told.row(
            "",
            [
                ("month_no", month.month.format("%-m/%Y").to_string()),
                ("came_in", month.money_in.as_decimal().to_string()),
                ("went_out", month.money_out.as_decimal().to_string()),
                ("month_code", month.hash.code()),
            ],
        )
    }))
}

/// Of one member the masked name, of all of them the stage's.
pub(super) async fn forgiven(app: &App, member: &CallingMember) -> Result<Supplied, Fault> {
    let mut conn = app.pool.acquire().await?;
    let lines = welfare::forgiven_at(&mut conn, member.stage.0, FORGIVEN).await?;
    Ok(lines.into_iter().fold(Supplied::default(), |told, line| {
        let who = line.person.map_or_else(
            || member.stage_name().to_owned(),
            |person| person.to_string(),
        );
        told.row(
            "",
            [
                ("day", nairobi_date(line.at).to_string()),
                ("who", who),
                ("given", line.amount.as_decimal().to_string()),
                ("because", line.because.chars().take(60).collect()),
            ],
        )
    }))
}

pub(super) async fn stage_arrears(app: &App, turn: &Turn) -> Result<Supplied, Fault> {
    let mut conn = app.pool.acquire().await?;
    let today = nairobi_date(app.clock.now());
    let (people, by) = match members::official(&mut conn, &turn.msisdn).await? {
        Some(official) => {
            let (of, himself) = (official.stage.0, official.officer.id.0);
            welfare::arrears_at(&mut conn, of, Some(himself), today).await?
        }
        None => Default::default(),
    };
    Ok(Supplied::default()
        .value("people_behind", people)
        .value("behind_by", by.as_decimal())
        .condition("somebody_behind", people > 0))
}

pub(super) async fn preferences(app: &App, turn: &Turn) -> Result<Supplied, Fault> {
    let mut conn = app.pool.acquire().await?;
    let unwanted = messages::unwanted_by(&mut conn, &turn.msisdn).await?;
    let gets = |kind| !unwanted.contains(&kind);
    Ok(Supplied::default()
        .condition("gets_reminders", gets(Kind::Reminders))
        .condition("gets_fund_news", gets(Kind::FundNews))
        .condition("gets_notices", gets(Kind::Notices)))
}
