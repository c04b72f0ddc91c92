//! Single events and zones as tables.

use super::*;

/// The busy spans of one event with `lines`, in a window over 2026.
fn event(lines: &str) -> String {
    let text =
        format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:x\n{lines}\nEND:VEVENT\nEND:VCALENDAR\n");
    let found = read(&text, guayaquil(), window("2026-01-01", "2027-01-01"));
    let spans = found.busy.iter().map(|busy| format!("{:?}", busy.span));
    let reasons = found
        .skipped
        .iter()
        .map(|skipped| skipped.reason.to_string());
    spans.chain(reasons).collect::<Vec<_>>().join(" ")
}

#[test]
fn forms_of_times() {
    let table = [
        // Lengths.
        (
            "DTSTART:20260105T100000Z\nDURATION:PT1H30M",
            "[2026-01-05T10:00Z, 2026-01-05T11:30Z)",
        ),
        (
            "DTSTART:20260105T100000Z\nDURATION:P1DT1H",
            "[2026-01-05T10:00Z, 2026-01-06T11:00Z)",
        ),
        (
            "DTSTART:20260105T100000Z\nDURATION:P1W",
            "[2026-01-05T10:00Z, 2026-01-12T10:00Z)",
        ),
        (
            "DTSTART:20260105T100000Z\nDURATION:-PT1H",
            "the event ends before it starts",
        ),
        (
            "DTSTART:20260105T100000Z\nDURATION:PT",
            "the event has no length",
        ),
        (
            "DTSTART:20260105T100000Z\nDURATION:1H",
            "cannot be read: DURATION:1H",
        ),
        ("DTSTART:20260105T100000Z", "the event has no length"),
        (
            "DTSTART:20260105T100000Z\nDTEND:20260105T100000Z",
            "the event has no length",
        ),
        (
            "DTSTART;VALUE=DATE:20260105",
            "[2026-01-05T05:00Z, 2026-01-06T05:00Z)",
        ),
        (
            "DTSTART:20260105\nDTEND:20260107",
            "[2026-01-05T05:00Z, 2026-01-07T05:00Z)",
        ),
        (
            "DTSTART;VALUE=DATE:20260105\nDTEND;VALUE=DATE:20260105",
            "[2026-01-05T05:00Z, 2026-01-06T05:00Z)",
        ),
        // Seconds go outward.
        (
            "DTSTART:20260105T100059Z\nDTEND:20260105T101501Z",
            "[2026-01-05T10:00Z, 2026-01-05T10:16Z)",
        ),
        (
            "DTSTART:20260105T100010Z\nDTEND:20260105T100020Z",
            "[2026-01-05T10:00Z, 2026-01-05T10:01Z)",
        ),
        (
            "DTSTART:20260105T1000Z\nDTEND:20260105T235960Z",
            "[2026-01-05T10:00Z, 2026-01-06T00:00Z)",
        ),
        // Places.
        (
            "DTSTART:20260105T100000\nDURATION:PT1H",
            "[2026-01-05T15:00Z, 2026-01-05T16:00Z)",
        ),
        (
            "DTSTART;TZID=Europe/Madrid:20260705T100000\nDTEND;TZID=Europe/London:20260705T100000",
            "[2026-07-05T08:00Z, 2026-07-05T09:00Z)",
        ),
        (
            "DTSTART;TZID=/citadel.org/20210210_1/America/Argentina/Ushuaia:20260105T100000\nDURATION:PT1H",
            "[2026-01-05T13:00Z, 2026-01-05T14:00Z)",
        ),
        (
            "DTSTART;TZID=e. south america standard time:20260105T100000\nDURATION:PT1H",
            "[2026-01-05T13:00Z, 2026-01-05T14:00Z)",
        ),
        (
            "DTSTART;TZID=America/Lima:20260105T100000Z\nDURATION:PT1H",
            "[2026-01-05T10:00Z, 2026-01-05T11:00Z)",
        ),
        (
            "DTSTART;TZID=Narnia:20260105T100000\nDURATION:PT1H",
            "unknown time zone \"Narnia\"",
        ),
        // A gap: 02:30 is 03:30 EDT; and the exact hour after it.
        (
            "DTSTART;TZID=America/New_York:20260308T023000\nDURATION:PT1H",
            "[2026-03-08T07:30Z, 2026-03-08T08:30Z)",
        ),
        (
            "DTSTART;TZID=America/New_York:20260307T120000\nDURATION:P1D",
            "[2026-03-07T17:00Z, 2026-03-08T16:00Z)",
        ),
        (
            "DTSTART;TZID=America/New_York:20260307T120000\nDURATION:PT24H",
            "[2026-03-07T17:00Z, 2026-03-08T17:00Z)",
        ),
        // Broken lines, and quotes left open.
        ("DTSTART;TZID", "line 4 cannot be read: DTSTART;TZID"),
        (
            "DTSTART;TZID=\"America/Lima:20260105T100000\nDURATION:PT1H",
            "[2026-01-05T15:00Z, 2026-01-05T16:00Z)",
        ),
        // Outside.
        ("DTSTART:20250105T100000Z\nDURATION:PT1H", ""),
        (
            "DTSTART:20251231T233000Z\nDURATION:PT1H",
            "[2025-12-31T23:30Z, 2026-01-01T00:30Z)",
        ),
        ("DTSTART:20251231T230000Z\nDURATION:PT1H", ""),
        (
            "DTSTART:18260105T100000Z\nDURATION:PT1H",
            "outside 1900–2100, or longer than ten years",
        ),
        (
            "DTSTART:20260105T100000Z\nDURATION:P9999999W",
            "cannot be read: DURATION:P9999999W",
        ),
        (
            "DTSTART:20260105T100000Z\nDTEND:20990105T100000Z",
            "outside 1900–2100, or longer than ten years",
        ),
    ];
    for (lines, expected) in table {
        assert_eq!(event(lines), expected, "{lines}");
    }
}

