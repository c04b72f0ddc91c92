//! Messages between the nodes, so that they hear of each other's changes at once. Best effort:
//! whatever is lost, comes twice or in another order is made good by what the database says.
//!
//! Here is what both ends share; what carries the messages ([`redis`]) holds a [`Wire`].

pub mod redis;

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{broadcast, mpsc, watch};
use uuid::Uuid;

/// Messages that wait to be sent, or to be heard; more are dropped.
const QUEUE_MAX: usize = 4096;
/// A node's name, then the topic's number, then the body.
const HEAD: usize = 17;

/// What messages are about; each topic has a body of its own type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Committed events, a batch's.
    Events,
    /// Whose rules have changed.
    Rules,
    /// Whose rights have changed.
    Rights,
    /// Who looks at a calendar.
    Presence,
    /// What has been counted against somebody's limits.
    Counts,
    /// Nothing: whoever hears it knows that its messages arrive.
    Beat,
}

impl Topic {
    const ALL: [Self; 6] = [
        Self::Events,
        Self::Rules,
        Self::Rights,
        Self::Presence,
        Self::Counts,
        Self::Beat,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Rules => "rules",
            Self::Rights => "rights",
            Self::Presence => "presence",
            Self::Counts => "counts",
            Self::Beat => "beat",
        }
    }
}

/// A message as it is carried.
pub type Message = Arc<[u8]>;

/// A node's end of the bus.
#[derive(Debug)]
pub struct Bus {
    node: Uuid,
    /// `None` without anything that carries messages.
    out: Option<mpsc::Sender<Message>>,
    heard: Vec<broadcast::Sender<Message>>,
    up: watch::Sender<bool>,
}

/// The carrier's end: takes what the node says, and hands it what others say.
#[derive(Debug)]
pub struct Wire {
    bus: Arc<Bus>,
    said: mpsc::Receiver<Message>,
}

impl Bus {
    /// For a node that is alone, or hears of others by the poller only.
    #[must_use]
    pub fn silent(node: Uuid) -> Arc<Self> {
        Arc::new(Self::new(node, None))
    }

    /// With a wire, for whatever carries its messages.
    #[must_use]
    pub fn wired(node: Uuid) -> (Arc<Self>, Wire) {
        let (out, said) = mpsc::channel(QUEUE_MAX);
        let bus = Arc::new(Self::new(node, Some(out)));
        let wire = Wire {
            bus: Arc::clone(&bus),
            said,
        };
        (bus, wire)
    }

    fn new(node: Uuid, out: Option<mpsc::Sender<Message>>) -> Self {
        // Where nothing is carried there is nothing to keep.
        let queue = if out.is_some() { QUEUE_MAX } else { 1 };
        let heard = Topic::ALL.map(|_| broadcast::Sender::new(queue));
        Self {
            node,
            out,
            heard: heard.into(),
            up: watch::Sender::new(false),
        }
    }

    /// Whose end this is.
    #[must_use]
    pub fn node(&self) -> Uuid {
        self.node
    }

    /// Whether somebody may hear what is said.
    #[must_use]
    pub fn is_wired(&self) -> bool {
        self.out.is_some()
    }

    /// Whether messages arrive just now.
    #[must_use]
    pub fn is_up(&self) -> bool {
        *self.up.borrow()
    }

    /// Tells when that changes.
    #[must_use]
    pub fn ups(&self) -> watch::Receiver<bool> {
        self.up.subscribe()
    }

    /// Says something to the others; never waits. While the bus is down it says nothing: what is
    /// old by the time somebody could hear it is in the database.
    pub fn say(&self, topic: Topic, body: &impl Serialize) {
        let Some(out) = self.out.as_ref().filter(|_| self.is_up()) else {
            return;
        };
        let mut message = head(self.node, topic);
        if let Err(error) = serde_json::to_writer(&mut message, body) {
            tracing::error!(%error, topic = topic.name(), "cannot be said to other nodes");
            return;
        }
        let sent = match out.try_send(message.into()) {
            Ok(()) => "denticloud_bus_sent_total",
            Err(_) => "denticloud_bus_dropped_total",
        };
        metrics::counter!(sent, "topic" => topic.name()).increment(1);
    }

    /// What others say from now on.
    #[must_use]
    pub fn listen<T: DeserializeOwned>(&self, topic: Topic) -> Ear<T> {
        Ear {
            topic,
            messages: self.heard[topic as usize].subscribe(),
            body: std::marker::PhantomData,
        }
    }
}

