//! Reading a rule's text strictly: what RFC 5545 §3.3.10 forbids is refused, not guessed.

use chrono::{NaiveDate, NaiveDateTime, Weekday};

use super::rule::{ByDay, Frequency, Rule, Until};
use super::{RULE_BYTES_MAX, RecurrenceError};

type Result<T> = std::result::Result<T, RecurrenceError>;

/// The parts in the order of the RFC's table, with their numbers' bounds.
const NUMBERS: [(&str, i32, i32, bool); 9] = [
    ("BYSECOND", 0, 60, false),
    ("BYMINUTE", 0, 59, false),
    ("BYHOUR", 0, 23, false),
    ("BYMONTHDAY", 1, 31, true),
    ("BYYEARDAY", 1, 366, true),
    ("BYWEEKNO", 1, 53, true),
    ("BYMONTH", 1, 12, false),
    ("BYSETPOS", 1, 366, true),
    ("INTERVAL", 1, 9_999, false),
];

impl Rule {
    /// Reads `FREQ=…;…`, in any order and case.
    ///
    /// # Errors
    /// [`RecurrenceError`]: malformed, contradictory, or not supported.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > RULE_BYTES_MAX {
            return Err(RecurrenceError::TooLong);
        }
        let text = text.trim().to_ascii_uppercase();
        let mut rule = Draft::default();
        let mut seen: Vec<&str> = Vec::new();
        for part in text.split(';').filter(|part| !part.is_empty()) {
            let unknown = || RecurrenceError::UnknownPart(part.to_owned());
            let (name, value) = part.split_once('=').ok_or_else(unknown)?;
            if seen.contains(&name) {
                return Err(unknown());
            }
            seen.push(name);
            rule.set(name, value, unknown)?;
        }
        rule.finish()
    }
}

/// A rule being read: lists by their place in [`NUMBERS`].
#[derive(Default)]
struct Draft {
    frequency: Option<Frequency>,
    count: Option<u32>,
    until: Option<Until>,
    week_start: Option<Weekday>,
    days: Vec<ByDay>,
    numbers: [Vec<i32>; 9],
}

