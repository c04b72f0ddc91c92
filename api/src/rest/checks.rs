//! What names, colours and zones of the catalogue must look like, and what the database's refusals
//! of them mean.

use chrono::{Datelike, NaiveDate};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use engine::scheduling::zone::Zone;

use crate::problem::Problem;

const NAME_LETTERS_MAX: usize = 120;
const TEXT_LETTERS_MAX: usize = 300;

/// Something to call it by, on one line.
pub(super) fn name(given: &str, (): &()) -> garde::Result {
    if given.trim().is_empty() {
        return Err(garde::Error::new("must not be empty"));
    }
    short(given, NAME_LETTERS_MAX)
}

/// As [`name`], or empty.
pub(super) fn text(given: &str, (): &()) -> garde::Result {
    short(given, TEXT_LETTERS_MAX)
}

fn short(given: &str, letters_max: usize) -> garde::Result {
    if given.chars().count() > letters_max {
        return Err(garde::Error::new(format!("at most {letters_max} letters")));
    }
    if given.chars().any(unprintable) {
        return Err(garde::Error::new("must not contain control characters"));
    }
    Ok(())
}

/// Control characters, and those that turn the direction of what stands around them: with one of
/// these in it, a name shows as another one wherever it stands.
pub(super) fn unprintable(letter: char) -> bool {
    let turns = matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    letter.is_control() || turns
}

/// `#rrggbb`.
pub(super) fn color(given: &str, (): &()) -> garde::Result {
    let digits = given.strip_prefix('#').unwrap_or_default();
    if digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(());
    }
    Err(garde::Error::new("a colour such as #0f766e"))
}

/// A zone of the IANA database.
pub(super) fn zone(given: &str, (): &()) -> garde::Result {
    match given.parse::<Zone>() {
        Ok(_) => Ok(()),
        Err(_) => Err(garde::Error::new(
            "the IANA name of a time zone, such as America/Guayaquil",
        )),
    }
}

/// A date that is meant: nobody plans for other centuries.
pub(super) fn date(given: &NaiveDate, (): &()) -> garde::Result {
    if (1900..=2200).contains(&given.year()) {
        return Ok(());
    }
    Err(garde::Error::new("a date from 1900 to 2200"))
}

/// A name without spaces around it or doubled in it.
pub(super) fn tidy(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Maps what the database refuses because something like it is there already to a field's error.
pub(super) fn unless_taken(field: &'static str) -> impl FnOnce(DieselError) -> Problem {
    move |error| match error {
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => {
            Problem::invalid(field, "is in use already: choose another one")
        }
        error => error.into(),
    }
}

/// Maps what the database refuses because a row that it names is not there: not for the asker.
pub(super) fn unless_missing(error: DieselError) -> Problem {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _) => {
            Problem::not_found()
        }
        error => error.into(),
    }
}
