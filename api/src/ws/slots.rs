//! Feeds of free slots, as a booking page shows them: one for each practice, treatment, dentist and
//! month that somebody follows. Each change is computed once, encoded once and shared by all.

mod compute;
mod set;
mod signal;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::{rt, web};
use bytestring::ByteString;
use chrono::{DateTime, NaiveDate, Utc};
use dashmap::DashMap;
use schema::ids::{ProviderId, TenantId, TreatmentId};
use schema::span::Span;
use serde::Serialize;
use tokio::sync::watch;
use uuid::Uuid;

use self::set::{Change, FreeSlot, SlotSet};
use self::signal::Signal;
use super::hold_frames::HeldSlot;
use super::outbox::{Outbox, Stream};
use crate::app::App;
use crate::problem::Problem;

/// Names of feeds are made in it (RFC 9562, 5.5).
const NAMES: Uuid = Uuid::from_u128(0x6f3b_2f0e_7c1d_4a59_9d0c_5a2f_8e64_b7d1);

/// What a feed is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub tenant: TenantId,
    pub treatment: TreatmentId,
    /// `None`: whoever offers the treatment.
    pub provider: Option<ProviderId>,
    /// Its first day, in the practice's zone.
    pub month: NaiveDate,
}

impl Key {
    fn covers(&self, held: &HeldSlot) -> bool {
        self.tenant == held.tenant
            && self.treatment == held.treatment
            && self.provider.is_none_or(|id| id == held.provider)
    }

    /// The feed's name on the wire.
    #[must_use]
    pub fn name(&self) -> Uuid {
        let provider = self.provider.map(|id| id.to_string()).unwrap_or_default();
        let text = format!(
            "{} {} {provider} {}",
            self.tenant, self.treatment, self.month
        );
        Uuid::new_v5(&NAMES, text.as_bytes())
    }
}

/// The feeds that are followed.
#[derive(Debug, Default)]
pub struct SlotFeeds {
    feeds: DashMap<Key, Arc<Feed>>,
    next: AtomicU64,
    computations: AtomicU64,
}

/// One feed.
#[derive(Debug)]
pub(in crate::ws) struct Feed {
    key: Key,
    name: Uuid,
    signal: Arc<Signal>,
    state: Mutex<State>,
    /// Whether the first computation is done.
    ready: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    slots: SlotSet,
    /// The month, once it is known.
    range: Option<Span>,
    /// The slots as text, made when the first one asks for them.
    encoded: Option<Arc<str>>,
    followers: HashMap<u64, Follower>,
}

#[derive(Debug)]
struct Follower {
    outbox: Arc<Outbox>,
    /// Whether it has been told the state that changes continue.
    live: bool,
    /// Slots that this session holds itself: shown to it alone.
    held: Vec<FreeSlot>,
}

/// A free slot on the wire.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SlotView {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    dentist_id: ProviderId,
    #[serde(skip_serializing_if = "is_false")]
    mine: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde wants it
fn is_false(value: &bool) -> bool {
    !value
}

impl SlotView {
    fn of(slot: &FreeSlot, mine: bool) -> Self {
        Self {
            start: slot.0.start().to_utc(),
            end: slot.0.end().to_utc(),
            dentist_id: slot.1,
            mine,
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "slotsDelta")]
struct SlotsDelta {
    feed: Uuid,
    added: Vec<SlotView>,
    removed: Vec<SlotView>,
}

/// Following a feed; ends when dropped.
#[derive(Debug)]
pub(in crate::ws) struct Joined {
    pub feed: Arc<Feed>,
    app: web::Data<App>,
    number: u64,
}

impl Drop for Joined {
    fn drop(&mut self) {
        self.feed.lock().followers.remove(&self.number);
        let feeds = &self.app.slot_feeds.feeds;
        feeds.remove_if(&self.feed.key, |_, feed| feed.lock().followers.is_empty());
        metrics::gauge!("denticloud_slot_feeds").set(feeds.len() as f64);
    }
}

impl Joined {
    /// The feed's name on the wire.
    pub fn name(&self) -> Uuid {
        self.feed.name
    }

    /// Sends the whole state: as the answer to a frame, or unasked after changes were dropped.
    pub fn send_state(&self, id: Option<u64>) {
        let mut state = self.feed.lock();
        let State {
            slots,
            encoded,
            followers,
            ..
        } = &mut *state;
        let Some(follower) = followers.get_mut(&self.number) else {
            return;
        };
        follower.live = true;
        let array = encoded.get_or_insert_with(|| encode(slots.iter(), &[]).into());
        let own;
        let array: &str = if follower.held.is_empty() {
            array
        } else {
            own = encode(slots.iter(), &follower.held);
            &own
        };
        // Names of feeds and numbers need no escaping.
        let id = id.map_or_else(String::new, |id| format!("\"id\":{id},"));
        let feed = self.feed.name;
        let text = format!("{{\"type\":\"slots\",{id}\"feed\":\"{feed}\",\"slots\":{array}}}");
        follower.outbox.answer(text.into());
    }
}

impl Joined {
    /// What the session holds now: of the feed's slots it goes on seeing those, as its own, and the
    /// others as everybody does.
    pub fn show_held(&self, held: &[HeldSlot]) {
        let mut state = self.feed.lock();
        let State {
            slots,
            range,
            followers,
            ..
        } = &mut *state;
        let Some(follower) = followers.get_mut(&self.number) else {
            return;
        };
        let wanted: Vec<FreeSlot> = held
            .iter()
            .filter(|slot| self.feed.key.covers(slot))
            .filter(|slot| range.is_some_and(|range| range.contains(slot.span)))
            .map(|slot| (slot.span, slot.provider))
            .collect();
        let before = std::mem::replace(&mut follower.held, wanted);
        let held = &follower.held;
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        added.extend(held.iter().filter(|slot| !before.contains(slot)));
        for slot in before.iter().filter(|slot| !held.contains(slot)) {
            if slots.contains(slot) {
                added.push(*slot);
            } else {
                removed.push(*slot);
            }
        }
        if follower.live && !(added.is_empty() && removed.is_empty()) {
            let delta = self.feed.delta(&added, &removed, held);
            follower
                .outbox
                .change(Stream::Slots(self.feed.name), 0, delta);
        }
    }
}

fn encode<'a>(slots: impl Iterator<Item = &'a FreeSlot>, held: &[FreeSlot]) -> String {
    let mut views: Vec<SlotView> = slots
        .filter(|slot| !held.contains(slot))
        .map(|slot| SlotView::of(slot, false))
        .chain(held.iter().map(|slot| SlotView::of(slot, true)))
        .collect();
    views.sort_by_key(|view| (view.start, view.dentist_id));
    serde_json::to_string(&views).unwrap_or_else(|error| {
        tracing::error!(%error, "slots cannot be written");
        "[]".to_owned()
    })
}

