//! `kwastage emergencies`: what the desk does about alarms.

use std::sync::Arc;

use anyhow::ensure;
use clap::Subcommand;

use super::members::begin;
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::emergencies;

#[derive(Debug, Subcommand)]
pub enum Emergencies {
    /// Closes an alarm that has been dealt with.
    Close {
        /// The short number, such as 42.
        number: i64,
    },
}

pub async fn run(config: Arc<Config>, asked: Emergencies) -> anyhow::Result<()> {
    let app = App::build(config, Clock::System).await?;
    let Emergencies::Close { number } = asked;
    let mut work = begin(&app).await?;
    ensure!(
        emergencies::close(&mut work, number).await?,
        "no open emergency has the number {number}"
    );
    work.commit().await?;
    println!("Emergency {number} is closed.");
    Ok(())
}