fn head(node: Uuid, topic: Topic) -> Vec<u8> {
    let mut message = Vec::with_capacity(256);
    message.extend_from_slice(node.as_bytes());
    message.push(topic as u8);
    message
}

/// Hears one topic.
#[derive(Debug)]
pub struct Ear<T> {
    topic: Topic,
    messages: broadcast::Receiver<Message>,
    body: std::marker::PhantomData<fn() -> T>,
}

/// What an ear has heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard<T> {
    Said(T),
    /// Some messages were lost: it did not listen in time.
    Missed,
}

impl<T: DeserializeOwned> Ear<T> {
    /// A message that has come already, if it can be understood.
    pub fn heard_also(&mut self) -> Option<T> {
        let message = self.messages.try_recv().ok()?;
        serde_json::from_slice(&message[HEAD..]).ok()
    }

    /// The next message that can be understood; `None` when the bus is gone. Dropping this loses
    /// nothing.
    pub async fn hear(&mut self) -> Option<Heard<T>> {
        loop {
            match self.messages.recv().await {
                Ok(message) => match serde_json::from_slice(&message[HEAD..]) {
                    Ok(body) => return Some(Heard::Said(body)),
                    // Of another release: what it told of is in the database.
                    Err(error) => {
                        tracing::warn!(%error, topic = self.topic.name(), "not understood");
                    }
                },
                Err(broadcast::error::RecvError::Lagged(_)) => return Some(Heard::Missed),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

impl Wire {
    /// The next message to carry; `None` when the node is gone.
    pub async fn said(&mut self) -> Option<Message> {
        self.said.recv().await
    }

    /// Another one, if there is one now.
    pub fn said_also(&mut self) -> Option<Message> {
        self.said.try_recv().ok()
    }

    /// A message that whoever hears it may ignore.
    #[must_use]
    pub fn beat(&self) -> Message {
        head(self.bus.node, Topic::Beat).into()
    }

    /// Hands over what has come; answers whether it is this node's own beat.
    pub fn deliver(&self, message: &[u8]) -> bool {
        let Some((head, _)) = message.split_at_checked(HEAD) else {
            return false;
        };
        let own = head[..HEAD - 1] == self.bus.node.as_bytes()[..];
        let Some(topic) = Topic::ALL.get(usize::from(head[HEAD - 1])).copied() else {
            return false;
        };
        if !own && topic != Topic::Beat {
            metrics::counter!("denticloud_bus_heard_total", "topic" => topic.name()).increment(1);
            // Nobody may listen to this topic here.
            let _ = self.bus.heard[topic as usize].send(message.into());
        }
        own && topic == Topic::Beat
    }

    /// Tells the node whether messages arrive.
    pub fn set_up(&self, up: bool) {
        let changed = self.bus.up.send_if_modified(|known| {
            let changed = *known != up;
            *known = up;
            changed
        });
        if changed {
            metrics::gauge!("denticloud_bus_up").set(f64::from(u8::from(up)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_hears_others_and_not_itself() {
        let (one, mut first) = Bus::wired(Uuid::from_u128(1));
        let (other, second) = Bus::wired(Uuid::from_u128(2));
        let mut ear = other.listen::<Vec<u32>>(Topic::Rules);
        let mut own = one.listen::<Vec<u32>>(Topic::Rules);
        one.say(Topic::Rules, &[1]);
        assert!(first.said_also().is_none(), "said while the bus was down");
        first.set_up(true);
        one.say(Topic::Rules, &[1, 2]);
        one.say(Topic::Events, &"for others");
        while let Some(message) = first.said_also() {
            assert!(!first.deliver(&message) && !second.deliver(&message));
        }
        let beat = first.beat();
        assert!(first.deliver(&beat) && !second.deliver(&beat));
        assert!(!second.deliver(b"") && !second.deliver(&[255; 40]));
        let heard = ear.messages.try_recv().unwrap();
        assert_eq!(&heard[HEAD..], b"[1,2]");
        assert!(ear.messages.try_recv().is_err());
        assert!(own.messages.try_recv().is_err());
    }

    #[test]
    fn nobody_waits_for_a_carrier_that_does_not_come() {
        let (bus, mut wire) = Bus::wired(Uuid::from_u128(1));
        wire.set_up(true);
        for number in 0..QUEUE_MAX + 10 {
            bus.say(Topic::Counts, &number);
        }
        let mut carried = 0;
        while wire.said_also().is_some() {
            carried += 1;
        }
        assert_eq!(carried, QUEUE_MAX);
    }
}
