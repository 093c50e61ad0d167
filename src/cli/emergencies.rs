//! `kwastage emergencies`: what the desk sees of alarms and does about them.

use std::sync::Arc;

use anyhow::{Context, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use clap::Subcommand;

use super::members::begin;
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::emergencies::{self, CaseFile, Look};
use crate::primitives::NAIROBI;

/// Ended cases are listed for so long.
const ENDED_ARE_LISTED: TimeDelta = TimeDelta::hours(24);

#[derive(Debug, Subcommand)]
pub enum Emergencies {
    /// Lists the alarms somebody still waits in, and those that ended within a day.
    List,
    /// Shows a case file: every state, message and person, in order.
    Show {
        /// The short number, such as 42.
        number: i64,
    },
    /// Closes an alarm that has been dealt with.
    Close {
        /// The short number, such as 42.
        number: i64,
    },
}

pub async fn run(config: Arc<Config>, asked: Emergencies) -> anyhow::Result<()> {
    let app = App::build(config, Clock::System).await?;
    match asked {
        Emergencies::List => list(&app).await,
        Emergencies::Show { number } => show(&app, number).await,
        Emergencies::Close { number } => close(&app, number).await,
    }
}

async fn list(app: &App) -> anyhow::Result<()> {
    let (mut conn, now) = (app.pool.acquire().await?, app.clock.now());
    for look in emergencies::open_cases(&mut conn, now - ENDED_ARE_LISTED).await? {
        println!("{}", line_of(&look, now));
    }
    Ok(())
}

async fn show(app: &App, number: i64) -> anyhow::Result<()> {
    let mut conn = app.pool.acquire().await?;
    let file = emergencies::file_of(&mut conn, number)
        .await?
        .with_context(|| format!("there is no emergency {number}"))?;
    print!("{}", told(&file, app.clock.now()));
    Ok(())
}

async fn close(app: &App, number: i64) -> anyhow::Result<()> {
    let mut work = begin(app).await?;
    ensure!(
        emergencies::close(&mut work, number).await?,
        "no open emergency has the number {number}"
    );
    work.commit().await?;
    println!("Emergency {number} is closed.");
    Ok(())
}

/// `42  acknowledged  12 min  accident  Kencom: City Market  2547•••001  Wambui (8 min)`
fn line_of(look: &Look, now: DateTime<Utc>) -> String {
    let case = &look.case;
    let stage = look.reporter.as_ref().map_or("-", |(_, stage)| stage);
    let people: Vec<String> = look
        .people
        .iter()
        .map(|one| match (one.arrived_at, one.minutes) {
            (Some(_), _) => format!("{} (there)", one.first_name),
            (None, Some(minutes)) => format!("{} ({minutes} min)", one.first_name),
            (None, None) => one.first_name.clone(),
        })
        .collect();
    let people = if people.is_empty() {
        format!("nobody yet of {} alerted", look.alerted.len())
    } else {
        people.join(", ")
    };
    format!(
        "{}  {}  {}  {} min  {}  {stage}: {}  {}  {people}",
        case.number.serial,
        case.state.as_str(),
        case.priority.as_str(),
        (now - case.raised_at).num_minutes(),
        case.kind.map_or("unknown", |kind| kind.as_str()),
        case.place.as_deref().unwrap_or("-"),
        case.msisdn,
    )
}

/// The whole file, as lines; phones are masked.
fn told(file: &CaseFile, now: DateTime<Utc>) -> String {
    let case = &file.look.case;
    let mut lines = vec![
        format!("{}  {}", case.number, line_of(&file.look, now)),
        format!("needed {}, on it {}", case.needed, file.look.people.len()),
        String::new(),
        "Alerted".to_owned(),
    ];
    for one in &file.look.alerted {
        lines.push(format!(
            "  {}  {}  {}  {}  {} times{}",
            clock(one.at),
            one.msisdn,
            one.name.as_deref().unwrap_or("-"),
            one.rung.as_str(),
            one.times,
            if one.declined { ", cannot come" } else { "" }
        ));
    }
    lines.push("Came".to_owned());
    for one in &file.responders {
        let when = |at: Option<DateTime<Utc>>| at.map_or("-".to_owned(), clock);
        lines.push(format!(
            "  {}  {}  {}  there {}  left {}",
            clock(one.accepted_at),
            one.msisdn,
            one.first_name,
            when(one.arrived_at),
            when(one.left_at)
        ));
    }
    lines.push("What happened".to_owned());
    let mut happened: Vec<(DateTime<Utc>, String)> = Vec::new();
    for entry in &file.entries {
        let who = entry
            .who
            .as_ref()
            .map_or("KwaStage".to_owned(), |phone| phone.to_string());
        let said = entry.said.as_deref().unwrap_or_default();
        happened.push((entry.at, format!("{who}  {}  {said}", entry.what)));
    }
    for message in &file.messages {
        let by = message.provider.as_deref().unwrap_or("-");
        happened.push((
            message.at,
            format!(
                "SMS to {}  {}  {} {} by {by}",
                message.to,
                message.template,
                message.state,
                clock(message.changed_at)
            ),
        ));
    }
    happened.sort_by_key(|(at, _)| *at);
    for (at, what) in happened {
        lines.push(format!("  {}  {}", clock(at), what.trim_end()));
    }
    lines.join("\n") + "\n"
}

/// The time of day in Nairobi.
fn clock(at: DateTime<Utc>) -> String {
    at.with_timezone(&NAIROBI)
        .format("%d/%m %H:%M:%S")
        .to_string()
}
