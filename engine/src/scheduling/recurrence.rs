//! Recurrence rules (RFC 5545 §3.3.10, §3.8.5): RRULE, RDATE and EXDATE of one start, expanded in
//! floating local time and mapped to UTC by [`Zone`]'s rule. Books nothing.
//!
//! Days come from [`walk`], which looks at each day of the asked range once, instead of from the
//! `rrule` crate; that one is the counterpart of the tests. Compared on thousands of generated
//! rules with python-dateutil, they agree but for this, each seen in `rrule` 0.14:
//!
//! - A rule that never matches (`FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30`) runs through 100,000
//!   periods, 20–200 ms, and nothing from outside can bound it. Here it costs the range's days.
//! - It always starts at DTSTART; here only a rule with COUNT does.
//! - In a zone it drops occurrences in a midnight gap and refuses a DTSTART in a gap.
//! - It refuses `-5MO` in a MONTHLY and `-53MO` in a YEARLY rule: its lower bounds are one off.
//! - `BYDAY=MO,1TU` (with and without ordinals) means both at once, so nothing; here either.
//!   dateutil has the same fault.
//! - `BYSETPOS` in the first, partial WEEKLY period counts from DTSTART; here from the week's
//!   start (dateutil: as the crate).
//! - `YEARLY;BYWEEKNO=20` alone gives all seven days; here DTSTART's weekday, as the RFC derives
//!   what the rule leaves open (dateutil: as the crate).
//! - The days of next year's week 1 that lie in December match `BYWEEKNO=1` but not the same week
//!   counted from the end (`-52` or `-53`); here both (dateutil: as the crate).
//! - Days of January in the last week of the year before can get the wrong of the two numbers 52
//!   and 53 (1 January 1983 by ISO's weeks, 2027 by weeks from Sunday); here the week is counted
//!   (dateutil: as the crate).
//! - `UNTIL` without `Z` is read in the *machine's* zone, and an UNTIL before DTSTART is refused;
//!   here it is local to the rule's zone, and the set is empty.
//! - It takes `BYDAY=xyMO` for `MO` and panics on `BYDAY=éM`. Ordinals in a WEEKLY or DAILY rule
//!   are dropped silently (by dateutil too), and `INTERVAL=0` is an empty set; here refused.
//! - `BYSECOND=60` is refused; here it is second 59.
//!
//! Chosen here where the RFC leaves room: an UNTIL that is a date includes that whole day
//! (dateutil: only its midnight); times that a gap moves onto another occurrence are one
//! occurrence; a DTSTART that the rule does not match is no occurrence unless
//! [`Recurrence::with_start`] says so.

mod parse;
mod rule;
mod walk;

use std::collections::HashSet;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, Utc};
use schema::span::{Minute, Span};

use super::zone::{WallClock, Zone};
pub use rule::{Frequency, Rule, Until};

/// The longest rule text accepted, in bytes; real ones have under 200.
pub const RULE_BYTES_MAX: usize = 2_000;

/// Nothing is expanded beyond; `schema::span` knows no later minutes than 2100 either.
const LAST_DAY: NaiveDate = match NaiveDate::from_ymd_opt(2100, 12, 31) {
    Some(day) => day,
    None => NaiveDate::MAX,
};

/// Why a rule is refused. All are the caller's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecurrenceError {
    #[error("FREQ={0} is not supported; use DAILY, WEEKLY, MONTHLY or YEARLY")]
    UnsupportedFrequency(&'static str),
    #[error("the rule has no FREQ")]
    MissingFrequency,
    #[error("unknown or repeated rule part {0:?}")]
    UnknownPart(String),
    #[error("{part} cannot be {value:?}")]
    InvalidValue { part: &'static str, value: String },
    #[error("{part} does not go with FREQ={frequency:?}")]
    PartNotAllowed {
        part: &'static str,
        frequency: Frequency,
    },
    #[error("a rule has either COUNT or UNTIL")]
    CountAndUntil,
    #[error("BYSETPOS needs another BY part")]
    SetPosAlone,
    #[error("the rule is longer than {RULE_BYTES_MAX} bytes")]
    TooLong,
    #[error("the start must lie between 1900 and 2100")]
    StartOutOfRange,
}

/// A start with the rule and the dates that repeat it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurrence<C = Zone> {
    start: NaiveDateTime,
    clock: C,
    rule: Option<Rule>,
    with_start: bool,
    rdates: Vec<NaiveDateTime>,
    exdates: HashSet<DateTime<Utc>>,
    exdays: HashSet<NaiveDate>,
}

/// What [`Recurrence::occurrences`] found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Occurrences {
    /// As the wall shows it (before a gap moves it) and as a minute; ascending by minute, each
    /// minute once.
    pub starts: Vec<(NaiveDateTime, Minute)>,
    /// Whether the cap cut later ones.
    pub truncated: bool,
    /// Days looked at: the cost.
    pub examined: usize,
}

