//! Who may have which time of one calendar while earlier changes are still being committed.
//!
//! A change that has been decided but not committed is *unsettled*: it may yet fail. Whoever wants
//! time that it takes, or would free, waits until it settles, first come first served; so nobody is
//! refused for a booking that did not happen, and nobody is granted time that did not come free.

use std::collections::VecDeque;
use std::sync::Arc;

use schema::ids::{ClaimId, TxId};
use schema::models::claim::Claim;
use schema::span::Span;
use smallvec::SmallVec;

use super::diary::DailyCap;
use super::timeline::Timeline;

/// What a change wants of one calendar.
#[derive(Clone, Debug)]
pub struct Ask {
    pub change: TxId,
    /// Time that must be free but for the claims in `frees`.
    pub books: SmallVec<[Span; 2]>,
    /// Time that is taken as a fact (block, external), free or not.
    pub states: SmallVec<[Span; 2]>,
    /// Time that is taken as a fact and must hold no booking: other facts may be there.
    pub keeps: SmallVec<[Span; 2]>,
    /// Claims that the change deletes or replaces; they must still be there as they are.
    pub frees: SmallVec<[(ClaimId, Span); 2]>,
    /// Visits that may not be one too many for their day; asked of the calendar of the provider.
    pub caps: SmallVec<[DailyCap; 1]>,
}

impl Ask {
    fn spans(&self) -> impl Iterator<Item = Span> {
        let freed = self.frees.iter().map(|(_, span)| *span);
        self.books
            .iter()
            .copied()
            .chain(self.states.iter().copied())
            .chain(self.keeps.iter().copied())
            .chain(freed)
    }

    /// Whether the outcome of one may matter to the other. Two facts never matter to each other.
    fn concerns(&self, other: &Self) -> bool {
        let only_facts =
            |ask: &Self| ask.books.is_empty() && ask.keeps.is_empty() && ask.frees.is_empty();
        if only_facts(self) && only_facts(other) {
            return false;
        }
        self.spans()
            .any(|mine| other.spans().any(|theirs| mine.overlaps(theirs)))
            || self.counts_with(other)
            || self.frees_a_day_of(other)
            || other.frees_a_day_of(self)
    }

    /// Whether both would add to one count.
    fn counts_with(&self, other: &Self) -> bool {
        self.caps
            .iter()
            .any(|mine| other.caps.iter().any(|theirs| mine.counts_with(theirs)))
    }

    /// Whether it may lower a count of the other's.
    fn frees_a_day_of(&self, other: &Self) -> bool {
        let mut days = other.caps.iter().map(|cap| cap.day);
        days.any(|day| self.frees.iter().any(|(_, span)| span.overlaps(day)))
    }
}

/// What an [`Ask`] gets.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Reserved until the change is settled; decided on the state of this version.
    Granted { version: i64 },
    /// Something that is committed is in the way.
    Taken(Arc<Claim>),
    /// A claim that was to be freed is gone: the asker's view is old.
    Gone(ClaimId),
    /// The day has as many such visits as it may.
    Capped,
}

/// The unsettled changes of one calendar, and those who wait for them. `W` identifies a waiter.
#[derive(Debug)]
pub struct Reservations<W> {
    unsettled: Vec<Ask>,
    waiting: VecDeque<(Ask, W)>,
}

impl<W> Default for Reservations<W> {
    fn default() -> Self {
        Self {
            unsettled: Vec::new(),
            waiting: VecDeque::new(),
        }
    }
}

impl<W> Reservations<W> {
    /// Decides on the settled state, or lets the asker wait (`None`).
    pub fn ask(&mut self, settled: &Timeline, ask: Ask, waiter: W) -> Option<(W, Answer)> {
        let must_wait = self.must_wait(&ask, self.waiting.len());
        match Self::decide(settled, &ask) {
            // A committed claim refuses at once, unless somebody unsettled might free it.
            answer @ Answer::Granted { .. } if !must_wait => {
                self.unsettled.push(ask);
                Some((waiter, answer))
            }
            answer @ (Answer::Taken(_) | Answer::Gone(_) | Answer::Capped) if !must_wait => {
                Some((waiter, answer))
            }
            Answer::Taken(claim) if !self.may_be_freed(&claim) => {
                Some((waiter, Answer::Taken(claim)))
            }
            _ => {
                self.waiting.push_back((ask, waiter));
                None
            }
        }
    }

    /// Forgets a change: it has been committed (then `settled` shows it), has failed, or its asker
    /// has given up. Answers those who waited for it.
    pub fn settle(&mut self, settled: &Timeline, change: TxId) -> Vec<(W, Answer)> {
        self.unsettled.retain(|ask| ask.change != change);
        self.waiting.retain(|(ask, _)| ask.change != change);
        let mut answers = Vec::new();
        let mut place = 0;
        while place < self.waiting.len() {
            if self.must_wait(&self.waiting[place].0, place) {
                place += 1;
                continue;
            }
            let Some((ask, waiter)) = self.waiting.remove(place) else {
                break;
            };
            let answer = Self::decide(settled, &ask);
            if matches!(answer, Answer::Granted { .. }) {
                self.unsettled.push(ask);
            }
            answers.push((waiter, answer));
        }
        answers
    }

    /// How many changes are unsettled or wait.
    #[must_use]
    pub fn count(&self) -> usize {
        self.unsettled.len() + self.waiting.len()
    }

    /// Whether nothing is reserved and nobody waits.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.unsettled.is_empty() && self.waiting.is_empty()
    }

    /// Unsettled changes, and waiters before `place` who were first, come before `ask`.
    fn must_wait(&self, ask: &Ask, place: usize) -> bool {
        #[cfg(feature = "simulation")]
        if crate::simulated::is_on(crate::simulated::Mutation::NoTentativeWait) {
            return false;
        }
        let before = self.waiting.iter().take(place).map(|(ask, _)| ask);
        self.unsettled
            .iter()
            .chain(before)
            .any(|other| other.change != ask.change && other.concerns(ask))
    }

    fn may_be_freed(&self, claim: &Claim) -> bool {
        let waiting = self.waiting.iter().map(|(ask, _)| ask);
        self.unsettled
            .iter()
            .chain(waiting)
            .any(|other| other.frees.iter().any(|(id, _)| *id == claim.id))
    }

    fn decide(settled: &Timeline, ask: &Ask) -> Answer {
        for (id, span) in &ask.frees {
            if settled
                .find(*id, *span)
                .is_none_or(|claim| claim.span != *span)
            {
                return Answer::Gone(*id);
            }
        }
        let others = |span: &Span| {
            settled
                .overlapping(*span)
                .filter(|claim| !ask.frees.iter().any(|(id, _)| *id == claim.id))
        };
        let in_the_way = ask.books.iter().find_map(|span| others(span).next());
        let in_the_way = in_the_way.or_else(|| {
            let mut kept = ask.keeps.iter();
            kept.find_map(|span| others(span).find(|claim| claim.kind.is_booking()))
        });
        let replaced = |claim: &Claim| ask.frees.iter().any(|(id, _)| *id == claim.id);
        match in_the_way {
            Some(claim) => Answer::Taken(Arc::clone(claim)),
            None if ask.caps.iter().any(|cap| cap.is_reached(settled, replaced)) => Answer::Capped,
            None => Answer::Granted {
                version: settled.version(),
            },
        }
    }
}

#[cfg(test)]
mod tests;
