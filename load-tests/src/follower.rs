//! Somebody who watches calendars and believes nothing: applies each version by the client's rule,
//! resumes after a break, and compares what it has with what the server says it should have.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::SecondsFormat;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::Outcome;
use crate::client::socket::{Frame, Op, Socket};
use crate::client::{Lost, Rest};
use crate::diary;
use crate::seed::Practice;
use crate::stage::Site;

/// How long the last changes may take to arrive once nobody makes any.
const PATIENCE: Duration = Duration::from_secs(15);
/// Before the server is asked again that was too busy, or behind.
const BUSY_PAUSE: Duration = Duration::from_millis(100);
/// How often a subscription may be refused before something is wrong.
const REFUSED_MAX: u32 = 20;

/// What followers have seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub deltas: u64,
    /// Versions that were not told, and calendars whose state is another than the server's.
    pub missed: u64,
    /// Versions that were told again: dropped by the client's rule.
    pub repeated: u64,
    /// Broken connections.
    pub breaks: u64,
    /// Connections that the follower itself has cut.
    pub cuts: u64,
    /// Subscriptions that continued where they were.
    pub resumed: u64,
    /// Subscriptions that began with a state.
    pub snapshots: u64,
}

impl Seen {
    pub(crate) fn add(&mut self, other: Self) {
        self.deltas += other.deltas;
        self.missed += other.missed;
        self.repeated += other.repeated;
        self.breaks += other.breaks;
        self.cuts += other.cuts;
        self.resumed += other.resumed;
        self.snapshots += other.snapshots;
    }
}

/// How a follower behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Habit {
    /// Cuts its connection after up to twice this long, again and again.
    pub cut_every: Option<Duration>,
    /// Reads a frame only this often.
    pub pause: Option<Duration>,
    /// Decides when it cuts.
    pub seed: u64,
}

/// A calendar as the follower has it.
#[derive(Debug, Default)]
struct State {
    /// `None` before the first snapshot.
    position: Option<(String, i64)>,
    entries: BTreeMap<String, Value>,
    /// A subscription has been asked for; what comes before its answer belongs to the one before.
    asked: Option<u64>,
}

type States = BTreeMap<Uuid, State>;
/// What calendars are at.
pub type Versions = BTreeMap<Uuid, i64>;

/// Followers of some practices' dentists and operatories, one socket for each practice.
#[derive(Debug)]
pub struct Followers {
    site: Arc<Site>,
    running: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    practice: Practice,
    calendars: Vec<Uuid>,
    /// The versions at which it may end.
    end: watch::Sender<Option<Versions>>,
    task: JoinHandle<Outcome<(States, Seen)>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Followers {
    /// Begins to follow; returns when every calendar's state is there.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn start(
        site: &Arc<Site>,
        practices: impl IntoIterator<Item = Practice>,
    ) -> Outcome<Self> {
        let habit = |practice| (practice, Habit::default());
        Self::with_habits(site, practices.into_iter().map(habit)).await
    }

    /// As [`Self::start`], each with its habit.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn with_habits(
        site: &Arc<Site>,
        practices: impl IntoIterator<Item = (Practice, Habit)>,
    ) -> Outcome<Self> {
        let mut running = Vec::new();
        for (practice, habit) in practices {
            let calendars: Vec<Uuid> = (0..site.size.dentists)
                .flat_map(|n| [practice.dentist(n).calendar, practice.operatory(n).calendar])
                .collect();
            let end = watch::Sender::new(None);
            let mut follower = Follower {
                site: Arc::clone(site),
                practice,
                states: calendars.iter().map(|id| (*id, State::default())).collect(),
                seen: Seen::default(),
                refused: 0,
                habit,
                random: StdRng::seed_from_u64(habit.seed),
            };
            let mut socket = follower.connect().await?;
            while follower
                .states
                .values()
                .any(|state| state.position.is_none())
            {
                let frame = socket.receive().await?;
                follower.hear(&mut socket, frame).await?;
            }
            let ending = end.subscribe();
            running.push(Running {
                practice,
                calendars,
                end,
                task: tokio::spawn(follower.run(socket, ending)),
            });
        }
        Ok(Self {
            site: Arc::clone(site),
            running,
        })
    }

    /// To be called when nobody books any more and the server runs: waits until the last changes
    /// have arrived, and compares every state with the server's.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn finish(self) -> Outcome<Seen> {
        self.finish_at(&Versions::new()).await
    }

    /// As [`Self::finish`], once the server has come to those versions at least: it hears of what
    /// others have committed a moment later.
    ///
    /// # Errors
    /// As [`Self::finish`], and when it does not come to them.
    pub async fn finish_at(mut self, least: &Versions) -> Outcome<Seen> {
        let mut all = Seen::default();
        for running in &mut self.running {
            let reader = self.site.reader(running.practice)?;
            let mut wanted = BTreeMap::new();
            for id in &running.calendars {
                let least = least.get(id).copied().unwrap_or_default();
                let reading = async {
                    loop {
                        let state = read(&self.site, &reader, *id).await?;
                        if state.0 >= least {
                            return Outcome::Ok(state);
                        }
                        tokio::time::sleep(BUSY_PAUSE).await;
                    }
                };
                let state = tokio::time::timeout(PATIENCE, reading).await;
                let state = state.map_err(|_| format!("calendar {id} stays behind {least}"))?;
                wanted.insert(*id, state?);
            }
            let versions = wanted.iter().map(|(id, (version, _))| (*id, *version));
            running.end.send_replace(Some(versions.collect()));
            let (states, seen) = (&mut running.task).await??;
            all.add(seen);
            for (id, (version, entries)) in &wanted {
                let same = states.get(id).is_some_and(|state| {
                    let at = state.position.as_ref().map(|(_, version)| *version);
                    at == Some(*version) && state.entries == *entries
                });
                all.missed += u64::from(!same);
            }
        }
        Ok(all)
    }
}

