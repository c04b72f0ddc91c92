//! Clock changes, UNTIL, added and excluded dates, bounds, refusals.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

mod dateutil;
mod others;
mod rfc;

const NEW_YORK: &str = "America/New_York";

fn local(text: &str) -> NaiveDateTime {
    let long = if text.len() == 13 {
        format!("{text}00")
    } else {
        text.to_owned()
    };
    NaiveDateTime::parse_from_str(&long, "%Y%m%dT%H%M%S").unwrap()
}

fn years(first: i32, last: i32) -> Span {
    let minute = |year| {
        let first = NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
        Minute(first.and_time(chrono::NaiveTime::MIN).and_utc().timestamp() / 60)
    };
    Span::new(minute(first), minute(last)).unwrap()
}

fn parse(rule: &str, start: &str, zone: &str) -> Result<Recurrence, RecurrenceError> {
    Recurrence::parse(rule, local(start), zone.parse().unwrap(), vec![], &[])
}

/// `1997-09-02 09:00` …, at most `show`, with `…` when there are more within 20 years.
fn list(recurrence: &Recurrence, from: i32, show: usize) -> String {
    let found = recurrence.occurrences(years(from, from + 20), show);
    let mut lines: Vec<String> = found
        .starts
        .iter()
        .map(|(at, _)| at.format("%Y-%m-%d %H:%M").to_string())
        .collect();
    if found.truncated {
        lines.push("…".to_owned());
    }
    lines.join(", ")
}

