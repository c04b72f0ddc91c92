//! With an eye on gaps the same is found, whatever has happened since they were worked out.

use schema::models::pattern::Role;

use super::history::Lived;
use super::practice::{Practice, Random};
use super::*;
use crate::scheduling::cells;

/// While what is taken comes to be so, and when it is, the same is found with an eye on gaps that
/// were there before. Answers how many dentists it passes over in the end.
pub fn agree(
    practice: &Practice,
    book: &RuleBook,
    wanted: &Search<'_>,
    expected: &[Plain],
    seed: u64,
) -> u64 {
    let mut random = Random(seed ^ 0x6a70);
    let mut lived = Lived::new(practice, book, &mut random, practice.range);
    let best = Search {
        order: Order::Best { near: None },
        ..wanted.clone()
    };
    loop {
        let ended = !lived.step();
        if !ended && !random.one_in(10) {
            continue;
        }
        let found = |wanted, gaps| with(book, wanted, practice.now, &lived, gaps, false).unwrap();
        let gaps = usable_gaps(&lived);
        let earliest = plain(&found(wanted, gaps));
        assert_eq!(earliest, plain(&found(wanted, None)), "with gaps");
        assert_eq!(found(&best, gaps), found(&best, None), "with gaps, best");
        if ended {
            assert_eq!(earliest, expected, "with gaps, in the end");
            break;
        }
    }
    let (Some(gaps), needs) = (usable_gaps(&lived), needs(wanted)) else {
        return 0;
    };
    let Some(needed) = needs.of(Role::Dentist).and_then(needs::Parts::longest) else {
        return 0;
    };
    let first = cells::word_of(practice.range.start());
    let last = cells::word_of(practice.range.end().plus(-1));
    let sieve = gaps.sieve(needed, first..last + 1, &lived);
    let passed_over = |one: &&&Provider| !sieve.lets_pass(one.number);
    wanted.providers.iter().filter(passed_over).count() as u64
}
