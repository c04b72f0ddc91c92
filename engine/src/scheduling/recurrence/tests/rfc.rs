//! The examples of RFC 5545 §3.8.5.3, and rules that other programs read differently.

use super::*;

/// (rule, DTSTART, how many to show, the RFC's answer)
pub(super) const EXAMPLES: &[(&str, &str, usize, &str)] = &[
    (
        "FREQ=DAILY;COUNT=10",
        "19970902T0900",
        3,
        "1997-09-02 09:00, 1997-09-03 09:00, 1997-09-04 09:00, …",
    ),
    (
        "FREQ=DAILY;INTERVAL=10;COUNT=5",
        "19970902T0900",
        9,
        "1997-09-02 09:00, 1997-09-12 09:00, 1997-09-22 09:00, 1997-10-02 09:00, 1997-10-12 09:00",
    ),
    (
        "FREQ=WEEKLY;INTERVAL=2;WKST=SU",
        "19970902T0900",
        4,
        "1997-09-02 09:00, 1997-09-16 09:00, 1997-09-30 09:00, 1997-10-14 09:00, …",
    ),
    (
        "FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH",
        "19970902T0900",
        20,
        "1997-09-02 09:00, 1997-09-04 09:00, 1997-09-09 09:00, 1997-09-11 09:00, 1997-09-16 09:00, 1997-09-18 09:00, 1997-09-23 09:00, 1997-09-25 09:00, 1997-09-30 09:00, 1997-10-02 09:00",
    ),
    (
        "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH",
        "19970902T0900",
        20,
        "1997-09-02 09:00, 1997-09-04 09:00, 1997-09-16 09:00, 1997-09-18 09:00, 1997-09-30 09:00, 1997-10-02 09:00, 1997-10-14 09:00, 1997-10-16 09:00",
    ),
    (
        "FREQ=MONTHLY;COUNT=3;BYDAY=1FR",
        "19970905T0900",
        9,
        "1997-09-05 09:00, 1997-10-03 09:00, 1997-11-07 09:00",
    ),
    (
        "FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU",
        "19970907T0900",
        5,
        "1997-09-07 09:00, 1997-09-28 09:00, 1997-11-02 09:00, 1997-11-30 09:00, 1998-01-04 09:00, …",
    ),
    (
        "FREQ=MONTHLY;COUNT=6;BYDAY=-2MO",
        "19970922T0900",
        9,
        "1997-09-22 09:00, 1997-10-20 09:00, 1997-11-17 09:00, 1997-12-22 09:00, 1998-01-19 09:00, 1998-02-16 09:00",
    ),
    (
        "FREQ=MONTHLY;BYMONTHDAY=-3",
        "19970928T0900",
        4,
        "1997-09-28 09:00, 1997-10-29 09:00, 1997-11-28 09:00, 1997-12-29 09:00, …",
    ),
    (
        "FREQ=MONTHLY;COUNT=4;BYMONTHDAY=1,-1",
        "19970930T0900",
        9,
        "1997-09-30 09:00, 1997-10-01 09:00, 1997-10-31 09:00, 1997-11-01 09:00",
    ),
    (
        "FREQ=MONTHLY;INTERVAL=18;COUNT=4;BYMONTHDAY=10,11,12",
        "19970910T0900",
        9,
        "1997-09-10 09:00, 1997-09-11 09:00, 1997-09-12 09:00, 1999-03-10 09:00",
    ),
    (
        "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        "19970903T0900",
        3,
        "1998-02-13 09:00, 1998-03-13 09:00, 1998-11-13 09:00, …",
    ),
    (
        "FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3",
        "19970904T0900",
        9,
        "1997-09-04 09:00, 1997-10-07 09:00, 1997-11-06 09:00",
    ),
    (
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2",
        "19970929T0900",
        3,
        "1997-09-29 09:00, 1997-10-30 09:00, 1997-11-27 09:00, …",
    ),
    (
        "FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5",
        "20070115T0900",
        9,
        "2007-01-15 09:00, 2007-01-30 09:00, 2007-02-15 09:00, 2007-03-15 09:00, 2007-03-30 09:00",
    ),
    (
        "FREQ=YEARLY;COUNT=4;BYMONTH=6,7",
        "19970610T0900",
        9,
        "1997-06-10 09:00, 1997-07-10 09:00, 1998-06-10 09:00, 1998-07-10 09:00",
    ),
    (
        "FREQ=YEARLY;INTERVAL=3;COUNT=4;BYYEARDAY=1,100,200",
        "19970101T0900",
        9,
        "1997-01-01 09:00, 1997-04-10 09:00, 1997-07-19 09:00, 2000-01-01 09:00",
    ),
    (
        "FREQ=YEARLY;BYDAY=20MO",
        "19970519T0900",
        3,
        "1997-05-19 09:00, 1998-05-18 09:00, 1999-05-17 09:00, …",
    ),
    (
        "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO",
        "19970512T0900",
        3,
        "1997-05-12 09:00, 1998-05-11 09:00, 1999-05-17 09:00, …",
    ),
    (
        "FREQ=YEARLY;BYMONTH=3;BYDAY=TH",
        "19970313T0900",
        4,
        "1997-03-13 09:00, 1997-03-20 09:00, 1997-03-27 09:00, 1998-03-05 09:00, …",
    ),
    (
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
        "19961105T0900",
        3,
        "1996-11-05 09:00, 2000-11-07 09:00, 2004-11-02 09:00, …",
    ),
    (
        "FREQ=DAILY;BYHOUR=9,10;BYMINUTE=0,20;COUNT=5",
        "19970902T0900",
        9,
        "1997-09-02 09:00, 1997-09-02 09:20, 1997-09-02 10:00, 1997-09-02 10:20, 1997-09-03 09:00",
    ),
    // WKST changes which weeks every second one is.
    (
        "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
        "19970805T0900",
        9,
        "1997-08-05 09:00, 1997-08-10 09:00, 1997-08-19 09:00, 1997-08-24 09:00",
    ),
    (
        "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
        "19970805T0900",
        9,
        "1997-08-05 09:00, 1997-08-17 09:00, 1997-08-19 09:00, 1997-08-31 09:00",
    ),
    // Days that a month or year lacks are left out, not moved.
    (
        "FREQ=MONTHLY;COUNT=3",
        "20260131T0900",
        9,
        "2026-01-31 09:00, 2026-03-31 09:00, 2026-05-31 09:00",
    ),
    (
        "FREQ=YEARLY;COUNT=3",
        "20240229T0900",
        9,
        "2024-02-29 09:00, 2028-02-29 09:00, 2032-02-29 09:00",
    ),
];

