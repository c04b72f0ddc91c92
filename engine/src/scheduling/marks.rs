//! A set of calendars of one rule book, by their numbers: a bit for each.

/// As many calendars have their bits in one word.
pub(super) const BLOCK: usize = 64;

/// Marked calendars.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks(Vec<u64>);

impl Marks {
    /// None of so many calendars.
    pub(super) fn none(count: usize) -> Self {
        Self(vec![0; count.div_ceil(BLOCK)])
    }

    /// All of so many calendars.
    pub(super) fn all(count: usize) -> Self {
        Self(vec![u64::MAX; count.div_ceil(BLOCK)])
    }

    pub(super) fn add(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / BLOCK) {
            *word |= 1 << (number % BLOCK);
        }
    }

    /// Adds those of a block: calendar `block` × 64 + n by bit n.
    pub(super) fn add_block(&mut self, block: usize, bits: u64) {
        if let Some(word) = self.0.get_mut(block) {
            *word |= bits;
        }
    }

    /// Those of a block: calendar `block` × 64 + n by bit n.
    pub(super) fn block(&self, block: usize) -> u64 {
        self.0.get(block).copied().unwrap_or(0)
    }

    pub(super) fn has(&self, number: usize) -> bool {
        let word = self.0.get(number / BLOCK);
        word.is_some_and(|word| word >> (number % BLOCK) & 1 == 1)
    }

    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Adds those that are in `other`.
    pub(super) fn add_these(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word |= other;
        }
    }

    /// Leaves those that are in `other`.
    pub(super) fn keep(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word &= other;
        }
    }

    /// The first one from `number` on.
    pub(super) fn next(&self, number: usize) -> Option<usize> {
        let mut place = number / BLOCK;
        let mut word = self.0.get(place)? & (u64::MAX << (number % BLOCK));
        while word == 0 {
            place += 1;
            word = *self.0.get(place)?;
        }
        Some(place * BLOCK + word.trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against sets of numbers.
        #[test]
        fn behaves_as_a_set(
            count in 1usize..400,
            one in prop::collection::btree_set(0usize..400, 0..30),
            other in prop::collection::btree_set(0usize..400, 0..200),
            from in 0usize..500,
        ) {
            let of = |numbers: &BTreeSet<usize>| {
                let mut marks = Marks::none(count);
                numbers.iter().filter(|n| **n < count).for_each(|n| marks.add(*n));
                marks
            };
            let inside = |n: &&usize| **n < count;
            let (some, others) = (of(&one), of(&other));
            prop_assert_eq!(some.next(from), one.range(from..).find(inside).copied());
            let mut kept = some.clone();
            kept.keep(&others);
            prop_assert_eq!(&kept, &of(&one.intersection(&other).copied().collect()));
            prop_assert_eq!(kept.is_empty(), !one.intersection(&other).any(|n| *n < count));
            let mut added = some.clone();
            added.add_these(&others);
            prop_assert_eq!(&added, &of(&one.union(&other).copied().collect()));
            prop_assert!((0..500).all(|n| added.has(n) == (n < count && (one.contains(&n) || other.contains(&n)))));
            prop_assert!((0..count).all(|n| Marks::all(count).has(n)));
            let mut blocks = Marks::none(count);
            (0..7).for_each(|block| blocks.add_block(block, added.block(block)));
            prop_assert_eq!(&blocks, &added);
            added.clear();
            prop_assert_eq!(added, Marks::none(count));
        }
    }
}
