//! Another time, provider, operatory or length for a visit, by its own copy of the pattern; and an
//! arrangement of many such moves in which no two get in each other's way.

use std::collections::BTreeSet;

use schema::ids::{CalendarId, OperatoryId, ProviderId};
use schema::models::appointment::Appointment;
use schema::models::pattern::{Role, Segment};
use schema::span::{Minute, Span};

use super::diary::Diary;
use super::draft::Draft;
use super::pattern;
use super::placement::{self, Asker, Placement, Wish};
use super::rejection::{Override, Rejection};
use super::rulebook::RuleBook;

/// Where a visit would go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub start: Minute,
    pub provider: ProviderId,
    /// `None`: where it was, or else any that the provider may use then.
    pub operatory: Option<OperatoryId>,
    /// Minutes; its own without.
    pub duration: Option<i64>,
}

/// By what a move is judged.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    pub rules: &'a RuleBook,
    pub asker: Asker,
    pub overrides: &'a BTreeSet<Override>,
    /// Calendars that refused in an earlier try.
    pub avoid: &'a BTreeSet<CalendarId>,
    pub now: Minute,
}

/// A visit as it would be, with the rules' side of it.
pub type Relocated = (Appointment, Placement);

/// The visit at another place, by the rules; the diary guides the choice of what is not named, and
/// what is taken is for the caller to find.
///
/// # Errors
/// The first rule that refuses.
pub fn relocate(
    terms: &Terms<'_>,
    before: &Appointment,
    place: Place,
    diary: &dyn Diary,
) -> Result<Relocated, Rejection> {
    let (provider, treatment) = placement::named(terms.rules, place.provider, before.treatment)?;
    let own: Vec<Segment> = before
        .pattern
        .iter()
        .map(|placed| placed.segment)
        .filter(|segment| segment.role != Role::Patient)
        .collect();
    let old = before.span.minutes();
    let new = place.duration.unwrap_or(old);
    let segments = pattern::stretch(&own, old, new).ok_or(Rejection::BadDuration)?;
    let span = Span::lasting(place.start, new).ok_or(Rejection::BadDuration)?;
    let wish = Wish {
        provider,
        treatment,
        segments: &segments,
        span,
        operatory: place.operatory,
        preferred: Some(before.operatory),
        asker: terms.asker,
        overrides: terms.overrides,
        avoid: terms.avoid,
    };
    let placed = placement::place(terms.rules, &wish, terms.now, diary)?;
    let patients = before
        .pattern
        .iter()
        .filter(|placed| placed.segment.role == Role::Patient)
        .map(|placed| pattern::patient(placed.calendar_id, new));
    let after = Appointment {
        version: before.version + 1,
        span,
        provider: provider.id,
        operatory: placed.operatory,
        pattern: placed.pattern.iter().copied().chain(patients).collect(),
        ..before.clone()
    };
    Ok((after, placed))
}

/// One visit of an arrangement.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub before: Appointment,
    /// The places that would do, the best first.
    pub places: Vec<Place>,
}

/// Finds a place for each of `wanted`, one after the other; all of their old time counts as free,
/// and that of `freed`. With `skip`, one that finds none stays where it was, and the others make room for it.
///
/// Answers in the order of `wanted`; the refusal is that of the best place.
#[must_use]
pub fn arrange(
    terms: &Terms<'_>,
    wanted: &[Wanted],
    freed: &[Appointment],
    skip: bool,
    published: &dyn Fn(CalendarId) -> Option<std::sync::Arc<super::timeline::Timeline>>,
) -> Vec<Result<Relocated, Rejection>> {
    let mut staying: Vec<Option<Rejection>> = vec![None; wanted.len()];
    loop {
        let mut draft = Draft::new(published);
        for one in freed {
            draft.remove(one);
        }
        for (one, stays) in wanted.iter().zip(&staying) {
            if stays.is_none() {
                draft.remove(&one.before);
            }
        }
        let outcomes: Vec<Result<Relocated, Rejection>> = wanted
            .iter()
            .zip(&staying)
            .map(|(one, stays)| match stays {
                Some(why) => Err(why.clone()),
                None => first_free(terms, one, &mut draft),
            })
            .collect();
        let mut settled = true;
        for (outcome, stays) in outcomes.iter().zip(&mut staying) {
            if let (Err(why), None) = (outcome, &stays) {
                *stays = Some(why.clone());
                settled = false;
            }
        }
        if settled || !skip {
            return outcomes;
        }
    }
}

fn first_free(
    terms: &Terms<'_>,
    wanted: &Wanted,
    draft: &mut Draft<'_>,
) -> Result<Relocated, Rejection> {
    let mut refusal = None;
    for place in &wanted.places {
        let outcome = relocate(terms, &wanted.before, *place, &*draft);
        let why = match outcome {
            Ok((after, placed)) => match draft.in_the_way(&after.pattern, after.span.start()) {
                None => {
                    draft.add(&after);
                    return Ok((after, placed));
                }
                Some(why) => why,
            },
            Err(why) => why,
        };
        refusal.get_or_insert(why);
    }
    Err(refusal.unwrap_or(Rejection::OutsideHours))
}
