//! Which deed belongs to which name.

use std::collections::BTreeMap;
use std::pin::Pin;

use chrono::TimeDelta;
use serde_json::Value;

use super::{Job, JobFailure};
use crate::fault::Fault;

type Doing<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Handler<A> = Box<dyn Fn(A, Value) -> Doing<Result<(), JobFailure>> + Send + Sync>;
type Task<A> = Box<dyn Fn(A) -> Doing<Result<(), Fault>> + Send + Sync>;

/// The deeds a worker can do, by the name of their job, and the tasks that return at intervals.
///
/// A worker claims only the names it knows, so that during a roll-out an older one leaves newer jobs alone.
pub struct Registry<A> {
    handlers: BTreeMap<&'static str, Handler<A>>,
    tasks: BTreeMap<&'static str, (TimeDelta, Task<A>)>,
}

impl<A: Clone + Send + Sync + 'static> Default for Registry<A> {
    fn default() -> Self {
        Registry::new()
    }
}

impl<A: Clone + Send + Sync + 'static> Registry<A> {
    pub fn new() -> Registry<A> {
        Registry {
            handlers: BTreeMap::new(),
            tasks: BTreeMap::new(),
        }
    }

    /// Names the deed for the jobs of type `J`: `registry.on(|app, job: Push| push(app, job))`.
    ///
    /// # Panics
    /// When the name is taken: two deeds for one name are a mistake in the program, found at start.
    pub fn on<J, F, Fut>(&mut self, handler: F) -> &mut Self
    where
        J: Job,
        F: Fn(A, J) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), JobFailure>> + Send + 'static,
    {
        let from_body: Handler<A> =
            Box::new(move |app, body| match serde_json::from_value::<J>(body) {
                Ok(job) => Box::pin(handler(app, job)),
                Err(error) => Box::pin(std::future::ready(Err(JobFailure::give_up(format!(
                    "the body does not read as {}: {error}",
                    J::NAME
                ))))),
            });
        let taken = self.handlers.insert(J::NAME, from_body);
        assert!(taken.is_none(), "two handlers for the job {}", J::NAME);
        self
    }

    /// Names a task that looks at the state and repairs it, about once per `interval` over all processes and never twice at once.
    ///
    /// # Panics
    /// When the name is taken.
    pub fn every<F, Fut>(&mut self, name: &'static str, interval: TimeDelta, task: F) -> &mut Self
    where
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        let task: Task<A> = Box::new(move |app| Box::pin(task(app)));
        let taken = self.tasks.insert(name, (interval, task));
        assert!(taken.is_none(), "two tasks named {name}");
        self
    }

    /// Lets no task return sooner than this: for a clock that jumps over days, on which every task is always due.
    pub fn at_most_every(mut self, interval: TimeDelta) -> Registry<A> {
        for (each, _) in self.tasks.values_mut() {
            *each = interval.max(*each);
        }
        self
    }

    pub(super) fn job_names(&self) -> Vec<String> {
        self.handlers.keys().map(ToString::to_string).collect()
    }

    pub(super) fn task_names(&self) -> Vec<String> {
        self.tasks.keys().map(ToString::to_string).collect()
    }

    pub(super) fn perform(&self, app: A, name: &str, body: Value) -> Doing<Result<(), JobFailure>> {
        match self.handlers.get(name) {
            Some(handler) => handler(app, body),
            None => Box::pin(std::future::ready(Err(JobFailure::give_up(format!(
                "nobody here can do {name}"
            ))))),
        }
    }

    pub(super) fn task(&self, app: A, name: &str) -> Option<(TimeDelta, Doing<Result<(), Fault>>)> {
        let (interval, task) = self.tasks.get(name)?;
        Some((*interval, task(app)))
    }
}
