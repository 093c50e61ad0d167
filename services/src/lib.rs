//! A Postgres and a Redis of one's own, from the distribution's packages, for the demo and the tests.
//!
//! Each pair lives in one folder: data, logs, a password. They listen on free ports of the loopback only, behind a random
//! password, so that they stand beside any other Postgres or Redis, and two pairs beside each other. They end with
//! whoever started them: on drop, and when the starter is killed, by the kernel's parent death signal.
//!
//! Postgres refuses to run as root. Started by root, both run as the package's `postgres` user (else `nobody`); when that
//! user cannot enter the folder, as under `/root`, the data goes to `/var/tmp` and the folder remembers where.

mod account;
mod folder;
mod keeper;
mod postgres;
mod programs;
mod redis;

use std::path::Path;

use anyhow::Context;

use account::Account;
use folder::Folder;
use keeper::Keeper;
pub use keeper::{Service, die_with_parent};
pub use rustix::process::Signal;

/// The database that is there from the start.
pub const DATABASE: &str = "kwastage";

/// Whether what was committed survives the power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// As in production: every commit reaches the disk, Redis keeps an append-only file.
    Real,
    /// For tests: nothing is waited for, a crash may cost the folder.
    Fast,
}

/// A running pair. Dropping it stops both and waits until they have gone.
pub struct Private {
    postgres: postgres::Address,
    redis: redis::Address,
    // Fields drop in order: the services stop before the folder is let go.
    _keeper: Keeper,
    _folder: Folder,
}

impl Private {
    /// Starts both over this folder, creating it when it is new, and returns when both answer.
    ///
    /// # Errors
    /// A package is missing (the error names it), the folder is in use or cannot be written, or a service does not come
    /// up (the error names its log).
    pub fn start(folder: &Path, durability: Durability) -> anyhow::Result<Private> {
        let folder = Folder::open(folder)
            .with_context(|| format!("cannot use the folder {}", folder.display()))?;
        let account = Account::for_services(&folder)?;
        let place = folder.place(account)?;
        let postgres = postgres::Plan::make(&folder, &place, account, durability)?;
        let redis = redis::Plan::make(&folder, &place, account, durability)?;
        let (keeper, (postgres, redis)) = Keeper::start(move || {
            // Both come up at the same time; each is waited for afterwards.
            let (postgres, redis) = (postgres.start()?, redis.start()?);
            let (postgres, postgres_address) = postgres.ready()?;
            let (redis, redis_address) = redis.ready()?;
            Ok((vec![postgres, redis], (postgres_address, redis_address)))
        })?;
        Ok(Private {
            postgres,
            redis,
            _keeper: keeper,
            _folder: folder,
        })
    }

    /// The address of a database as the superuser `postgres`. [`DATABASE`] exists; others are the caller's to create.
    pub fn postgres_url(&self, database: &str) -> String {
        self.postgres.url(database)
    }

    pub fn redis_url(&self) -> String {
        self.redis.url()
    }
}