impl Draft {
    fn set(
        &mut self,
        name: &str,
        value: &str,
        unknown: impl Fn() -> RecurrenceError,
    ) -> Result<()> {
        match name {
            "FREQ" => self.frequency = Some(frequency(value)?),
            "COUNT" => self.count = Some(count(value)?),
            "UNTIL" => self.until = Some(until(value)?),
            "WKST" => self.week_start = Some(weekday(value).ok_or_else(|| bad("WKST", value))?),
            "BYDAY" => self.days = by_days(value)?,
            // RFC 7529's defaults change nothing; other values would.
            "RSCALE" if value == "GREGORIAN" => {}
            "SKIP" if value == "OMIT" => {}
            _ => {
                let at = NUMBERS
                    .iter()
                    .position(|(part, ..)| *part == name)
                    .ok_or_else(unknown)?;
                if let (Some(place), Some(bounds)) = (self.numbers.get_mut(at), NUMBERS.get(at)) {
                    *place = numbers(value, *bounds)?;
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Rule> {
        let frequency = self.frequency.ok_or(RecurrenceError::MissingFrequency)?;
        if self.count.is_some() && self.until.is_some() {
            return Err(RecurrenceError::CountAndUntil);
        }
        let [
            seconds,
            minutes,
            hours,
            month_days,
            year_days,
            week_numbers,
            months,
            positions,
            interval,
        ] = self.numbers;
        let interval = match *interval {
            [] => 1,
            [every] => every.unsigned_abs(),
            _ => return Err(bad("INTERVAL", "a list")),
        };
        let rule = Rule {
            frequency,
            interval,
            count: self.count,
            until: self.until,
            week_start: self.week_start.unwrap_or(Weekday::Mon),
            months: unsigned(&months),
            week_numbers,
            year_days,
            month_days,
            days: self.days,
            hours: unsigned(&hours),
            minutes: unsigned(&minutes),
            seconds: unsigned(&seconds),
            positions,
        };
        check(&rule)?;
        Ok(rule)
    }
}

/// The table of RFC 5545 §3.3.10: which part goes with which frequency.
fn check(rule: &Rule) -> Result<()> {
    let frequency = rule.frequency;
    let yearly = frequency == Frequency::Yearly;
    let ordinals = rule.days.iter().any(|day| day.ordinal != 0);
    let forbidden = [
        ("BYWEEKNO", !rule.week_numbers.is_empty() && !yearly),
        ("BYYEARDAY", !rule.year_days.is_empty() && !yearly),
        (
            "BYMONTHDAY",
            !rule.month_days.is_empty() && frequency == Frequency::Weekly,
        ),
        (
            "BYDAY with a number",
            ordinals && frequency < Frequency::Monthly,
        ),
        (
            "BYDAY with a number beside BYWEEKNO",
            ordinals && !rule.week_numbers.is_empty(),
        ),
    ];
    if let Some((part, _)) = forbidden.into_iter().find(|(_, found)| *found) {
        return Err(RecurrenceError::PartNotAllowed { part, frequency });
    }
    let others = [&rule.week_numbers, &rule.year_days, &rule.month_days];
    let times = [&rule.months, &rule.hours, &rule.minutes, &rule.seconds];
    let any = others.iter().any(|list| !list.is_empty())
        || times.iter().any(|list| !list.is_empty())
        || !rule.days.is_empty();
    if !rule.positions.is_empty() && !any {
        return Err(RecurrenceError::SetPosAlone);
    }
    Ok(())
}

fn bad(part: &'static str, value: &str) -> RecurrenceError {
    RecurrenceError::InvalidValue {
        part,
        value: value.to_owned(),
    }
}

fn frequency(value: &str) -> Result<Frequency> {
    match value {
        "DAILY" => Ok(Frequency::Daily),
        "WEEKLY" => Ok(Frequency::Weekly),
        "MONTHLY" => Ok(Frequency::Monthly),
        "YEARLY" => Ok(Frequency::Yearly),
        "SECONDLY" => Err(RecurrenceError::UnsupportedFrequency("SECONDLY")),
        "MINUTELY" => Err(RecurrenceError::UnsupportedFrequency("MINUTELY")),
        "HOURLY" => Err(RecurrenceError::UnsupportedFrequency("HOURLY")),
        _ => Err(bad("FREQ", value)),
    }
}

fn count(value: &str) -> Result<u32> {
    let count = value
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| value.parse().ok())
        .flatten();
    count
        .filter(|count| *count > 0)
        .ok_or_else(|| bad("COUNT", value))
}

fn until(value: &str) -> Result<Until> {
    let moment = |text: &str| NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").ok();
    let until = match (value.len(), value.strip_suffix('Z')) {
        (16, Some(utc)) => moment(utc).map(|at| Until::Utc(at.and_utc())),
        (15, None) => moment(value).map(Until::Local),
        (8, None) => NaiveDate::parse_from_str(value, "%Y%m%d")
            .ok()
            .map(Until::Date),
        _ => None,
    };
    until.ok_or_else(|| bad("UNTIL", value))
}

fn weekday(value: &str) -> Option<Weekday> {
    Some(match value {
        "MO" => Weekday::Mon,
        "TU" => Weekday::Tue,
        "WE" => Weekday::Wed,
        "TH" => Weekday::Thu,
        "FR" => Weekday::Fri,
        "SA" => Weekday::Sat,
        "SU" => Weekday::Sun,
        _ => return None,
    })
}

fn by_days(value: &str) -> Result<Vec<ByDay>> {
    let day = |text: &str| {
        let (ordinal, day) = text.split_at_checked(text.len().checked_sub(2)?)?;
        let ordinal = if ordinal.is_empty() {
            0
        } else {
            i8::try_from(number(ordinal, 1, 53, true)?).ok()?
        };
        Some(ByDay {
            ordinal,
            weekday: weekday(day)?,
        })
    };
    let days = value
        .split(',')
        .map(|text| day(text.trim()).ok_or_else(|| bad("BYDAY", value)));
    days.collect()
}

/// Digits with an optional sign; `least..=most`, and the same negated where `signed`.
fn number(text: &str, least: i32, most: i32, signed: bool) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || digits.len() > 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: i32 = digits.parse().ok()?;
    let negative = text.starts_with('-');
    let allowed = (least..=most).contains(&value) && (signed || !negative);
    allowed.then_some(if negative { -value } else { value })
}

fn numbers(value: &str, bounds: (&'static str, i32, i32, bool)) -> Result<Vec<i32>> {
    let (part, least, most, signed) = bounds;
    let one = |text: &str| number(text.trim(), least, most, signed).ok_or_else(|| bad(part, value));
    let mut list = value.split(',').map(one).collect::<Result<Vec<i32>>>()?;
    if part == "BYSECOND" {
        // A leap second is the one before it where none are kept (RFC 5545 §3.3.12).
        list.iter_mut()
            .for_each(|second| *second = (*second).min(59));
    }
    list.sort_unstable();
    list.dedup();
    Ok(list)
}

fn unsigned(list: &[i32]) -> Vec<u32> {
    list.iter().map(|value| value.unsigned_abs()).collect()
}
