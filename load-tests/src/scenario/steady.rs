//! Many practices book, each client a free slot after the other: how many bookings a second, and
//! how long one takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::task::JoinSet;

use crate::Outcome;
use crate::client::{Answer, Client, Command, Protocol};
use crate::diary::Diary;
use crate::follower::Followers;
use crate::ledger::Ledger;
use crate::measure::Meter;
use crate::pace::{Pace, Rate};
use crate::report::Summary;
use crate::seed::{Practice, Size};
use crate::stage::{Setup, Site, Stage};

/// Between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(1);

/// How to play it.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Connections, each with one command at a time
    #[arg(long, default_value_t = 64)]
    pub clients: u64,
    /// Practices. Client n works for practice n, then again from the first: to book in all of them
    /// there must be as many clients
    #[arg(long, default_value_t = 50)]
    pub tenants: u64,
    /// Dentists, and operatories, of each practice
    #[arg(long, default_value_t = 2)]
    pub dentists: u64,
    /// Seconds that are measured
    #[arg(long, default_value_t = 15)]
    pub seconds: u64,
    /// Seconds before, that are not
    #[arg(long, default_value_t = 2)]
    pub warm_up: u64,
    /// `max`, or commands a second at random times, whatever the answers
    #[arg(long, default_value = "max")]
    pub rate: Rate,
    /// Over REST instead of WebSocket
    #[arg(long)]
    pub rest: bool,
    /// Give every booking an idempotency key
    #[arg(long)]
    pub keys: bool,
    /// Practices that somebody follows meanwhile, all their calendars
    #[arg(long, default_value_t = 4)]
    pub followers: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clients: 64,
            tenants: 50,
            dentists: 2,
            seconds: 15,
            warm_up: 2,
            rate: Rate::Max,
            rest: false,
            keys: false,
            followers: 4,
        }
    }
}

/// Patients of each practice.
const PATIENTS: u64 = 20;

struct Play {
    site: Arc<Site>,
    pace: Pace,
    meter: Meter,
    ledger: Ledger,
    keys: bool,
}

/// Plays it.
///
/// # Errors
/// When it cannot be played to its end.
pub async fn run(setup: &Setup, options: &Options, seed: u64) -> Outcome<Summary> {
    let size = Size {
        tenants: options.tenants.max(1),
        dentists: options.dentists.max(1),
        patients: PATIENTS,
    };
    let clients = options.clients.max(1);
    let protocol = match options.rest {
        true => Protocol::Rest,
        false => Protocol::Socket,
    };
    let stage = Stage::raise(setup, size).await?;
    let ready_after = stage.ready_after;
    let site = Arc::clone(&stage.site);
    let practices: Vec<Practice> = (0..size.tenants).map(|n| size.practice(n)).collect();
    let followed = practices.iter().copied().take(count(options.followers));
    let followers = Followers::start(&site, followed).await?;
    let diaries: Vec<Arc<Diary>> = practices.iter().map(|p| Arc::new(site.diary(*p))).collect();
    let mut connected = Vec::new();
    for number in 0..clients {
        let place = count(number % size.tenants);
        let client = site.client(protocol, practices[place]).await?;
        connected.push((client, practices[place], Arc::clone(&diaries[place])));
    }

    let began = Instant::now();
    let from = began + Duration::from_secs(options.warm_up);
    let until = from + Duration::from_secs(options.seconds);
    let play = Arc::new(Play {
        site: Arc::clone(&site),
        pace: Pace::new(options.rate, until, seed),
        meter: Meter::new(from)?,
        ledger: Ledger::default(),
        keys: options.keys,
    });
    let mut working = JoinSet::new();
    for (client, practice, diary) in connected {
        working.spawn(work(Arc::clone(&play), protocol, client, practice, diary));
    }
    let progress = tokio::spawn(tell_progress(Arc::clone(&play), began));
    while let Some(done) = working.join_next().await {
        done??;
    }
    progress.abort();
    play.meter.not_sent(play.pace.left());

    let seen = followers.finish().await?;
    let verdict = stage.close(&play.ledger, seen.missed).await?;
    let keys = if options.keys { ", with keys" } else { "" };
    let setting = format!(
        "{protocol}, {clients} clients, {} practices, {}{keys}",
        size.tenants, options.rate
    );
    let facts = [
        ("server ready after, ms", ready_after.as_millis() as f64),
        ("deltas to followers", seen.deltas as f64),
        ("deltas told again", seen.repeated as f64),
    ];
    let totals = play.meter.totals();
    Ok(Summary::new("steady", setting, totals, facts, verdict))
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

async fn work(
    play: Arc<Play>,
    protocol: Protocol,
    mut client: Client,
    practice: Practice,
    diary: Arc<Diary>,
) -> Outcome<()> {
    loop {
        let due = tokio::select! {
            biased;
            due = play.pace.next() => due,
            _ = client.idle() => {
                client = play.site.client(protocol, practice).await?;
                continue;
            }
        };
        let Some(due) = due else { return Ok(()) };
        let Some(booking) = diary.next() else {
            eprintln!("a practice is full: play with more tenants, or for fewer seconds");
            return Ok(());
        };
        let key = play.keys.then(|| uuid::Uuid::new_v4().to_string());
        let command = Command::Book(booking.clone());
        let answer = client.give(&command, key.as_deref()).await;
        play.meter.record(due, &answer);
        match answer {
            Answer::Done { appointment, .. } => play.ledger.booked(appointment, &booking),
            Answer::Refused { code } if code == "outcome_unknown" => {
                play.ledger.unanswered(&booking);
            }
            Answer::Refused { .. } => {}
            Answer::Lost(_) => {
                play.ledger.unanswered(&booking);
                client = play.site.client(protocol, practice).await?;
            }
        }
    }
}

async fn tell_progress(play: Arc<Play>, began: Instant) {
    let mut tick = tokio::time::interval(PROGRESS);
    let mut last = began;
    tick.tick().await;
    loop {
        tick.tick().await;
        let now = Instant::now();
        eprintln!("{}", play.meter.progress(now - began, now - last));
        last = now;
    }
}
