//! A private Postgres: made once, started on a free port, ready when its own status file says so.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal};

use crate::account::Account;
use crate::folder::{Folder, private_folder};
use crate::keeper::{Service, die_with_parent, until};
use crate::{DATABASE, Durability, programs};

/// How long a start may take, crash recovery included.
const PATIENCE: Duration = Duration::from_secs(60);
/// A port that was free may be taken a moment later; then another is tried.
const TRIES: u32 = 5;

/// Where it listens and the superuser's password.
#[derive(Clone)]
pub(crate) struct Address {
    port: u16,
    password: String,
}

impl Address {
    pub(crate) fn url(&self, database: &str) -> String {
        format!(
            "postgres://postgres:{}@127.0.0.1:{}/{database}",
            self.password, self.port
        )
    }
}

/// A data folder that can be started.
pub(crate) struct Plan {
    program: PathBuf,
    data: PathBuf,
    account: Account,
    durability: Durability,
    password: String,
    log: (PathBuf, fs::File),
}

/// A server on its way up.
pub(crate) struct Starting {
    plan: Plan,
    service: Service,
    port: u16,
}

impl Plan {
    pub(crate) fn make(
        folder: &Folder,
        place: &Path,
        account: Account,
        durability: Durability,
    ) -> anyhow::Result<Plan> {
        let data = place.join("postgres");
        let data_major = fs::read_to_string(data.join("PG_VERSION"))
            .ok()
            .and_then(|major| major.trim().parse().ok());
        let bin = programs::postgres(data_major)?.bin;
        let plan = Plan {
            program: bin.join("postgres"),
            data,
            account,
            durability,
            password: folder.password()?,
            log: folder.log("postgres.log")?,
        };
        if data_major.is_none() {
            plan.initialise(&bin)?;
        }
        plan.let_go_of_orphans()?;
        Ok(plan)
    }

    /// Makes the data beside its place and moves it there when it is whole: a start that was cut off leaves no half.
    fn initialise(&self, bin: &Path) -> anyhow::Result<()> {
        let unfinished = self.data.with_extension("unfinished");
        for leftover in [&unfinished, &self.data] {
            if leftover.exists() {
                fs::remove_dir_all(leftover)
                    .with_context(|| format!("cannot remove {}", leftover.display()))?;
            }
        }
        private_folder(&unfinished, self.account)?;
        let mut initdb = self.account.command(&bin.join("initdb"));
        initdb.args(["--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8"]);
        initdb.args(["--auth-local=reject", "--auth-host=scram-sha-256"]);
        initdb
            .args(["--no-instructions", "--no-sync", "--pgdata"])
            .arg(&unfinished);
        self.fed(initdb, "").context("initdb failed")?;
        let mut single = self.account.command(&self.program);
        single
            .args(["--single", "-D"])
            .arg(&unfinished)
            .arg("postgres");
        let statements = format!(
            "alter user postgres password '{}'\ncreate database {DATABASE}\n",
            self.password
        );
        self.fed(single, &statements)
            .context("creating the database failed")?;
        fs::rename(&unfinished, &self.data).context("moving the new data into its place")
    }

    /// Runs a command to its end with this input.
    fn fed(&self, mut command: Command, input: &str) -> anyhow::Result<()> {
        command
            .stdin(Stdio::piped())
            .stdout(self.log.1.try_clone()?)
            .stderr(self.log.1.try_clone()?)
            .current_dir("/");
        die_with_parent(&mut command, Signal::TERM);
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot run {}", command.get_program().display()))?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        let status = child.wait()?;
        ensure!(status.success(), "{status}; see {}", self.log.0.display());
        Ok(())
    }

