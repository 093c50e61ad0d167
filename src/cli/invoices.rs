//! `kwastage invoices`: fees and fines at the desk.

use std::sync::Arc;

use anyhow::Context;
use clap::Subcommand;
use uuid::Uuid;

use super::members::{begin, parsed};
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::invoices::{self, InvoiceId, What};
use crate::primitives::{Money, nairobi_date};
use crate::{dues, members};

#[derive(Debug, Subcommand)]
pub enum Invoices {
    /// Asks a member to pay a fine. They are told why by SMS.
    Fine {
        /// Phone, member number or id.
        who: String,
        /// In shillings.
        amount: u32,
        /// For the member's eyes, up to 60 characters.
        reason: String,
        /// Days to pay.
        #[arg(long, default_value_t = 14)]
        within: u32,
        /// Who of the staff asks.
        #[arg(long)]
        by: String,
    },
    /// As `fine`, for something the association provides.
    Fee {
        who: String,
        amount: u32,
        reason: String,
        #[arg(long, default_value_t = 14)]
        within: u32,
        #[arg(long)]
        by: String,
    },
    /// Lists what a member has to pay.
    List { who: String },
    /// Cancels an open invoice. The member is told why by SMS.
    Cancel {
        /// The id, as `list` shows it.
        invoice: Uuid,
        reason: String,
    },
}

pub async fn run(config: Arc<Config>, asked: Invoices) -> anyhow::Result<()> {
    let app = App::build(config, Clock::System).await?;
    match asked {
        Invoices::Fine {
            who,
            amount,
            reason,
            within,
            by,
        } => issue(&app, &who, What::Fine { reason }, amount, within, &by).await,
        Invoices::Fee {
            who,
            amount,
            reason,
            within,
            by,
        } => issue(&app, &who, What::Fee { reason }, amount, within, &by).await,
        Invoices::List { who } => list(&app, &who).await,
        Invoices::Cancel { invoice, reason } => cancel(&app, InvoiceId(invoice), &reason).await,
    }
}

async fn issue(
    app: &App,
    who: &str,
    what: What,
    amount: u32,
    within_days: u32,
    by: &str,
) -> anyhow::Result<()> {
    let amount = Money::from_shillings(amount.into());
    let mut work = begin(app).await?;
    let invoice = dues::fine(&mut work, &parsed(who)?, what, amount, within_days, by).await?;
    work.commit().await?;
    println!(
        "Invoice {} ({}), due {}.",
        invoice.number, invoice.id, invoice.due_on
    );
    Ok(())
}

async fn list(app: &App, who: &str) -> anyhow::Result<()> {
    let mut conn = app.pool.acquire().await?;
    let member = members::find(&mut conn, &parsed(who)?)
        .await?
        .context("no member is known by that")?;
    let today = nairobi_date(app.clock.now());
    for invoice in invoices::open_of(&mut conn, member.id).await? {
        let overdue = if invoice.is_overdue(today) {
            ", OVERDUE"
        } else {
            ""
        };
        println!(
            "{}  {}  {}  KES {}, due {}{overdue}  {}",
            invoice.number,
            invoice.id,
            invoice.what.as_str(),
            invoice.amount,
            invoice.due_on,
            invoice.what.reason().unwrap_or_default()
        );
    }
    Ok(())
}

async fn cancel(app: &App, invoice: InvoiceId, reason: &str) -> anyhow::Result<()> {
    let mut work = begin(app).await?;
    let cancelled = dues::cancel(&mut work, invoice, reason).await?;
    work.commit().await?;
    println!("Invoice {} is cancelled.", cancelled.number);
    Ok(())
}
