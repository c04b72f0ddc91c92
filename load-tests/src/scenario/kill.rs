//! `kill -9` of the server in the middle of many bookings, and a restart. Clients repeat what was not
//! answered with the same keys; followers resume where they were. Afterwards everything that was
//! acknowledged is there, once, and the followers have seen every version.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::Outcome;
use crate::client::{Answer, Client, Command, Protocol};
use crate::diary::Diary;
use crate::follower::{Followers, Habit, Seen};
use crate::ledger::Ledger;
use crate::measure::Meter;
use crate::report::Summary;
use crate::seed::{Practice, Size};
use crate::stage::{Setup, Site, Stage};

/// Practices that the clients work for.
const TENANTS: u64 = 8;
const DENTISTS: u64 = 2;
const PATIENTS: u64 = 20;
/// Every so many bookings are followed by a change of notes: a command that, taking effect twice,
/// shows in the appointment's version.
const NOTE_EVERY: u64 = 4;
/// How often a command is repeated before something is wrong.
const TRIES: u32 = 50;
/// Before a command that the server was too busy for is repeated.
const PAUSE: Duration = Duration::from_millis(50);

/// How to play it.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Bookings in all
    #[arg(long, default_value_t = 2000)]
    pub bookings: u64,
    /// Clients, every second one over REST
    #[arg(long, default_value_t = 32)]
    pub clients: u64,
    /// How often the server is killed
    #[arg(long, default_value_t = 3)]
    pub kills: u64,
    /// Practices that somebody follows, all their calendars
    #[arg(long, default_value_t = 3)]
    pub followers: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bookings: 2000,
            clients: 32,
            kills: 3,
            followers: 3,
        }
    }
}

/// What happened.
#[derive(Clone, Debug)]
pub struct Played {
    pub summary: Summary,
    /// Bookings that were acknowledged in the end.
    pub acknowledged: u64,
    /// Acknowledged commands at each kill.
    pub killed_at: Vec<u64>,
    /// Answers that did not come, because of the kill.
    pub unanswered: u64,
    /// Commands among them that had taken effect: their repetition got the first answer.
    pub replayed: u64,
    pub seen: Seen,
}

struct Play {
    site: Arc<Site>,
    meter: Meter,
    ledger: Ledger,
    acknowledged: AtomicU64,
    /// Counts of acknowledged commands at which the server is killed.
    kill_at: Vec<u64>,
    /// One permit for each kill that is due.
    due: Semaphore,
    unanswered: AtomicU64,
    replayed: AtomicU64,
}

/// What is played, by this scenario and by `faults`.
#[derive(Clone, Debug)]
pub struct Plan {
    pub name: &'static str,
    pub size: Size,
    pub bookings: u64,
    pub clients: u64,
    pub kills: u64,
    pub followers: Vec<(Practice, Habit)>,
    /// Between two bookings of a client.
    pub pause: Option<Duration>,
}

/// Plays it.
///
/// # Errors
/// When it cannot be played to its end.
pub async fn run(setup: &Setup, options: &Options, seed: u64) -> Outcome<Played> {
    let size = Size {
        tenants: TENANTS,
        dentists: DENTISTS,
        patients: PATIENTS,
    };
    let followed =
        (0..options.followers.min(TENANTS)).map(|n| (size.practice(n), Habit::default()));
    let plan = Plan {
        name: "kill",
        size,
        bookings: options.bookings,
        clients: options.clients,
        kills: options.kills,
        followers: followed.collect(),
        pause: None,
    };
    play(setup, plan, seed).await
}

