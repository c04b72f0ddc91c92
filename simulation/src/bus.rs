//! What carries the nodes' messages to each other: it loses some, tells some twice, and lets them
//! overtake each other; at times it is down.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use engine::bus::{Bus, Message, Wire};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::dice::Dice;
use crate::weather::Weather;

/// What comes to a node's end.
#[derive(Debug)]
enum Arriving {
    Message(Message),
    Up(bool),
}

/// Between the nodes.
#[derive(Debug)]
pub struct Carrier {
    weather: Weather,
    dice: RefCell<Dice>,
    inboxes: RefCell<Vec<mpsc::UnboundedSender<Arriving>>>,
    is_up: Cell<bool>,
}

impl Carrier {
    #[must_use]
    pub fn new(weather: Weather, dice: Dice) -> Rc<Self> {
        Rc::new(Self {
            weather,
            dice: RefCell::new(dice),
            inboxes: RefCell::default(),
            is_up: Cell::new(true),
        })
    }

    /// A node's end, carried until the node is gone.
    #[must_use]
    pub fn join(self: &Rc<Self>, node: Uuid) -> Arc<Bus> {
        let (bus, wire) = Bus::wired(node);
        let (inbox, arriving) = mpsc::unbounded_channel();
        let place = {
            let mut inboxes = self.inboxes.borrow_mut();
            inboxes.push(inbox);
            inboxes.len() - 1
        };
        actix_rt::spawn(Rc::clone(self).carry(place, wire, arriving));
        bus
    }

    /// Lets nothing through for a while.
    pub async fn cut(&self, lasts: Duration) {
        self.set_up(false);
        tokio::time::sleep(lasts).await;
        self.set_up(true);
    }

    /// Tells one after the other: who waits on a `watch` is woken in any order.
    fn set_up(&self, up: bool) {
        self.is_up.set(up);
        for inbox in self.inboxes.borrow().iter() {
            let _ = inbox.send(Arriving::Up(up));
        }
    }

    async fn carry(
        self: Rc<Self>,
        place: usize,
        mut wire: Wire,
        mut arriving: mpsc::UnboundedReceiver<Arriving>,
    ) {
        wire.set_up(self.is_up.get());
        loop {
            tokio::select! {
                biased;
                said = wire.said() => match said {
                    Some(message) => self.tell(place, &message),
                    None => return,
                },
                Some(arriving) = arriving.recv() => match arriving {
                    Arriving::Message(message) => drop(wire.deliver(&message)),
                    Arriving::Up(up) => wire.set_up(up),
                },
            }
        }
    }

    fn tell(&self, from: usize, message: &Message) {
        let mut dice = self.dice.borrow_mut();
        for (place, inbox) in self.inboxes.borrow().iter().enumerate() {
            if place == from || !self.is_up.get() || dice.chance(self.weather.lost) {
                continue;
            }
            let times = if dice.chance(self.weather.repeated) {
                2
            } else {
                1
            };
            for _ in 0..times {
                let way = Duration::from_millis(dice.between(0, self.weather.bus_ms));
                let (inbox, message) = (inbox.clone(), Arc::clone(message));
                actix_rt::spawn(async move {
                    tokio::time::sleep(way).await;
                    // A node that is gone hears nothing.
                    let _ = inbox.send(Arriving::Message(message));
                });
            }
        }
    }
}
