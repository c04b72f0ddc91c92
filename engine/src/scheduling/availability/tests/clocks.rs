//! Hours, slots and a weekly series over every clock change of 2024–2030: by the wall they stay.

use chrono::{Days, NaiveDate, NaiveDateTime, Timelike};

use super::practice::plain;
use super::*;
use crate::scheduling::recurrence::Recurrence;
use crate::scheduling::timeline::Timeline;
use crate::scheduling::zone::Zone;

/// Nothing is taken.
struct Empty;

impl Diary for Empty {
    fn timeline(&self, _: schema::ids::CalendarId) -> Option<std::sync::Arc<Timeline>> {
        Some(std::sync::Arc::default())
    }
}

/// The days from 2024 to 2030 that have more or less than 24 hours.
fn changes(zone: Zone) -> Vec<NaiveDate> {
    let first = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap();
    let days = first.iter_days().take(7 * 365 + 2);
    days.filter(|date| zone.day(*date).is_none_or(|day| day.minutes() != DAY))
        .collect()
}

fn starts(book: &RuleBook, range: Span) -> Vec<NaiveDateTime> {
    let treatment = book.treatments.values().next().unwrap();
    let wanted = Search {
        limit: usize::MAX,
        ..Search::any(treatment, range, Asker::Staff)
    };
    let now = range.start().plus(-DAY);
    let found = search(book, &wanted, now, &Empty).unwrap();
    let starts = found.iter().map(|slot| slot.span.start());
    starts.map(|start| book.zone.to_local(start)).collect()
}

#[test]
fn what_is_on_the_wall_stays_there() {
    for (name, count) in [
        ("America/New_York", 14),
        ("Europe/Madrid", 14),
        ("America/Santiago", 14),
        ("Australia/Lord_Howe", 14),
        ("Africa/Casablanca", 15),
        ("America/Guayaquil", 0),
    ] {
        let zone: Zone = name.parse().unwrap();
        let found = changes(zone);
        assert_eq!(found.len(), count, "{name}");
        // In Guayaquil, where clocks never change, any day.
        let days = found.into_iter().chain(NaiveDate::from_ymd_opt(2026, 3, 8));
        let office = RuleBook::new(plain(name, &[(540, 720), (840, 1080)])).unwrap();
        let always = RuleBook::new(plain(name, &[(0, 1440)])).unwrap();
        for date in days {
            for around in 0..3 {
                let date = date - Days::new(1) + Days::new(around);
                let day = zone.day(date).unwrap();

                // The opening hours and the slots in them.
                let provider = office.providers.values().next().unwrap();
                let seat = &provider.seats()[0];
                let open: Vec<_> = seat.schedule.open(day).into_iter().collect();
                let wall = |minute: Minute| zone.to_local(minute).time();
                let hours: Vec<u32> = open
                    .iter()
                    .flat_map(|span| [wall(span.start()), wall(span.end())])
                    .map(|time| time.hour() * 60 + time.minute())
                    .collect();
                assert_eq!(hours, [540, 720, 840, 1080], "{name} {date}");
                let found = starts(&office, day);
                // The grid counts from midnight: after a change in the night it is moved by it, and
                // a shift of half an hour leaves room for as many.
                let moved = (day.minutes() - DAY).rem_euclid(60) as u32;
                let slots: Vec<(u32, u32)> =
                    found.iter().map(|at| (at.hour(), at.minute())).collect();
                let expected: Vec<(u32, u32)> =
                    [9, 10, 11, 14, 15, 16, 17].map(|hour| (hour, moved)).into();
                assert_eq!(slots, expected, "{name} {date}");
                assert!(found.iter().all(|at| at.date() == date));

                // A day without hours is open as long as it lasts, over the change too.
                let whole = starts(&always, day);
                assert_eq!(
                    whole.len() as i64,
                    (day.minutes() + 59) / 60,
                    "{name} {date}"
                );
            }

            // A weekly visit keeps its time.
            let first = date - Days::new(14);
            let at = first.and_hms_opt(9, 0, 0).unwrap();
            let series = Recurrence::parse("FREQ=WEEKLY;COUNT=5", at, zone, vec![], &[]).unwrap();
            let range = Span::lasting(zone.to_utc(at), 60 * DAY).unwrap();
            let visits = series.occurrences(range, 10).starts;
            assert_eq!(visits.len(), 5);
            for (week, (_, minute)) in visits.iter().enumerate() {
                let expected = at + Days::new(7 * week as u64);
                assert_eq!(zone.to_local(*minute), expected, "{name} {date}");
            }
        }
    }
}
