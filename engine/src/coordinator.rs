//! Runs one command: plan, reserve in ascending order of calendars, commit, answer.

mod refusal;

use std::collections::BTreeSet;
use std::sync::Arc;

use dashmap::DashMap;
use schema::commit::Key;
use schema::ids::{CalendarId, TxId};
use schema::models::claim::{Claim, ClaimKind};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::actors::Settle;
use crate::command::{Done, Reply, Request};
use crate::commit_queue::{Outcome, Pending};
use crate::directory::Cell;
use crate::engine::Parts;
use crate::failure::{Failure, Refusal};
use crate::plan::{Looked, Plan, plan};
use crate::registry::{Registry, Undelivered};
use crate::scheduling::rejection::{Conflict, Rejection};
use crate::scheduling::reservation::Answer;
use refusal::{Check, Ended, Grounds, Question, Verified};

/// How often a command is decided again on something newer before it is `busy`.
const TRIES: u32 = 3;
/// How often an actor that died is asked again at its replacement.
const ASKS: u32 = 3;

/// Runs a command to its end; what it has reserved is freed whatever happens to it.
pub(crate) async fn run(parts: &Parts, request: Request) -> Result<Reply, Refusal> {
    let key = key_of(&request)?;
    // Two commands with one key: the second waits for the first and gets its answer.
    let _turn = match &key {
        Some(key) => Some(parts.keys.lock(key).await),
        None => None,
    };
    if let Some(key) = &key
        && let Some((answer, fingerprint)) = parts.store.answer(key).await?
    {
        return replay(key, answer, &fingerprint);
    }
    let looked = Looked::default();
    let mut verified = Verified::default();
    loop {
        let (rejection, grounds) = match decide(parts, &request, key.as_ref(), &looked).await {
            Ok(reply) => return Ok(reply),
            Err(Ended::Failed(failure)) => return Err(failure.into()),
            Err(Ended::Refused(rejection, grounds)) => (rejection, grounds),
        };
        let question = Question {
            request: &request,
            key: key.as_ref(),
            looked: &looked,
            grounds,
        };
        let checking = question.check(parts, &mut verified);
        let checking = tokio::time::timeout(parts.settings.commit_deadline, checking);
        match checking.await.unwrap_or(Err(Failure::Unavailable))? {
            Check::Stands => return Err(rejection.into()),
            Check::Again => {}
            Check::Answered(answer, fingerprint) => {
                return match &key {
                    Some(key) => replay(key, answer, &fingerprint),
                    None => Err(Failure::Internal.into()),
                };
            }
        }
    }
}

/// Plans, reserves and commits, again on something newer where that is needed.
async fn decide(
    parts: &Parts,
    request: &Request,
    key: Option<&Key>,
    looked: &Looked,
) -> Result<Reply, Ended> {
    let deadline = Instant::now() + parts.settings.reserve_deadline;
    let mut avoid = BTreeSet::new();
    let mut may_expire = true;
    let mut tries = 0;
    while tries < TRIES {
        let plan = match plan(parts, request, key, &avoid, may_expire, looked).await {
            Err(_) if looked.take_overtaken() => {
                tries += 1;
                continue;
            }
            planned => planned?,
        };
        if plan.is_empty() {
            // Perhaps because this very command has done it: then its answer is the first one.
            if let Some(key) = key
                && let Some((answer, fingerprint)) = parts.store.answer(key).await?
            {
                return Ok(replay(key, answer, &fingerprint)?);
            }
            return Ok(nothing_to_do(&plan));
        }
        let reserved = match reserve(parts, &plan, deadline).await? {
            Reservation::Granted(reserved) => reserved,
            Reservation::Taken {
                calendar,
                version,
                claim,
            } => {
                // The visit itself, which has moved there since it was looked at.
                if is_its_own(&plan, &claim) {
                    tries += 1;
                    continue;
                }
                // Something else can be chosen, unless that has been tried.
                if plan.chosen.contains(&calendar) && avoid.insert(calendar) {
                    continue;
                }
                // What was decided time by time is decided again with this one known.
                tries += 1;
                if plan.again && tries < TRIES {
                    continue;
                }
                let grounds = match avoid.is_empty() {
                    true => Grounds::Claim { calendar, version },
                    // What else could be chosen was taken by other claims.
                    false => Grounds::Published,
                };
                return Err(Ended::Refused(taken(&plan, calendar, &claim), grounds));
            }
            Reservation::Moved => {
                tries += 1;
                continue;
            }
            Reservation::Gone(calendar) => {
                tries += 1;
                parts.directory.catch_up(calendar).await?;
                continue;
            }
        };
        let touched: Vec<CalendarId> = plan.asks.keys().copied().collect();
        let done = plan.done.clone();
        match commit(parts, plan, reserved).await? {
            Outcome::Committed(answer) => {
                return Ok(Reply {
                    done,
                    positions: answer.positions,
                    replay: false,
                });
            }
            Outcome::Replayed {
                answer,
                fingerprint,
            } => {
                return match key {
                    Some(key) => Ok(replay(key, answer, &fingerprint)?),
                    None => Err(Failure::Internal.into()),
                };
            }
            Outcome::Stale { calendars } => {
                tries += 1;
                metrics::counter!("denticloud_decisions_stale_total").increment(1);
                if calendars.is_empty() {
                    parts.rules.forget(request.tenant);
                }
                for id in if calendars.is_empty() {
                    touched
                } else {
                    calendars
                } {
                    parts.directory.catch_up(id).await?;
                }
            }
            Outcome::NotExpired => {
                tries += 1;
                may_expire = false;
            }
            Outcome::OverLimit => {
                return Err(Ended::Refused(Rejection::HoldLimit, Grounds::Database));
            }
            Outcome::Failed => return Err(Failure::Unavailable.into()),
        }
    }
    Err(Failure::Busy.into())
}

