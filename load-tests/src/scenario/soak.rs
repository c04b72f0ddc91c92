//! The days of a city one after the other, for as long as one likes: does anything go wrong that takes
//! time, and does the server's memory grow? Each client has a bounded number of visits, so that what
//! the server has to remember stays the same after a while.

use std::time::{Duration, Instant};

use clap::Args;

use super::load::{Load, Swarm};
use super::steady;
use crate::Outcome;
use crate::city::deed::Mix;
use crate::city::{City, Plan};
use crate::pace::Rate;
use crate::report::Summary;
use crate::stage::Setup;

/// Between two lines of progress, and two looks at the memory, at most.
const PROGRESS: Duration = Duration::from_secs(5);
/// Seconds in which the maximum rate is found, where that is asked for.
const FINDING: u64 = 10;

/// How to play it.
#[derive(Args, Clone, Debug)]
pub struct Options {
    #[command(flatten)]
    pub load: Load,
    #[command(flatten)]
    pub swarm: Swarm,
    /// Minutes that are measured; parts of one, too
    #[arg(long, default_value_t = 10.0)]
    pub minutes: f64,
    /// Visits that a client has at most: with as many it gives one back before the next
    #[arg(long, default_value_t = 50)]
    pub visits: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            load: Load::default(),
            swarm: Swarm::default(),
            minutes: 10.0,
            visits: 50,
        }
    }
}

/// What the server has in use, and for how many visits.
#[derive(Clone, Copy, Debug)]
struct Sample {
    mib: f64,
    visits: f64,
}

impl Sample {
    fn of(city: &City) -> Outcome<Self> {
        Ok(Self {
            mib: city.stage.resident_kib()? / 1024.0,
            visits: city.standing() as f64,
        })
    }
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
    if !(options.minutes > 0.0 && options.minutes.is_finite()) {
        return Err("--minutes must be more than 0".into());
    }
    let before = steady::Options {
        load: options.load.clone(),
        swarm: options.swarm.clone(),
        seconds: FINDING,
        ..steady::Options::default()
    };
    let at_most = async || steady::play(setup, &before, Rate::Max, seed).await;
    let rate = options.load.rate.find(at_most, &mut tell).await?;
    let plan = Plan {
        swarm: &options.swarm,
        load: &options.load,
        mix: Mix::Day,
        rate,
        length: Duration::from_secs_f64(options.minutes * 60.0),
        visits_max: options.visits.max(1),
    };
    let mut city = City::open(setup, &plan, seed).await?;
    let began = Instant::now();
    let start = Sample::of(&city)?;
    let mut middle = start;
    let every = PROGRESS.min(plan.length / 4);
    city.live(every, |city| {
        let now = Sample::of(city)?;
        if began.elapsed() < plan.length / 2 + every {
            middle = now;
        }
        Ok(format!("  {:.0} visits  {:.1} MiB", now.visits, now.mib))
    })
    .await?;
    let end = Sample::of(&city)?;
    let own = [
        ("server's memory at the start, MiB", start.mib),
        ("server's memory half-way, MiB", middle.mib),
        ("server's memory at the end, MiB", end.mib),
        ("visits booked at the start", start.visits),
        ("visits booked half-way", middle.visits),
        ("visits booked at the end", end.visits),
    ];
    let setting = format!("{:.1} minutes, {plan}", options.minutes);
    tell(city.close().await?.summary("soak", setting, own));
    Ok(())
}