impl SlotFeeds {
    /// Follows a feed, which begins if nobody did yet, and waits for its first computation.
    ///
    /// # Errors
    /// 503 when the feed cannot be computed.
    pub(in crate::ws) async fn join(
        &self,
        app: &web::Data<App>,
        key: Key,
        outbox: Arc<Outbox>,
    ) -> Result<Joined, Problem> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let feed = {
            // Under the entry's lock: a feed that loses its last follower is not joined meanwhile.
            let feed = self.feeds.entry(key).or_insert_with(|| begin(app, key));
            let follower = Follower {
                outbox,
                live: false,
                held: Vec::new(),
            };
            feed.lock().followers.insert(number, follower);
            Arc::clone(&feed)
        };
        metrics::gauge!("denticloud_slot_feeds").set(self.feeds.len() as f64);
        let joined = Joined {
            feed,
            app: app.clone(),
            number,
        };
        let mut ready = joined.feed.ready.subscribe();
        ready
            .wait_for(|ready| *ready)
            .await
            .map_err(|_| Problem::busy())?;
        Ok(joined)
    }

    fn computed(&self) {
        self.computations.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("denticloud_slot_computations_total").increment(1);
    }

    /// How many searches all feeds have made, however many follow them.
    #[must_use]
    pub fn computations(&self) -> u64 {
        self.computations.load(Ordering::Relaxed)
    }

    /// How many are followed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.feeds.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.feeds.is_empty()
    }
}

fn begin(app: &web::Data<App>, key: Key) -> Arc<Feed> {
    let signal = Arc::new(Signal::default());
    let feed = Arc::new(Feed {
        key,
        name: key.name(),
        signal: Arc::clone(&signal),
        state: Mutex::default(),
        ready: watch::Sender::new(false),
    });
    rt::spawn(compute::run(
        app.clone(),
        Arc::downgrade(&feed),
        key,
        signal,
    ));
    feed
}

impl Drop for Feed {
    fn drop(&mut self) {
        // Its task finds nobody and ends.
        self.signal.wake();
    }
}

impl Feed {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn delta(&self, added: &[FreeSlot], removed: &[FreeSlot], held: &[FreeSlot]) -> ByteString {
        let view = |slot: &FreeSlot| SlotView::of(slot, held.contains(slot));
        let delta = SlotsDelta {
            feed: self.name,
            added: added.iter().map(view).collect(),
            removed: removed.iter().map(view).collect(),
        };
        serde_json::to_string(&delta)
            .unwrap_or_else(|error| {
                tracing::error!(%error, "slots cannot be written");
                "{\"type\":\"slotsDelta\"}".to_owned()
            })
            .into()
    }

    /// The time that the feed is of.
    fn is_of(&self, range: Span) {
        self.lock().range = Some(range);
    }

    /// Changes the slots and tells the followers.
    fn change(&self, change: impl FnOnce(&mut SlotSet) -> Change) {
        let mut state = self.lock();
        let change = change(&mut state.slots);
        if change.is_empty() {
            return;
        }
        state.encoded = None;
        let shared = self.delta(&change.added, &change.removed, &[]);
        metrics::counter!("denticloud_slot_deltas_total").increment(1);
        for follower in state.followers.values_mut().filter(|one| one.live) {
            let own = follower
                .held
                .iter()
                .any(|slot| change.removed.contains(slot) || change.added.contains(slot));
            let text = if own {
                self.own_delta(follower, &change)
            } else {
                Some(shared.clone())
            };
            if let Some(text) = text {
                follower.outbox.change(Stream::Slots(self.name), 0, text);
            }
        }
    }

    /// As a session sees it that holds some of what has changed: what it holds is not taken for
    /// it; what is free again it holds no longer.
    fn own_delta(&self, follower: &mut Follower, change: &Change) -> Option<ByteString> {
        follower.held.retain(|slot| !change.added.contains(slot));
        let removed: Vec<FreeSlot> = change
            .removed
            .iter()
            .filter(|slot| !follower.held.contains(slot))
            .copied()
            .collect();
        let silent = removed.is_empty() && change.added.is_empty();
        (!silent).then(|| self.delta(&change.added, &removed, &[]))
    }

    /// The first computation is done.
    fn is_ready(&self) {
        self.ready
            .send_if_modified(|ready| !std::mem::replace(ready, true));
    }
}
