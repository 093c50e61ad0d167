//! `kwastage reconcile` and `kwastage differences`: M-PESA's records beside ours, and what people do about what differs.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use chrono::NaiveDate;
use clap::{Args, Subcommand};

use super::members::{begin, staff};
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::primitives::{Money, nairobi_date};
use crate::reconciling::statement::{self, Statement};
use crate::reconciling::{self, Difference, DifferenceId, Progress, Report};
use crate::serve;

#[derive(Debug, Args)]
pub struct Reconcile {
    /// The day in Nairobi, such as 2026-11-20; yesterday without one.
    #[arg(long)]
    date: Option<NaiveDate>,
    /// The statement that the M-PESA organisation portal exports, as CSV.
    #[arg(long)]
    statement: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Differences {
    /// Lists what has not ended, the oldest first.
    List {
        /// Of this day only.
        #[arg(long)]
        date: Option<NaiveDate>,
    },
    /// Says who looks into one.
    Take {
        number: i64,
        /// Somebody else than who sits here.
        #[arg(long)]
        owner: Option<String>,
    },
    /// Ends one, for good, with the reason.
    End { number: i64, reason: String },
}

pub async fn run(config: Arc<Config>, asked: Reconcile) -> anyhow::Result<()> {
    let statement = asked.statement.as_deref().map(read).transpose()?;
    let app = App::build(config, Clock::System).await?;
    let yesterday = nairobi_date(app.clock.now()).pred_opt();
    let day = asked
        .date
        .or(yesterday)
        .context("a day, such as 2026-11-20")?;
    println!("M-PESA, {}", day.format("%d/%m/%Y"));
    let desk = serve::reconciling_desk(&app);
    let mut tell = |progress: Progress| println!("  {}", told(&progress));
    let report =
        reconciling::jobs::reconcile(&desk, day, statement.as_ref(), staff(), &mut tell).await?;
    print!("{}", table(&report));
    Ok(())
}

pub async fn differences(config: Arc<Config>, asked: Differences) -> anyhow::Result<()> {
    let app = App::build(config, Clock::System).await?;
    match asked {
        Differences::List { date } => {
            let mut conn = app.pool.acquire().await?;
            let open = reconciling::open_differences(&mut conn, date).await?;
            print!("{}", lines(&open));
        }
        Differences::Take { number, owner } => {
            let mut work = begin(&app).await?;
            let owner = owner.unwrap_or_else(super::members::name);
            let taken = reconciling::take(&mut work, DifferenceId(number), &owner).await?;
            work.commit().await?;
            print!("{}", lines(&[taken]));
        }
        Differences::End { number, reason } => {
            let mut work = begin(&app).await?;
            reconciling::end(&mut work, DifferenceId(number), &reason).await?;
            work.commit().await?;
            println!("Difference {number} has ended.");
        }
    }
    Ok(())
}

/// The whole file, or every row of it that is wrong.
fn read(path: &std::path::Path) -> anyhow::Result<Statement> {
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    match statement::read(&bytes) {
        Ok(statement) => Ok(statement),
        Err(mistakes) => {
            let lines: Vec<String> = mistakes.iter().map(|one| format!("  {one}")).collect();
            bail!("{} is not taken:\n{}", path.display(), lines.join("\n"))
        }
    }
}

fn told(progress: &Progress) -> String {
    match progress {
        Progress::Asking => "asking M-PESA ...".to_owned(),
        Progress::Pulled { payments, total } => {
            format!("M-PESA has {payments} payments, KES {total}")
        }
        Progress::NotPulled { why } => format!("M-PESA told nothing: {why}"),
        Progress::Stated {
            payments,
            total,
            outgoing,
            outgoing_total,
            not_completed,
        } => format!(
            "the statement has {payments} payments, KES {total}; in the whole file {outgoing} outgoing rows, KES {outgoing_total}, and {not_completed} not completed"
        ),
        Progress::TakingIn { payments } => {
            format!("taking in {payments} that nobody had told us of")
        }
        Progress::Comparing => "comparing ...".to_owned(),
    }
}

fn table(report: &Report) -> String {
    let row = |name: &str, payments: String, total: String| {
        format!("{name:<28}{payments:>10}{total:>16}\n")
    };
    let counted = |name: &str, payments: usize, total: Money| {
        row(name, payments.to_string(), total.to_string())
    };
    let mut text = row("", "payments".to_owned(), "KES".to_owned());
    text += &counted("ours", report.ours, report.ours_total);
    text += &counted("M-PESA's", report.theirs, report.theirs_total);
    text += &row(
        "told by M-PESA's records",
        report.taken_in.to_string(),
        String::new(),
    );
    if !report.complete {
        text +=
            "M-PESA's side may not be whole: what only we have is not counted as missing there.\n";
    }
    if report.open.is_empty() {
        return text + "Both sides agree.\n";
    }
    text + &format!("{} open:\n{}", report.open.len(), lines(&report.open))
}

fn lines(differences: &[Difference]) -> String {
    let amount = |amount: Option<Money>| amount.map_or("-".to_owned(), |amount| amount.to_string());
    let line = |one: &Difference| {
        let found = &one.found;
        format!(
            "{:>6}  {}  {:<12} {:<36} ours {:>12}  M-PESA's {:>12}  {}\n",
            one.id.0,
            one.day.format("%d/%m/%Y"),
            found.class,
            found.reference,
            amount(found.ours),
            amount(found.theirs),
            one.owner.as_deref().unwrap_or("nobody's yet"),
        )
    };
    differences.iter().map(line).collect()
}
