//! A recurrence rule as values: which days and times a period of it has. No dates yet.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc, Weekday};

/// How long a period is; nothing below a day is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// The last moment (included) of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// `20261231T235900Z`: compared with the occurrence's instant.
    Utc(DateTime<Utc>),
    /// `20261231T235900`: compared with what the wall shows.
    Local(NaiveDateTime),
    /// `20261231`: that local day is included.
    Date(NaiveDate),
}

/// `MO` (ordinal 0: every), `1MO`, `-1FR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByDay {
    pub ordinal: i8,
    pub weekday: Weekday,
}

/// A valid rule, its lists sorted and without repetitions. Empty lists do not restrict; what a rule
/// leaves open is taken from the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub(super) frequency: Frequency,
    /// Every how many periods, at least 1.
    pub(super) interval: u32,
    pub(super) count: Option<u32>,
    pub(super) until: Option<Until>,
    pub(super) week_start: Weekday,
    pub(super) months: Vec<u32>,
    pub(super) week_numbers: Vec<i32>,
    pub(super) year_days: Vec<i32>,
    pub(super) month_days: Vec<i32>,
    pub(super) days: Vec<ByDay>,
    pub(super) hours: Vec<u32>,
    pub(super) minutes: Vec<u32>,
    pub(super) seconds: Vec<u32>,
    pub(super) positions: Vec<i32>,
}

impl Rule {
    #[must_use]
    pub fn frequency(&self) -> Frequency {
        self.frequency
    }

    #[must_use]
    pub fn count(&self) -> Option<u32> {
        self.count
    }

    #[must_use]
    pub fn until(&self) -> Option<Until> {
        self.until
    }

    /// Whether it ends at all.
    #[must_use]
    pub fn is_endless(&self) -> bool {
        self.count.is_none() && self.until.is_none()
    }

    /// With an UNTIL that is a moment replaced by its date, for starts that are dates: there
    /// exporters write the midnight of some zone, which must not cut the last day.
    #[must_use]
    pub fn for_dates(mut self) -> Self {
        self.until = self.until.map(|until| match until {
            Until::Utc(at) => Until::Date(at.date_naive()),
            Until::Local(at) => Until::Date(at.date()),
            Until::Date(date) => Until::Date(date),
        });
        self
    }

    /// With an UNTIL of UTC as the wall `offset` seconds east of UTC shows it, for rules whose times
    /// are read as plain wall times.
    pub(crate) fn until_local(mut self, offset: i64) -> Self {
        if let Some(Until::Utc(at)) = self.until {
            self.until = Some(Until::Local(
                crate::scheduling::zone::shift(at.naive_utc(), offset).naive_utc(),
            ));
        }
        self
    }

    /// The times of day, ascending: BYHOUR × BYMINUTE × BYSECOND, open ones as in `start`.
    pub(super) fn times(&self, start: NaiveTime) -> Vec<NaiveTime> {
        use chrono::Timelike;
        let or = |list: &[u32], open: u32| {
            if list.is_empty() {
                vec![open]
            } else {
                list.to_vec()
            }
        };
        let minutes = or(&self.minutes, start.minute());
        let seconds = or(&self.seconds, start.second());
        let mut times = Vec::new();
        for hour in or(&self.hours, start.hour()) {
            for minute in &minutes {
                let seconds = seconds.iter();
                times.extend(seconds.filter_map(|s| NaiveTime::from_hms_opt(hour, *minute, *s)));
            }
        }
        times
    }
}
