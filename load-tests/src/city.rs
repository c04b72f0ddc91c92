//! A city of practices with people at their front desks: raised, warmed up, lived in, audited.

pub mod deed;
mod person;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::task::JoinSet;

use crate::Outcome;
use crate::client::Protocol;
use crate::diary::Diary;
use crate::follower::{Followers, Seen};
use crate::ledger::Ledger;
use crate::measure::{Meter, Totals};
use crate::pace::{Pace, Rate};
use crate::report::{Fact, Summary};
use crate::scenario::load::{Load, Swarm};
use crate::seed::Practice;
use crate::stage::{Setup, Site, Stage};
use crate::verdict::Verdict;
use deed::Mix;
use person::Person;

/// How a city lives.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    pub swarm: &'a Swarm,
    pub load: &'a Load,
    pub mix: Mix,
    pub rate: Rate,
    /// How long, after the warm-up.
    pub length: Duration,
    /// Visits that one client has at most: with as many it gives one back before the next.
    pub visits_max: usize,
}

/// What its people share.
struct Life {
    site: Arc<Site>,
    pace: Pace,
    meter: Meter,
    ledger: Ledger,
    mix: Mix,
    keys: bool,
    visits_max: usize,
    /// Visits that are booked and not cancelled, where people remember them.
    standing: AtomicI64,
}

/// A city in which people live.
pub struct City {
    pub stage: Stage,
    life: Arc<Life>,
    followers: Followers,
    working: JoinSet<Outcome<()>>,
    /// Since when it is measured.
    from: Instant,
}

/// What came of it.
#[derive(Debug)]
pub struct Lived {
    pub totals: Totals,
    pub ready_after: Duration,
    pub seen: Seen,
    pub verdict: Verdict,
}

impl Lived {
    /// As a scenario's result, with facts of its own.
    #[must_use]
    pub fn summary(
        self,
        scenario: &'static str,
        setting: String,
        own: impl IntoIterator<Item = Fact>,
    ) -> Summary {
        let facts = [(
            "server ready after, ms",
            self.ready_after.as_millis() as f64,
        )];
        let deltas = [
            ("deltas to followers", self.seen.deltas as f64),
            ("deltas told again", self.seen.repeated as f64),
        ];
        let facts = facts.into_iter().chain(own).chain(deltas);
        Summary::new(scenario, setting, self.totals, facts, self.verdict)
    }
}

impl std::fmt::Debug for City {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("City").field("stage", &self.stage).finish()
    }
}

impl std::fmt::Display for Plan<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            swarm, load, rate, ..
        } = self;
        let (protocol, practices) = (protocol(swarm), load.size().tenants);
        let mix = match self.mix {
            Mix::Day => "",
            Mix::Bookings => "bookings alone, ",
        };
        let keys = if swarm.keys { ", with keys" } else { "" };
        let clients = swarm.clients.max(1);
        write!(
            f,
            "{mix}{protocol}, {clients} clients, {practices} practices, {rate}{keys}"
        )
    }
}

fn protocol(swarm: &Swarm) -> Protocol {
    match swarm.rest {
        true => Protocol::Rest,
        false => Protocol::Socket,
    }
}

impl City {
    /// Raises it, and lets people begin; returns when the warm-up is over.
    ///
    /// # Errors
    /// When any of it fails.
    pub async fn open(setup: &Setup, plan: &Plan<'_>, seed: u64) -> Outcome<Self> {
        let size = plan.load.size();
        let stage = Stage::raise(setup, size).await?;
        let site = Arc::clone(&stage.site);
        let practices: Vec<Practice> = (0..size.tenants).map(|n| size.practice(n)).collect();
        let watched = usize::try_from(plan.swarm.followers)?;
        let followers = Followers::start(&site, practices.iter().copied().take(watched)).await?;
        let diaries: Vec<Arc<Diary>> = practices.iter().map(|p| Arc::new(site.diary(*p))).collect();
        let protocol = protocol(plan.swarm);
        let mut connected = Vec::new();
        for (practice, diary) in (practices.iter().zip(&diaries).cycle())
            .take(usize::try_from(plan.swarm.clients.max(1))?)
        {
            let client = site.client(protocol, *practice).await?;
            connected.push((client, *practice, Arc::clone(diary)));
        }

        let from = Instant::now() + Duration::from_secs(plan.load.warm_up);
        let life = Arc::new(Life {
            site,
            pace: Pace::new(plan.rate, from + plan.length, seed),
            meter: Meter::new(from)?,
            ledger: Ledger::default(),
            mix: plan.mix,
            keys: plan.swarm.keys,
            visits_max: plan.visits_max,
            standing: AtomicI64::new(0),
        });
        let mut working = JoinSet::new();
        for (number, (client, practice, diary)) in connected.into_iter().enumerate() {
            let person = Person {
                life: Arc::clone(&life),
                protocol,
                client,
                practice,
                diary,
                random: StdRng::seed_from_u64(seed.wrapping_add(1 + number as u64)),
                visits: Vec::new(),
            };
            working.spawn(person.live());
        }
        if plan.load.warm_up > 0 {
            tokio::time::sleep(Duration::from_secs(plan.load.warm_up) / 2).await;
            stage.analyse().await?;
            tokio::time::sleep_until(from.into()).await;
        }
        Ok(Self {
            stage,
            life,
            followers,
            working,
            from,
        })
    }

    /// Visits that are booked and not cancelled.
    #[must_use]
    pub fn standing(&self) -> i64 {
        self.life.standing.load(Ordering::Relaxed)
    }

    /// Until nobody has anything to do any more. Tells how it goes, and what `more` has to say, after
    /// each interval.
    ///
    /// # Errors
    /// When one of its people cannot go on, or `more` fails.
    pub async fn live(
        &mut self,
        every: Duration,
        mut more: impl FnMut(&Self) -> Outcome<String>,
    ) -> Outcome<()> {
        let mut last = self.from;
        let mut tick = tokio::time::interval_at((last + every).into(), every);
        loop {
            tokio::select! {
                _ = tick.tick() => {
                    let now = Instant::now();
                    let line = self.life.meter.progress(now - self.from, now - last);
                    eprintln!("{line}{}", more(self)?);
                    last = now;
                }
                done = self.working.join_next() => match done {
                    Some(done) => done??,
                    None => return Ok(()),
                },
            }
        }
    }

    /// Stops the server, and audits.
    ///
    /// # Errors
    /// When a follower cannot go on, the server does not stop, or the database cannot be read.
    pub async fn close(self) -> Outcome<Lived> {
        let Self {
            stage,
            life,
            followers,
            ..
        } = self;
        life.meter.not_sent(life.pace.left());
        let seen = followers.finish().await?;
        let ready_after = stage.ready_after;
        let verdict = stage.close(&life.ledger, seen.missed).await?;
        Ok(Lived {
            totals: life.meter.totals(),
            ready_after,
            seen,
            verdict,
        })
    }
}
