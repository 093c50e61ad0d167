//! A private Redis: a free port, a password nobody else knows, ready when it answers a ping.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::Signal;

use crate::account::Account;
use crate::folder::{Folder, private_folder, random_hex};
use crate::keeper::{Service, until};
use crate::postgres::free_port;
use crate::{Durability, programs};

const PATIENCE: Duration = Duration::from_secs(30);
const TRIES: u32 = 5;

#[derive(Clone)]
pub(crate) struct Address {
    port: u16,
    password: String,
}

impl Address {
    pub(crate) fn url(&self) -> String {
        format!("redis://default:{}@127.0.0.1:{}/", self.password, self.port)
    }

    fn answers(&self) -> bool {
        self.ping().is_ok_and(|answer| answer.trim() == "+PONG")
    }

    fn ping(&self) -> std::io::Result<String> {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        connection.set_read_timeout(Some(Duration::from_secs(1)))?;
        write!(connection, "AUTH {}\r\nPING\r\n", self.password)?;
        let mut lines = BufReader::new(connection).lines();
        lines.next().transpose()?;
        lines.next().transpose().map(Option::unwrap_or_default)
    }
}

pub(crate) struct Plan {
    program: PathBuf,
    data: PathBuf,
    account: Account,
    durability: Durability,
    log: (PathBuf, File),
}

pub(crate) struct Starting {
    plan: Plan,
    service: Service,
    address: Address,
}

impl Plan {
    pub(crate) fn make(
        folder: &Folder,
        place: &Path,
        account: Account,
        durability: Durability,
    ) -> anyhow::Result<Plan> {
        let data = place.join("redis");
        if !data.exists() {
            private_folder(&data, account)?;
        }
        Ok(Plan {
            program: programs::redis()?,
            data,
            account,
            durability,
            log: folder.log("redis.log")?,
        })
    }

    pub(crate) fn start(self) -> anyhow::Result<Starting> {
        let address = Address {
            port: free_port()?,
            password: random_hex()?,
        };
        let mut command = self.account.command(&self.program);
        // Settings come over standard input: an argument would show the password to everybody on the machine.
        command
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(self.log.1.try_clone()?)
            .stderr(self.log.1.try_clone()?);
        command.current_dir(&self.data);
        let mut service = Service::spawn(command, Signal::TERM)?;
        let keep = if self.durability == Durability::Real {
            "yes"
        } else {
            "no"
        };
        let settings = format!(
            "bind 127.0.0.1\nport {}\nrequirepass {}\ndaemonize no\nsave \"\"\nappendonly {keep}\nappendfsync everysec\n",
            address.port, address.password
        );
        service
            .feed(&settings)
            .context("cannot tell Redis its settings")?;
        Ok(Starting {
            plan: self,
            service,
            address,
        })
    }
}

impl Starting {
    pub(crate) fn ready(mut self) -> anyhow::Result<(Service, Address)> {
        for _ in 1..TRIES {
            if self.comes_up()? {
                return Ok((self.service, self.address));
            }
            self = self.plan.start()?;
        }
        if self.comes_up()? {
            return Ok((self.service, self.address));
        }
        bail!(
            "Redis found no free port; see {}",
            self.plan.log.0.display()
        )
    }

    /// True when it answers, false when somebody took its port before it did.
    fn comes_up(&mut self) -> anyhow::Result<bool> {
        let mut end = None;
        let told = until(PATIENCE, || {
            end = self.service.ended().ok().flatten();
            end.is_some() || self.address.answers()
        });
        let log = self.plan.log.0.display();
        match end {
            None if told => Ok(true),
            None => bail!(
                "Redis did not come up within {} s; see {log}",
                PATIENCE.as_secs()
            ),
            Some(_) if fs::read_to_string(&self.plan.log.0)?.contains("Address already in use") => {
                Ok(false)
            }
            Some(status) => bail!("Redis ended at its start ({status}); see {log}"),
        }
    }
}
