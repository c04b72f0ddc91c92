//! Why a visit cannot be at a time: every rule and every claim in the way, not only the first. What
//! has nothing in its way can be booked.

use std::collections::BTreeSet;

use schema::ids::{CalendarId, ClinicId, TenantId};
use schema::models::claim::Claim;
use schema::models::pattern::Role;
use schema::span::{Minute, Span};

use super::diary::Diary;
use super::placement::{
    Other, Wish, daily_cap, equipment, is_offered, parts, refusals_of_time, staff, taken_by,
};
use super::rejection::{Conflict, Missing, Override, Rejection};
use super::rulebook::{RuleBook, Seat};

/// One thing in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// As booking would refuse it.
    pub rejection: Rejection,
    /// Whose rule or time it is; `None` where it is the practice's or the treatment's.
    pub calendar: Option<CalendarId>,
    /// The claim's span, the counted day, or a time at which it would be open on that day.
    pub span: Option<Span>,
    /// What kind of claim it is and whose.
    pub claim: Option<(&'static str, TenantId)>,
    /// A rule that the asker overrides: a booking that names it too is not refused for it.
    pub overridden: bool,
}

impl Reason {
    fn rule(rejection: Rejection) -> Self {
        Self {
            rejection,
            calendar: None,
            span: None,
            claim: None,
            overridden: false,
        }
    }

    /// The same, overridden if the wish says so.
    fn unless(self, wish: &Wish<'_>) -> Self {
        let rule = Override::parse(self.rejection.code());
        Self {
            overridden: rule.is_some_and(|rule| wish.may_break(rule)),
            ..self
        }
    }

    fn of(rejection: Rejection, calendar: CalendarId, span: Option<Span>) -> Self {
        Self {
            calendar: Some(calendar),
            span,
            ..Self::rule(rejection)
        }
    }

    fn taken(calendar: CalendarId, claim: &Claim) -> Self {
        let span = claim.span;
        Self {
            claim: Some((claim.kind.name(), claim.tenant)),
            ..Self::of(
                Rejection::SlotTaken(Conflict { calendar, span }),
                calendar,
                Some(span),
            )
        }
    }
}

/// Everything in the way of `wish`. Where something can be chosen and one choice is free, the
/// others are not in the way. It can be booked when nothing is left that is not overridden.
#[must_use]
pub fn explain(book: &RuleBook, wish: &Wish<'_>, now: Minute, diary: &dyn Diary) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if !is_offered(book, wish) {
        reasons.push(Reason::rule(Rejection::NotOffered));
    }
    let times = refusals_of_time(book, wish, now);
    reasons.extend(times.map(|(rejection, _)| Reason::rule(rejection).unless(wish)));
    let provider = wish.provider.calendar;
    if let Some(cap) = daily_cap(book, wish.provider, wish.treatment, wish.span.start()) {
        let timeline = diary.timeline(provider);
        let own = |claim: &Claim| diary.own().has(claim);
        if timeline.is_some_and(|timeline| cap.is_reached(&timeline, own)) {
            let rejection = Rejection::DailyCap { most: cap.most };
            reasons.push(Reason::of(rejection, provider, Some(cap.day)).unless(wish));
        }
    }
    reasons.extend(claims(diary, provider, &taken_by(wish, wish.provider.role)));
    let others: BTreeSet<Role> = wish.segments.iter().map(|part| part.role).collect();
    for role in others {
        if role != wish.provider.role && !matches!(role, Role::Operatory | Role::Equipment) {
            reasons.extend(unserved(wish, role, staff(book, role), diary));
        }
    }
    reasons.extend(of_operatories(book, wish, diary));
    reasons
}

/// Whether nothing is in the way but what is overridden.
#[must_use]
pub fn can_be_booked(reasons: &[Reason]) -> bool {
    reasons.iter().all(|reason| reason.overridden)
}

/// What is in the way in the operatory that is named, or in all of them.
fn of_operatories(book: &RuleBook, wish: &Wish<'_>, diary: &dyn Diary) -> Vec<Reason> {
    if let Some(id) = wish.operatory {
        let Some(operatory) = book.operatories.get(&id).filter(|one| one.active) else {
            let missing = Rejection::NotFound(Missing::Operatory);
            return vec![Reason::rule(missing)];
        };
        if !wish.treatment.can_be_done_in(id) {
            return vec![Reason::of(Rejection::NotOffered, operatory.calendar, None)];
        }
        let mut reasons: Vec<Reason> = match wish.provider.seat(id) {
            Some(seat) => closed(book, wish, seat)
                .map(|reason| reason.unless(wish))
                .into_iter()
                .collect(),
            None => {
                let rejection = Rejection::NoAssignment;
                let reason = Reason::of(rejection, operatory.calendar, None).unless(wish);
                if !reason.overridden {
                    return vec![reason];
                }
                vec![reason]
            }
        };
        reasons.extend(of_chair(wish, operatory.calendar, operatory.clinic, diary));
        return reasons;
    }
    let seats: Vec<&Seat> = (wish.provider.seats().iter())
        .filter(|seat| seat.active && wish.treatment.can_be_done_in(seat.operatory))
        .collect();
    if seats.is_empty() {
        return vec![Reason::rule(Rejection::NoAssignment)];
    }
    // A closed one is chosen only where none is open.
    let all_closed = seats.iter().all(|seat| closed(book, wish, seat).is_some());
    let mut reasons = Vec::new();
    for seat in seats {
        let mut found: Vec<Reason> = closed(book, wish, seat)
            .map(|reason| match all_closed {
                true => reason.unless(wish),
                false => reason,
            })
            .into_iter()
            .collect();
        found.extend(of_chair(wish, seat.calendar, seat.clinic, diary));
        if can_be_booked(&found) {
            return found;
        }
        reasons.extend(found);
    }
    reasons
}