/// The key with the fingerprint of its command.
fn key_of(request: &Request) -> Result<Option<Key>, Failure> {
    let Some(key) = &request.key else {
        return Ok(None);
    };
    let canonical = serde_json::to_vec(&request.command).map_err(|_| Failure::Internal)?;
    Ok(Some(Key {
        tenant: request.tenant,
        principal: request.principal.clone(),
        key: key.clone(),
        fingerprint: Sha256::digest(&canonical).to_vec(),
    }))
}

fn replay(key: &Key, answer: schema::commit::Answer, fingerprint: &[u8]) -> Result<Reply, Refusal> {
    if key.fingerprint != fingerprint {
        return Err(Rejection::IdempotencyMismatch.into());
    }
    let done: Done = serde_json::from_value(answer.result).map_err(|error| {
        tracing::error!(%error, "a stored answer cannot be read");
        Failure::Internal
    })?;
    Ok(Reply {
        done,
        positions: answer.positions,
        replay: true,
    })
}

fn nothing_to_do(plan: &Plan) -> Reply {
    let positions = plan
        .cells
        .iter()
        .map(|(id, cell)| (*id, cell.version()))
        .collect();
    Reply {
        done: plan.done.clone(),
        positions,
        replay: false,
    }
}

/// Whether a claim is one of a visit that the plan changes.
fn is_its_own(plan: &Plan, claim: &Claim) -> bool {
    let mut changed = plan.change.appointments.iter();
    matches!(&claim.kind, ClaimKind::Appointment { visit } if changed.any(|one| one.id == visit.id))
}

/// What to tell of a claim in the way. Where and when, never whose.
fn taken(plan: &Plan, calendar: CalendarId, claim: &Claim) -> Rejection {
    if plan.patients.contains(&calendar) {
        return Rejection::PatientBusy;
    }
    if matches!(plan.done, Done::Merged { .. }) {
        return Rejection::PatientsOverlap(Conflict {
            calendar,
            span: claim.span,
        });
    }
    Rejection::SlotTaken(Conflict {
        calendar,
        span: claim.span,
    })
}

/// Reserved time; freed when this is dropped before a writer has taken it over.
struct Reserved {
    registry: Arc<Registry>,
    change: TxId,
    /// Each calendar with the version that was decided on.
    cells: Vec<(Arc<Cell>, i64)>,
}

impl Reserved {
    /// The writer settles from now on.
    fn hand_over(mut self) -> Vec<(Arc<Cell>, i64)> {
        std::mem::take(&mut self.cells)
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        for (cell, _) in &self.cells {
            self.registry.settle(
                cell,
                Settle {
                    calendar: cell.id,
                    change: self.change,
                },
            );
        }
    }
}

