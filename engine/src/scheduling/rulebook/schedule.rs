//! When something is open, worked out once for each two weeks and remembered: as spans, which are
//! the truth, and as cells for the search. Schedules that say the same are one.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{NaiveDate, Weekday};
use schema::span::Span;

use crate::scheduling::cells::{self, Cells};
use crate::scheduling::hours::{self, DayWindow, Exception, WeeklyHours, WeeklyWindow};
use crate::scheduling::intervals::IntervalSet;
use crate::scheduling::zone::Zone;

/// Pages remembered of one schedule; two weeks each. The search looks at most a year ahead or so.
const REMEMBERED_MAX: usize = 128;

/// A week, and the dates on which it holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hours {
    pub weekly: WeeklyHours,
    pub valid_from: Option<NaiveDate>,
    /// The last day.
    pub valid_to: Option<NaiveDate>,
}

impl Hours {
    /// Every day, midnight to midnight.
    #[must_use]
    pub fn always() -> Self {
        let mut day = Weekday::Mon;
        let windows = (0..7).map(|_| {
            let weekday = day;
            day = day.succ();
            WeeklyWindow {
                weekday,
                window: DayWindow::WHOLE_DAY,
            }
        });
        Self {
            weekly: WeeklyHours(windows.collect()),
            valid_from: None,
            valid_to: None,
        }
    }
}

