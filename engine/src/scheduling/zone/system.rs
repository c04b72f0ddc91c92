//! Holds chrono-tz's compiled data against the zone files of the system, 2024–2030. The two come
//! from different releases of the IANA database, so zones may differ; which ones is committed
//! here, and an unlisted difference fails: it says that chrono-tz wants an update.

use std::path::{Path, PathBuf};

use super::*;

/// Zones in which chrono-tz's 2025b is an hour off at some time in 2024–2030, compared with release
/// 2026f (against 2025b itself, as Debian 12 has it, none differs). Practices there need a chrono-tz
/// with newer data: until then, times after the change of law are wrong by the hour.
const DIFFER: &[&str] = &[
    "Africa/Casablanca",
    "Africa/El_Aaiun",
    "America/Edmonton",
    "America/Havana",
    "America/Inuvik",
    "America/Rainy_River",
    "America/Vancouver",
    "America/Winnipeg",
    "America/Yellowknife",
    "Canada/Central",
    "Canada/Mountain",
    "Canada/Pacific",
    "Cuba",
    "Europe/Chisinau",
    "Europe/Tiraspol",
];

const FIRST: i64 = 1_704_067_200; // 2024-01-01T00:00Z
const LAST: i64 = 1_924_992_000; // 2031-01-01T00:00Z

/// What a TZif version 2 file says (RFC 8536).
struct ZoneFile {
    /// Instants of UTC, ascending, and the offset (seconds east) from then on.
    transitions: Vec<(i64, i64)>,
    /// The offset before the first transition.
    first: i64,
    /// The POSIX TZ rule for times after the last transition.
    footer: String,
}

fn be(bytes: &[u8]) -> i64 {
    let sign = if bytes[0] & 0x80 == 0 { 0 } else { -1 };
    bytes
        .iter()
        .fold(sign, |value, byte| (value << 8) | i64::from(*byte))
}

/// The second block's offset and its six counts.
fn counts(data: &[u8]) -> [usize; 6] {
    std::array::from_fn(|n| be(&data[20 + 4 * n..24 + 4 * n]) as usize)
}

fn parse(data: &[u8]) -> Option<ZoneFile> {
    if !data.starts_with(b"TZif") || data[4] < b'2' {
        return None;
    }
    let [isutc, isstd, leap, time, types, chars] = counts(data);
    let data = &data[44 + time * 5 + types * 6 + chars + leap * 8 + isstd + isutc..];
    let [isutc, isstd, leap, time, types, chars] = counts(data);
    let (times, rest) = data[44..].split_at(time * 8);
    let (indices, rest) = rest.split_at(time);
    let (ttinfo, rest) = rest.split_at(types * 6);
    let offset = |n: usize| be(&ttinfo[n * 6..n * 6 + 4]);
    let transitions = times
        .chunks(8)
        .zip(indices)
        .map(|(at, index)| (be(at), offset(usize::from(*index))))
        .collect();
    let footer = &rest[chars + leap * 12 + isstd + isutc..];
    let footer = String::from_utf8_lossy(footer)
        .trim_matches('\n')
        .to_owned();
    Some(ZoneFile {
        transitions,
        first: offset(0),
        footer,
    })
}

/// `EST5EDT,M3.2.0,M11.1.0/2`: a name, an offset, and two rules.
struct Posix {
    standard: i64,
    daylight: Option<(i64, [Rule; 2])>,
}

/// The `week`-th `weekday` of `month`, `seconds` after local midnight.
struct Rule {
    month: u32,
    week: i64,
    weekday: i64,
    seconds: i64,
}

fn hms(text: &str) -> i64 {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let text = text.trim_start_matches('+');
    sign * text
        .split(':')
        .zip([3600, 60, 1])
        .map(|(part, unit)| part.parse::<i64>().unwrap() * unit)
        .sum::<i64>()
}

fn name_and_offset(text: &str) -> (i64, &str) {
    let name_end = if text.starts_with('<') {
        text.find('>').unwrap() + 1
    } else {
        text.find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(text.len())
    };
    let rest = &text[name_end..];
    let end = rest
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '+' | '-' | ':')))
        .unwrap_or(rest.len());
    // POSIX counts west of Greenwich; no number means "an hour ahead of standard time".
    let offset = if end == 0 {
        i64::MIN
    } else {
        -hms(&rest[..end])
    };
    (offset, &rest[end..])
}