#[test]
fn series() {
    let hour = "DTSTART;TZID=America/New_York:20260305T090000\nDURATION:PT1H\n";
    let table = [
        // 09:00 stays 09:00 over the change of 8 March.
        (
            "RRULE:FREQ=WEEKLY;COUNT=2",
            "[2026-03-05T14:00Z, 2026-03-05T15:00Z) [2026-03-12T13:00Z, 2026-03-12T14:00Z)",
        ),
        // EXDATE in UTC, in another zone, floating in the practice's zone, as a date, in a list.
        (
            "RRULE:FREQ=WEEKLY;COUNT=2\nEXDATE:20260305T140000Z",
            "[2026-03-12T13:00Z, 2026-03-12T14:00Z)",
        ),
        (
            "RRULE:FREQ=WEEKLY;COUNT=2\nEXDATE;TZID=Europe/Madrid:20260312T140000",
            "[2026-03-05T14:00Z, 2026-03-05T15:00Z)",
        ),
        (
            "RRULE:FREQ=WEEKLY;COUNT=2\nEXDATE:20260312T080000",
            "[2026-03-05T14:00Z, 2026-03-05T15:00Z)",
        ),
        (
            "RRULE:FREQ=WEEKLY;COUNT=2\nEXDATE;VALUE=DATE:20260312",
            "[2026-03-05T14:00Z, 2026-03-05T15:00Z)",
        ),
        (
            "RRULE:FREQ=WEEKLY;COUNT=3\nEXDATE;TZID=America/New_York:20260305T090000,20260312T090000",
            "[2026-03-19T13:00Z, 2026-03-19T14:00Z)",
        ),
        // A start off the rule is busy and counted.
        (
            "RRULE:FREQ=WEEKLY;BYDAY=FR;COUNT=2",
            "[2026-03-05T14:00Z, 2026-03-05T15:00Z) [2026-03-06T14:00Z, 2026-03-06T15:00Z)",
        ),
        (
            "RDATE;VALUE=DATE:20260401",
            "[2026-03-05T14:00Z, 2026-03-05T15:00Z) [2026-04-01T13:00Z, 2026-04-01T14:00Z)",
        ),
        ("RRULE:FREQ=DAILY;UNTIL=20260301T000000Z", ""),
        (
            "EXRULE:FREQ=DAILY\nRRULE:FREQ=DAILY;COUNT=1",
            "[2026-03-05T14:00Z, 2026-03-05T15:00Z) EXRULE is not read",
        ),
        (
            "RRULE:FREQ=DAILY;COUNT=2;UNTIL=20260309",
            "a rule has either COUNT or UNTIL",
        ),
        ("STATUS:cancelled", "cancelled"),
        ("TRANSP:TRANSPARENT", "shown as free"),
        (
            "X-MICROSOFT-CDO-BUSYSTATUS:FREE\nTRANSP:OPAQUE",
            "shown as free",
        ),
    ];
    for (lines, expected) in table {
        assert_eq!(event(&format!("{hour}{lines}")), expected, "{lines}");
    }
    // A moment takes away one of the day's two.
    let twice =
        "RRULE:FREQ=DAILY;BYHOUR=9,15;COUNT=2\nEXDATE;TZID=America/New_York:20260305T090000";
    assert_eq!(
        event(&format!("{hour}{twice}")),
        "[2026-03-05T20:00Z, 2026-03-05T21:00Z)"
    );
    // Of all-day events it takes the day: of UTC's moments the day here, of others the day there.
    for exdate in [
        "20260106T045900Z",
        "TZID=Europe/Madrid:20260105T000000",
        "20260105",
    ] {
        let colon = if exdate.contains(':') { ';' } else { ':' };
        let days =
            format!("DTSTART;VALUE=DATE:20260104\nRRULE:FREQ=DAILY;COUNT=2\nEXDATE{colon}{exdate}");
        assert_eq!(
            event(&days),
            "[2026-01-04T05:00Z, 2026-01-05T05:00Z)",
            "{exdate}"
        );
    }
    // One that began before the window and reaches into it; a rule begun long ago.
    let long = "DTSTART:20251230T000000Z\nDURATION:P3D\nRRULE:FREQ=YEARLY;COUNT=1";
    assert_eq!(event(long), "[2025-12-30T00:00Z, 2026-01-02T00:00Z)");
    let old = "DTSTART:19700606T100000Z\nDURATION:PT1H\nRRULE:FREQ=YEARLY";
    assert_eq!(event(old), "[2026-06-06T10:00Z, 2026-06-06T11:00Z)");
}

