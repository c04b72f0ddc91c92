//! Simulated time. Tokio's clock stands still while anybody has something to do, and jumps to the
//! next timer when nobody has. The clocks on the walls, the database's and the nodes', go sixty
//! times as fast, so that holds expire within seconds; each node's is wrong by as much as it likes.

use chrono::{DateTime, TimeDelta, Utc};
use engine::clock::Clock;
use tokio::time::Instant;

/// How much faster clocks go.
const SPEED: i64 = 60;
/// When histories begin: 2030-03-04 08:00 in Quito, the day before everybody comes.
const BEGINNING: i64 = 1_898_859_600;

/// Tells the time of a history.
#[derive(Clone, Copy, Debug)]
pub struct Time(Instant);

impl Time {
    /// Begins now; within the history's runtime.
    #[must_use]
    pub fn begin() -> Self {
        Self(Instant::now())
    }

    /// Milliseconds since the beginning.
    #[must_use]
    pub fn millis(self) -> i64 {
        i64::try_from(self.0.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// The database's clock.
    #[must_use]
    pub fn now(self) -> DateTime<Utc> {
        let beginning = DateTime::from_timestamp(BEGINNING, 0).unwrap_or_default();
        beginning + TimeDelta::milliseconds(self.millis() * SPEED)
    }

    /// A node's clock, wrong by `skew_ms`.
    #[must_use]
    pub fn clock(self, skew_ms: i64) -> Clock {
        Clock::of(move || self.now() + TimeDelta::milliseconds(skew_ms))
    }
}
