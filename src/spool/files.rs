//! The folder of the spool: one file for each process, locked while the process lives.
//!
//! The kernel lets go of a lock with its process, however it ends. A file nobody locks was left behind.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use uuid::Uuid;

const ENDING: &str = "spool";
/// What holds more than could be read is put aside under this ending, for a person to look at.
const PUT_ASIDE: &str = "spoilt";

/// This process's own file. Readable by us only: it holds phone numbers.
pub(super) struct OwnFile {
    file: File,
    path: PathBuf,
}

impl OwnFile {
    pub fn begin(folder: &Path) -> io::Result<OwnFile> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        loop {
            let path = folder.join(format!("{}.{ENDING}", Uuid::now_v7()));
            let file = OpenOptions::new()
                .append(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            // Another process may have taken the empty file away before the lock was ours.
            if file.try_lock().is_ok() && file.metadata()?.nlink() > 0 {
                // The name has to last as well as what is in the file.
                File::open(folder)?.sync_all()?;
                return Ok(OwnFile { file, path });
            }
        }
    }

    /// Adds to the end; on the disk when it returns.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.file.sync_data()
    }

    /// Forgets everything in it.
    pub fn empty(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.sync_data()
    }

    pub fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// A file of a process that is gone, ours as long as we hold this.
pub(super) struct LeftBehind {
    file: File,
    path: PathBuf,
}

impl LeftBehind {
    /// All there are at the moment. A folder that is not there yet has none.
    pub fn find(folder: &Path) -> io::Result<Vec<LeftBehind>> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_none_or(|ending| ending != ENDING) {
                continue;
            }
            let file = match File::open(&path) {
                Ok(file) => file,
                // Somebody else was faster.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            match file.try_lock() {
                Ok(()) if file.metadata()?.nlink() > 0 => found.push(LeftBehind { file, path }),
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Ok(found)
    }

    pub fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    pub fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }

    pub fn put_aside(self) -> io::Result<()> {
        fs::rename(&self.path, self.path.with_extension(PUT_ASIDE))
    }
}
