//! `kwastage plans`: what the riders of a stage pay, and when.

use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use chrono::NaiveDate;
use clap::Subcommand;

use super::members::begin;
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::primitives::Money;
use crate::stages::{self, Stage, StageCode, StageId};
use crate::welfare::{self, DueOn, Plan};
use crate::work::Work;

#[derive(Debug, Subcommand)]
pub enum Plans {
    /// Lists the plans of one stage, or of all, the one that holds today and those to come.
    List {
        /// The stage's code.
        stage: Option<String>,
    },
    /// Has a stage pay by a plan from a day on. What fell due before stays as it was.
    Set {
        /// The stage's code.
        stage: String,
        /// What each pays, in shillings.
        amount: u32,
        /// When it is due: a weekday, such as monday, for each week; a number, such as 5, for each month.
        #[arg(long)]
        on: String,
        /// The first day it may be due; the next such day from there is the first.
        #[arg(long)]
        from: NaiveDate,
        /// Whom it is for.
        #[arg(long, default_value = "rider")]
        category: String,
    },
    /// Takes back a plan that has not begun.
    Withdraw {
        stage: String,
        /// The first day it is due.
        from: NaiveDate,
        #[arg(long, default_value = "rider")]
        category: String,
    },
}

pub async fn run(config: Arc<Config>, asked: Plans) -> anyhow::Result<()> {
    let app = App::build(config, Clock::System).await?;
    match asked {
        Plans::List { stage } => list(&app, stage.as_deref()).await,
        Plans::Set {
            stage,
            amount,
            on,
            from,
            category,
        } => {
            let on = DueOn::parse(&on).context("--on: a weekday or a day of the month")?;
            let starts_on = on.first(from).context("--from: no such day comes")?;
            let plan = Plan {
                period: on.period(),
                amount: Money::from_shillings(i64::from(amount)),
                starts_on,
            };
            set(&app, &stage, &category, &plan).await
        }
        Plans::Withdraw {
            stage,
            from,
            category,
        } => withdraw(&app, &stage, &category, from).await,
    }
}

async fn list(app: &App, code: Option<&str>) -> anyhow::Result<()> {
    let mut work = begin(app).await?;
    let stage = match code {
        Some(code) => Some(stage_of(&mut work, code).await?.id.0),
        None => None,
    };
    for adopted in welfare::plans_of(work.conn(), stage).await? {
        let stage = stages::find(work.conn(), StageId(adopted.stage)).await?;
        let (code, name) = stage.map_or_else(Default::default, |stage| {
            (stage.code.as_str().to_owned(), stage.name)
        });
        println!(
            "{code}  {name}  {}  KES {} {} from {}",
            adopted.category,
            adopted.plan.amount,
            adopted.plan.period.every(),
            adopted.plan.starts_on
        );
    }
    Ok(())
}

async fn set(app: &App, code: &str, category: &str, plan: &Plan) -> anyhow::Result<()> {
    // The table knows more categories than this line could list; a word that is none of them is refused there.
    ensure!(!category.is_empty(), "--category: rider, owner or official");
    let mut work = begin(app).await?;
    let stage = stage_of(&mut work, code).await?;
    welfare::set_plan(&mut work, stage.id.0, category, plan).await?;
    work.commit().await?;
    println!(
        "{} {}: each {category} pays KES {} {} from {}.",
        stage.code,
        stage.name,
        plan.amount,
        plan.period.every(),
        plan.starts_on
    );
    Ok(())
}

async fn withdraw(app: &App, code: &str, category: &str, from: NaiveDate) -> anyhow::Result<()> {
    let mut work = begin(app).await?;
    let stage = stage_of(&mut work, code).await?;
    if !welfare::withdraw_plan(&mut work, stage.id.0, category, from).await? {
        bail!("no plan of a {category} begins on {from}, or it has begun");
    }
    work.commit().await?;
    println!("The plan from {from} is withdrawn.");
    Ok(())
}

pub(super) async fn stage_of(work: &mut Work, code: &str) -> anyhow::Result<Stage> {
    let code = StageCode::parse(code)?;
    stages::find_by_code(work.conn(), &code)
        .await?
        .context("no stage has that code")
}
