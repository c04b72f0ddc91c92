//! Which resources a visit would take: the rules' half of a decision. What is taken already is the
//! other half, judged by each calendar's actor on the claims that come out of this.

use std::collections::BTreeSet;

use schema::ids::{CalendarId, OperatoryId, ProviderId};
use schema::models::pattern::{Placed, Role, Segment};
use schema::span::{DAY, Minute, Span};

use super::intervals::IntervalSet;
use super::pattern;
use super::rejection::{Missing, Override, Rejection};
use super::rulebook::{Operatory, Provider, RuleBook, Treatment};

/// Who asks: the rules are stricter for the public and for patients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// Members of the practice who manage appointments, and programs acting for it.
    Staff,
    /// Patients and the public, from outside.
    Public,
}

impl Asker {
    /// How a confirmation came in.
    #[must_use]
    pub fn channel(self) -> &'static str {
        match self {
            Self::Staff => "staff",
            Self::Public => "patient",
        }
    }
}

/// Staff may enter visits that began at most this long ago.
const PAST_ENTRY_DAYS: i64 = 35;

/// A visit that somebody wants.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    pub provider: &'a Provider,
    pub treatment: &'a Treatment,
    /// The pattern to place: the treatment's, or an appointment's own copy.
    pub segments: &'a [Segment],
    pub span: Span,
    /// `None` leaves the choice to the engine.
    pub operatory: Option<OperatoryId>,
    /// Tried first when the choice is free: where the visit was before.
    pub preferred: Option<OperatoryId>,
    pub asker: Asker,
    pub overrides: &'a BTreeSet<Override>,
    /// Calendars that refused in an earlier try.
    pub avoid: &'a BTreeSet<CalendarId>,
}

/// A visit with a resource for each of its roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    pub span: Span,
    pub operatory: OperatoryId,
    pub pattern: Vec<Placed>,
    /// Calendars that the engine chose and could choose otherwise.
    pub chosen: BTreeSet<CalendarId>,
    /// The rules that were broken because staff said so.
    pub overridden: BTreeSet<Override>,
}

/// Places a visit, or says which rule refuses it. `is_free` tells whether a span of a calendar looks
/// free; it guides choices, and where nothing is free something is chosen all the same, so that the
/// calendar's actor names what is in the way.
///
/// # Errors
/// The first rule that refuses, in the order of the checks: what it is, when, where.
pub fn place(
    book: &RuleBook,
    wish: &Wish<'_>,
    now: Minute,
    is_free: &dyn Fn(CalendarId, Span) -> bool,
) -> Result<Placement, Rejection> {
    if !wish.treatment.active
        || !wish.provider.active
        || !book.offers(wish.provider, wish.treatment)
    {
        return Err(Rejection::NotOffered);
    }
    let mut overridden = BTreeSet::new();
    check_time(book, wish, now, &mut overridden)?;
    let operatory = choose_operatory(book, wish, &mut overridden, is_free)?;
    let mut chosen = BTreeSet::new();
    if wish.operatory.is_none() {
        chosen.insert(operatory.calendar);
    }
    let pattern = assign_roles(book, wish, operatory, &mut chosen, is_free)?;
    Ok(Placement {
        span: wish.span,
        operatory: operatory.id,
        pattern,
        chosen,
        overridden,
    })
}

/// Lets a rule's refusal pass when staff named it.
fn unless_overridden(
    wish: &Wish<'_>,
    rule: Override,
    overridden: &mut BTreeSet<Override>,
    refusal: Rejection,
) -> Result<(), Rejection> {
    if wish.asker == Asker::Staff && wish.overrides.contains(&rule) {
        overridden.insert(rule);
        return Ok(());
    }
    Err(refusal)
}

fn check_time(
    book: &RuleBook,
    wish: &Wish<'_>,
    now: Minute,
    overridden: &mut BTreeSet<Override>,
) -> Result<(), Rejection> {
    let start = wish.span.start();
    let oldest = match wish.asker {
        Asker::Staff => now.plus(-PAST_ENTRY_DAYS * DAY),
        Asker::Public => now,
    };
    if start < oldest {
        return Err(Rejection::InThePast);
    }
    let latest = now.plus(horizon_days(book, wish.treatment) * DAY);
    if start > latest {
        let refusal = Rejection::BeyondHorizon { latest };
        unless_overridden(wish, Override::BeyondHorizon, overridden, refusal)?;
    }
    if wish.asker == Asker::Public {
        let earliest = now.plus(notice_min(book, wish.treatment));
        if start < earliest {
            return Err(Rejection::TooSoon { earliest });
        }
        let interval_min = slot_interval_min(book, wish.treatment);
        if !on_grid(book, start, interval_min) {
            return Err(Rejection::OffGrid { interval_min });
        }
    }
    Ok(())
}

