//! Which resources a visit would take: the rules' half of a decision. What is taken already is the
//! other half, judged by each calendar's actor on the claims that come out of this.

mod roles;

use std::collections::BTreeSet;

use schema::ids::{CalendarId, OperatoryId, ProviderId};
use schema::models::pattern::{Placed, Role, Segment};
use schema::span::{DAY, Minute, Span};

use super::diary::{DailyCap, Diary};
use super::pattern;
use super::rejection::{Missing, Override, Rejection};
use super::rulebook::{Operatory, Provider, RuleBook, Treatment};
pub(in crate::scheduling) use roles::{Other, equipment, parts, staff, taken_by};
use roles::{assign_roles, is_equipped};

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

impl Wish<'_> {
    /// Whether a rule may be broken: staff has said so.
    pub(super) fn may_break(&self, rule: Override) -> bool {
        self.asker == Asker::Staff && self.overrides.contains(&rule)
    }
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

/// Places a visit, or says which rule refuses it. The diary guides choices, and where nothing is
/// free something is chosen all the same, so that the calendar's actor names what is in the way.
///
/// # Errors
/// The first rule that refuses, in the order of the checks: what it is, when, where.
pub fn place(
    book: &RuleBook,
    wish: &Wish<'_>,
    now: Minute,
    diary: &dyn Diary,
) -> Result<Placement, Rejection> {
    if !is_offered(book, wish) {
        return Err(Rejection::NotOffered);
    }
    let mut overridden = BTreeSet::new();
    check_time(book, wish, now, &mut overridden)?;
    check_cap(book, wish, &mut overridden, diary)?;
    let operatory = choose_operatory(book, wish, &mut overridden, diary)?;
    let mut chosen = BTreeSet::new();
    if wish.operatory.is_none() {
        chosen.insert(operatory.calendar);
    }
    let pattern = assign_roles(book, wish, operatory, &mut chosen, &mut overridden, diary)?;
    Ok(Placement {
        span: wish.span,
        operatory: operatory.id,
        pattern,
        chosen,
        overridden,
    })
}

/// Whether the asker can have this treatment of this provider.
pub(super) fn is_offered(book: &RuleBook, wish: &Wish<'_>) -> bool {
    let Wish {
        provider,
        treatment,
        ..
    } = wish;
    treatment.active
        && provider.active
        && book.offers(provider, treatment)
        && (wish.asker == Asker::Staff || treatment.online_bookable)
}

/// Whether the day takes one more. Others may be adding to it at this moment: the provider's
/// calendar is asked to keep to the cap too.
fn check_cap(
    book: &RuleBook,
    wish: &Wish<'_>,
    overridden: &mut BTreeSet<Override>,
    diary: &dyn Diary,
) -> Result<(), Rejection> {
    let Some(cap) = daily_cap(book, wish.provider, wish.treatment, wish.span.start()) else {
        return Ok(());
    };
    let timeline = diary.timeline(wish.provider.calendar);
    let own = |claim: &schema::models::claim::Claim| diary.own().has(claim);
    if timeline.is_some_and(|timeline| cap.is_reached(&timeline, own)) {
        let refusal = Rejection::DailyCap { most: cap.most };
        unless_overridden(wish, Override::DailyCap, overridden, refusal)?;
    }
    Ok(())
}

/// What is counted with a visit that begins at `start`; `None` where nothing is.
#[must_use]
pub fn daily_cap(
    book: &RuleBook,
    provider: &Provider,
    treatment: &Treatment,
    start: Minute,
) -> Option<DailyCap> {
    let most = treatment.daily_cap?;
    let day = book.zone.day(book.zone.to_local(start).date())?;
    Some(DailyCap {
        provider: provider.id,
        treatment: treatment.id,
        day,
        most,
        adds: 1,
    })
}

/// Lets a rule's refusal pass when staff named it.
fn unless_overridden(
    wish: &Wish<'_>,
    rule: Override,
    overridden: &mut BTreeSet<Override>,
    refusal: Rejection,
) -> Result<(), Rejection> {
    if wish.may_break(rule) {
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
    for (refusal, rule) in refusals_of_time(book, wish, now) {
        match rule {
            Some(rule) => unless_overridden(wish, rule, overridden, refusal)?,
            None => return Err(refusal),
        }
    }
    Ok(())
}

/// The rules of time that refuse, each with what staff may override it by.
pub(super) fn refusals_of_time(
    book: &RuleBook,
    wish: &Wish<'_>,
    now: Minute,
) -> impl Iterator<Item = (Rejection, Option<Override>)> {
    let start = wish.span.start();
    let public = wish.asker == Asker::Public;
    let oldest = match public {
        false => now.plus(-PAST_ENTRY_DAYS * DAY),
        true => now,
    };
    let latest = now.plus(horizon_days(book, wish.treatment) * DAY);
    let earliest = now.plus(notice_min(book, wish.treatment));
    let interval_min = slot_interval_min(book, wish.treatment);
    let past = (start < oldest).then_some((Rejection::InThePast, None));
    let far = (start > latest).then_some((
        Rejection::BeyondHorizon { latest },
        Some(Override::BeyondHorizon),
    ));
    let soon = (public && start < earliest).then_some((Rejection::TooSoon { earliest }, None));
    let odd = (public && !on_grid(book, start, interval_min))
        .then_some((Rejection::OffGrid { interval_min }, None));
    [past, far, soon, odd].into_iter().flatten()
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

/// Whether the provider may be in `operatory` for the whole visit.
fn is_open(book: &RuleBook, wish: &Wish<'_>, operatory: &Operatory) -> bool {
    book.open(wish.provider, operatory, wish.span)
        .contains(wish.span)
}

fn choose_operatory<'a>(
    book: &'a RuleBook,
    wish: &Wish<'_>,
    overridden: &mut BTreeSet<Override>,
    diary: &dyn Diary,
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
        } else if !is_open(book, wish, operatory) {
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
        .filter(|operatory| is_open(book, wish, operatory))
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
            !diary.is_free(operatory.calendar, taken) || !is_equipped(wish, operatory, diary),
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

/// The segments of a visit of `treatment` that lasts `duration` minutes. Equipment that no part of
/// the pattern names is needed all the time.
///
/// # Errors
/// `bad_duration` when the pattern does not fit it.
pub fn segments(treatment: &Treatment, duration: i64) -> Result<Vec<Segment>, Rejection> {
    let mut segments = pattern::stretch(&treatment.pattern, treatment.duration, duration)
        .ok_or(Rejection::BadDuration)?;
    let names_it = segments.iter().any(|part| part.role == Role::Equipment);
    if treatment.needs_equipment && !names_it {
        segments.push(Segment {
            role: Role::Equipment,
            from: 0,
            to: duration,
            buffer_before: 0,
            buffer_after: 0,
        });
    }
    Ok(segments)
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
