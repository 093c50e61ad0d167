//! `kwastage payouts`: the second person, and the end of what M-PESA left unknown.

use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use chrono::{DateTime, Utc};
use clap::Subcommand;

use super::members::parsed;
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::members;
use crate::payments::Receipt;
use crate::payouts::{self, Brake, ByPerson, Filed, Lifted, Payout, PayoutId, RefundAsked};
use crate::primitives::{Msisdn, NAIROBI, StaffName};
use crate::work::{Actor, Work};

#[derive(Debug, Subcommand)]
pub enum Payouts {
    /// Says whether payouts are stopped, and lists those whose money is neither there nor back, oldest first.
    List,
    /// Shows one payout: every attempt, what was heard of it, what people did.
    Show {
        /// The end of its id, as in the list.
        id: String,
    },
    /// Agrees that the money leaves. Whoever asked for it cannot.
    Approve {
        id: String,
        #[arg(long)]
        by: String,
    },
    /// Says no: the money is back where it came from.
    Refuse {
        id: String,
        #[arg(long)]
        by: String,
        #[arg(long)]
        reason: String,
    },
    /// Ends a payout of which nobody knows what became of it, with what M-PESA's portal shows.
    Settle {
        id: String,
        /// It was paid: M-PESA's receipt, such as TKQ1ABCDE2.
        #[arg(long, conflicts_with = "not_paid")]
        paid: Option<String>,
        /// It was not paid: the money goes back.
        #[arg(long)]
        not_paid: bool,
        #[arg(long)]
        by: String,
        #[arg(long)]
        reason: String,
    },
    /// Lifts the stop, when what M-PESA refused has been mended. What waits leaves at once.
    Resume {
        #[arg(long)]
        by: String,
    },
    /// Lets a member's money leave before a changed PIN, phone or SIM is a day old. Two people have to.
    LiftCooling {
        /// Phone, member number or id.
        who: String,
        #[arg(long)]
        by: String,
    },
    /// Asks for money in suspense to go back to whoever paid it. Somebody else approves it.
    Refund {
        /// M-PESA's receipt of the payment.
        receipt: String,
        /// The payer's phone; what M-PESA has shown of it must agree.
        phone: String,
        #[arg(long)]
        by: String,
        #[arg(long)]
        reason: Option<String>,
    },
}

pub async fn run(config: Arc<Config>, asked: Payouts) -> anyhow::Result<()> {
    let app = App::build(config, Clock::System).await?;
    match asked {
        Payouts::List => list(&app).await,
        Payouts::Show { id } => show(&app, &id).await,
        Payouts::Approve { id, by } => approve(&app, &id, &by).await,
        Payouts::Refuse { id, by, reason } => refuse(&app, &id, &by, &reason).await,
        Payouts::Settle {
            id,
            paid,
            not_paid,
            by,
            reason,
        } => {
            let found = match (paid, not_paid) {
                (Some(receipt), false) => ByPerson::Paid(
                    Receipt::parse(&receipt).context("an M-PESA receipt, such as TKQ1ABCDE2")?,
                ),
                (None, true) => ByPerson::NotPaid,
                _ => bail!("say --paid RECEIPT or --not-paid"),
            };
            settle(&app, &id, found, &by, &reason).await
        }
        Payouts::Resume { by } => resume(&app, &by).await,
        Payouts::LiftCooling { who, by } => lift_cooling(&app, &who, &by).await,
        Payouts::Refund {
            receipt,
            phone,
            by,
            reason,
        } => refund(&app, &receipt, &phone, &by, reason).await,
    }
}

async fn list(app: &App) -> anyhow::Result<()> {
    let mut conn = app.pool.acquire().await?;
    let brake = payouts::brake(&mut conn).await?;
    for line in told_of_brake(&brake, app.clock.now()) {
        println!("{line}");
    }
    for listed in payouts::open_payouts(&mut conn).await? {
        let attempt = listed.attempt.as_deref().unwrap_or("-");
        println!("{}  {attempt}", line_of(&listed.payout));
    }
    Ok(())
}

async fn show(app: &App, id: &str) -> anyhow::Result<()> {
    let file = filed(app, id).await?;
    print!("{}", told(&file));
    Ok(())
}

async fn approve(app: &App, id: &str, by: &str) -> anyhow::Result<()> {
    let (by, payout) = (staff(by)?, filed(app, id).await?.payout);
    let mut work = begin_as(app, &by).await?;
    let approved = payouts::approve(&mut work, payout.id, &by).await?;
    work.commit().await?;
    println!("KES {} to {} leaves.", approved.amount, approved.recipient);
    Ok(())
}

async fn refuse(app: &App, id: &str, by: &str, reason: &str) -> anyhow::Result<()> {
    ensure!(!reason.trim().is_empty(), "say why");
    let (by, payout) = (staff(by)?, filed(app, id).await?.payout);
    let mut work = begin_as(app, &by).await?;
    let refused = payouts::refuse(&mut work, payout.id, &by, reason.trim()).await?;
    work.commit().await?;
    println!("KES {} is back where it came from.", refused.held());
    Ok(())
}

async fn settle(
    app: &App,
    id: &str,
    found: ByPerson,
    by: &str,
    reason: &str,
) -> anyhow::Result<()> {
    ensure!(!reason.trim().is_empty(), "say where you have seen it");
    let (by, payout) = (staff(by)?, filed(app, id).await?.payout);
    let mut work = begin_as(app, &by).await?;
    let rules = &app.payout_rules;
    let state =
        payouts::settle_by_person(&mut work, rules, payout.id, found, &by, reason.trim()).await?;
    work.commit().await?;
    println!("Payout {} is {}.", short(payout.id), state.as_str());
    Ok(())
}

