//! The search against a reference that is slow and obvious, on random practices.
//!
//! `SEED=… PRACTICES=1 cargo test -p engine availability` looks at one practice again.

mod clocks;
mod practice;
mod reference;

use std::collections::BTreeSet;

use super::*;
use crate::scheduling::explain::explain;
use crate::scheduling::pattern;
use crate::scheduling::placement::{Wish, place};
use practice::Practice;

/// How many practices; set `PRACTICES` for more.
const PRACTICES: u64 = 10_000;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap())
}

#[test]
fn agrees_with_a_search_minute_by_minute() {
    let first = number("SEED").unwrap_or_else(rand_seed);
    let count = number("PRACTICES").unwrap_or(PRACTICES);
    let mut totals = Totals::default();
    for seed in first..first.saturating_add(count) {
        let outcome = std::panic::catch_unwind(|| compare(seed));
        match outcome {
            Ok(found) => totals.add(&found),
            Err(cause) => {
                eprintln!("the practice of SEED={seed} PRACTICES=1 is searched wrongly");
                std::panic::resume_unwind(cause);
            }
        }
    }
    println!("from SEED={first}: {totals:?}");
    if count >= 1_000 {
        // What is never drawn is never compared.
        assert!(
            totals.slots > count && totals.empty < count * 7 / 10,
            "{totals:?}"
        );
        assert!(totals.by_cells > count / 8, "{totals:?}");
        assert!(totals.by_spans > count / 20, "{totals:?}");
        assert!(totals.clock_changes > count / 20, "{totals:?}");
    }
}

/// Another place to begin each day, so that more is seen as time goes by.
fn rand_seed() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs() / 86_400 * 1_000_000
}

#[derive(Debug, Default)]
struct Totals {
    slots: u64,
    empty: u64,
    by_cells: u64,
    by_spans: u64,
    clock_changes: u64,
}

impl Totals {
    fn add(&mut self, other: &Self) {
        self.slots += other.slots;
        self.empty += other.empty;
        self.by_cells += other.by_cells;
        self.by_spans += other.by_spans;
        self.clock_changes += other.clock_changes;
    }
}

/// A slot without its length.
type Plain = (Minute, ProviderId, Vec<OperatoryId>);

fn plain(slots: &[Slot]) -> Vec<Plain> {
    let operatories = |slot: &Slot| {
        let mut all = vec![slot.operatory];
        all.extend(&slot.alternatives);
        all
    };
    slots
        .iter()
        .map(|slot| (slot.span.start(), slot.provider, operatories(slot)))
        .collect()
}

fn compare(seed: u64) -> Totals {
    let practice = Practice::random(seed);
    let book = RuleBook::new(practice.rows.clone()).unwrap();
    let treatment = &book.treatments[&practice.treatment];
    let wanted = Search {
        operatories: practice.operatories.clone(),
        duration: practice.duration,
        limit: practice.limit,
        own: practice.own.clone(),
        ..Search::any(&book, treatment, practice.range, practice.asker)
    };
    let now = practice.now;
    let expected = reference::slots(&practice, &book, &wanted);
    let limited: Vec<Plain> = expected.iter().take(wanted.limit).cloned().collect();

    let found = plain(&search(&book, &wanted, now, &practice).unwrap());
    assert_eq!(found, limited, "by cells");
    let exact = plain(&with(&book, &wanted, now, &practice, true).unwrap());
    assert_eq!(exact, limited, "by spans");

    // The best are among them, in order of their score, and have the same operatories.
    let best = Search {
        order: Order::Best {
            near: Some(practice.range.end()),
        },
        ..wanted.clone()
    };
    let best = search(&book, &best, now, &practice).unwrap();
    assert_eq!(best.len(), limited.len());
    assert!(best.is_sorted_by(|a, b| a.score >= b.score));
    for (start, provider, mut operatories) in plain(&best) {
        operatories.sort();
        let same = |slot: &&Plain| (slot.0, slot.1) == (start, provider);
        let mut among = expected.iter().find(same).unwrap().2.clone();
        among.sort();
        assert_eq!(operatories, among, "{start:?}");
    }

    booking_agrees(&practice, &book, &wanted, &expected);
    let by_cells = Needs::new(
        &segments(treatment, wanted.duration.unwrap_or(treatment.duration)).unwrap(),
        wanted.duration.unwrap_or(treatment.duration),
    )
    .on_grid
        && practice.interval % 5 == 0;
    Totals {
        slots: expected.len() as u64,
        empty: u64::from(expected.is_empty()),
        by_cells: u64::from(by_cells && !expected.is_empty()),
        by_spans: u64::from(!by_cells && !expected.is_empty()),
        clock_changes: u64::from(practice.clock_changes && !expected.is_empty()),
    }
}

/// What is offered can be placed and is not explained away; what is not, is refused or taken, and
/// the explanation says why.
fn booking_agrees(practice: &Practice, book: &RuleBook, wanted: &Search<'_>, expected: &[Plain]) {
    let treatment = wanted.treatment;
    let duration = wanted.duration.unwrap_or(treatment.duration);
    let segments = segments(treatment, duration).unwrap();
    let (nothing, no_overrides) = (BTreeSet::new(), BTreeSet::new());
    let interval = slot_interval_min(book, treatment);
    let grid: Vec<Minute> = book.grid().starts(interval, practice.range).collect();
    let few = (grid.len() / 6).max(1);
    for start in grid.into_iter().step_by(few) {
        for provider in &wanted.providers {
            for seat in provider.seats() {
                let wish = Wish {
                    provider,
                    treatment,
                    segments: &segments,
                    span: Span::lasting(start, duration).unwrap(),
                    operatory: Some(seat.operatory),
                    preferred: None,
                    asker: wanted.asker,
                    overrides: &no_overrides,
                    avoid: &nothing,
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
                let bookable = place(book, &wish, practice.now, practice).is_ok_and(|placed| {
                    pattern::claims(&placed.pattern, start)
                        .iter()
                        .all(|(id, spans)| spans.iter().all(|span| practice.is_free(*id, *span)))
                });
                assert_eq!(
                    bookable, offered,
                    "{start:?} with {} in {}",
                    provider.name, seat.operatory
                );
                let reasons = explain(book, &wish, practice.now, practice);
                assert_eq!(reasons.is_empty(), offered, "{start:?}: {reasons:?}");
            }
        }
    }
}
