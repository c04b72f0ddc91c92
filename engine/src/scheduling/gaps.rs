//! How long every calendar of a practice is free at a stretch: one byte for each word of cells, so
//! that a search over thousands of calendars passes over those without time and never looks at
//! them. Derived from timelines and hours and never the truth: it tells where there may be time,
//! and is silent only where there is none.
//!
//! A gap is a run of cells in which a calendar is open for somebody and not taken. Holds count as
//! free: some are the asker's own. Of each word the longest gap is kept that has a cell in it, at
//! its whole length.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use schema::ids::CalendarId;
use schema::span::Span;
use smallvec::SmallVec;

use super::cells::{self, Stretch};
use super::diary::Diary;
use super::rulebook::RuleBook;
use super::rulebook::schedule::Schedule;
use super::timeline::Timeline;

/// A search over fewer providers is as quick without.
pub const WORTHWHILE: usize = 64;

/// Longer gaps, and longer needs, count as this many cells (10 h 35 min): a byte less its highest
/// bit.
const LONGEST: i64 = 127;
/// Words on each side of a page that are looked at too: gaps are known as far as they count.
const AROUND: i64 = 2;
/// Pages remembered, two weeks each. Practices book a year ahead or so.
const REMEMBERED_MAX: usize = 32;

/// The longest gaps of a page's 64 words on one calendar, a byte each: a line of the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(align(64))]
struct Row([u64; 64 / BYTES]);

/// As many are looked at at once.
const BYTES: usize = 8;

/// The rows of every calendar, by its number.
type Page = Vec<Row>;

const HIGHEST_BITS: u64 = 0x8080_8080_8080_8080;
const LOWEST_BITS: u64 = 0x0101_0101_0101_0101;

/// The gaps of a rule book's calendars, worked out when they are asked for. Whoever publishes a
/// timeline says so by [`Gaps::changed`]; only its calendar is worked out again.
#[derive(Debug)]
pub struct Gaps {
    calendars: Arc<[CalendarId]>,
    /// When each calendar is open for somebody: at one of these.
    open: Vec<SmallVec<[Arc<Schedule>; 1]>>,
    /// A bit for each calendar whose timeline has changed since its gaps were worked out.
    changed: Vec<AtomicU64>,
    pages: Mutex<BTreeMap<i64, Arc<Page>>>,
}

impl Gaps {
    /// Of a book's dentists and operatories, by its hours.
    #[must_use]
    pub fn new(book: &RuleBook) -> Self {
        let calendars = Arc::clone(book.numbered_calendars());
        let mut open: Vec<SmallVec<[Arc<Schedule>; 1]>> = vec![SmallVec::new(); calendars.len()];
        for provider in book.providers.values().filter(|provider| provider.active) {
            for seat in provider.seats().iter().filter(|seat| seat.active) {
                for number in [provider.number, seat.number] {
                    let same = |known: &Arc<Schedule>| Arc::ptr_eq(known, &seat.schedule);
                    if let Some(known) = open.get_mut(number)
                        && !known.iter().any(same)
                    {
                        known.push(Arc::clone(&seat.schedule));
                    }
                }
            }
        }
        let words = calendars.len().div_ceil(u64::BITS as usize);
        Self {
            calendars,
            open,
            changed: (0..words).map(|_| AtomicU64::new(0)).collect(),
            pages: Mutex::default(),
        }
    }

    /// Another timeline of the calendar of that number has been published: after it has.
    pub fn changed(&self, number: usize) {
        if let Some(word) = self.changed.get(number / 64) {
            word.fetch_or(1 << (number % 64), Ordering::Release);
        }
    }

    /// Lets those calendars pass on which `needed`, a part of a visit within opening hours, may be
    /// free when the visit starts in one of `words`. What was published before is taken into
    /// account, by `diary`.
    pub(super) fn sieve(&self, needed: Stretch, words: Range<i64>, diary: &dyn Diary) -> Sieve {
        let words = needed.begins_in(words);
        let mut known = self.refreshed(diary);
        let pages = cells::pages(words.start, words.end).map(|(number, first, end)| {
            if known.len() >= REMEMBERED_MAX && !known.contains_key(&number) {
                known.clear();
            }
            let page = known
                .entry(number)
                .or_insert_with(|| Arc::new(self.page(number, diary)));
            let mut asked = Row::default();
            for word in first..end {
                let place = (word - cells::words_of(number).start) as usize;
                asked.0[place / BYTES] |= 0x80 << (place % BYTES * 8);
            }
            (Arc::clone(page), asked)
        });
        Sieve {
            pages: pages.collect(),
            needed: LOWEST_BITS * needed.cells.clamp(0, LONGEST) as u64,
        }
    }

