//! Writers: each owns one connection and commits one batch after the other. While a batch commits,
//! the next one gathers; that is all the waiting there is.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use schema::commit::{Answer, Change, CommitError, Committed, InDoubt, Verdict};
use schema::ids::CalendarId;
use schema::in_doubt;
use schema::models::claim::Event;
use tokio::time::Instant;
use uuid::Uuid;

use crate::actors::Settle;
use crate::bus::{Bus, Topic};
use crate::commit_queue::{CommitQueue, Outcome, Pending};
use crate::directory::{Applied, Directory, Origin};
use crate::registry::Registry;
use crate::store::{Session, Store};

/// How long a batch that certainly was not committed is tried again while the database is away.
const RETRY_FOR: Duration = Duration::from_secs(4);
/// Between two tries to reach the database.
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) struct Writer {
    pub store: Arc<dyn Store>,
    pub node: Uuid,
    pub batch_count_max: usize,
    pub queue: Arc<CommitQueue>,
    pub directory: Arc<Directory>,
    pub registry: Arc<Registry>,
    pub bus: Arc<Bus>,
    pub connection: Option<Box<dyn Session>>,
}

impl Writer {
    /// Commits until the queue is closed and empty.
    pub(crate) async fn run(mut self) {
        while let Some(batch) = self.queue.take(self.batch_count_max).await {
            let calendars: Vec<CalendarId> = batch
                .iter()
                .flat_map(|pending| pending.change.ops.keys().copied())
                .collect();
            metrics::histogram!("denticloud_commit_batch_size").record(batch.len() as f64);
            let began = Instant::now();
            for pending in &batch {
                let waited = began.duration_since(pending.queued).as_secs_f64();
                metrics::histogram!("denticloud_commit_queue_seconds").record(waited);
            }
            self.write(batch).await;
            metrics::histogram!("denticloud_commit_seconds").record(began.elapsed().as_secs_f64());
            self.queue.done(calendars);
        }
    }

    /// Commits a batch; where one of several cannot be, one by one, so that only that one fails.
    async fn write(&mut self, batch: Vec<Pending>) {
        let mut cells = batch.iter().flat_map(|pending| &pending.cells);
        if batch.len() == 1 || !cells.any(|(cell, _)| cell.is_shaken()) {
            let committed = self.commit(&batch).await;
            if batch.len() == 1 || !matches!(committed, Err(Refused::Conflict)) {
                self.queue.answered();
                return self.end(batch, committed);
            }
        }
        for pending in batch {
            let one = vec![pending];
            let committed = self.commit(&one).await;
            self.end(one, committed);
        }
        self.queue.answered();
    }

    fn end(&self, batch: Vec<Pending>, committed: Result<Committed, Refused>) {
        match committed {
            Ok(committed) => self.publish(batch, committed),
            Err(refused) => self.give_up(batch, refused),
        }
    }