async fn resume(app: &App, by: &str) -> anyhow::Result<()> {
    let by = staff(by)?;
    let mut work = begin_as(app, &by).await?;
    let lifted = payouts::resume(&mut work, &by).await?;
    work.commit().await?;
    println!(
        "{}",
        match lifted {
            true => "Payouts leave again.",
            false => "Payouts were not stopped.",
        }
    );
    Ok(())
}

async fn lift_cooling(app: &App, who: &str, by: &str) -> anyhow::Result<()> {
    let by = staff(by)?;
    let mut work = begin_as(app, &by).await?;
    let member = members::find(work.conn(), &parsed(who)?)
        .await?
        .context("no member is known by that")?;
    let lifted = payouts::lift_cooling(&mut work, &app.payout_rules, member.id.0, &by).await?;
    work.commit().await?;
    let name = member.first_name.as_str();
    match lifted {
        Lifted::First => println!("Noted. Somebody else has to speak with {name} as well."),
        Lifted::Both => println!("{name}'s money may leave now."),
    }
    Ok(())
}

async fn refund(
    app: &App,
    receipt: &str,
    phone: &str,
    by: &str,
    reason: Option<String>,
) -> anyhow::Result<()> {
    let by = staff(by)?;
    let asked = RefundAsked {
        refunded: Receipt::parse(receipt).context("an M-PESA receipt, such as TKQ1ABCDE2")?,
        recipient: Msisdn::parse(phone).context("a phone number, such as 0712345678")?,
        language: app.menus.current().default_language(),
        by: by.clone(),
        reason,
    };
    let mut work = begin_as(app, &by).await?;
    let (payout, amount) = payouts::refund(&mut work, &app.payout_rules, asked).await?;
    work.commit().await?;
    println!("KES {amount} is held in payout {}.", short(payout));
    Ok(())
}

async fn filed(app: &App, id: &str) -> anyhow::Result<Filed> {
    let mut conn = app.pool.acquire().await?;
    payouts::file_of(&mut conn, id)
        .await?
        .with_context(|| format!("no payout, or more than one, has an id that ends in {id}"))
}

/// A name under a decision; the configuration knows no accounts yet.
pub(super) fn staff(name: &str) -> anyhow::Result<StaffName> {
    StaffName::parse(name).context("a name: 2 to 40 letters, digits, points or hyphens")
}

/// A work of this person of the staff.
pub(super) async fn begin_as(app: &App, by: &StaffName) -> anyhow::Result<Work> {
    let actor = Actor::Staff {
        name: by.to_string(),
    };
    Ok(Work::begin(&app.pool, app.clock.now(), actor).await?)
}

/// The end of the id: enough to name a payout by.
pub(super) fn short(id: PayoutId) -> String {
    let digits = id.0.simple().to_string();
    digits[digits.len() - 8..].to_owned()
}

fn told_of_brake(brake: &Brake, now: DateTime<Utc>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some((since, why)) = &brake.stopped {
        lines.push(format!(
            "ALL PAYOUTS ARE STOPPED since {}: {why}. Mend it, then: kwastage payouts resume --by NAME",
            clock(*since)
        ));
    }
    if let Some((until, why)) = brake.paused.as_ref().filter(|(until, _)| *until > now) {
        lines.push(format!("Payouts wait until {}: {why}.", clock(*until)));
    }
    if let Some((at, float)) = &brake.float {
        lines.push(format!(
            "M-PESA held KES {float} for payouts at {}.",
            clock(*at)
        ));
    }
    lines
}

/// `1a2b3c4d  ready  withdrawal  KES 500  to 2547•••001  20/11 12:00  asked by the member`
fn line_of(payout: &Payout) -> String {
    let by = payout.asked_by.as_deref().unwrap_or("the member");
    let waits = match (payout.needs_approval, &payout.decided_by) {
        (true, None) => ", waits for a second person".to_owned(),
        (_, Some(second)) => format!(", decided by {second}"),
        (false, None) => String::new(),
    };
    format!(
        "{}  {}  {}  KES {}  to {}  {}  asked by {by}{waits}",
        short(payout.id),
        payout.state.as_str(),
        payout.purpose.name(),
        payout.amount,
        payout.recipient,
        clock(payout.asked_at),
    )
}

/// The whole file, as lines; phones are masked.
fn told(file: &Filed) -> String {
    let payout = &file.payout;
    let mut lines = vec![line_of(payout)];
    if let Some(reason) = &payout.reason {
        lines.push(format!("for: {reason}"));
    }
    if let Some(receipt) = &payout.receipt {
        lines.push(format!("M-PESA's receipt: {receipt}"));
    }
    lines.push("Attempts".to_owned());
    for attempt in &file.attempts {
        let handed = attempt.handed_at.map_or_else(|| "-".to_owned(), clock);
        lines.push(format!(
            "  {}  {}  handed over {} times, last {handed}  {}",
            attempt.originator,
            attempt.state.as_str(),
            attempt.handed,
            attempt.ended_by.as_deref().unwrap_or("-"),
        ));
    }
    lines.push("Heard".to_owned());
    for (at, source, copies, trusted) in &file.heard {
        let doubt = match trusted {
            true => "",
            false => "  from an address that is not M-PESA's",
        };
        lines.push(format!("  {}  {source}  {copies} times{doubt}", clock(*at)));
    }
    lines.push("Known and done".to_owned());
    for note in &file.notes {
        let by = note.by.as_deref().unwrap_or("KwaStage");
        lines.push(format!("  {}  {by}  {}", clock(note.at), note.what));
    }
    lines.join("\n") + "\n"
}

/// The time of day in Nairobi.
fn clock(at: DateTime<Utc>) -> String {
    at.with_timezone(&NAIROBI)
        .format("%d/%m %H:%M:%S")
        .to_string()
}
