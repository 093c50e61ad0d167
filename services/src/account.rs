//! As whom the services run.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::folder::Folder;

/// An unprivileged user to become, or ourselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    /// We are not root: the services are ours like any other child.
    Own,
    Other {
        uid: u32,
        gid: u32,
    },
}

impl Account {
    pub(crate) fn for_services(folder: &Folder) -> anyhow::Result<Account> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Account::Own);
        }
        // Data that is there already keeps its owner.
        if let Some(owner) = folder.data_owner()
            && owner.0 != 0
        {
            return Ok(Account::Other {
                uid: owner.0,
                gid: owner.1,
            });
        }
        let users = std::fs::read_to_string("/etc/passwd")
            .context("cannot read the users in /etc/passwd")?;
        let found = ["postgres", "nobody"]
            .iter()
            .find_map(|name| entry_of(name, &users));
        match found {
            Some((uid, gid)) => Ok(Account::Other { uid, gid }),
            None => bail!(
                "Postgres refuses to run as root and there is neither a user postgres nor nobody to run it as"
            ),
        }
    }

    /// A command that will run as this account, in a known language and time zone.
    pub(crate) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC");
        if let Account::Other { uid, gid } = self {
            // The standard library also drops root's other groups when it changes the user.
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Gives a file or folder of ours to this account.
    pub(crate) fn take(self, path: &Path) -> anyhow::Result<()> {
        if let Account::Other { uid, gid } = self {
            std::os::unix::fs::chown(path, Some(uid), Some(gid))
                .with_context(|| format!("cannot give {} to user {uid}", path.display()))?;
        }
        Ok(())
    }

    /// Whether this account may walk down to the folder.
    pub(crate) fn can_reach(self, folder: &Path) -> bool {
        let Account::Other { uid, gid } = self else {
            return true;
        };
        folder.ancestors().all(|step| {
            step.metadata().is_ok_and(|meta| {
                let bit = match (meta.uid() == uid, meta.gid() == gid) {
                    (true, _) => 0o100,
                    (false, true) => 0o010,
                    (false, false) => 0o001,
                };
                meta.mode() & bit != 0
            })
        })
    }
}

/// User and group of a name in the text of /etc/passwd.
fn entry_of(name: &str, users: &str) -> Option<(u32, u32)> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some((uid, gid))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_user_by_whole_name() {
        let users = "root:x:0:0:root:/root:/bin/bash\npostgresql:x:7:7::/:/bin/sh\nbroken\npostgres:x:101:104:x:/:/bin/bash\n";
        assert_eq!(entry_of("postgres", users), Some((101, 104)));
        assert_eq!(entry_of("nobody", users), None);
    }
}
