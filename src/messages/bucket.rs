//! How fast we may speak to a provider, in segments.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// A bucket of segments that fills at a steady rate. Whoever takes more than there is waits; an emergency
/// takes without waiting, and the others wait the longer.
pub(super) struct Bucket {
    per_second: f64,
    level: Mutex<Level>,
}

struct Level {
    segments: f64,
    at: Instant,
}

impl Bucket {
    /// Holds one second's worth.
    pub fn new(segments_per_second: u32) -> Bucket {
        let per_second = f64::from(segments_per_second.max(1));
        Bucket {
            per_second,
            level: Mutex::new(Level {
                segments: per_second,
                at: Instant::now(),
            }),
        }
    }

    /// Takes the segments and says how long to wait before they may be used.
    pub async fn take(&self, segments: usize) -> Duration {
        let mut level = self.level.lock().await;
        let now = Instant::now();
        let filled = level.segments + now.duration_since(level.at).as_secs_f64() * self.per_second;
        level.segments = filled.min(self.per_second) - segments as f64;
        level.at = now;
        Duration::from_secs_f64((-level.segments / self.per_second).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_second_holds_so_many_segments_and_debts_are_waited_for() {
        let bucket = Bucket::new(10);
        assert_eq!(bucket.take(10).await, Duration::ZERO);
        assert_eq!(bucket.take(5).await, Duration::from_millis(500));
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(bucket.take(10).await, Duration::from_secs(1));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(
            bucket.take(10).await,
            Duration::ZERO,
            "it does not hold more than a second's worth"
        );
    }
}
