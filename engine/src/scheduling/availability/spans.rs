//! The search on exact intervals: which minutes a visit can start at, as sets. Slower than cells
//! and right for every pattern, length and grid.

use schema::models::pattern::Role;
use schema::span::{Minute, Span};
use smallvec::SmallVec;

use super::needs::Parts;
use super::sink::{Found, Sink};
use super::{Candidate, Context};
use crate::scheduling::intervals::IntervalSet;
use crate::scheduling::placement::{Other, daily_cap, equipment, staff};
use crate::scheduling::rulebook::schedule::Schedule;
use crate::scheduling::rulebook::{Provider, Seat};

/// Finds what starts in `part`.
pub(super) fn search<'a>(context: &Context<'a>, part: Span, sink: &mut impl Sink<'a>) {
    let search = Starts { context, part };
    let grid: Vec<Minute> = context.book.grid().starts(context.interval, part).collect();
    for candidate in context.candidates() {
        let &Candidate {
            place, provider, ..
        } = candidate;
        let Some(lead) = context.needs.of(provider.role) else {
            continue;
        };
        let mut own = search.free(provider.number, provider.calendar, lead);
        own = own.subtraction(&search.full_days(provider));
        if own.is_empty() {
            continue;
        }
        let seats: Vec<(IntervalSet, &'a Seat)> = context
            .seats(provider)
            .map(|seat| (search.in_seat(&own, provider.role, seat), seat))
            .collect();
        for start in &grid {
            if sink.bound(place).is_some_and(|bound| *start >= bound) {
                break;
            }
            let free = seats.iter().filter(|(set, _)| set.contains_minute(*start));
            let free: SmallVec<[&'a Seat; 6]> = free.map(|(_, seat)| *seat).collect();
            if !free.is_empty() {
                sink.take(Found {
                    start: *start,
                    place,
                    provider,
                    seats: free,
                });
            }
        }
    }
}

/// Sets of starts within a part of the window.
struct Starts<'c, 'a> {
    context: &'c Context<'a>,
    part: Span,
}

impl<'a> Starts<'_, 'a> {
    fn in_seat(&self, own: &IntervalSet, lead: Role, seat: &Seat) -> IntervalSet {
        let needs = &self.context.needs;
        let visit = [(0, needs.duration)];
        let mut starts = own.intersection(&self.within(&seat.schedule, &visit));
        if let Some(parts) = needs.of(Role::Operatory) {
            starts = starts.intersection(&self.free(seat.number, seat.calendar, parts));
        }
        for (role, parts) in needs.others(lead) {
            if starts.is_empty() {
                break;
            }
            let others: Vec<Other<'_>> = match role {
                Role::Equipment => equipment(self.context.search.treatment, seat.clinic).collect(),
                role => staff(self.context.book, role).collect(),
            };
            let served: IntervalSet = others
                .into_iter()
                .flat_map(|other| {
                    let free = self.free(other.number, other.calendar, parts);
                    match other.hours {
                        Some(hours) => free.intersection(&self.within(hours, &parts.worked)),
                        None => free,
                    }
                })
                .collect();
            starts = starts.intersection(&served);
        }
        starts
    }

    /// The starts at which none of the parts meets a claim.
    fn free(&self, number: usize, calendar: schema::ids::CalendarId, parts: &Parts) -> IntervalSet {
        let Some(timeline) = self.context.diary.numbered(number, calendar) else {
            return IntervalSet::new();
        };
        let own = self.context.diary.own();
        let mut met: Vec<Span> = Vec::new();
        for (from, to) in &parts.taken {
            let reach = Span::new(self.part.start().plus(*from), self.part.end().plus(*to));
            for claim in reach
                .into_iter()
                .flat_map(|reach| timeline.overlapping(reach))
                .filter(|claim| !own.has(claim))
            {
                // [start + from, start + to) meets the claim from its start - to + 1 on.
                met.extend(Span::new(
                    claim.span.start().plus(1 - to),
                    claim.span.end().plus(-from),
                ));
            }
        }
        IntervalSet::from(self.part).subtraction(&met.into_iter().collect())
    }

    /// The starts from which all the parts lie in a schedule's hours.
    fn within(&self, schedule: &Schedule, parts: &[(i64, i64)]) -> IntervalSet {
        let mut starts = IntervalSet::from(self.part);
        for (from, to) in parts {
            let reach = Span::new(self.part.start().plus(*from), self.part.end().plus(*to));
            let open = reach.map(|reach| schedule.open(reach)).unwrap_or_default();
            let fits = open
                .iter()
                .filter_map(|open| Span::new(open.start().plus(-from), open.end().plus(1 - to)));
            starts = starts.intersection(&fits.collect());
        }
        starts
    }

    /// The days that have as many visits of the treatment as they may.
    fn full_days(&self, provider: &Provider) -> IntervalSet {
        let context = self.context;
        let treatment = context.search.treatment;
        let mut full = Vec::new();
        let mut from = self.part.start();
        while from < self.part.end() {
            let Some(cap) = daily_cap(context.book, provider, treatment, from) else {
                break;
            };
            let timeline = context.diary.numbered(provider.number, provider.calendar);
            let own = |claim: &schema::models::claim::Claim| context.diary.own().has(claim);
            if timeline.is_some_and(|timeline| cap.is_reached(&timeline, own)) {
                full.push(cap.day);
            }
            from = cap.day.end().max(from.plus(1));
        }
        full.into_iter().collect()
    }
}
