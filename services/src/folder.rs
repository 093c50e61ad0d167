//! The folder of one pair: locked while in use, and pointing to where the data is.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::account::Account;

/// A folder that is ours until dropped.
pub(crate) struct Folder {
    path: PathBuf,
    // The kernel lets go of the lock with the process, however it ends.
    _lock: File,
}

impl Folder {
    pub(crate) fn open(path: &Path) -> anyhow::Result<Folder> {
        fs::create_dir_all(path)?;
        let path = path.canonicalize()?;
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("lock"))?;
        if lock.try_lock().is_err() {
            let mut holder = String::new();
            lock.read_to_string(&mut holder)?;
            bail!(
                "process {} is using it; end that first, or use another folder",
                holder.trim()
            );
        }
        lock.set_len(0)?;
        write!(lock, "{}", std::process::id())?;
        Ok(Folder { path, _lock: lock })
    }

    /// Where this account's data goes: this folder, or one in /var/tmp when the account cannot come here.
    pub(crate) fn place(&self, account: Account) -> anyhow::Result<PathBuf> {
        if account.can_reach(&self.path) {
            return Ok(self.path.clone());
        }
        if let Some(place) = self
            .elsewhere()
            .filter(|place| place.join("postgres").exists() && account.can_reach(place))
        {
            return Ok(place);
        }
        // A fresh random name: nobody can have put something there before us.
        let place = PathBuf::from(format!("/var/tmp/kwastage-{}", random_hex()?));
        private_folder(&place, account)?;
        fs::write(
            self.path.join("place"),
            place.as_os_str().as_encoded_bytes(),
        )?;
        Ok(place)
    }

    /// User and group that own the data, if there is any.
    pub(crate) fn data_owner(&self) -> Option<(u32, u32)> {
        let here = self.path.join("postgres").metadata().ok();
        let data = here.or_else(|| self.elsewhere()?.join("postgres").metadata().ok())?;
        Some((data.uid(), data.gid()))
    }

    fn elsewhere(&self) -> Option<PathBuf> {
        fs::read_to_string(self.path.join("place"))
            .ok()
            .map(PathBuf::from)
    }

    /// A log of this folder, emptied.
    pub(crate) fn log(&self, name: &str) -> anyhow::Result<(PathBuf, File)> {
        let path = self.path.join(name);
        let log =
            File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok((path, log))
    }

    /// The superuser's password: made once, readable by us only.
    pub(crate) fn password(&self) -> anyhow::Result<String> {
        let path = self.path.join("password");
        if let Ok(password) = fs::read_to_string(&path)
            && !password.is_empty()
        {
            return Ok(password);
        }
        let password = random_hex()?;
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?
            .write_all(password.as_bytes())?;
        Ok(password)
    }
}

/// A folder only this account may enter.
pub(crate) fn private_folder(path: &Path, account: Account) -> anyhow::Result<()> {
    DirBuilder::new()
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot create {}", path.display()))?;
    account.take(path)
}

/// 128 random bits.
pub(crate) fn random_hex() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
