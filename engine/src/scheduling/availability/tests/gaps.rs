//! With an eye on gaps the same is found, whatever has happened since they were worked out.

use schema::models::pattern::Role;

use super::history::Lived;
use super::practice::{Practice, Random};
use super::*;
use crate::scheduling::cells;
use crate::scheduling::marks::Marks;

/// While what is taken comes to be so, and when it is, the same is found with an eye on gaps that
/// were there before. Answers how many dentists it passes over in the end.
pub fn agree(
    practice: &Practice,
    book: &RuleBook,
    wanted: &Search<'_>,
    expected: &[Plain],
    (seed, seldom): (u64, i64),
) -> u64 {
    let mut random = Random(seed ^ 0x6a70);
    let mut lived = Lived::new(practice, book, &mut random, practice.range);
    let best = Search {
        order: Order::Best { near: None },
        ..wanted.clone()
    };
    // In another order than that of their ids.
    let mut these: Vec<&Provider> = wanted.providers(book).map(|(_, one)| one).collect();
    these.sort_by_cached_key(|_| random.next());
    let mixed = Search {
        whom: Whom::These(these),
        ..wanted.clone()
    };
    loop {
        let ended = !lived.step();
        if !ended && !random.one_in(seldom) {
            continue;
        }
        let found = |wanted, gaps| with(book, wanted, practice.now, &lived, gaps, false).unwrap();
        let gaps = usable_gaps(&lived);
        let earliest = plain(&found(wanted, gaps));
        assert_eq!(earliest, plain(&found(wanted, None)), "with gaps");
        assert_eq!(found(&best, gaps), found(&best, None), "with gaps, best");
        assert_eq!(found(&mixed, gaps), found(&mixed, None), "with gaps, mixed");
        let chosen = search(book, wanted, practice.now, &lived).unwrap();
        assert_eq!(plain(&chosen), earliest, "with gaps or without");
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
    let view = gaps.view(needed.begins_in(first..last + 1), &lived);
    let mut passing = Marks::none(view.count());
    let among = Marks::all(view.count());
    (first..=last).for_each(|word| view.mark(needed, word, &among, &mut passing));
    let all = wanted.providers(book);
    all.filter(|(_, one)| !passing.has(one.number)).count() as u64
}
