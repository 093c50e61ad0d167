//! Finds the distribution's binaries.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// Older ones lack what the migrations use.
const OLDEST_POSTGRES: u32 = 15;
const OLDEST_REDIS: u32 = 7;

/// One installed Postgres.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Postgres {
    pub(crate) major: u32,
    /// The folder that holds `postgres` and `initdb`.
    pub(crate) bin: PathBuf,
}

/// The newest Postgres, or the one of this major version where data of it exists already.
pub(crate) fn postgres(data_major: Option<u32>) -> anyhow::Result<Postgres> {
    choose(installed(&folders()), data_major)
}

/// The Redis server.
pub(crate) fn redis() -> anyhow::Result<PathBuf> {
    let Some(server) = folders()
        .into_iter()
        .map(|folder| folder.join("redis-server"))
        .find(|path| path.is_file())
    else {
        bail!(
            "Redis {OLDEST_REDIS} or newer is not installed: run scripts/install-packages, or `apt-get install redis-server`"
        );
    };
    match major_version(&server) {
        Some(major) if major >= OLDEST_REDIS => Ok(server),
        Some(major) => bail!(
            "{} is Redis {major}; {OLDEST_REDIS} or newer is needed (package redis-server)",
            server.display()
        ),
        None => bail!("{} does not say its version", server.display()),
    }
}

fn choose(found: Vec<Postgres>, data_major: Option<u32>) -> anyhow::Result<Postgres> {
    let newest = found.iter().max_by_key(|postgres| postgres.major);
    let Some(newest) = newest.filter(|newest| newest.major >= OLDEST_POSTGRES) else {
        let instead = newest.map_or(String::new(), |older| format!(" (only {} is)", older.major));
        bail!(
            "Postgres {OLDEST_POSTGRES} or newer is not installed{instead}: run scripts/install-packages, or `apt-get install postgresql`"
        );
    };
    let Some(data_major) = data_major else {
        return Ok(newest.clone());
    };
    found.iter().find(|postgres| postgres.major == data_major).cloned().with_context(|| {
        format!(
            "the data in the folder is of Postgres {data_major} and only {} is installed; it is the demo's or the tests' own: \
             remove the folder and start again",
            newest.major
        )
    })
}

fn installed(folders: &[PathBuf]) -> Vec<Postgres> {
    let real = folders
        .iter()
        .filter_map(|folder| folder.join("postgres").canonicalize().ok());
    let complete = real.filter(|server| server.with_file_name("initdb").is_file());
    complete
        .filter_map(|server| {
            Some(Postgres {
                major: major_version(&server)?,
                bin: server.parent()?.to_owned(),
            })
        })
        .collect()
}

/// Where programs may be: PATH, then Debian's folder of Postgres versions, then the usual places of servers.
fn folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .collect();
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    folders.extend(versions.map(|version| version.path().join("bin")));
    folders.extend(["/usr/local/bin", "/usr/bin", "/usr/sbin"].map(PathBuf::from));
    folders
}

/// `postgres (PostgreSQL) 15.14 (Debian ...)` and `Redis server v=7.0.15 sha=...` alike: the first number.
fn major_version(program: &Path) -> Option<u32> {
    let said = Command::new(program).arg("--version").output().ok()?;
    first_number(&String::from_utf8_lossy(&said.stdout))
}

fn first_number(said: &str) -> Option<u32> {
    let from = said.find(|c: char| c.is_ascii_digit())?;
    let digits: String = said[from..]
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postgres(major: u32) -> Postgres {
        Postgres {
            major,
            bin: PathBuf::from(format!("/usr/lib/postgresql/{major}/bin")),
        }
    }

    #[test]
    fn the_newest_is_taken_unless_the_data_is_older() {
        let found = vec![postgres(15), postgres(17), postgres(16)];
        assert_eq!(choose(found.clone(), None).unwrap(), postgres(17));
        assert_eq!(choose(found.clone(), Some(15)).unwrap(), postgres(15));
        let refusal = choose(found, Some(14)).unwrap_err().to_string();
        assert!(
            refusal.contains("of Postgres 14") && refusal.contains("remove the folder"),
            "{refusal}"
        );
    }

    #[test]
    fn a_missing_package_is_named_with_the_way_to_install_it() {
        let none = choose(Vec::new(), None).unwrap_err().to_string();
        assert!(none.contains("apt-get install postgresql"), "{none}");
        let old = choose(vec![postgres(13)], None).unwrap_err().to_string();
        assert!(
            old.contains("15 or newer is not installed (only 13 is)"),
            "{old}"
        );
    }

    #[test]
    fn versions_as_the_programs_say_them() {
        assert_eq!(
            first_number("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"),
            Some(15)
        );
        assert_eq!(
            first_number("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"),
            Some(7)
        );
        assert_eq!(first_number("none"), None);
    }
}
