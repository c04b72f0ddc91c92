//! Opening hours: a weekly pattern in local time, single dates that differ from it, and the UTC
//! spans both give. Knows nothing of what is booked.
//!
//! Hours are kept as local minutes of the day and read by [`Zone`]'s rule on each date, so 09:00
//! stays 09:00 across clock changes. Windows that touch are joined, also at midnight.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Weekday};
use schema::span::Span;
use serde::{Deserialize, Serialize};

use super::intervals::IntervalSet;
use super::zone::Zone;

/// Minutes in a day as the wall clock counts them.
pub const DAY_END: u16 = 24 * 60;

/// A part of a local day, `[from, to)` in minutes after midnight as the wall clock shows them;
/// never empty, `to` at most [`DAY_END`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawWindow")]
pub struct DayWindow {
    from: u16,
    to: u16,
}

/// Why a [`DayWindow`] is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a window of a day must have 0 <= from < to <= 1440, not {from} to {to}")]
pub struct InvalidWindow {
    pub from: u16,
    pub to: u16,
}

#[derive(Deserialize)]
struct RawWindow {
    from: u16,
    to: u16,
}

impl TryFrom<RawWindow> for DayWindow {
    type Error = InvalidWindow;

    fn try_from(raw: RawWindow) -> Result<Self, InvalidWindow> {
        Self::new(raw.from, raw.to)
    }
}

impl DayWindow {
    /// Midnight to midnight.
    pub const WHOLE_DAY: Self = Self {
        from: 0,
        to: DAY_END,
    };

    /// # Errors
    /// [`InvalidWindow`] unless `from < to <= 1440`. Hours past midnight are two windows, one of
    /// each day.
    pub fn new(from: u16, to: u16) -> Result<Self, InvalidWindow> {
        if from < to && to <= DAY_END {
            Ok(Self { from, to })
        } else {
            Err(InvalidWindow { from, to })
        }
    }

    #[must_use]
    pub fn from(self) -> u16 {
        self.from
    }

    #[must_use]
    pub fn to(self) -> u16 {
        self.to
    }

    /// The window on `date`. `None` where a clock change leaves nothing of it, or on a day that
    /// the zone skipped.
    #[must_use]
    pub fn on(self, date: NaiveDate, zone: Zone) -> Option<Span> {
        let start = zone.to_utc(wall(date, self.from)?);
        let end = zone.to_utc(wall(date, self.to)?);
        Span::new(start, end)
    }
}

/// `minutes` after midnight of `date` on the wall; 1440 is the next midnight.
fn wall(date: NaiveDate, minutes: u16) -> Option<NaiveDateTime> {
    if minutes == DAY_END {
        return Some(date.succ_opt()?.and_time(NaiveTime::MIN));
    }
    let minutes = u32::from(minutes);
    Some(date.and_time(NaiveTime::from_hms_opt(minutes / 60, minutes % 60, 0)?))
}

/// One window of a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WeeklyWindow {
    pub weekday: Weekday,
    #[serde(flatten)]
    pub window: DayWindow,
}

/// The windows of a week, in any order; several on one day are split shifts. Empty: never open.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WeeklyHours(pub Vec<WeeklyWindow>);

impl WeeklyHours {
    /// What the week says for `date`.
    fn on(&self, date: NaiveDate, zone: Zone) -> impl Iterator<Item = Span> + '_ {
        let weekday = date.weekday();
        let today = self.0.iter().filter(move |entry| entry.weekday == weekday);
        today.filter_map(move |entry| entry.window.on(date, zone))
    }
}

/// Whether dates are closed or open although the week says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExceptionKind {
    /// Time off, a holiday.
    Closed,
    /// Extra hours.
    Extra,
}

/// Dates that differ from the week: a closure or extra hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Exception {
    /// The first date.
    pub first: NaiveDate,
    /// The last date, included; a range that ends before it starts has no dates.
    pub last: NaiveDate,
    pub kind: ExceptionKind,
    /// The part of each date; none: the whole day.
    pub window: Option<DayWindow>,
}

impl Exception {
    fn covers(&self, date: NaiveDate) -> bool {
        (self.first..=self.last).contains(&date)
    }

    fn on(&self, date: NaiveDate, zone: Zone) -> Option<Span> {
        self.window.unwrap_or(DayWindow::WHOLE_DAY).on(date, zone)
    }
}

/// When something is open within `range`: sorted, joined spans, cut to `range`.
///
/// `valid_from` and `valid_to` are the first and the last local date (included) on which the hours
/// hold at all; outside them even extra hours open nothing.
///
/// `layers` are exceptions from the widest scope (the clinic's or tenant's holidays) to the
/// narrowest (a provider, an operatory): each layer overrides the ones before it and the week.
/// Within one layer closures cut first and extra hours are added after, so "closed on the 24th,
/// extra 9–12 on the 24th" is open 9–12.
#[must_use]
pub fn open(
    zone: Zone,
    weekly: &WeeklyHours,
    valid_from: Option<NaiveDate>,
    valid_to: Option<NaiveDate>,
    layers: &[&[Exception]],
    range: Span,
) -> Vec<Span> {
    // A day to either side: a window may reach over midnight of UTC, or a date line be crossed.
    let first = zone.to_local(range.start()).date();
    let first = first.checked_sub_days(Days::new(1)).unwrap_or(first);
    let last = zone.to_local(range.end()).date();
    let last = last.checked_add_days(Days::new(1)).unwrap_or(last);
    let first = valid_from.map_or(first, |from| from.max(first));
    let last = valid_to.map_or(last, |to| to.min(last));
    if first > last {
        return Vec::new();
    }

    let mut open = Vec::new();
    for date in first.iter_days().take_while(|date| *date <= last) {
        let mut today: IntervalSet = weekly.on(date, zone).collect();
        for layer in layers {
            let spans = |kind| {
                let listed = layer
                    .iter()
                    .filter(move |it| it.kind == kind && it.covers(date));
                listed
                    .filter_map(move |it| it.on(date, zone))
                    .collect::<IntervalSet>()
            };
            let closed = spans(ExceptionKind::Closed);
            let extra = spans(ExceptionKind::Extra);
            today = today.subtraction(&closed).union(&extra);
        }
        open.extend(today);
    }
    open.into_iter()
        .collect::<IntervalSet>()
        .within(range)
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests;
