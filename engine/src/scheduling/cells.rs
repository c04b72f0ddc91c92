//! Minutes as cells of five, one bit each: what the search looks at first. Derived from exact
//! intervals and never the truth, but for times on the 5-minute grid the same: a span on the grid
//! meets a claim if and only if it meets the claim rounded outwards to cells.
//!
//! Cells count from 1970-01-01T00:00Z; 64 of them (5 h 20 min) are a word, 64 words (two weeks) a
//! page. Pages are shared between the versions of a set, so that a change copies one.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use schema::span::{Minute, Span};

/// Minutes of a cell.
pub const CELL: i64 = 5;
/// Cells of a word.
const WORD: i64 = 64;
/// Words of a page.
const PAGE: i64 = 64;

/// The words of one page.
type Page = [u64; PAGE as usize];

/// Whether `minutes` is a whole number of cells.
#[must_use]
pub fn on_grid(minutes: i64) -> bool {
    minutes % CELL == 0
}

/// The word that a minute lies in.
#[must_use]
pub fn word_of(minute: Minute) -> i64 {
    minute.0.div_euclid(CELL * WORD)
}

/// The page that a word lies in.
#[must_use]
pub fn page_of(word: i64) -> i64 {
    word.div_euclid(PAGE)
}

/// The words of a page.
#[must_use]
pub fn words_of(page: i64) -> Range<i64> {
    page * PAGE..(page + 1) * PAGE
}

/// The span of a page.
#[must_use]
pub fn page_span(page: i64) -> Option<Span> {
    let minutes = PAGE * WORD * CELL;
    Span::lasting(Minute(page.checked_mul(minutes)?), minutes)
}

/// The words from `first` to before `end`, page by page: the page's number and which of its words.
pub fn pages(first: i64, end: i64) -> impl Iterator<Item = (i64, i64, i64)> {
    let mut word = first;
    std::iter::from_fn(move || {
        let from = word;
        let page = page_of(from);
        word = end.min((page + 1) * PAGE);
        (from < end).then_some((page, from, word))
    })
}

/// The minute at which cell `bit` of `word` begins.
#[must_use]
pub fn minute(word: i64, bit: u32) -> Minute {
    Minute((word * WORD + i64::from(bit)) * CELL)
}

/// The cells of a word that begin within `span`.
#[must_use]
pub fn within(word: i64, span: Span) -> u64 {
    let first = word * WORD;
    let begins_from = |at: Minute| (-(-at.0).div_euclid(CELL) - first).clamp(0, WORD);
    let (from, to) = (begins_from(span.start()), begins_from(span.end()));
    if from == to {
        return 0;
    }
    ones(to - from) << from
}

/// A set of cells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cells(BTreeMap<i64, Arc<Page>>);

impl Cells {
    /// Adds every cell that `span` has a minute in.
    pub fn add(&mut self, span: Span) {
        self.change(outwards(span), |word, mask| *word |= mask);
    }

    /// Removes every cell that `span` has a minute in.
    pub fn remove(&mut self, span: Span) {
        self.change(outwards(span), |word, mask| *word &= !mask);
    }

    /// Adds the cells that lie in `span` with all their minutes.
    pub fn add_inside(&mut self, span: Span) {
        let first = -(-span.start().0).div_euclid(CELL);
        let end = span.end().0.div_euclid(CELL);
        self.change((first, end), |word, mask| *word |= mask);
    }

    fn change(&mut self, (first, end): (i64, i64), change: impl Fn(&mut u64, u64)) {
        let mut cell = first;
        while cell < end {
            let word = cell.div_euclid(WORD);
            let until = end.min((word + 1) * WORD);
            let from = cell.rem_euclid(WORD);
            let mask = ones(until - cell) << from;
            let page = Arc::make_mut(self.0.entry(page_of(word)).or_insert_with(empty));
            if let Some(word) = page.get_mut(word.rem_euclid(PAGE) as usize) {
                change(word, mask);
            }
            cell = until;
        }
    }

    /// Forgets the pages that `span` touches and that have no cell left.
    pub fn drop_empty(&mut self, span: Span) {
        for page in page_of(word_of(span.start()))..=page_of(word_of(span.end())) {
            if self.0.get(&page).is_some_and(|page| **page == [0; 64]) {
                self.0.remove(&page);
            }
        }
    }

    /// Appends the words from `first` to before `end`.
    pub fn copy_to(&self, first: i64, end: i64, into: &mut Vec<u64>) {
        for (page, from, until) in pages(first, end) {
            let place = from.rem_euclid(PAGE) as usize;
            let count = (until - from) as usize;
            let page = self.0.get(&page);
            match page.and_then(|page| page.get(place..place + count)) {
                Some(words) => into.extend_from_slice(words),
                None => into.resize(into.len() + count, 0),
            }
        }
    }
}

