//! How fast we may speak to a provider, in segments.

use std::time::{Duration, Instant};

/// A bucket of segments that fills at a steady rate and holds one second's worth. Whoever takes more than there
/// is waits; an emergency takes without waiting, and the others wait the longer.
pub(super) struct Bucket {
    per_second: f64,
    segments: f64,
    at: Instant,
}

impl Bucket {
    /// A full bucket: one second's worth may go at once.
    pub fn new(segments_per_second: u32, now: Instant) -> Bucket {
        let per_second = f64::from(segments_per_second.max(1));
        Bucket {
            per_second,
            segments: per_second,
            at: now,
        }
    }

    /// Takes the segments and says how long to wait before they may be used.
    pub fn take(&mut self, segments: usize, now: Instant) -> Duration {
        let filled = self.segments + now.duration_since(self.at).as_secs_f64() * self.per_second;
        self.segments = filled.min(self.per_second) - segments as f64;
        self.at = now;
        Duration::from_secs_f64((-self.segments / self.per_second).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_so_many_segments_and_debts_are_waited_for() {
        let start = Instant::now();
        let after = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut bucket = Bucket::new(10, start);
        assert_eq!(bucket.take(10, start), Duration::ZERO);
        assert_eq!(bucket.take(5, start), Duration::from_millis(500));
        assert_eq!(bucket.take(10, after(500)), Duration::from_secs(1));
        assert_eq!(bucket.take(10, after(60_000)), Duration::ZERO);
        let full_again = bucket.take(10, after(60_000));
        assert_eq!(
            full_again,
            Duration::from_secs(1),
            "it holds no more than a second's worth"
        );
    }
}