/// Never, without a moment.
async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// A calendar's version and entries as the server has them.
async fn read(site: &Site, reader: &Rest, id: Uuid) -> Outcome<(i64, BTreeMap<String, Value>)> {
    let (from, to) = diary::range(site.today);
    let text = |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let path = format!("/calendars/{id}?from={}&to={}", text(from), text(to));
    let state = reader.get(&path).await?;
    let version = state["version"].as_i64().ok_or("a state has a version")?;
    let entries = state["entries"].as_array().cloned().unwrap_or_default();
    Ok((version, by_id(entries)))
}

fn by_id(entries: Vec<Value>) -> BTreeMap<String, Value> {
    let key = |entry: &Value| entry["id"].as_str().unwrap_or_default().to_owned();
    entries
        .into_iter()
        .map(|entry| (key(&entry), entry))
        .collect()
}

struct Follower {
    site: Arc<Site>,
    practice: Practice,
    states: States,
    seen: Seen,
    refused: u32,
    habit: Habit,
    random: StdRng,
}

impl Follower {
    async fn run(
        mut self,
        mut socket: Socket,
        mut end: watch::Receiver<Option<Versions>>,
    ) -> Outcome<(States, Seen)> {
        // While changes are made, until the versions to end at are known.
        let mut cut = self.next_cut();
        loop {
            let frame = tokio::select! {
                frame = socket.receive() => Some(frame),
                () = sleep_until(cut) => None,
                told = end.wait_for(Option::is_some) => {
                    told?;
                    break;
                }
            };
            match frame {
                Some(frame) => self.take(&mut socket, frame).await?,
                None => {
                    cut = self.next_cut();
                    self.seen.cuts += 1;
                    // Dropped as it is, in the middle of whatever comes.
                    socket = self.connect().await?;
                }
            }
            if let Some(pause) = self.habit.pause {
                tokio::time::sleep(pause).await;
            }
        }
        let wanted = end.borrow().clone().unwrap_or_default();
        let rest = async {
            while self.behind(&wanted) > 0 {
                let frame = socket.receive().await;
                self.take(&mut socket, frame).await?;
            }
            Outcome::Ok(())
        };
        // What has not arrived by now is missed.
        let _ = tokio::time::timeout(PATIENCE, rest).await;
        self.seen.missed += self.behind(&wanted).unsigned_abs();
        Ok((self.states, self.seen))
    }

    fn next_cut(&mut self) -> Option<Instant> {
        let every = self.habit.cut_every?;
        Some(Instant::now() + every.mul_f64(self.random.random_range(0.0..2.0)))
    }

    fn behind(&self, wanted: &Versions) -> i64 {
        let behind = wanted.iter().map(|(id, version)| {
            let position = self
                .states
                .get(id)
                .and_then(|state| state.position.as_ref());
            (version - position.map_or(0, |(_, at)| *at)).max(0)
        });
        behind.sum()
    }

    /// A new connection, with every calendar asked for from where it was.
    async fn connect(&mut self) -> Outcome<Socket> {
        loop {
            let mut socket = self.site.socket(self.practice).await?;
            match self.subscribe_all(&mut socket).await {
                Ok(()) => return Ok(socket),
                // The server has been killed again.
                Err(_) => self.seen.breaks += 1,
            }
        }
    }

    async fn subscribe_all(&mut self, socket: &mut Socket) -> Result<(), Lost> {
        let ids: Vec<Uuid> = self.states.keys().copied().collect();
        for id in ids {
            self.subscribe(socket, id).await?;
        }
        Ok(())
    }

