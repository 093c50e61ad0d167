//! `kwastage broadcasts`: what the desk tells many in KwaStage's own name.

use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Subcommand, ValueEnum};

use super::members::{begin, trail};
use crate::app::App;
use crate::audit::{self, Act};
use crate::broadcasts::{self, Audience, Kind, Wording};
use crate::clock::Clock;
use crate::config::Config;
use crate::primitives::NAIROBI;
use crate::stages::{self, StageCode};

#[derive(Debug, Subcommand)]
pub enum Broadcasts {
    /// Shows to how many people a text would go and what it costs; with --yes it goes out.
    Send {
        /// `everyone`, `stage:101` or `sacco:NAME`.
        #[arg(long)]
        to: String,
        /// A notice travels with what concerns members, news with promotions.
        #[arg(long, value_enum, default_value_t = Lane::Notice)]
        kind: Lane,
        /// Really sends it.
        #[arg(long)]
        yes: bool,
        words: String,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Lane {
    Notice,
    News,
}

pub async fn run(config: Arc<Config>, asked: Broadcasts) -> anyhow::Result<()> {
    let app = App::build(config, Clock::System).await?;
    let Broadcasts::Send {
        to,
        kind,
        yes,
        words,
    } = asked;
    let kind = match kind {
        Lane::Notice => Kind::Notice,
        Lane::News => Kind::News,
    };
    let words = Wording::parse(&words).context("the words")?;
    let rules = app.broadcast_rules();
    let mut work = begin(&app).await?;
    let audience = match to.split_once(':') {
        None if to == "everyone" => Audience::Everyone,
        Some(("stage", code)) => {
            let code = StageCode::parse(code).context("the stage's code")?;
            let stage = stages::find_by_code(work.conn(), &code).await?;
            Audience::Stage(
                stage
                    .with_context(|| format!("there is no stage {code}"))?
                    .id,
            )
        }
        Some(("sacco", name)) if !name.trim().is_empty() => Audience::Sacco(name.trim().to_owned()),
        _ => bail!("--to is everyone, stage:CODE or sacco:NAME, not {to}"),
    };
    let preview = broadcasts::preview(
        &mut work,
        &rules,
        &app.templates,
        kind,
        audience.clone(),
        words.clone(),
    )
    .await?;
    println!("{}", preview.words);
    println!(
        "to {} people, {} segments each, KES {}",
        preview.recipients, preview.segments, preview.cost
    );
    if !yes {
        println!("Nothing is sent: say --yes to send it.");
        return Ok(());
    }
    let sent = broadcasts::send_from_desk(&mut work, &rules, &app.templates, kind, audience, words)
        .await?;
    let act = Act::on("broadcast.send", "broadcast", sent.id);
    audit::write(&mut work, &trail(), act.after(&sent.recipients)?).await?;
    work.commit().await?;
    match sent.later {
        None => println!("On its way to {} people.", sent.recipients),
        Some(at) => println!(
            "Goes out to {} people at {}.",
            sent.recipients,
            at.with_timezone(&NAIROBI).format("%d/%m %H:%M")
        ),
    }
    Ok(())
}
