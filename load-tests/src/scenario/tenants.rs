//! As many practices as a region has: do booking and searching stay as fast as with ten? Two servers
//! over two databases, one with few practices and one with many, are driven in turns by the same
//! clients, so that whatever else the machine does meets both.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use clap::Args;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;

use crate::Outcome;
use crate::client::{Answer, Client, Command, Rest};
use crate::diary::{Diary, opening};
use crate::ledger::Ledger;
use crate::measure::{Meter, Totals};
use crate::report::Summary;
use crate::seed::{Practice, Size};
use crate::stage::{Setup, Stage};
use crate::verdict::Verdict;

/// How to play it.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Practices of the large database
    #[arg(long, default_value_t = 10_000)]
    pub tenants: u64,
    /// Practices of the small one
    #[arg(long, default_value_t = 10)]
    pub few: u64,
    /// Dentists, and operatories, of each practice
    #[arg(long, default_value_t = 2)]
    pub dentists: u64,
    /// Connections, each with one command or search at a time, over all practices
    #[arg(long, default_value_t = 32)]
    pub clients: u64,
    /// Turns of each database with bookings, and as many with searches
    #[arg(long, default_value_t = 4)]
    pub turns: u64,
    /// Seconds of a turn
    #[arg(long, default_value_t = 5)]
    pub seconds: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tenants: 2_000,
            few: 10,
            dentists: 2,
            clients: 32,
            turns: 2,
            seconds: 3,
        }
    }
}

/// Patients of each of the many practices. The few have as many in all: what differs is the number
/// of practices, not how often somebody is booked for the first time.
const PATIENTS: u64 = 4;
/// The days that are searched: a month beyond what is booked, so that both sides find something.
const SEARCHED: std::ops::Range<u64> = 250..278;
/// Those of the first searches: a fortnight of opening hours is worked out at a time.
const SEARCHED_FIRST: [u64; 3] = [250, 264, 277];

/// What the clients do in a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Book,
    Search,
}

/// One of the two, with what is known of it.
struct Side {
    stage: Stage,
    size: Size,
    diaries: Arc<Vec<Diary>>,
    ledger: Arc<Ledger>,
    booking: Sum,
    searching: Sum,
    /// Seconds that the first searches in every practice took, all together.
    first_searches: f64,
}

/// Turns together.
#[derive(Clone, Debug, Default)]
struct Sum {
    done: u64,
    seconds: f64,
    /// Of every turn, in milliseconds.
    p50: Vec<f64>,
    p99: Vec<f64>,
    last: Option<Totals>,
}

impl Sum {
    fn add(&mut self, totals: Totals) {
        self.done += totals.done;
        self.seconds += totals.seconds;
        self.p50.push(totals.latency.p50);
        self.p99.push(totals.latency.p99);
        self.last = Some(totals);
    }

