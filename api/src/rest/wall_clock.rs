//! Times of the day on the wire: `09:00`, in the clinic's or the practice's zone; `24:00` is the
//! end of the day.

use engine::scheduling::hours::{DayWindow, WeeklyWindow};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::{FieldError, Problem};

/// Windows of one list of hours at most: every day could have ten.
pub const WINDOWS_MAX: usize = 70;

/// A window on one day of the week, in the clinic's zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[garde(allow_unvalidated)]
pub struct Hours {
    /// Monday is 1 (ISO 8601).
    #[garde(range(min = 1, max = 7))]
    #[schema(minimum = 1, maximum = 7)]
    pub weekday: i16,
    #[schema(example = "09:00")]
    pub from: String,
    /// Later than `from`; `24:00` at most. Hours past midnight are two windows.
    #[schema(example = "13:00")]
    pub to: String,
}

impl Hours {
    /// Of the minutes that the database keeps.
    #[must_use]
    pub fn of(weekday: i16, from: i16, to: i16) -> Self {
        Self {
            weekday,
            from: text(from),
            to: text(to),
        }
    }

    /// As minutes of the day, `(from, to)`.
    ///
    /// # Errors
    /// 422 for what is no time of the day, or not in order; `field` is the window's path.
    pub fn minutes(&self, field: &str) -> Result<(i16, i16), Problem> {
        let from = parse(&format!("{field}.from"), &self.from)?;
        let to = parse(&format!("{field}.to"), &self.to)?;
        if from >= to {
            return Err(Problem::invalid(&format!("{field}.to"), "later than from"));
        }
        Ok((from, to))
    }
}

/// Hours as the rules compute with them.
///
/// # Errors
/// 422 for what is no time of the day, or not in order.
pub fn weekly(hours: &[Hours]) -> Result<Vec<WeeklyWindow>, Problem> {
    let windows = hours.iter().enumerate().map(|(index, hours)| {
        let field = format!("hours[{index}]");
        let (from, to) = hours.minutes(&field)?;
        window(hours.weekday, from, to).ok_or_else(|| {
            Problem::invalid(&format!("{field}.weekday"), "1 (Monday) to 7 (Sunday)")
        })
    });
    windows.collect()
}

/// A window of the week as the database keeps it.
#[must_use]
pub fn window(weekday: i16, from: i16, to: i16) -> Option<WeeklyWindow> {
    let weekday = u8::try_from(weekday.checked_sub(1)?).ok()?;
    Some(WeeklyWindow {
        weekday: weekday.try_into().ok()?,
        window: DayWindow::new(from.try_into().ok()?, to.try_into().ok()?).ok()?,
    })
}

/// 422: two windows of one list that overlap.
#[must_use]
pub fn overlapping(first: usize, second: usize) -> Problem {
    Problem::validation(vec![FieldError {
        field: format!("hours[{second}]"),
        message: format!("overlaps hours[{first}]"),
    }])
}

/// Minutes of the day as `HH:MM`.
#[must_use]
pub fn text(minute: i16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// `HH:MM` as minutes of the day, `24:00` included.
///
/// # Errors
/// 422 for anything else.
pub fn parse(field: &str, text: &str) -> Result<i16, Problem> {
    read(text)
        .ok_or_else(|| Problem::invalid(field, "a time of the day such as 09:00, up to 24:00"))
}

fn read(text: &str) -> Option<i16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |digits: &str| -> Option<i16> {
        let plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= 1440).then_some(minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_read_as_a_clock() {
        assert_eq!([0, 545, 1440].map(text), ["00:00", "09:05", "24:00"]);
        for minute in [0, 545, 1439, 1440] {
            assert_eq!(read(&text(minute)), Some(minute));
        }
        for bad in [
            "", "9:00", "09:60", "24:01", "25:00", "09:00:00", "-1:00", "+9:00", "０9:00",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn windows_are_in_order_on_a_day_that_there_is() {
        let hours = |weekday, from: &str, to: &str| Hours {
            weekday,
            from: from.to_owned(),
            to: to.to_owned(),
        };
        assert_eq!(weekly(&[hours(7, "00:00", "24:00")]).unwrap().len(), 1);
        for (bad, field) in [
            (hours(0, "09:00", "10:00"), "hours[0].weekday"),
            (hours(8, "09:00", "10:00"), "hours[0].weekday"),
            (hours(i16::MIN, "09:00", "10:00"), "hours[0].weekday"),
            (hours(1, "10:00", "10:00"), "hours[0].to"),
            (hours(1, "9", "10:00"), "hours[0].from"),
        ] {
            assert_eq!(weekly(&[bad]).unwrap_err().errors[0].field, field);
        }
    }
}
