//! Where found starts go: the earliest are kept, or the best.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use schema::span::{Minute, Span};
use smallvec::SmallVec;

use super::best::Scorer;
use super::{Context, Slot};
use crate::scheduling::rulebook::{Provider, Seat};

/// A start, with the operatories that are free then, by name.
pub(super) struct Found<'a> {
    pub start: Minute,
    /// The provider, and their place in the search.
    pub place: usize,
    pub provider: &'a Provider,
    pub seats: SmallVec<[&'a Seat; 6]>,
}

impl<'a> Found<'a> {
    fn slot(self, duration: i64, best: usize, score: Option<u8>) -> Option<Slot> {
        let mut operatories: Vec<_> = self.seats.iter().map(|seat| seat.operatory).collect();
        let operatory = (best < operatories.len()).then(|| operatories.remove(best))?;
        Some(Slot {
            span: Span::lasting(self.start, duration)?,
            provider: self.provider.id,
            operatory,
            alternatives: operatories,
            score,
        })
    }

    fn order(&self) -> (Minute, usize) {
        (self.start, self.place)
    }
}

/// Takes starts as they are found, part by part of the window.
pub(super) trait Sink<'a> {
    /// From here on the provider of that place has nothing to add; nor has one of a later place.
    fn bound(&self, place: usize) -> Option<Minute>;

    fn take(&mut self, found: Found<'a>);

    /// Whether starts from `from` on cannot matter any more.
    fn is_done(&self, from: Minute) -> bool;

    fn slots(self) -> Vec<Slot>;
}

/// Keeps the earliest.
pub(super) struct Earliest<'a> {
    duration: i64,
    limit: usize,
    kept: Vec<Found<'a>>,
    /// With as many kept as are wanted, the last of them: whatever comes after it is not.
    last: Option<(Minute, usize)>,
}

impl<'a> Earliest<'a> {
    pub(super) fn new(context: &Context<'a>) -> Self {
        Self {
            duration: context.needs.duration,
            limit: context.search.limit,
            kept: Vec::new(),
            last: None,
        }
    }

    fn cut(&mut self) {
        self.kept.sort_unstable_by_key(Found::order);
        self.kept.truncate(self.limit);
        if self.kept.len() == self.limit {
            self.last = self.kept.last().map(Found::order);
        }
    }
}

impl<'a> Sink<'a> for Earliest<'a> {
    fn bound(&self, place: usize) -> Option<Minute> {
        let (start, last) = self.last?;
        // Whoever comes later in the search comes later at the same start too.
        Some(if place < last { start.plus(1) } else { start })
    }

    fn take(&mut self, found: Found<'a>) {
        self.kept.push(found);
        // Not at each one: sorting is shared by as many as are kept.
        if self.kept.len() == self.limit || self.kept.len() >= self.limit.saturating_mul(2) {
            self.cut();
        }
    }

    fn is_done(&self, _: Minute) -> bool {
        self.limit == 0 || self.kept.len() >= self.limit
    }

    fn slots(mut self) -> Vec<Slot> {
        self.cut();
        let duration = self.duration;
        let kept = self.kept.into_iter();
        kept.filter_map(|found| found.slot(duration, 0, None))
            .collect()
    }
}

/// Keeps those with the highest score.
pub(super) struct Best<'a> {
    scorer: Scorer<'a>,
    duration: i64,
    limit: usize,
    kept: BinaryHeap<Scored<'a>>,
}

/// Ordered so that the worst is the greatest.
struct Scored<'a> {
    score: u64,
    /// From the time that was asked for.
    distance: i64,
    best: usize,
    found: Found<'a>,
}

impl Scored<'_> {
    fn order(&self) -> (Reverse<u64>, i64, (Minute, usize)) {
        (Reverse(self.score), self.distance, self.found.order())
    }
}

impl Ord for Scored<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for Scored<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scored<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Scored<'_> {}

impl<'a> Best<'a> {
    pub(super) fn new(context: &'a Context<'a>, near: Option<Minute>) -> Self {
        Self {
            scorer: Scorer::new(context, near),
            duration: context.needs.duration,
            limit: context.search.limit,
            kept: BinaryHeap::new(),
        }
    }
}

impl<'a> Sink<'a> for Best<'a> {
    fn bound(&self, _: usize) -> Option<Minute> {
        None
    }

    fn take(&mut self, found: Found<'a>) {
        let (best, score) = self.scorer.score(&found);
        let distance = self.scorer.distance(found.start);
        self.kept.push(Scored {
            score,
            distance,
            best,
            found,
        });
        if self.kept.len() > self.limit {
            self.kept.pop();
        }
    }

    fn is_done(&self, _: Minute) -> bool {
        self.limit == 0
    }

    fn slots(self) -> Vec<Slot> {
        let duration = self.duration;
        let kept = self.kept.into_sorted_vec().into_iter();
        kept.filter_map(|one| {
            one.found
                .slot(duration, one.best, Some((one.score / 1000) as u8))
        })
        .collect()
    }
}
