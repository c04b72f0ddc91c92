//! Starting an engine: what runs beside the commands, and loading what they will need.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use actix::ArbiterHandle;
use schema::connection::{Role, connect};
use schema::epoch;
use schema::ids::CalendarId;
use tokio::sync::{Notify, Semaphore, oneshot, watch};
use uuid::Uuid;

use super::threads::Threads;
use super::{Engine, Inner, Parts};
use crate::bus::{self, Bus};
use crate::clock::Clock;
use crate::commit_queue::CommitQueue;
use crate::coordinator::KeyLocks;
use crate::directory::Directory;
use crate::directory::published::Shelves;
use crate::failure::Failure;
use crate::housekeeper::Housekeeper;
use crate::listener::Listener;
use crate::poller::Poller;
use crate::reaper;
use crate::registry::Registry;
use crate::rules_cache::RulesCache;
use crate::settings::Settings;
use crate::standing::Standing;
use crate::store::{Postgres, Store};
use crate::waitlist;
use crate::writer::Writer;

/// Why an engine does not start.
#[derive(Debug, thiserror::Error)]
#[error("the engine cannot start: {0}")]
pub struct StartError(String);

/// Calendars, and tenants' rules, loaded with one statement while warming up.
const WARM_CHUNK: i64 = 200;

impl Engine {
    /// Starts an engine on a migrated database; `url`'s login may take the `engine` role. Must be
    /// called within an actix system.
    ///
    /// # Errors
    /// When the database cannot be reached or is not migrated.
    pub async fn start(url: &str, settings: Settings, clock: Clock) -> Result<Self, StartError> {
        let failed = |error: &dyn std::fmt::Display| StartError(error.to_string());
        let mut connection = connect(url, Role::Engine).await.map_err(|e| failed(&e))?;
        let epoch = epoch::current(&mut connection)
            .await
            .map_err(|e| failed(&e))?;
        let database = epoch::database(&mut connection)
            .await
            .map_err(|e| failed(&e))?;
        drop(connection);
        let node = Uuid::new_v4();
        let store = Postgres::new(url, settings.readers).map_err(|e| failed(&e))?;
        let pool = store.pool().clone();
        let threads = Threads::start(settings.arbiters);
        let housekeeping = (settings.keep, settings.housekeeping_every);
        let bus = match &settings.redis_url {
            Some(redis) => {
                // Whoever shares the Redis and not the database is not heard.
                let channel = format!("denticloud:{epoch}:{database}");
                let (bus, carrying) =
                    bus::redis::bus(node, redis, channel).map_err(|e| failed(&e))?;
                threads.background.spawn(carrying);
                bus
            }
            None => Bus::silent(node),
        };
        let engine = Self::assemble(Arc::new(store), bus, epoch, settings, clock, threads).await?;

        let (keep, every) = housekeeping;
        let housekeeper = Housekeeper {
            url: url.to_owned(),
            keep,
            every,
            stopping: engine.0.stopping.subscribe(),
        };
        engine.0.arbiters[0].spawn(housekeeper.run());
        let waitlist_every = engine.0.parts.settings.waitlist_every;
        let stopping = engine.0.stopping.subscribe();
        engine.0.arbiters[0].spawn(waitlist::run(
            engine.clone(),
            pool,
            waitlist_every,
            stopping,
        ));
        Ok(engine)
    }

    /// Starts an engine over any store and bus, on threads that run already and go on when it
    /// stops. What only Postgres can do is left out: the waitlist's offers, and the housekeeping.
    ///
    /// # Errors
    /// When the store does not answer, or there is no thread.
    pub async fn over(
        store: Arc<dyn Store>,
        bus: Arc<Bus>,
        epoch: Uuid,
        settings: Settings,
        clock: Clock,
        arbiters: Vec<ArbiterHandle>,
    ) -> Result<Self, StartError> {
        let none = || StartError("no thread to run on".to_owned());
        let threads = Threads::shared(arbiters).ok_or_else(none)?;
        Self::assemble(store, bus, epoch, settings, clock, threads).await
    }

