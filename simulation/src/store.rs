//! The database of a history, in memory: it keeps the promises that Postgres keeps, and does what
//! Postgres, the network and a node's machine do on a bad day.
//!
//! A transaction runs by itself once it has been sent: it waits for its calendars' locks, judges
//! with the real judge (`schema::commit::judge`) and commits in one instant. Whoever sent it may have
//! lost the answer, or have died. Reads see what is committed when they get there, and tell of it
//! later.

mod port;
mod tables;
mod transaction;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use schema::commit::Change;
use schema::ids::CalendarId;
use schema::log::Horizon;
use schema::models::claim::Event;
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

pub use port::Port;
pub use tables::{Calendar, Tables};

use crate::dice::Dice;
use crate::mutation::Mutation;
use crate::time::Time;
use crate::trace::Trace;
use crate::weather::Weather;
use crate::world::{Rules, RulesChange, World};

/// Something that became true for everybody at one instant; the next one's number is its place.
#[derive(Clone, Debug)]
pub enum Moment {
    Committed(Box<Commit>),
    Rules(Rules),
}

/// A change that was committed.
#[derive(Clone, Debug)]
pub struct Commit {
    pub change: Change,
    pub positions: BTreeMap<CalendarId, i64>,
    /// The database's clock in the transaction.
    pub at: DateTime<Utc>,
}

/// An event in the log.
#[derive(Clone, Debug)]
struct Logged {
    xid: i64,
    node: Uuid,
    event: Event,
}

/// Whose rules have come to which version.
#[derive(Clone, Copy, Debug)]
struct RulesLogged {
    xid: i64,
    change: RulesChange,
    version: i64,
}

/// What a node suffers.
#[derive(Clone, Copy, Debug, Default)]
struct Plight {
    dead: bool,
    /// It is stopped, and goes on as if nothing had happened.
    frozen_until: Option<Instant>,
}

pub(crate) struct State {
    pub tables: Tables,
    pub rules: Rules,
    pub moments: Vec<Moment>,
    log: Vec<Logged>,
    rules_log: Vec<RulesLogged>,
    next_xid: i64,
    running: BTreeSet<i64>,
    committed: BTreeSet<i64>,
    locks: BTreeMap<CalendarId, i64>,
    plights: Vec<Plight>,
    away_until: Option<Instant>,
    dice: Dice,
    weather: Weather,
    /// How often the last line held: two that overlap were refused by the constraint.
    pub overlaps_refused: usize,
}

/// The database, shared by the nodes.
pub struct Database {
    pub world: Arc<World>,
    pub time: Time,
    pub trace: Arc<Trace>,
    mutation: Option<Mutation>,
    state: Mutex<State>,
    /// Locks have been let go.
    freed: Notify,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Database")
    }
}

impl Database {
    #[must_use]
    pub fn new(
        world: Arc<World>,
        time: Time,
        trace: Arc<Trace>,
        weather: Weather,
        dice: Dice,
        mutation: Option<Mutation>,
    ) -> Arc<Self> {
        let rules = world.rules();
        let mut tables = Tables::default();
        for (id, kind, tenant) in &world.calendars {
            let row = Calendar {
                kind: *kind,
                tenant: *tenant,
                version: 0,
            };
            tables.calendars.insert(*id, row);
        }
        let state = State {
            tables,
            moments: vec![Moment::Rules(rules.clone())],
            rules,
            log: Vec::new(),
            rules_log: Vec::new(),
            next_xid: 1,
            running: BTreeSet::new(),
            committed: BTreeSet::new(),
            locks: BTreeMap::new(),
            plights: Vec::new(),
            away_until: None,
            dice,
            weather,
            overlaps_refused: 0,
        };
        Arc::new(Self {
            world,
            time,
            trace,
            mutation,
            state: Mutex::new(state),
            freed: Notify::new(),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A node's way to the database.
    #[must_use]
    pub fn port(self: &Arc<Self>) -> Port {
        let mut state = self.lock();
        state.plights.push(Plight::default());
        Port::new(Arc::clone(self), state.plights.len() - 1)
    }

    /// How many moments there have been.
    #[must_use]
    pub fn moment(&self) -> usize {
        self.lock().moments.len()
    }

    /// A node is gone: nothing that it asked will be answered.
    pub fn kill(&self, port: usize) {
        if let Some(plight) = self.lock().plights.get_mut(port) {
            plight.dead = true;
        }
    }

    /// A node stands still.
    pub fn freeze(&self, port: usize, until: Instant) {
        if let Some(plight) = self.lock().plights.get_mut(port) {
            plight.frozen_until = Some(until);
        }
    }

    /// Nobody reaches the database.
    pub fn away(&self, until: Instant) {
        self.lock().away_until = Some(until);
    }

    /// From now on nothing goes wrong any more.
    pub fn heal(&self) {
        let mut state = self.lock();
        state.away_until = None;
        for plight in &mut state.plights {
            plight.frozen_until = None;
        }
        let weather = &mut state.weather;
        (weather.slow, weather.unread, weather.refused) = (0, 0, 0);
        (weather.broken, weather.unanswered) = (0, 0);
    }
}

impl State {
    fn begin(&mut self) -> i64 {
        let xid = self.next_xid;
        self.next_xid += 1;
        self.running.insert(xid);
        xid
    }

    /// Everything that began before it has ended.
    fn horizon(&self) -> Horizon {
        Horizon(self.running.first().copied().unwrap_or(self.next_xid))
    }
}
