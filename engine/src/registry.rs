//! Which actor serves a calendar: spawned on first use, replaced when it has died.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix::prelude::SendError;
use actix::{Actor, Addr, ArbiterHandle, Recipient};
use dashmap::DashMap;
use schema::calendars::Kind;
use schema::ids::CalendarId;
use tokio::sync::oneshot;

use crate::actors::{Break, CalendarActor, PatientShard, Reserve, Settle, Unsettled};
use crate::directory::Cell;
use crate::scheduling::reservation::{Answer, Ask};

/// Why an actor did not take a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undelivered {
    /// Its mailbox is at its bound.
    Full,
    /// It has died or gone to sleep; the next message finds a new one.
    Gone,
}

/// A message's place in a mailbox, until the actor gets to it or dies with it. Counted here:
/// actix lets every clone of an address send one message past the mailbox's bound.
pub(crate) struct Place(Arc<AtomicUsize>);

impl Place {
    /// One of at most `max`.
    fn take(taken: &Arc<AtomicUsize>, max: usize) -> Option<Self> {
        let one_more = |count| (count < max).then_some(count + 1);
        taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .ok()?;
        Some(Self(Arc::clone(taken)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A running shard of patients.
struct Shard {
    actor: Addr<PatientShard>,
    places: Arc<AtomicUsize>,
}

/// Where a calendar's messages go.
#[derive(Clone)]
struct Route {
    reserve: Recipient<Reserve>,
    settle: Recipient<Settle>,
    /// How many places of the mailbox are taken.
    places: Arc<AtomicUsize>,
    /// Of a calendar with an actor of its own.
    actor: Option<Addr<CalendarActor>>,
}

/// The actors of this process.
pub(crate) struct Registry {
    routes: DashMap<CalendarId, Route>,
    shards: Vec<std::sync::Mutex<Option<Shard>>>,
    arbiters: Vec<ArbiterHandle>,
    /// The same places in every run: ids are made here, so nobody can choose them to collide.
    hasher: BuildHasherDefault<DefaultHasher>,
    mailbox_max: usize,
    idle_after: Duration,
}

impl Registry {
    pub(crate) fn new(
        arbiters: Vec<ArbiterHandle>,
        shards: usize,
        mailbox_max: usize,
        idle_after: Duration,
    ) -> Self {
        Self {
            routes: DashMap::new(),
            shards: (0..shards.max(1))
                .map(|_| std::sync::Mutex::new(None))
                .collect(),
            arbiters,
            hasher: BuildHasherDefault::default(),
            mailbox_max,
            idle_after,
        }
    }

    pub(crate) fn mailbox_max(&self) -> usize {
        self.mailbox_max
    }

    /// How many calendars have an actor of their own awake.
    pub(crate) fn awake(&self) -> usize {
        self.routes.len()
    }

    /// How many questions wait in the actors' mailboxes.
    pub(crate) fn unanswered(&self) -> usize {
        let own = self
            .routes
            .iter()
            .map(|route| route.places.load(Ordering::Relaxed));
        let shards = self.shards.iter().filter_map(|slot| {
            let slot = slot
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            slot.as_ref()
                .map(|shard| shard.places.load(Ordering::Relaxed))
        });
        own.sum::<usize>() + shards.sum::<usize>()
    }

    /// Asks the calendar's actor for time.
    ///
    /// # Errors
    /// [`Undelivered`]; `answer` is dropped then.
    pub(crate) fn reserve(
        self: &Arc<Self>,
        cell: &Arc<Cell>,
        ask: Ask,
        answer: oneshot::Sender<Answer>,
    ) -> Result<(), Undelivered> {
        let route = self.route(cell);
        let place = Place::take(&route.places, self.mailbox_max).ok_or(Undelivered::Full)?;
        let message = Reserve {
            cell: Arc::clone(cell),
            ask,
            answer,
            place,
        };
        route
            .reserve
            .try_send(message)
            .map_err(|error| match error {
                SendError::Full(_) => Undelivered::Full,
                SendError::Closed(_) => Undelivered::Gone,
            })
    }

    /// Tells the calendar's actor, if there is one, that a change is over. Not bounded by the
    /// mailbox: it must arrive, and there are never more of them than changes in flight.
    pub(crate) fn settle(&self, cell: &Cell, message: Settle) {
        if cell.kind == Kind::Patient {
            if let Some(shard) = self.shard(cell.id).as_ref() {
                shard.actor.do_send(message);
            }
        } else if let Some(route) = self.routes.get(&cell.id) {
            route.settle.do_send(message);
        }
    }

    /// Forgets an actor that goes to sleep, unless it has been replaced already.
    pub(crate) fn retire(&self, id: CalendarId, actor: &Addr<CalendarActor>) {
        self.routes
            .remove_if(&id, |_, route| route.actor.as_ref() == Some(actor));
    }

    /// Makes a calendar's actor panic, or the one that it shares with other patients.
    pub(crate) fn break_actor(&self, cell: &Cell) {
        if cell.kind == Kind::Patient {
            if let Some(shard) = self.shard(cell.id).as_ref() {
                shard.actor.do_send(Break);
            }
        } else if let Some(route) = self.routes.get(&cell.id)
            && let Some(actor) = &route.actor
        {
            actor.do_send(Break);
        }
    }

    /// How many changes are unsettled or wait, at all actors.
    pub(crate) async fn unsettled(&self) -> usize {
        let own = self.routes.iter();
        let own: Vec<_> = own.filter_map(|route| route.actor.clone()).collect();
        let shards = self.shards.iter().filter_map(|slot| {
            let slot = slot
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            slot.as_ref().map(|shard| shard.actor.clone())
        });
        let shards: Vec<_> = shards.collect();
        let mut count = 0;
        for actor in own {
            // Nothing is left at one that is gone.
            count += actor.send(Unsettled).await.unwrap_or(0);
        }
        for actor in shards {
            count += actor.send(Unsettled).await.unwrap_or(0);
        }
        count
    }

    fn route(self: &Arc<Self>, cell: &Arc<Cell>) -> Route {
        if cell.kind == Kind::Patient {
            return self.patient_route(cell.id);
        }
        let mut entry = self
            .routes
            .entry(cell.id)
            .or_insert_with(|| self.spawn(Arc::clone(cell)));
        if !entry.reserve.connected() {
            // It panicked. The new one starts from the published timeline; what the old one had
            // reserved may be at a writer, where the fence judges it.
            cell.shake();
            metrics::counter!("denticloud_actors_replaced_total").increment(1);
            *entry = self.spawn(Arc::clone(cell));
        }
        entry.clone()
    }

    fn spawn(self: &Arc<Self>, cell: Arc<Cell>) -> Route {
        let registry = Arc::clone(self);
        let idle_after = self.idle_after;
        let arbiter = self.arbiter(cell.id);
        let actor = CalendarActor::start_in_arbiter(arbiter, move |_| {
            CalendarActor::new(cell, registry, idle_after)
        });
        Route {
            reserve: actor.clone().recipient(),
            settle: actor.clone().recipient(),
            places: Arc::default(),
            actor: Some(actor),
        }
    }

    fn patient_route(&self, id: CalendarId) -> Route {
        let mut slot = self.shard(id);
        let shard = match slot.take() {
            Some(shard) if shard.actor.connected() => slot.insert(shard),
            _ => {
                let mailbox_max = self.mailbox_max;
                let arbiter = self.arbiter(id);
                let actor = PatientShard::start_in_arbiter(arbiter, move |_| {
                    PatientShard::new(mailbox_max)
                });
                let places = Arc::default();
                slot.insert(Shard { actor, places })
            }
        };
        Route {
            reserve: shard.actor.clone().recipient(),
            settle: shard.actor.clone().recipient(),
            places: Arc::clone(&shard.places),
            actor: None,
        }
    }

    fn shard(&self, id: CalendarId) -> std::sync::MutexGuard<'_, Option<Shard>> {
        let place = self.hasher.hash_one(id) as usize % self.shards.len();
        self.shards[place]
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn arbiter(&self, id: CalendarId) -> &ArbiterHandle {
        &self.arbiters[self.hasher.hash_one(id) as usize % self.arbiters.len()]
    }
}
