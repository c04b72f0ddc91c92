//! Between the engine's feed and the sessions: one hub per followed calendar encodes each delta
//! once for all readers who see the same, and hands the shared text to their outboxes.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use actix_web::{rt, web};
use bytestring::ByteString;
use dashmap::DashMap;
use engine::directory::{Cell, Following};
use engine::feed::{Delta, Follower};
use engine::scheduling::timeline::Timeline;
use schema::ids::CalendarId;
use schema::models::claim::Claim;
use serde::Serialize;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::outbox::Outbox;
use super::presence::{Board, Presence, Sighting, across};
use super::subscription::Subscription;
use crate::app::App;
use crate::names;
use crate::problem::Problem;
use crate::wire::delta::{DeltaView, epoch};
use crate::wire::entry::Reader;

/// Deltas that wait for their encoding, per calendar.
const QUEUE_MAX: usize = 1024;

/// The hubs of the calendars that are followed.
#[derive(Debug, Default)]
pub struct Hubs {
    hubs: DashMap<CalendarId, Arc<Hub>>,
    next: AtomicU64,
}

/// One calendar's followers.
#[derive(Debug)]
struct Hub {
    subscribers: Mutex<HashMap<u64, Arc<Subscription>>>,
    board: Mutex<Board>,
    _following: Following,
}

/// Being in a hub; ends when dropped.
#[derive(Debug)]
pub struct Attached {
    pub subscription: Arc<Subscription>,
    app: web::Data<App>,
    number: u64,
}

impl Drop for Attached {
    fn drop(&mut self) {
        let id = self.subscription.calendar;
        let hubs = &self.app.hubs.hubs;
        if let Some(hub) = hubs.get(&id) {
            hub.lock().remove(&self.number);
        }
        hubs.remove_if(&id, |_, hub| hub.lock().is_empty());
    }
}

impl Attached {
    /// Tells the calendar's other readers of the same practice what a session does.
    pub fn tell(&self, outbox: &Arc<Outbox>, presence: Presence) {
        let Some(hub) = self.hub() else { return };
        let now = Instant::now();
        let sighting = Sighting {
            tenant: self.subscription.reader.tenant,
            at: now,
            here: true,
            presence,
        };
        across::tell(&self.app, &sighting);
        hub.show(sighting, now, Some(outbox));
    }

    /// Tells this reader who else is there.
    pub fn greet(&self, session: Uuid) {
        let Some(hub) = self.hub() else { return };
        let board = hub.board();
        let tenant = self.subscription.reader.tenant;
        let present = board.present(tenant, Instant::now());
        for presence in present.filter(|presence| presence.session != session) {
            self.subscription.passing(presence.text());
        }
    }

    /// What a session has said of itself here.
    #[must_use]
    pub fn presence_of(&self, session: Uuid) -> Option<Presence> {
        self.hub()?.board().of(session).cloned()
    }

    fn hub(&self) -> Option<Arc<Hub>> {
        let hub = self.app.hubs.hubs.get(&self.subscription.calendar)?;
        Some(Arc::clone(&hub))
    }
}

