//! The handle that the outside holds: commands in, answers, timelines and feeds out.

mod holding;
mod instead;
mod start;
mod threads;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use actix::{Arbiter, ArbiterHandle};
use schema::ids::{CalendarId, ClinicId, TenantId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use uuid::Uuid;

use crate::bus::{Bus, Topic};
use crate::clock::Clock;
use crate::command::{Command, Done, Reply, Request, Target};
use crate::commit_queue::CommitQueue;
use crate::coordinator::{self, KeyLocks};
use crate::directory::published::Shelves;
use crate::directory::{Cell, Directory, Following};
use crate::failure::{Failure, Refusal};
use crate::feed::Follower;
use crate::listener::RulesOf;
use crate::plan;
use crate::registry::Registry;
use crate::rules_cache::RulesCache;
use crate::scheduling::availability::{self, Search, Slot};
use crate::scheduling::diary::Own;
use crate::scheduling::explain::{self, Reason};
use crate::scheduling::placement::{Asker, Wish};
use crate::scheduling::rejection::{Missing, Rejection};
use crate::scheduling::rulebook::RuleBook;
use crate::scheduling::timeline::Timeline;
use crate::settings::Settings;
use crate::standing::Standing;
use crate::store::Store;

pub use start::StartError;

/// What a running engine is made of; shared by its tasks.
pub(crate) struct Parts {
    pub settings: Settings,
    pub clock: Clock,
    pub store: Arc<dyn Store>,
    pub directory: Arc<Directory>,
    pub registry: Arc<Registry>,
    pub rules: Arc<RulesCache>,
    pub queue: Arc<CommitQueue>,
    pub standing: Standing,
    pub bus: Arc<Bus>,
    pub compared: watch::Sender<u64>,
    pub keys: KeyLocks,
    pub shelves: Shelves,
}

struct Inner {
    parts: Parts,
    epoch: Uuid,
    permits: Arc<Semaphore>,
    arbiters: Vec<ArbiterHandle>,
    /// Those that end with the engine: its own of `arbiters`, and the writers'.
    threads: Vec<Arbiter>,
    next_arbiter: AtomicUsize,
    warm: AtomicBool,
    stopping: watch::Sender<bool>,
    writers: std::sync::Mutex<Vec<oneshot::Receiver<()>>>,
}

/// A running engine. Clones are the same engine.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine(epoch {})", self.0.epoch)
    }
}

/// Visits that go on past their end, looked at in one round.
const OVERRUNS_MAX: i64 = 500;
/// How long stopping waits for a writer that cannot reach the database.
const STOP_WAIT: Duration = Duration::from_secs(5);
/// Between two looks at whether the commands in flight are done.
const DRAIN_PAUSE: Duration = Duration::from_millis(5);

impl Engine {
    pub(crate) fn parts(&self) -> &Parts {
        &self.0.parts
    }

    /// The database's epoch: positions of another one mean nothing here.
    #[must_use]
    pub fn epoch(&self) -> Uuid {
        self.0.epoch
    }

    /// What carries messages between nodes.
    #[must_use]
    pub fn bus(&self) -> &Arc<Bus> {
        &self.0.parts.bus
    }

