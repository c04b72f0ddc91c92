//! Which actor serves a calendar: spawned on first use, replaced when it has died.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix::prelude::SendError;
use actix::{Actor, Addr, Arbiter, ArbiterHandle, Recipient};
use dashmap::DashMap;
use schema::calendars::Kind;
use schema::ids::CalendarId;

use crate::actors::{Break, CalendarActor, PatientShard, Reserve, Settle};
use crate::directory::Cell;

/// Why an actor did not take a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undelivered {
    /// Its mailbox is at its bound.
    Full,
    /// It has died or gone to sleep; the next message finds a new one.
    Gone,
}

/// Counts a message for as long as it is in a mailbox.
pub(crate) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where a calendar's messages go.
#[derive(Clone)]
struct Route {
    reserve: Recipient<Reserve>,
    settle: Recipient<Settle>,
    /// Of a calendar with an actor of its own.
    actor: Option<Addr<CalendarActor>>,
}

/// The actors of this process.
pub(crate) struct Registry {
    routes: DashMap<CalendarId, Route>,
    shards: Vec<std::sync::Mutex<Option<Addr<PatientShard>>>>,
    arbiters: Vec<ArbiterHandle>,
    hasher: RandomState,
    mailbox_max: usize,
    idle_after: Duration,
    /// Questions that wait in mailboxes.
    unanswered: Arc<AtomicUsize>,
}

impl Registry {
    pub(crate) fn new(
        arbiters: &[Arbiter],
        shards: usize,
        mailbox_max: usize,
        idle_after: Duration,
    ) -> Self {
        Self {
            routes: DashMap::new(),
            shards: (0..shards.max(1))
                .map(|_| std::sync::Mutex::new(None))
                .collect(),
            arbiters: arbiters.iter().map(Arbiter::handle).collect(),
            hasher: RandomState::new(),
            mailbox_max,
            idle_after,
            unanswered: Arc::default(),
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
        self.unanswered.load(Ordering::Relaxed)
    }

    /// A place in a mailbox, given back when the message is taken out or dropped.
    pub(crate) fn place(&self) -> Place {
        self.unanswered.fetch_add(1, Ordering::Relaxed);
        Place(Arc::clone(&self.unanswered))
    }

    /// Hands `message` to its calendar's actor.
    ///
    /// # Errors
    /// [`Undelivered`]; the message is gone then.
    pub(crate) fn reserve(self: &Arc<Self>, message: Reserve) -> Result<(), Undelivered> {
        let route = self.route(&message.cell);
        // `try_send` keeps the mailbox's bound; `send` and `do_send` go past it.
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
                shard.do_send(message);
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

    /// Makes a calendar's actor panic.
    pub(crate) fn break_actor(&self, id: CalendarId) {
        if let Some(actor) = self.routes.get(&id).and_then(|route| route.actor.clone()) {
            actor.do_send(Break);
        }
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
            // reserved is at a writer, where the fence and the constraint judge it.
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
            actor: Some(actor),
        }
    }

    fn patient_route(&self, id: CalendarId) -> Route {
        let mut slot = self.shard(id);
        let shard = match slot.as_ref() {
            Some(shard) if shard.connected() => shard.clone(),
            _ => {
                let mailbox_max = self.mailbox_max;
                let arbiter = self.arbiter(id);
                let started = PatientShard::start_in_arbiter(arbiter, move |_| {
                    PatientShard::new(mailbox_max)
                });
                slot.insert(started).clone()
            }
        };
        Route {
            reserve: shard.clone().recipient(),
            settle: shard.recipient(),
            actor: None,
        }
    }

    fn shard(&self, id: CalendarId) -> std::sync::MutexGuard<'_, Option<Addr<PatientShard>>> {
        let place = self.hasher.hash_one(id) as usize % self.shards.len();
        self.shards[place]
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn arbiter(&self, id: CalendarId) -> &ArbiterHandle {
        &self.arbiters[self.hasher.hash_one(id) as usize % self.arbiters.len()]
    }
}