/// That the provider may not be in an operatory then; and when on that day they may, if at all.
fn closed(book: &RuleBook, wish: &Wish<'_>, seat: &Seat) -> Option<Reason> {
    if seat.schedule.open(wish.span).contains(wish.span) {
        return None;
    }
    let zone = book.zone;
    let day = zone.day(zone.to_local(wish.span.start()).date());
    let open = day.map(|day| seat.schedule.open(day)).unwrap_or_default();
    let nearest = open.iter().min_by_key(|open| {
        let (before, after) = (wish.span.start().0, wish.span.end().0);
        (open.start().0 - before).max(after - open.end().0)
    });
    let rejection = Rejection::OutsideHours;
    Some(Reason::of(rejection, seat.calendar, nearest))
}

/// What is in the way in an operatory that is open.
fn of_chair(
    wish: &Wish<'_>,
    calendar: CalendarId,
    clinic: ClinicId,
    diary: &dyn Diary,
) -> Vec<Reason> {
    let mut chair = taken_by(wish, Role::Operatory);
    if chair.is_empty() {
        chair.push(wish.span);
    }
    let mut reasons = claims(diary, calendar, &chair);
    if wish
        .segments
        .iter()
        .any(|part| part.role == Role::Equipment)
    {
        if wish.treatment.equipment.is_empty() {
            reasons.push(Reason::rule(Rejection::NotOffered));
        } else {
            let machines = equipment(wish.treatment, clinic);
            reasons.extend(unserved(wish, Role::Equipment, machines, diary));
        }
    }
    reasons
}

/// Why nobody and nothing is there for a role; nothing that is not overridden when somebody is.
fn unserved<'a>(
    wish: &Wish<'_>,
    role: Role,
    others: impl Iterator<Item = Other<'a>>,
    diary: &dyn Diary,
) -> Vec<Reason> {
    let (parts, taken) = (parts(wish, role), taken_by(wish, role));
    let others: Vec<Other<'_>> = others.collect();
    if others.is_empty() {
        let reason = Reason::rule(Rejection::OutsideHours).unless(wish);
        return match reason.overridden {
            // Whoever is to come outside of hours has to be somebody.
            true => vec![Reason::rule(Rejection::NotOffered)],
            false => vec![reason],
        };
    }
    // Who is away is called in only where nobody is there.
    let all_away = others.iter().all(|other| !other.is_there(&parts));
    let mut reasons = Vec::new();
    for other in others {
        let mut found = Vec::new();
        if !other.is_there(&parts) {
            let away = Reason::of(Rejection::OutsideHours, other.calendar, None);
            found.push(match all_away {
                true => away.unless(wish),
                false => away,
            });
        }
        found.extend(claims(diary, other.calendar, &taken));
        if can_be_booked(&found) {
            return found;
        }
        reasons.extend(found);
    }
    reasons
}

/// The claims that `spans` of a calendar meet, each once.
fn claims(diary: &dyn Diary, calendar: CalendarId, spans: &[Span]) -> Vec<Reason> {
    let Some(timeline) = diary.timeline(calendar) else {
        let missing = Rejection::NotFound(Missing::Calendar);
        return vec![Reason::of(missing, calendar, None)];
    };
    let mut met: Vec<&Claim> = spans
        .iter()
        .flat_map(|span| timeline.overlapping(*span))
        .filter(|claim| !diary.own().has(claim))
        .map(|claim| &**claim)
        .collect();
    met.sort_by_key(|claim| (claim.span, claim.id));
    met.dedup_by_key(|claim| claim.id);
    met.into_iter()
        .map(|claim| Reason::taken(calendar, claim))
        .collect()
}

/// What an outsider may know of the reasons: the practice's published rules, and that something is
/// taken, but not what, whose or where.
#[must_use]
pub fn for_public(reasons: Vec<Reason>) -> Vec<Reason> {
    let mut told: Vec<Reason> = Vec::new();
    for reason in reasons {
        let public = Reason::rule(reason.rejection);
        let code = public.rejection.code();
        if told.iter().all(|other| other.rejection.code() != code) {
            told.push(public);
        }
    }
    told
}
