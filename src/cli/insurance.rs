//! `kwastage products`, `kwastage policies` and `kwastage insurers`: what is sold, who is covered, and what is owed to whom.

use std::sync::Arc;

use anyhow::{Context, ensure};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use clap::Subcommand;

use super::members::{begin, parsed};
use crate::app::{App, load_menus, load_shelf};
use crate::clock::Clock;
use crate::config::Config;
use crate::insurance::{self, Held};
use crate::ledger::{self, Account};
use crate::members;
use crate::primitives::{Language, nairobi_date};

#[derive(Debug, Subcommand)]
pub enum Products {
    /// Reads the products and names every mistake in them.
    Check,
    /// Lists what is sold, with its prices.
    List,
}

#[derive(Debug, Subcommand)]
pub enum Policies {
    /// Lists a member's policies.
    List {
        /// Phone, member number or id.
        who: String,
    },
    /// Shows a policy with its premiums.
    Show {
        /// Such as KSP-2026-00012, or the proof code.
        policy: String,
    },
    /// Cancels a policy: what was paid for unused days goes to the holder's wallet, who is told by SMS.
    Cancel {
        /// Such as KSP-2026-00012, or the proof code.
        policy: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Insurers {
    /// What came in for each insurer, what of it is theirs, and what we hold for them.
    Remittance {
        /// The first day, such as 2026-11-01: that of this month unless said.
        #[arg(long)]
        from: Option<NaiveDate>,
        /// The last day: today unless said.
        #[arg(long)]
        to: Option<NaiveDate>,
    },
}

pub fn run_products(config: &Config, asked: &Products) -> anyhow::Result<()> {
    let shelf = load_shelf(config, &load_menus(config)?)?;
    match asked {
        Products::Check => println!("{} products hold up.", shelf.products().count()),
        Products::List => {
            for product in shelf.products() {
                let called = product.called.in_language(Language::ENGLISH);
                let sold = if product.is_sold {
                    ""
                } else {
                    "  not sold any more"
                };
                println!(
                    "{}  {called}, {}{sold}",
                    product.name, product.insurer.called
                );
                for term in product.rating.bases.keys() {
                    let (lowest, highest) = product.rating.extremes(*term)?;
                    println!("  per {}: KES {lowest} to {highest}", term.as_str());
                }
            }
        }
    }
    Ok(())
}

pub async fn run_policies(config: Arc<Config>, asked: Policies) -> anyhow::Result<()> {
    let app = App::build(config, Clock::System).await?;
    match asked {
        Policies::List { who } => list(&app, &who).await,
        Policies::Show { policy } => show(&app, &policy).await,
        Policies::Cancel { policy } => cancel(&app, &policy).await,
    }
}

async fn list(app: &App, who: &str) -> anyhow::Result<()> {
    let mut conn = app.pool.acquire().await?;
    let member = members::find(&mut conn, &parsed(who)?).await?;
    let member = member.context("no member is known by that")?;
    for held in insurance::policies_of(&mut conn, member.id.0).await? {
        println!("{}", line(&held, app.clock.now()));
    }
    Ok(())
}

async fn show(app: &App, policy: &str) -> anyhow::Result<()> {
    let mut conn = app.pool.acquire().await?;
    let held = insurance::find(&mut conn, policy).await?;
    let held = held.context("there is no such policy")?;
    println!("{}", line(&held, app.clock.now()));
    println!(
        "KES {} per {}, of which KES {} is ours; {} is paid when the holder has died",
        held.policy.price,
        held.policy.term.as_str(),
        held.policy.commission,
        held.policy.beneficiary.name.as_str()
    );
    for premium in insurance::premiums_of(&mut conn, held.policy.id).await? {
        println!(
            "  {}  KES {}  covers {} to {}",
            nairobi_date(premium.paid_at),
            premium.amount,
            nairobi_date(premium.starts_at),
            nairobi_date(premium.ends_at)
        );
    }
    Ok(())
}

async fn cancel(app: &App, policy: &str) -> anyhow::Result<()> {
    let mut work = begin(app).await?;
    let held = insurance::find(work.conn(), policy).await?;
    let held = held.context("there is no such policy")?;
    let cancelled = insurance::cancel(&mut work, &app.shelf, held.policy.id, None).await?;
    work.commit().await?;
    println!(
        "Cancelled. KES {} has come back to the holder's wallet.",
        cancelled.refund.amount
    );
    Ok(())
}

pub async fn run_insurers(config: Arc<Config>, asked: Insurers) -> anyhow::Result<()> {
    let app = App::build(config, Clock::System).await?;
    let Insurers::Remittance { from, to } = asked;
    let today = nairobi_date(app.clock.now());
    let from = from.or_else(|| today.with_day(1)).unwrap_or(today);
    let to = to.unwrap_or(today);
    ensure!(from <= to, "the first day comes after the last");
    let mut conn = app.pool.acquire().await?;
    for owed in insurance::owed_to_insurers(&mut conn, from, to).await? {
        let held = ledger::balance(&mut conn, Account::InsurerPremium(owed.insurer.clone()));
        let held = held.await?;
        println!(
            "{}  {from} to {to}: {} policies, premiums KES {}, refunds KES {}, our commission KES {}, theirs KES {}; we hold KES {held} for them",
            owed.insurer,
            owed.policies,
            owed.premiums,
            owed.refunds,
            owed.commission,
            owed.theirs()
        );
    }
    Ok(())
}

fn line(held: &Held, now: DateTime<Utc>) -> String {
    let issued = held.policy.stage.issued();
    let number = issued.map_or_else(|| "-".to_owned(), |issued| issued.number.to_string());
    let cover = match held.covered_until(now) {
        Some(until) => format!("covered until {} 06:00", nairobi_date(until)),
        None => "not covered".to_owned(),
    };
    format!(
        "{number}  {}  {}  {cover}",
        held.policy.product,
        held.policy.stage.word()
    )
}
