//! `kwastage audit`: whether the book of what staff did is whole.

use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Subcommand;

use crate::app::App;
use crate::audit::{self, Anchor};
use crate::clock::Clock;
use crate::config::Config;
use crate::work::{Actor, Work};

#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Goes through the whole chain and prints its end.
    Verify {
        /// An end of the chain that was noted elsewhere, such as 42:9f86d0…: without one, whoever rewrote the whole book is not found.
        #[arg(long)]
        noted: Option<String>,
    },
}

pub async fn run(config: Arc<Config>, asked: Audit) -> anyhow::Result<()> {
    let app = App::build(config, Clock::System).await?;
    let Audit::Verify { noted } = asked;
    let noted = match noted {
        Some(text) => Some(Anchor::parse(&text).context("--noted is PLACE:DIGEST")?),
        None => None,
    };
    let mut work = Work::begin(&app.pool, app.clock.now(), Actor::System).await?;
    while audit::seal(&mut work).await? > 0 {}
    work.commit().await?;
    let report = audit::verify(&mut *app.pool.acquire().await?, noted).await?;
    if let Some(wrong) = report.wrong {
        bail!("the book has been tampered with: {wrong}");
    }
    match report.head {
        Some(head) => println!(
            "{} entries, whole. The end of the chain: {head}",
            report.sealed
        ),
        None => println!("The book is empty."),
    }
    Ok(())
}
