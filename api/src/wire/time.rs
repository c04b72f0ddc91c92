//! Times on the wire: RFC 3339 with an offset, in whole minutes.

use chrono::{DateTime, Utc};
use schema::span::{Minute, Span};

use crate::problem::Problem;

/// A time in the text form of a query.
///
/// # Errors
/// 422 for text that is not RFC 3339 with an offset, or a time with seconds.
pub fn parse(field: &str, text: &str) -> Result<Minute, Problem> {
    let at = DateTime::parse_from_rfc3339(text).map_err(|_| {
        Problem::invalid(
            field,
            "an RFC 3339 time with an offset, such as 2027-03-14T09:00:00-05:00",
        )
    })?;
    minute(field, at.with_timezone(&Utc))
}

/// A time of a body, which serde has read.
///
/// # Errors
/// 422 for a time with seconds, or outside 1900 to 2100.
pub fn minute(field: &str, at: DateTime<Utc>) -> Result<Minute, Problem> {
    Minute::exact(at).ok_or_else(|| Problem::invalid(field, "a whole minute from 1900 to 2100"))
}

/// `from` to `to`, at most `days_max` days long.
///
/// # Errors
/// 422 for times that cannot be read, are not in order, or lie too far apart.
pub fn range(from: &str, to: &str, days_max: i64) -> Result<Span, Problem> {
    let range = Span::new(parse("from", from)?, parse("to", to)?)
        .ok_or_else(|| Problem::invalid("to", "later than from"))?;
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
        assert!(range("2027-03-14T09:00:00Z", "2027-03-14T09:00:00Z", 1).is_err());
        assert!(range("2027-03-14T09:00:00Z", "2027-03-16T09:00:00Z", 1).is_err());
    }
}
