//! `kwastage emergencies`: what the desk does about alarms.

use std::sync::Arc;

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand};

use super::members::begin;
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::emergencies::{self, Verdict};
use crate::serve;
use crate::stages::{self, StageCode};

#[derive(Debug, Subcommand)]
pub enum Emergencies {
    /// Closes an alarm that has been dealt with.
    Close {
        /// The short number, such as 42.
        number: i64,
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
        Emergencies::Close { number } => close(&app, number).await,
        Emergencies::Drill => drill(&app).await,
        Emergencies::Pace(pace) => set_pace(&app, pace).await,
    }
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
