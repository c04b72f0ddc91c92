//! Files as Google, Outlook and Apple export them (fixtures), a broken one, small cases as a
//! table, and mangled input.

use expect_test::{Expect, expect};
use proptest::prelude::*;
use schema::span::Minute;

use super::*;

mod cases;

const GOOGLE: &str = include_str!("../../tests/fixtures/ics/google.ics");
const OUTLOOK: &str = include_str!("../../tests/fixtures/ics/outlook.ics");
const APPLE: &str = include_str!("../../tests/fixtures/ics/apple.ics");
const BROKEN: &str = include_str!("../../tests/fixtures/ics/broken.ics");

fn minute(text: &str) -> Minute {
    let at = NaiveDateTime::parse_from_str(&format!("{text} 00:00"), "%Y-%m-%d %H:%M").unwrap();
    Minute::floor(at.and_utc())
}

fn window(from: &str, to: &str) -> Span {
    Span::new(minute(from), minute(to)).unwrap()
}

fn autumn() -> Span {
    window("2026-10-01", "2027-01-01")
}

fn guayaquil() -> Zone {
    "America/Guayaquil".parse().unwrap()
}

fn render(found: &Imported) -> String {
    let mut text = String::new();
    for busy in &found.busy {
        let uid: String = busy
            .uid
            .chars()
            .rev()
            .take(12)
            .collect::<Vec<_>>()
            .iter()
            .rev()
            .collect();
        let key = busy
            .recurrence
            .map(|at| format!(" @ {}", at.format("%m-%d %H:%M")));
        let summary = busy.summary.as_deref().unwrap_or("–");
        text += &format!(
            "{:?} {uid}{} {summary}\n",
            busy.span,
            key.unwrap_or_default()
        );
    }
    for skipped in &found.skipped {
        let uid = skipped.uid.as_deref().unwrap_or("–");
        let uid: String = uid
            .chars()
            .rev()
            .take(16)
            .collect::<Vec<_>>()
            .iter()
            .rev()
            .collect();
        text += &format!("line {} {uid}: {}\n", skipped.line, skipped.reason);
    }
    text
}

fn check(text: &str, zone: &str, window: Span, expected: Expect) {
    let found = read(text, zone.parse().unwrap(), window);
    expected.assert_eq(&render(&found));
    let mut keys: Vec<_> = found.busy.iter().map(Busy::key).collect();
    keys.sort_unstable();
    assert!(
        keys.windows(2).all(|pair| pair[0] != pair[1]),
        "a key twice"
    );
    // The other line ends, a BOM, and reading again change nothing.
    let other = if text.contains('\r') {
        text.replace("\r\n", "\n")
    } else {
        text.replace('\n', "\r\n")
    };
    assert_eq!(
        read(&format!("\u{feff}{other}"), zone.parse().unwrap(), window),
        found
    );
}

