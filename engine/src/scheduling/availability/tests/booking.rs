//! What is offered, explained and placed must be the same: also where staff overrides rules.

use std::collections::BTreeSet;

use schema::ids::CalendarId;

use super::practice::{Practice, Random};
use super::*;
use crate::scheduling::explain::{can_be_booked, explain};
use crate::scheduling::pattern;
use crate::scheduling::placement::{Wish, place};
use crate::scheduling::rejection::Override;

/// What is offered can be placed and is not explained away; what is not, is refused or taken, and
/// the explanation says why.
pub fn agrees(practice: &Practice, book: &RuleBook, wanted: &Search<'_>, expected: &[Plain]) {
    let treatment = wanted.treatment;
    let duration = wanted.duration.unwrap_or(treatment.duration);
    let segments = segments(treatment, duration).unwrap();
    let (nothing, no_overrides) = (BTreeSet::new(), BTreeSet::new());
    let interval = slot_interval_min(book, treatment);
    let grid: Vec<Minute> = book.grid().starts(interval, practice.range).collect();
    let few = (grid.len() / 6).max(1);
    for start in grid.into_iter().step_by(few) {
        for (_, provider) in wanted.providers(book) {
            let wish = Wish {
                provider,
                treatment,
                segments: &segments,
                span: Span::lasting(start, duration).unwrap(),
                operatory: None,
                preferred: None,
                asker: wanted.asker,
                overrides: &no_overrides,
                avoid: &nothing,
            };
            overriding_agrees(practice, book, &wish);
            for seat in provider.seats() {
                let wish = Wish {
                    operatory: Some(seat.operatory),
                    ..wish.clone()
                };
                let offered = expected.iter().any(|(at, who, seats)| {
                    (*at, *who) == (start, provider.id) && seats.contains(&seat.operatory)
                });
                let asked_for =
                    wanted.operatories.is_empty() || wanted.operatories.contains(&seat.operatory);
                // Staff may enter what has been; it is not offered.
                if !asked_for || start < practice.now {
                    continue;
                }
                assert_eq!(
                    is_booked(practice, book, wish.clone()),
                    offered,
                    "{start:?} with {} in {}",
                    provider.name,
                    seat.operatory
                );
                let reasons = explain(book, &wish, practice.now, practice);
                assert_eq!(reasons.is_empty(), offered, "{start:?}: {reasons:?}");
            }
        }
    }
}

/// Whether booking would take it: what is taken of what it chose itself, it chooses otherwise.
fn is_booked(practice: &Practice, book: &RuleBook, wish: Wish<'_>) -> bool {
    let mut avoid: BTreeSet<CalendarId> = BTreeSet::new();
    loop {
        let wish = Wish {
            avoid: &avoid,
            ..wish.clone()
        };
        let Ok(placed) = place(book, &wish, practice.now, practice) else {
            return false;
        };
        let claims = pattern::claims(&placed.pattern, wish.span.start());
        let is_free = |(id, spans): &(CalendarId, Vec<Span>)| {
            spans.iter().all(|span| practice.is_free(*id, *span))
        };
        let Some((taken, _)) = claims.into_iter().find(|claim| !is_free(claim)) else {
            return true;
        };
        if !placed.chosen.contains(&taken) || !avoid.insert(taken) {
            return false;
        }
    }
}

/// In the operatory that is named or in any: what overrides leave in the way is what booking with
/// them is refused for.
fn overriding_agrees(practice: &Practice, book: &RuleBook, wish: &Wish<'_>) {
    let mut random = Random(wish.span.start().0 as u64);
    let operatories = book.operatories.keys().copied().map(Some);
    for operatory in operatories.chain([None]) {
        let some = Override::ALL.into_iter().filter(|_| random.one_in(2));
        let some: BTreeSet<Override> = some.collect();
        let wish = Wish {
            operatory,
            overrides: &some,
            ..wish.clone()
        };
        let reasons = explain(book, &wish, practice.now, practice);
        let booked = is_booked(practice, book, wish);
        assert_eq!(can_be_booked(&reasons), booked, "{some:?} {reasons:?}");
        // What is marked is not in the way of that booking, and only rules are.
        for reason in reasons.iter().filter(|reason| reason.overridden) {
            assert!(reason.claim.is_none() && practice.asker == Asker::Staff);
            let rule = Override::parse(reason.rejection.code());
            assert!(some.contains(&rule.unwrap()), "{reason:?}");
        }
    }
}