/// What a schedule is made of.
#[derive(Debug)]
enum Source {
    Rules(Rules),
    /// What two others have in common.
    Both(Arc<Schedule>, Arc<Schedule>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Rules {
    zone: Zone,
    hours: Vec<Hours>,
    /// Exceptions, from the widest scope to the narrowest.
    layers: Vec<Vec<Exception>>,
}

/// Opening hours, with their exceptions.
#[derive(Debug)]
pub struct Schedule {
    /// Its place among the book's schedules.
    pub(in crate::scheduling) number: usize,
    source: Source,
    pages: Memory<OpenPage>,
}

#[derive(Debug)]
struct OpenPage {
    open: IntervalSet,
    cells: Cells,
}

impl Schedule {
    fn new(number: usize, source: Source) -> Arc<Self> {
        Arc::new(Self {
            number,
            source,
            pages: Memory::default(),
        })
    }

    /// When it is open within `range`.
    #[must_use]
    pub fn open(&self, range: Span) -> IntervalSet {
        let first = cells::page_of(cells::word_of(range.start()));
        let last = cells::page_of(cells::word_of(range.end().plus(-1)));
        if last - first > 1 {
            return self.source.open(range);
        }
        (first..=last)
            .map(|page| self.page(page))
            .flat_map(|page| page.open.within(range))
            .collect()
    }

    /// Appends the cells that are open with all their minutes, by words, from `first` to before
    /// `end`.
    pub(in crate::scheduling) fn copy_to(&self, first: i64, end: i64, into: &mut Vec<u64>) {
        for (number, from, until) in cells::pages(first, end) {
            self.page(number).cells.copy_to(from, until, into);
        }
    }

    fn page(&self, number: i64) -> Arc<OpenPage> {
        self.pages.get(number, || {
            let open = cells::page_span(number)
                .map(|span| self.source.open(span))
                .unwrap_or_default();
            let mut cells = Cells::default();
            for span in &open {
                cells.add_inside(span);
            }
            OpenPage { open, cells }
        })
    }
}

impl Source {
    fn open(&self, range: Span) -> IntervalSet {
        match self {
            Self::Rules(rules) => rules.open(range),
            Self::Both(one, other) => one.open(range).intersection(&other.open(range)),
        }
    }
}

impl Rules {
    fn open(&self, range: Span) -> IntervalSet {
        let layers: Vec<&[Exception]> = self.layers.iter().map(Vec::as_slice).collect();
        self.hours
            .iter()
            .flat_map(|hours| {
                hours::open(
                    self.zone,
                    &hours.weekly,
                    hours.valid_from,
                    hours.valid_to,
                    &layers,
                    range,
                )
            })
            .collect()
    }
}

/// Makes schedules; those that say the same are the same.
#[derive(Default)]
pub(super) struct Schedules {
    by_rules: HashMap<Rules, Arc<Schedule>>,
    both: HashMap<(usize, usize), Arc<Schedule>>,
}

impl Schedules {
    pub(super) fn of(
        &mut self,
        zone: Zone,
        hours: Vec<Hours>,
        layers: Vec<Vec<Exception>>,
    ) -> Arc<Schedule> {
        let number = self.next();
        let rules = Rules {
            zone,
            hours,
            layers,
        };
        let source = || Source::Rules(rules.clone());
        let schedule = self.by_rules.entry(rules.clone());
        Arc::clone(schedule.or_insert_with(|| Schedule::new(number, source())))
    }

    /// What two schedules have in common.
    pub(super) fn both(&mut self, one: &Arc<Schedule>, other: &Arc<Schedule>) -> Arc<Schedule> {
        let number = self.next();
        let source = || Source::Both(Arc::clone(one), Arc::clone(other));
        let schedule = self.both.entry((one.number, other.number));
        Arc::clone(schedule.or_insert_with(|| Schedule::new(number, source())))
    }

    fn next(&self) -> usize {
        self.by_rules.len() + self.both.len()
    }
}

/// The starts that are offered: local midnight + n × interval.
#[derive(Clone, Debug)]
pub(in crate::scheduling) struct Grid {
    zone: Zone,
    pages: Arc<Memory<GridPage, (i64, i64)>>,
}

#[derive(Debug)]
struct GridPage {
    cells: Cells,
    /// Whether every start of the page is the start of a cell.
    exact: bool,
}

impl Grid {
    pub(super) fn new(zone: Zone) -> Self {
        Self {
            zone,
            pages: Arc::default(),
        }
    }

    /// The starts within `range`, ascending.
    pub(in crate::scheduling) fn starts(
        &self,
        interval: i64,
        range: Span,
    ) -> impl Iterator<Item = schema::span::Minute> {
        let zone = self.zone;
        let first = zone.to_local(range.start()).date();
        let last = zone.to_local(range.end()).date();
        first
            .iter_days()
            .take_while(move |date| *date <= last)
            .filter_map(move |date| zone.day(date))
            .flat_map(move |day| {
                // To the first one in the range at once.
                let skipped = (range.start().0 - day.start().0 + interval - 1).div_euclid(interval);
                (skipped.max(0)..)
                    .map(move |n| day.start().plus(n * interval))
                    .take_while(move |start| *start < day.end() && *start < range.end())
            })
    }

    /// Appends the cells that are starts, by words; `false` when a start lies within a cell, and
    /// cells cannot tell.
    pub(in crate::scheduling) fn copy_to(
        &self,
        interval: i64,
        first: i64,
        end: i64,
        into: &mut Vec<u64>,
    ) -> bool {
        let mut exact = true;
        for (number, from, until) in cells::pages(first, end) {
            let page = self.page(interval, number);
            exact &= page.exact;
            page.cells.copy_to(from, until, into);
        }
        exact
    }

    fn page(&self, interval: i64, number: i64) -> Arc<GridPage> {
        self.pages.get((interval, number), || {
            let mut page = GridPage {
                cells: Cells::default(),
                exact: cells::on_grid(interval),
            };
            let Some(span) = cells::page_span(number) else {
                return page;
            };
            for start in self.starts(interval, span) {
                page.exact &= cells::on_grid(start.0);
                page.cells.add(Span::lasting(start, 1).unwrap_or(span));
            }
            page
        })
    }
}

/// What has been worked out, by number. Losing it costs time and nothing else.
#[derive(Debug)]
struct Memory<T, K = i64>(RwLock<HashMap<K, Arc<T>>>);

impl<T, K> Default for Memory<T, K> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T, K: Eq + std::hash::Hash> Memory<T, K> {
    fn get(&self, key: K, make: impl FnOnce() -> T) -> Arc<T> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(page) = known.get(&key) {
            return Arc::clone(page);
        }
        drop(known);
        let page = Arc::new(make());
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        Arc::clone(known.entry(key).or_insert(page))
    }
}
