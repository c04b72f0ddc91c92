//! From a commit on the first node to followers on each: a practice of its own, booked at a steady
//! rate through the first node, and a socket at every node that notes when each change arrives.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::Outcome;
use crate::client::{Answer, Client, Command, Protocol};
use crate::cluster::Cluster;
use crate::diary::{self, Booking};
use crate::ledger::Ledger;
use crate::light::LightSocket;
use crate::measure::{Spread, now_us};
use crate::report::Fact;
use crate::seed::Practice;
use crate::stage::Site;

/// How long a booking is waited for before the connection is given up.
const IMPATIENCE: Duration = Duration::from_secs(10);
/// Before it is tried again.
const PAUSE: Duration = Duration::from_millis(50);

/// Books, and measures.
pub(super) struct Probe {
    ended: Arc<AtomicBool>,
    booking: JoinHandle<Outcome<Vec<(Uuid, Booking)>>>,
    listening: Vec<JoinHandle<()>>,
    times: mpsc::UnboundedReceiver<(bool, i64)>,
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.booking.abort();
        for listening in &self.listening {
            listening.abort();
        }
    }
}

impl Probe {
    /// Begins; a rate of 0 measures nothing.
    pub async fn start(cluster: &Cluster, practice: Practice, rate: u64) -> Outcome<Self> {
        let (tell, times) = mpsc::unbounded_channel();
        let mut listening = Vec::new();
        for (number, node) in cluster.nodes.iter().enumerate() {
            let site = Arc::clone(&node.site);
            let mut socket = follow(&site, practice, number).await?;
            let tell = tell.clone();
            listening.push(tokio::spawn(async move {
                loop {
                    match socket.next_with("\"type\":\"delta\"").await {
                        Ok(frame) => {
                            let now = now_us();
                            if let Some(at) = changed_at(&frame) {
                                let _ = tell.send((number == 0, now - at));
                            }
                        }
                        // What happens meanwhile is not measured; the followers' count is not here.
                        Err(_) => {
                            tokio::time::sleep(PAUSE).await;
                            if let Ok(fresh) = follow(&site, practice, number).await {
                                socket = fresh;
                            }
                        }
                    }
                }
            }));
        }
        let ended = Arc::new(AtomicBool::new(false));
        let site = Arc::clone(&cluster.nodes[0].site);
        let booking = tokio::spawn(book(site, practice, rate, Arc::clone(&ended)));
        Ok(Self {
            ended,
            booking,
            listening,
            times,
        })
    }

    /// Ends, puts what was booked into the book, and tells the times.
    pub async fn end(mut self, ledger: &Ledger) -> Outcome<Vec<Fact>> {
        self.ended.store(true, Ordering::Release);
        for (appointment, booking) in (&mut self.booking).await?? {
            ledger.booked(appointment, &booking);
        }
        let (mut here, mut elsewhere) = (Spread::new()?, Spread::new()?);
        let (mut heard, mut measured) = (0_u64, 0_u64);
        while let Ok((at_home, us)) = self.times.try_recv() {
            heard += u64::from(!at_home);
            measured += 1;
            match at_home {
                true => here.record(us),
                false => elsewhere.record(us),
            }
        }
        if measured == 0 {
            return Ok(Vec::new());
        }
        Ok(vec![
            ("commit to the same node, p50, ms", here.ms(0.5)),
            ("commit to the same node, p99, ms", here.ms(0.99)),
            ("commit to another node, p50, ms", elsewhere.ms(0.5)),
            ("commit to another node, p99, ms", elsewhere.ms(0.99)),
            ("commit to another node, max, ms", elsewhere.ms(1.0)),
            ("changes heard on other nodes", heard as f64),
        ])
    }
}

async fn follow(site: &Site, practice: Practice, number: usize) -> Outcome<LightSocket> {
    let mut socket = LightSocket::open(site.address, number).await?;
    let token = site.token(practice)?;
    let connect = json!({ "id": 1, "type": "connect", "token": token });
    socket.say(&connect.to_string()).await?;
    socket.next_with("\"type\":\"connected\"").await?;
    let (from, to) = diary::range(site.today);
    let subscribe = json!({
        "id": 2, "type": "subscribe", "calendar": practice.dentist(0).calendar,
        "range": { "from": from, "to": to },
    });
    socket.say(&subscribe.to_string()).await?;
    socket.next_with("\"type\":\"snapshot\"").await?;
    Ok(socket)
}

/// The database's clock in the commit, in microseconds since 1970.
fn changed_at(frame: &[u8]) -> Option<i64> {
    let delta: Value = serde_json::from_slice(frame).ok()?;
    let at = chrono::DateTime::parse_from_rfc3339(delta["at"].as_str()?).ok()?;
    Some(at.timestamp_micros())
}

async fn book(
    site: Arc<Site>,
    practice: Practice,
    rate: u64,
    ended: Arc<AtomicBool>,
) -> Outcome<Vec<(Uuid, Booking)>> {
    let mut done = Vec::new();
    if rate == 0 {
        return Ok(done);
    }
    let diary = site.diary(practice);
    let token = site.token(practice)?;
    let mut client = None;
    let mut due = tokio::time::interval(Duration::from_secs(1) / u32::try_from(rate)?);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !ended.load(Ordering::Acquire) {
        due.tick().await;
        // Of two dentists the first one's, whose calendar is followed.
        let booking = diary.next().ok_or("all slots are booked")?;
        if booking.dentist_id != practice.dentist(0).id {
            continue;
        }
        let key = Uuid::new_v4().to_string();
        let appointment = loop {
            let answer = match &mut client {
                Some(open) => {
                    let command = Command::Book(booking.clone());
                    let giving = Client::give(open, &command, Some(&key));
                    tokio::time::timeout(IMPATIENCE, giving).await.ok()
                }
                none => {
                    let opening = Client::open(Protocol::Socket, site.address, &token);
                    let opened = tokio::time::timeout(IMPATIENCE, opening).await;
                    *none = opened.ok().and_then(Result::ok);
                    tokio::time::sleep(if none.is_some() {
                        Duration::ZERO
                    } else {
                        PAUSE
                    })
                    .await;
                    continue;
                }
            };
            match answer {
                Some(Answer::Done { appointment, .. }) => break appointment,
                Some(answer @ Answer::Refused { .. }) if answer.may_retry() => {
                    tokio::time::sleep(PAUSE).await;
                }
                Some(Answer::Refused { code }) => {
                    return Err(format!("{code} for a slot that nobody else wants").into());
                }
                Some(Answer::Lost(_)) | None => client = None,
            }
        };
        done.push((appointment, booking));
    }
    Ok(done)
}
