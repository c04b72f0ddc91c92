//! Everybody wants the same morning: overlapping starts, two lengths, one dentist, one chair. In each
//! round exactly one booking is done and everybody else hears that the slot is taken.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::Outcome;
use crate::client::{Answer, Client, Command, Protocol};
use crate::diary::{self, Booking};
use crate::follower::Followers;
use crate::ledger::Ledger;
use crate::measure::Meter;
use crate::report::Summary;
use crate::seed::Size;
use crate::stage::{Setup, Stage};

/// How many minutes after the hour the clients' wishes begin: each overlaps every other.
const STARTS: [u64; 4] = [0, 10, 15, 20];
/// What all but the winner hear.
const TAKEN: &str = "slot_taken";

/// How to play it.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Connections, each for another patient
    #[arg(long, default_value_t = 50)]
    pub clients: u64,
    /// Rounds over each of REST and WebSocket
    #[arg(long, default_value_t = 20)]
    pub rounds: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clients: 50,
            rounds: 20,
        }
    }
}

/// Plays it.
///
/// # Errors
/// When it cannot be played to its end.
pub async fn run(setup: &Setup, options: &Options) -> Outcome<Summary> {
    let clients = options.clients.max(2);
    let size = Size {
        tenants: 1,
        dentists: 2,
        patients: clients,
    };
    let stage = Stage::raise(setup, size).await?;
    let followers = Followers::start(&stage.site, [size.practice(0)]).await?;
    let meter = Arc::new(Meter::new(Instant::now())?);
    let ledger = Ledger::default();
    let mut slowest: f64 = 0.0;
    for (part, protocol) in [Protocol::Rest, Protocol::Socket].into_iter().enumerate() {
        let first = part as u64 * options.rounds;
        let rounds = first..first + options.rounds;
        slowest = slowest.max(play(&stage, protocol, clients, rounds, &meter, &ledger).await?);
    }
    let seen = followers.finish().await?;
    let verdict = stage.close(&ledger, seen.missed).await?;
    let setting = format!(
        "{clients} clients, one slot, {} rounds over REST and {} over WebSocket",
        options.rounds, options.rounds
    );
    let facts = [
        ("slowest round, ms", slowest),
        ("deltas to followers", seen.deltas as f64),
    ];
    Ok(Summary::new(
        "rush",
        setting,
        meter.totals(),
        facts,
        verdict,
    ))
}

type Told = (u64, Booking, Answer);

/// Plays the rounds over one protocol; answers how long the slowest took, in milliseconds.
async fn play(
    stage: &Stage,
    protocol: Protocol,
    clients: u64,
    rounds: std::ops::Range<u64>,
    meter: &Arc<Meter>,
    ledger: &Ledger,
) -> Outcome<f64> {
    let size = stage.site.size;
    let practice = size.practice(0);
    let start_line = Arc::new(Barrier::new(usize::try_from(clients)?));
    let mut running = JoinSet::new();
    for number in 0..clients {
        let mut client = stage.site.client(protocol, practice).await?;
        let (meter, start_line) = (Arc::clone(meter), Arc::clone(&start_line));
        let (today, rounds) = (stage.site.today, rounds.clone());
        let wish = move |round| Booking {
            patient_id: practice.patient(number),
            dentist_id: practice.dentist(0).id,
            treatment_id: match number % 2 {
                0 => practice.short(),
                _ => practice.long(),
            },
            operatory_id: practice.operatory(0).id,
            start: diary::opening(today, round)
                + diary::minutes(60 + STARTS[(number % STARTS.len() as u64) as usize]),
        };
        running.spawn(async move {
            let mut told: Vec<(Told, f64)> = Vec::new();
            for round in rounds {
                let booking = wish(round);
                wait(&start_line, &mut client).await;
                let due = Instant::now();
                let answer = client.give(&Command::Book(booking.clone()), None).await;
                meter.record(due, &answer);
                let took = due.elapsed().as_secs_f64() * 1000.0;
                told.push(((round, booking, answer), took));
            }
            told
        });
    }
    let mut slowest: f64 = 0.0;
    let mut winners: BTreeMap<u64, u64> = rounds.map(|round| (round, 0)).collect();
    while let Some(told) = running.join_next().await {
        for ((round, booking, answer), took) in told? {
            slowest = slowest.max(took);
            match answer {
                Answer::Done { appointment, .. } => {
                    *winners.entry(round).or_default() += 1;
                    ledger.booked(appointment, &booking);
                }
                Answer::Refused { code } if code == TAKEN => {}
                other => {
                    ledger.unanswered(&booking);
                    ledger.fault(format!("{protocol}, round {round}: {other:?}"));
                }
            }
        }
    }
    for (round, winners) in winners.into_iter().filter(|(_, winners)| *winners != 1) {
        ledger.fault(format!("{protocol}, round {round}: {winners} winners"));
    }
    Ok(slowest)
}

/// Waits until every client is here, and answers pings meanwhile.
async fn wait(start_line: &Barrier, client: &mut Client) {
    let everybody = start_line.wait();
    tokio::pin!(everybody);
    tokio::select! {
        _ = &mut everybody => return,
        // Told when the next command fails.
        _ = client.idle() => {}
    }
    everybody.await;
}