/// How many days ahead a treatment is booked at most.
#[must_use]
pub fn horizon_days(book: &RuleBook, treatment: &Treatment) -> i64 {
    treatment.horizon_days.unwrap_or(book.policy.horizon_days)
}

/// How many minutes ahead the public books at least.
#[must_use]
pub fn notice_min(book: &RuleBook, treatment: &Treatment) -> i64 {
    treatment
        .min_notice_min
        .unwrap_or(book.policy.min_notice_min)
}

/// Minutes between the starts that are offered; at least 1.
#[must_use]
pub fn slot_interval_min(book: &RuleBook, treatment: &Treatment) -> i64 {
    treatment
        .slot_interval_min
        .unwrap_or(book.policy.slot_interval_min)
        .max(1)
}

/// Whether `start` is local midnight + n × `interval_min`.
fn on_grid(book: &RuleBook, start: Minute, interval_min: i64) -> bool {
    let date = book.zone.to_local(start).date();
    book.zone
        .day(date)
        .is_some_and(|day| (start.0 - day.start().0).rem_euclid(interval_min) == 0)
}

/// When the visit may be in `operatory`: hours around it, far enough for the longest visit.
fn hours(book: &RuleBook, wish: &Wish<'_>, operatory: &Operatory) -> IntervalSet {
    book.open(wish.provider, operatory, wish.span)
}

fn choose_operatory<'a>(
    book: &'a RuleBook,
    wish: &Wish<'_>,
    overridden: &mut BTreeSet<Override>,
    is_free: &dyn Fn(CalendarId, Span) -> bool,
) -> Result<&'a Operatory, Rejection> {
    if let Some(id) = wish.operatory {
        let missing = Rejection::NotFound(Missing::Operatory);
        let operatory = book
            .operatories
            .get(&id)
            .filter(|o| o.active)
            .ok_or(missing)?;
        if !wish.treatment.can_be_done_in(id) {
            return Err(Rejection::NotOffered);
        }
        if !book.is_assigned(wish.provider.id, id) {
            let rule = Override::NoAssignment;
            unless_overridden(wish, rule, overridden, Rejection::NoAssignment)?;
        } else if !hours(book, wish, operatory).contains(wish.span) {
            let rule = Override::OutsideHours;
            unless_overridden(wish, rule, overridden, Rejection::OutsideHours)?;
        }
        return Ok(operatory);
    }
    let mut candidates = book.operatories_for(wish.provider.id, wish.treatment);
    if candidates.is_empty() {
        return Err(Rejection::NoAssignment);
    }
    candidates.sort_by_key(|operatory| Some(operatory.id) != wish.preferred);
    let open: Vec<&Operatory> = candidates
        .iter()
        .filter(|operatory| hours(book, wish, operatory).contains(wish.span))
        .copied()
        .collect();
    let pool = if open.is_empty() {
        unless_overridden(
            wish,
            Override::OutsideHours,
            overridden,
            Rejection::OutsideHours,
        )?;
        candidates
    } else {
        open
    };
    let taken = chair_time(wish);
    pick(&pool, |operatory| {
        (
            wish.avoid.contains(&operatory.calendar),
            !is_free(operatory.calendar, taken),
        )
    })
    .copied()
    .ok_or(Rejection::NoAssignment)
}

/// The time the operatory is taken for, buffers included.
fn chair_time(wish: &Wish<'_>) -> Span {
    wish.segments
        .iter()
        .filter(|segment| segment.role == Role::Operatory)
        .filter_map(|segment| taken(segment, wish.span.start()))
        .reduce(|a, b| Span::new(a.start().min(b.start()), a.end().max(b.end())).unwrap_or(a))
        .unwrap_or(wish.span)
}

fn taken(segment: &Segment, start: Minute) -> Option<Span> {
    Span::new(
        start.plus(segment.from - segment.buffer_before),
        start.plus(segment.to + segment.buffer_after),
    )
}

/// The first of the best by `badness`.
fn pick<T, B: Ord>(pool: &[T], badness: impl Fn(&T) -> B) -> Option<&T> {
    pool.iter().min_by_key(|item| badness(item))
}

