//! Which starts are free: opening hours ∧ every role free, on the slot grid, between notice and
//! horizon, below the daily cap. Proposes from what is published; whether a slot is still free is
//! decided when it is booked.
//!
//! [`bits`] looks at 5-minute cells, 64 starts at once, and over thousands of providers by what gaps
//! they have; [`spans`] at exact intervals, for patterns and grids that do not fit cells. All give the
//! same slots.

mod best;
mod bits;
mod needs;
mod sink;
mod spans;

use std::cell::OnceCell;
use std::sync::Arc;

use schema::ids::{OperatoryId, ProviderId};
use schema::models::pattern::Role;
use schema::span::{DAY, Minute, Span};

use super::diary::{Diary, Own};
use super::gaps::{self, Gaps};
use super::placement::{Asker, horizon_days, notice_min, segments, slot_interval_min};
use super::rejection::Rejection;
use super::rulebook::roster::Roster;
use super::rulebook::{Provider, RuleBook, Seat, Treatment};
use needs::Needs;
use sink::{Best, Earliest, Sink};

/// What is searched.
#[derive(Clone, Debug)]
pub struct Search<'a> {
    pub treatment: &'a Treatment,
    pub whom: Whom<'a>,
    /// Empty: any.
    pub operatories: Vec<OperatoryId>,
    pub range: Span,
    /// Minutes; the treatment's own without.
    pub duration: Option<i64>,
    pub asker: Asker,
    pub order: Order,
    pub limit: usize,
    /// What counts as free: the asker's own holds.
    pub own: Own,
}

/// Whom a visit may be with. Who does not offer the treatment, or is not active, is left out.
#[derive(Clone, Debug)]
pub enum Whom<'a> {
    /// Whoever offers it, in the order of their ids. The rule book knows them: however many they
    /// are, a search does not go through them.
    Anybody,
    These(Vec<&'a Provider>),
}

/// Which slots come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    Earliest,
    /// By score; close to `near` is good, or to the range's start without.
    Best { near: Option<Minute> },
}

impl<'a> Search<'a> {
    /// The earliest slots of a treatment at any provider who offers it, in any operatory.
    #[must_use]
    pub fn any(treatment: &'a Treatment, range: Span, asker: Asker) -> Self {
        Self::with(treatment, Whom::Anybody, range, asker)
    }

    /// The earliest slots of a treatment at some providers, in any operatory.
    #[must_use]
    pub fn of(
        treatment: &'a Treatment,
        providers: Vec<&'a Provider>,
        range: Span,
        asker: Asker,
    ) -> Self {
        Self::with(treatment, Whom::These(providers), range, asker)
    }

    /// The earliest slots of a treatment, in any operatory.
    #[must_use]
    pub fn with(treatment: &'a Treatment, whom: Whom<'a>, range: Span, asker: Asker) -> Self {
        Self {
            treatment,
            whom,
            operatories: Vec::new(),
            range,
            duration: None,
            asker,
            order: Order::Earliest,
            limit: 50,
            own: Own::default(),
        }
    }

    /// Those whom a visit may be with, each with their place in the search.
    fn providers(&self, book: &'a RuleBook) -> impl Iterator<Item = (usize, &'a Provider)> {
        let treatment = self.treatment;
        let (all, these) = match &self.whom {
            Whom::Anybody => (Some(book.who_offers(treatment)), None),
            Whom::These(these) => (None, Some(these.iter().copied())),
        };
        let these = these.into_iter().flatten();
        let these = these.filter(|one| one.active && book.offers(one, treatment));
        all.into_iter().flatten().chain(these).enumerate()
    }
}

/// A start that can be booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    pub span: Span,
    pub provider: ProviderId,
    /// By name the first that is free, or the best one.
    pub operatory: OperatoryId,
    /// Other operatories that are free at the same time.
    pub alternatives: Vec<OperatoryId>,
    /// 0 to 100, where slots are asked for in order of it.
    pub score: Option<u8>,
}

/// The longest range that one search looks at, in days.
pub const LONGEST_RANGE_DAYS: i64 = 62;

/// The first slots in the order asked for; slots that are equal in it are in order of the start
/// and of the providers.
///
/// # Errors
/// `bad_duration` when the treatment cannot last that long, `not_offered` when it is not for the
/// asker.
pub fn search(
    book: &RuleBook,
    search: &Search<'_>,
    now: Minute,
    diary: &dyn Diary,
) -> Result<Vec<Slot>, Rejection> {
    let many = match &search.whom {
        Whom::Anybody => book.providers.len(),
        Whom::These(these) => these.len(),
    } >= gaps::WORTHWHILE;
    let gaps = many.then(|| usable_gaps(diary)).flatten();
    with(book, search, now, diary, gaps, false)
}

/// The gaps of a diary. They do not tell where there is time when a visit is moved away.
fn usable_gaps(diary: &dyn Diary) -> Option<&Gaps> {
    let nothing_moves = diary.own().appointments.is_empty();
    nothing_moves.then(|| diary.gaps()).flatten()
}