    /// Whoever still works on this data lost its starter, since the folder's lock is ours. The kernel has told it to
    /// end; it is waited for, and told again. Then a status file that is left over belongs to nobody.
    fn let_go_of_orphans(&self) -> anyhow::Result<()> {
        if !until(Duration::from_secs(5), || {
            processes_in(&self.data).is_empty()
        }) {
            for orphan in processes_in(&self.data) {
                let _ = rustix::process::kill_process(orphan, Signal::QUIT);
            }
            let gone = until(Duration::from_secs(10), || {
                processes_in(&self.data).is_empty()
            });
            ensure!(
                gone,
                "processes of an earlier start still work on {}",
                self.data.display()
            );
        }
        // Postgres would take any process that has got the same number since for the old server.
        match fs::remove_file(self.data.join("postmaster.pid")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).context("cannot remove a stale postmaster.pid")
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn start(self) -> anyhow::Result<Starting> {
        let port = free_port()?;
        let mut command = self.account.command(&self.program);
        command
            .arg("-D")
            .arg(&self.data)
            .args(["-p", &port.to_string()]);
        let mut settings = vec![
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=200",
            "timezone=UTC",
            "log_timezone=UTC",
            "cluster_name=kwastage",
        ];
        if self.durability == Durability::Fast {
            settings.extend([
                "fsync=off",
                "synchronous_commit=off",
                "full_page_writes=off",
            ]);
        }
        for setting in settings {
            command.args(["-c", setting]);
        }
        command
            .stdin(Stdio::null())
            .stdout(self.log.1.try_clone()?)
            .stderr(self.log.1.try_clone()?)
            .current_dir("/");
        // SIGINT is Postgres's fast shutdown: sessions are ended, everything is written, no client is waited for.
        let service = Service::spawn(command, Signal::INT)?;
        Ok(Starting {
            plan: self,
            service,
            port,
        })
    }
}

impl Starting {
    pub(crate) fn ready(mut self) -> anyhow::Result<(Service, Address)> {
        for _ in 1..TRIES {
            if self.comes_up()? {
                return self.answered();
            }
            self = self.plan.start()?;
        }
        if self.comes_up()? {
            return self.answered();
        }
        bail!(
            "Postgres found no free port; see {}",
            self.plan.log.0.display()
        )
    }

    fn answered(self) -> anyhow::Result<(Service, Address)> {
        Ok((
            self.service,
            Address {
                port: self.port,
                password: self.plan.password,
            },
        ))
    }

    /// True when it accepts connections, false when somebody took its port before it did.
    fn comes_up(&mut self) -> anyhow::Result<bool> {
        let status_file = self.plan.data.join("postmaster.pid");
        let mut end = None;
        let told = until(PATIENCE, || {
            end = self.service.ended().ok().flatten();
            end.is_some()
                || fs::read_to_string(&status_file)
                    .is_ok_and(|status| is_ready(&status, self.service.id()))
        });
        let log = self.plan.log.0.display();
        match end {
            None if told => Ok(true),
            None => bail!(
                "Postgres did not come up within {} s; see {log}",
                PATIENCE.as_secs()
            ),
            Some(_) if fs::read_to_string(&self.plan.log.0)?.contains("Address already in use") => {
                Ok(false)
            }
            Some(status) => bail!("Postgres ended at its start ({status}); see {log}"),
        }
    }
}

/// Reads postmaster.pid: the first line is the server's process, the eighth its state.
fn is_ready(status: &str, process: u32) -> bool {
    let mut lines = status.lines();
    lines
        .next()
        .is_some_and(|line| line.trim() == process.to_string())
        && lines.nth(6).is_some_and(|line| line.trim() == "ready")
}

/// Everything that has this folder as its working directory, as a server and its backends have.
fn processes_in(data: &Path) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let inside = processes
        .filter(|process| fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == data));
    inside
        .filter_map(|process| Pid::from_raw(process.file_name().to_str()?.parse().ok()?))
        .collect()
}

/// A port of the loopback that nobody has at this moment.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_what_the_servers_own_status_says() {
        let status = |state: &str| {
            format!("4711\n/data\n1790000000\n41234\n\n127.0.0.1\n  1234 5\n{state}\n")
        };
        assert!(is_ready(&status("ready   "), 4711));
        assert!(!is_ready(&status("starting"), 4711));
        assert!(
            !is_ready(&status("ready   "), 4712),
            "the file of another server"
        );
        assert!(!is_ready("4711\n/data\n", 4711));
    }
}
