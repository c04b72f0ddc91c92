//! Walking a rule's periods and days. A day is in the set when all of the rule's filters let it
//! through; that reads every cell of RFC 5545's table, "expand" and "limit" alike, because an
//! expansion is the same as limiting all days of the period.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Weekday};

use super::rule::{Frequency, Rule};

/// The local times of a rule from its start on, ascending, in a range of dates.
pub(super) struct Walk<'a> {
    filter: Filter<'a>,
    start: NaiveDateTime,
    times: Vec<NaiveTime>,
    /// The next period's number, counted from the start's.
    period: i64,
    last: NaiveDate,
    /// What is left of the current period.
    buffer: std::vec::IntoIter<NaiveDateTime>,
    examined: usize,
}

impl<'a> Walk<'a> {
    /// Periods that touch `first..=last`, none before the start's own.
    pub(super) fn new(
        rule: &'a Rule,
        start: NaiveDateTime,
        first: NaiveDate,
        last: NaiveDate,
    ) -> Self {
        let interval = i64::from(rule.interval);
        let behind = number(rule, first.max(start.date())) - number(rule, start.date());
        // The last period of the rule that does not begin after `first`.
        let period = behind.div_euclid(interval) * interval;
        let times = rule.times(start.time());
        let buffer = Vec::new().into_iter();
        let filter = Filter::new(rule, start.date());
        Self {
            filter,
            start,
            times,
            period,
            last,
            buffer,
            examined: 0,
        }
    }

    /// Days looked at so far.
    pub(super) fn examined(&self) -> usize {
        self.examined
    }

    /// The period's times, before it is known whether they are after the start. `None` when it
    /// begins after the range or the calendar ends.
    fn expand(&mut self) -> Option<Vec<NaiveDateTime>> {
        let rule = self.filter.rule;
        let (first, last) = bounds(rule, number(rule, self.start.date()) + self.period)?;
        if first > self.last {
            return None;
        }
        self.period += i64::from(rule.interval);
        let mut set = Vec::new();
        for date in first.iter_days().take_while(|date| *date <= last) {
            self.examined += 1;
            if self.filter.passes(date) {
                set.extend(self.times.iter().map(|time| date.and_time(*time)));
            }
        }
        if !rule.positions.is_empty() {
            let mut chosen: Vec<_> = rule
                .positions
                .iter()
                .filter_map(|n| nth(&set, *n).copied())
                .collect();
            chosen.sort_unstable();
            chosen.dedup();
            set = chosen;
        }
        Some(set)
    }
}

impl Iterator for Walk<'_> {
    type Item = NaiveDateTime;

    fn next(&mut self) -> Option<NaiveDateTime> {
        loop {
            if let Some(at) = self.buffer.find(|at| *at >= self.start) {
                return Some(at);
            }
            self.buffer = self.expand()?.into_iter();
        }
    }
}

/// Whether the rule itself (COUNT and UNTIL aside) gives `start`.
pub(super) fn matches(rule: &Rule, start: NaiveDateTime) -> bool {
    let date = start.date();
    Walk::new(rule, start, date, date).next() == Some(start)
}

/// The `n`-th of the set, counted from 1, or from the end when negative.
fn nth<T>(set: &[T], n: i32) -> Option<&T> {
    let n = isize::try_from(n).ok()?;
    let index = if n > 0 {
        n - 1
    } else {
        isize::try_from(set.len()).ok()? + n
    };
    set.get(usize::try_from(index).ok()?)
}

/// The number of the period that `date` is in, of any origin.
fn number(rule: &Rule, date: NaiveDate) -> i64 {
    match rule.frequency {
        Frequency::Daily => days(date),
        Frequency::Weekly => days(week_start(date, rule.week_start)).div_euclid(7),
        Frequency::Monthly => i64::from(date.year()) * 12 + i64::from(date.month0()),
        Frequency::Yearly => i64::from(date.year()),
    }
}

/// The first and the last day of the period `number`; `None` beyond the calendar.
fn bounds(rule: &Rule, number: i64) -> Option<(NaiveDate, NaiveDate)> {
    match rule.frequency {
        Frequency::Daily => from_days(number).map(|day| (day, day)),
        Frequency::Weekly => {
            // Day 0 is a Thursday, so weeks that start elsewhere are some days off a multiple of 7.
            let origin = days(week_start(NaiveDate::default(), rule.week_start)).rem_euclid(7);
            let first = from_days(number.checked_mul(7)?.checked_add(origin)?)?;
            Some((first, first.checked_add_days(Days::new(6))?))
        }
        Frequency::Monthly => {
            let year = i32::try_from(number.div_euclid(12)).ok()?;
            let month = u32::try_from(number.rem_euclid(12)).ok()? + 1;
            let first = NaiveDate::from_ymd_opt(year, month, 1)?;
            Some((
                first,
                first
                    .checked_add_months(chrono::Months::new(1))?
                    .pred_opt()?,
            ))
        }
        Frequency::Yearly => {
            let year = i32::try_from(number).ok()?;
            Some((
                NaiveDate::from_ymd_opt(year, 1, 1)?,
                NaiveDate::from_ymd_opt(year, 12, 31)?,
            ))
        }
    }
}