/// Gives each segment its calendar; the same role twice is the same person.
fn assign_roles(
    book: &RuleBook,
    wish: &Wish<'_>,
    operatory: &Operatory,
    chosen: &mut BTreeSet<CalendarId>,
    is_free: &dyn Fn(CalendarId, Span) -> bool,
) -> Result<Vec<Placed>, Rejection> {
    let mut placed: Vec<Placed> = Vec::with_capacity(wish.segments.len() + 1);
    let mut has_operatory = false;
    for segment in wish.segments {
        has_operatory |= segment.role == Role::Operatory;
        let known = placed
            .iter()
            .find(|other| other.segment.role == segment.role)
            .map(|other| other.calendar_id);
        let calendar_id = match (known, segment.role) {
            (Some(calendar), _) => calendar,
            (None, Role::Operatory) => operatory.calendar,
            (None, Role::Equipment) => {
                let parts = parts(wish, segment.role);
                let pool = book.equipment_for(wish.treatment, operatory, &parts);
                let found = choose_free(wish, &pool, segment.role, is_free);
                let found = found.ok_or(match wish.treatment.equipment.is_empty() {
                    true => Rejection::NotOffered,
                    false => Rejection::OutsideHours,
                })?;
                chosen.insert(found);
                found
            }
            (None, role) if role == wish.provider.role => wish.provider.calendar,
            (None, role) => {
                let pool = staff_at_work(book, wish, role);
                let found = choose_free(wish, &pool, role, is_free);
                let found = found.ok_or(Rejection::OutsideHours)?;
                chosen.insert(found);
                found
            }
        };
        placed.push(Placed {
            segment: *segment,
            calendar_id,
        });
    }
    if !has_operatory {
        let visit = wish.span.minutes();
        let segment = Segment {
            role: Role::Operatory,
            from: 0,
            to: visit,
            buffer_before: 0,
            buffer_after: 0,
        };
        placed.push(Placed {
            segment,
            calendar_id: operatory.calendar,
        });
    }
    Ok(placed)
}

/// Those of a role who are at work for all of its segments.
fn staff_at_work(book: &RuleBook, wish: &Wish<'_>, role: Role) -> Vec<CalendarId> {
    let parts = parts(wish, role);
    book.providers
        .values()
        .filter(|provider| provider.active && provider.role == role)
        .filter(|provider| {
            book.staff_hours(provider, wish.span)
                .is_none_or(|hours| parts.iter().all(|part| hours.contains(*part)))
        })
        .map(|provider| provider.calendar)
        .collect()
}

/// When a role is needed, without its buffers: those need no opening hours.
fn parts(wish: &Wish<'_>, role: Role) -> Vec<Span> {
    let start = wish.span.start();
    let mine = wish.segments.iter().filter(|segment| segment.role == role);
    mine.filter_map(|segment| Span::new(start.plus(segment.from), start.plus(segment.to)))
        .collect()
}

fn choose_free(
    wish: &Wish<'_>,
    pool: &[CalendarId],
    role: Role,
    is_free: &dyn Fn(CalendarId, Span) -> bool,
) -> Option<CalendarId> {
    let spans: Vec<Span> = wish
        .segments
        .iter()
        .filter(|segment| segment.role == role)
        .filter_map(|segment| taken(segment, wish.span.start()))
        .collect();
    pick(pool, |calendar| {
        let busy = !spans.iter().all(|span| is_free(*calendar, *span));
        (wish.avoid.contains(calendar), busy)
    })
    .copied()
}

/// The segments of a visit of `treatment` that lasts `duration` minutes.
///
/// # Errors
/// `bad_duration` when the pattern does not fit it.
pub fn segments(treatment: &Treatment, duration: i64) -> Result<Vec<Segment>, Rejection> {
    pattern::stretch(&treatment.pattern, treatment.duration, duration).ok_or(Rejection::BadDuration)
}

/// The provider and treatment of those ids.
///
/// # Errors
/// `not_found` for an id that the practice does not have.
pub fn named(
    book: &RuleBook,
    provider: ProviderId,
    treatment: schema::ids::TreatmentId,
) -> Result<(&Provider, &Treatment), Rejection> {
    let provider = book
        .providers
        .get(&provider)
        .ok_or(Rejection::NotFound(Missing::Provider))?;
    let treatment = book
        .treatments
        .get(&treatment)
        .ok_or(Rejection::NotFound(Missing::Treatment))?;
    Ok((provider, treatment))
}
