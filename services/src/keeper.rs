//! Keeps children for as long as their starter lives, and no longer.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use rustix::process::{Pid, Signal};

/// How long a service may take to end when asked kindly.
const FAREWELL: Duration = Duration::from_secs(10);

/// A thread that started some services and stops them when this is dropped.
///
/// The parent death signal is bound to the *thread* that forked, so one thread forks them all and lives as long as they
/// do: a thread of somebody's pool might end while they are still needed.
pub(crate) struct Keeper {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Runs `start` on the keeper's thread; gives back what it tells besides the services.
    pub(crate) fn start<T, F>(start: F) -> anyhow::Result<(Keeper, T)>
    where
        T: Send + 'static,
        F: FnOnce() -> anyhow::Result<(Vec<Service>, T)> + Send + 'static,
    {
        let (stop, stopped) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("services".into())
            .spawn(move || match start() {
                Ok((services, news)) => {
                    // Nobody listening, or the sender dropped: either way it is time to stop.
                    if tell.send(Ok(news)).is_ok() {
                        let _ = stopped.recv();
                    }
                    drop(services);
                }
                Err(error) => drop(tell.send(Err(error))),
            })?;
        let keeper = Keeper {
            stop: Some(stop),
            thread: Some(thread),
        };
        let news = told
            .recv()
            .map_err(|_| anyhow!("the services' thread has died"))??;
        Ok((keeper, news))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One child that ends when dropped: asked with its own signal, and killed if that takes too long.
pub struct Service {
    child: Child,
    farewell: Signal,
}

impl Service {
    /// Starts the command in a process group of its own, so that a terminal's Ctrl-C reaches us and not it.
    ///
    /// It ends when this is dropped, and when the calling *thread* ends: call it from one that outlives the service.
    pub fn spawn(mut command: Command, farewell: Signal) -> anyhow::Result<Service> {
        command.process_group(0);
        die_with_parent(&mut command, farewell);
        let child = command
            .spawn()
            .with_context(|| format!("cannot run {}", command.get_program().display()))?;
        Ok(Service { child, farewell })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes all of its standard input and closes it.
    pub(crate) fn feed(&mut self, input: &str) -> io::Result<()> {
        self.child
            .stdin
            .take()
            .map_or(Ok(()), |mut stdin| stdin.write_all(input.as_bytes()))
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = rustix::process::kill_process(Pid::from_child(&self.child), self.farewell);
        }
        let gone = until(FAREWELL, || !matches!(self.child.try_wait(), Ok(None)));
        if !gone {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Makes the kernel send `signal` to the child when the thread that starts it ends, however it ends.
pub fn die_with_parent(command: &mut Command, signal: Signal) {
    let parent = rustix::process::getpid();
    // SAFETY: between fork and exec only two system calls are made, and nothing is allocated.
    unsafe {
        // This runs after the change of user, which would clear the setting.
        command.pre_exec(move || {
            rustix::process::set_parent_process_death_signal(Some(signal))?;
            match rustix::process::getppid() {
                Some(still) if still == parent => Ok(()),
                // It died before the setting held.
                _ => Err(io::ErrorKind::BrokenPipe.into()),
            }
        });
    }
}

/// Waits until `done`, at most this long; says whether it came true.
pub(crate) fn until(patience: Duration, mut done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + patience;
    loop {
        if done() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
}
