//! `kwastage members`: deciding about applicants at the desk.

use std::sync::Arc;

use anyhow::Context;
use clap::Subcommand;

use crate::app::App;
use crate::audit::{self, Act, Trail};
use crate::clock::Clock;
use crate::config::Config;
use crate::members::{self, Fee, Reason, Who};
use crate::work::{Actor, Work};
use crate::{stages, thawing, welcome};

#[derive(Debug, Subcommand)]
pub enum Members {
    /// Lists who waits for an answer, oldest first.
    Pending,
    /// Approves an applicant, who is told by SMS.
    Approve {
        /// Phone, member number or id.
        who: String,
        /// Even though the joining fee is not paid yet.
        #[arg(long)]
        without_fee: bool,
    },
    /// Refuses an applicant, who is told why by SMS.
    Refuse { who: String, reason: String },
    /// Opens a frozen wallet again, whose owner has come with the national id. They are told by SMS.
    Thaw { who: String },
}

pub async fn run(config: Arc<Config>, asked: Members) -> anyhow::Result<()> {
    let app = App::build(config, Clock::System).await?;
    match asked {
        Members::Pending => list(&app).await,
        Members::Approve { who, without_fee } => approve(&app, &who, without_fee).await,
        Members::Refuse { who, reason } => refuse(&app, &who, &reason).await,
        Members::Thaw { who } => thaw(&app, &who).await,
    }
}

async fn list(app: &App) -> anyhow::Result<()> {
    let mut conn = app.pool.acquire().await?;
    for member in members::pending(&mut conn).await? {
        let stage = stages::find(&mut conn, member.stage)
            .await?
            .map(|stage| stage.name)
            .unwrap_or_default();
        let fee = if member.fee_paid_at.is_some() {
            "fee paid"
        } else {
            "fee not paid"
        };
        println!(
            "{}  {} {}, {stage}, {fee}, since {}",
            member.msisdn.national(),
            member.first_name.as_str(),
            member.last_name.as_str(),
            member.joined_at.format("%d/%m/%Y")
        );
    }
    Ok(())
}

async fn approve(app: &App, who: &str, without_fee: bool) -> anyhow::Result<()> {
    let fee = if without_fee {
        Fee::MayFollow
    } else {
        Fee::MustBePaid
    };
    let mut work = begin(app).await?;
    let approved =
        welcome::approve(&mut work, &parsed(who)?, fee, app.config.fees.registration).await?;
    let act = Act::on("member.approve", "member", approved.id).after(&approved.status)?;
    audit::write(&mut work, &trail(), act).await?;
    work.commit().await?;
    println!("{} is {}.", approved.first_name.as_str(), approved.status);
    Ok(())
}

async fn refuse(app: &App, who: &str, reason: &str) -> anyhow::Result<()> {
    let reason = Reason::parse(reason).context("the reason: 1 to 120 characters")?;
    let mut work = begin(app).await?;
    let refused = welcome::refuse(&mut work, &parsed(who)?, reason).await?;
    let act = Act::on("member.refuse", "member", refused.id).why(refused.reason.as_str());
    audit::write(&mut work, &trail(), act).await?;
    work.commit().await?;
    println!("{} is refused.", refused.first_name.as_str());
    if refused.fee_was_paid {
        println!("The joining fee had been paid: it is owed back.");
    }
    Ok(())
}

async fn thaw(app: &App, who: &str) -> anyhow::Result<()> {
    let mut work = begin(app).await?;
    let member = thawing::thaw(&mut work, &parsed(who)?).await?;
    let act = Act::on("member.thaw", "member", member.id).at(Some(member.stage));
    audit::write(&mut work, &trail(), act).await?;
    work.commit().await?;
    println!("The wallet of {} is open.", member.first_name.as_str());
    Ok(())
}

pub(super) fn parsed(who: &str) -> anyhow::Result<Who> {
    Who::parse(who).context("write a phone number, a member number or an id")
}

/// A work of whoever sits at this terminal.
pub(super) async fn begin(app: &App) -> anyhow::Result<Work> {
    let name = at_this_terminal();
    Ok(Work::begin(&app.pool, app.clock.now(), Actor::Staff { name }).await?)
}

/// The same for the book of what staff did.
pub(super) fn trail() -> Trail {
    Trail::terminal(at_this_terminal())
}

fn at_this_terminal() -> String {
    std::env::var("USER").unwrap_or_else(|_| "desk".to_owned())
}
