//! The search on 5-minute cells: 64 starts of a provider in an operatory with a few machine
//! instructions. Exact wherever patterns, lengths and starts are whole cells.

mod sweep;

use std::collections::HashMap;
use std::ops::Range;

use schema::ids::ClinicId;
use schema::models::pattern::Role;
use schema::span::{Minute, Span};
use smallvec::SmallVec;

use super::needs::Parts;
use super::sink::{Found, Sink};
use super::{Candidate, Context};
use crate::scheduling::cells::{self, Cells, Stretch};
use crate::scheduling::marks::Marks;
use crate::scheduling::placement::{Other, daily_cap, equipment, staff};
use crate::scheduling::rulebook::schedule::Schedule;
use crate::scheduling::rulebook::{Provider, Seat};

/// Finds what starts in `part`. Answers `false`, having found nothing, where cells cannot tell.
pub(super) fn search<'a>(context: &Context<'a>, part: Span, sink: &mut impl Sink<'a>) -> bool {
    if !context.needs.on_grid {
        return false;
    }
    let Some(mut table) = Table::new(context, part) else {
        return false;
    };
    match (&context.roster, context.gaps) {
        (Some(roster), Some(gaps)) => sweep::search(&mut table, roster, gaps, sink),
        _ => (context.candidates().iter()).for_each(|candidate| table.search(candidate, sink)),
    }
    true
}

/// The words of one part of the window, of every calendar and schedule that was looked at so far.
struct Table<'c, 'a> {
    context: &'c Context<'a>,
    /// The words that starts lie in.
    first: i64,
    count: usize,
    /// The starts that are offered.
    grid: Vec<u64>,
    /// Words before the first that parts may reach into, and words of a row in all.
    before: usize,
    width: usize,
    /// Rows of `width` words: what is taken on each calendar, by its number.
    taken: Rows,
    /// Rows of `count` words: when a visit would lie in the hours of each schedule, by its number.
    fits: Rows,
    /// Rows of `count` words: when somebody is there for a role.
    served: HashMap<(Role, Option<ClinicId>), Vec<u64>>,
    scratch: Vec<u64>,
    /// Who may have time, by the part of the visit that they have.
    passing: SmallVec<[(Role, Marks); 2]>,
}

/// Rows of words that are made when they are asked for.
struct Rows {
    places: Vec<u32>,
    words: Vec<u64>,
}

const NOT_MADE: u32 = u32::MAX;

impl Rows {
    fn new(count: usize) -> Self {
        Self {
            places: vec![NOT_MADE; count],
            words: Vec::new(),
        }
    }

    /// Where the row of that number begins, if it was made.
    fn place(&mut self, number: usize) -> Option<usize> {
        if self.places.len() <= number {
            self.places.resize(number + 1, NOT_MADE);
        }
        let place = self.places[number];
        (place != NOT_MADE).then_some(place as usize)
    }

    fn begin(&mut self, number: usize) -> usize {
        let place = self.words.len();
        self.places[number] = u32::try_from(place).unwrap_or(NOT_MADE);
        place
    }
}

impl<'c, 'a> Table<'c, 'a> {
    /// `None` where starts lie within cells.
    fn new(context: &'c Context<'a>, part: Span) -> Option<Self> {
        let first = cells::word_of(part.start());
        let end = cells::word_of(part.end().plus(-1)) + 1;
        let mut grid = Vec::new();
        let exact = (context.book.grid()).copy_to(context.interval, first, end, &mut grid);
        if !exact {
            return None;
        }
        for (word, bits) in (first..).zip(grid.iter_mut()) {
            *bits &= cells::within(word, part);
        }
        let (before, after) = context.needs.reach;
        let count = grid.len();
        Some(Self {
            context,
            first,
            count,
            grid,
            before: before as usize,
            width: before as usize + count + after as usize,
            taken: Rows::new(context.book.numbered_calendars().len()),
            fits: Rows::new(0),
            served: HashMap::new(),
            scratch: Vec::new(),
            passing: SmallVec::new(),
        })
    }