/// A file of one zone `Own` with `observances`, and an hour's event daily at `time`.
fn own_zone(observances: &str, day: &str, time: &str) -> String {
    let text = format!(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:x\nDTSTART;TZID=Own:{day}T{time}\nDURATION:PT1H\n\
         END:VEVENT\nBEGIN:VTIMEZONE\nTZID:Own\n{observances}END:VTIMEZONE\nEND:VCALENDAR\n"
    );
    let found = read(&text, guayaquil(), window("2026-01-01", "2027-01-01"));
    let spans = found
        .busy
        .iter()
        .map(|busy| format!("{:?}", busy.span.start()));
    let reasons = found
        .skipped
        .iter()
        .map(|skipped| skipped.reason.to_string());
    spans.chain(reasons).collect::<Vec<_>>().join(" ")
}

fn observance(kind: &str, start: &str, from: &str, to: &str, rule: &str) -> String {
    format!(
        "BEGIN:{kind}\nDTSTART:{start}\nTZOFFSETFROM:{from}\nTZOFFSETTO:{to}\n{rule}END:{kind}\n"
    )
}

#[test]
fn zones_of_the_file_itself() {
    let fixed = observance("STANDARD", "16010101T000000", "-0330", "-0330", "");
    assert_eq!(own_zone(&fixed, "20260705", "090000"), "2026-07-05T12:30Z");
    let named = format!("X-LIC-LOCATION:Europe/Madrid\n{fixed}");
    assert_eq!(own_zone(&named, "20260705", "090000"), "2026-07-05T07:00Z");
    let us = [
        observance(
            "DAYLIGHT",
            "16010311T020000",
            "-0500",
            "-0400",
            "RRULE:FREQ=YEARLY;BYDAY=2SU;BYMONTH=3\n",
        ),
        observance(
            "STANDARD",
            "16011104T020000",
            "-0400",
            "-0500",
            "RRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=11\n",
        ),
    ]
    .concat();
    // The same gap and fold rule as named zones have, minute for minute.
    let new_york: Zone = "America/New_York".parse().unwrap();
    for day in ["20260201", "20260308", "20260705", "20261101", "20261201"] {
        for time in ["000000", "013000", "020000", "023000", "030000", "120000"] {
            let local = value::moment(&format!("{day}T{time}")).unwrap().0;
            let expected = format!("{:?}", new_york.to_utc(local));
            assert_eq!(own_zone(&us, day, time), expected, "{day} {time}");
        }
    }
    // Rules that ended, and single changes: the last one holds.
    let changed = [
        observance(
            "DAYLIGHT",
            "19870405T020000",
            "-0500",
            "-0400",
            "RRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=4;UNTIL=20060402T070000Z\n",
        ),
        observance(
            "STANDARD",
            "19871025T020000",
            "-0400",
            "-0500",
            "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10;UNTIL=20061029T060000Z\n",
        ),
        observance(
            "STANDARD",
            "20200101T000000",
            "-0500",
            "-0300",
            "RDATE:20200101T000000\n",
        ),
    ]
    .concat();
    assert_eq!(
        own_zone(&changed, "20260705", "090000"),
        "2026-07-05T12:00Z"
    );
    // UNTIL is UTC and includes the last onset: summer time for good since March 2025.
    let for_good = [
        observance(
            "DAYLIGHT",
            "19960331T020000",
            "+0100",
            "+0200",
            "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3;UNTIL=20250330T010000Z\n",
        ),
        observance(
            "STANDARD",
            "19961027T030000",
            "+0200",
            "+0100",
            "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10;UNTIL=20241101T000000Z\n",
        ),
    ]
    .concat();
    assert_eq!(
        own_zone(&for_good, "20260105", "090000"),
        "2026-01-05T07:00Z"
    );
    // Half a zone is none.
    let half = format!(
        "{us}{}",
        observance("STANDARD", "20260101T000000", "-0500", "soon", "")
    );
    assert_eq!(
        own_zone(&half, "20260705", "090000"),
        "unknown time zone \"Own\""
    );
}
