//! Where a line goes: standard output, or one of three files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use super::redaction::masked;
use super::{FINANCIAL, SECURITY};

/// The three streams. Cheap to clone.
#[derive(Clone)]
pub(super) enum Streams {
    Output,
    Files(Arc<Files>),
}

pub(super) struct Files {
    app: File,
    security: File,
    financial: File,
}

impl Streams {
    /// Opens `app.log`, `security.log` and `financial.log` for appending, readable by their owner and group only.
    pub(super) fn open(folder: Option<&Path>) -> io::Result<Streams> {
        let Some(folder) = folder else {
            return Ok(Streams::Output);
        };
        fs::create_dir_all(folder)?;
        let open = |name: &str| {
            OpenOptions::new()
                .append(true)
                .create(true)
                .mode(0o640)
                .open(folder.join(name))
        };
        Ok(Streams::Files(Arc::new(Files {
            app: open("app.log")?,
            security: open("security.log")?,
            financial: open("financial.log")?,
        })))
    }
}

/// Writes one formatted line, masked, in one call: lines of several threads never mix.
pub(super) struct Line<'a>(Option<&'a File>);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let shown = masked(line);
        match self.0 {
            Some(mut file) => file.write_all(&shown)?,
            None => io::stdout().lock().write_all(&shown)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0 {
            Some(mut file) => file.flush(),
            None => io::stdout().lock().flush(),
        }
    }
}

impl<'a> MakeWriter<'a> for Streams {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        match self {
            Streams::Output => Line(None),
            Streams::Files(files) => Line(Some(&files.app)),
        }
    }

    fn make_writer_for(&'a self, line: &Metadata<'_>) -> Line<'a> {
        match self {
            Streams::Files(files) if line.target() == SECURITY => Line(Some(&files.security)),
            Streams::Files(files) if line.target() == FINANCIAL => Line(Some(&files.financial)),
            _ => self.make_writer(),
        }
    }
}
