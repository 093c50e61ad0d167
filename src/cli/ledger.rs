//! `kwastage ledger`: looking for what should never be found in the books.

use std::sync::Arc;

use anyhow::ensure;
use clap::Subcommand;

use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::ledger::{self, Report};

#[derive(Debug, Subcommand)]
pub enum Ledger {
    /// Adds up every balance from its postings and checks every promise of the ledger. Ends with 1 when one is broken.
    Verify,
}

pub async fn run(config: Arc<Config>, asked: Ledger) -> anyhow::Result<()> {
    let Ledger::Verify = asked;
    let app = App::build(config, Clock::System).await?;
    let report = ledger::verify_whole(&app.pool).await?;
    print!("{}", table(&report));
    ensure!(report.is_sound(), "the ledger does not add up");
    println!("The ledger is sound.");
    Ok(())
}

fn table(report: &Report) -> String {
    let lines = [
        (
            "currencies whose accounts do not sum to nothing",
            report.unbalanced_currencies.to_string(),
        ),
        (
            "balances that are not the sum of their postings",
            report.drifted_accounts.to_string(),
        ),
        ("  by how much in all, KES", report.drift.to_string()),
        ("accounts below their floor", report.below_floor.to_string()),
        (
            "journals that move nothing",
            report.empty_journals.to_string(),
        ),
        (
            "postings without a journal or an account",
            report.stray_postings.to_string(),
        ),
        (
            "in-flight accounts apart from their reservations",
            report.unexplained_in_flight.to_string(),
        ),
        (
            "watermarks of another cluster",
            report.foreign_watermarks.to_string(),
        ),
    ];
    lines
        .iter()
        .map(|(what, found)| format!("{what:<52}{found:>12}\n"))
        .collect()
}