    /// Counts how often the connection to the database was lost and everything compared since:
    /// horizons of before then mean nothing.
    #[must_use]
    pub fn begun_again(&self) -> watch::Receiver<u64> {
        self.0.parts.compared.subscribe()
    }

    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.parts.clock
    }

    /// Runs a command. It goes on to its end also when the caller stops waiting.
    ///
    /// # Errors
    /// [`Refusal::Rejected`] by the rules or what is taken; [`Refusal::Failed`] when busy, when the
    /// database is away, or when the outcome is not known yet.
    pub async fn execute(&self, request: Request) -> Result<Reply, Refusal> {
        let permit = Arc::clone(&self.0.permits)
            .try_acquire_owned()
            .map_err(|_| Refusal::Failed(Failure::Busy))?;
        let (answer, heard) = oneshot::channel();
        let engine = self.clone();
        let place = self.0.next_arbiter.fetch_add(1, Ordering::Relaxed) % self.0.arbiters.len();
        self.0.arbiters[place].spawn(async move {
            let outcome = engine.run(request, permit).await;
            // Nobody may be listening any more; the command has had its effect all the same.
            let _ = answer.send(outcome);
        });
        heard
            .await
            .unwrap_or(Err(Refusal::Failed(Failure::OutcomeUnknown)))
    }

    async fn run(&self, request: Request, _permit: OwnedSemaphorePermit) -> Result<Reply, Refusal> {
        let command = request.command.name();
        let outcome = coordinator::run(&self.0.parts, request).await;
        match &outcome {
            Ok(_) => {
                metrics::counter!("denticloud_commands_total", "command" => command).increment(1);
            }

            Err(Refusal::Rejected(rejection)) => {
                metrics::counter!("denticloud_rejections_total", "code" => rejection.code())
                    .increment(1);
            }
            Err(Refusal::Failed(failure)) => {
                metrics::counter!("denticloud_failures_total", "kind" => failure.code())
                    .increment(1);
            }
        }
        outcome
    }

    /// What a command about several visits would answer if it were given now. Nothing is changed,
    /// and nothing kept for it.
    ///
    /// # Errors
    /// What refuses the command as a whole; when the database is away.
    pub async fn preview(&self, request: &Request) -> Result<Done, Refusal> {
        plan::preview(&self.0.parts, request).await
    }

    /// Lets the visits that are in the chair past their end go on, each up to what is taken next;
    /// answers how many grew. Any number of nodes may do this at once.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn extend_overruns(&self) -> Result<usize, Failure> {
        let parts = &self.0.parts;
        let now = parts.clock.minute();
        let overrunning = parts.store.visits_overrunning(now, OVERRUNS_MAX).await?;
        let mut grown = 0;
        for (tenant, id) in overrunning {
            let request = Request {
                tenant,
                asker: Asker::Staff,
                principal: "engine".to_owned(),
                user: None,
                origin: Default::default(),
                key: None,
                command: Command::Extend {
                    appointment: Target { id, version: None },
                },
            };
            // Refused: somebody took the time at this moment, or ended the visit.
            if let Ok(reply) = self.execute(request).await {
                grown += usize::from(!reply.positions.is_empty());
            }
        }
        Ok(grown)
    }

    async fn extend_in_time(self, mut stopping: watch::Receiver<bool>) {
        let every = self.0.parts.settings.overrun_every;
        while tokio::time::timeout(every, stopping.changed())
            .await
            .is_err()
        {
            if let Err(error) = self.extend_overruns().await {
                tracing::warn!(%error, "cannot look for visits that go on");
            }
        }
    }

    /// The calendar, loading it if need be.
    ///
    /// # Errors
    /// `not_found` for an unknown id; when the database is away.
    pub async fn calendar(&self, id: CalendarId) -> Result<Arc<Cell>, Refusal> {
        let cell = self.0.parts.directory.get(id).await?;
        Ok(cell.ok_or(Rejection::NotFound(Missing::Calendar))?)
    }

    /// Follows a calendar from the answered state on.
    ///
    /// # Errors
    /// As [`Self::calendar`].
    pub async fn follow(
        &self,
        id: CalendarId,
        follower: Arc<dyn Follower>,
    ) -> Result<(Arc<Timeline>, Following), Refusal> {
        Ok(self.calendar(id).await?.follow(follower))
    }

    /// At most `limit` events of a calendar after a version, from the log.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn events_after(
        &self,
        id: CalendarId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<schema::models::claim::Event>, Failure> {
        Ok(self.0.parts.store.events_after(id, after, limit).await?)
    }

    /// The rules of a practice.
    ///
    /// # Errors
    /// `not_found` for an unknown tenant; when the database is away.
    pub async fn rules(&self, tenant: TenantId) -> Result<Arc<RuleBook>, Refusal> {
        let book = self.0.parts.rules.get(tenant).await?;
        Ok(book.ok_or(Rejection::NotFound(Missing::Tenant))?)
    }

    /// Hours, treatments or policies of a tenant have just been changed by this process: what it is
    /// asked next it answers by the new ones, and so do other nodes.
    pub fn rules_changed(&self, tenant: TenantId) {
        self.0.parts.rules.forget(tenant);
        self.0.parts.bus.say(Topic::Rules, &RulesOf::Tenant(tenant));
    }

    /// As [`Self::rules_changed`], of a clinic: for every tenant that works there.
    pub fn clinic_rules_changed(&self, clinic: ClinicId) {
        self.0.parts.rules.forget_clinic(clinic);
        self.0.parts.bus.say(Topic::Rules, &RulesOf::Clinic(clinic));
    }

    /// Wakes whenever rules may have changed: ask [`Self::rules`] then. A book that is the same
    /// one has not.
    #[must_use]
    pub fn rules_changes(&self) -> watch::Receiver<()> {
        self.0.parts.rules.changes()
    }

    /// Free starts by the rules of `book`.
    ///
    /// # Errors
    /// What the rules refuse; when the database is away.
    pub async fn availability(
        &self,
        book: &RuleBook,
        search: &Search<'_>,
    ) -> Result<Vec<Slot>, Refusal> {
        let parts = &self.0.parts;
        let shelves = &parts.shelves;
        let diary = shelves.open(&parts.directory, book, &search.own).await?;
        let now = parts.clock.minute();
        Ok(availability::search(book, search, now, &diary)?)
    }

    /// Everything in the way of a visit, by the rules of `book`; `own` counts as free.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn explain(
        &self,
        book: &RuleBook,
        wish: &Wish<'_>,
        own: &Own,
    ) -> Result<Vec<Reason>, Refusal> {
        let parts = &self.0.parts;
        let diary = parts.shelves.open(&parts.directory, book, own).await?;
        let reasons = explain::explain(book, wish, parts.clock.minute(), &diary);
        Ok(match wish.asker {
            Asker::Staff => reasons,
            Asker::Public => explain::for_public(reasons),
        })
    }

    /// How many changes are reserved and wait for a writer.
    #[must_use]
    pub fn waiting_to_commit(&self) -> usize {
        self.0.parts.queue.len()
    }

    /// Publishes how full the queues are.
    pub fn observe(&self) {
        let parts = &self.0.parts;
        let in_flight = parts.settings.commands_max - self.0.permits.available_permits();
        metrics::gauge!("denticloud_commands_in_flight").set(in_flight as f64);
        metrics::gauge!("denticloud_commit_queue_length").set(parts.queue.len() as f64);
        metrics::gauge!("denticloud_calendars_loaded").set(parts.directory.len() as f64);
        metrics::gauge!("denticloud_actors_awake").set(parts.registry.awake() as f64);
        metrics::gauge!("denticloud_mailbox_depth").set(parts.registry.unanswered() as f64);
    }

    /// Makes the actor of a calendar panic: for tests of what happens then.
    #[doc(hidden)]
    pub fn break_actor(&self, id: CalendarId) {
        if let Some(cell) = self.0.parts.directory.loaded(id) {
            self.0.parts.registry.break_actor(&cell);
        }
    }

    /// How many changes the actors have reserved time for or let wait: for tests of what is left
    /// behind.
    #[doc(hidden)]
    pub async fn unsettled(&self) -> usize {
        self.0.parts.registry.unsettled().await
    }

    /// Takes no more commands, finishes those in flight, and ends.
    pub async fn stop(&self) {
        self.0.permits.close();
        while self.0.permits.available_permits() < self.0.parts.settings.commands_max {
            tokio::time::sleep(DRAIN_PAUSE).await;
        }
        self.0.parts.queue.close();
        let writers = std::mem::take(
            &mut *self
                .0
                .writers
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        let ended = futures_util::future::join_all(writers);
        if tokio::time::timeout(STOP_WAIT, ended).await.is_err() {
            // A commit is in doubt and the database is away. Its callers have been told so.
            tracing::warn!("stopping with a commit in doubt");
        }
        let _ = self.0.stopping.send(true);
        for thread in &self.0.threads {
            thread.stop();
        }
    }
}
