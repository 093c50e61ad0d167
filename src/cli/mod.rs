//! What a person can ask for at the command line, one file per command.

mod audit;
mod broadcasts;
mod demo;
mod doctor;
mod emergencies;
mod funds;
mod health;
mod insurance;
mod invoices;
mod ledger;
mod loans;
mod members;
mod menus;
mod migrate;
mod paybill;
mod payouts;
mod plans;
mod reconcile;
mod serve;
mod staff;
mod stages;
mod stop;
mod story;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::app;
use crate::clock::Clock;
use crate::config::Config;
use crate::seed;
use crate::serve::Roles;

pub use stop::asked_to_stop;

/// USSD and SMS gateway for the welfare of boda-boda riders.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Line {
    /// A configuration file over the defaults; KWASTAGE_* variables win over both.
    #[arg(long, env = "KWASTAGE_CONFIG", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answers webhooks and does the jobs, until asked to stop.
    Serve {
        /// Leaves the jobs to `kwastage worker` processes.
        #[arg(long)]
        no_worker: bool,
    },
    /// Does the jobs only.
    Worker,
    /// Decides about applicants.
    #[command(subcommand)]
    Members(members::Members),
    /// Asks members for fees and fines.
    #[command(subcommand)]
    Invoices(invoices::Invoices),
    /// Opens stages and says who serves them.
    #[command(subcommand)]
    Stages(stages::Stages),
    /// Says who may sign in at the desk.
    #[command(subcommand)]
    Staff(staff::Staff),
    /// Looks whether the book of what staff did is whole.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Tells many something at once.
    #[command(subcommand)]
    Broadcasts(broadcasts::Broadcasts),
    /// Says what the riders of a stage pay, and when.
    #[command(subcommand)]
    Plans(plans::Plans),
    /// Says what a fund pays for, forgives arrears, and proves the months of its book.
    #[command(subcommand)]
    Funds(funds::Funds),
    /// Decides about loans, and takes lenders' money.
    #[command(subcommand)]
    Loans(loans::Loans),
    /// Sets up the paybill at Daraja.
    #[command(subcommand)]
    Paybill(paybill::Paybill),
    /// Decides about money that leaves, and ends what M-PESA left unknown.
    #[command(subcommand)]
    Payouts(payouts::Payouts),
    /// Compares a day with what M-PESA has, and takes in what was lost on the way.
    Reconcile(reconcile::Reconcile),
    /// Looks at the books.
    #[command(subcommand)]
    Ledger(ledger::Ledger),
    /// Looks after what M-PESA and our books do not agree on.
    #[command(subcommand)]
    Differences(reconcile::Differences),
    /// Deals with alarms.
    #[command(subcommand)]
    Emergencies(emergencies::Emergencies),
    /// Looks at what can be insured.
    #[command(subcommand)]
    Products(insurance::Products),
    /// Looks at policies, and cancels them.
    #[command(subcommand)]
    Policies(insurance::Policies),
    /// Says what is owed to insurers.
    #[command(subcommand)]
    Insurers(insurance::Insurers),
    /// Looks at the menus before a rider does.
    #[command(subcommand)]
    Menus(menus::Menus),
    /// Runs everything on this machine, with a small world and phones to try it.
    Demo {
        /// Plays one rider's story and exits, 0 if every step came out right.
        #[arg(long)]
        once: bool,
    },
    /// Brings the database to the shape this version needs.
    Migrate,
    /// Looks at everything KwaStage stands on and says what to mend.
    Doctor,
    /// Says by its exit code whether the gateway on this machine answers.
    Health,
}

/// Reads the command line and does what it says. The exit code is 0 when it was done, 1 when not, 2 for a wrong line.
pub async fn run() -> ExitCode {
    let line = Line::parse();
    let config = match Config::load(line.config.as_deref()) {
        Ok(config) => Arc::new(config),
        Err(mistakes) => {
            eprint!("{mistakes}");
            return ExitCode::FAILURE;
        }
    };
    let done = match line.command {
        Command::Serve { no_worker } => {
            serve::run(
                config,
                Roles {
                    gateway: true,
                    worker: !no_worker,
                },
            )
            .await
        }
        Command::Worker => {
            serve::run(
                config,
                Roles {
                    gateway: false,
                    worker: true,
                },
            )
            .await
        }
        Command::Members(asked) => members::run(config, asked).await,
        Command::Invoices(asked) => invoices::run(config, asked).await,
        Command::Stages(asked) => stages::run(config, asked).await,
        Command::Staff(asked) => staff::run(config, asked).await,
        Command::Audit(asked) => audit::run(config, asked).await,
        Command::Broadcasts(asked) => broadcasts::run(config, asked).await,
        Command::Plans(asked) => plans::run(config, asked).await,
        Command::Funds(asked) => funds::run(config, asked).await,
        Command::Loans(asked) => loans::run(config, asked).await,
        Command::Paybill(asked) => paybill::run(config, asked).await,
        Command::Payouts(asked) => payouts::run(config, asked).await,
        Command::Reconcile(asked) => reconcile::run(config, asked).await,
        Command::Ledger(asked) => ledger::run(config, asked).await,
        Command::Differences(asked) => reconcile::differences(config, asked).await,
        Command::Emergencies(asked) => emergencies::run(config, asked).await,
        Command::Products(asked) => insurance::run_products(&config, &asked),
        Command::Policies(asked) => insurance::run_policies(config, asked).await,
        Command::Insurers(asked) => insurance::run_insurers(config, asked).await,
        Command::Menus(asked) => menus::run(&config, asked),
        Command::Demo { once } => demo::run(once, seed_world, serve_all).await,
        Command::Migrate => migrate::run(&config).await,
        Command::Health => health::run(&config).await,
        Command::Doctor => doctor::run(&config).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn seed_world(pool: &PgPool, config: &Config) -> anyhow::Result<()> {
    let now = Clock::System.now();
    let world = seed::world(pool, &app::member_keys(config), &app::pin_desk(config), now).await?;
    Ok(seed::money(pool, &world, now).await?)
}

async fn serve_all(config: Arc<Config>, stop: CancellationToken) -> anyhow::Result<()> {
    serve::until(
        config,
        Roles {
            gateway: true,
            worker: true,
        },
        stop,
    )
    .await
}