fn posix(text: &str) -> Posix {
    let (standard, rest) = name_and_offset(text);
    if rest.is_empty() {
        return Posix {
            standard,
            daylight: None,
        };
    }
    let (daylight, rest) = name_and_offset(rest);
    let daylight = if daylight == i64::MIN {
        standard + 3600
    } else {
        daylight
    };
    let rules: Vec<Rule> = rest
        .trim_start_matches(',')
        .split(',')
        .map(|rule| {
            let (day, time) = rule.split_once('/').unwrap_or((rule, "2"));
            let numbers: Vec<i64> = day[1..]
                .split('.')
                .map(|part| part.parse().unwrap())
                .collect();
            Rule {
                month: numbers[0] as u32,
                week: numbers[1],
                weekday: numbers[2],
                seconds: hms(time),
            }
        })
        .collect();
    Posix {
        standard,
        daylight: Some((daylight, rules.try_into().ok().unwrap())),
    }
}

fn rule_seconds(rule: &Rule, year: i32) -> i64 {
    use chrono::Datelike;
    let first = NaiveDate::from_ymd_opt(year, rule.month, 1).unwrap();
    let lead = (rule.weekday - i64::from(first.weekday().num_days_from_sunday())).rem_euclid(7);
    let mut day = first + chrono::TimeDelta::days(lead + (rule.week - 1) * 7);
    if day.month() != rule.month {
        day -= chrono::TimeDelta::days(7);
    }
    day.and_time(NaiveTime::MIN).and_utc().timestamp() + rule.seconds
}

impl ZoneFile {
    /// The file's transitions, its footer's rule written out to 2031.
    fn all(&self) -> Vec<(i64, i64)> {
        let mut all = self.transitions.clone();
        let last = all.last().map_or(i64::MIN, |(at, _)| *at);
        if self.footer.is_empty() {
            return all;
        }
        let footer = posix(&self.footer);
        if let Some((daylight, [start, end])) = &footer.daylight {
            let mut ruled = Vec::new();
            for year in 2023..=2031 {
                ruled.push((rule_seconds(start, year) - footer.standard, *daylight));
                ruled.push((rule_seconds(end, year) - daylight, footer.standard));
            }
            ruled.sort_unstable();
            all.extend(ruled.into_iter().filter(|(at, _)| *at > last));
        }
        all
    }

    /// The offset at 2024-01-01 and the changes of it until 2031.
    fn changes(&self) -> Vec<(i64, i64)> {
        let mut current = self.first;
        let mut changes = Vec::new();
        for (at, offset) in self.all() {
            if at > FIRST && changes.is_empty() {
                changes.push((FIRST, current));
            }
            if at > FIRST && at < LAST && offset != current {
                changes.push((at, offset));
            }
            current = offset;
        }
        if changes.is_empty() {
            changes.push((FIRST, current));
        }
        changes
    }
}

/// The same from chrono-tz: hour by hour, then to the second.
fn compiled(zone: Zone) -> Vec<(i64, i64)> {
    let offset = |at: i64| {
        let at = DateTime::from_timestamp(at, 0).unwrap().naive_utc();
        i64::from(zone.0.offset_from_utc_datetime(&at).fix().local_minus_utc())
    };
    let mut changes = vec![(FIRST, offset(FIRST))];
    for hour in (FIRST..LAST).step_by(3600) {
        let after = offset(hour + 3600);
        if offset(hour) != after && hour + 3600 < LAST {
            let at = (hour + 1..=hour + 3600)
                .find(|s| offset(*s) == after)
                .unwrap();
            changes.push((at, after));
        }
    }
    changes
}

#[test]
fn compiled_data_agrees_with_the_system() {
    // TZDIR is tzcode's own variable: lets one try another release's files.
    let dir = std::env::var_os("TZDIR").map_or("/usr/share/zoneinfo".into(), PathBuf::from);
    if !Path::new(&dir).join("UTC").exists() {
        println!("skipped: no zone files in {}", dir.display());
        return;
    }
    let mut compared = 0;
    let mut differing = Vec::new();
    for tz in chrono_tz::TZ_VARIANTS {
        let Some(file) = std::fs::read(dir.join(tz.name()))
            .ok()
            .and_then(|d| parse(&d))
        else {
            continue; // the system need not have every old alias
        };
        compared += 1;
        if file.changes() != compiled(Zone(tz)) {
            differing.push(tz.name());
        }
    }
    println!("compared {compared} zones; differing: {differing:?}");
    assert!(compared > 300, "only {compared} zones were readable");
    let unlisted: Vec<_> = differing
        .iter()
        .filter(|name| !DIFFER.contains(name))
        .collect();
    assert!(
        unlisted.is_empty(),
        "chrono-tz {} and the system's zone files differ unexpectedly in {unlisted:?}",
        chrono_tz::IANA_TZDB_VERSION
    );
}

#[test]
fn the_footer_is_read() {
    let rule = posix("<-0330>3:30<-0230>,M3.2.0,M11.1.0");
    assert_eq!(rule.standard, -12_600);
    let (daylight, [start, _]) = rule.daylight.unwrap();
    assert_eq!(daylight, -9_000);
    assert_eq!(rule_seconds(&start, 2026), 1_772_935_200); // 2026-03-08T02:00 as if UTC
}
