//! Reserved changes on their way to a writer. Hands out batches so that a calendar is in one batch
//! at a time, and changes of one calendar leave in the order in which they came.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schema::commit::{Answer, Change};
use schema::ids::CalendarId;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout};

use crate::directory::Cell;

/// From this many changes on a batch is worth being committed beside another one: below, what one
/// transaction costs by itself is more than what waiting for the other costs.
const WORTH_ANOTHER: usize = 8;
/// Nothing waits longer than this for another batch: that one's connection may be stuck.
const PATIENCE: Duration = Duration::from_millis(10);

/// What became of a change.
#[derive(Debug)]
pub(crate) enum Outcome {
    Committed(Answer),
    /// The key had been used, by a command with this fingerprint.
    Replayed {
        answer: Answer,
        fingerprint: Vec<u8>,
    },
    /// Decided on something old; these calendars have moved on (none: the rules have).
    Stale {
        calendars: Vec<CalendarId>,
    },
    /// A hold that was to make room has time left by the database's clock.
    NotExpired,
    /// The asker has as many holds as they may have.
    OverLimit,
    /// Not committed, and not for anything that deciding again would mend.
    Failed,
}

/// A change whose time is reserved.
#[derive(Debug)]
pub(crate) struct Pending {
    pub change: Change,
    /// Each calendar with the version that was decided on.
    pub cells: Vec<(Arc<Cell>, i64)>,
    pub outcome: oneshot::Sender<Outcome>,
    pub queued: Instant,
}

#[derive(Default)]
struct State {
    pending: VecDeque<Pending>,
    in_flight: HashSet<CalendarId>,
    /// Batches that are being committed.
    batches: usize,
    closed: bool,
}

/// The queue between commands and writers. Its bound is that of the commands in flight.
#[derive(Default)]
pub(crate) struct CommitQueue {
    state: Mutex<State>,
    changed: Notify,
}

impl CommitQueue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a change; a closed queue answers it as failed.
    pub(crate) fn push(&self, pending: Pending) {
        let mut state = self.lock();
        if state.closed {
            drop(state);
            let _ = pending.outcome.send(Outcome::Failed);
            return;
        }
        state.pending.push_back(pending);
        drop(state);
        self.changed.notify_one();
    }

    /// The next batch of at most `count` changes, none of whose calendars is in another batch;
    /// `None` once the queue is closed and empty.
    pub(crate) async fn take(&self, count: usize) -> Option<Vec<Pending>> {
        loop {
            let changed = self.changed.notified();
            let patience = {
                let mut state = self.lock();
                let patience = state.patience();
                let batch = match patience {
                    Some(_) => Vec::new(),
                    None => state.take(count),
                };
                if !batch.is_empty() {
                    state.batches += 1;
                    if !state.pending.is_empty() {
                        // There may be something for another writer too.
                        self.changed.notify_one();
                    }
                    return Some(batch);
                }
                if state.closed && state.pending.is_empty() {
                    self.changed.notify_waiters();
                    self.changed.notify_one();
                    return None;
                }
                patience
            };
            match patience {
                Some(patience) => drop(timeout(patience, changed).await),
                None => changed.await,
            }
        }
    }

    /// The database has answered a batch: the next one need not wait until that is applied, but for
    /// those of its changes that are on the same calendars.
    pub(crate) fn answered(&self) {
        self.lock().batches -= 1;
        self.changed.notify_one();
    }

    /// The batch with those calendars has been applied.
    pub(crate) fn done(&self, calendars: impl IntoIterator<Item = CalendarId>) {
        let mut state = self.lock();
        for id in calendars {
            state.in_flight.remove(&id);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Takes no more changes; what is queued is still handed out.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_waiters();
        self.changed.notify_one();
    }

    /// How many changes wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().pending.len()
    }
}

impl State {
    /// How long what is queued can wait for the batch that is being committed; `None` when it need
    /// not, or should not any longer.
    fn patience(&self) -> Option<Duration> {
        let oldest = self.pending.front()?;
        if self.batches == 0 || self.closed || self.pending.len() >= WORTH_ANOTHER {
            return None;
        }
        let left = PATIENCE.saturating_sub(oldest.queued.elapsed());
        (!left.is_zero()).then_some(left)
    }

