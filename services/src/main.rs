//! `services run --folder F [--fast] -- command...`: a private Postgres and Redis for as long as the command runs.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::thread;

use anyhow::Context;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use services::{DATABASE, Durability, Private, die_with_parent};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

const USAGE: &str = "usage: services run --folder FOLDER [--fast] -- COMMAND [ARGUMENT...]

Starts a private Postgres and Redis over FOLDER, runs COMMAND with their addresses in DATABASE_URL, REDIS_URL,
KWASTAGE_DATABASE__URL and KWASTAGE_REDIS__URL, stops both, and ends as COMMAND ended. --fast trades durability for speed.";

fn main() -> ExitCode {
    let Some(asked) = Asked::read(std::env::args_os().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(asked) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("services: {error:#}");
            ExitCode::FAILURE
        }
    }
}

struct Asked {
    folder: PathBuf,
    durability: Durability,
    command: Vec<OsString>,
}

impl Asked {
    fn read(mut arguments: impl Iterator<Item = OsString>) -> Option<Asked> {
        (arguments.next()? == "run").then_some(())?;
        let (mut folder, mut durability) = (None, Durability::Real);
        loop {
            match arguments.next()?.to_str()? {
                "--folder" => folder = Some(PathBuf::from(arguments.next()?)),
                "--fast" => durability = Durability::Fast,
                "--" => break,
                _ => return None,
            }
        }
        let command: Vec<_> = arguments.collect();
        (!command.is_empty()).then_some(())?;
        Some(Asked {
            folder: folder?,
            durability,
            command,
        })
    }
}

fn run(asked: Asked) -> anyhow::Result<u8> {
    // From here on a signal is news to pass on, not our end: whatever happens, both services are stopped.
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let (tell, heard) = mpsc::channel();
    thread::spawn(move || signals.forever().try_for_each(|signal| tell.send(signal)));

    let private = Private::start(&asked.folder, asked.durability)?;
    if let Ok(signal) = heard.try_recv() {
        return Ok(code_of_signal(signal));
    }

    let mut command = Command::new(&asked.command[0]);
    command.args(&asked.command[1..]);
    let (database, redis) = (private.postgres_url(DATABASE), private.redis_url());
    command
        .env("DATABASE_URL", &database)
        .env("KWASTAGE_DATABASE__URL", &database);
    command
        .env("REDIS_URL", &redis)
        .env("KWASTAGE_REDIS__URL", &redis);
    // A group of its own: one signal reaches all that the command starts, and each exactly once. Such a group may not
    // read from the terminal, so it gets nothing to read there.
    command.process_group(0);
    if std::io::stdin().is_terminal() {
        command.stdin(Stdio::null());
    }
    die_with_parent(&mut command, Signal::TERM);
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot run {}", asked.command[0].display()))?;

    let group = Pid::from_child(&child);
    thread::spawn(move || {
        for signal in heard {
            if let Some(signal) = Signal::from_named_raw(signal) {
                let _ = kill_process_group(group, signal);
            }
        }
    });
    // Seen but not yet reaped, so that the group's number cannot be anybody else's while stragglers are ended.
    waitid(
        WaitId::Pid(group),
        WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
    )?;
    let _ = kill_process_group(group, Signal::TERM);
    let status = child.wait()?;
    drop(private);
    Ok(match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(1),
        (None, signal) => code_of_signal(signal.unwrap_or(SIGTERM)),
    })
}

/// As shells tell it.
fn code_of_signal(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(1)
}