    /// The pages, with the calendars worked out again that have changed. Whoever comes meanwhile
    /// waits, so that a change that somebody has been told of is never overlooked.
    fn refreshed(&self, diary: &dyn Diary) -> MutexGuard<'_, BTreeMap<i64, Arc<Page>>> {
        let mut pages = self.pages.lock().unwrap_or_else(|poisoned| {
            // Marks may have been taken and nothing done about them.
            let mut pages = poisoned.into_inner();
            pages.clear();
            self.pages.clear_poison();
            pages
        });
        let mut scratch = Scratch::default();
        for (place, word) in self.changed.iter().enumerate() {
            if word.load(Ordering::Relaxed) == 0 {
                continue;
            }
            let mut marks = word.swap(0, Ordering::Acquire);
            while marks != 0 {
                let number = place * 64 + marks.trailing_zeros() as usize;
                marks &= marks - 1;
                for (page, rows) in pages.iter_mut() {
                    let row = scratch.row(self, number, *page, diary);
                    if let Some(known) = Arc::make_mut(rows).get_mut(number) {
                        *known = row;
                    }
                }
            }
        }
        pages
    }

    fn page(&self, page: i64, diary: &dyn Diary) -> Page {
        let mut scratch = Scratch::default();
        (0..self.calendars.len())
            .map(|number| scratch.row(self, number, page, diary))
            .collect()
    }
}

/// Words that are used again from calendar to calendar.
#[derive(Default)]
struct Scratch {
    free: Vec<u64>,
    words: Vec<u64>,
}

impl Scratch {
    /// The longest gaps of a page on a calendar. One that nobody knows has none.
    fn row(&mut self, gaps: &Gaps, number: usize, page: i64, diary: &dyn Diary) -> Row {
        let (Some(open), Some(calendar)) = (gaps.open.get(number), gaps.calendars.get(number))
        else {
            return Row::default();
        };
        if open.is_empty() {
            return Row::default();
        }
        let Some(timeline) = diary.numbered(number, *calendar) else {
            return Row::default();
        };
        let words = cells::words_of(page);
        let (first, end) = (words.start - AROUND, words.end + AROUND);
        self.free.clear();
        self.free.resize((end - first) as usize, 0);
        for schedule in open {
            self.words.clear();
            schedule.copy_to(first, end, &mut self.words);
            for (free, open) in self.free.iter_mut().zip(&self.words) {
                *free |= open;
            }
        }
        self.words.clear();
        let range = Span::new(cells::minute(first, 0), cells::minute(end, 0));
        let rest: Option<Timeline> = range.and_then(|range| timeline.less_holds(range));
        let busy = rest.as_ref().unwrap_or(&timeline).busy();
        busy.copy_to(first, end, &mut self.words);
        for (free, busy) in self.free.iter_mut().zip(&self.words) {
            *free &= !busy;
        }
        longest(&self.free)
    }
}

/// The longest runs of ones that touch each word of a page, in its words and those around.
fn longest(words: &[u64]) -> Row {
    let page = AROUND..words.len() as i64 - AROUND;
    let mut row = Row::default();
    let mut at = 0;
    while let Some(from) = next(words, at, 0) {
        at = next(words, from, u64::MAX).unwrap_or(words.len() as i64 * 64);
        let cells = (at - from).min(LONGEST) as u64;
        for word in (from / 64).max(page.start)..((at - 1) / 64 + 1).min(page.end) {
            let place = (word - page.start) as usize;
            let (bytes, shift) = (&mut row.0[place / BYTES], place % BYTES * 8);
            if *bytes >> shift & 0xff < cells {
                *bytes = *bytes & !(0xff << shift) | cells << shift;
            }
        }
    }
    row
}

/// The first bit at or after `at` that is not as in `flipped`.
fn next(words: &[u64], at: i64, flipped: u64) -> Option<i64> {
    let mut place = at / 64;
    let mut word = (words.get(place as usize)? ^ flipped) & (u64::MAX << (at % 64));
    while word == 0 {
        place += 1;
        word = words.get(place as usize)? ^ flipped;
    }
    Some(place * 64 + i64::from(word.trailing_zeros()))
}

/// Lets calendars pass that have a long enough gap in some words, as of one moment.
#[derive(Debug)]
pub(super) struct Sieve {
    /// With the highest bit set of each word that is asked for.
    pages: SmallVec<[(Arc<Page>, Row); 2]>,
    /// Cells, in each byte.
    needed: u64,
}

impl Sieve {
    /// Whether the calendar of that number may have time.
    pub(super) fn lets_pass(&self, number: usize) -> bool {
        self.pages.iter().any(|(page, asked)| {
            let Some(row) = page.get(number) else {
                return false;
            };
            // A byte keeps its highest bit when what is needed is taken off what there is.
            let long_enough = |there: u64| (there | HIGHEST_BITS) - self.needed;
            let mut bytes = row.0.iter().zip(&asked.0);
            bytes.any(|(there, asked)| long_enough(*there) & asked != 0)
        })
    }
}

#[cfg(test)]
mod tests;
