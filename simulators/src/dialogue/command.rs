//! `simulators play`: plays dialogue files and says which came out right.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use tokio::process::Command;

use super::play::{EachHop, Moment, Played, play};
use super::script::Script;
use super::stage::{Hooks, Stage};
use super::{Phones, Wire, dialoguss};

/// Plays dialogues against a gateway.
#[derive(Debug, clap::Args)]
pub struct Play {
    /// Files that end in .dialogue (or .yml and .yaml, in the manner of dialoguss), and folders of such files.
    #[arg(required = true)]
    files: Vec<PathBuf>,

    /// The gateway's address, such as http://127.0.0.1:8080. Dialoguss files that name their own webhook need none.
    #[arg(long)]
    gateway: Option<String>,

    /// The secret part of the gateway's webhook paths.
    #[arg(long, default_value = "demo")]
    key: String,

    /// The simulators' address: phones then get messages, prompts and troubles. Without it, dialogues go straight to the
    /// gateway and can only use screens.
    #[arg(long)]
    url: Option<String>,

    /// The code that leads to the gateway; what is dialled behind it is its first input.
    #[arg(long, default_value = "*384*123#")]
    code: String,

    /// What happens at every hop besides.
    #[arg(long, value_enum, default_value_t)]
    each_hop: EachHop,

    /// A shell command that makes the gateway forget the session of the phone in $MSISDN.
    #[arg(long, value_name = "COMMAND")]
    forget_with: Option<String>,

    /// Print every screen and message.
    #[arg(long)]
    show: bool,
}

impl Play {
    /// Plays everything; success only when all of it came out right.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let mut found = Vec::new();
        for path in &self.files {
            found.extend(files(path)?);
        }
        if found.is_empty() {
            bail!("there are no dialogues there");
        }
        let (mut right, mut wrong) = (0, 0);
        for file in &found {
            let outcomes = self
                .play_file(file)
                .await
                .unwrap_or_else(|unplayable| vec![Err(unplayable)]);
            for outcome in outcomes {
                match outcome {
                    Ok(played) => {
                        right += 1;
                        println!("right  {} ({} hops)", file.display(), played.hops);
                    }
                    Err(failure) => {
                        wrong += 1;
                        println!("WRONG  {failure:#}");
                    }
                }
            }
        }
        println!("{right} right, {wrong} wrong");
        Ok(if wrong == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    async fn play_file(&self, file: &Path) -> anyhow::Result<Vec<anyhow::Result<Played>>> {
        let name = file.display().to_string();
        let source = tokio::fs::read_to_string(file)
            .await
            .with_context(|| format!("reading {name}"))?;
        if is_yaml(file) {
            let dialogues = dialoguss::parse(&name, &source)?;
            let mut outcomes = Vec::new();
            for script in &dialogues.scripts {
                let wire = self.wire(dialogues.url.as_deref())?;
                outcomes.push(self.play_on(script, wire).await);
            }
            return Ok(outcomes);
        }
        let script = Script::parse(&name, &source).map_err(|mistakes| {
            let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            anyhow!("{}", lines.join("\n"))
        })?;
        let outcome = match &self.url {
            Some(url) => {
                self.play_on(&script, Phones::new(url).with_hooks(self.hooks()))
                    .await
            }
            None => self.play_on(&script, self.wire(None)?).await,
        };
        Ok(vec![outcome])
    }

    async fn play_on(&self, script: &Script, mut stage: impl Stage) -> anyhow::Result<Played> {
        Ok(play(script, &mut stage, self.each_hop, |moment| {
            self.show(moment)
        })
        .await?)
    }

    /// The gateway that was asked for, else the webhook that the file names.
    fn wire(&self, named: Option<&str>) -> anyhow::Result<Wire> {
        let wire = match (&self.gateway, named) {
            (Some(gateway), _) => {
                let webhook = format!("{}/at/{}/ussd", gateway.trim_end_matches('/'), self.key);
                Wire::new(&webhook).with_end_notices(format!("{webhook}/end"))
            }
            (None, Some(named)) => Wire::new(named),
            (None, None) => {
                bail!("say where to play: --gateway for screens alone, or --url for the simulators")
            }
        };
        Ok(wire.with_service_code(&self.code).with_hooks(self.hooks()))
    }

    fn hooks(&self) -> Hooks {
        let Some(command) = self.forget_with.clone() else {
            return Hooks::none();
        };
        Hooks::none().on_forget(move |msisdn| {
            let command = command.clone();
            async move {
                let status = Command::new("sh")
                    .arg("-c")
                    .arg(&command)
                    .env("MSISDN", msisdn)
                    .status()
                    .await?;
                if !status.success() {
                    bail!("`{command}` ended with {status}");
                }
                Ok(())
            }
        })
    }

    fn show(&self, moment: Moment<'_>) {
        if self.show {
            println!("{} {}", moment.phone.name, moment.step.written);
            for line in moment.brought.lines() {
                println!("    {line}");
            }
        }
    }
}

fn is_yaml(file: &Path) -> bool {
    file.extension()
        .is_some_and(|extension| extension == "yml" || extension == "yaml")
}

/// Dialogue files at or below a path, in the order of their names. A file named outright is taken whatever it is called.
pub fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = || format!("reading {}", path.display());
    let entries = std::fs::read_dir(path).with_context(unreadable)?;
    let mut entries = entries
        .collect::<Result<Vec<_>, _>>()
        .with_context(unreadable)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.path();
        let dialogue = entry
            .extension()
            .is_some_and(|extension| extension == "dialogue");
        if entry.is_dir() || dialogue || is_yaml(&entry) {
            found.extend(files(&entry)?);
        }
    }
    Ok(found)
}
