//! A client of all nodes that does not give up: what one of them does not answer it asks another,
//! with the same key.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use crate::Outcome;
use crate::client::{Answer, CANCELLED, Client, Command, Lost, Protocol};
use crate::cluster::Cluster;
use crate::diary::{Booking, Diary};
use crate::ledger::Ledger;
use crate::measure::Meter;
use crate::report::Fact;
use crate::seed::Practice;
use crate::stage::Site;

/// A node that has not answered after this long may be stopped: another one is asked.
const IMPATIENCE: Duration = Duration::from_secs(3);
/// How long a command is repeated before something is wrong.
const PERSEVERANCE: Duration = Duration::from_secs(60);
/// Before a command is repeated.
const PAUSE: Duration = Duration::from_millis(30);

/// What the workers share.
pub(super) struct Play {
    sites: Vec<Arc<Site>>,
    pub meter: Meter,
    pub ledger: Ledger,
    ended: AtomicBool,
    unanswered: AtomicU64,
    replayed: AtomicU64,
    contested: AtomicU64,
    handed_over: AtomicU64,
}

impl Play {
    pub fn new(cluster: &Cluster, meter: Meter, ledger: Ledger) -> Self {
        let sites = cluster.nodes.iter().map(|node| Arc::clone(&node.site));
        Self {
            sites: sites.collect(),
            meter,
            ledger,
            ended: AtomicBool::new(false),
            unanswered: AtomicU64::new(0),
            replayed: AtomicU64::new(0),
            contested: AtomicU64::new(0),
            handed_over: AtomicU64::new(0),
        }
    }

    /// Nobody begins anything new.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    pub fn contested(&self) -> u64 {
        self.contested.load(Ordering::Acquire)
    }

    pub fn handed_over(&self) -> u64 {
        self.handed_over.load(Ordering::Acquire)
    }

    pub fn counts(&self) -> Vec<Fact> {
        let count = |count: &AtomicU64| count.load(Ordering::Acquire) as f64;
        vec![
            ("bookings acknowledged", self.ledger.bookings() as f64),
            ("slots that two nodes wanted", count(&self.contested)),
            ("given back, booked elsewhere", count(&self.handed_over)),
            ("left unanswered", count(&self.unanswered)),
            ("  answered by their key", count(&self.replayed)),
        ]
    }
}

/// What became of a command.
enum End {
    Done { appointment: Uuid, version: i64 },
    Refused(String),
}

/// A client of every node.
pub(super) struct Worker {
    play: Arc<Play>,
    practice: Practice,
    hands: [Hand; 2],
    random: StdRng,
}

/// A connection to each node, those that are there.
struct Hand {
    play: Arc<Play>,
    practice: Practice,
    clients: Vec<Option<Client>>,
    protocol: Protocol,
}

impl Worker {
    pub fn new(play: Arc<Play>, practice: Practice, seed: u64) -> Self {
        let hand = |protocol| Hand {
            play: Arc::clone(&play),
            practice,
            clients: play.sites.iter().map(|_| None).collect(),
            protocol,
        };
        Self {
            hands: [hand(Protocol::Socket), hand(Protocol::Rest)],
            practice,
            random: StdRng::seed_from_u64(seed),
            play,
        }
    }

    fn node(&mut self) -> usize {
        self.random.random_range(0..self.play.sites.len())
    }

    pub async fn run(mut self, diary: Arc<Diary>) -> Outcome<()> {
        while !self.play.ended.load(Ordering::Acquire) {
            let booking = diary.next().ok_or("all slots are booked")?;
            match self.random.random_range(0..4) {
                0 => self.contest(&booking).await?,
                1 => self.hand_over(&booking).await?,
                _ => self.book_and_note(&booking).await?,
            }
        }
        Ok(())
    }

    async fn book_and_note(&mut self, booking: &Booking) -> Outcome<()> {
        let (here, there) = (self.node(), self.node());
        let Some(appointment) = self.book(here, booking).await? else {
            return Ok(());
        };
        let note = Command::Note {
            appointment,
            text: format!("node {here}"),
        };
        self.change(there, &note, appointment).await
    }

