//! Searches over REST beside a static answer of the same size from the same server: is it HTTP that
//! limits them, or the search?

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use clap::Args;
use tokio::task::JoinSet;

use crate::Outcome;
use crate::diary::opening;
use crate::ledger::Ledger;
use crate::measure::{Latency, Spread, Totals};
use crate::plain::Repeater;
use crate::report::Summary;
use crate::seed::{Practice, Size};
use crate::stage::{Setup, Stage};

/// How to play it.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Connections, each with one request at a time
    #[arg(long, default_value_t = 16)]
    pub clients: u64,
    /// Turns of each question
    #[arg(long, default_value_t = 5)]
    pub turns: u64,
    /// Seconds of a turn
    #[arg(long, default_value_t = 2)]
    pub seconds: u64,
    /// Visits that are booked before
    #[arg(long, default_value_t = 200)]
    pub visits: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clients: 16,
            turns: 5,
            seconds: 2,
            visits: 200,
        }
    }
}

const SIZE: Size = Size {
    tenants: 1,
    dentists: 1,
    patients: 20,
};
/// The most slots that one search answers.
const SLOTS_MAX: usize = 200;

/// A search, and the static answer that is as long.
struct Question {
    name: &'static str,
    search: String,
    file: String,
    search_bytes: usize,
    file_bytes: usize,
    searches: Vec<f64>,
    files: Vec<f64>,
    latency: Latency,
}

/// Plays it: a summary for each question.
///
/// # Errors
/// When it cannot be played to its end.
pub async fn run(setup: &Setup, options: &Options) -> Outcome<Vec<Summary>> {
    let stage = Stage::raise(setup, SIZE).await?;
    let practice = SIZE.practice(0);
    let ledger = Ledger::default();
    book(&stage, practice, &ledger, options.visits).await?;
    stage.analyse().await?;
    let (address, token) = (stage.site.address, stage.site.token(practice)?);
    let files = files(address).await?;
    let mut questions = Vec::new();
    for (name, days) in [("one dentist, one day", 1), ("one dentist, 30 days", 30)] {
        questions.push(Question::of(name, days, practice, address, &token, &files).await?);
    }
    for turn in 0..=options.turns.max(1) {
        for question in &mut questions {
            let search = load(address, &question.search, Some(&token), options).await?;
            let file = load(address, &question.file, None, options).await?;
            // The first turn warms up.
            if turn > 0 {
                question.searches.push(search.0);
                question.files.push(file.0);
                question.latency = search.1;
            }
        }
    }
    let verdict = stage.close(&ledger, 0).await?;
    let seconds = (options.turns.max(1) * options.seconds.max(1)) as f64;
    Ok(questions
        .into_iter()
        .map(|question| {
            let (searches, files) = (mean(&question.searches), mean(&question.files));
            let facts = [
                ("static answers a second", files),
                (
                    "searches to static, ratio",
                    searches / files.max(f64::EPSILON),
                ),
                ("bytes of an answer", question.search_bytes as f64),
                ("bytes of the static answer", question.file_bytes as f64),
            ];
            let totals = Totals {
                done: (searches * seconds) as u64,
                seconds,
                latency: question.latency,
                ..Totals::default()
            };
            let setting = format!("{}, {} clients over REST", question.name, options.clients);
            Summary::new("availability", setting, totals, facts, verdict.clone())
        })
        .collect())
}

async fn book(stage: &Stage, practice: Practice, ledger: &Ledger, visits: u64) -> Outcome<()> {
    use crate::client::{Answer, Command, Protocol};
    let diary = stage.site.diary(practice);
    let mut client = stage.site.client(Protocol::Rest, practice).await?;
    for _ in 0..visits {
        let Some(booking) = diary.next() else { break };
        match client.give(&Command::Book(booking.clone()), None).await {
            Answer::Done { appointment, .. } => ledger.booked(appointment, &booking),
            other => return Err(format!("a free slot was not booked: {other:?}").into()),
        }
    }
    Ok(())
}

/// The web app's files that its page names, with their lengths, the shortest first.
async fn files(address: SocketAddr) -> Outcome<Vec<(usize, String)>> {
    let mut page = Repeater::open(address, "/app/", None).await?;
    let length = page.ask().await?;
    let text = String::from_utf8_lossy(page.body()).into_owned();
    let mut found = vec![(length, "/app/".to_owned())];
    for part in text.split('"') {
        let Some(at) = part.find("_app/immutable/") else {
            continue;
        };
        let path = format!("/app/{}", &part[at..]);
        let mut file = Repeater::open(address, &path, None).await?;
        found.push((file.ask().await?, path));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

impl Question {
    /// With as many slots as make the answer as long as one of the files.
    async fn of(
        name: &'static str,
        days: i64,
        practice: Practice,
        address: SocketAddr,
        token: &str,
        files: &[(usize, String)],
    ) -> Outcome<Self> {
        let from = opening(Utc::now(), 1);
        let time = |at: chrono::DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let search = |limit: usize| {
            format!(
                "/availability?treatment={}&dentist={}&from={}&to={}&limit={limit}",
                practice.short(),
                practice.dentist(0).id,
                time(from),
                time(from + TimeDelta::days(days)),
            )
        };
        let whole = length(address, &search(SLOTS_MAX), token).await?;
        let one =
            length(address, &search(2), token).await? - length(address, &search(1), token).await?;
        let fits = files.iter().rev().find(|(bytes, _)| *bytes <= whole + one);
        let (file_bytes, file) = fits.ok_or("the web app has no file as short as an answer")?;
        let limit = (file_bytes / one.max(1)).clamp(1, SLOTS_MAX);
        Ok(Self {
            name,
            search: search(limit),
            file: file.clone(),
            search_bytes: length(address, &search(limit), token).await?,
            file_bytes: *file_bytes,
            searches: Vec::new(),
            files: Vec::new(),
            latency: Latency::default(),
        })
    }
}

async fn length(address: SocketAddr, path: &str, token: &str) -> Outcome<usize> {
    let mut client = Repeater::open(address, path, Some(token)).await?;
    client.ask().await
}

/// All clients ask the same for a while: how many answers a second, and how long one takes.
async fn load(
    address: SocketAddr,
    path: &str,
    token: Option<&str>,
    options: &Options,
) -> Outcome<(f64, Latency)> {
    let mut clients = Vec::new();
    for _ in 0..options.clients.max(1) {
        clients.push(Repeater::open(address, path, token).await?);
    }
    let began = Instant::now();
    let until = began + Duration::from_secs(options.seconds.max(1));
    let mut working = JoinSet::new();
    for mut client in clients {
        working.spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < until {
                let asked = Instant::now();
                client.ask().await?;
                times.push(asked.elapsed());
            }
            Outcome::Ok(times)
        });
    }
    let mut spread = Spread::new()?;
    let mut count = 0_u64;
    while let Some(done) = working.join_next().await {
        for time in done?? {
            spread.record(i64::try_from(time.as_micros())?);
            count += 1;
        }
    }
    let per_second = count as f64 / began.elapsed().as_secs_f64().max(f64::EPSILON);
    Ok((per_second, spread.latency()))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / (values.len().max(1) as f64)
}
