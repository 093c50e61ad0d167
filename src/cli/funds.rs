//! `kwastage funds`: what a fund pays for, what is forgiven, and the months of its book.

use std::sync::Arc;

use anyhow::{Context, ensure};
use chrono::NaiveDate;
use clap::Subcommand;
use uuid::Uuid;

use super::members::{begin, parsed};
use super::plans::stage_of;
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::fund_news;
use crate::members;
use crate::primitives::{Money, nairobi_date};
use crate::welfare::{self, Because, Forgive, Forgiven, Forgiver, FundEvent, FundRule};
use crate::work::Actor;

#[derive(Debug, Subcommand)]
pub enum Funds {
    /// Lists what the fund of a stage pays for.
    Rules { stage: String },
    /// Says what a fund pays when something happens, from a day on.
    Rule {
        /// accident, sickness, death, family_death or theft.
        event: String,
        /// The most each time, in shillings; 0 for what is not paid.
        amount: u32,
        /// The stage's code; every stage without a rule of its own unless said.
        #[arg(long)]
        stage: Option<String>,
        #[arg(long, default_value_t = 1)]
        times_a_year: i16,
        /// Today unless said.
        #[arg(long)]
        from: Option<NaiveDate>,
    },
    /// Forgives arrears of one member, or of everybody at a stage. They are told, and every member can read it.
    Forgive {
        /// The stage's code.
        stage: String,
        reason: String,
        /// Phone, member number or id; everybody at the stage unless said.
        #[arg(long)]
        member: Option<String>,
        /// At most so many shillings of each one's arrears.
        #[arg(long, conflicts_with = "through")]
        amount: Option<u32>,
        /// All that fell due up to this day; up to yesterday unless said.
        #[arg(long)]
        through: Option<NaiveDate>,
    },
    /// Prints the closed months of a fund, with their codes.
    Months { stage: String },
    /// Prints the text of a closed month, whose SHA-256 begins with its code.
    Text {
        stage: String,
        /// The first day of the month, such as 2026-10-01.
        month: NaiveDate,
    },
    /// Adds every closed month up again from the ledger; ends with 1 when one is not what it was.
    Verify { stage: String },
}

pub async fn run(config: Arc<Config>, asked: Funds) -> anyhow::Result<()> {
    let app = App::build(config, Clock::System).await?;
    match asked {
        Funds::Rules { stage } => rules(&app, &stage).await,
        Funds::Rule {
            event,
            amount,
            stage,
            times_a_year,
            from,
        } => {
            let rule = FundRule {
                event: FundEvent::parse(&event)
                    .context("accident, sickness, death, family_death or theft")?,
                amount: Money::from_shillings(i64::from(amount)),
                times_a_year,
                from: from.unwrap_or_else(|| nairobi_date(app.clock.now())),
            };
            set_rule(&app, stage.as_deref(), rule).await
        }
        Funds::Forgive {
            stage,
            reason,
            member,
            amount,
            through,
        } => {
            let what = match (amount, through) {
                (Some(amount), _) => Forgiven::Amount(Money::from_shillings(i64::from(amount))),
                (None, Some(day)) => Forgiven::Through(day),
                (None, None) => welfare::everything(nairobi_date(app.clock.now())),
            };
            forgive(&app, &stage, &reason, member.as_deref(), what).await
        }
        Funds::Months { stage } => months(&app, &stage).await,
        Funds::Text { stage, month } => text(&app, &stage, month).await,
        Funds::Verify { stage } => verify(&app, &stage).await,
    }
}

async fn rules(app: &App, code: &str) -> anyhow::Result<()> {
    let mut work = begin(app).await?;
    let stage = stage_of(&mut work, code).await?;
    let today = nairobi_date(work.now);
    for rule in welfare::rules_of(work.conn(), stage.id.0, today).await? {
        println!(
            "{}  KES {}, {} a year, since {}",
            rule.event.as_str(),
            rule.amount,
            rule.times_a_year,
            rule.from
        );
    }
    Ok(())
}

async fn set_rule(app: &App, code: Option<&str>, rule: FundRule) -> anyhow::Result<()> {
    let mut work = begin(app).await?;
    let stage = match code {
        Some(code) => Some(stage_of(&mut work, code).await?.id.0),
        None => None,
    };
    welfare::set_rule(&mut work, stage, rule).await?;
    work.commit().await?;
    println!(
        "{}: KES {} from {}.",
        rule.event.as_str(),
        rule.amount,
        rule.from
    );
    Ok(())
}

async fn forgive(
    app: &App,
    code: &str,
    reason: &str,
    member: Option<&str>,
    what: Forgiven,
) -> anyhow::Result<()> {
    let because = Because::parse(reason).context("the reason: 5 to 120 characters")?;
    let mut work = begin(app).await?;
    let stage = stage_of(&mut work, code).await?;
    let member = match member {
        Some(who) => {
            let found = members::find(work.conn(), &parsed(who)?).await?;
            Some(found.context("no member goes by that")?.id.0)
        }
        None => None,
    };
    let name = match &work.actor {
        Actor::Staff { name } => name.clone(),
        _ => "desk".to_owned(),
    };
    let asked = Forgive {
        id: Uuid::now_v7(),
        stage: stage.id.0,
        member,
        what,
        because: because.clone(),
        by: Forgiver::Staff(name),
    };
    let forgave = welfare::forgive(&mut work, asked).await?;
    fund_news::tell_forgiven(&mut work, &forgave, &because).await?;
    work.commit().await?;
    println!(
        "KES {} of {} members is forgiven.",
        forgave.total(),
        forgave.members.len()
    );
    Ok(())
}

async fn months(app: &App, code: &str) -> anyhow::Result<()> {
    let mut work = begin(app).await?;
    let stage = stage_of(&mut work, code).await?;
    for month in welfare::months_of(work.conn(), stage.id.0, 1_200).await? {
        println!(
            "{}  in KES {}  out KES {}  then KES {}  {}",
            month.month.format("%Y-%m"),
            month.money_in,
            month.money_out,
            month.closing(),
            month.hash.code()
        );
    }
    Ok(())
}

async fn text(app: &App, code: &str, month: NaiveDate) -> anyhow::Result<()> {
    let mut work = begin(app).await?;
    let stage = stage_of(&mut work, code).await?;
    let first = welfare::first_of(month);
    let text = welfare::month_text(work.conn(), stage.id.0, stage.code.as_str(), first).await?;
    print!("{}", text.context("that month is not closed")?);
    Ok(())
}

async fn verify(app: &App, code: &str) -> anyhow::Result<()> {
    let mut work = begin(app).await?;
    let stage = stage_of(&mut work, code).await?;
    let broken = welfare::broken_months(work.conn(), stage.id.0, stage.code.as_str()).await?;
    for month in &broken {
        println!("{} is not what it was.", month.format("%Y-%m"));
    }
    ensure!(broken.is_empty(), "{} months do not add up", broken.len());
    println!("Every closed month is what it was.");
    Ok(())
}
