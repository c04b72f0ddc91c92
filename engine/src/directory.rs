//! Every calendar's published timeline, kept up to date by the feed whether or not anybody books on
//! it. Reads never wait for writes: they take the timeline that is published now.

pub(crate) mod published;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use diesel::QueryResult;
use futures_util::FutureExt;
use schema::calendars::{Kind, Loaded};
use schema::ids::{CalendarId, TenantId};
use schema::models::claim::Event;
use tokio::time::Instant;

use crate::feed::{Delta, Follower};
use crate::scheduling::gaps::Gaps;
use crate::scheduling::timeline::Timeline;
use crate::store::Store;
use crate::together::Together;

/// One calendar: what is taken on it as of its last known version, and who follows it.
pub struct Cell {
    pub id: CalendarId,
    pub kind: Kind,
    /// `None` for operatories and patients, which tenants share.
    pub tenant: Option<TenantId>,
    published: ArcSwap<Timeline>,
    /// The last version that was heard of from elsewhere: its claims were not reserved here.
    elsewhere: AtomicI64,
    /// Its actor died with what it had reserved: changes from before and after may overlap.
    shaken: AtomicBool,
    /// Held while an event is applied, so that followers hear events in order and nobody can
    /// begin to follow between an event and its publication.
    followers: Mutex<Followers>,
    /// When it was last asked for.
    used: Mutex<Instant>,
}

#[derive(Default)]
struct Followers {
    next: u64,
    by_number: HashMap<u64, Arc<dyn Follower>>,
    /// Where account is kept of the calendar's gaps, and its number there.
    gaps: Vec<(Weak<Gaps>, usize)>,
}

impl std::fmt::Debug for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cell({} at {})", self.id, self.timeline().version())
    }
}

/// How an event stands to what is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was the next one.
    Now,
    /// It had been applied before.
    Before,
    /// Events before it are missing: read the log.
    Gap,
}

/// Who committed an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A writer of this process: no overlap with what is reserved here.
    Here,
    /// Another process, or nobody knows.
    Elsewhere,
}

/// Following ends when this is dropped.
pub struct Following {
    cell: Arc<Cell>,
    number: u64,
}

impl std::fmt::Debug for Following {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Following({})", self.cell.id)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.cell.lock().by_number.remove(&self.number);
    }
}

impl Cell {
    fn new(loaded: Loaded) -> Self {
        Self {
            id: loaded.id,
            kind: loaded.kind,
            tenant: loaded.tenant,
            published: ArcSwap::from_pointee(Timeline::new(loaded.version, loaded.claims)),
            elsewhere: AtomicI64::new(0),
            shaken: AtomicBool::new(false),
            followers: Mutex::default(),
            used: Mutex::new(Instant::now()),
        }
    }

    /// The state as of the last known version.
    #[must_use]
    pub fn timeline(&self) -> Arc<Timeline> {
        self.published.load_full()
    }

    /// The last known version.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.published.load().version()
    }

    /// The version that a commit must find, for a change that was decided at version `decided`;
    /// `None` when something from elsewhere has come since: it may lie where the change does, and
    /// must be decided on.
    #[must_use]
    pub fn fence(&self, decided: i64) -> Option<i64> {
        if self.is_shaken() {
            return Some(decided);
        }
        // In this order: what comes in between is not in the version, and the commit finds out.
        let version = self.published.load().version();
        (self.elsewhere.load(Ordering::SeqCst) <= decided).then_some(version)
    }

    /// From now on a change commits only on the very version that it was decided on, and in a
    /// batch of its own: what a new actor grants may lie where the old one had reserved, and of
    /// facts and of what a day may take no constraint keeps them apart.
    pub(crate) fn shake(&self) {
        self.shaken.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_shaken(&self) -> bool {
        self.shaken.load(Ordering::SeqCst)
    }

    fn lock(&self) -> MutexGuard<'_, Followers> {
        self.followers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn unused_for(&self) -> Duration {
        self.used
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .elapsed()
    }

    /// Applies and publishes the next event and tells the followers.
    pub fn apply(&self, event: Event, origin: Origin) -> Applied {
        let followers = self.lock();
        let current = self.published.load();
        if event.version <= current.version() {
            return Applied::Before;
        }
        if event.version > current.version() + 1 {
            return Applied::Gap;
        }
        if origin == Origin::Elsewhere {
            // Before the state is published: see `fence`.
            self.elsewhere.store(event.version, Ordering::SeqCst);
        }
        self.published.store(Arc::new(current.after(&event.ops)));
        for (gaps, number) in &followers.gaps {
            if let Some(gaps) = gaps.upgrade() {
                gaps.changed(*number);
            }
        }
        if !followers.by_number.is_empty() {
            let delta = Arc::new(Delta::from(event));
            for follower in followers.by_number.values() {
                follower.delta(Arc::clone(&delta));
            }
        }
        Applied::Now
    }

    /// From now on `gaps` hear of what is published.
    fn tell(&self, gaps: &Arc<Gaps>, number: usize) {
        let mut followers = self.lock();
        followers.gaps.retain(|(known, _)| known.strong_count() > 0);
        followers.gaps.push((Arc::downgrade(gaps), number));
    }

    /// Follows from the answered state on: every later event is told, none before it.
    pub fn follow(self: &Arc<Self>, follower: Arc<dyn Follower>) -> (Arc<Timeline>, Following) {
        let mut followers = self.lock();
        followers.next += 1;
        let number = followers.next;
        followers.by_number.insert(number, follower);
        (
            self.timeline(),
            Following {
                cell: Arc::clone(self),
                number,
            },
        )
    }
}