    fn take(&mut self, count: usize) -> Vec<Pending> {
        let mut batch: Vec<Pending> = Vec::new();
        let mut mine: HashSet<CalendarId> = HashSet::new();
        // Calendars of changes that were passed over: later ones must not overtake them.
        let mut passed: HashSet<CalendarId> = HashSet::new();
        let mut place = 0;
        while place < self.pending.len() && batch.len() < count {
            let ids = || self.pending[place].change.ops.keys();
            if ids().any(|id| self.in_flight.contains(id) || passed.contains(id)) {
                passed.extend(ids());
                place += 1;
                continue;
            }
            mine.extend(ids());
            batch.extend(self.pending.remove(place));
        }
        self.in_flight.extend(mine);
        batch
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use schema::commit::RulesSeen;
    use schema::ids::{TenantId, TxId};
    use uuid::Uuid;

    use super::*;

    fn change(name: u128, calendars: &[u128]) -> Pending {
        let ops: BTreeMap<_, _> = calendars
            .iter()
            .map(|id| (CalendarId(Uuid::from_u128(*id)), Vec::new()))
            .collect();
        Pending {
            change: Change {
                tx: TxId(Uuid::from_u128(name)),
                tenant: TenantId(Uuid::nil()),
                actor: String::new(),
                origin: schema::audit_log::Origin::default(),
                action: "test",
                subject: Uuid::nil(),
                overrides: Vec::new(),
                ops,
                claims_put: Vec::new(),
                claims_del: Vec::new(),
                labels: Default::default(),
                appointments: Vec::new(),
                holds: Default::default(),
                series: Vec::new(),
                blocks_put: Vec::new(),
                blocks_del: Vec::new(),
                merged: None,
                rules: RulesSeen::default(),
                key: None,
                result: serde_json::Value::Null,
            },
            cells: Vec::new(),
            outcome: oneshot::channel().0,
            queued: Instant::now(),
        }
    }

    fn names(batch: &[Pending]) -> Vec<u128> {
        batch
            .iter()
            .map(|pending| pending.change.tx.0.as_u128())
            .collect()
    }

    #[test]
    fn a_calendar_is_in_one_batch_at_a_time_and_keeps_its_order() {
        let mut state = State::default();
        state
            .pending
            .extend([change(1, &[1, 2]), change(2, &[2, 3]), change(3, &[9])]);
        let first = state.take(1);
        assert_eq!(names(&first), [1]);
        state.pending.push_back(change(4, &[3]));
        // 2 waits for calendar 2; 4 must not overtake it on calendar 3; 3 touches neither.
        assert_eq!(names(&state.take(64)), [3]);
        for pending in first {
            for id in pending.change.ops.keys() {
                state.in_flight.remove(id);
            }
        }
        assert_eq!(names(&state.take(64)), [2, 4]);
        assert!(state.take(64).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_small_batch_waits_for_the_one_under_way_but_not_for_long() {
        let queue = CommitQueue::default();
        queue.push(change(1, &[1]));
        let began = Instant::now();
        let first = queue.take(64).await.unwrap();
        assert_eq!((names(&first), began.elapsed()), (vec![1], Duration::ZERO));
        for name in 2..2 + WORTH_ANOTHER as u128 {
            queue.push(change(name, &[name]));
        }
        let many = queue.take(64).await.unwrap();
        assert_eq!(many.len(), WORTH_ANOTHER);
        assert_eq!(began.elapsed(), Duration::ZERO, "many do not wait");
        queue.push(change(20, &[20]));
        let one = queue.take(64).await.unwrap();
        assert_eq!((names(&one), began.elapsed()), (vec![20], PATIENCE));
        for batch in [first, many, one] {
            queue.answered();
            queue.done(batch.iter().flat_map(|p| p.change.ops.keys().copied()));
        }
        queue.push(change(21, &[21]));
        let next = queue.take(64).await.unwrap();
        assert_eq!((names(&next), began.elapsed()), (vec![21], PATIENCE));
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_batch_starts_when_the_one_under_way_is_answered_but_for_its_calendars() {
        let queue = CommitQueue::default();
        queue.push(change(1, &[1]));
        let first = queue.take(64).await.unwrap();
        let began = Instant::now();
        queue.push(change(2, &[1]));
        queue.push(change(3, &[3]));
        queue.answered();
        let next = queue.take(64).await.unwrap();
        assert_eq!((names(&next), began.elapsed()), (vec![3], Duration::ZERO));
        queue.answered();
        queue.done(first.iter().flat_map(|p| p.change.ops.keys().copied()));
        assert_eq!(names(&queue.take(64).await.unwrap()), [2]);
    }
}