    /// Takes a frame, or the end of the connection: then there is a new one afterwards.
    async fn take(&mut self, socket: &mut Socket, frame: Result<Frame, Lost>) -> Outcome<()> {
        let taken = match frame {
            Ok(frame) => self.hear(socket, frame).await,
            Err(lost) => Err(lost),
        };
        if let Err(lost) = taken {
            if self.refused > REFUSED_MAX {
                return Err(lost.into());
            }
            self.seen.breaks += 1;
            *socket = self.connect().await?;
        }
        Ok(())
    }

    async fn subscribe(&mut self, socket: &mut Socket, id: Uuid) -> Result<(), Lost> {
        let (from, to) = diary::range(self.site.today);
        let mut frame = json!({
            "type": "subscribe",
            "calendar": id,
            "range": { "from": from, "to": to },
        });
        let Some(state) = self.states.get_mut(&id) else {
            return Ok(());
        };
        if let Some((epoch, version)) = &state.position {
            frame["since"] = json!({ "epoch": epoch, "version": version });
        }
        state.asked = Some(socket.say(frame).await?);
        Ok(())
    }

    async fn hear(&mut self, socket: &mut Socket, mut frame: Frame) -> Result<(), Lost> {
        let kind = std::mem::take(&mut frame.kind);
        let Some(id) = frame.calendar else {
            return match kind.as_str() {
                // The database is away: it comes back.
                "error" if frame.code == "busy" => {
                    tokio::time::sleep(BUSY_PAUSE).await;
                    Err(Lost("a subscription has to wait".to_owned()))
                }
                "error" => {
                    self.refused += 1;
                    Err(Lost(format!("a subscription is refused: {}", frame.code)))
                }
                _ => Ok(()),
            };
        };
        let Some(state) = self.states.get_mut(&id) else {
            return Ok(());
        };
        match kind.as_str() {
            "snapshot" => {
                state.asked = None;
                state.position = Some((frame.epoch, frame.version));
                state.entries = by_id(frame.entries);
                self.seen.snapshots += 1;
            }
            "resumed" => {
                state.asked = None;
                self.seen.resumed += 1;
            }
            "delta" if state.asked.is_none() && !state.apply(&mut frame, &mut self.seen) => {
                self.subscribe(socket, id).await?;
            }
            "reset" => {
                state.position = None;
                self.subscribe(socket, id).await?;
            }
            _ => {}
        }
        Ok(())
    }
}

impl State {
    /// The client's rule. `false` for a delta that does not continue what is here.
    fn apply(&mut self, delta: &mut Frame, seen: &mut Seen) -> bool {
        let Some((epoch, version)) = &mut self.position else {
            return false;
        };
        if delta.version <= *version && delta.epoch == *epoch {
            seen.repeated += 1;
            return true;
        }
        if delta.prev != *version || delta.epoch != *epoch {
            seen.missed += (delta.prev - *version).unsigned_abs().max(1);
            return false;
        }
        *version = delta.version;
        seen.deltas += 1;
        for op in std::mem::take(&mut delta.ops) {
            match op {
                Op::Put(entry) => self.entries.extend(by_id(vec![entry])),
                Op::Del(entry) => drop(self.entries.remove(&entry)),
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_is_applied_once_and_a_gap_is_told() {
        let delta = |prev, version, ops| -> Frame {
            let frame = json!({ "epoch": "e", "prev": prev, "version": version, "ops": ops });
            serde_json::from_value(frame).unwrap()
        };
        let put = |id: &str, start: u32| json!([{ "put": { "id": id, "start": start } }]);
        let mut state = State {
            position: Some(("e".to_owned(), 3)),
            ..State::default()
        };
        let mut seen = Seen::default();
        assert!(state.apply(&mut delta(3, 4, put("a", 1)), &mut seen));
        assert!(state.apply(&mut delta(3, 4, put("a", 9)), &mut seen));
        assert!(state.apply(&mut delta(4, 6, put("b", 2)), &mut seen));
        assert!(state.apply(&mut delta(6, 7, json!([{ "del": "a" }])), &mut seen));
        let found = (seen.deltas, seen.repeated, seen.missed);
        assert_eq!(found, (3, 1, 0));
        assert!(!state.apply(&mut delta(9, 10, put("c", 3)), &mut seen));
        assert_eq!((seen.deltas, seen.missed), (3, 2));
        assert_eq!(state.position, Some(("e".to_owned(), 7)));
        let ids: Vec<&str> = state.entries.keys().map(String::as_str).collect();
        assert_eq!(ids, ["b"]);
    }
}
