//! `kwastage members`: deciding about applicants at the desk.

use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::Subcommand;

use crate::app::App;
use crate::audit::{self, Act, Trail};
use crate::clock::Clock;
use crate::config::Config;
use crate::members::{self, Fee, Member, Reason, Who};
use crate::primitives::{Msisdn, StaffName};
use crate::recovery::{self, ChangeAsked, Verdict};
use crate::work::{Actor, Work};
use crate::{membership, stages, thawing, welcome};

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
    /// Takes a member's rights for a while; alarms stay open. The member is told why by SMS.
    Suspend { who: String, reason: String },
    /// Gives a suspended member their rights back, and tells them by SMS.
    Reinstate { who: String },
    /// Says that a member who has forgotten the PIN is who they say. Takes two different people, or one and the next of kin.
    ResetPin {
        who: String,
        /// Who of the staff has seen the member with their national id.
        #[arg(long)]
        by: String,
        /// It is not the member: nobody gets a new PIN.
        #[arg(long)]
        no: bool,
    },
    /// Moves a member to another number. Takes two different people; the old number is told and can stop it for an hour.
    ChangePhone {
        who: String,
        new: String,
        /// Who of the staff has seen the member with their national id.
        #[arg(long)]
        by: String,
    },
    /// Says what kind of member somebody is; without a kind, which kinds there are.
    Category { who: String, kind: Option<String> },
    /// Opens a frozen wallet again, whose owner has come with the national id. They are told by SMS.
    Thaw { who: String },
}

pub async fn run(config: Arc<Config>, asked: Members) -> anyhow::Result<()> {
    let app = App::build(config, Clock::System).await?;
    match asked {
        Members::Pending => list(&app).await,
        Members::Approve { who, without_fee } => approve(&app, &who, without_fee).await,
        Members::Refuse { who, reason } => refuse(&app, &who, &reason).await,
        Members::Suspend { who, reason } => suspend(&app, &who, &reason).await,
        Members::Reinstate { who } => reinstate(&app, &who).await,
        Members::ResetPin { who, by, no } => reset_pin(&app, &who, &by, !no).await,
        Members::ChangePhone { who, new, by } => change_phone(&app, &who, &new, &by).await,
        Members::Category { who, kind } => category(&app, &who, kind.as_deref()).await,
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

async fn suspend(app: &App, who: &str, reason: &str) -> anyhow::Result<()> {
    let reason = Reason::parse(reason).context("the reason: 1 to 120 characters")?;
    let mut work = begin(app).await?;
    let member = welcome::suspend(&mut work, &parsed(who)?, reason).await?;
    work.commit().await?;
    println!("{} is suspended.", member.first_name.as_str());
    Ok(())
}

async fn reinstate(app: &App, who: &str) -> anyhow::Result<()> {
    let mut work = begin(app).await?;
    let member = welcome::reinstate(&mut work, &parsed(who)?).await?;
    work.commit().await?;
    println!(
        "{} is {} again.",
        member.first_name.as_str(),
        member.status.word()
    );
    Ok(())
}

async fn reset_pin(app: &App, who: &str, by: &str, says_yes: bool) -> anyhow::Result<()> {
    let by = StaffName::parse(by)?;
    let mut work = begin(app).await?;
    let member = known(&mut work, who).await?;
    let verdict = recovery::staff_says(&mut work, member.id, &by, says_yes).await?;
    work.commit().await?;
    let name = member.first_name.as_str();
    match verdict {
        Verdict::Granted => println!("{name} may choose a new PIN on their own phone."),
        Verdict::Refused => println!("{name} gets no new PIN."),
        Verdict::Waiting => println!("One more person has to say that it is {name}."),
    }
    Ok(())
}

async fn change_phone(app: &App, who: &str, new: &str, by: &str) -> anyhow::Result<()> {
    let (new, by) = (Msisdn::parse(new)?, StaffName::parse(by)?);
    let mut work = begin(app).await?;
    let member = known(&mut work, who).await?;
    let asked = recovery::second_by_staff(&mut work, &member, &new, &by).await?;
    work.commit().await?;
    let name = member.first_name.as_str();
    match asked {
        ChangeAsked::Cooling { hours } => {
            println!("{name} moves in {hours} h unless the old number stops it.");
        }
        ChangeAsked::ToBeConfirmed => println!("One more of the staff has to say so."),
    }
    Ok(())
}

async fn category(app: &App, who: &str, kind: Option<&str>) -> anyhow::Result<()> {
    let mut work = begin(app).await?;
    let member = known(&mut work, who).await?;
    let categories = membership::categories(work.conn()).await?;
    let wanted = kind.and_then(|kind| categories.iter().find(|known| known.code == kind));
    let Some(wanted) = wanted else {
        for known in categories {
            println!(
                "{}: {}, KES {} for {} months, {} days of grace, then KES {} more",
                known.code,
                known.name_en,
                known.renewal,
                known.period_months,
                known.grace_days,
                known.late_fee
            );
        }
        ensure!(kind.is_none(), "there is no such kind of member");
        return Ok(());
    };
    members::set_category(&mut work, member.id, &wanted.code).await?;
    work.commit().await?;
    println!("{} is {} now.", member.first_name.as_str(), wanted.name_en);
    Ok(())
}

async fn known(work: &mut Work, who: &str) -> anyhow::Result<Member> {
    members::find(work.conn(), &parsed(who)?)
        .await?
        .context("no member is known by that")
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

/// Who sits at this terminal.
pub(super) fn name() -> String {
    std::env::var("USER").unwrap_or_else(|_| "desk".to_owned())
}

pub(super) fn staff() -> Actor {
    Actor::Staff { name: name() }
}

/// A work of whoever sits at this terminal.
pub(super) async fn begin(app: &App) -> anyhow::Result<Work> {
    Ok(Work::begin(&app.pool, app.clock.now(), staff()).await?)
}

/// The same for the book of what staff did.
pub(super) fn trail() -> Trail {
    Trail::terminal(name())
}