/// The search where `gaps` let it look; on exact intervals also where cells would do.
fn with(
    book: &RuleBook,
    search: &Search<'_>,
    now: Minute,
    diary: &dyn Diary,
    gaps: Option<&Gaps>,
    exact: bool,
) -> Result<Vec<Slot>, Rejection> {
    let treatment = search.treatment;
    if !treatment.active || (search.asker == Asker::Public && !treatment.online_bookable) {
        return Err(Rejection::NotOffered);
    }
    let duration = search.duration.unwrap_or(treatment.duration);
    let segments = segments(treatment, duration)?;
    let Some(window) = window(book, search, now) else {
        return Ok(Vec::new());
    };
    // The best of all are found by looking at each one's slots together.
    let by_time = gaps.filter(|_| search.order == Order::Earliest);
    let context = Context {
        book,
        search,
        diary,
        needs: Needs::new(&segments, duration),
        candidates: OnceCell::new(),
        window,
        interval: slot_interval_min(book, treatment),
        exact,
        gaps,
        roster: by_time.map(|_| roster(book, search)),
    };
    let context = &context;
    Ok(match search.order {
        Order::Earliest => run(context, Earliest::new(context)),
        Order::Best { near } => run(context, Best::new(context, near)),
    })
}

/// A search with everything that it needs to know.
struct Context<'a> {
    book: &'a RuleBook,
    search: &'a Search<'a>,
    diary: &'a dyn Diary,
    needs: Needs,
    candidates: OnceCell<Vec<Candidate<'a>>>,
    /// When a visit may start.
    window: Span,
    /// Minutes between the starts that are offered.
    interval: i64,
    exact: bool,
    /// Where to look, if that is known.
    gaps: Option<&'a Gaps>,
    /// Whom to look at, where that is by the gaps and in the order of time.
    roster: Option<Arc<Roster>>,
}

/// Whom a search looks at, in flat arrays.
fn roster(book: &RuleBook, search: &Search<'_>) -> Arc<Roster> {
    match &search.whom {
        Whom::Anybody => book.roster(search.treatment),
        Whom::These(_) => {
            let calendars = book.numbered_calendars().len();
            let providers = search.providers(book);
            Arc::new(Roster::new(providers, search.treatment, calendars))
        }
    }
}

impl<'a> Context<'a> {
    /// Whom a search looks at one after the other.
    fn candidates(&self) -> &[Candidate<'a>] {
        self.candidates.get_or_init(|| {
            let all = self.search.providers(self.book);
            all.filter(|(_, one)| self.needs.of(one.role).is_some())
                .map(|(place, provider)| Candidate {
                    place,
                    number: provider.number,
                    role: provider.role,
                    provider,
                })
                .collect()
        })
    }

    /// The operatories that a provider may have the visit in.
    fn seats(&self, provider: &'a Provider) -> impl Iterator<Item = &'a Seat> + use<'a> {
        let (treatment, wanted) = (self.search.treatment, &self.search.operatories);
        provider
            .seats()
            .iter()
            .filter(|seat| seat.active && treatment.can_be_done_in(seat.operatory))
            .filter(|seat| wanted.is_empty() || wanted.contains(&seat.operatory))
    }
}

/// A provider who can have the visit at all.
struct Candidate<'a> {
    /// In the search.
    place: usize,
    /// Of the calendar in the rule book.
    number: usize,
    role: Role,
    provider: &'a Provider,
}

/// The first part of a search, in minutes: most find enough in it.
const FIRST_PART: i64 = DAY;
/// Each further part is so many times as long as the one before.
const GROWTH: i64 = 4;
/// Who goes by time looks at nobody but those who may have any: to look at thousands only once
/// matters more than to look at little of each.
const GROWTH_BY_TIME: i64 = 32;

/// Goes through the window part by part, until nothing later can matter.
fn run<'a, S: Sink<'a>>(context: &'a Context<'a>, mut sink: S) -> Vec<Slot> {
    let mut from = context.window.start();
    let mut length = FIRST_PART;
    while let Some(part) = Span::new(from, context.window.end().min(from.plus(length))) {
        if sink.is_done(from) {
            break;
        }
        if context.exact || !bits::search(context, part, &mut sink) {
            spans::search(context, part, &mut sink);
        }
        from = part.end();
        length *= match context.roster {
            Some(_) => GROWTH_BY_TIME,
            None => GROWTH,
        };
    }
    sink.slots()
}

/// The range cut to now, notice and horizon.
fn window(book: &RuleBook, search: &Search<'_>, now: Minute) -> Option<Span> {
    let earliest = match search.asker {
        Asker::Staff => now,
        Asker::Public => now.plus(notice_min(book, search.treatment).max(0)),
    };
    let latest = now.plus(horizon_days(book, search.treatment) * DAY + 1);
    let longest = search.range.start().plus(LONGEST_RANGE_DAYS * DAY);
    search
        .range
        .intersection(Span::new(earliest, latest.min(longest))?)
}

#[cfg(test)]
pub(super) mod tests;
