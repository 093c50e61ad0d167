//! `kwastage stages`: opening stages, and who serves them.

use std::sync::Arc;

use anyhow::{Context, ensure};
use chrono::NaiveDate;
use clap::{Subcommand, ValueEnum};

use super::members::{begin, trail};
use crate::app::App;
use crate::audit::{self, Act};
use crate::clock::Clock;
use crate::config::Config;
use crate::members::{self, Member, Role, Who};
use crate::primitives::Money;
use crate::stages::{self, Opening, Stage, StageCode};
use crate::welfare::{self, Period, Plan};
use crate::work::Work;

#[derive(Debug, Subcommand)]
pub enum Stages {
    /// Lists every stage with its code, and who is on duty there.
    List,
    /// Opens a stage; its zone and region are written down with it where they are new.
    Open {
        /// Three to five digits.
        code: String,
        name: String,
        #[arg(long)]
        zone: String,
        #[arg(long)]
        region: String,
        /// What a rider pays each week, in shillings.
        #[arg(long, requires = "from")]
        weekly: Option<u32>,
        /// The first day that is due, such as 2026-12-07.
        #[arg(long, requires = "weekly")]
        from: Option<NaiveDate>,
    },
    /// Gives a member a role at a stage, on duty at once.
    Appoint {
        /// Phone, member number or id.
        who: String,
        role: Serves,
        /// The stage's code; the member's own stage unless said.
        #[arg(long)]
        stage: Option<String>,
    },
    /// Takes a role from a member.
    Dismiss {
        who: String,
        role: Serves,
        #[arg(long)]
        stage: Option<String>,
    },
}

/// A role as it is written at the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Serves {
    Coordinator,
    Official,
}

impl From<Serves> for Role {
    fn from(serves: Serves) -> Role {
        match serves {
            Serves::Coordinator => Role::Coordinator,
            Serves::Official => Role::Official,
        }
    }
}

pub async fn run(config: Arc<Config>, asked: Stages) -> anyhow::Result<()> {
    let app = App::build(config, Clock::System).await?;
    match asked {
        Stages::List => list(&app).await,
        Stages::Open {
            code,
            name,
            zone,
            region,
            weekly,
            from,
        } => {
            let opening = Opening {
                code: StageCode::parse(&code)?,
                name: named(&name, 20)?,
                zone: named(&zone, 24)?,
                region: named(&region, 24)?,
            };
            let plan = weekly.zip(from).map(|(weekly, starts_on)| Plan {
                period: Period::Week,
                amount: Money::from_shillings(i64::from(weekly)),
                starts_on,
            });
            open(&app, &opening, plan).await
        }
        Stages::Appoint { who, role, stage } => {
            let mut work = begin(&app).await?;
            let (member, stage) = both(&mut work, &who, stage.as_deref()).await?;
            members::appoint(&mut work, member.id, stage.id, role.into()).await?;
            note(&mut work, "stage.appoint", &member, &stage, role).await?;
            work.commit().await?;
            let name = member.first_name.as_str();
            println!("{name} is {} of {}, on duty.", said(role), stage.name);
            Ok(())
        }
        Stages::Dismiss { who, role, stage } => {
            let mut work = begin(&app).await?;
            let (member, stage) = both(&mut work, &who, stage.as_deref()).await?;
            let name = member.first_name.as_str();
            ensure!(
                members::dismiss(&mut work, member.id, stage.id, role.into()).await?,
                "{name} is no {} of {}",
                said(role),
                stage.name
            );
            note(&mut work, "stage.dismiss", &member, &stage, role).await?;
            work.commit().await?;
            println!("{name} is no longer {} of {}.", said(role), stage.name);
            Ok(())
        }
    }
}

async fn list(app: &App) -> anyhow::Result<()> {
    let mut conn = app.pool.acquire().await?;
    for region in stages::regions(&mut conn).await? {
        for zone in stages::zones(&mut conn, region.id).await? {
            for stage in stages::stages_in(&mut conn, zone.id).await? {
                let on_duty =
                    members::officers_on_duty(&mut conn, stage.id, Role::Coordinator).await?;
                let names: Vec<&str> = on_duty.iter().map(|one| one.first_name.as_str()).collect();
                let names = if names.is_empty() {
                    "nobody on duty".to_owned()
                } else {
                    names.join(", ")
                };
                println!(
                    "{}  {}, {}, {}  {names}",
                    stage.code, stage.name, stage.zone, stage.region
                );
            }
        }
    }
    Ok(())
}

async fn open(app: &App, opening: &Opening, plan: Option<Plan>) -> anyhow::Result<()> {
    let mut work = begin(app).await?;
    let stage = stages::open(&mut work, opening).await?;
    let is_there = (&stage.name, &stage.zone, &stage.region)
        == (&opening.name, &opening.zone, &opening.region);
    ensure!(
        is_there,
        "{} is the code of {}, {}, {}",
        stage.code,
        stage.name,
        stage.zone,
        stage.region
    );
    if let Some(plan) = &plan {
        welfare::adopt_plan(&mut work, stage.id.0, "rider", plan).await?;
    }
    let act = Act::on("stage.open", "stage", &stage.code).at(Some(stage.id));
    audit::write(&mut work, &trail(), act.after(&stage.name)?).await?;
    work.commit().await?;
    println!("{} {} is open.", stage.code, stage.name);
    Ok(())
}

/// Writes into the book who was given a role or lost it.
async fn note(
    work: &mut Work,
    action: &'static str,
    member: &Member,
    stage: &Stage,
    role: Serves,
) -> anyhow::Result<()> {
    let act = Act::on(action, "member", member.id).at(Some(stage.id));
    Ok(audit::write(work, &trail(), act.after(&said(role))?).await?)
}

async fn both(work: &mut Work, who: &str, stage: Option<&str>) -> anyhow::Result<(Member, Stage)> {
    let who = Who::parse(who).context("write a phone number, a member number or an id")?;
    let member = members::find(work.conn(), &who)
        .await?
        .context("no member goes by that")?;
    let stage = match stage {
        Some(code) => stages::find_by_code(work.conn(), &StageCode::parse(code)?).await?,
        None => stages::find(work.conn(), member.stage).await?,
    };
    Ok((member, stage.context("no stage has that code")?))
}

/// Names stand on phone screens: two characters at least, so many at most.
fn named(name: &str, most: usize) -> anyhow::Result<String> {
    let name = name.trim();
    ensure!(
        (2..=most).contains(&name.chars().count()),
        "{name:?}: a name has 2 to {most} characters"
    );
    Ok(name.to_owned())
}

fn said(role: Serves) -> &'static str {
    match role {
        Serves::Coordinator => "coordinator",
        Serves::Official => "official",
    }
}
