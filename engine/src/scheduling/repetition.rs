//! Visits that repeat: which starts a rule gives, and where each of them can be. Edits of what has
//! been booked are moves, see [`relocation`](super::relocation).

use std::collections::BTreeSet;

use chrono::NaiveDateTime;
use schema::ids::{CalendarId, OperatoryId};
use schema::models::pattern::{Placed, Segment};
use schema::models::series::SeriesPolicy;
use schema::span::{DAY, Minute, Span};

use super::draft::Draft;
use super::pattern;
use super::placement::{self, Asker, Placement, Wish, slot_interval_min};
use super::recurrence::{Recurrence, RecurrenceError};
use super::rejection::{Override, Rejection};
use super::rulebook::{Provider, RuleBook, Treatment};
use super::zone::Zone;

/// Visits of one series.
pub const VISITS_MAX: usize = 104;
/// Occurrences of one block.
pub const BLOCKS_MAX: usize = 400;
/// From the first occurrence to the last.
const DAYS_MAX: i64 = 3 * 366;
/// How far is looked for occurrences that lie beyond.
const LOOK_DAYS: i64 = 10 * 366;

/// How something repeats. Times are local to the practice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule<'a> {
    /// RFC 5545; without, `start` and `rdates` are all there is.
    pub rrule: Option<&'a str>,
    pub start: NaiveDateTime,
    pub rdates: &'a [NaiveDateTime],
    pub exdates: &'a [NaiveDateTime],
}

/// The starts that a rule gives, by minute, with what the wall shows then. The start is one of them
/// whether the rule matches it or not, as calendar programs do it.
///
/// # Errors
/// `validation` for a rule that cannot be read, that gives nothing, or more than `most`, or that
/// goes on for more than three years.
pub fn starts(
    rule: &Rule<'_>,
    zone: Zone,
    most: usize,
) -> Result<Vec<(NaiveDateTime, Minute)>, Rejection> {
    let unreadable = |error: RecurrenceError| Rejection::invalid("rrule", error.to_string());
    let rdates = rule.rdates.to_vec();
    let recurrence = match rule.rrule {
        Some(text) => Recurrence::parse(text, rule.start, zone, rdates, rule.exdates)
            .map_err(unreadable)?
            .with_start(),
        None => Recurrence::dates(rule.start, zone, rdates, rule.exdates).map_err(unreadable)?,
    };
    let first = rule.rdates.iter().min().copied();
    let first = zone.to_utc(first.map_or(rule.start, |first| first.min(rule.start)));
    let Some(range) = Span::lasting(first, LOOK_DAYS * DAY) else {
        return Err(Rejection::invalid("start", "outside 1900 to 2100"));
    };
    let found = recurrence.occurrences(range, most);
    let Some((_, last)) = found.starts.last() else {
        return Err(Rejection::invalid("rrule", "gives no time at all"));
    };
    if found.truncated {
        let text = format!("gives more than {most} times: end it with COUNT or UNTIL");
        return Err(Rejection::invalid("rrule", text));
    }
    if last.0 - first.0 > DAYS_MAX * DAY {
        let text = "goes on for more than three years: end it with COUNT or UNTIL";
        return Err(Rejection::invalid("rrule", text));
    }
    Ok(found.starts)
}

/// The visit that repeats.
#[derive(Clone, Debug)]
pub struct Repeated<'a> {
    pub rules: &'a RuleBook,
    pub provider: &'a Provider,
    pub treatment: &'a Treatment,
    pub segments: &'a [Segment],
    /// Minutes.
    pub duration: i64,
    pub operatory: Option<OperatoryId>,
    pub patient: CalendarId,
    pub asker: Asker,
    pub overrides: &'a BTreeSet<Override>,
    pub policy: SeriesPolicy,
    /// Of `nearest`: minutes to either side.
    pub window: i64,
    pub now: Minute,
}

/// What becomes of one occurrence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As wanted.
    Wanted(Placement),
    /// At another time or in another operatory.
    Alternative(Placement),
    Refused(Rejection),
}

impl Repeated<'_> {
    /// Where the occurrence at `start` can be. `preferred` is the operatory of those before it.
    #[must_use]
    pub fn judge(
        &self,
        start: Minute,
        preferred: Option<OperatoryId>,
        draft: &Draft<'_>,
    ) -> Verdict {
        let why = match self.at(start, self.operatory, preferred, draft) {
            Ok(placement) => return Verdict::Wanted(placement),
            Err(why) => why,
        };
        if self.policy != SeriesPolicy::Nearest {
            return Verdict::Refused(why);
        }
        let preferred = self.operatory.or(preferred);
        for start in self.around(start) {
            if let Ok(placement) = self.at(start, None, preferred, draft) {
                return Verdict::Alternative(placement);
            }
        }
        Verdict::Refused(why)
    }

    /// The visit's parts with the patient's.
    #[must_use]
    pub fn whole(&self, placement: &Placement) -> Vec<Placed> {
        let patient = pattern::patient(self.patient, self.duration);
        placement.pattern.iter().copied().chain([patient]).collect()
    }

    fn at(
        &self,
        start: Minute,
        operatory: Option<OperatoryId>,
        preferred: Option<OperatoryId>,
        draft: &Draft<'_>,
    ) -> Result<Placement, Rejection> {
        let wish = Wish {
            provider: self.provider,
            treatment: self.treatment,
            segments: self.segments,
            span: Span::lasting(start, self.duration).ok_or(Rejection::BadDuration)?,
            operatory,
            preferred,
            asker: self.asker,
            overrides: self.overrides,
            avoid: &BTreeSet::new(),
        };
        let placement = placement::place(self.rules, &wish, self.now, draft)?;
        match draft.in_the_way(&self.whole(&placement), start) {
            None => Ok(placement),
            Some(why) => Err(why),
        }
    }

    /// The same time, then ever further away, the later one first; never in the past.
    fn around(&self, start: Minute) -> impl Iterator<Item = Minute> {
        let step = slot_interval_min(self.rules, self.treatment);
        let now = self.now;
        (0..=self.window / step)
            .flat_map(move |n| [start.plus(n * step), start.plus(-n * step)])
            .skip(1)
            .filter(move |other| *other >= now || *other == start)
    }
}

#[cfg(test)]
mod tests;