    /// Whether a calendar may have the time that a role needs.
    fn may_have_time(&mut self, role: Role, parts: &Parts, number: usize) -> bool {
        let Some(gaps) = self.context.gaps else {
            return true;
        };
        let known = self.passing.iter().find(|(other, _)| *other == role);
        if let Some((_, passing)) = known {
            return passing.has(number);
        }
        let Some(needed) = parts.longest() else {
            return true;
        };
        let words = self.first..self.first + self.count as i64;
        let view = gaps.view(needed.begins_in(words.clone()), self.context.diary);
        let mut passing = Marks::none(view.count());
        let all = Marks::all(view.count());
        words.for_each(|word| view.mark(needed, word, &all, &mut passing));
        let passes = passing.has(number);
        self.passing.push((role, passing));
        passes
    }

    fn search(&mut self, candidate: &Candidate<'a>, sink: &mut impl Sink<'a>) {
        let context = self.context;
        let &Candidate {
            place,
            number,
            role,
            provider,
        } = candidate;
        let Some(lead) = context.needs.of(role) else {
            return;
        };
        if !self.may_have_time(role, lead, number) {
            return;
        }
        let mut seats: SmallVec<[&'a Seat; 8]> = context.seats(provider).collect();
        if let Some(parts) = context.needs.of(Role::Operatory) {
            seats.retain(|seat| self.may_have_time(Role::Operatory, parts, seat.number));
        }
        if seats.is_empty() {
            return;
        }
        // Most providers keep the same hours in all their operatories.
        let mut hours: SmallVec<[usize; 8]> = SmallVec::new();
        let mut last = usize::MAX;
        for seat in &seats {
            if seat.schedule.number != last {
                last = seat.schedule.number;
                hours.push(self.fits_in(&seat.schedule));
            }
        }
        // What is taken is looked up only where there is something to find: calendars are many, and
        // lie apart in memory.
        let mut own = None;
        let full = self.full_days(provider, 0..self.count);
        let mut free: SmallVec<[(u64, &'a Seat); 8]> = SmallVec::new();
        for word in 0..self.count {
            let Some(before) = self.starts_before(word, sink.bound(place)) else {
                break;
            };
            let mut starts = self.grid[word] & before;
            let open = hours
                .iter()
                .fold(0, |open, row| open | self.fits.words[row + word]);
            starts &= open;
            if let Some(full) = &full {
                starts &= !full[word];
            }
            if starts == 0 {
                continue;
            }
            let own = match own {
                Some(row) => row,
                None => *own.insert(self.taken_on(number)),
            };
            starts &= !self.meets(&lead.taken_cells, own, word);
            if starts == 0 {
                continue;
            }
            free.clear();
            let mut any = 0;
            for seat in &seats {
                let found = self.in_seat(starts, role, seat, word);
                if found != 0 {
                    any |= found;
                    free.push((found, seat));
                }
            }
            while any != 0 {
                let bit = any.trailing_zeros();
                any &= any - 1;
                let seats = free.iter().filter(|(found, _)| found >> bit & 1 == 1);
                sink.take(Found {
                    start: cells::minute(self.first + word as i64, bit),
                    place,
                    provider,
                    seats: seats.map(|(_, seat)| *seat).collect(),
                });
            }
        }
    }

    /// The starts of a word before `bound`; `None` where there are none, nor later.
    fn starts_before(&self, word: usize, bound: Option<Minute>) -> Option<u64> {
        let word = self.first + word as i64;
        match bound {
            Some(bound) => Some(cells::within(
                word,
                Span::new(cells::minute(word, 0), bound)?,
            )),
            None => Some(u64::MAX),
        }
    }

    /// Those of `starts` at which the operatory is open and free, and everybody else is there.
    fn in_seat(&mut self, starts: u64, lead: Role, seat: &'a Seat, word: usize) -> u64 {
        let fits = self.fits_in(&seat.schedule);
        let mut found = starts & self.fits.words[fits + word];
        if found == 0 {
            return 0;
        }
        if let Some(parts) = self.context.needs.of(Role::Operatory) {
            let chair = self.taken_on(seat.number);
            found &= !self.meets(&parts.taken_cells, chair, word);
        }
        let context = self.context;
        for (role, parts) in context.needs.others(lead) {
            if found == 0 {
                return 0;
            }
            let clinic = (role == Role::Equipment).then_some(seat.clinic);
            found &= self.served(role, parts, clinic, word);
        }
        found
    }

    /// The starts of a word at which one of the stretches meets something in the row at `row`.
    fn meets(&self, stretches: &[Stretch], row: usize, word: usize) -> u64 {
        let words = &self.taken.words[row..row + self.width];
        let place = self.before + word;
        stretches
            .iter()
            .fold(0, |met, stretch| met | stretch.meets(words, place))
    }

    /// The words that a row reaches over.
    fn reach(&self) -> (i64, i64) {
        let first = self.first - self.before as i64;
        (first, first + self.width as i64)
    }

    /// The row of what is taken on a calendar.
    fn taken_on(&mut self, number: usize) -> usize {
        if let Some(place) = self.taken.place(number) {
            return place;
        }
        let (first, end) = self.reach();
        let place = self.taken.begin(number);
        let words = &mut self.taken.words;
        let calendar = self.context.book.numbered_calendars().get(number);
        match calendar.and_then(|calendar| self.context.diary.numbered(number, *calendar)) {
            Some(timeline) => {
                let own = self.context.diary.own();
                let range = Span::new(cells::minute(first, 0), cells::minute(end, 0));
                match range.and_then(|range| timeline.without(own, range)) {
                    Some(rest) => rest.busy().copy_to(first, end, words),
                    None => timeline.busy().copy_to(first, end, words),
                }
            }
            // Nothing is booked on a calendar that nobody knows.
            None => words.resize(place + self.width, u64::MAX),
        }
        place
    }

    /// The row of the starts from which the whole visit lies in a schedule's hours.
    fn fits_in(&mut self, schedule: &Schedule) -> usize {
        if let Some(place) = self.fits.place(schedule.number) {
            return place;
        }
        let place = self.fits.begin(schedule.number);
        let visit = Stretch::minutes(0, self.context.needs.duration);
        self.closed(schedule);
        for word in 0..self.count {
            let open = !visit.meets(&self.scratch, self.before + word);
            self.fits.words.push(open);
        }
        place
    }

    /// Puts when a schedule is closed into `scratch`.
    fn closed(&mut self, schedule: &Schedule) {
        let (first, end) = self.reach();
        self.scratch.clear();
        schedule.copy_to(first, end, &mut self.scratch);
        for word in &mut self.scratch {
            *word = !*word;
        }
    }

    /// The starts of a word at which somebody is there for a role, or in a clinic something.
    fn served(&mut self, role: Role, parts: &Parts, clinic: Option<ClinicId>, word: usize) -> u64 {
        if let Some(row) = self.served.get(&(role, clinic)) {
            return row[word];
        }
        let context = self.context;
        let others: Vec<Other<'_>> = match clinic {
            Some(clinic) => equipment(context.search.treatment, clinic).collect(),
            None => staff(context.book, role).collect(),
        };
        let mut row = vec![0; self.count];
        for other in others {
            let taken = self.taken_on(other.number);
            self.scratch.clear();
            if let Some(hours) = other.hours {
                self.closed(hours);
            }
            for (word, served) in row.iter_mut().enumerate() {
                let away = parts.worked_cells.iter().fold(0, |away, stretch| {
                    away | stretch.meets(&self.scratch, self.before + word)
                });
                *served |= !(away | self.meets(&parts.taken_cells, taken, word));
            }
            // Of very many the first ones are there whenever anybody has to be.
            if self
                .grid
                .iter()
                .zip(&row)
                .all(|(grid, row)| grid & !row == 0)
            {
                break;
            }
        }
        let answer = row[word];
        self.served.insert((role, clinic), row);
        answer
    }

    /// The starts in some words of days that have as many visits of the treatment as they may;
    /// `None` where nothing is counted.
    fn full_days(&self, provider: &Provider, words: Range<usize>) -> Option<Vec<u64>> {
        let context = self.context;
        context.search.treatment.daily_cap?;
        let timeline = context.diary.numbered(provider.number, provider.calendar)?;
        let own = |claim: &schema::models::claim::Claim| context.diary.own().has(claim);
        let first = self.first + words.start as i64;
        let end = self.first + words.end as i64;
        let mut full = Cells::default();
        let mut from = cells::minute(first, 0);
        while from < cells::minute(end, 0) {
            let cap = daily_cap(context.book, provider, context.search.treatment, from)?;
            if cap.is_reached(&timeline, own) {
                full.add(cap.day);
            }
            from = cap.day.end().max(from.plus(1));
        }
        let mut words = Vec::new();
        full.copy_to(first, end, &mut words);
        Some(words)
    }
}
