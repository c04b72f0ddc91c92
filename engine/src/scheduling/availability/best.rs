//! How good a slot is: by what it leaves over around it, by whether the provider has to change
//! operatories, and by how close it is to the time that was asked for. What counts how much is in
//! the practice's policy.

use std::collections::HashMap;

use schema::ids::OperatoryId;
use schema::models::claim::ClaimKind;
use schema::models::pattern::Role;
use schema::span::{DAY, Minute, Span};

use super::Context;
use super::needs::Parts;
use super::sink::Found;
use crate::scheduling::intervals::IntervalSet;
use crate::scheduling::policy::Scoring;
use crate::scheduling::rulebook::{Provider, Seat};

/// What is perfect in one respect.
const FULL: u64 = 100_000;
/// Time left over that is long enough for some treatment is not quite as good as none.
const USABLE_REST: u64 = FULL / 5;
/// From this far on, a start is not close at all.
const FAR: i64 = 7 * DAY;

/// Scores the slots of one search.
pub(super) struct Scorer<'a> {
    context: &'a Context<'a>,
    weights: Scoring,
    near: Minute,
    /// What is taken, by calendar number, and what is open, by schedule number.
    taken: HashMap<usize, IntervalSet>,
    open: HashMap<usize, IntervalSet>,
    provider: Option<OfProvider>,
    /// The local day that was looked at last.
    day: Option<Span>,
}

/// What is known of the provider whose slots are scored.
struct OfProvider {
    number: usize,
    /// Their shortest treatment: what is left over and shorter is of no use.
    shortest: i64,
    /// Their visits, by start.
    visits: Vec<(Span, OperatoryId)>,
}

impl<'a> Scorer<'a> {
    pub(super) fn new(context: &'a Context<'a>, near: Option<Minute>) -> Self {
        Self {
            context,
            weights: context.book.policy.scoring,
            near: near.unwrap_or(context.search.range.start()),
            taken: HashMap::new(),
            open: HashMap::new(),
            provider: None,
            day: None,
        }
    }

    /// The best of the operatories, with its score of at most [`FULL`].
    pub(super) fn score(&mut self, found: &Found<'_>) -> (usize, u64) {
        let closeness = FULL - (self.distance(found.start) * FULL as i64 / FAR) as u64;
        self.turn_to(found.provider);
        let (before, after) = self.neighbours(found.start);
        let mut best = (0, 0);
        for (place, seat) in found.seats.iter().enumerate() {
            let gaps = self.gaps(found, seat);
            let moved = |other: &Option<OperatoryId>| other.is_some_and(|id| id != seat.operatory);
            let known = [before, after].iter().flatten().count() as u64;
            let moves = [before, after].iter().filter(|other| moved(other)).count() as u64;
            let stays = FULL - (moves * FULL).checked_div(known).unwrap_or(0);
            let score = self.weigh(gaps, stays, closeness);
            if place == 0 || score > best.1 {
                best = (place, score);
            }
        }
        best
    }

    /// Minutes from the time that was asked for, up to what is far.
    pub(super) fn distance(&self, start: Minute) -> i64 {
        (start.0 - self.near.0).abs().min(FAR)
    }

    fn weigh(&self, gaps: u64, stays: u64, closeness: u64) -> u64 {
        let weights = [
            (self.weights.gaps, gaps),
            (self.weights.same_operatory, stays),
            (self.weights.closeness, closeness),
        ];
        let all: u64 = weights.iter().map(|(weight, _)| u64::from(*weight)).sum();
        let sum: u64 = weights
            .iter()
            .map(|(weight, value)| u64::from(*weight) * value)
            .sum();
        sum.checked_div(all).unwrap_or(FULL)
    }

    fn turn_to(&mut self, provider: &Provider) {
        if (self.provider.as_ref()).is_some_and(|known| known.number == provider.number) {
            return;
        }
        let context = self.context;
        let offered = (context.book.treatments.values())
            .filter(|treatment| treatment.active && context.book.offers(provider, treatment));
        let shortest = offered.map(|treatment| treatment.duration).min();
        let mut visits = Vec::new();
        let around = around(context.window);
        if let (Some(timeline), Some(around)) = (
            context.diary.numbered(provider.number, provider.calendar),
            around,
        ) {
            for claim in timeline.overlapping(around) {
                match &claim.kind {
                    ClaimKind::Appointment { visit } if !context.diary.own().has(claim) => {
                        visits.push((visit.span, visit.operatory));
                    }
                    _ => {}
                }
            }
        }
        visits.sort();
        visits.dedup();
        self.provider = Some(OfProvider {
            number: provider.number,
            shortest: shortest.unwrap_or(context.needs.duration),
            visits,
        });
    }