/// All calendars that are loaded.
pub struct Directory {
    cells: DashMap<CalendarId, Arc<Cell>>,
    loading: Together<CalendarId>,
    /// Calendars whose states are being read, and whether events of theirs have come meanwhile.
    arriving: Mutex<HashMap<CalendarId, bool>>,
    store: Arc<dyn Store>,
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Directory({} calendars)", self.len())
    }
}

/// Calendars loaded with one statement.
const LOAD_CHUNK: usize = 200;
/// Calendars whose versions are read with one statement.
const COMPARE_CHUNK: usize = 1000;
/// Events read from the log at a time.
const LOG_CHUNK: i64 = 500;

impl Directory {
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            cells: DashMap::new(),
            loading: Together::default(),
            arriving: Mutex::default(),
            store,
        }
    }

    /// The calendar, if it is loaded.
    #[must_use]
    pub fn loaded(&self, id: CalendarId) -> Option<Arc<Cell>> {
        self.cells.get(&id).map(|cell| Arc::clone(&cell))
    }

    /// Whether the calendar is loaded; marks it as used.
    fn touch(&self, id: CalendarId) -> bool {
        let cell = self.cells.get(&id);
        cell.is_some_and(|cell| {
            if cell.kind == Kind::Patient {
                cell.touch();
            }
            true
        })
    }

    /// Forgets patients' calendars that nobody has asked for in a while and nobody holds: there
    /// are many, and each is loaded again when it is needed.
    pub(crate) fn forget_unused(&self, after: Duration) {
        self.cells.retain(|_, cell| {
            cell.kind != Kind::Patient || Arc::strong_count(cell) > 1 || cell.unused_for() < after
        });
    }

    /// Those that are loaded, in the order of their ids.
    pub(crate) fn ids(&self) -> Vec<CalendarId> {
        let mut ids: Vec<CalendarId> = self.cells.iter().map(|cell| cell.id).collect();
        ids.sort_unstable();
        ids
    }

    /// How many calendars are loaded.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The calendar, loading it if need be; `None` for an unknown id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn get(&self, id: CalendarId) -> QueryResult<Option<Arc<Cell>>> {
        self.ensure(&[id]).await?;
        Ok(self.loaded(id))
    }

    /// Loads those of `ids` that are not, with one statement for many: also for all who ask while
    /// another load is under way.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn ensure(&self, ids: &[CalendarId]) -> QueryResult<()> {
        let missing: Vec<CalendarId> = ids.iter().copied().filter(|id| !self.touch(*id)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let load = |ids: Vec<CalendarId>| async move { self.load(&ids).await }.boxed();
        self.loading
            .read(&missing, LOAD_CHUNK, |id| self.touch(id), load)
            .await
    }

    /// Only one at a time: see [`Together`].
    async fn load(&self, ids: &[CalendarId]) -> QueryResult<()> {
        let mut ids = ids.to_vec();
        while !ids.is_empty() {
            *self.arriving() = ids.iter().map(|id| (*id, false)).collect();
            let states = self.store.calendars(&ids).await?;
            let cells: Vec<Arc<Cell>> = states.into_iter().map(Cell::new).map(Arc::new).collect();
            // Under the lock: an event finds its calendar, or has marked it before. One that was
            // marked is read again, for its event may be missing in what was read.
            let mut arriving = self.arriving();
            let arrived = std::mem::take(&mut *arriving);
            ids.clear();
            for cell in cells {
                match arrived.get(&cell.id) {
                    Some(true) => ids.push(cell.id),
                    _ => drop(self.cells.entry(cell.id).or_insert(cell)),
                }
            }
        }
        Ok(())
    }

    fn arriving(&self) -> MutexGuard<'_, HashMap<CalendarId, bool>> {
        self.arriving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Catches up with those of `ids` that the database is ahead of.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn refresh(&self, ids: &[CalendarId]) -> QueryResult<()> {
        for chunk in ids.chunks(COMPARE_CHUNK) {
            for (id, version) in self.store.versions(chunk).await? {
                if self.loaded(id).is_some_and(|cell| cell.version() < version) {
                    self.catch_up(id).await?;
                }
            }
        }
        Ok(())
    }

    /// Applies what the log has beyond the published version; answers the version then.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn catch_up(&self, id: CalendarId) -> QueryResult<i64> {
        let Some(cell) = self.loaded(id) else {
            return Ok(0);
        };
        loop {
            let from = cell.version();
            let events = self.store.events_after(id, from, LOG_CHUNK).await?;
            if events.is_empty() {
                return Ok(cell.version());
            }
            for event in events {
                cell.apply(event, Origin::Elsewhere);
            }
            // A log that does not continue from here cannot be caught up with.
            if cell.version() == from {
                tracing::error!(calendar = %id, from, "the log has a gap");
                return Ok(from);
            }
        }
    }

    /// Applies an event that this process has committed or another one told of. A calendar that is
    /// not loaded needs nothing: it will be read with the event in it.
    pub fn apply(&self, event: Event, origin: Origin) -> Applied {
        let id = event.calendar;
        if let Some(cell) = self.loaded(id) {
            return cell.apply(event, origin);
        }
        {
            let mut arriving = self.arriving();
            // Again, under the lock: those that arrive are loaded before they are asked for here.
            if !self.cells.contains_key(&id) {
                if let Some(overtaken) = arriving.get_mut(&id) {
                    *overtaken = true;
                }
                return Applied::Before;
            }
        }
        match self.loaded(id) {
            Some(cell) => cell.apply(event, origin),
            None => Applied::Before,
        }
    }
}
