//! The baseline: the bookings of `steady`, made by ordinary transactions straight to the database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::task::JoinSet;

use super::load::Load;
use crate::Outcome;
use crate::client::Answer;
use crate::diary::Diary;
use crate::direct::{Booked, Direct};
use crate::ledger::Ledger;
use crate::measure::Meter;
use crate::pace::{Pace, Rate};
use crate::report::Summary;
use crate::seed::Practice;
use crate::stage::{Setup, Stage};

/// How to play it; the same words as `steady`'s mean the same.
#[derive(Args, Clone, Debug)]
pub struct Options {
    #[command(flatten)]
    pub load: Load,
    /// Connections to the database, each with one transaction at a time
    #[arg(long, default_value_t = 32)]
    pub connections: u64,
    /// Seconds that are measured
    #[arg(long, default_value_t = 15)]
    pub seconds: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            load: Load::default(),
            connections: 32,
            seconds: 15,
        }
    }
}

struct Play {
    pace: Pace,
    meter: Meter,
    ledger: Ledger,
    practices: Vec<(Practice, Arc<Diary>)>,
}

/// Plays it.
///
/// # Errors
/// When it cannot be played to its end.
pub async fn run(
    setup: &Setup,
    options: &Options,
    seed: u64,
    mut tell: impl FnMut(Summary),
) -> Outcome<()> {
    let at_most = async || play(setup, options, Rate::Max, seed).await;
    let rate = options.load.rate.find(at_most, &mut tell).await?;
    tell(play(setup, options, rate, seed).await?);
    Ok(())
}

/// Plays it at one rate.
///
/// # Errors
/// When it cannot be played to its end.
pub async fn play(setup: &Setup, options: &Options, rate: Rate, seed: u64) -> Outcome<Summary> {
    let (size, warm_up) = (options.load.size(), options.load.warm_up);
    let mut stage = Stage::raise(setup, size).await?;
    let url = stage.without_server().await?.to_owned();
    let practices = (0..size.tenants)
        .map(|number| {
            let practice = size.practice(number);
            (practice, Arc::new(stage.site.diary(practice)))
        })
        .collect();
    let mut connected = Vec::new();
    for _ in 0..options.connections.max(1) {
        connected.push(Direct::connect(&url).await?);
    }

    let from = Instant::now() + Duration::from_secs(warm_up);
    let until = from + Duration::from_secs(options.seconds);
    let play = Arc::new(Play {
        pace: Pace::new(rate, until, seed),
        meter: Meter::new(from)?,
        ledger: Ledger::default(),
        practices,
    });
    let mut working = JoinSet::new();
    for (number, direct) in connected.into_iter().enumerate() {
        working.spawn(work(Arc::clone(&play), number, direct));
    }
    if warm_up > 0 {
        tokio::time::sleep(Duration::from_secs(warm_up) / 2).await;
        stage.analyse().await?;
    }
    while let Some(done) = working.join_next().await {
        done??;
    }
    play.meter.not_sent(play.pace.left());
    let verdict = stage.close(&play.ledger, 0).await?;
    let setting = format!(
        "{} connections, {} practices, {rate}",
        options.connections, size.tenants
    );
    Ok(Summary::new(
        "direct",
        setting,
        play.meter.totals(),
        [],
        verdict,
    ))
}

/// Books in one practice after the other, so that connections meet as seldom as clients do.
async fn work(play: Arc<Play>, first: usize, direct: Direct) -> Outcome<()> {
    let mut turn = first;
    while let Some(due) = play.pace.next().await {
        let (practice, diary) = &play.practices[turn % play.practices.len()];
        turn += 1;
        let Some(booking) = diary.next() else {
            eprintln!("a practice is full: play with more tenants, or for fewer seconds");
            return Ok(());
        };
        let answer = match direct.book(*practice, &booking).await? {
            Booked::Done(appointment) => {
                play.ledger.booked(appointment, &booking);
                Answer::Done {
                    appointment,
                    version: 1,
                    replay: false,
                }
            }
            Booked::Taken => Answer::Refused {
                code: "slot_taken".to_owned(),
            },
        };
        play.meter.record(due, &answer);
    }
    Ok(())
}
