//! Two weeks of gaps of every calendar: a column for each word, so that who has a long enough gap in
//! a word is read from end to end; and above it the longest of each 64 calendars, so that most of a
//! column need not be read at all.

use crate::scheduling::marks::{BLOCK, Marks};

/// Longer gaps, and longer needs, count as this many cells (10 h 35 min): a byte less its highest
/// bit.
pub(super) const LONGEST: i64 = 127;

/// Words of a page.
pub(super) const WORDS: usize = 64;

/// The longest gap that begins in each word of a page on one calendar, in cells.
pub(super) type Row = [u8; WORDS];

/// As many bytes are looked at at once.
const BYTES: usize = 8;
type Bytes = [u8; BYTES];

const HIGHEST_BITS: u64 = 0x8080_8080_8080_8080;
const LOWEST_BITS: u64 = 0x0101_0101_0101_0101;

/// A word's gaps on 64 calendars: a line of the processor's cache.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Block([Bytes; BLOCK / BYTES]);

/// The gaps of every calendar, by its number.
#[derive(Clone, Debug)]
pub(super) struct Page {
    /// Blocks of a column, and what holds the longest of each in a column.
    blocks: usize,
    eights: usize,
    /// Column after column.
    gaps: Vec<Block>,
    longest: Vec<Bytes>,
    /// The cells of each word in which anybody is open.
    pub open: [u64; WORDS],
}

impl Page {
    /// Of `count` calendars' rows.
    pub(super) fn new(count: usize, mut row: impl FnMut(usize) -> Row) -> Self {
        let blocks = count.div_ceil(BLOCK);
        let eights = blocks.div_ceil(BYTES);
        let mut page = Self {
            blocks,
            eights,
            gaps: vec![Block::default(); WORDS * blocks],
            longest: vec![Bytes::default(); WORDS * eights],
            open: [0; WORDS],
        };
        for number in 0..count {
            for (word, gap) in row(number).into_iter().enumerate() {
                page.put(word, number, gap);
            }
        }
        for word in 0..WORDS {
            for block in 0..blocks {
                page.sum_up(word, block);
            }
        }
        page
    }

    /// Replaces a calendar's row.
    pub(super) fn set(&mut self, number: usize, row: Row) {
        for (word, gap) in row.into_iter().enumerate() {
            if self.put(word, number, gap) {
                self.sum_up(word, number / BLOCK);
            }
        }
    }

    /// Answers whether that changes anything.
    fn put(&mut self, word: usize, number: usize, gap: u8) -> bool {
        let block = self.gaps.get_mut(word * self.blocks + number / BLOCK);
        let within = number % BLOCK;
        let Some(byte) = block
            .filter(|_| number / BLOCK < self.blocks)
            .and_then(|block| block.0.get_mut(within / BYTES)?.get_mut(within % BYTES))
        else {
            return false;
        };
        std::mem::replace(byte, gap) != gap
    }

    /// Notes the longest gap of a block.
    fn sum_up(&mut self, word: usize, block: usize) {
        let Some(gaps) = self.gaps.get(word * self.blocks + block) else {
            return;
        };
        let longest = gaps
            .0
            .iter()
            .flatten()
            .fold(0, |longest, gap| longest.max(*gap));
        let eight = self.longest.get_mut(word * self.eights + block / BYTES);
        if let Some(byte) = eight.and_then(|eight| eight.get_mut(block % BYTES)) {
            *byte = longest;
        }
    }

    /// Marks those `among` the calendars on which a gap of `cells`, at least 1, begins in a word of
    /// the page.
    pub(super) fn mark(&self, word: usize, cells: i64, among: &Marks, marks: &mut Marks) {
        let needed = LOWEST_BITS * cells.clamp(1, LONGEST) as u64;
        let longest = self
            .longest
            .iter()
            .skip(word * self.eights)
            .take(self.eights);
        for (eight, longest) in longest.enumerate() {
            let mut long = long_enough(*longest, needed);
            while long != 0 {
                let block = eight * BYTES + long.trailing_zeros() as usize;
                long &= long - 1;
                let among = among.block(block);
                let gaps = self.gaps.get(word * self.blocks + block);
                if let Some(gaps) = gaps.filter(|_| among != 0) {
                    let bits = gaps.0.iter().enumerate().fold(0, |bits, (place, gaps)| {
                        bits | long_enough(*gaps, needed) << (place * BYTES)
                    });
                    marks.add_block(block, bits & among);
                }
            }
        }
    }
}

/// A bit for each byte that is not less than what is needed.
fn long_enough(there: Bytes, needed: u64) -> u64 {
    // A byte keeps its highest bit when what is needed is taken off what there is.
    let kept = ((u64::from_le_bytes(there) | HIGHEST_BITS) - needed) & HIGHEST_BITS;
    // The highest bits, moved next to each other.
    kept.wrapping_mul(0x0002_0408_1020_4081) >> 56
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a list of rows, over changes: also where the only long gap of a block goes.
        #[test]
        fn marks_who_has_a_long_enough_gap(
            count in 1usize..700,
            lengths in prop::collection::vec(0u8..=127, 1..20),
            changes in prop::collection::vec((0usize..700, 0u8..=127), 0..40),
            word in 0..WORDS, cells in 1i64..200,
        ) {
            let mut rows: Vec<Row> = (0..count)
                .map(|n| std::array::from_fn(|word| lengths[(n + word) % lengths.len()]))
                .collect();
            let mut page = Page::new(count, |number| rows[number]);
            for (number, gap) in changes {
                let number = number % count;
                rows[number] = [0; WORDS];
                rows[number][word] = gap;
                page.set(number, rows[number]);
            }
            let mut marks = Marks::none(count);
            let among = (0..count).filter(|n| n % 3 > 0 && n / 64 != 1);
            let mut asked = Marks::none(count);
            among.for_each(|number| asked.add(number));
            page.mark(word, cells, &asked, &mut marks);
            for (number, row) in rows.iter().enumerate() {
                let expected = i64::from(row[word]) >= cells.min(LONGEST);
                let expected = expected && asked.has(number);
                prop_assert_eq!(marks.has(number), expected, "{}", number);
            }
        }
    }
}