impl Hub {
    /// Tells the practice's readers, but for the session itself, and notes it for those to come.
    fn show(&self, sighting: Sighting, now: Instant, but_for: Option<&Arc<Outbox>>) {
        let text = sighting.presence.text();
        for other in self.lock().values() {
            let own = but_for.is_some_and(|outbox| other.is_of(outbox));
            if other.reader.tenant == sighting.tenant && !own {
                other.passing(text.clone());
            }
        }
        self.board().note(now, sighting);
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Subscription>>> {
        self.subscribers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes deltas from the engine without ever making it wait.
struct Intake {
    queue: mpsc::Sender<Arc<Delta>>,
    overflowed: Arc<AtomicBool>,
}

impl Follower for Intake {
    fn delta(&self, delta: Arc<Delta>) {
        if self.queue.try_send(delta).is_err() {
            self.overflowed.store(true, Ordering::Release);
        }
    }
}

impl Hubs {
    /// Tells a calendar's readers here what was seen on another node.
    pub fn show(&self, sighting: Sighting) {
        let hub = self.hubs.get(&sighting.presence.calendar);
        if let Some(hub) = hub.map(|hub| Arc::clone(&hub)) {
            hub.show(sighting, Instant::now(), None);
        }
    }

    /// Whether somebody here follows the calendar.
    #[must_use]
    pub fn follows(&self, calendar: CalendarId) -> bool {
        self.hubs.contains_key(&calendar)
    }

    /// What a session was seen doing last, on whatever node it is.
    #[must_use]
    pub fn seen(&self, calendar: CalendarId, session: Uuid) -> Option<Presence> {
        self.hubs.get(&calendar)?.board().of(session).cloned()
    }

    /// Who is on a calendar by a session of this node.
    #[must_use]
    pub fn present_here(&self, calendar: CalendarId) -> Vec<Sighting> {
        let hub = self.hubs.get(&calendar);
        hub.map_or_else(Vec::new, |hub| {
            hub.board().here(Instant::now()).cloned().collect()
        })
    }

    /// Adds a reader to a calendar's hub. Deltas beyond the answered state reach `outbox` once the
    /// subscription is opened.
    pub fn attach(
        &self,
        app: &web::Data<App>,
        cell: &Arc<Cell>,
        reader: Reader,
        actor: Box<str>,
        outbox: Arc<Outbox>,
    ) -> (Attached, Arc<Timeline>) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // Under the entry's lock: a hub that loses its last reader is not joined meanwhile.
        let hub = self.hubs.entry(cell.id).or_insert_with(|| begin(app, cell));
        let mut subscribers = hub.lock();
        // A delta is handed out under this lock after it was published, so none beyond this state
        // has been handed out yet.
        let timeline = cell.timeline();
        let subscription = Arc::new(Subscription::new(
            cell.id,
            reader,
            actor,
            outbox,
            timeline.version(),
        ));
        subscribers.insert(number, Arc::clone(&subscription));
        drop(subscribers);
        (
            Attached {
                subscription,
                app: app.clone(),
                number,
            },
            timeline,
        )
    }
}

fn begin(app: &web::Data<App>, cell: &Arc<Cell>) -> Arc<Hub> {
    let (queue, deltas) = mpsc::channel(QUEUE_MAX);
    let overflowed = Arc::new(AtomicBool::new(false));
    let intake = Intake {
        queue,
        overflowed: Arc::clone(&overflowed),
    };
    let (timeline, following) = cell.follow(Arc::new(intake));
    let hub = Arc::new(Hub {
        subscribers: Mutex::default(),
        board: Mutex::default(),
        _following: following,
    });
    across::ask(app, cell.id);
    rt::spawn(run(
        app.clone(),
        Arc::downgrade(&hub),
        deltas,
        overflowed,
        timeline.version(),
    ));
    hub
}

/// Hands out deltas until the hub is gone.
async fn run(
    app: web::Data<App>,
    hub: Weak<Hub>,
    mut deltas: mpsc::Receiver<Arc<Delta>>,
    overflowed: Arc<AtomicBool>,
    mut version: i64,
) {
    while let Some(delta) = deltas.recv().await {
        let Some(hub) = hub.upgrade() else { return };
        let lost = overflowed.swap(false, Ordering::AcqRel) || delta.prev != version;
        version = delta.version;
        let handed_out = if lost {
            Err(None)
        } else {
            hand_out(&app, &hub, &delta).await.map_err(Some)
        };
        if let Err(problem) = handed_out {
            tracing::warn!(calendar = %delta.calendar, ?problem, "a feed starts again");
            for subscription in hub.lock().values() {
                subscription.spoil();
            }
        }
    }
}

#[derive(Serialize)]
struct Frame<'a> {
    r#type: &'static str,
    #[serde(flatten)]
    delta: &'a DeltaView,
}

/// What a text is encoded for: a kind of reader, and somebody of whose holds it tells.
type Eyes<'a> = (Reader, Option<&'a str>);

/// Encodes once for each kind of reader, and gives every subscription its text. Who holds what is
/// put gets a text of their own.
async fn hand_out(app: &App, hub: &Hub, delta: &Delta) -> Result<(), Problem> {
    let holders: BTreeSet<&str> = DeltaView::puts(delta).filter_map(Claim::holder).collect();
    let eyes = |subscription: &Subscription| -> Eyes<'_> {
        let holder = holders.get(&*subscription.actor).copied();
        (subscription.reader, holder)
    };
    let mut encoded: HashMap<Eyes<'_>, ByteString> = HashMap::new();
    loop {
        let missing: BTreeSet<Eyes<'_>> = {
            let subscribers = hub.lock();
            let missing: BTreeSet<Eyes<'_>> = subscribers
                .values()
                .map(|subscription| eyes(subscription))
                .filter(|eyes| !encoded.contains_key(eyes))
                .collect();
            if missing.is_empty() {
                for subscription in subscribers.values() {
                    if let Some(frame) = encoded.get(&eyes(subscription)) {
                        subscription.deliver(delta.prev, delta.version, frame);
                    }
                }
                return Ok(());
            }
            missing
        };
        for (reader, holder) in missing {
            let puts = DeltaView::puts(delta);
            let names = names::of(app, reader.tenant, reader.sees_patients, puts).await?;
            let epoch = epoch(app.engine.epoch(), reader);
            let view = DeltaView::of(delta, epoch, &names, holder, |claim| reader.sees(claim));
            let text = serde_json::to_string(&Frame {
                r#type: "delta",
                delta: &view,
            });
            let text = text.map_err(|error| Problem::internal(error.to_string()))?;
            metrics::counter!("denticloud_ws_deltas_encoded_total").increment(1);
            encoded.insert((reader, holder), text.into());
        }
    }
}
