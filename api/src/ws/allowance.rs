//! How fast a client may speak: so many frames a second for long, and a burst of more.

use std::time::{Duration, Instant};

/// A bucket that fills at a steady rate.
#[derive(Debug)]
pub struct Allowance {
    per_second: f64,
    most: f64,
    left: f64,
    at: Instant,
}

impl Allowance {
    /// `per_second` for long, `burst` at once; full at `now`.
    #[must_use]
    pub fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        let most = f64::from(burst.max(1));
        Self {
            per_second: f64::from(per_second),
            most,
            left: most,
            at: now,
        }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at);
        self.at = now;
        self.left = (self.left + passed.as_secs_f64() * self.per_second).min(self.most);
        if self.left < 1.0 {
            return false;
        }
        self.left -= 1.0;
        true
    }

    /// How long until there is one again.
    #[must_use]
    pub fn wait(&self) -> Duration {
        if self.per_second <= 0.0 {
            return Duration::MAX;
        }
        Duration::from_secs_f64(((1.0 - self.left) / self.per_second).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_a_steady_rate() {
        let start = Instant::now();
        let mut allowance = Allowance::new(10, 3, start);
        let taken = |allowance: &mut Allowance, at: u64| {
            let at = start + Duration::from_millis(at);
            (0..10).filter(|_| allowance.take(at)).count()
        };
        assert_eq!(taken(&mut allowance, 0), 3);
        assert_eq!(taken(&mut allowance, 50), 0);
        assert_eq!(allowance.wait(), Duration::from_millis(50));
        assert_eq!(taken(&mut allowance, 100), 1);
        assert_eq!(taken(&mut allowance, 300), 2);
        assert_eq!(taken(&mut allowance, 9_000), 3, "no more than the burst");
    }
}