impl<C: WallClock> Recurrence<C> {
    /// `rrule` is the property's value (`FREQ=WEEKLY;COUNT=10`); all times are local to `clock`.
    ///
    /// # Errors
    /// [`RecurrenceError`] when the rule is malformed, against RFC 5545 §3.3.10, or of a frequency
    /// below a day; or when `start` lies outside 1900–2100.
    pub fn parse(
        rrule: &str,
        start: NaiveDateTime,
        clock: C,
        rdates: Vec<NaiveDateTime>,
        exdates: &[NaiveDateTime],
    ) -> Result<Self, RecurrenceError> {
        let rule = Rule::parse(rrule)?;
        let dates = Self::dates(start, clock, rdates, exdates)?;
        Ok(Self {
            rule: Some(rule),
            with_start: false,
            ..dates
        })
    }

    /// Without a rule: `start`, which then is an occurrence, and `rdates`, less `exdates`.
    ///
    /// # Errors
    /// [`RecurrenceError::StartOutOfRange`].
    pub fn dates(
        start: NaiveDateTime,
        clock: C,
        rdates: Vec<NaiveDateTime>,
        exdates: &[NaiveDateTime],
    ) -> Result<Self, RecurrenceError> {
        if !(1900..2100).contains(&start.year()) {
            return Err(RecurrenceError::StartOutOfRange);
        }
        let exdates = exdates.iter().map(|at| clock.instant(*at)).collect();
        let exdays = HashSet::new();
        Ok(Self {
            start,
            clock,
            rule: None,
            with_start: true,
            rdates,
            exdates,
            exdays,
        })
    }

    /// Repeats it by `rule` too.
    #[must_use]
    pub fn with_rule(mut self, rule: Rule) -> Self {
        self.rule = Some(rule);
        self
    }

    /// The start is the first occurrence even if the rule does not match it (it counts towards
    /// COUNT, and not past UNTIL): how calendar programs show such an event.
    #[must_use]
    pub fn with_start(mut self) -> Self {
        self.with_start = true;
        self
    }

    /// Excludes everything on these local dates too (an EXDATE that is a date, of timed events).
    #[must_use]
    pub fn without_days(mut self, days: impl IntoIterator<Item = NaiveDate>) -> Self {
        self.exdays.extend(days);
        self
    }

    /// The rule, if there is one.
    #[must_use]
    pub fn rule(&self) -> Option<&Rule> {
        self.rule.as_ref()
    }

    /// The occurrences that start within `range`, at most `cap`, the earliest ones.
    ///
    /// Costs the days of `range`, whatever the rule; with COUNT, those from the start on.
    #[must_use]
    pub fn occurrences(&self, range: Span, cap: usize) -> Occurrences {
        // Two days to either side: no wall is further from UTC, gaps included.
        let local = |at: Minute| self.clock.wall(at.to_utc()).date();
        let first = local(range.start());
        let first = first.checked_sub_days(Days::new(2)).unwrap_or(first);
        let last = local(range.end());
        let last = last
            .checked_add_days(Days::new(2))
            .unwrap_or(last)
            .min(LAST_DAY);

        let mut found = Occurrences::default();
        let keep = |at: NaiveDateTime, found: &mut Occurrences| {
            let instant = self.clock.instant(at);
            let minute = Minute::floor(instant);
            let inside = (range.start()..range.end()).contains(&minute);
            if inside && !self.exdates.contains(&instant) && !self.exdays.contains(&at.date()) {
                found.starts.push((at, minute));
            }
        };
        for at in &self.rdates {
            keep(*at, &mut found);
        }
        let rdates = found.starts.len();
        let start_allowed = self
            .rule
            .as_ref()
            .is_none_or(|rule| self.before_until(rule, self.start));
        if self.with_start && start_allowed {
            keep(self.start, &mut found);
        }
        if let Some(rule) = &self.rule {
            let mut left = rule.count.map(|count| {
                // A start that the rule does not match takes one of the count.
                let unmatched = self.with_start && !walk::matches(rule, self.start);
                count.saturating_sub(u32::from(unmatched))
            });
            let first = if left.is_some() {
                self.start.date()
            } else {
                first
            };
            let mut walk = walk::Walk::new(rule, self.start, first, last);
            // One more than the cap, so that a cut is noticed.
            while found.starts.len() <= cap.saturating_add(rdates).saturating_add(1) {
                let Some(at) = walk.next() else { break };
                if left == Some(0) || !self.before_until(rule, at) {
                    break;
                }
                left = left.map(|left| left - 1);
                keep(at, &mut found);
            }
            found.examined = walk.examined();
        }
        found
            .starts
            .sort_unstable_by_key(|(at, minute)| (*minute, *at));
        found.starts.dedup_by_key(|(_, minute)| *minute);
        found.truncated = found.starts.len() > cap;
        found.starts.truncate(cap);
        found
    }

    /// Whether UNTIL allows an occurrence at `at`.
    fn before_until(&self, rule: &Rule, at: NaiveDateTime) -> bool {
        match rule.until {
            None => true,
            Some(Until::Utc(until)) => self.clock.instant(at) <= until,
            Some(Until::Local(until)) => at <= until,
            Some(Until::Date(until)) => at.date() <= until,
        }
    }
}

#[cfg(test)]
mod tests;
