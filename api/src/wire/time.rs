//! Times on the wire: RFC 3339 with an offset, in whole minutes.

use chrono::{DateTime, Datelike, Utc};
use schema::span::{DAY, Minute, Span};
use serde::{Serialize, Serializer};

use crate::problem::Problem;

/// A minute as its text on the wire, such as `2027-03-14T09:00:00Z`. Written by itself: a search
/// answers with many, and chrono's writing takes longer than the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct At(pub Minute);

impl At {
    /// Its text; `None` outside the years 0 to 9999.
    fn ascii(self) -> Option<[u8; 20]> {
        let mut text = *b"0000-00-00T00:00:00Z";
        let date = self.0.to_utc().date_naive();
        let year = u32::try_from(date.year())
            .ok()
            .filter(|year| *year <= 9999)?;
        let minute = self.0.0.rem_euclid(DAY) as u32;
        let mut put = |from: usize, to: usize, mut number: u32| {
            for digit in text[from..to].iter_mut().rev() {
                *digit += (number % 10) as u8;
                number /= 10;
            }
        };
        put(0, 4, year);
        put(5, 7, date.month());
        put(8, 10, date.day());
        put(11, 13, minute / 60);
        put(14, 16, minute % 60);
        Some(text)
    }

    /// Writes it as JSON, quotes included.
    pub fn write_json(self, out: &mut Vec<u8>) {
        out.push(b'"');
        match self.ascii() {
            Some(text) => out.extend_from_slice(&text),
            None => out.extend_from_slice(self.0.to_utc().to_rfc3339().as_bytes()),
        }
        out.push(b'"');
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.ascii().as_ref().map(|text| std::str::from_utf8(text)) {
            Some(Ok(text)) => serializer.serialize_str(text),
            _ => self.0.to_utc().serialize(serializer),
        }
    }
}

/// A time in the text form of a query.
///
/// # Errors
/// 422 for text that is not RFC 3339 with an offset, or a time with seconds.
pub fn parse(field: &str, text: &str) -> Result<Minute, Problem> {
    minute(field, instant(field, text)?)
}

fn instant(field: &str, text: &str) -> Result<DateTime<Utc>, Problem> {
    let at = DateTime::parse_from_rfc3339(text).map_err(|_| {
        Problem::invalid(
            field,
            "an RFC 3339 time with an offset, such as 2027-03-14T09:00:00-05:00",
        )
    })?;
    Ok(at.with_timezone(&Utc))
}

/// A time of a body, which serde has read.
///
/// # Errors
/// 422 for a time with seconds, or outside 1900 to 2100.
pub fn minute(field: &str, at: DateTime<Utc>) -> Result<Minute, Problem> {
    Minute::exact(at).ok_or_else(|| Problem::invalid(field, "a whole minute from 1900 to 2100"))
}

/// `from` to `to`, at most `days_max` days long, for what touches it. A question need not begin with
/// a minute, unlike what is booked: all minutes that it reaches into belong to it.
///
/// # Errors
/// 422 for times that cannot be read, are not in order, or lie too far apart.
pub fn range(from: &str, to: &str, days_max: i64) -> Result<Span, Problem> {
    let (from, to) = (instant("from", from)?, instant("to", to)?);
    bounded(Minute::floor(from), Minute::ceil(to), days_max)
}

/// As [`range`], for what starts within: nothing starts in the minute that has begun before.
///
/// # Errors
/// As [`range`].
pub fn starts(from: &str, to: &str, days_max: i64) -> Result<Span, Problem> {
    let (from, to) = (instant("from", from)?, instant("to", to)?);
    bounded(Minute::ceil(from), Minute::ceil(to), days_max)
}

fn bounded(from: Minute, to: Minute, days_max: i64) -> Result<Span, Problem> {
    minute("from", from.to_utc())?;
    minute("to", to.to_utc())?;
    let range = Span::new(from, to).ok_or_else(|| Problem::invalid("to", "later than from"))?;
    if range.minutes() > days_max * schema::span::DAY {
        return Err(Problem::invalid(
            "to",
            format!("at most {days_max} days after from"),
        ));
    }
    Ok(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_written_as_chrono_writes_them() {
        for minute in [0, -1, 1, 30_064_620, 68_374_080, -36_816_480, i64::MAX] {
            let written = serde_json::to_string(&At(Minute(minute))).unwrap();
            let expected = serde_json::to_string(&Minute(minute).to_utc()).unwrap();
            assert_eq!(written, expected);
        }
    }

    #[test]
    fn only_whole_minutes_with_an_offset() {
        for good in ["2027-03-14T09:00:00Z", "2027-03-14T04:00:00-05:00"] {
            assert_eq!(
                parse("start", good).unwrap().to_utc().to_rfc3339(),
                "2027-03-14T09:00:00+00:00"
            );
        }
        for bad in [
            "2027-03-14T09:00:00",
            "2027-03-14T09:00:01Z",
            "2027-03-14",
            "1815-01-01T00:00:00Z",
            "",
        ] {
            assert!(parse("start", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn questions_need_not_begin_with_a_minute() {
        let text = |span: Span| {
            let clock = |minute: Minute| minute.to_utc().format("%H:%M").to_string();
            format!("{}-{}", clock(span.start()), clock(span.end()))
        };
        let at = |clock: &str| format!("2027-03-14T{clock}Z");
        for (from, to, touching, starting) in [
            ("09:00:00", "10:00:00", "09:00-10:00", "09:00-10:00"),
            ("09:00:30", "10:00:00.5", "09:00-10:01", "09:01-10:01"),
        ] {
            let both = (at(from), at(to));
            assert_eq!(text(range(&both.0, &both.1, 1).unwrap()), touching);
            assert_eq!(text(starts(&both.0, &both.1, 1).unwrap()), starting);
        }
        for (from, to) in [
            (at("09:00:00"), at("09:00:00")),
            (at("09:00:00"), at("08:00:00")),
            (at("09:00:00"), "2027-03-16T09:00:00Z".to_owned()),
            (
                "1815-01-01T00:00:00Z".to_owned(),
                "1815-01-01T01:00:00Z".to_owned(),
            ),
            (at("09:00:00"), "tomorrow".to_owned()),
        ] {
            assert!(range(&from, &to, 1).is_err(), "{from} {to}");
            assert!(starts(&from, &to, 1).is_err(), "{from} {to}");
        }
    }
}
