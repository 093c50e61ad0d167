//! The one thread that writes: it gathers what has come meanwhile, writes it in one piece, waits for the disk once, and
//! answers everybody.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{io, thread};

use tokio::sync::oneshot;

use super::book::{Book, Entry};
use super::files::{LeftBehind, OwnFile};
use super::frame;

/// Orders done with one wait for the disk.
const GATHERED_MAX: usize = 256;

enum Order {
    Write(Vec<Entry>, oneshot::Sender<Result<(), String>>),
    TakeOver(oneshot::Sender<Result<usize, String>>),
}

/// The way to the thread, and what it has written so far.
pub(super) struct Writer {
    orders: Sender<Order>,
    book: Arc<Mutex<Book>>,
}

impl Writer {
    /// The thread ends with the last order after this is dropped.
    pub fn start(folder: PathBuf) -> Writer {
        let (orders, to_do) = mpsc::channel();
        let book = Arc::new(Mutex::new(Book::default()));
        let mut desk = Desk {
            folder,
            own: None,
            book: book.clone(),
        };
        let started = thread::Builder::new()
            .name("spool".into())
            .spawn(move || desk.work(&to_do));
        if let Err(error) = started {
            // Every order is then answered that nothing can be written.
            tracing::error!(%error, "The spool's thread cannot be started");
        }
        Writer { orders, book }
    }

    /// What is known, for a short look.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// On the disk when this returns without an error; remembered in any case.
    pub async fn write(&self, entries: Vec<Entry>) -> Result<(), String> {
        let (done, written) = oneshot::channel();
        let gone = || "the spool's thread is gone".to_owned();
        self.orders
            .send(Order::Write(entries, done))
            .map_err(|_| gone())?;
        written.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Makes what dead processes have left behind our own; says how many of their reports still wait.
    pub async fn take_over(&self) -> Result<usize, String> {
        let (done, taken) = oneshot::channel();
        let gone = || "the spool's thread is gone".to_owned();
        self.orders
            .send(Order::TakeOver(done))
            .map_err(|_| gone())?;
        taken.await.unwrap_or_else(|_| Err(gone()))
    }
}

/// What the thread works at.
struct Desk {
    folder: PathBuf,
    own: Option<OwnFile>,
    book: Arc<Mutex<Book>>,
}

impl Desk {
    fn work(&mut self, orders: &Receiver<Order>) {
        while let Ok(order) = orders.recv() {
            let mut gathered = vec![order];
            while gathered.len() < GATHERED_MAX
                && let Ok(order) = orders.try_recv()
            {
                gathered.push(order);
            }
            let (mut entries, mut waiting) = (Vec::new(), Vec::new());
            let mut asked_to_take_over = Vec::new();
            for order in gathered {
                match order {
                    Order::Write(more, done) => {
                        entries.extend(more);
                        waiting.push(done);
                    }
                    Order::TakeOver(done) => asked_to_take_over.push(done),
                }
            }
            if !waiting.is_empty() {
                let written = self.write(entries).map_err(|error| error.to_string());
                // Whoever does not wait any longer has been told that it may be lost.
                for done in waiting {
                    let _ = done.send(written.clone());
                }
            }
            for done in asked_to_take_over {
                let _ = done.send(self.take_over().map_err(|error| error.to_string()));
            }
            self.clear_when_done();
        }
        if self.book().is_done()
            && let Some(own) = self.own.take()
        {
            let _ = own.remove();
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&mut self, entries: Vec<Entry>) -> io::Result<()> {
        let mut bytes = Vec::new();
        for entry in &entries {
            frame::write(&serde_json::to_string(entry)?, &mut bytes);
        }
        let written = own_file(&mut self.own, &self.folder).and_then(|own| own.append(&bytes));
        let mut book = self.book();
        for entry in entries {
            match &written {
                Ok(()) => book.apply(entry),
                Err(_) => book.remember(entry),
            }
        }
        written
    }

    /// The dead file goes only when what it held is on the disk as ours: a crash in between leaves both, and the ids
    /// make them one.
    fn take_over(&mut self) -> io::Result<usize> {
        let mut taken = 0;
        for mut left in LeftBehind::find(&self.folder)? {
            let bytes = left.read()?;
            let held = frame::read(&bytes);
            let (mut theirs, mut unreadable) = (Book::default(), 0);
            for record in &held.records {
                match serde_json::from_str::<Entry>(record) {
                    Ok(entry) => theirs.apply(entry),
                    Err(_) => unreadable += 1,
                }
            }
            taken += theirs.waiting().count();
            let carried = theirs.carried_over();
            if !carried.is_empty() {
                self.write(carried)?;
            }
            if held.spoilt > 0 || unreadable > 0 {
                tracing::error!(
                    bytes = held.spoilt,
                    records = unreadable,
                    "A file of the spool holds more than could be read: it is put aside"
                );
                left.put_aside()?;
            } else {
                left.remove()?;
            }
        }
        Ok(taken)
    }

    /// A file of which nothing is needed any more keeps nobody's number.
    fn clear_when_done(&mut self) {
        let is_done = {
            let book = self.book();
            book.is_done() && !book.is_empty()
        };
        let Some(own) = self.own.as_mut().filter(|_| is_done) else {
            return;
        };
        match own.empty() {
            Ok(()) => self.book().clear(),
            Err(error) => tracing::warn!(%error, "The spool's file cannot be emptied"),
        }
    }
}

/// Begins the file when there is none yet.
fn own_file<'o>(own: &'o mut Option<OwnFile>, folder: &Path) -> io::Result<&'o mut OwnFile> {
    match own {
        Some(own) => Ok(own),
        None => Ok(own.insert(OwnFile::begin(folder)?)),
    }
}

#[cfg(test)]
mod tests;
