//! Whole minutes of UTC and half-open spans of them: the only times the engine computes with.

use chrono::{DateTime, TimeZone, Utc};
use serde::{Deserialize, Serialize};

/// A minute of UTC, counted from 1970-01-01T00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Minute(pub i64);

/// Minutes in a day of UTC (local days may have other lengths).
pub const DAY: i64 = 24 * 60;

/// The years in which a time makes sense to a practice; outside them arithmetic is refused
/// instead of wrapping.
const EARLIEST: Minute = Minute(-36_816_480); // 1900-01-01
const LATEST: Minute = Minute(68_374_080); // 2100-01-01

impl Minute {
    /// The minute that starts at `at`; `None` when `at` has seconds or lies outside 1900–2100.
    #[must_use]
    pub fn exact(at: DateTime<Utc>) -> Option<Self> {
        let minute = Self::floor(at);
        let whole = at.timestamp() % 60 == 0 && at.timestamp_subsec_nanos() == 0;
        (whole && (EARLIEST..=LATEST).contains(&minute)).then_some(minute)
    }

    /// The minute that `at` falls into.
    #[must_use]
    pub fn floor(at: DateTime<Utc>) -> Self {
        Self(at.timestamp().div_euclid(60))
    }

    /// The first minute not before `at`.
    #[must_use]
    pub fn ceil(at: DateTime<Utc>) -> Self {
        let floor = Self::floor(at);
        if floor.to_utc() < at {
            Self(floor.0 + 1)
        } else {
            floor
        }
    }

    /// As a timestamp. Minutes outside chrono's range saturate at its bounds.
    #[must_use]
    pub fn to_utc(self) -> DateTime<Utc> {
        let seconds = self.0.saturating_mul(60);
        Utc.timestamp_opt(seconds, 0)
            .single()
            .unwrap_or(if seconds < 0 {
                DateTime::<Utc>::MIN_UTC
            } else {
                DateTime::<Utc>::MAX_UTC
            })
    }

    /// `minutes` later (earlier when negative).
    #[must_use]
    pub fn plus(self, minutes: i64) -> Self {
        Self(self.0.saturating_add(minutes))
    }
}

impl std::fmt::Debug for Minute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.to_utc().format("%Y-%m-%dT%H:%MZ"))
    }
}

/// A non-empty half-open span `[start, end)`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Span {
    start: Minute,
    end: Minute,
}

impl Span {
    /// `None` unless `start < end`.
    #[must_use]
    pub fn new(start: Minute, end: Minute) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// `minutes` from `start`; `None` unless `minutes` is positive.
    #[must_use]
    pub fn lasting(start: Minute, minutes: i64) -> Option<Self> {
        Self::new(start, start.plus(minutes))
    }

    #[must_use]
    pub fn start(self) -> Minute {
        self.start
    }

    #[must_use]
    pub fn end(self) -> Minute {
        self.end
    }

    /// Length in minutes, at least 1.
    #[must_use]
    pub fn minutes(self) -> i64 {
        self.end.0 - self.start.0
    }

    /// Whether both have a minute in common; spans that touch do not.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether every minute of `other` is in this span.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The minutes in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }
}

impl std::fmt::Debug for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{:?}, {:?})", self.start, self.end)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Raw {
            start: Minute,
            end: Minute,
        }
        let raw = Raw::deserialize(deserializer)?;
        Self::new(raw.start, raw.end)
            .ok_or_else(|| serde::de::Error::custom("a span must end after it starts"))
    }
}