/// Plays a plan.
///
/// # Errors
/// When it cannot be played to its end.
pub async fn play(setup: &Setup, plan: Plan, seed: u64) -> Outcome<Played> {
    let size = plan.size;
    let clients = plan.clients.max(1);
    let bookings = plan.bookings.clamp(8, Diary::capacity(size.dentists));
    let mut stage = Stage::raise(setup, size).await?;
    let site = Arc::clone(&stage.site);
    let watching = plan.followers.len();
    let followers = Followers::with_habits(&site, plan.followers).await?;
    let play = Arc::new(Play {
        site: Arc::clone(&site),
        meter: Meter::new(Instant::now())?,
        ledger: Ledger::default(),
        acknowledged: AtomicU64::new(0),
        kill_at: moments(plan.kills.clamp(1, bookings / 4), bookings, seed),
        due: Semaphore::new(0),
        unanswered: AtomicU64::new(0),
        replayed: AtomicU64::new(0),
    });
    let diaries: Vec<Arc<Diary>> = (0..size.tenants)
        .map(|n| Arc::new(site.diary(size.practice(n))))
        .collect();
    let mut working = JoinSet::new();
    for number in 0..clients {
        let tenant = number % size.tenants;
        let worker = Worker {
            play: Arc::clone(&play),
            protocol: match number / size.tenants % 2 {
                0 => Protocol::Socket,
                _ => Protocol::Rest,
            },
            practice: size.practice(tenant),
            client: None,
            pause: plan.pause,
        };
        let share = bookings / clients + u64::from(number < bookings % clients);
        let diary = Arc::clone(&diaries[usize::try_from(tenant)?]);
        working.spawn(worker.run(diary, share));
    }

    let mut killed_at = Vec::new();
    let mut ready_after = Duration::ZERO;
    for _ in &play.kill_at {
        loop {
            tokio::select! {
                biased;
                due = play.due.acquire() => {
                    due?.forget();
                    break;
                }
                done = working.join_next() => {
                    done.ok_or("nobody was left when the server was to be killed")???;
                }
            }
        }
        killed_at.push(play.acknowledged.load(Ordering::Acquire));
        stage.kill().await?;
        ready_after = ready_after.max(stage.restart().await?);
    }
    while let Some(done) = working.join_next().await {
        done??;
    }

    let seen = followers.finish().await?;
    let verdict = stage.close(&play.ledger, seen.missed).await?;
    let unanswered = play.unanswered.load(Ordering::Acquire);
    let replayed = play.replayed.load(Ordering::Acquire);
    let facts = [
        (
            "restart to ready, slowest, ms",
            ready_after.as_millis() as f64,
        ),
        ("left unanswered by the kills", unanswered as f64),
        ("  of these, had taken effect", replayed as f64),
        ("bookings acknowledged", play.ledger.bookings() as f64),
        ("deltas to followers", seen.deltas as f64),
        ("follower connections broken", seen.breaks as f64),
        ("connections cut on purpose", seen.cuts as f64),
        ("subscriptions resumed", seen.resumed as f64),
        ("subscriptions from a state", seen.snapshots as f64),
        ("versions told again, and dropped", seen.repeated as f64),
    ];
    let setting = format!(
        "{bookings} bookings, {clients} clients, {watching} followers, kill -9 after {killed_at:?}, \
         seed {seed}"
    );
    let summary = Summary::new(plan.name, setting, play.meter.totals(), facts, verdict);
    Ok(Played {
        summary,
        acknowledged: play.ledger.bookings() as u64,
        killed_at,
        unanswered,
        replayed,
        seen,
    })
}

/// When to kill: one moment in each of as many equal parts, the last of which leaves something to do
/// after it.
fn moments(kills: u64, bookings: u64, seed: u64) -> Vec<u64> {
    let mut random = StdRng::seed_from_u64(seed);
    let part = bookings / (kills + 1);
    (0..kills)
        .map(|kill| kill * part + random.random_range(part / 2..=part))
        .collect()
}

/// A client that does not give up.
struct Worker {
    play: Arc<Play>,
    protocol: Protocol,
    practice: Practice,
    client: Option<Client>,
    pause: Option<Duration>,
}

impl Worker {
    async fn run(mut self, diary: Arc<Diary>, bookings: u64) -> Outcome<()> {
        for number in 0..bookings {
            if let Some(pause) = self.pause {
                tokio::time::sleep(pause).await;
            }
            let booking = diary.next().ok_or("all slots are booked")?;
            let command = Command::Book(booking.clone());
            let Some((appointment, _)) = self.insist(&command).await? else {
                self.play.ledger.unanswered(&booking);
                continue;
            };
            self.play.ledger.booked(appointment, &booking);
            self.acknowledged();
            if number % NOTE_EVERY == 0 {
                let command = Command::Note {
                    appointment,
                    text: format!("note {number}"),
                };
                if let Some((_, version)) = self.insist(&command).await? {
                    self.play.ledger.changed(appointment, version);
                    self.acknowledged();
                }
            }
        }
        Ok(())
    }

    fn acknowledged(&self) {
        let count = self.play.acknowledged.fetch_add(1, Ordering::AcqRel) + 1;
        if self.play.kill_at.contains(&count) {
            self.play.due.add_permits(1);
        }
    }

    /// Gives a command until it is answered, always with the same key; `None` when it is refused,
    /// which is a fault here.
    async fn insist(&mut self, command: &Command) -> Outcome<Option<(Uuid, i64)>> {
        let key = Uuid::new_v4().to_string();
        let due = Instant::now();
        let mut lost = false;
        for _ in 0..TRIES {
            let client = match &mut self.client {
                Some(client) => client,
                none => none.insert(self.play.site.client(self.protocol, self.practice).await?),
            };
            let answer = client.give(command, Some(&key)).await;
            match &answer {
                Answer::Done {
                    appointment,
                    version,
                    replay,
                } => {
                    self.play.meter.record(due, &answer);
                    self.play
                        .replayed
                        .fetch_add(u64::from(*replay), Ordering::AcqRel);
                    if *replay && !lost {
                        let text = format!("replayed, never sent before: {command:?}");
                        self.play.ledger.fault(text);
                    }
                    return Ok(Some((*appointment, *version)));
                }
                Answer::Lost(_) => {
                    lost = true;
                    self.client = None;
                    self.play.unanswered.fetch_add(1, Ordering::AcqRel);
                }
                Answer::Refused { .. } if answer.may_retry() => {
                    lost = true;
                    self.play.meter.record(due, &answer);
                    tokio::time::sleep(PAUSE).await;
                }
                Answer::Refused { code } => {
                    // After a lost answer: it took effect, and its key is not remembered.
                    let text = format!("{code}, {lost} that it was sent before: {command:?}");
                    self.play.ledger.fault(text);
                    return Ok(None);
                }
            }
        }
        Err(format!("never answered: {command:?}").into())
    }
}
