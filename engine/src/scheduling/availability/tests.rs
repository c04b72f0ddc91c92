//! The search against a reference that is slow and obvious, on random practices.
//!
//! `SEED=… PRACTICES=1 cargo test -p engine availability` looks at one practice again.

mod booking;
mod clocks;
mod gaps;
mod history;
pub(in crate::scheduling) mod practice;
mod reference;

use super::*;
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
        assert!(totals.passed_over > count / 20, "{totals:?}");
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
    /// Dentists that the search does not look at, for want of long enough gaps.
    passed_over: u64,
}

impl Totals {
    fn add(&mut self, other: &Self) {
        self.slots += other.slots;
        self.empty += other.empty;
        self.by_cells += other.by_cells;
        self.by_spans += other.by_spans;
        self.clock_changes += other.clock_changes;
        self.passed_over += other.passed_over;
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
    let wanted = practice.search(&book);
    let now = practice.now;
    let expected = reference::slots(&practice, &book, &wanted);
    let limited: Vec<Plain> = expected.iter().take(wanted.limit).cloned().collect();

    let found = plain(&search(&book, &wanted, now, &practice).unwrap());
    assert_eq!(found, limited, "by cells");
    let exact = plain(&with(&book, &wanted, now, &practice, None, true).unwrap());
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

    let passed_over = gaps::agree(&practice, &book, &wanted, &limited, (seed, 10));
    booking::agrees(&practice, &book, &wanted, &expected);
    let by_cells = needs(&wanted).on_grid && practice.interval % 5 == 0;
    Totals {
        slots: expected.len() as u64,
        empty: u64::from(expected.is_empty()),
        by_cells: u64::from(by_cells && !expected.is_empty()),
        by_spans: u64::from(!by_cells && !expected.is_empty()),
        clock_changes: u64::from(practice.clock_changes && !expected.is_empty()),
        passed_over,
    }
}

/// Over so many dentists that it goes by their gaps and word by word, against one after the other
/// without.
#[test]
fn over_many_the_same_is_found_as_one_by_one() {
    let first = number("SEED").unwrap_or_else(rand_seed);
    let count = number("PRACTICES").unwrap_or(PRACTICES) / 100;
    let (mut found, mut passed_over) = (0, 0);
    for seed in first..=first.saturating_add(count) {
        let practice = Practice::of_many(seed);
        let book = RuleBook::new(practice.rows.clone()).unwrap();
        let wanted = practice.search(&book);
        let agree = || {
            let one_by_one = with(&book, &wanted, practice.now, &practice, None, false).unwrap();
            let expected = plain(&one_by_one);
            let over = gaps::agree(&practice, &book, &wanted, &expected, (seed, 200));
            (expected.len() as u64, over)
        };
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(agree)) {
            Ok((slots, over)) => {
                found += u64::from(slots > 0);
                passed_over += over;
            }
            Err(cause) => {
                eprintln!("the practice of SEED={seed} PRACTICES=1 is searched wrongly");
                std::panic::resume_unwind(cause);
            }
        }
    }
    println!("from SEED={first}: {found} found, {passed_over} passed over");
    if count >= 50 {
        assert!(
            found > count / 6 && passed_over > count,
            "{found} {passed_over}"
        );
    }
}

fn needs(wanted: &Search<'_>) -> Needs {
    let duration = wanted.duration.unwrap_or(wanted.treatment.duration);
    Needs::new(&segments(wanted.treatment, duration).unwrap(), duration)
}