/// Wall time and minute of each occurrence of March or November 2026.
fn check_zone(rule: &str, start: &str, zone: &str, expected: Expect) {
    let found = parse(rule, start, zone)
        .unwrap()
        .occurrences(years(2024, 2030), 20);
    let lines = found
        .starts
        .iter()
        .map(|(at, minute)| format!("{at} {minute:?}\n"));
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn clock_changes() {
    // 02:30 does not exist on the 8th: it moves to 03:30; 09:00 stays 09:00.
    check_zone(
        "FREQ=DAILY;COUNT=3",
        "20260307T0230",
        NEW_YORK,
        expect![[r#"
        2026-03-07 02:30:00 2026-03-07T07:30Z
        2026-03-08 02:30:00 2026-03-08T07:30Z
        2026-03-09 02:30:00 2026-03-09T06:30Z
    "#]],
    );
    check_zone(
        "FREQ=WEEKLY;COUNT=2",
        "20260305T0900",
        NEW_YORK,
        expect![[r#"
        2026-03-05 09:00:00 2026-03-05T14:00Z
        2026-03-12 09:00:00 2026-03-12T13:00Z
    "#]],
    );
    // 01:30 on 1 November: the first.
    check_zone(
        "FREQ=DAILY;COUNT=3",
        "20261031T0130",
        NEW_YORK,
        expect![[r#"
        2026-10-31 01:30:00 2026-10-31T05:30Z
        2026-11-01 01:30:00 2026-11-01T05:30Z
        2026-11-02 01:30:00 2026-11-02T06:30Z
    "#]],
    );
    // A start inside a gap, and an occurrence in a midnight gap.
    check_zone(
        "FREQ=DAILY;COUNT=2",
        "20260308T0230",
        NEW_YORK,
        expect![[r#"
        2026-03-08 02:30:00 2026-03-08T07:30Z
        2026-03-09 02:30:00 2026-03-09T06:30Z
    "#]],
    );
    check_zone(
        "FREQ=WEEKLY;COUNT=3",
        "20260830T0000",
        "America/Santiago",
        expect![[r#"
        2026-08-30 00:00:00 2026-08-30T04:00Z
        2026-09-06 00:00:00 2026-09-06T04:00Z
        2026-09-13 00:00:00 2026-09-13T03:00Z
    "#]],
    );
    // Moved onto another occurrence: one.
    check_zone(
        "FREQ=DAILY;BYHOUR=2,3;COUNT=4",
        "20260308T0200",
        NEW_YORK,
        expect![[r#"
        2026-03-08 02:00:00 2026-03-08T07:00Z
        2026-03-09 02:00:00 2026-03-09T06:00Z
        2026-03-09 03:00:00 2026-03-09T07:00Z
    "#]],
    );
}

#[test]
fn until_in_three_forms() {
    let count = |until: &str, zone: &str| {
        let rule = format!("FREQ=DAILY;UNTIL={until}");
        parse(&rule, "20260101T2200", zone)
            .unwrap()
            .occurrences(years(2026, 2027), 99)
            .starts
            .len()
    };
    // 22:00 in Guayaquil is 03:00Z of the next day.
    assert_eq!(count("20260104T030000Z", "America/Guayaquil"), 3);
    assert_eq!(count("20260104T025959Z", "America/Guayaquil"), 2);
    assert_eq!(count("20260103T220000", "America/Guayaquil"), 3);
    assert_eq!(count("20260103T215900", "America/Guayaquil"), 2);
    assert_eq!(
        count("20260103", "America/Guayaquil"),
        3,
        "a date includes its day"
    );
    assert_eq!(count("20251231T000000Z", "America/Guayaquil"), 0);
    let rule = Rule::parse("FREQ=DAILY;UNTIL=20260103T000000Z")
        .unwrap()
        .for_dates();
    assert_eq!(
        rule.until(),
        Some(Until::Date(NaiveDate::from_ymd_opt(2026, 1, 3).unwrap()))
    );
}

#[test]
fn dates_added_and_taken_away() {
    let zone: Zone = NEW_YORK.parse().unwrap();
    let at = |day: u32, hour: u32| {
        NaiveDate::from_ymd_opt(2026, 6, day)
            .unwrap()
            .and_hms_opt(hour, 0, 0)
            .unwrap()
    };
    let days = |recurrence: &Recurrence, cap| {
        let found = recurrence.occurrences(years(2026, 2027), cap);
        let text = |(at, _): &(NaiveDateTime, Minute)| at.format("%d %H").to_string();
        (
            found.starts.iter().map(text).collect::<Vec<_>>().join(", "),
            found.truncated,
        )
    };
    let rule = "FREQ=DAILY;COUNT=5";
    let added = vec![at(20, 8), at(2, 9), at(2, 11)];
    let set =
        Recurrence::parse(rule, at(1, 9), zone, added.clone(), &[at(3, 9), at(4, 8)]).unwrap();
    // The excluded one was counted; a date added twice is one; 4 June 08:00 was none.
    assert_eq!(
        days(&set, 99),
        ("01 09, 02 09, 02 11, 04 09, 05 09, 20 08".into(), false)
    );
    assert_eq!(days(&set, 4), ("01 09, 02 09, 02 11, 04 09".into(), true));
    assert!(!days(&set, 6).1);
    let june2 = NaiveDate::from_ymd_opt(2026, 6, 2);
    let fewer = set.without_days(june2);
    assert_eq!(days(&fewer, 99).0, "01 09, 04 09, 05 09, 20 08");
    // Added dates that come later take no place from the rule's.
    let later = (20..26).map(|day| at(day, 8)).collect();
    let set = Recurrence::parse(rule, at(1, 9), zone, later, &[]).unwrap();
    assert_eq!(days(&set, 4), ("01 09, 02 09, 03 09, 04 09".into(), true));
    // Without a rule the start is one.
    let set = Recurrence::dates(at(1, 9), zone, added, &[at(20, 8)]).unwrap();
    assert_eq!(days(&set, 99).0, "01 09, 02 09, 02 11");
    // A start that the rule does not match, 1 June being a Monday.
    let plain = Recurrence::parse("FREQ=WEEKLY;BYDAY=WE;COUNT=2", at(1, 9), zone, vec![], &[]);
    let plain = plain.unwrap();
    assert_eq!(days(&plain, 99).0, "03 09, 10 09");
    assert_eq!(days(&plain.with_start(), 99).0, "01 09, 03 09");
    let matched = Recurrence::parse("FREQ=WEEKLY;COUNT=2", at(1, 9), zone, vec![], &[]).unwrap();
    assert_eq!(days(&matched.with_start(), 99).0, "01 09, 08 09");
    let ended = Recurrence::parse("FREQ=DAILY;UNTIL=20260501", at(1, 9), zone, vec![], &[]);
    assert_eq!(days(&ended.unwrap().with_start(), 99).0, "");
}

#[test]
fn cost_is_bounded_by_the_range() {
    let year = years(2026, 2027);
    for rule in [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
    ] {
        let found = parse(rule, "19000101T0900", NEW_YORK)
            .unwrap()
            .occurrences(year, 10);
        assert!(found.starts.is_empty() && !found.truncated);
        assert!(found.examined <= 3 * 366, "{rule}: {}", found.examined);
    }
    // COUNT has to be counted, from the start; nothing beyond 2100 is looked at.
    let counted = parse("FREQ=DAILY;COUNT=4000000000", "19000101T0900", NEW_YORK).unwrap();
    assert!(counted.occurrences(year, 9).examined <= 128 * 366);
    let forever = Span::new(Minute(i64::MIN), Minute(i64::MAX)).unwrap();
    let found = parse("FREQ=YEARLY", "20260101T0900", NEW_YORK)
        .unwrap()
        .occurrences(forever, 999);
    assert_eq!(found.starts.len(), 75);
    assert_eq!(
        parse("FREQ=DAILY", "18990101T0900", NEW_YORK),
        Err(RecurrenceError::StartOutOfRange)
    );
}

#[test]
fn refusals_say_why() {
    let mut lines = String::new();
    for rule in [
        "FREQ=HOURLY",
        "FREQ=MINUTELY",
        "FREQ=SECONDLY;COUNT=3",
        "FREQ=FORTNIGHTLY",
        "COUNT=3",
        "",
        "FREQ=DAILY;COUNT=3;UNTIL=20260101",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=-1",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=1,2",
        "FREQ=DAILY;FREQ=DAILY",
        "FREQ=DAILY;BYEASTER=1",
        "FREQ=DAILY;SKIP=FORWARD",
        "FREQ=DAILY;X",
        "FREQ=WEEKLY;BYDAY=1MO",
        "FREQ=WEEKLY;BYDAY=xyMO",
        "FREQ=WEEKLY;BYDAY=éM",
        "FREQ=MONTHLY;BYDAY=0MO",
        "FREQ=YEARLY;BYDAY=54MO",
        "FREQ=WEEKLY;BYMONTHDAY=1",
        "FREQ=MONTHLY;BYWEEKNO=1",
        "FREQ=DAILY;BYYEARDAY=1",
        "FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO",
        "FREQ=MONTHLY;BYSETPOS=1",
        "FREQ=MONTHLY;BYMONTHDAY=32",
        "FREQ=MONTHLY;BYMONTHDAY=0",
        "FREQ=DAILY;BYHOUR=24",
        "FREQ=DAILY;BYHOUR=-1",
        "FREQ=DAILY;UNTIL=2026",
        "FREQ=DAILY;UNTIL=20260230",
        "FREQ=DAILY;WKST=XX",
        "FREQ=DAILY;BYMONTH=99999999999",
    ] {
        let error = parse(rule, "20260101T0900", NEW_YORK).unwrap_err();
        lines += &format!("{rule}: {error}\n");
    }
    expect![[r#"
        FREQ=HOURLY: FREQ=HOURLY is not supported; use DAILY, WEEKLY, MONTHLY or YEARLY
        FREQ=MINUTELY: FREQ=MINUTELY is not supported; use DAILY, WEEKLY, MONTHLY or YEARLY
        FREQ=SECONDLY;COUNT=3: FREQ=SECONDLY is not supported; use DAILY, WEEKLY, MONTHLY or YEARLY
        FREQ=FORTNIGHTLY: FREQ cannot be "FORTNIGHTLY"
        COUNT=3: the rule has no FREQ
        : the rule has no FREQ
        FREQ=DAILY;COUNT=3;UNTIL=20260101: a rule has either COUNT or UNTIL
        FREQ=DAILY;COUNT=0: COUNT cannot be "0"
        FREQ=DAILY;COUNT=-1: COUNT cannot be "-1"
        FREQ=DAILY;INTERVAL=0: INTERVAL cannot be "0"
        FREQ=DAILY;INTERVAL=1,2: INTERVAL cannot be "a list"
        FREQ=DAILY;FREQ=DAILY: unknown or repeated rule part "FREQ=DAILY"
        FREQ=DAILY;BYEASTER=1: unknown or repeated rule part "BYEASTER=1"
        FREQ=DAILY;SKIP=FORWARD: unknown or repeated rule part "SKIP=FORWARD"
        FREQ=DAILY;X: unknown or repeated rule part "X"
        FREQ=WEEKLY;BYDAY=1MO: BYDAY with a number does not go with FREQ=Weekly
        FREQ=WEEKLY;BYDAY=xyMO: BYDAY cannot be "XYMO"
        FREQ=WEEKLY;BYDAY=éM: BYDAY cannot be "éM"
        FREQ=MONTHLY;BYDAY=0MO: BYDAY cannot be "0MO"
        FREQ=YEARLY;BYDAY=54MO: BYDAY cannot be "54MO"
        FREQ=WEEKLY;BYMONTHDAY=1: BYMONTHDAY does not go with FREQ=Weekly
        FREQ=MONTHLY;BYWEEKNO=1: BYWEEKNO does not go with FREQ=Monthly
        FREQ=DAILY;BYYEARDAY=1: BYYEARDAY does not go with FREQ=Daily
        FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO: BYDAY with a number beside BYWEEKNO does not go with FREQ=Yearly
        FREQ=MONTHLY;BYSETPOS=1: BYSETPOS needs another BY part
        FREQ=MONTHLY;BYMONTHDAY=32: BYMONTHDAY cannot be "32"
        FREQ=MONTHLY;BYMONTHDAY=0: BYMONTHDAY cannot be "0"
        FREQ=DAILY;BYHOUR=24: BYHOUR cannot be "24"
        FREQ=DAILY;BYHOUR=-1: BYHOUR cannot be "-1"
        FREQ=DAILY;UNTIL=2026: UNTIL cannot be "2026"
        FREQ=DAILY;UNTIL=20260230: UNTIL cannot be "20260230"
        FREQ=DAILY;WKST=XX: WKST cannot be "XX"
        FREQ=DAILY;BYMONTH=99999999999: BYMONTH cannot be "99999999999"
    "#]].assert_eq(&lines);
    let long = format!("FREQ=DAILY;BYHOUR={}", "1,".repeat(1_000));
    assert_eq!(
        parse(&long, "20260101T0900", NEW_YORK),
        Err(RecurrenceError::TooLong)
    );
}

proptest! {
    /// Whatever the text, there is an answer.
    #[test]
    fn any_text_is_parsed_or_refused(text in "(FREQ=(DAILY|YEARLY);)?[A-Z0-9=;,+-éZT]{0,40}") {
        let _ = Rule::parse(&text);
    }
}
