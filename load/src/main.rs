//! `load`: drives a gateway as many riders would, beside a floor that does the bare minimum.
//!
//! One run starts everything it needs on the loopback and ends it again: a private Postgres and Redis with durable
//! settings, the gateway (`kwastage serve` in its release build, its worker in the same process as by default), and the
//! floor. The simulators are not started: a payment's push finds no M-PESA and waits for it, as in an outage.

mod drive;
mod figures;
mod floor;
mod journey;
mod ledger;
mod messages;
mod money;
mod process;
mod provider;
mod riders;
mod wire;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

/// What one run is made of.
#[derive(Clone, Debug, Parser)]
pub struct Plan {
    #[command(subcommand)]
    role: Option<Role>,
    /// Riders with a PIN in the seeded world, each with one stage and no payment open.
    #[arg(long, default_value_t = 20_000)]
    riders: u32,
    /// Connections of the generator; each carries one call at a time.
    #[arg(long, default_value_t = 48)]
    connections: usize,
    /// How long each of the seven measurements lasts.
    #[arg(long, default_value_t = 12)]
    seconds: u64,
    /// Where Postgres and Redis live, and the gateway's log.
    #[arg(long, default_value = ".kwastage/load")]
    folder: PathBuf,
    /// Leaves out the worker, as for a gateway with `kwastage worker` processes beside it.
    #[arg(long)]
    no_worker: bool,
}

impl Plan {
    fn lasts(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

#[derive(Clone, Debug, Subcommand)]
enum Role {
    /// Measures the outbox, delivery reports and alarms instead of calls, against a provider that takes everything.
    Messages(messages::Asked),
    /// Measures contributions and transfers at the deed, beside the ledger's bare postings.
    Money(money::Asked),
    /// Fills a ledger with many postings, verifies it, and reads statements in it.
    Ledger(ledger::Asked),
    /// Is the floor, for a run that has started it.
    #[command(hide = true)]
    Floor { bind: String },
}

#[tokio::main]
async fn main() -> ExitCode {
    let plan = Plan::parse();
    let done = match &plan.role {
        Some(Role::Messages(asked)) => messages::measure(&plan, asked).await,
        Some(Role::Money(asked)) => money::measure(&plan, asked).await,
        Some(Role::Ledger(asked)) => ledger::measure(&plan, asked).await,
        Some(Role::Floor { bind }) => floor::serve(bind).await.map(|()| 0),
        None => figures::measure(&plan).await,
    };
    match done {
        Ok(0) => ExitCode::SUCCESS,
        Ok(errors) => {
            eprintln!("load: {errors} answers or messages were not as they should be");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("load: {error:#}");
            ExitCode::FAILURE
        }
    }
}
