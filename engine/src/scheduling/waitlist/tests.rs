//! Tables: who can come when, and who is asked first.

use chrono::{DateTime, NaiveDate, Utc};
use schema::ids::{EntryId, OperatoryId, PatientId, TreatmentId};
use schema::span::Minute;
use uuid::Uuid;

use super::*;

const GUAYAQUIL: &str = "America/Guayaquil";

fn entry(number: u128) -> Entry {
    Entry {
        id: EntryId(Uuid::from_u128(number)),
        patient: PatientId(Uuid::nil()),
        treatment: TreatmentId(Uuid::nil()),
        providers: Vec::new(),
        weekdays: Vec::new(),
        from_minute: 0,
        to_minute: 1440,
        earliest: None,
        latest: None,
        priority: 0,
        since: DateTime::<Utc>::UNIX_EPOCH,
    }
}

/// A visit of `minutes` from a local time such as `2027-03-01 09:00`, a Monday.
fn visit(start: &str, minutes: i64) -> Span {
    let zone: Zone = GUAYAQUIL.parse().unwrap();
    let local = chrono::NaiveDateTime::parse_from_str(start, "%Y-%m-%d %H:%M").unwrap();
    Span::lasting(zone.to_utc(local), minutes).unwrap()
}

#[test]
fn people_come_on_the_days_and_at_the_times_that_they_named() {
    let zone: Zone = GUAYAQUIL.parse().unwrap();
    let day = |text: &str| text.parse::<NaiveDate>().ok();
    let mornings = Entry {
        from_minute: 540,
        to_minute: 720,
        ..entry(1)
    };
    let weekdays = Entry {
        weekdays: vec![1, 7],
        ..entry(1)
    };
    let march = Entry {
        earliest: day("2027-03-01"),
        latest: day("2027-03-31"),
        ..entry(1)
    };
    for (who, start, minutes, comes) in [
        (entry(1), "2027-03-01 03:00", 30, true),
        (entry(1), "2027-03-01 23:30", 30, true),
        (entry(1), "2027-03-01 23:45", 30, false), // over midnight
        (mornings.clone(), "2027-03-01 09:00", 180, true),
        (mornings.clone(), "2027-03-01 08:45", 30, false),
        (mornings.clone(), "2027-03-01 11:45", 30, false),
        (weekdays.clone(), "2027-03-01 21:00", 30, true), // Tuesday in UTC
        (weekdays.clone(), "2027-03-02 09:00", 30, false),
        (weekdays, "2027-03-07 09:00", 30, true),
        (march.clone(), "2027-02-28 21:00", 30, false), // March in UTC
        (march.clone(), "2027-03-01 00:00", 30, true),
        (march.clone(), "2027-03-31 23:00", 30, true),
        (march, "2027-04-01 00:00", 30, false),
    ] {
        assert_eq!(
            can_come(&who, zone, visit(start, minutes)),
            comes,
            "{start}"
        );
    }
}

#[test]
fn priority_comes_first_then_age() {
    let since = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
    let mut entries = vec![
        Entry {
            since: since(5),
            ..entry(1)
        },
        Entry {
            since: since(3),
            ..entry(2)
        },
        Entry {
            since: since(9),
            priority: 2,
            ..entry(3)
        },
        Entry {
            since: since(1),
            priority: -1,
            ..entry(4)
        },
        Entry {
            since: since(3),
            ..entry(5)
        },
    ];
    rank(&mut entries);
    let order: Vec<u128> = entries.iter().map(|entry| entry.id.0.as_u128()).collect();
    assert_eq!(order, [3, 2, 5, 1, 4]);
}

fn slot(start: &str, provider: u128) -> Slot {
    Slot {
        span: visit(start, 30),
        provider: ProviderId(Uuid::from_u128(provider)),
        operatory: OperatoryId(Uuid::nil()),
        alternatives: Vec::new(),
        score: None,
    }
}

#[test]
fn a_candidate_has_a_slot_in_the_freed_time_that_they_have_not_been_offered() {
    let zone: Zone = GUAYAQUIL.parse().unwrap();
    let freed = visit("2027-03-01 09:00", 60);
    let free = |_: &Entry| {
        vec![
            slot("2027-03-01 08:30", 1), // ends as the freed time begins
            slot("2027-03-01 09:00", 1),
            slot("2027-03-01 09:00", 2),
            slot("2027-03-01 09:30", 1),
            slot("2027-03-01 10:00", 1),
        ]
    };
    let ask = |entries: Vec<Entry>, offered: &[Offered]| -> Vec<(u128, Minute, u128)> {
        ranked(zone, freed, entries, offered, free)
            .into_iter()
            .map(|candidate| {
                let Slot { span, provider, .. } = candidate.slot;
                (
                    candidate.entry.0.as_u128(),
                    span.start(),
                    provider.0.as_u128(),
                )
            })
            .collect()
    };
    let (nine, half_past) = (freed.start(), freed.start().plus(30));
    let second = Entry {
        providers: vec![ProviderId(Uuid::from_u128(2))],
        priority: 1,
        ..entry(2)
    };
    let late = Entry {
        from_minute: 570,
        ..entry(3)
    };
    let never = Entry {
        weekdays: vec![3],
        ..entry(4)
    };
    assert_eq!(
        ask(vec![entry(1), second, late, never], &[]),
        [(2, nine, 2), (1, nine, 1), (3, half_past, 1)]
    );
    let before = |entry: u128, provider: u128| Offered {
        entry: EntryId(Uuid::from_u128(entry)),
        provider: ProviderId(Uuid::from_u128(provider)),
        span: visit("2027-03-01 09:15", 15),
    };
    assert_eq!(ask(vec![entry(1)], &[before(1, 1)]), [(1, nine, 2)]);
    assert_eq!(ask(vec![entry(1)], &[before(2, 1)]), [(1, nine, 1)]);
    let both = [before(1, 1), before(1, 2)];
    assert_eq!(ask(vec![entry(1)], &both), [(1, half_past, 1)]);
}