    /// Commits, through lost connections and lost answers, until the outcome is known.
    async fn commit(&mut self, batch: &[Pending]) -> Result<Committed, Refused> {
        let changes: Vec<Change> = batch.iter().map(|pending| pending.change.clone()).collect();
        let until = Instant::now() + RETRY_FOR;
        loop {
            let fence = fence(batch);
            let node = self.node;
            let error = match self.connected().await {
                Ok(connection) => match connection.commit(node, &fence, &changes).await {
                    Ok(committed) => return Ok(committed),
                    Err(CommitError::Conflict(error)) => {
                        metrics::counter!("denticloud_commit_conflicts_total").increment(1);
                        tracing::warn!(%error, changes = changes.len(), "commit refused");
                        return Err(Refused::Conflict);
                    }
                    Err(CommitError::InDoubt(error, doubt)) => {
                        tracing::warn!(%error, xid = doubt.xid, "commit in doubt");
                        self.connection = None;
                        match self.resolve(doubt).await {
                            Some(committed) => return Ok(committed),
                            None => continue,
                        }
                    }
                    Err(CommitError::Failed(error)) => error.to_string(),
                },
                Err(error) => error,
            };
            tracing::warn!(error, "commit failed");
            self.connection = None;
            if Instant::now() >= until {
                return Err(Refused::Failed);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Asks until the server says how the transaction ended: what it holds is never abandoned.
    async fn resolve(&mut self, doubt: InDoubt) -> Option<Committed> {
        metrics::counter!("denticloud_commit_in_doubt_total").increment(1);
        loop {
            if let Ok(connection) = self.connected().await {
                match connection.outcome(&doubt).await {
                    Ok(in_doubt::Outcome::Committed) => return Some(doubt.committed),
                    Ok(in_doubt::Outcome::Aborted) => return None,
                    Ok(in_doubt::Outcome::InProgress) => {}
                    Err(error) => {
                        tracing::warn!(%error, "cannot ask for the outcome of a commit");
                        self.connection = None;
                    }
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn connected(&mut self) -> Result<&mut Box<dyn Session>, String> {
        match self.connection.take() {
            Some(known) => Ok(self.connection.insert(known)),
            None => {
                let fresh = self.store.session().await.map_err(|e| e.to_string())?;
                Ok(self.connection.insert(fresh))
            }
        }
    }

    /// Applies what was committed, in the order of the versions, then frees and answers, and tells
    /// other nodes.
    fn publish(&self, batch: Vec<Pending>, committed: Committed) {
        let mut events = Vec::new();
        for (mut pending, verdict) in batch.into_iter().zip(committed.verdicts) {
            let outcome = match verdict {
                Verdict::Committed { positions } => {
                    self.apply(&mut pending.change, &positions, committed.at, &mut events);
                    let result = std::mem::take(&mut pending.change.result);
                    Outcome::Committed(Answer { result, positions })
                }
                Verdict::Replayed {
                    answer,
                    fingerprint,
                } => Outcome::Replayed {
                    answer,
                    fingerprint,
                },
                Verdict::Stale { calendars } => Outcome::Stale { calendars },
                Verdict::NotExpired => Outcome::NotExpired,
                Verdict::OverLimit => Outcome::OverLimit,
                Verdict::StaleRules => Outcome::Stale {
                    calendars: Vec::new(),
                },
            };
            self.settle(pending, outcome);
        }
        if !events.is_empty() {
            self.bus.say(Topic::Events, &events);
        }
    }

    /// Applies a change's events; `told` gets those that other nodes are to hear.
    fn apply(
        &self,
        change: &mut Change,
        positions: &BTreeMap<CalendarId, i64>,
        at: chrono::DateTime<chrono::Utc>,
        told: &mut Vec<Event>,
    ) {
        let tx = change.tx;
        for (calendar, ops) in std::mem::take(&mut change.ops) {
            let Some(version) = positions.get(&calendar).copied() else {
                continue;
            };
            let event = Event {
                calendar,
                version,
                tx,
                at,
                ops,
            };
            if self.bus.is_up() {
                told.push(event.clone());
            }
            if self.directory.apply(event, Origin::Here) == Applied::Gap {
                // Cannot be while the fence holds; the next decision would be found stale and
                // catch up from the log.
                tracing::error!(%calendar, version, "committed past a gap");
            }
        }
    }

    fn give_up(&self, batch: Vec<Pending>, refused: Refused) {
        for pending in batch {
            let outcome = match refused {
                Refused::Conflict => {
                    let calendars = pending.change.ops.keys().copied().collect();
                    Outcome::Stale { calendars }
                }
                Refused::Failed => Outcome::Failed,
            };
            self.settle(pending, outcome);
        }
    }

    /// Frees the reservations, then tells the command. It may have stopped listening; the
    /// reservations must go all the same.
    fn settle(&self, pending: Pending, outcome: Outcome) {
        for (cell, _) in &pending.cells {
            self.registry.settle(
                cell,
                Settle {
                    calendar: cell.id,
                    change: pending.change.tx,
                },
            );
        }
        let _ = pending.outcome.send(outcome);
    }
}

/// The versions that the batch's decisions hold for: no other writer of this process commits on
/// these calendars meanwhile, and what this process committed before does not overlap them.
fn fence(batch: &[Pending]) -> HashMap<CalendarId, i64> {
    let mut fence = HashMap::new();
    for (cell, decided) in batch.iter().flat_map(|pending| &pending.cells) {
        let version = cell.fence(*decided).unwrap_or(OVERTAKEN);
        let known = fence.entry(cell.id).or_insert(version);
        *known = version.min(*known);
    }
    fence
}

/// No calendar's version: what was decided on something that has been overtaken is stale.
const OVERTAKEN: i64 = -1;

/// Why a batch is not committed.
#[derive(Clone, Copy)]
enum Refused {
    /// The database found one of the changes impossible.
    Conflict,
    /// The database was away.
    Failed,
}
