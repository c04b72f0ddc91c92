//! How long every calendar of a practice is free at a stretch: one byte for each word of cells, so
//! that a search over thousands of calendars passes over those without time and never looks at
//! them. Derived from timelines and hours and never the truth: it tells where there may be time,
//! and is silent only where there is none.
//!
//! A gap is a run of cells in which a calendar is open for somebody and not taken. Holds count as
//! free: some are the asker's own. For each word the longest is kept that begins in it, where what
//! is left of one from before begins with the word.

mod page;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use schema::ids::CalendarId;
use schema::span::Span;
use smallvec::SmallVec;

use super::cells::{self, Stretch};
use super::diary::Diary;
use super::marks::Marks;
use super::rulebook::RuleBook;
use super::rulebook::schedule::Schedule;
use super::timeline::Timeline;
use page::{LONGEST, Page, Row, WORDS};

/// A search over fewer providers is as quick without.
pub const WORTHWHILE: usize = 64;

/// Words after a page that are looked at too: gaps are known as far as they count.
const AFTER: i64 = 2;
/// Pages remembered, two weeks each. Practices book a year ahead or so.
const REMEMBERED_MAX: usize = 32;

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

    /// The gaps of some words. What was published before is taken into account, by `diary`.
    pub(super) fn view(&self, words: Range<i64>, diary: &dyn Diary) -> View {
        let mut known = self.refreshed(diary);
        let pages = cells::pages(words.start, words.end).map(|(number, _, _)| {
            if known.len() >= REMEMBERED_MAX && !known.contains_key(&number) {
                known.clear();
            }
            let page = known
                .entry(number)
                .or_insert_with(|| Arc::new(self.page(number, diary)));
            (number, Arc::clone(page))
        });
        View {
            pages: pages.collect(),
            count: self.calendars.len(),
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
                for (number_of_page, page) in pages.iter_mut() {
                    let row = scratch.row(self, number, *number_of_page, diary);
                    Arc::make_mut(page).set(number, row);
                }
            }
        }
        pages
    }

    fn page(&self, number: i64, diary: &dyn Diary) -> Page {
        let mut scratch = Scratch::default();
        let mut open = [0; WORDS];
        let mut page = Page::new(self.calendars.len(), |calendar| {
            let row = scratch.row(self, calendar, number, diary);
            for (all, one) in open.iter_mut().zip(&scratch.open) {
                *all |= one;
            }
            row
        });
        page.open = open;
        page
    }
}

/// Words that are used again from calendar to calendar: of a page, and after it.
#[derive(Default)]
struct Scratch {
    open: Vec<u64>,
    free: Vec<u64>,
    words: Vec<u64>,
}

impl Scratch {
    /// The longest gaps of a page on a calendar. One that nobody knows has none.
    fn row(&mut self, gaps: &Gaps, number: usize, page: i64, diary: &dyn Diary) -> Row {
        let words = cells::words_of(page);
        let (first, end) = (words.start, words.end + AFTER);
        self.open.clear();
        self.open.resize((end - first) as usize, 0);
        let (Some(open), Some(calendar)) = (gaps.open.get(number), gaps.calendars.get(number))
        else {
            return [0; WORDS];
        };
        for schedule in open {
            self.words.clear();
            schedule.copy_to(first, end, &mut self.words);
            for (all, open) in self.open.iter_mut().zip(&self.words) {
                *all |= open;
            }
        }
        if open.is_empty() {
            return [0; WORDS];
        }
        let Some(timeline) = diary.numbered(number, *calendar) else {
            return [0; WORDS];
        };
        self.words.clear();
        let range = Span::new(cells::minute(first, 0), cells::minute(end, 0));
        let rest: Option<Timeline> = range.and_then(|range| timeline.less_holds(range));
        let busy = rest.as_ref().unwrap_or(&timeline).busy();
        busy.copy_to(first, end, &mut self.words);
        self.free.clear();
        let cells = self.open.iter().zip(&self.words);
        self.free.extend(cells.map(|(open, busy)| open & !busy));
        longest(&self.free)
    }
}

/// The longest runs of ones from a cell of each word of a page on, in its words and those after it.
fn longest(words: &[u64]) -> Row {
    let mut row = [0; WORDS];
    let mut at = 0;
    while let Some(from) = next(words, at, 0) {
        at = next(words, from, u64::MAX).unwrap_or(words.len() as i64 * 64);
        for word in from / 64..(at - 1) / 64 + 1 {
            if let Some(longest) = row.get_mut(word as usize) {
                let cells = (at - from.max(word * 64)).min(LONGEST) as u8;
                *longest = cells.max(*longest);
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

/// The gaps of some words, as of one moment.
#[derive(Debug)]
pub(super) struct View {
    pages: SmallVec<[(i64, Arc<Page>); 3]>,
    count: usize,
}

impl View {
    /// How many calendars there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Marks those `among` the calendars on which `needed`, a part of a visit within opening hours,
    /// may be free when the visit starts in `word`. Where it begins in words that were not asked
    /// for, any may.
    pub(super) fn mark(&self, needed: Stretch, word: i64, among: &Marks, marks: &mut Marks) {
        for word in needed.begins_in(word..word + 1) {
            match self.find(word) {
                Some((page, place)) => page.mark(place, needed.cells, among, marks),
                None => marks.add_these(among),
            }
        }
    }

    /// The cells of a word in which anybody is open; all of one that was not asked for.
    pub(super) fn open(&self, word: i64) -> u64 {
        let found = self.find(word);
        let open = found.and_then(|(page, place)| page.open.get(place));
        open.copied().unwrap_or(u64::MAX)
    }

    /// A word's page, and its place there.
    fn find(&self, word: i64) -> Option<(&Page, usize)> {
        let number = cells::page_of(word);
        let (_, page) = self.pages.iter().find(|(known, _)| *known == number)?;
        Some((page, (word - cells::words_of(number).start) as usize))
    }
}

#[cfg(test)]
mod tests;
