//! Whether a provider is worth trying in a lane: a circuit breaker. Pure; the caller tells the time.

use chrono::{DateTime, TimeDelta, Utc};

/// One provider in one lane.
///
/// Closed, everything goes through. After [`FAILURES_MAX`] failures in a row it opens: the provider is passed over.
/// When its time is over it is half open: one message, the probe, goes through, and its outcome closes or opens it
/// again, each time for twice as long up to [`OPEN_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Breaker {
    state: State,
    failures: u32,
    /// Openings since it was last closed.
    openings: u32,
    silences: u32,
    last_silence: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Closed,
    Open {
        until: DateTime<Utc>,
    },
    /// The probe is on its way. When nobody has told its outcome by then, another may go.
    HalfOpen {
        probe_until: DateTime<Utc>,
    },
}

pub(super) const FAILURES_MAX: u32 = 3;
/// Alerts without any report in a row until a provider counts as one that only says it sends.
pub(super) const SILENCES_MAX: u32 = 3;
const OPEN_FIRST: TimeDelta = TimeDelta::seconds(5);
pub(super) const OPEN_MAX: TimeDelta = TimeDelta::seconds(60);
/// Longer than any answer is waited for.
pub(super) const PROBE_MAX: TimeDelta = TimeDelta::seconds(30);
/// Silences further apart have nothing to do with each other.
const SILENCES_WITHIN: TimeDelta = TimeDelta::minutes(10);

impl Breaker {
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Whether [`Breaker::pass`] would let a message through.
    pub fn lets_through(&self, now: DateTime<Utc>) -> bool {
        self.shut_until().is_none_or(|until| until <= now)
    }

    /// When a message may go through next; none while it is closed.
    pub fn shut_until(&self) -> Option<DateTime<Utc>> {
        match self.state {
            State::Closed => None,
            State::Open { until } => Some(until),
            State::HalfOpen { probe_until } => Some(probe_until),
        }
    }

    /// Lets a message through or not. The one let through an open breaker is its probe.
    pub fn pass(&mut self, now: DateTime<Utc>) -> bool {
        let passes = self.lets_through(now);
        if passes && !self.is_closed() {
            self.state = State::HalfOpen {
                probe_until: now + PROBE_MAX,
            };
        }
        passes
    }

    /// The provider answered as one that works.
    pub fn worked(&mut self) {
        *self = Breaker {
            silences: self.silences,
            last_silence: self.last_silence,
            ..Breaker::default()
        };
    }

    /// The provider was not reached, gave no answer, or takes nothing from us.
    pub fn failed(&mut self, now: DateTime<Utc>) {
        match self.state {
            State::Closed => {
                self.failures += 1;
                if self.failures >= FAILURES_MAX {
                    self.open(now);
                }
            }
            State::HalfOpen { .. } => self.open(now),
            // What left before it opened tells nothing new.
            State::Open { .. } => {}
        }
    }

    /// The provider accepted an alert and was never heard of it again. That it accepts the next one is no proof that it
    /// works, so it takes a while without silences to forget them.
    pub fn stayed_silent(&mut self, now: DateTime<Utc>) {
        if self
            .last_silence
            .is_none_or(|last| now - last > SILENCES_WITHIN)
        {
            self.silences = 0;
        }
        self.silences += 1;
        self.last_silence = Some(now);
        if self.silences >= SILENCES_MAX {
            self.state = State::Open {
                until: now + OPEN_MAX,
            };
            // The next one is enough to open it again.
            self.silences = SILENCES_MAX - 1;
        }
    }

