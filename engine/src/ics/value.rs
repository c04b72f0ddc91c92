//! The values of iCalendar properties (RFC 5545 §3.3): dates, times, durations, offsets.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

use super::SkipReason;
use super::lines::Prop;
use super::zones::{Place, Zones};
use crate::scheduling::zone::{WallClock, Zone};

/// When something is: a local day, or a wall time somewhere (UTC being a place too).
#[derive(Debug, Clone, PartialEq)]
pub(super) enum When {
    Day(NaiveDate),
    At(NaiveDateTime, Place),
}

impl When {
    /// As the wall at `place` shows it; a day is its midnight.
    pub fn at(&self, place: &Place) -> NaiveDateTime {
        match self {
            Self::Day(date) => date.and_time(NaiveTime::MIN),
            Self::At(local, own) if own == place => *local,
            Self::At(local, own) => place.wall(own.instant(*local)),
        }
    }

    /// The day it falls on. Only a moment of UTC is moved to `place`: others are local already.
    pub fn day(&self, place: &Place) -> NaiveDate {
        match self {
            Self::Day(date) => *date,
            Self::At(_, own) if *own == Place::Named(Zone::UTC) => self.at(place).date(),
            Self::At(local, _) => local.date(),
        }
    }
}

/// Every value of a date property (EXDATE and RDATE are lists), with its TZID and VALUE read.
pub(super) fn whens(prop: &Prop, zones: &mut Zones<'_>) -> Result<Vec<When>, SkipReason> {
    if prop
        .param("VALUE")
        .is_some_and(|value| value.eq_ignore_ascii_case("PERIOD"))
    {
        return Err(SkipReason::Period);
    }
    let bad = || SkipReason::BadValue(shortened(&format!("{}:{}", prop.name, prop.value)));
    let as_date = prop
        .param("VALUE")
        .is_some_and(|value| value.eq_ignore_ascii_case("DATE"));
    let texts = prop
        .value
        .split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty());
    let mut list = Vec::new();
    for text in texts {
        list.push(match (date(text), moment(text)) {
            (Some(day), _) => When::Day(day),
            (None, Some((local, _))) if as_date => When::Day(local.date()),
            (None, Some((local, true))) => When::At(local, Place::Named(Zone::UTC)),
            (None, Some((local, false))) => When::At(local, zones.place(prop.param("TZID"))?),
            (None, None) => return Err(bad()),
        });
    }
    if list.is_empty() {
        Err(bad())
    } else {
        Ok(list)
    }
}

/// The one value of a date property.
pub(super) fn when(prop: &Prop, zones: &mut Zones<'_>) -> Result<When, SkipReason> {
    whens(prop, zones)?
        .into_iter()
        .next()
        .ok_or(SkipReason::NoStart)
}

/// `20260131`
fn date(text: &str) -> Option<NaiveDate> {
    let digits = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
    digits
        .then(|| NaiveDate::parse_from_str(text, "%Y%m%d").ok())
        .flatten()
}

/// `20260131T093000` with an optional `Z`: whether it is UTC. Seconds may be missing.
pub(super) fn moment(text: &str) -> Option<(NaiveDateTime, bool)> {
    let (body, utc) = match text.strip_suffix(['Z', 'z']) {
        Some(body) => (body, true),
        None => (text, false),
    };
    let (day, time) = body.split_once(['T', 't'])?;
    let part = |range: std::ops::Range<usize>| -> Option<u32> {
        let digits = time.get(range)?;
        digits
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| digits.parse().ok())
            .flatten()
    };
    let second = match time.len() {
        6 => part(4..6)?.min(59),
        4 => 0,
        _ => return None,
    };
    let time = NaiveTime::from_hms_opt(part(0..2)?, part(2..4)?, second)?;
    Some((date(day)?.and_time(time), utc))
}

/// How long something lasts: days as the wall counts them, then exact seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Length {
    pub days: i64,
    pub seconds: i64,
}

/// `P1W`, `P1DT2H`, `-PT15M`. Ten years bound it.
pub(super) fn duration(text: &str) -> Option<Length> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut length = Length::default();
    let mut digits = String::new();
    for c in text.strip_prefix(['P', 'p'])?.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        if c.eq_ignore_ascii_case(&'T') && digits.is_empty() {
            continue;
        }
        let number = sign * std::mem::take(&mut digits).parse::<i64>().ok()?;
        let add = |to: i64, unit: i64| to.checked_add(number.checked_mul(unit)?);
        match c.to_ascii_uppercase() {
            'W' => length.days = add(length.days, 7)?,
            'D' => length.days = add(length.days, 1)?,
            'H' => length.seconds = add(length.seconds, 3600)?,
            'M' => length.seconds = add(length.seconds, 60)?,
            'S' => length.seconds = add(length.seconds, 1)?,
            _ => return None,
        }
    }
    let sane = length.days.abs() <= 3_653 && length.seconds.abs() <= 3_653 * 86_400;
    (digits.is_empty() && sane).then_some(length)
}

/// `-0500`, `+053000`: seconds east of UTC.
pub(super) fn offset(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-'])?;
    if !matches!(digits.len(), 4 | 6) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |at: usize| {
        digits
            .get(at..at + 2)
            .map_or(Some(0), |part| part.parse::<i64>().ok())
    };
    let seconds = part(0)? * 3600 + part(2)? * 60 + part(4)?;
    let seconds = if text.starts_with('-') {
        -seconds
    } else {
        seconds
    };
    (seconds.abs() < 26 * 3600).then_some(seconds)
}

/// At most 80 characters, for messages.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}
