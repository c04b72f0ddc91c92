//! The nodes: engines over one database, which are killed, stopped and started again.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::Engine;
use engine::directory::Following;
use engine::feed::{Delta, Follower};
use engine::scheduling::timeline::Timeline;
use engine::settings::Settings;
use schema::ids::CalendarId;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::bus::Carrier;
use crate::dice::Dice;
use crate::store::Database;

/// Hears a calendar's deltas.
#[derive(Debug, Default)]
struct Ear(Mutex<Vec<Arc<Delta>>>);

impl Follower for Ear {
    fn delta(&self, delta: Arc<Delta>) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push(delta);
    }
}

/// A calendar as a follower has it.
#[derive(Debug)]
pub struct Followed {
    pub calendar: CalendarId,
    /// What it began with.
    pub first: Arc<Timeline>,
    ear: Arc<Ear>,
    _following: Following,
}

impl Followed {
    /// What it has heard since.
    #[must_use]
    pub fn heard(&self) -> Vec<Arc<Delta>> {
        let heard = self.ear.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.clone()
    }
}

/// A node, until it is killed or has stopped.
#[derive(Debug)]
pub struct Node {
    /// In a trace: `n0.2` is the third that runs at the first place.
    pub name: String,
    pub engine: Engine,
    /// Its way to the database.
    pub port: usize,
    pub followed: RefCell<Vec<Followed>>,
    is_dead: Cell<bool>,
    died: Notify,
}

impl Node {
    /// Waits until it is killed.
    pub async fn death(&self) {
        // Not a `watch`: who waits on one is woken in any order.
        let died = self.died.notified();
        if !self.is_dead.get() {
            died.await;
        }
    }
}

/// All of them.
#[derive(Debug)]
pub struct Nodes {
    database: Arc<Database>,
    carrier: Rc<Carrier>,
    settings: Settings,
    epoch: Uuid,
    places: RefCell<Vec<Option<Rc<Node>>>>,
    /// Every one that ever was.
    all: RefCell<Vec<Rc<Node>>>,
    started: Cell<usize>,
    dice: RefCell<Dice>,
}

impl Nodes {
    #[must_use]
    pub fn new(
        database: Arc<Database>,
        carrier: Rc<Carrier>,
        settings: Settings,
        count: usize,
        dice: Dice,
    ) -> Rc<Self> {
        Rc::new(Self {
            database,
            carrier,
            settings,
            epoch: Uuid::from_u128(1),
            places: RefCell::new((0..count).map(|_| None).collect()),
            all: RefCell::default(),
            started: Cell::new(0),
            dice: RefCell::new(dice),
        })
    }

    /// Starts one at a place where none runs; tries until the database answers.
    pub async fn start(&self, place: usize) {
        let number = self.started.replace(self.started.get() + 1);
        let name = format!("n{place}.{number}");
        let skew_ms = self.dice.borrow_mut().between(0, 180_000) as i64 - 90_000;
        let engine = loop {
            let port = self.database.port();
            let number = port.number();
            let clock = self.database.time.clock(skew_ms);
            let arbiters = vec![actix_rt::System::current().arbiter().clone()];
            let store = Arc::new(port);
            let settings = self.settings.clone();
            let bus = self.carrier.join(Uuid::from_u128(0xb05 + number as u128));
            match Engine::over(store, bus, self.epoch, settings, clock, arbiters).await {
                Ok(engine) => break (engine, number),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        };
        let (engine, port) = engine;
        let node = Rc::new(Node {
            name,
            engine,
            port,
            followed: RefCell::default(),
            is_dead: Cell::new(false),
            died: Notify::new(),
        });
        self.database
            .trace
            .line(|| format!("{}      starts", node.name));
        self.all.borrow_mut().push(Rc::clone(&node));
        if let Some(free) = self.places.borrow_mut().get_mut(place) {
            *free = Some(Rc::clone(&node));
        }
        let calendars: Vec<CalendarId> = {
            let calendars = self.database.world.calendars.iter();
            let mut dice = self.dice.borrow_mut();
            let wanted = calendars.filter(|_| dice.chance(60));
            wanted.map(|(id, ..)| *id).collect()
        };
        actix_rt::spawn(async move {
            for calendar in calendars {
                loop {
                    let ear = Arc::new(Ear::default());
                    let follower: Arc<dyn Follower> = Arc::clone(&ear) as _;
                    match node.engine.follow(calendar, follower).await {
                        Ok((first, following)) => {
                            node.followed.borrow_mut().push(Followed {
                                calendar,
                                first,
                                ear,
                                _following: following,
                            });
                            break;
                        }
                        Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                    }
                }
            }
        });
    }

    /// Those that run.
    #[must_use]
    pub fn running(&self) -> Vec<Rc<Node>> {
        self.places.borrow().iter().flatten().cloned().collect()
    }

    /// Every one that ever was.
    #[must_use]
    pub fn all(&self) -> Vec<Rc<Node>> {
        self.all.borrow().clone()
    }

    /// One that runs, by chance.
    #[must_use]
    pub fn any(&self, dice: &mut Dice) -> Option<Rc<Node>> {
        dice.pick(&self.running()).cloned()
    }

    /// Whether one runs at a place.
    #[must_use]
    pub fn running_at(&self, place: usize) -> bool {
        self.places.borrow().get(place).is_some_and(Option::is_some)
    }

    /// Takes the one at a place away, for what is done to it.
    fn leave(&self, place: usize) -> Option<Rc<Node>> {
        self.places.borrow_mut().get_mut(place)?.take()
    }

    /// Kills the one at a place: nothing that it has begun goes on, but for what it has sent.
    pub fn kill(&self, place: usize) {
        if let Some(node) = self.leave(place) {
            self.database
                .trace
                .line(|| format!("{}      is killed", node.name));
            self.database.kill(node.port);
            node.is_dead.set(true);
            node.died.notify_waiters();
        }
    }

    /// Stops the one at a place as a release does: it ends what it has begun.
    pub fn stop(&self, place: usize) {
        if let Some(node) = self.leave(place) {
            self.database
                .trace
                .line(|| format!("{}      stops", node.name));
            actix_rt::spawn(async move { node.engine.stop().await });
        }
    }
}