    async fn assemble(
        store: Arc<dyn Store>,
        bus: Arc<Bus>,
        epoch: Uuid,
        settings: Settings,
        clock: Clock,
        threads: Threads,
    ) -> Result<Self, StartError> {
        let Threads {
            actors,
            background,
            writers: committing,
            own,
        } = threads;
        let failed = |error: diesel::result::Error| StartError(error.to_string());
        let mut session = store.session().await.map_err(failed)?;
        // Before anything is loaded, so that no change falls between loading and polling.
        let horizon = session.horizon().await.map_err(failed)?;

        let node = bus.node();
        let directory = Arc::new(Directory::new(Arc::clone(&store)));
        let registry = Arc::new(Registry::new(
            actors.clone(),
            settings.patient_shards,
            settings.mailbox_max,
            settings.idle_after,
        ));
        let rules = Arc::new(RulesCache::new(Arc::clone(&store)));
        let queue = Arc::new(CommitQueue::default());
        let (stopping, stopped) = watch::channel(false);

        let mut writers = Vec::new();
        for _ in 0..settings.writers.max(1) {
            let writer = Writer {
                store: Arc::clone(&store),
                node,
                batch_count_max: settings.batch_count_max.max(1),
                queue: Arc::clone(&queue),
                directory: Arc::clone(&directory),
                registry: Arc::clone(&registry),
                bus: Arc::clone(&bus),
                connection: None,
            };
            let (ended, end) = oneshot::channel();
            writers.push(end);
            committing.spawn(async move {
                writer.run().await;
                let _ = ended.send(());
            });
        }
        let look = Arc::new(Notify::new());
        let compared = watch::Sender::new(0);
        let poller = Poller {
            store: Arc::clone(&store),
            node,
            every: settings.poll_every,
            every_with_bus: settings.poll_every_with_bus,
            bus: Arc::clone(&bus),
            look: Arc::clone(&look),
            directory: Arc::clone(&directory),
            rules: Arc::clone(&rules),
            compared: compared.clone(),
            stopping: stopped.clone(),
        };
        background.spawn(poller.run((session, horizon)));
        let listener = Listener {
            bus: Arc::clone(&bus),
            directory: Arc::clone(&directory),
            rules: Arc::clone(&rules),
            look,
            stopping: stopped,
        };
        background.spawn(listener.run());
        let (standing, reader) = Standing::new(Arc::clone(&store));
        background.spawn(reader.run());
        let (unused, mut ending) = (Arc::clone(&directory), stopping.subscribe());
        let idle_after = settings.idle_after;
        background.spawn(async move {
            while tokio::time::timeout(idle_after, ending.changed())
                .await
                .is_err()
            {
                unused.forget_unused(idle_after);
            }
        });

        let engine = Self(Arc::new(Inner {
            permits: Arc::new(Semaphore::new(settings.commands_max)),
            parts: Parts {
                settings,
                clock,
                store,
                directory,
                registry,
                rules,
                queue,
                standing,
                bus,
                compared,
                keys: KeyLocks::default(),
                shelves: Shelves::default(),
            },
            epoch,
            arbiters: actors,
            threads: own,
            next_arbiter: AtomicUsize::new(0),
            warm: AtomicBool::new(false),
            stopping,
            writers: std::sync::Mutex::new(writers),
        }));
        let reap_every = engine.0.parts.settings.reap_every;
        let stopping = engine.0.stopping.subscribe();
        background.spawn(reaper::run(engine.clone(), reap_every, stopping));
        let warming = engine.clone();
        background.spawn(async move { warming.warm_up().await });
        let (extending, ending) = (engine.clone(), engine.0.stopping.subscribe());
        background.spawn(async move { extending.extend_in_time(ending).await });
        Ok(engine)
    }

    /// Loads every calendar that can be booked, in the background: what is asked for meanwhile is
    /// loaded on demand.
    async fn warm_up(self) {
        while !*self.0.stopping.borrow() {
            match self.load_all().await {
                Ok(()) => {
                    self.0.warm.store(true, Ordering::Release);
                    return;
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot load the calendars yet");
                    tokio::time::sleep(self.0.parts.settings.poll_every).await;
                }
            }
        }
    }

    async fn load_all(&self) -> Result<(), Failure> {
        let parts = &self.0.parts;
        let mut after: Option<CalendarId> = None;
        loop {
            let ids = parts.store.bookable_after(after, WARM_CHUNK).await?;
            let Some(last) = ids.last().copied() else {
                return self.load_rules().await;
            };
            parts.directory.ensure(&ids).await?;
            after = Some(last);
        }
    }

    /// Rules too: thirteen statements for many practices now, instead of for each at its first
    /// request.
    async fn load_rules(&self) -> Result<(), Failure> {
        let mut after = None;
        loop {
            after = self.0.parts.rules.preload(after, WARM_CHUNK).await?;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Whether every bookable calendar has been loaded.
    #[must_use]
    pub fn is_warm(&self) -> bool {
        self.0.warm.load(Ordering::Acquire)
    }
}
