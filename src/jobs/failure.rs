//! What a handler says when it could not do its job, and how long the job then waits.

use chrono::TimeDelta;

use crate::fault::Fault;

/// Why a job was not done.
#[derive(Debug, thiserror::Error)]
pub enum JobFailure {
    /// The handler knows when another try makes sense. Never counted against the job.
    #[error("to be tried again: {why}")]
    Retry { after: TimeDelta, why: String },
    /// No try will ever succeed. The job stays in the table as given up and somebody is told.
    #[error("given up: {why}")]
    GiveUp { why: String },
    /// A fault of ours. A passing one is tried again soon and for as long as it takes; any other one more and
    /// more rarely, and is given up after [`ATTEMPTS_MAX`] tries.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Tries before a job that meets a fault which does not pass is given up: with the waits below, about nine hours.
pub const ATTEMPTS_MAX: i32 = 12;

/// What becomes of a job after a failed try.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Again { after: TimeDelta, why: String },
    GivenUp { why: String },
}

impl JobFailure {
    pub fn retry_after(after: TimeDelta, why: impl Into<String>) -> JobFailure {
        JobFailure::Retry {
            after,
            why: why.into(),
        }
    }

    pub fn give_up(why: impl Into<String>) -> JobFailure {
        JobFailure::GiveUp { why: why.into() }
    }

    /// Decides after the given number of tries, this one included.
    pub(super) fn verdict(self, attempts: i32) -> Verdict {
        match self {
            JobFailure::Retry { after, why } => Verdict::Again {
                after: after.max(RETRY_AFTER_MIN),
                why,
            },
            JobFailure::GiveUp { why } => Verdict::GivenUp { why },
            JobFailure::Fault(fault) if fault.is_passing() => Verdict::Again {
                after: doubled(1, attempts, 60),
                why: fault.to_string(),
            },
            JobFailure::Fault(fault) if attempts >= ATTEMPTS_MAX => Verdict::GivenUp {
                why: fault.to_string(),
            },
            JobFailure::Fault(fault) => Verdict::Again {
                after: doubled(30, attempts, 3600),
                why: fault.to_string(),
            },
        }
    }
}

/// A job that asks to be tried again at once would spin.
const RETRY_AFTER_MIN: TimeDelta = TimeDelta::milliseconds(100);

fn doubled(first_seconds: i64, attempts: i32, seconds_max: i64) -> TimeDelta {
    let doublings = attempts.saturating_sub(1).clamp(0, 16) as u32;
    TimeDelta::seconds((first_seconds << doublings).min(seconds_max))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(verdict: Verdict) -> Option<i64> {
        match verdict {
            Verdict::Again { after, .. } => Some(after.num_seconds()),
            Verdict::GivenUp { .. } => None,
        }
    }

    #[test]
    fn a_passing_fault_is_tried_for_ever_and_never_rarer_than_each_minute() {
        let away = || JobFailure::from(Fault::Database(sqlx::Error::PoolTimedOut));
        assert_eq!(seconds(away().verdict(1)), Some(1));
        assert_eq!(seconds(away().verdict(4)), Some(8));
        assert_eq!(seconds(away().verdict(i32::MAX)), Some(60));
    }

    #[test]
    fn a_lasting_fault_is_tried_more_and_more_rarely_and_then_given_up() {
        let broken = || JobFailure::from(Fault::broken("obligation 7 has no member"));
        assert_eq!(seconds(broken().verdict(1)), Some(30));
        assert_eq!(seconds(broken().verdict(3)), Some(120));
        assert_eq!(seconds(broken().verdict(ATTEMPTS_MAX - 1)), Some(3600));
        assert_eq!(seconds(broken().verdict(ATTEMPTS_MAX)), None);
    }

    #[test]
    fn a_handler_that_asks_for_another_try_at_once_waits_a_little() {
        let verdict = JobFailure::retry_after(TimeDelta::zero(), "not yet").verdict(1);
        assert_eq!(
            verdict,
            Verdict::Again {
                after: RETRY_AFTER_MIN,
                why: "not yet".into()
            }
        );
    }
}