    fn open(&mut self, now: DateTime<Utc>) {
        let doubled = OPEN_FIRST * (1 << self.openings.min(4));
        self.openings += 1;
        self.failures = 0;
        self.state = State::Open {
            until: now + doubled.min(OPEN_MAX),
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start() -> DateTime<Utc> {
        "2026-11-20T06:00:00Z".parse().unwrap()
    }

    fn after(seconds: i64) -> DateTime<Utc> {
        start() + TimeDelta::seconds(seconds)
    }

    #[test]
    fn three_failures_open_it_and_one_probe_closes_it_again() {
        let mut breaker = Breaker::default();
        for _ in 0..2 {
            breaker.failed(start());
            assert!(breaker.pass(start()));
        }
        breaker.failed(start());
        assert!(!breaker.pass(after(4)));
        assert!(breaker.pass(after(5)), "the probe");
        assert!(!breaker.pass(after(5)), "one only");
        breaker.worked();
        assert!(breaker.pass(after(5)) && breaker.pass(after(5)));
    }

    #[test]
    fn a_failed_probe_opens_it_for_twice_as_long_up_to_a_minute() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            breaker.failed(start());
        }
        let mut now = start();
        for open_for in [5, 10, 20, 40, 60, 60] {
            assert!(!breaker.pass(now + TimeDelta::seconds(open_for - 1)));
            now += TimeDelta::seconds(open_for);
            assert!(breaker.pass(now), "after {open_for} seconds");
            breaker.failed(now);
        }
    }

    #[test]
    fn a_success_in_between_forgets_failures() {
        let mut breaker = Breaker::default();
        for _ in 0..10 {
            breaker.failed(start());
            breaker.failed(start());
            breaker.worked();
        }
        assert!(breaker.is_closed());
    }

    #[test]
    fn a_probe_nobody_hears_of_is_followed_by_another() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            breaker.failed(start());
        }
        assert!(breaker.pass(after(5)));
        assert!(!breaker.pass(after(34)));
        assert!(breaker.pass(after(35)));
    }

    #[test]
    fn one_that_accepts_and_never_reports_is_passed_over_though_it_accepts() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            breaker.worked();
            assert!(breaker.pass(start()));
            breaker.stayed_silent(start());
        }
        assert!(!breaker.pass(after(59)));
        assert!(breaker.pass(after(60)));
        breaker.worked();
        breaker.stayed_silent(after(90));
        assert!(!breaker.pass(after(91)), "one more is enough");
        let later = after(90) + SILENCES_WITHIN + TimeDelta::seconds(61);
        breaker.worked();
        breaker.stayed_silent(later);
        assert!(breaker.pass(later), "that was long ago");
    }

    #[derive(Clone, Debug)]
    enum Step {
        Pass,
        Worked,
        Failed,
        Silent,
        Wait(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            Just(Step::Pass),
            Just(Step::Worked),
            Just(Step::Failed),
            Just(Step::Silent),
            (0..40_i64).prop_map(Step::Wait),
        ]
    }

    proptest! {
        #[test]
        fn it_is_never_shut_for_long_and_probes_one_at_a_time(steps in prop::collection::vec(step(), 0..200)) {
            let (mut breaker, mut now) = (Breaker::default(), start());
            let mut probed_at: Option<DateTime<Utc>> = None;
            for step in steps {
                let was_closed = breaker.is_closed();
                match step {
                    Step::Pass => {
                        let promised = breaker.lets_through(now);
                        let passed = breaker.pass(now);
                        prop_assert_eq!(promised, passed);
                        if was_closed {
                            prop_assert!(passed);
                        } else if passed {
                            if let Some(before) = probed_at {
                                prop_assert!(now - before >= PROBE_MAX, "a second probe");
                            }
                            probed_at = Some(now);
                        }
                    }
                    Step::Worked => {
                        breaker.worked();
                        prop_assert!(breaker.is_closed());
                        probed_at = None;
                    }
                    Step::Failed => {
                        breaker.failed(now);
                        probed_at = None;
                    }
                    Step::Silent => {
                        let probing = probed_at.is_some();
                        breaker.stayed_silent(now);
                        if probing && !breaker.lets_through(now) { probed_at = None; }
                    }
                    Step::Wait(seconds) => now += TimeDelta::seconds(seconds),
                }
                // However it came to be shut: by itself it is not for longer than a minute.
                prop_assert!(breaker.lets_through(now + OPEN_MAX));
            }
        }
    }
}
