//! What a person can ask for at the command line, one file per command.

pub mod demo;
mod doctor;
mod health;
mod migrate;
mod stop;
pub mod story;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Config;

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
        Ok(config) => config,
        Err(mistakes) => {
            eprint!("{mistakes}");
            return ExitCode::FAILURE;
        }
    };
    let done = match line.command {
        Command::Migrate => migrate::run(&config).await,
        Command::Health => health::run(&config).await,
        Command::Doctor => doctor::run(&config, Vec::new()).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
