//! Who and what serves each role of a visit: the people at work, the machines that are there, and of
//! those the ones that are free.

use std::collections::BTreeSet;

use schema::ids::{CalendarId, ClinicId};
use schema::models::pattern::{Placed, Role, Segment};
use schema::span::Span;

use super::{Wish, pick, taken, unless_overridden};
use crate::scheduling::diary::Diary;
use crate::scheduling::rejection::{Override, Rejection};
use crate::scheduling::rulebook::schedule::Schedule;
use crate::scheduling::rulebook::{Operatory, RuleBook, Treatment};

/// Gives each segment its calendar; the same role twice is the same person.
pub(super) fn assign_roles(
    book: &RuleBook,
    wish: &Wish<'_>,
    operatory: &Operatory,
    chosen: &mut BTreeSet<CalendarId>,
    overridden: &mut BTreeSet<Override>,
    diary: &dyn Diary,
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
            (None, role) if role == wish.provider.role => wish.provider.calendar,
            (None, role) => {
                let found = choose_other(book, wish, operatory, role, overridden, diary)?;
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

/// The parts of a role without its buffers, which need free time but no hours.
pub(in crate::scheduling) fn parts(wish: &Wish<'_>, role: Role) -> Vec<Span> {
    let start = wish.span.start();
    wish.segments
        .iter()
        .filter(|segment| segment.role == role)
        .filter_map(|segment| Span::new(start.plus(segment.from), start.plus(segment.to)))
        .collect()
}

/// The person or machine for a role that neither leads nor is the operatory.
fn choose_other(
    book: &RuleBook,
    wish: &Wish<'_>,
    operatory: &Operatory,
    role: Role,
    overridden: &mut BTreeSet<Override>,
    diary: &dyn Diary,
) -> Result<CalendarId, Rejection> {
    let everybody: Vec<Other<'_>> = match role {
        Role::Equipment => equipment(wish.treatment, operatory.clinic).collect(),
        role => staff(book, role).collect(),
    };
    if role == Role::Equipment && wish.treatment.equipment.is_empty() {
        return Err(Rejection::NotOffered);
    }
    let parts = parts(wish, role);
    let at_hand = everybody.iter().filter(|other| other.is_there(&parts));
    let mut pool: Vec<CalendarId> = at_hand.map(|other| other.calendar).collect();
    if pool.is_empty() {
        let rule = Override::OutsideHours;
        unless_overridden(wish, rule, overridden, Rejection::OutsideHours)?;
        pool = everybody.iter().map(|other| other.calendar).collect();
    }
    choose_free(wish, &pool, role, diary).ok_or(Rejection::NotOffered)
}

/// Somebody or something that can serve a role.
#[derive(Clone, Copy, Debug)]
pub(in crate::scheduling) struct Other<'a> {
    pub calendar: CalendarId,
    /// The calendar's number in the rule book.
    pub number: usize,
    /// `None` is always.
    pub hours: Option<&'a Schedule>,
}

impl Other<'_> {
    /// Whether all the parts lie within the hours.
    pub(in crate::scheduling) fn is_there(&self, parts: &[Span]) -> bool {
        self.hours
            .is_none_or(|hours| parts.iter().all(|part| hours.open(*part).contains(*part)))
    }
}

/// The active people of a role.
pub(in crate::scheduling) fn staff(book: &RuleBook, role: Role) -> impl Iterator<Item = Other<'_>> {
    book.active(role).map(|provider| Other {
        calendar: provider.calendar,
        number: provider.number,
        hours: Some(provider.at_work()),
    })
}

/// What can serve as the treatment's equipment in a clinic.
pub(in crate::scheduling) fn equipment(
    treatment: &Treatment,
    clinic: ClinicId,
) -> impl Iterator<Item = Other<'_>> {
    let devices = treatment.equipment.iter();
    devices
        .filter(move |device| device.is_in(clinic))
        .map(|device| Other {
            calendar: device.calendar,
            number: device.number,
            hours: device.hours(),
        })
}

/// Whether a machine for the visit, if it needs one, is free and there, or may be used outside of
/// its hours because none is there.
pub(super) fn is_equipped(wish: &Wish<'_>, operatory: &Operatory, diary: &dyn Diary) -> bool {
    let parts = parts(wish, Role::Equipment);
    if parts.is_empty() {
        return true;
    }
    let taken = taken_by(wish, Role::Equipment);
    let mut machines = equipment(wish.treatment, operatory.clinic);
    let is_free = |other: &Other<'_>| {
        let mut spans = taken.iter();
        spans.all(|span| diary.is_free(other.calendar, *span))
    };
    let any_there = equipment(wish.treatment, operatory.clinic).any(|one| one.is_there(&parts));
    let outside = !any_there && wish.may_break(Override::OutsideHours);
    machines.any(|other| (outside || other.is_there(&parts)) && is_free(&other))
}

/// The time that a role is taken for, buffers included.
pub(in crate::scheduling) fn taken_by(wish: &Wish<'_>, role: Role) -> Vec<Span> {
    wish.segments
        .iter()
        .filter(|segment| segment.role == role)
        .filter_map(|segment| taken(segment, wish.span.start()))
        .collect()
}

fn choose_free(
    wish: &Wish<'_>,
    pool: &[CalendarId],
    role: Role,
    diary: &dyn Diary,
) -> Option<CalendarId> {
    let spans = taken_by(wish, role);
    pick(pool, |calendar| {
        let busy = !spans.iter().all(|span| diary.is_free(*calendar, *span));
        (wish.avoid.contains(calendar), busy)
    })
    .copied()
}