fn empty() -> Arc<Page> {
    Arc::new([0; PAGE as usize])
}

/// The first `count` bits, 1 to 64.
fn ones(count: i64) -> u64 {
    u64::MAX >> (WORD - count)
}

/// The first cell and the one after the last that the span has a minute in.
fn outwards(span: Span) -> (i64, i64) {
    let first = span.start().0.div_euclid(CELL);
    let end = -(-span.end().0).div_euclid(CELL);
    (first, end)
}

/// A part of a visit in cells: from which cell after the start, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub from: i64,
    pub cells: i64,
}

impl Stretch {
    /// `from` to `to`, in minutes after the start, both on the grid.
    #[must_use]
    pub fn minutes(from: i64, to: i64) -> Self {
        Self {
            from: from.div_euclid(CELL),
            cells: (to - from) / CELL,
        }
    }

    /// The words that it may begin in when the visit starts in one of `words`.
    #[must_use]
    pub fn begins_in(self, words: Range<i64>) -> Range<i64> {
        let first = words.start * WORD + self.from;
        let last = words.end * WORD - 1 + self.from;
        first.div_euclid(WORD)..last.div_euclid(WORD) + 1
    }

    /// Words before and after a start's own that it may look at.
    #[must_use]
    pub fn reach(self) -> (i64, i64) {
        let before = (-self.from).max(0).div_euclid(WORD) + 1;
        let after = (self.from + self.cells).max(0).div_euclid(WORD) + 2;
        (before, after)
    }

    /// For the 64 starts of the word at `place`: bit n is set when one of the cells that a visit
    /// starting at cell n takes is in `words`.
    #[must_use]
    pub fn meets(self, words: &[u64], place: usize) -> u64 {
        let mut met = 0;
        let mut from = self.from;
        let mut left = self.cells;
        while left > 0 {
            let count = left.min(WORD);
            met |= any_of(window(words, place, from), count as u32);
            from += count;
            left -= count;
        }
        met
    }
}

/// 128 cells, from `offset` cells after the first of the word at `place`; beyond the words there
/// are none.
fn window(words: &[u64], place: usize, offset: i64) -> u128 {
    let first = place as i64 + offset.div_euclid(WORD);
    let shift = offset.rem_euclid(WORD) as u32;
    let word = |number: i64| {
        let word = usize::try_from(number).ok().and_then(|n| words.get(n));
        u128::from(word.copied().unwrap_or(0))
    };
    let low = word(first) | word(first + 1) << 64;
    if shift == 0 {
        return low;
    }
    low >> shift | word(first + 2) << (128 - shift)
}

/// Bit n of the answer, 0 to 63: whether any of the bits n to n + `count` - 1 is set.
fn any_of(mut bits: u128, count: u32) -> u64 {
    let mut done = 1;
    while done * 2 <= count {
        bits |= bits >> done;
        done *= 2;
    }
    if done < count {
        bits |= bits >> (count - done);
    }
    bits as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a set of cells, over words and pages, before and after 1970.
        #[test]
        fn behaves_as_a_set_of_cells(
            steps in prop::collection::vec((-50_000i64..50_000, 1i64..3_000, 0..3), 1..12),
            from in -300i64..300, count in 1i64..300, word in -200i64..200,
        ) {
            let mut cells = Cells::default();
            let mut naive: BTreeSet<i64> = BTreeSet::new();
            for (start, minutes, what) in steps {
                let span = Span::lasting(Minute(start), minutes).unwrap();
                let touched: BTreeSet<i64> =
                    (start..start + minutes).map(|m| m.div_euclid(CELL)).collect();
                match what {
                    0 => {
                        cells.add(span);
                        naive.extend(touched);
                    }
                    1 => {
                        cells.remove(span);
                        cells.drop_empty(span);
                        naive.retain(|cell| !touched.contains(cell));
                    }
                    _ => {
                        cells.add_inside(span);
                        naive.extend(touched.into_iter().filter(|cell| {
                            start <= cell * CELL && (cell + 1) * CELL <= start + minutes
                        }));
                    }
                }
            }
            let stretch = Stretch { from, cells: count };
            let (before, after) = stretch.reach();
            let mut words = Vec::new();
            cells.copy_to(word - before, word + after + 1, &mut words);
            prop_assert_eq!(words.len() as i64, before + after + 1);
            let met = stretch.meets(&words, before as usize);
            for bit in 0..64 {
                let start = word * WORD + bit;
                let expected = (start + from..start + from + count).any(|c| naive.contains(&c));
                prop_assert_eq!(met >> bit & 1 == 1, expected, "bit {}", bit);
            }
        }
    }
}