    /// Where the provider is before and after, on the same local day.
    fn neighbours(&mut self, start: Minute) -> (Option<OperatoryId>, Option<OperatoryId>) {
        let inside = |day: &Span| (day.start()..day.end()).contains(&start);
        if !self.day.as_ref().is_some_and(inside) {
            let zone = self.context.book.zone;
            self.day = zone.day(zone.to_local(start).date());
        }
        let (Some(day), Some(provider)) = (self.day, &self.provider) else {
            return (None, None);
        };
        let visits = &provider.visits;
        let place = visits.partition_point(|(span, _)| span.start() < start);
        let there = |(span, operatory): &(Span, OperatoryId)| {
            let same_day = (day.start()..day.end()).contains(&span.start());
            same_day.then_some(*operatory)
        };
        let before = place.checked_sub(1).and_then(|place| visits.get(place));
        (before.and_then(there), visits.get(place).and_then(there))
    }

    /// How little of use is lost around the slot: on the provider's calendar and the operatory's,
    /// before and after.
    fn gaps(&mut self, found: &Found<'_>, seat: &Seat) -> u64 {
        let context = self.context;
        let provider = found.provider;
        let lost = [
            (provider.number, provider.calendar, provider.role),
            (seat.number, seat.calendar, Role::Operatory),
        ]
        .map(|(number, calendar, role)| {
            let used = context
                .needs
                .of(role)
                .and_then(|parts| hull(parts, found.start));
            let shortest = self.provider.as_ref().map_or(0, |known| known.shortest);
            let (Some(used), Some(around)) = (used, around(context.window)) else {
                return 0;
            };
            let open = self
                .open
                .entry(seat.schedule.number)
                .or_insert_with(|| seat.schedule.open(around));
            let taken = self.taken.entry(number).or_insert_with(|| {
                let timeline = context.diary.numbered(number, calendar);
                let claims = timeline
                    .iter()
                    .flat_map(|timeline| timeline.overlapping(around));
                let own = context.diary.own();
                claims
                    .filter(|claim| !own.has(claim))
                    .map(|claim| claim.span)
                    .collect()
            });
            let (before, after) = rests(used, found.start, open, taken);
            cost(before, shortest) + cost(after, shortest)
        });
        FULL - lost.iter().sum::<u64>() / 4
    }
}

/// Free minutes before and after `used` on one calendar.
fn rests(used: Span, start: Minute, open: &IntervalSet, taken: &IntervalSet) -> (i64, i64) {
    let (open, taken) = (open.as_slice(), taken.as_slice());
    let place = open.partition_point(|span| span.end() <= start);
    let Some(open) = open.get(place) else {
        return (0, 0);
    };
    let place = taken.partition_point(|span| span.end() <= used.start());
    let before = place.checked_sub(1).and_then(|place| taken.get(place));
    let from = before.map_or(open.start(), |span| span.end().max(open.start()));
    let after = taken.get(place);
    let until = after.map_or(open.end(), |span| span.start().min(open.end()));
    (used.start().0 - from.0, until.0 - used.end().0)
}

fn cost(rest: i64, shortest: i64) -> u64 {
    match rest {
        ..=0 => 0,
        rest if rest < shortest => FULL,
        _ => USABLE_REST,
    }
}

/// From the first minute that the parts take to the last.
fn hull(parts: &Parts, start: Minute) -> Option<Span> {
    let from = parts.taken.iter().map(|(from, _)| *from).min()?;
    let to = parts.taken.iter().map(|(_, to)| *to).max()?;
    Span::new(start.plus(from), start.plus(to))
}

/// The window with the days around it, where neighbours may be.
fn around(window: Span) -> Option<Span> {
    Span::new(window.start().plus(-DAY), window.end().plus(2 * DAY))
}
