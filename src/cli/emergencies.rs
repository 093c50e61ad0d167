//! `kwastage emergencies`: what the desk sees of alarms and does about them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, Subcommand};

use super::members::{begin, trail};
use super::payouts::{begin_as, short, staff};
use crate::app::App;
use crate::audit::{self, Act};
use crate::clock::Clock;
use crate::config::Config;
use crate::emergencies::{self, CaseFile, Look, Verdict};
use crate::paying_out;
use crate::primitives::{Money, NAIROBI};
use crate::serve;
use crate::stages::{self, StageCode};

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
    /// Asks for money from the fund of the member's stage, for the member who raised this alarm. Somebody else approves it
    /// above the amount in the configuration: `kwastage payouts approve`.
    Support {
        /// The short number, such as 42.
        number: i64,
        /// Whole shillings.
        amount: String,
        /// Who asks.
        #[arg(long)]
        by: String,
        /// What it is for.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Sends a trial alarm to the test phone of the configuration through the whole chain, and names the link that is broken.
    /// A worker has to be running; nobody else hears of it.
    Drill,
    /// Gives a stage periods of its own for the answer clock; without any it has those of the configuration again.
    Pace(Pace),
}

/// Seconds from the alarm, as in the configuration.
#[derive(Debug, Args)]
pub struct Pace {
    /// The code of the stage, such as 101.
    stage: String,
    #[arg(long, value_parser = clap::value_parser!(i32).range(10..=3600))]
    wider_after_s: Option<i32>,
    #[arg(long, value_parser = clap::value_parser!(i32).range(10..=7200))]
    calls_after_s: Option<i32>,
    #[arg(long, value_parser = clap::value_parser!(i32).range(10..=14_400))]
    desk_after_s: Option<i32>,
    #[arg(long, value_parser = clap::value_parser!(i32).range(10..=3600))]
    again_every_s: Option<i32>,
}

/// How often a trial is looked at.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

pub async fn run(config: Arc<Config>, asked: Emergencies) -> anyhow::Result<()> {
    let app = App::build(config, Clock::System).await?;
    match asked {
        Emergencies::List => list(&app).await,
        Emergencies::Show { number } => show(&app, number).await,
        Emergencies::Close { number } => close(&app, number).await,
        Emergencies::Support {
            number,
            amount,
            by,
            reason,
        } => support(&app, number, &amount, &by, reason).await,
        Emergencies::Drill => drill(&app).await,
        Emergencies::Pace(pace) => set_pace(&app, pace).await,
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
    let act = Act::on("emergency.close", "emergency", number);
    audit::write(&mut work, &trail(), act).await?;
    work.commit().await?;
    println!("Emergency {number} is closed.");
    Ok(())
}

async fn support(
    app: &App,
    number: i64,
    amount: &str,
    by: &str,
    reason: Option<String>,
) -> anyhow::Result<()> {
    let by = staff(by)?;
    let amount = Money::parse_typed(amount).context("an amount, such as 2000")?;
    let mut work = begin_as(app, &by).await?;
    let (payout, amount) = paying_out::support(app, &mut work, number, amount, &by, reason).await?;
    work.commit().await?;
    println!(
        "KES {amount} is held in payout {}. `kwastage payouts list` shows how it stands.",
        short(payout)
    );
    Ok(())
}

async fn drill(app: &App) -> anyhow::Result<()> {
    let desk = serve::emergency_desk(app);
    let phone =
        desk.nightly.phone.clone().context(
            "there is no test phone: set emergencies.drill_phone to one that wakes nobody",
        )?;
    let (id, number) = emergencies::jobs::begin_drill(&desk, phone, true).await?;
    println!("Trial {number} is on its way to the test phone.");
    let mut waits_for = None;
    loop {
        match emergencies::jobs::watch_drill(&desk, id).await? {
            Verdict::Whole => {
                println!("The chain is whole.");
                return Ok(());
            }
            Verdict::Broken { link, said } => {
                bail!("the chain is broken at the link {}: {said}", link.as_str())
            }
            Verdict::Waiting(link) if waits_for != Some(link) => {
                println!("Waiting for the link {}.", link.as_str());
                waits_for = Some(link);
            }
            Verdict::Waiting(_) => {}
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

async fn set_pace(app: &App, pace: Pace) -> anyhow::Result<()> {
    let code = StageCode::parse(&pace.stage)?;
    let mut work = begin(app).await?;
    let stage = stages::find_by_code(work.conn(), &code).await?;
    let stage = stage.with_context(|| format!("no stage has the code {code}"))?;
    let seconds = [
        pace.wider_after_s,
        pace.calls_after_s,
        pace.desk_after_s,
        pace.again_every_s,
    ];
    emergencies::set_pace(&mut work, stage.id, seconds).await?;
    work.commit().await?;
    println!("Stage {} has its periods.", stage.name);
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