    /// Through one node and another at the same time: one gets it, the other hears that it is
    /// taken.
    async fn contest(&mut self, booking: &Booking) -> Outcome<()> {
        let here = self.node();
        let there = (here + 1) % self.play.sites.len();
        let command = Command::Book(booking.clone());
        let [first, second] = &mut self.hands;
        let (one, other) =
            tokio::try_join!(first.insist(here, &command), second.insist(there, &command))?;
        let mut got = 0;
        for end in [one, other] {
            match end {
                End::Done { appointment, .. } => {
                    got += 1;
                    self.play.ledger.booked(appointment, booking);
                }
                End::Refused(code) if code == "slot_taken" || code == "patient_busy" => {}
                End::Refused(code) => self.fault(&format!("{code} for a slot that two wanted")),
            }
        }
        if got != 1 {
            self.fault(&format!("{got} of two have got {booking:?}"));
        }
        self.play.contested.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// Given back through another node, it is free for the first one, which has its own word that
    /// it is taken.
    async fn hand_over(&mut self, booking: &Booking) -> Outcome<()> {
        let here = self.node();
        let there = (here + 1) % self.play.sites.len();
        let Some(appointment) = self.book(here, booking).await? else {
            return Ok(());
        };
        let cancel = Command::Cancel { appointment };
        self.change(there, &cancel, appointment).await?;
        self.book(here, booking).await?;
        self.play.handed_over.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// Books what nobody else wants.
    async fn book(&mut self, node: usize, booking: &Booking) -> Outcome<Option<Uuid>> {
        let command = Command::Book(booking.clone());
        Ok(match self.hand().insist(node, &command).await? {
            End::Done { appointment, .. } => {
                self.play.ledger.booked(appointment, booking);
                Some(appointment)
            }
            End::Refused(code) => {
                self.fault(&format!("{code} for a free slot: {booking:?}"));
                None
            }
        })
    }

    async fn change(&mut self, node: usize, command: &Command, appointment: Uuid) -> Outcome<()> {
        match self.hand().insist(node, command).await? {
            End::Done { version, .. } if matches!(command, Command::Cancel { .. }) => {
                self.play.ledger.became(appointment, version, CANCELLED);
            }
            End::Done { version, .. } => self.play.ledger.changed(appointment, version),
            End::Refused(code) => self.fault(&format!("{code}: {command:?}")),
        }
        Ok(())
    }

    fn hand(&mut self) -> &mut Hand {
        let which = self.random.random_range(0..2);
        &mut self.hands[which]
    }

    fn fault(&self, text: &str) {
        let practice = self.practice.tenant();
        self.play.ledger.fault(format!("{text} ({practice})"));
    }
}

impl Hand {
    /// Gives a command until it is answered, always with the same key, at first to `node`.
    async fn insist(&mut self, mut node: usize, command: &Command) -> Outcome<End> {
        let key = Uuid::new_v4().to_string();
        let due = Instant::now();
        let mut lost = false;
        while due.elapsed() < PERSEVERANCE {
            let answer = match self.client(node).await? {
                Ok(client) => {
                    let answering = client.give(command, Some(&key));
                    let answered = tokio::time::timeout(IMPATIENCE, answering).await;
                    answered.unwrap_or_else(|_| Answer::Lost("no answer in time".to_owned()))
                }
                Err(lost) => Answer::Lost(lost.0),
            };
            match answer {
                Answer::Done {
                    appointment,
                    version,
                    replay,
                } => {
                    self.play.meter.record(due, &answer);
                    if replay && !lost {
                        let text = format!("replayed, never sent before: {command:?}");
                        self.play.ledger.fault(text);
                    }
                    self.play
                        .replayed
                        .fetch_add(u64::from(replay), Ordering::AcqRel);
                    return Ok(End::Done {
                        appointment,
                        version,
                    });
                }
                Answer::Lost(_) => {
                    lost = true;
                    self.clients[node] = None;
                    self.play.unanswered.fetch_add(1, Ordering::AcqRel);
                }
                Answer::Refused { .. } if answer.may_retry() => {
                    lost = true;
                    self.play.meter.record(due, &answer);
                }
                Answer::Refused { code } => return Ok(End::Refused(code)),
            }
            tokio::time::sleep(PAUSE).await;
            node = (node + 1) % self.clients.len();
        }
        Err(format!("never answered: {command:?}").into())
    }

    /// The connection to a node, a new one if need be. Never waits for a node that is down.
    async fn client(&mut self, node: usize) -> Outcome<Result<&mut Client, Lost>> {
        let place = &mut self.clients[node];
        if place.is_none() {
            let site = &self.play.sites[node];
            let token = site.token(self.practice)?;
            match open(self.protocol, site.address, &token).await {
                Ok(client) => *place = Some(client),
                Err(lost) => return Ok(Err(lost)),
            }
        }
        Ok(place
            .as_mut()
            .ok_or_else(|| Lost("not connected".to_owned())))
    }
}

async fn open(protocol: Protocol, address: SocketAddr, token: &str) -> Result<Client, Lost> {
    // A stopped node accepts, and says nothing.
    let opening = Client::open(protocol, address, token);
    let opened = tokio::time::timeout(IMPATIENCE, opening).await;
    opened.unwrap_or_else(|_| Err(Lost("no connection in time".to_owned())))
}
