//! Opening hours as tables: the week, its exceptions, and days on which the clock changes.

use expect_test::{Expect, expect};
use proptest::prelude::*;
use schema::span::Minute;

use super::*;

const NEW_YORK: &str = "America/New_York";

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn minutes(text: &str) -> u16 {
    let (hour, minute) = text.split_once(':').unwrap();
    hour.parse::<u16>().unwrap() * 60 + minute.parse::<u16>().unwrap()
}

fn window(text: &str) -> DayWindow {
    let (from, to) = text.split_once('-').unwrap();
    DayWindow::new(minutes(from), minutes(to)).unwrap()
}

/// `Mon,Tue 9:00-12:00 14:00-18:00; Sat 9:00-13:00`
fn week(text: &str) -> WeeklyHours {
    let mut hours = Vec::new();
    for part in text
        .split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let (days, windows) = part.split_once(' ').unwrap();
        for weekday in days.split(',').map(|day| day.parse().unwrap()) {
            let windows = windows.split(' ').map(window);
            hours.extend(windows.map(|window| WeeklyWindow { weekday, window }));
        }
    }
    WeeklyHours(hours)
}

/// `closed 2026-12-24..2026-12-26; extra 2026-12-24 9:00-12:00`
fn layer(text: &str) -> Vec<Exception> {
    let parts = text
        .split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    let parts = parts.map(|part| {
        let words: Vec<&str> = part.split(' ').collect();
        let (first, last) = words[1].split_once("..").unwrap_or((words[1], words[1]));
        Exception {
            first: date(first),
            last: date(last),
            kind: if words[0] == "closed" {
                ExceptionKind::Closed
            } else {
                ExceptionKind::Extra
            },
            window: words.get(2).copied().map(window),
        }
    });
    parts.collect()
}

/// Whole local days `first..=last` of the zone.
fn range(zone: Zone, first: &str, last: &str) -> Span {
    let (first, last) = (
        zone.day(date(first)).unwrap(),
        zone.day(date(last)).unwrap(),
    );
    Span::new(first.start(), last.end()).unwrap()
}