enum Reservation {
    Granted(Reserved),
    Taken {
        calendar: CalendarId,
        /// Or a later one, at which the calendar has the claim.
        version: i64,
        claim: Arc<Claim>,
    },
    Gone(CalendarId),
    /// The plan told of a state that is no more.
    Moved,
}

/// Asks the calendars one after the other, in ascending order: so two commands never hold what the
/// other waits for.
async fn reserve(parts: &Parts, plan: &Plan, deadline: Instant) -> Result<Reservation, Failure> {
    let mut reserved = Reserved {
        registry: Arc::clone(&parts.registry),
        change: plan.change.tx,
        cells: Vec::with_capacity(plan.asks.len()),
    };
    let asks = plan.asks.iter();
    #[cfg(feature = "simulation")]
    let asks = crate::simulated::ordered(asks);
    for (id, ask) in asks {
        #[cfg(feature = "simulation")]
        crate::simulated::pause().await;
        let Some(cell) = plan.cells.get(id) else {
            return Err(Failure::Internal);
        };
        // Before asking: giving up takes the question back too.
        reserved.cells.push((Arc::clone(cell), 0));
        let mut asked = 0;
        let version = cell.version();
        let answer = loop {
            let (answer, heard) = oneshot::channel();
            asked += 1;
            match parts.registry.reserve(cell, ask.clone(), answer) {
                Ok(()) => {}
                Err(Undelivered::Full) => return Err(Failure::Busy),
                Err(Undelivered::Gone) if asked < ASKS => continue,
                Err(Undelivered::Gone) => return Err(Failure::Busy),
            }
            match tokio::time::timeout_at(deadline, heard).await {
                Ok(Ok(answer)) => break answer,
                // The actor died with the question: its replacement is asked.
                Ok(Err(_)) if asked < ASKS => {}
                Ok(Err(_)) | Err(_) => return Err(Failure::Busy),
            }
        };
        match answer {
            Answer::Granted { version } => {
                if plan.seen.get(id).is_some_and(|seen| *seen != version) {
                    return Ok(Reservation::Moved);
                }
                if let Some((_, decided)) = reserved.cells.last_mut() {
                    *decided = version;
                }
            }
            Answer::Taken(claim) => {
                return Ok(Reservation::Taken {
                    calendar: *id,
                    version,
                    claim,
                });
            }
            Answer::Gone(_) => return Ok(Reservation::Gone(*id)),
            // Another visit of the day was committed meanwhile: the next plan knows it.
            Answer::Capped => return Ok(Reservation::Moved),
        }
    }
    Ok(Reservation::Granted(reserved))
}

async fn commit(parts: &Parts, plan: Plan, reserved: Reserved) -> Result<Outcome, Failure> {
    let (outcome, heard) = oneshot::channel();
    let cells = reserved.hand_over();
    parts.queue.push(Pending {
        change: plan.change,
        cells,
        outcome,
        queued: Instant::now(),
    });
    match tokio::time::timeout(parts.settings.commit_deadline, heard).await {
        Ok(Ok(outcome)) => Ok(outcome),
        // The writer still has it and will not let go before it knows.
        Ok(Err(_)) | Err(_) => Err(Failure::OutcomeUnknown),
    }
}

/// One command per key at a time, in this process; across processes the database's key decides.
#[derive(Debug, Default)]
pub(crate) struct KeyLocks(DashMap<Key, Arc<tokio::sync::Mutex<()>>>);

/// The turn of one command; the next one's begins when this is dropped.
pub(crate) struct Turn<'a> {
    locks: &'a KeyLocks,
    key: Key,
    guard: Option<tokio::sync::OwnedMutexGuard<()>>,
}

impl KeyLocks {
    async fn lock(&self, key: &Key) -> Turn<'_> {
        // Not by fingerprint: the same key with another command must wait too.
        let name = Key {
            fingerprint: Vec::new(),
            ..key.clone()
        };
        let lock = Arc::clone(&self.0.entry(name.clone()).or_default());
        Turn {
            locks: self,
            key: name,
            guard: Some(lock.lock_owned().await),
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.guard.take();
        self.locks
            .0
            .remove_if(&self.key, |_, lock| Arc::strong_count(lock) == 1);
    }
}