/// Days since 1970-01-01.
fn days(date: NaiveDate) -> i64 {
    i64::from(date.to_epoch_days())
}

fn from_days(days: i64) -> Option<NaiveDate> {
    NaiveDate::from_epoch_days(i32::try_from(days).ok()?)
}

/// The first day of the week that `date` is in.
fn week_start(date: NaiveDate, first: Weekday) -> NaiveDate {
    let into = date.weekday().days_since(first);
    date.checked_sub_days(Days::new(u64::from(into)))
        .unwrap_or(date)
}

/// A rule's filters with what it leaves open filled in from the start.
struct Filter<'a> {
    rule: &'a Rule,
    month: Option<u32>,
    month_day: Option<u32>,
    weekday: Option<Weekday>,
}

impl<'a> Filter<'a> {
    /// "Information, not contained in the rule, […] is derived from DTSTART" (RFC 5545 §3.3.10).
    fn new(rule: &'a Rule, start: NaiveDate) -> Self {
        let mut filter = Self {
            rule,
            month: None,
            month_day: None,
            weekday: None,
        };
        let no_days = rule.days.is_empty() && rule.month_days.is_empty();
        match rule.frequency {
            Frequency::Daily => {}
            Frequency::Weekly if no_days => filter.weekday = Some(start.weekday()),
            Frequency::Monthly if no_days => filter.month_day = Some(start.day()),
            Frequency::Yearly if no_days && rule.year_days.is_empty() => {
                if rule.week_numbers.is_empty() {
                    filter.month_day = Some(start.day());
                    filter.month = rule.months.is_empty().then(|| start.month());
                } else {
                    filter.weekday = Some(start.weekday());
                }
            }
            Frequency::Weekly | Frequency::Monthly | Frequency::Yearly => {}
        }
        filter
    }

    fn passes(&self, date: NaiveDate) -> bool {
        let rule = self.rule;
        let any = |list: &[i32], number: u32, length: u32| {
            let number = number.cast_signed();
            let from_end = number - length.cast_signed() - 1;
            list.is_empty() || list.iter().any(|n| *n == number || *n == from_end)
        };
        let year_length = if date.leap_year() { 366 } else { 365 };
        self.month.is_none_or(|month| month == date.month())
            && self.month_day.is_none_or(|day| day == date.day())
            && self.weekday.is_none_or(|day| day == date.weekday())
            && (rule.months.is_empty() || rule.months.contains(&date.month()))
            && any(
                &rule.month_days,
                date.day(),
                u32::from(date.num_days_in_month()),
            )
            && any(&rule.year_days, date.ordinal(), year_length)
            && self.in_weekdays(date, year_length)
            && self.in_week_numbers(date)
    }

    fn in_weekdays(&self, date: NaiveDate, year_length: u32) -> bool {
        let rule = self.rule;
        if rule.days.is_empty() {
            return true;
        }
        // Ordinals count within the month; in a yearly rule without months, within the year.
        let of_year = rule.frequency == Frequency::Yearly && rule.months.is_empty();
        let (day, length) = if of_year {
            (date.ordinal(), year_length)
        } else {
            (date.day(), u32::from(date.num_days_in_month()))
        };
        let nth = (day - 1).cast_signed() / 7 + 1;
        let from_end = -((length - day).cast_signed() / 7 + 1);
        rule.days.iter().any(|by| {
            let ordinal = i32::from(by.ordinal);
            by.weekday == date.weekday() && (ordinal == 0 || ordinal == nth || ordinal == from_end)
        })
    }

    /// Week 1 is the first with at least four days in the year (ISO 8601, but WKST's weeks). Days
    /// belong to the period of their calendar year, even those in a week of the neighbouring one.
    fn in_week_numbers(&self, date: NaiveDate) -> bool {
        let rule = self.rule;
        if rule.week_numbers.is_empty() {
            return true;
        }
        // The week's fourth day decides whose week it is.
        let middle = week_start(date, rule.week_start).checked_add_days(Days::new(3));
        let Some(middle) = middle else { return false };
        let number = middle.ordinal0().cast_signed() / 7 + 1;
        let year_end = NaiveDate::from_ymd_opt(middle.year(), 12, 31);
        let left = year_end.map_or(0, |end| (end - middle).num_days() / 7);
        let from_end = -i32::try_from(left).unwrap_or(0) - 1;
        rule.week_numbers
            .iter()
            .any(|n| *n == number || *n == from_end)
    }
}