#[test]
fn google() {
    check(
        GOOGLE,
        "America/Guayaquil",
        autumn(),
        expect![[r#"
        [2026-10-27T13:00Z, 2026-10-27T14:00Z) c@google.com @ 10-27 09:00 Webinar implantes
        [2026-11-02T12:30Z, 2026-11-02T13:30Z) a@google.com @ 11-02 07:30 Gimnasio
        [2026-11-03T14:00Z, 2026-11-03T15:00Z) c@google.com @ 11-03 09:00 Webinar implantes
        [2026-11-03T14:00Z, 2026-11-03T15:30Z) h@google.com Reunión con el contador, traer las facturas del año y los comprobantes de retención
        [2026-11-04T12:30Z, 2026-11-04T13:30Z) a@google.com @ 11-04 07:30 Gimnasio
        [2026-11-09T12:30Z, 2026-11-09T13:30Z) a@google.com @ 11-09 07:30 Gimnasio
        [2026-11-10T14:00Z, 2026-11-10T15:00Z) c@google.com @ 11-10 09:00 Webinar implantes
        [2026-11-17T23:00Z, 2026-11-18T00:00Z) a@google.com @ 11-16 07:30 Gimnasio (movido)
        [2026-11-23T05:00Z, 2026-11-26T05:00Z) k@google.com Congreso en Quito 🦷
        [2026-11-23T12:30Z, 2026-11-23T13:30Z) a@google.com @ 11-23 07:30 Gimnasio
        [2026-11-25T12:30Z, 2026-11-25T13:30Z) a@google.com @ 11-25 07:30 Gimnasio
        [2026-11-30T12:30Z, 2026-11-30T13:30Z) a@google.com @ 11-30 07:30 Gimnasio
        line 85 2v1aa@google.com: cancelled
        line 106 m6bb1@google.com: shown as free
    "#]],
    );
}

#[test]
fn outlook() {
    check(
        OUTLOOK,
        "America/Guayaquil",
        autumn(),
        expect![[r#"
        [2026-10-28T13:00Z, 2026-10-28T13:45Z) 000000001111 @ 10-28 09:00 Study club
        [2026-11-05T16:00Z, 2026-11-05T17:00Z) 3A4B5C6D7E8F Interconsulta
        [2026-11-09T05:00Z, 2026-11-10T05:00Z) 000000002222 @ 11-09 00:00 Vacaciones
        [2026-11-13T14:00Z, 2026-11-13T14:45Z) 000000001111 @ 11-11 09:00 Study club
        [2026-11-18T14:00Z, 2026-11-18T14:45Z) 000000001111 @ 11-18 09:00 Study club
        [2026-11-23T05:00Z, 2026-11-24T05:00Z) 000000002222 @ 11-23 00:00 Vacaciones
        line 106 E008000000003333: shown as free
    "#]],
    );
}

#[test]
fn apple() {
    check(
        APPLE,
        "Europe/Madrid",
        autumn(),
        expect![[r#"
        [2026-10-22T07:30Z, 2026-10-22T08:30Z) 0C1D2E3F4A5B @ 10-22 09:30 Llamada laboratorio
        [2026-10-29T08:30Z, 2026-10-29T09:30Z) 0C1D2E3F4A5B @ 10-29 09:30 Llamada laboratorio
        [2026-10-31T23:00Z, 2026-11-02T23:00Z) 1C2D3E4F5A6B Puente de Todos los Santos
        [2026-11-04T10:00Z, 2026-11-04T10:31Z) FLOATING-1 Hora flotante
        [2026-11-05T08:00Z, 2026-11-05T09:15Z) RDATES-1 @ 11-05 09:00 Revisión
        [2026-11-05T08:30Z, 2026-11-05T09:30Z) 0C1D2E3F4A5B @ 11-05 09:30 Llamada laboratorio
        [2026-11-10T09:00Z, 2026-11-10T10:15Z) RDATES-1 @ 11-10 10:00 Revisión
        line 74 ZERO-1: the event has no length
        line 81 A9B-0C1D2E3F4A5B: changes to "this and following" are not read; the series is as it was
    "#]],
    );
}

#[test]
fn broken() {
    check(
        BROKEN,
        "America/Lima",
        autumn(),
        expect![[r#"
        [2026-11-04T12:00Z, 2026-11-04T13:00Z) revised –
        [2026-11-05T12:00Z, 2026-11-05T13:00Z) f63305d57a3e Without a UID
        [2026-11-06T12:00Z, 2026-11-06T13:00Z) -broken-list @ 11-06 12:00 –
        [2026-11-07T12:00Z, 2026-11-07T13:00Z) -broken-list @ 11-07 12:00 –
        [2026-11-10T15:00Z, 2026-11-10T16:00Z) orphan @ 11-10 09:00 –
        line 4 no-start: the event has no start
        line 8 bad-date: cannot be read: DTSTART:20261331T090000Z
        line 13 unknown-zone: unknown time zone "Mars/Olympus"
        line 18 backwards: the event ends before it starts
        line 23 mixed: one of start and end is a date, the other a time
        line 28 hourly: FREQ=HOURLY is not supported; use DAILY, WEEKLY, MONTHLY or YEARLY
        line 34 two-rules: the event has several RRULEs
        line 41 bad-line: cannot be read: DTSTART:
        line 52 revised: the file has a later revision of it
        line 63 half-broken-list: an RDATE that is a period is not read
        line 63 half-broken-list: cannot be read: EXDATE:soon
        line 71 –: VFREEBUSY is not read
        line 75 never-closed: VEVENT is not closed; the file may be cut off
        line 85 cut-off: VEVENT is not closed; the file may be cut off
        line 88 –: VCALENDAR is not closed; the file may be cut off
    "#]],
    );
}

#[test]
fn not_a_calendar() {
    for text in [
        "",
        "<html><body>Sign in</body></html>",
        "BEGIN:VEVENT\nEND:VEVENT\n",
        "\u{0}\u{1}",
    ] {
        let found = read(text, guayaquil(), autumn());
        assert!(found.busy.is_empty());
        assert_eq!(found.skipped.len(), 1);
        assert_eq!(
            found.skipped[0].reason,
            SkipReason::NotACalendar,
            "{text:?}"
        );
    }
    let found = read(
        "BEGIN:VCALENDAR\nMETHOD:CANCEL\nBEGIN:VEVENT\nUID:a\nDTSTART:20261105\nEND:VEVENT\nEND:VCALENDAR",
        guayaquil(),
        autumn(),
    );
    assert_eq!(found.skipped[0].reason, SkipReason::Cancelled);
}

#[test]
fn limits_cut_and_say_so() {
    let daily = "BEGIN:VEVENT\nUID:u#\nDTSTART:20260101T100000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY\nEND:VEVENT\n";
    let events: String = (0..20)
        .map(|n| daily.replace('#', &n.to_string()))
        .collect();
    let text = format!("BEGIN:VCALENDAR\n{events}END:VCALENDAR\n");
    let cut = |limits| {
        let found = read_within(&text, guayaquil(), autumn(), limits);
        (
            found.busy.len(),
            found
                .skipped
                .iter()
                .map(|it| it.reason.clone())
                .collect::<Vec<_>>(),
        )
    };
    let limits = Limits::default();
    assert_eq!(cut(limits), (20 * 92, vec![]));
    let events_max = SkipReason::EventsCut { max: 3 };
    assert_eq!(
        cut(Limits {
            events_max: 3,
            ..limits
        }),
        (3 * 92, vec![events_max])
    );
    let busy_max = SkipReason::BusyCut { max: 100 };
    assert_eq!(
        cut(Limits {
            busy_max: 100,
            ..limits
        }),
        (100, vec![busy_max])
    );
    let (busy, reasons) = cut(Limits {
        days_max: 150,
        ..limits
    });
    assert_eq!((busy, reasons.len()), (2 * 92, 18));
    assert_eq!(reasons[0], SkipReason::WorkCut);
    let (_, reasons) = cut(Limits {
        days_max: 0,
        skipped_max: 5,
        ..limits
    });
    assert_eq!(
        (reasons.len(), &reasons[5]),
        (6, &SkipReason::SkippedCut { more: 15 })
    );
    let refused = SkipReason::TooLong { max: 99 };
    assert_eq!(
        cut(Limits {
            bytes_max: 99,
            ..limits
        }),
        (0, vec![refused])
    );
}

#[test]
fn hostile_files_are_read_in_bounded_time() {
    let deep = format!("BEGIN:VCALENDAR\n{}", "BEGIN:VALARM\n".repeat(200_000));
    let _ = read(&deep, guayaquil(), autumn());
    let folded = format!(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:{}",
        "\n x".repeat(200_000)
    );
    let _ = read(&folded, guayaquil(), autumn());
    let never = "BEGIN:VEVENT\nUID:u#\nDTSTART:19000101T100000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30\nEND:VEVENT\n";
    let events: String = (0..2_000)
        .map(|n| never.replace('#', &n.to_string()))
        .collect();
    let found = read(
        &format!("BEGIN:VCALENDAR\n{events}END:VCALENDAR"),
        guayaquil(),
        autumn(),
    );
    assert_eq!(found, Imported::default());
}

#[test]
fn keys_survive_edits_elsewhere() {
    let keys = |text: &str| {
        let found = read(text, guayaquil(), autumn());
        found
            .busy
            .iter()
            .map(|busy| (busy.uid.clone(), busy.recurrence))
            .collect::<Vec<_>>()
    };
    let before = keys(GOOGLE);
    // An event on its own that moves keeps its key; so does a moved occurrence.
    let moved = GOOGLE
        .replace("20261103T14", "20261102T14")
        .replace("20261117T1", "20261119T1");
    let mut after = keys(&moved);
    let mut sorted = before.clone();
    after.sort_unstable();
    sorted.sort_unstable();
    assert_eq!(after, sorted);
    assert_ne!(
        read(GOOGLE, guayaquil(), autumn()),
        read(&moved, guayaquil(), autumn())
    );
}

proptest! {
    #[test]
    fn any_text_is_read(text in "\\PC{0,200}") {
        let _ = read(&text, guayaquil(), autumn());
        let _ = read(&format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\n{text}\nEND:VEVENT"), guayaquil(), autumn());
    }

    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = read(&format!("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n{text}"), guayaquil(), autumn());
    }

    /// Cut anywhere, lines dropped, swapped, values garbled: an answer, unique keys, in order.
    #[test]
    fn mangled_fixtures_are_read(
        which in 0..4usize,
        cut in 0..6000usize,
        edits in proptest::collection::vec((0..200usize, 0..80usize, "[A-Z0-9:;,=\"\\\\ éTZP/+-]{0,6}"), 0..12),
        drop in proptest::collection::vec(0..200usize, 0..6),
    ) {
        let text = [GOOGLE, OUTLOOK, APPLE, BROKEN][which];
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (line, column, with) in edits {
            let at = line % lines.len();
            let mut chars: Vec<char> = lines[at].chars().collect();
            let column = column.min(chars.len());
            let end = (column + with.chars().count()).min(chars.len());
            chars.splice(column..end, with.chars());
            lines[at] = chars.into_iter().collect();
        }
        for line in drop {
            let at = line % lines.len();
            lines.remove(at);
        }
        let text: String = lines.join("\r\n").chars().take(cut.max(200)).collect();
        let found = read(&text, guayaquil(), autumn());
        let mut keys: Vec<_> = found.busy.iter().map(Busy::key).collect();
        keys.sort_unstable();
        prop_assert!(keys.windows(2).all(|pair| pair[0] != pair[1]));
        prop_assert!(found.busy.windows(2).all(|pair| pair[0].span <= pair[1].span));
        prop_assert!(found.busy.iter().all(|busy| busy.span.overlaps(autumn())));
    }
}
