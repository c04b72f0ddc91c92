//! The gap/fold rule over every transition 2024–2030 of zones that are hard in different ways.

use chrono::Timelike;
use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

pub(super) fn zone(name: &str) -> Zone {
    name.parse().unwrap()
}

fn local(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Minutes east of UTC at `at`, from what the wall shows: independent of `to_utc`.
fn offset(zone: Zone, at: Minute) -> i64 {
    zone.to_local(at).and_utc().timestamp() / 60 - at.0
}

const FIRST: Minute = Minute(28_401_120); // 2024-01-01
const LAST: Minute = Minute(32_083_200); // 2031-01-01

/// Every minute from 2024 to 2030 at which the offset changes, with the offsets around it.
fn transitions(zone: Zone) -> Vec<(Minute, i64, i64)> {
    let mut found = Vec::new();
    let mut hour = FIRST;
    while hour < LAST {
        let (before, after) = (offset(zone, hour), offset(zone, hour.plus(60)));
        if before != after {
            let minute = (1..=60)
                .map(|n| hour.plus(n))
                .find(|m| offset(zone, *m) == after)
                .unwrap();
            found.push((minute, before, after));
        }
        hour = hour.plus(60);
    }
    found
}

/// Checks the rule at every minute of the gaps and folds of `name`, and names the first years'.
fn check(name: &str, count: usize, first: Expect) {
    let zone = zone(name);
    let found = transitions(zone);
    let mut shown = String::new();
    for &(at, before, after) in &found {
        let shift = after - before;
        // What the old clock shows at the change; the skipped or repeated times lie next to it.
        let old = at.plus(before).to_utc().naive_utc();
        if at < Minute(29_453_760) {
            // before 2026
            let kind = if shift > 0 { "gap" } else { "fold" };
            shown += &format!(
                "{at:?} {kind} {} at {}\n",
                shift.abs(),
                old.format("%d %H:%M")
            );
        }
        for n in 0..shift.abs() {
            let wall = |n: i64| shift_minutes(old, n);
            if shift > 0 {
                assert_eq!(zone.to_utc(wall(n)), at.plus(n), "{zone} gap {:?}", wall(n));
                assert_eq!(zone.to_local(zone.to_utc(wall(n))), wall(n + shift));
            } else {
                let twice = wall(n + shift);
                assert_eq!(
                    zone.to_utc(twice),
                    at.plus(n + shift),
                    "{zone} fold {twice:?}"
                );
                assert_eq!(zone.to_local(zone.to_utc(twice)), twice);
                assert_eq!(
                    zone.to_local(at.plus(n)),
                    twice,
                    "it is shown a second time"
                );
            }
        }
        // One minute outside on each side nothing is special.
        assert_eq!(
            zone.to_utc(shift_minutes(old, shift.min(0) - 1)),
            at.plus(shift.min(0) - 1)
        );
        assert_eq!(
            zone.to_utc(shift_minutes(old, shift.max(0))),
            at.plus(shift.max(0) - shift)
        );
    }
    first.assert_eq(&shown);
    assert_eq!(found.len(), count, "{found:?}");
}

fn shift_minutes(at: NaiveDateTime, minutes: i64) -> NaiveDateTime {
    super::shift(at, minutes * 60).naive_utc()
}

#[test]
fn new_york() {
    check(
        "America/New_York",
        14,
        expect![[r#"
        2024-03-10T07:00Z gap 60 at 10 02:00
        2024-11-03T06:00Z fold 60 at 03 02:00
        2025-03-09T07:00Z gap 60 at 09 02:00
        2025-11-02T06:00Z fold 60 at 02 02:00
    "#]],
    );
}

#[test]
fn madrid() {
    check(
        "Europe/Madrid",
        14,
        expect![[r#"
        2024-03-31T01:00Z gap 60 at 31 02:00
        2024-10-27T01:00Z fold 60 at 27 03:00
        2025-03-30T01:00Z gap 60 at 30 02:00
        2025-10-26T01:00Z fold 60 at 26 03:00
    "#]],
    );
}

#[test]
fn santiago_changes_at_midnight() {
    check(
        "America/Santiago",
        14,
        expect![[r#"
        2024-04-07T03:00Z fold 60 at 07 00:00
        2024-09-08T04:00Z gap 60 at 08 00:00
        2025-04-06T03:00Z fold 60 at 06 00:00
        2025-09-07T04:00Z gap 60 at 07 00:00
    "#]],
    );
}

#[test]
fn lord_howe_shifts_half_an_hour() {
    check(
        "Australia/Lord_Howe",
        14,
        expect![[r#"
        2024-04-06T15:00Z fold 30 at 07 02:00
        2024-10-05T15:30Z gap 30 at 06 02:00
        2025-04-05T15:00Z fold 30 at 06 02:00
        2025-10-04T15:30Z gap 30 at 05 02:00
    "#]],
    );
}

#[test]
fn casablanca_changes_around_ramadan() {
    check(
        "Africa/Casablanca",
        15,
        expect![[r#"
        2024-03-10T02:00Z fold 60 at 10 03:00
        2024-04-14T02:00Z gap 60 at 14 02:00
        2025-02-23T02:00Z fold 60 at 23 03:00
        2025-04-06T02:00Z gap 60 at 06 02:00
    "#]],
    );
}

#[test]
fn guayaquil_never_changes() {
    check("America/Guayaquil", 0, expect![""]);
}

#[test]
fn gaps_move_forward_and_folds_are_the_first() {
    let table = [
        ("America/New_York", "2026-03-08 02:30", "2026-03-08T07:30Z"), // shown as 03:30
        ("America/New_York", "2026-03-08 03:00", "2026-03-08T07:00Z"),
        ("America/New_York", "2026-11-01 01:30", "2026-11-01T05:30Z"), // daylight time
        ("America/New_York", "2026-11-01 02:00", "2026-11-01T07:00Z"),
        (
            "Australia/Lord_Howe",
            "2026-10-04 02:15",
            "2026-10-03T15:45Z",
        ), // shown as 02:45
        ("America/Santiago", "2026-09-06 00:00", "2026-09-06T04:00Z"), // shown as 01:00
        ("America/Guayaquil", "2026-07-01 08:00", "2026-07-01T13:00Z"),
        ("Pacific/Apia", "2011-12-30 10:00", "2011-12-30T20:00Z"), // shown as the 31st
    ];
    for (name, wall, utc) in table {
        assert_eq!(
            format!("{:?}", zone(name).to_utc(local(wall))),
            utc,
            "{name} {wall}"
        );
    }
}

#[test]
fn days_have_the_hours_they_have() {
    let table = [
        ("America/New_York", "2026-03-08", Some(23 * 60)),
        ("America/New_York", "2026-11-01", Some(25 * 60)),
        ("America/New_York", "2026-03-09", Some(24 * 60)),
        ("America/Santiago", "2026-09-06", Some(23 * 60)), // begins at 01:00
        ("America/Santiago", "2026-09-05", Some(24 * 60)),
        ("America/Santiago", "2026-04-04", Some(25 * 60)), // 23:00 comes twice
        ("America/Santiago", "2026-04-05", Some(24 * 60)),
        ("America/Havana", "2026-11-01", Some(25 * 60)), // 00:00 comes twice
        ("Australia/Lord_Howe", "2026-10-04", Some(23 * 60 + 30)),
        ("Australia/Lord_Howe", "2026-04-05", Some(24 * 60 + 30)),
        ("Africa/Casablanca", "2026-02-15", Some(25 * 60)),
        ("America/Guayaquil", "2026-03-08", Some(24 * 60)),
        ("Pacific/Apia", "2011-12-30", None),
    ];
    for (name, day, minutes) in table {
        let span = zone(name).day(date(day));
        assert_eq!(span.map(Span::minutes), minutes, "{name} {day}");
    }
}

#[test]
fn days_follow_each_other_without_a_hole() {
    for name in [
        "America/Santiago",
        "America/Havana",
        "Africa/Casablanca",
        "Asia/Beirut",
    ] {
        let zone = zone(name);
        let mut day = date("2024-01-01");
        while day < date("2031-01-01") {
            let next = day.succ_opt().unwrap();
            assert_eq!(
                zone.day(day).unwrap().end(),
                zone.day(next).unwrap().start(),
                "{name} {day}"
            );
            day = next;
        }
    }
}

#[test]
fn names_are_checked() {
    assert_eq!(
        "Mars/Base".parse::<Zone>(),
        Err(UnknownZone("Mars/Base".into()))
    );
    let json = serde_json::to_string(&zone("Europe/Madrid")).unwrap();
    assert_eq!(json, r#""Europe/Madrid""#);
    assert_eq!(
        serde_json::from_str::<Zone>(&json).unwrap(),
        zone("Europe/Madrid")
    );
    assert!(serde_json::from_str::<Zone>(r#""Nowhere""#).is_err());
}

#[test]
fn the_ends_of_the_calendar_do_not_panic() {
    for zone in [
        zone("America/New_York"),
        zone("Pacific/Kiritimati"),
        Zone::UTC,
    ] {
        for wall in [NaiveDateTime::MIN, NaiveDateTime::MAX] {
            let _ = zone.to_utc(wall);
            let _ = zone.day(wall.date());
        }
        for minute in [Minute(i64::MIN), Minute(i64::MAX)] {
            let _ = zone.to_local(minute);
        }
    }
}

proptest! {
    /// Over every zone: what the rule names is shown by the wall at that instant, or lies in a gap
    /// and then the wall shows something later; and no earlier instant shows it.
    #[test]
    fn rule_holds_in_every_zone(
        index in 0..chrono_tz::TZ_VARIANTS.len(),
        minute in FIRST.0..LAST.0,
    ) {
        let zone = Zone(chrono_tz::TZ_VARIANTS[index]);
        let wall = Minute(minute).to_utc().naive_utc();
        prop_assume!(wall.second() == 0);
        let at = zone.to_utc(wall);
        let shown = zone.to_local(at);
        let instants: Vec<Minute> = (-16 * 60..=16 * 60)
            .map(|n| Minute(minute + n))
            .filter(|m| zone.to_local(*m) == wall)
            .collect();
        match instants.first() {
            Some(first) => prop_assert_eq!(at, *first),
            None => {
                prop_assert!(shown > wall);
                // Moved by the gap: reading it with the offset from just before the gap.
                let jump = (shown - wall).num_minutes();
                let earlier = at.plus(-jump);
                prop_assert!(zone.to_local(earlier) < wall);
            }
        }
    }
}