fn check(zone: &str, hours: &str, layers: &[&str], days: (&str, &str), expected: Expect) {
    let zone: Zone = zone.parse().unwrap();
    let layers: Vec<Vec<Exception>> = layers.iter().map(|text| layer(text)).collect();
    let layers: Vec<&[Exception]> = layers.iter().map(Vec::as_slice).collect();
    let spans = open(
        zone,
        &week(hours),
        None,
        None,
        &layers,
        range(zone, days.0, days.1),
    );
    let lines = spans.iter().map(|span| {
        let (start, end) = (zone.to_local(span.start()), zone.to_local(span.end()));
        format!(
            "{} – {}  {span:?}\n",
            start.format("%a %d %H:%M"),
            end.format("%a %d %H:%M")
        )
    });
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn a_week_with_split_shifts() {
    let hours = "Mon,Tue,Wed,Thu,Fri 9:00-13:00 15:00-19:00; Sat 9:00-13:00";
    check(
        "America/Guayaquil",
        hours,
        &[],
        ("2026-11-20", "2026-11-23"),
        expect![[r#"
        Fri 20 09:00 – Fri 20 13:00  [2026-11-20T14:00Z, 2026-11-20T18:00Z)
        Fri 20 15:00 – Fri 20 19:00  [2026-11-20T20:00Z, 2026-11-21T00:00Z)
        Sat 21 09:00 – Sat 21 13:00  [2026-11-21T14:00Z, 2026-11-21T18:00Z)
        Mon 23 09:00 – Mon 23 13:00  [2026-11-23T14:00Z, 2026-11-23T18:00Z)
        Mon 23 15:00 – Mon 23 19:00  [2026-11-23T20:00Z, 2026-11-24T00:00Z)
    "#]],
    );
}

#[test]
fn nine_stays_nine_across_clock_changes() {
    let hours = "Sat,Sun,Mon 9:00-12:00";
    check(
        NEW_YORK,
        hours,
        &[],
        ("2026-03-07", "2026-03-09"),
        expect![[r#"
        Sat 07 09:00 – Sat 07 12:00  [2026-03-07T14:00Z, 2026-03-07T17:00Z)
        Sun 08 09:00 – Sun 08 12:00  [2026-03-08T13:00Z, 2026-03-08T16:00Z)
        Mon 09 09:00 – Mon 09 12:00  [2026-03-09T13:00Z, 2026-03-09T16:00Z)
    "#]],
    );
    check(
        NEW_YORK,
        hours,
        &[],
        ("2026-10-31", "2026-11-02"),
        expect![[r#"
        Sat 31 09:00 – Sat 31 12:00  [2026-10-31T13:00Z, 2026-10-31T16:00Z)
        Sun 01 09:00 – Sun 01 12:00  [2026-11-01T14:00Z, 2026-11-01T17:00Z)
        Mon 02 09:00 – Mon 02 12:00  [2026-11-02T14:00Z, 2026-11-02T17:00Z)
    "#]],
    );
}

#[test]
fn windows_in_gaps_and_folds() {
    // A window that the gap leaves nothing of is gone; one around the fold is an hour longer.
    let hours = "Sun 1:30-2:30 2:45-3:30 5:00-6:00";
    check(
        NEW_YORK,
        hours,
        &[],
        ("2026-03-08", "2026-03-08"),
        expect![[r#"
        Sun 08 01:30 – Sun 08 03:30  [2026-03-08T06:30Z, 2026-03-08T07:30Z)
        Sun 08 05:00 – Sun 08 06:00  [2026-03-08T09:00Z, 2026-03-08T10:00Z)
    "#]],
    );
    check(
        NEW_YORK,
        "Sun 1:00-2:00",
        &[],
        ("2026-11-01", "2026-11-01"),
        expect![[r#"
        Sun 01 01:00 – Sun 01 02:00  [2026-11-01T05:00Z, 2026-11-01T07:00Z)
    "#]],
    );
    check(
        "Australia/Lord_Howe",
        "Sun 1:00-3:00",
        &[],
        ("2026-10-04", "2026-10-04"),
        expect![[r#"
        Sun 04 01:00 – Sun 04 03:00  [2026-10-03T14:30Z, 2026-10-03T16:00Z)
    "#]],
    );
}

#[test]
fn midnight_does_not_divide() {
    let hours = "Fri 20:00-24:00; Sat 0:00-24:00; Sun 0:00-2:00";
    check(
        NEW_YORK,
        hours,
        &[],
        ("2026-10-30", "2026-11-01"),
        expect![[r#"
        Fri 30 20:00 – Sun 01 02:00  [2026-10-31T00:00Z, 2026-11-01T07:00Z)
    "#]],
    );
    // Santiago skips midnight itself.
    let hours = "Sat 20:00-24:00; Sun 0:00-4:00";
    check(
        "America/Santiago",
        hours,
        &[],
        ("2026-09-05", "2026-09-06"),
        expect![[r#"
        Sat 05 20:00 – Sun 06 04:00  [2026-09-06T00:00Z, 2026-09-06T07:00Z)
    "#]],
    );
    // Around the clock, over a day of 23 hours.
    let hours = "Mon,Tue,Wed,Thu,Fri,Sat,Sun 0:00-24:00";
    check(
        NEW_YORK,
        hours,
        &[],
        ("2026-03-01", "2026-03-31"),
        expect![[r#"
        Sun 01 00:00 – Wed 01 00:00  [2026-03-01T05:00Z, 2026-04-01T04:00Z)
    "#]],
    );
}

#[test]
fn closures_cut_and_extra_hours_add() {
    let hours = "Thu,Fri 9:00-17:00";
    let days = ("2026-12-24", "2026-12-26");
    check(
        "America/Guayaquil",
        hours,
        &["closed 2026-12-25"],
        days,
        expect![[r#"
        Thu 24 09:00 – Thu 24 17:00  [2026-12-24T14:00Z, 2026-12-24T22:00Z)
    "#]],
    );
    let layers = ["closed 2026-12-24 12:00-14:00; extra 2026-12-26 10:00-11:00"];
    check(
        "America/Guayaquil",
        hours,
        &layers,
        days,
        expect![[r#"
        Thu 24 09:00 – Thu 24 12:00  [2026-12-24T14:00Z, 2026-12-24T17:00Z)
        Thu 24 14:00 – Thu 24 17:00  [2026-12-24T19:00Z, 2026-12-24T22:00Z)
        Fri 25 09:00 – Fri 25 17:00  [2026-12-25T14:00Z, 2026-12-25T22:00Z)
        Sat 26 10:00 – Sat 26 11:00  [2026-12-26T15:00Z, 2026-12-26T16:00Z)
    "#]],
    );
    let layers = ["closed 2026-12-24..2026-12-26; extra 2026-12-24 9:00-12:00"];
    check(
        "America/Guayaquil",
        hours,
        &layers,
        days,
        expect![[r#"
        Thu 24 09:00 – Thu 24 12:00  [2026-12-24T14:00Z, 2026-12-24T17:00Z)
    "#]],
    );
}

#[test]
fn narrower_layers_override_wider_ones() {
    let hours = "Fri 9:00-17:00";
    let days = ("2026-12-25", "2026-12-25");
    let holiday = "closed 2026-12-25";
    // The provider works on the holiday; then is away for an hour of that.
    check(
        NEW_YORK,
        hours,
        &[holiday, "extra 2026-12-25 10:00-14:00"],
        days,
        expect![[r#"
        Fri 25 10:00 – Fri 25 14:00  [2026-12-25T15:00Z, 2026-12-25T19:00Z)
    "#]],
    );
    let layers = [
        holiday,
        "extra 2026-12-25 10:00-14:00",
        "closed 2026-12-25 12:00-13:00",
    ];
    check(
        NEW_YORK,
        hours,
        &layers,
        days,
        expect![[r#"
        Fri 25 10:00 – Fri 25 12:00  [2026-12-25T15:00Z, 2026-12-25T17:00Z)
        Fri 25 13:00 – Fri 25 14:00  [2026-12-25T18:00Z, 2026-12-25T19:00Z)
    "#]],
    );
    // The other way round the holiday wins.
    check(
        NEW_YORK,
        hours,
        &["extra 2026-12-25 10:00-14:00", holiday],
        days,
        expect![""],
    );
}

#[test]
fn validity_bounds_everything() {
    let zone: Zone = "America/Guayaquil".parse().unwrap();
    let hours = week("Mon,Tue,Wed,Thu,Fri,Sat,Sun 9:00-10:00");
    let extra = layer("extra 2026-06-01..2026-06-30 8:00-9:00");
    let open = |from: Option<&str>, to: Option<&str>| {
        let range = range(zone, "2026-06-01", "2026-06-10");
        open(zone, &hours, from.map(date), to.map(date), &[&extra], range).len()
    };
    assert_eq!(open(None, None), 10);
    assert_eq!(open(Some("2026-06-03"), None), 8);
    assert_eq!(open(Some("2026-06-03"), Some("2026-06-05")), 3);
    assert_eq!(open(Some("2026-06-05"), Some("2026-06-03")), 0);
    assert_eq!(open(Some("2027-01-01"), None), 0);
}

#[test]
fn spans_are_cut_to_the_range() {
    let zone: Zone = "America/Guayaquil".parse().unwrap();
    let nine = date("2026-06-01").and_hms_opt(9, 30, 0).unwrap();
    let range = Span::lasting(zone.to_utc(nine), 15).unwrap();
    assert_eq!(
        open(zone, &week("Mon 9:00-17:00"), None, None, &[], range),
        vec![range]
    );
}

#[test]
fn windows_are_checked() {
    assert_eq!(
        DayWindow::new(60, 60),
        Err(InvalidWindow { from: 60, to: 60 })
    );
    assert!(DayWindow::new(0, 1441).is_err());
    let json = r#"{"weekday":"Mon","from":540,"to":1440}"#;
    let parsed: WeeklyWindow = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_string(&parsed).unwrap(), json);
    assert!(serde_json::from_str::<WeeklyWindow>(r#"{"weekday":"Mon","from":9,"to":9}"#).is_err());
}

proptest! {
    /// On ordinary days, minute by minute: open iff the wall clock says so.
    #[test]
    fn agrees_with_the_wall_clock(
        windows in proptest::collection::vec((0u8..7, 0u16..1440, 1u16..600), 0..6),
        closures in proptest::collection::vec((0u64..5, 0u16..1440, 1u16..600), 0..3),
        extras in proptest::collection::vec((0u64..5, 0u16..1440, 1u16..600), 0..3),
        offset in 0i64..4000,
        length in 1i64..3000,
    ) {
        let zone: Zone = "Europe/Madrid".parse().unwrap();
        let monday = date("2026-06-01");
        let part = |from: u16, length: u16| {
            DayWindow::new(from, (from + length).min(DAY_END)).unwrap()
        };
        let hours = WeeklyHours(windows.iter().map(|(day, from, length)| WeeklyWindow {
            weekday: Weekday::try_from(*day).unwrap(),
            window: part(*from, *length),
        }).collect());
        let exception = |kind| move |(day, from, length): &(u64, u16, u16)| {
            let on = monday + Days::new(*day);
            Exception { first: on, last: on, kind, window: Some(part(*from, *length)) }
        };
        let wide: Vec<_> = closures.iter().map(exception(ExceptionKind::Closed)).collect();
        let narrow: Vec<_> = extras.iter().map(exception(ExceptionKind::Extra)).collect();
        let start = zone.day(monday).unwrap().start().plus(offset);
        let range = Span::lasting(start, length).unwrap();
        let spans = open(zone, &hours, None, None, &[&wide, &narrow], range);
        prop_assert!(spans.windows(2).all(|pair| pair[0].end() < pair[1].start()));

        let inside = |window: DayWindow, minute: u16| (window.from..window.to).contains(&minute);
        for minute in range.start().0 - 2..range.end().0 + 2 {
            let wall = zone.to_local(Minute(minute));
            let (on, of_day) = (wall.date(), (wall.and_utc().timestamp() / 60 % 1440) as u16);
            let hit = |list: &[Exception]| list.iter().any(|it| {
                it.first == on && inside(it.window.unwrap(), of_day)
            });
            let weekly = hours.0.iter()
                .any(|it| it.weekday == on.weekday() && inside(it.window, of_day));
            let expected = range.contains(Span::lasting(Minute(minute), 1).unwrap())
                && (hit(&narrow) || (weekly && !hit(&wide)));
            let is = spans.iter().any(|s| s.start().0 <= minute && minute < s.end().0);
            prop_assert_eq!(is, expected, "{:?}", wall);
        }
    }
}
