//! Two or three nodes over one database, with a Redis between them or without. Clients book through
//! all of them at once, in pairs for one slot, and give back through one what another books next.
//! Meanwhile, with `--faults`, everything that can fail does ([`faults`]). Measured: from the commit
//! on one node to a follower on another.

mod faults;
mod probe;
mod worker;

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use tokio::task::JoinSet;

pub use faults::Fault;

use crate::Outcome;
use crate::cluster::Cluster;
use crate::diary::Diary;
use crate::follower::{Followers, Habit, Seen};
use crate::ledger::Ledger;
use crate::measure::Meter;
use crate::postgres::Postgres;
use crate::redis::Redis;
use crate::report::Summary;
use crate::seed::{Practice, Size};
use crate::stage::Setup;
use probe::Probe;
use worker::{Play, Worker};

/// Practices that the clients work for; one more is the probe's.
const TENANTS: u64 = 4;
const DENTISTS: u64 = 2;
const PATIENTS: u64 = 20;

/// Whether there is a Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum YesNo {
    Yes,
    No,
}

/// How to play it.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Nodes
    #[arg(long, default_value_t = 2)]
    pub nodes: usize,
    /// Whether a Redis tells the nodes of each other's changes
    #[arg(long, value_enum, default_value = "yes")]
    pub redis: YesNo,
    /// Clients, each with a connection to every node
    #[arg(long, default_value_t = 8)]
    pub clients: u64,
    /// Bookings a second that the followers' latency is measured by, beside what the clients book
    #[arg(long, default_value_t = 20)]
    pub rate: u64,
    /// Seconds
    #[arg(long, default_value_t = 20)]
    pub seconds: u64,
    /// Kill and stop nodes, Redis and PostgreSQL meanwhile, over a PostgreSQL of its own
    #[arg(long)]
    pub faults: bool,
    /// Seconds for which a node is stopped
    #[arg(long, default_value_t = 12)]
    pub stopped: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            nodes: 2,
            redis: YesNo::Yes,
            clients: 8,
            rate: 20,
            seconds: 20,
            faults: false,
            stopped: 12,
        }
    }
}

/// What happened.
#[derive(Clone, Debug)]
pub struct Played {
    pub summary: Summary,
    /// Bookings that were acknowledged in the end.
    pub acknowledged: u64,
    /// Slots that two wanted at once: one got each.
    pub contested: u64,
    /// Slots that were given back through one node and booked through another.
    pub handed_over: u64,
    /// Faults, in the order in which they were made.
    pub faults: Vec<Fault>,
    pub seen: Seen,
}

/// Plays it; with [`Options::faults`], each of them once in an order that `seed` decides.
///
/// # Errors
/// When it cannot be played to its end.
pub async fn run(setup: &Setup, options: &Options, seed: u64) -> Outcome<Played> {
    let faults = match options.faults {
        true => faults::all(options.redis == YesNo::Yes, seed),
        false => Vec::new(),
    };
    play(setup, options, faults, seed).await
}

/// Plays it with those faults, one after the other.
///
/// # Errors
/// When it cannot be played to its end.
pub async fn play(
    setup: &Setup,
    options: &Options,
    planned: Vec<Fault>,
    seed: u64,
) -> Outcome<Played> {
    let size = Size {
        tenants: TENANTS + 1,
        dentists: DENTISTS,
        patients: PATIENTS,
    };
    let mut setup = setup.clone();
    // What is crashed here must not be anybody else's.
    let postgres = match planned.is_empty() {
        true => None,
        // Little of what was not committed is written out: a crash loses it.
        false => Some(Postgres::start("wal_writer_delay=10000ms").await?),
    };
    if let Some(postgres) = &postgres {
        setup.database_url.clone_from(&postgres.url);
    }
    let redis = match options.redis {
        YesNo::Yes => Some(Redis::start().await?),
        YesNo::No => None,
    };
    if let Some(redis) = &redis {
        setup
            .environment
            .push(("REDIS_URL".to_owned(), redis.url()));
    }
    let nodes = options.nodes.clamp(2, 8);
    let cluster = Cluster::raise(&setup, size, nodes, !planned.is_empty()).await?;

    let mut followers = Vec::new();
    for node in &cluster.nodes {
        let all = (0..size.tenants).map(|number| (size.practice(number), Habit::default()));
        followers.push(Followers::with_habits(&node.site, all).await?);
    }
    let meter = Meter::new(Instant::now())?;
    let play = Arc::new(Play::new(&cluster, meter, Ledger::default()));
    let diaries: Vec<Arc<Diary>> = (0..TENANTS)
        .map(|number| Arc::new(cluster.nodes[0].site.diary(size.practice(number))))
        .collect();
    let probe = Probe::start(&cluster, size.practice(TENANTS), options.rate).await?;
    let mut working = JoinSet::new();
    for number in 0..options.clients.max(1) {
        let tenant = number % TENANTS;
        let practice: Practice = size.practice(tenant);
        let diary = Arc::clone(&diaries[usize::try_from(tenant)?]);
        let worker = Worker::new(Arc::clone(&play), practice, seed.wrapping_add(number));
        working.spawn(worker.run(diary));
    }

    let mut stand = faults::Stand {
        cluster,
        postgres,
        redis,
        stopped: Duration::from_secs(options.stopped),
    };
    let pause = Duration::from_secs(options.seconds) / u32::try_from(planned.len() + 1)?;
    let made = faults::make(&mut stand, &planned, pause, &mut working).await;
    play.end();
    let probed = probe.end(&play.ledger).await?;
    while let Some(done) = working.join_next().await {
        done??;
    }
    made?;

    let versions = stand.cluster.versions().await?;
    let mut seen = Seen::default();
    for follower in followers {
        seen.add(follower.finish_at(&versions).await?);
    }
    let mut counts = play.counts();
    let bus = stand.bus().await?;
    // The Postgres, and the Redis, go after the nodes.
    let faults::Stand {
        cluster, postgres, ..
    } = stand;
    let verdict = cluster.close(&play.ledger, seen.missed).await?;
    drop(postgres);
    counts.extend(probed);
    counts.extend(bus);
    counts.extend([
        ("deltas to followers", seen.deltas as f64),
        ("follower connections broken", seen.breaks as f64),
        ("subscriptions resumed", seen.resumed as f64),
    ]);
    let setting = format!(
        "{nodes} nodes, {} Redis, {} clients, faults {planned:?}, seed {seed}",
        match options.redis {
            YesNo::Yes => "with",
            YesNo::No => "without",
        },
        options.clients,
    );
    Ok(Played {
        summary: Summary::new("nodes", setting, play.meter.totals(), counts, verdict),
        acknowledged: play.ledger.bookings() as u64,
        contested: play.contested(),
        handed_over: play.handed_over(),
        faults: planned,
        seen,
    })
}
