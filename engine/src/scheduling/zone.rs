//! A practice's time zone and the one rule by which local times become minutes of UTC. Not a
//! clock: nothing here knows what time it is.
//!
//! **The rule** (for starts and ends alike): a local time that a clock change skips moves forward
//! by the length of the gap, 02:30 becoming 03:30; a local time that occurs twice is the first.
//! RFC 5545 §3.3.5 words it the same way: a skipped time is read with the offset from before the
//! gap, a repeated one is the first occurrence.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};
use schema::span::{Minute, Span};
use serde::{Deserialize, Serialize};

/// How a clock on some wall relates to UTC.
///
/// [`Zone`] is the usual one; an imported calendar can bring its own.
pub trait WallClock {
    /// The instant at which the wall shows `local`, by the module's rule.
    fn instant(&self, local: NaiveDateTime) -> DateTime<Utc>;

    /// What the wall shows at `at`.
    fn wall(&self, at: DateTime<Utc>) -> NaiveDateTime;
}

/// A zone of the IANA database, e.g. `America/Guayaquil`; in JSON its name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Zone(Tz);

/// A name that the IANA database, as compiled in, does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown time zone {0:?}")]
pub struct UnknownZone(pub String);

impl Zone {
    /// Coordinated Universal Time.
    pub const UTC: Self = Self(Tz::UTC);

    /// The IANA name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The minute in which the zone's clocks show `local`, by the module's rule; seconds are cut.
    #[must_use]
    pub fn to_utc(self, local: NaiveDateTime) -> Minute {
        Minute::floor(self.instant(local))
    }

    /// What the zone's clocks show when `at` begins.
    #[must_use]
    pub fn to_local(self, at: Minute) -> NaiveDateTime {
        self.wall(at.to_utc())
    }

    /// From the first instant of the local day `date` to that of the next: 23, 24 or 25 hours as a
    /// rule. `None` for a day that the zone skipped (Samoa, 30 December 2011) and for the last day
    /// that can be represented.
    #[must_use]
    pub fn day(self, date: NaiveDate) -> Option<Span> {
        let start = self.to_utc(date.and_time(NaiveTime::MIN));
        let end = self.to_utc(date.succ_opt()?.and_time(NaiveTime::MIN));
        Span::new(start, end)
    }

    /// Seconds east of UTC with which `local` is to be read.
    fn offset_at(self, local: NaiveDateTime) -> i64 {
        let offset = match self.0.offset_from_local_datetime(&local) {
            LocalResult::Single(offset) => Some(offset),
            // The first of two instants is the one with the clock further ahead.
            LocalResult::Ambiguous(a, b) => {
                let a_first = a.fix().local_minus_utc() >= b.fix().local_minus_utc();
                Some(if a_first { a } else { b })
            }
            LocalResult::None => GapInfo::new(&local, &self.0)
                .and_then(|gap| gap.begin)
                .map(|(_, before)| before),
        };
        let offset = offset.unwrap_or_else(|| self.0.offset_from_utc_datetime(&local));
        i64::from(offset.fix().local_minus_utc())
    }
}

impl WallClock for Zone {
    fn instant(&self, local: NaiveDateTime) -> DateTime<Utc> {
        shift(local, -self.offset_at(local))
    }

    fn wall(&self, at: DateTime<Utc>) -> NaiveDateTime {
        let offset = self.0.offset_from_utc_datetime(&at.naive_utc()).fix();
        shift(at.naive_utc(), i64::from(offset.local_minus_utc())).naive_utc()
    }
}

/// `at`, read as UTC, plus `seconds`; at the ends of chrono's calendar it stays where it is.
pub(crate) fn shift(at: NaiveDateTime, seconds: i64) -> DateTime<Utc> {
    let at = at.and_utc();
    at.checked_add_signed(chrono::TimeDelta::seconds(seconds))
        .unwrap_or(at)
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        name.parse()
            .map(Self)
            .map_err(|_| UnknownZone(name.to_owned()))
    }
}

impl TryFrom<String> for Zone {
    type Error = UnknownZone;

    fn try_from(name: String) -> Result<Self, UnknownZone> {
        name.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name().to_owned()
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name())
    }
}

#[cfg(test)]
mod system;
#[cfg(test)]
mod tests;
