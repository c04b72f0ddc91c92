//! Assignments of one operatory against each other: two that would give it to two people at once.
//! Windows are local to the operatory's clinic, so they are compared as the wall clock shows them.

use chrono::{Datelike, Days, NaiveDate, Weekday};

use super::hours::{DayWindow, WeeklyWindow};

/// A weekly schedule between two dates.
#[derive(Clone, Copy, Debug)]
pub struct Lending<'a> {
    pub weekly: &'a [WeeklyWindow],
    pub from: NaiveDate,
    /// The last day; `None` is open.
    pub to: Option<NaiveDate>,
}

/// Where two schedules meet first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clash {
    pub date: NaiveDate,
    pub weekday: Weekday,
    /// The part of the day that both want.
    pub window: DayWindow,
}

/// The first date, and on it the earliest time, that both schedules have.
#[must_use]
pub fn clash(a: Lending<'_>, b: Lending<'_>) -> Option<Clash> {
    let from = a.from.max(b.from);
    let to = match (a.to, b.to) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    let pairs = a.weekly.iter().flat_map(|mine| {
        let theirs = b
            .weekly
            .iter()
            .filter(|theirs| theirs.weekday == mine.weekday);
        theirs.filter_map(|theirs| Some((mine.weekday, common(mine.window, theirs.window)?)))
    });
    pairs
        .filter_map(|(weekday, window)| {
            let date = first_on(from, weekday)?;
            to.is_none_or(|to| date <= to).then_some(Clash {
                date,
                weekday,
                window,
            })
        })
        .min_by_key(|clash| (clash.date, clash.window))
}

/// Two windows of one week that overlap each other, by their places in it.
#[must_use]
pub fn clash_within(weekly: &[WeeklyWindow]) -> Option<(usize, usize)> {
    let numbered = || weekly.iter().enumerate();
    numbered().find_map(|(first, a)| {
        let mut later = numbered().skip(first + 1);
        let (second, _) =
            later.find(|(_, b)| a.weekday == b.weekday && common(a.window, b.window).is_some())?;
        Some((first, second))
    })
}

fn common(a: DayWindow, b: DayWindow) -> Option<DayWindow> {
    DayWindow::new(a.from().max(b.from()), a.to().min(b.to())).ok()
}

/// The first date on `weekday`, `from` or later.
fn first_on(from: NaiveDate, weekday: Weekday) -> Option<NaiveDate> {
    let ahead = weekday.days_since(from.weekday());
    from.checked_add_days(Days::new(ahead.into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(weekday: u8, from: u16, to: u16) -> WeeklyWindow {
        WeeklyWindow {
            weekday: Weekday::try_from(weekday).unwrap(),
            window: DayWindow::new(from, to).unwrap(),
        }
    }

    fn day(number: u64) -> NaiveDate {
        NaiveDate::from_ymd_opt(2027, 3, 1).unwrap() + Days::new(number)
    }

    #[test]
    fn windows_that_touch_do_not_clash() {
        assert_eq!(
            clash_within(&[window(0, 480, 780), window(0, 780, 1080)]),
            None
        );
        assert_eq!(
            clash_within(&[
                window(0, 480, 781),
                window(1, 500, 600),
                window(0, 780, 1080)
            ]),
            Some((0, 2))
        );
    }

    prop_compose! {
        fn lending()(
            windows in prop::collection::vec((0u8..7, 0u16..20, 1u16..6), 0..6),
            from in 0u64..20,
            length in prop::option::of(0u64..12),
        ) -> (Vec<WeeklyWindow>, NaiveDate, Option<NaiveDate>) {
            let weekly = windows.into_iter().map(|(day, from, long)| window(day, from, from + long));
            (weekly.collect(), day(from), length.map(|length| day(from + length)))
        }
    }

    proptest! {
        /// Against walking the dates minute by minute.
        #[test]
        fn the_first_common_minute_is_found(a in lending(), b in lending()) {
            let has = |lending: &(Vec<WeeklyWindow>, NaiveDate, Option<NaiveDate>), date: NaiveDate, minute: u16| {
                lending.1 <= date && lending.2.is_none_or(|to| date <= to)
                    && lending.0.iter().any(|it| it.weekday == date.weekday()
                        && (it.window.from()..it.window.to()).contains(&minute))
            };
            let expected = (0..60).map(day).find_map(|date| {
                (0..30u16).find(|minute| has(&a, date, *minute) && has(&b, date, *minute)).map(|minute| (date, minute))
            });
            let view = |it: &(Vec<WeeklyWindow>, NaiveDate, Option<NaiveDate>)| (it.1, it.2);
            let found = clash(
                Lending { weekly: &a.0, from: view(&a).0, to: view(&a).1 },
                Lending { weekly: &b.0, from: view(&b).0, to: view(&b).1 },
            );
            prop_assert_eq!(found.map(|clash| (clash.date, clash.window.from())), expected);
            if let Some(clash) = found {
                prop_assert_eq!(clash.date.weekday(), clash.weekday);
            }
        }
    }
}