#[test]
fn examples_of_the_rfc() {
    for (rule, start, show, expected) in EXAMPLES {
        let found = parse(rule, start, NEW_YORK).unwrap();
        let year = start[..4].parse().unwrap();
        assert_eq!(list(&found, year, *show), *expected, "{rule}");
    }
}

#[test]
fn where_others_differ() {
    let table = [
        // Either of them; the rrule crate and dateutil find nothing.
        (
            "FREQ=MONTHLY;BYDAY=MO,1TU;COUNT=3",
            "20260101T0900",
            "2026-01-05 09:00, 2026-01-06 09:00, 2026-01-12 09:00",
        ),
        (
            "FREQ=MONTHLY;BYDAY=-5MO;COUNT=2",
            "20260101T0900",
            "2026-03-02 09:00, 2026-06-01 09:00",
        ),
        // Positions count from the week's start.
        (
            "FREQ=WEEKLY;BYDAY=TU,TH;BYSETPOS=1;COUNT=2",
            "19970903T0900",
            "1997-09-09 09:00, 1997-09-16 09:00",
        ),
        (
            "FREQ=YEARLY;BYWEEKNO=20;COUNT=2",
            "19970512T0900",
            "1997-05-12 09:00, 1998-05-11 09:00",
        ),
        // With weeks from Sunday, 1 January 2027 is in week 52 of 2026, which has no 53rd.
        (
            "FREQ=YEARLY;WKST=SU;BYDAY=FR;BYMONTH=1;BYWEEKNO=52;COUNT=1",
            "20260601T0900",
            "2027-01-01 09:00",
        ),
        // Week 1 of 2026 is its 53rd from the end, and begins in 2025.
        (
            "FREQ=YEARLY;BYWEEKNO=-53;BYDAY=WE;COUNT=1",
            "20240320T0900",
            "2025-12-31 09:00",
        ),
        (
            "FREQ=DAILY;BYSECOND=60;COUNT=1",
            "20260101T0900",
            "2026-01-01 09:00",
        ),
        (
            "RSCALE=GREGORIAN;FREQ=DAILY;SKIP=OMIT;COUNT=1",
            "20260101T0900",
            "2026-01-01 09:00",
        ),
        ("freq=daily;count=1;", "20260101T0900", "2026-01-01 09:00"),
    ];
    for (rule, start, expected) in table {
        let year = start[..4].parse().unwrap();
        assert_eq!(
            list(&parse(rule, start, NEW_YORK).unwrap(), year, 9),
            expected,
            "{rule}"
        );
    }
}