    fn per_second(&self) -> f64 {
        self.done as f64 / self.seconds.max(f64::EPSILON)
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Plays it: a summary of each side, the many first, which has the ratios.
///
/// # Errors
/// When it cannot be played to its end.
pub async fn run(setup: &Setup, options: &Options, seed: u64) -> Outcome<Vec<Summary>> {
    let side = async |tenants: u64| {
        let size = Size {
            tenants: tenants.max(1),
            dentists: options.dentists.max(1),
            patients: (PATIENTS * options.tenants / tenants.max(1)).max(1),
        };
        let stage = Stage::raise(setup, size).await?;
        let practices = (0..size.tenants).map(|number| size.practice(number));
        let diaries = practices
            .map(|practice| stage.site.diary(practice))
            .collect();
        Outcome::Ok(Side {
            stage,
            size,
            diaries: Arc::new(diaries),
            ledger: Arc::new(Ledger::default()),
            booking: Sum::default(),
            searching: Sum::default(),
            first_searches: 0.0,
        })
    };
    let mut few = side(options.few).await?;
    let mut many = side(options.tenants).await?;
    for side in [&mut few, &mut many] {
        side.first_searches = side.search_everywhere(options.clients).await?;
        side.turn(Work::Book, options, seed).await?;
        side.stage.analyse().await?;
    }
    for turn in 0..options.turns.max(1) {
        for work in [Work::Book, Work::Search] {
            // Who begins alternates too.
            let order = match turn % 2 {
                0 => [&mut few, &mut many],
                _ => [&mut many, &mut few],
            };
            for side in order {
                let seed = seed.wrapping_add(turn * 2 + u64::from(work == Work::Search));
                let totals = side.turn(work, options, seed).await?;
                side.tell(work, &totals);
                match work {
                    Work::Book => side.booking.add(totals),
                    Work::Search => side.searching.add(totals),
                }
            }
        }
    }
    let ratios = [
        (
            "booking, many to few, ratio",
            many.booking.per_second() / few.booking.per_second().max(f64::EPSILON),
        ),
        (
            "searching, many to few, ratio",
            many.searching.per_second() / few.searching.per_second().max(f64::EPSILON),
        ),
    ];
    let few = few.close(options, &[]).await?;
    let many = many.close(options, &ratios).await?;
    Ok(vec![few, many])
}

impl Side {
    /// The first searches in every practice: what a start has not prepared is paid here.
    async fn search_everywhere(&self, clients: u64) -> Outcome<f64> {
        let began = Instant::now();
        let mut working = JoinSet::new();
        for client in 0..clients.max(1) {
            let (site, size) = (Arc::clone(&self.stage.site), self.size);
            working.spawn(async move {
                for number in (client..size.tenants).step_by(usize::try_from(clients.max(1))?) {
                    let practice = size.practice(number);
                    let reader = site.reader(practice)?;
                    for day in SEARCHED_FIRST {
                        search(&reader, practice, day).await?;
                    }
                }
                Outcome::Ok(())
            });
        }
        while let Some(done) = working.join_next().await {
            done??;
        }
        Ok(began.elapsed().as_secs_f64())
    }

    /// All clients work for a while, each command in a practice that chance picks.
    async fn turn(&self, work: Work, options: &Options, seed: u64) -> Outcome<Totals> {
        let clients = options.clients.max(1);
        let began = Instant::now();
        let until = began + Duration::from_secs(options.seconds.max(1));
        let meter = Arc::new(Meter::new(began)?);
        let mut working = JoinSet::new();
        for number in 0..clients {
            let random = StdRng::seed_from_u64(seed.wrapping_mul(clients).wrapping_add(number));
            let player = Player {
                site: Arc::clone(&self.stage.site),
                size: self.size,
                diaries: Arc::clone(&self.diaries),
                ledger: Arc::clone(&self.ledger),
                meter: Arc::clone(&meter),
                random,
                until,
            };
            working.spawn(player.play(work));
        }
        while let Some(done) = working.join_next().await {
            done??;
        }
        Ok(meter.totals())
    }

    fn tell(&self, work: Work, totals: &Totals) {
        let per_second = totals.done as f64 / totals.seconds.max(f64::EPSILON);
        eprintln!(
            "{:>6} practices  {:<8} {per_second:>7.0}/s  p50 {:>6.2} ms  p99 {:>6.2} ms  errors {}",
            self.size.tenants,
            format!("{work:?}").to_lowercase(),
            totals.latency.p50,
            totals.latency.p99,
            totals.errors.values().sum::<u64>(),
        );
    }

    async fn close(self, options: &Options, ratios: &[(&'static str, f64)]) -> Outcome<Summary> {
        let ready_after = self.stage.ready_after;
        let memory = self.stage.resident_kib()? / 1024.0;
        let verdict: Verdict = self.stage.close(&self.ledger, 0).await?;
        let setting = format!(
            "{} practices, {} clients over REST, {} turns of {} s",
            self.size.tenants, options.clients, options.turns, options.seconds
        );
        let totals = Totals {
            done: self.booking.done,
            seconds: self.booking.seconds,
            ..self.booking.last.unwrap_or_default()
        };
        let facts = [
            ("server ready after, ms", ready_after.as_millis() as f64),
            ("server's memory at the end, MiB", memory),
            ("first searches everywhere, s", self.first_searches),
            ("booking, p50 of turns, ms", median(&self.booking.p50)),
            ("booking, p99 of turns, ms", median(&self.booking.p99)),
            ("searches a second", self.searching.per_second()),
            ("searching, p50 of turns, ms", median(&self.searching.p50)),
            ("searching, p99 of turns, ms", median(&self.searching.p99)),
        ];
        let facts = facts.into_iter().chain(ratios.iter().copied());
        Ok(Summary::new("tenants", setting, totals, facts, verdict))
    }
}

/// One client of a turn.
struct Player {
    site: Arc<crate::stage::Site>,
    size: Size,
    diaries: Arc<Vec<Diary>>,
    ledger: Arc<Ledger>,
    meter: Arc<Meter>,
    random: StdRng,
    until: Instant,
}

impl Player {
    async fn play(mut self, work: Work) -> Outcome<()> {
        // One connection for all practices: a token per request, as behind a proxy.
        let mut rest = self.site.reader(self.size.practice(0))?;
        while Instant::now() < self.until {
            let number = self.random.random_range(0..self.size.tenants);
            let practice = self.size.practice(number);
            rest = rest.speak_for(&self.site.token(practice)?);
            let due = Instant::now();
            match work {
                Work::Search => {
                    let day = self.random.random_range(SEARCHED);
                    search(&rest, practice, day).await?;
                    self.meter.record(due, &found());
                }
                Work::Book => {
                    let diary = self.diaries.get(usize::try_from(number)?);
                    let Some(booking) = diary.and_then(Diary::next) else {
                        return Err("a practice is full: play with more tenants".into());
                    };
                    let command = Command::Book(booking.clone());
                    let mut client = Client::Rest(rest);
                    let answer = client.give(&command, None).await;
                    self.meter.record(due, &answer);
                    match answer {
                        Answer::Done { appointment, .. } => {
                            self.ledger.booked(appointment, &booking);
                        }
                        Answer::Refused { code } if code != "outcome_unknown" => {}
                        Answer::Refused { .. } | Answer::Lost(_) => {
                            self.ledger.unanswered(&booking);
                        }
                    }
                    rest = match client {
                        Client::Rest(rest) => rest,
                        Client::Socket(_) => return Err("a socket was not asked for".into()),
                    };
                }
            }
        }
        Ok(())
    }
}

/// A search counts as done; it changes nothing.
fn found() -> Answer {
    Answer::Done {
        appointment: uuid::Uuid::nil(),
        version: 0,
        replay: false,
    }
}

/// The free starts of one day for the short treatment, by any dentist in any operatory.
async fn search(rest: &Rest, practice: Practice, day: u64) -> Outcome<()> {
    let from = opening(Utc::now(), day);
    let time = |at: chrono::DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let path = format!(
        "/availability?treatment={}&from={}&to={}&limit=20",
        practice.short(),
        time(from),
        time(from + TimeDelta::days(1)),
    );
    let answer = rest.get(&path).await?;
    match answer["slots"]
        .as_array()
        .is_some_and(|slots| !slots.is_empty())
    {
        true => Ok(()),
        false => Err("a search found nothing free".into()),
    }
}
