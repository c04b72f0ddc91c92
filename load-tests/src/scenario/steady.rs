//! A day of a city: at the front desks of many practices people search, look at calendars, book, move,
//! cancel and confirm, and their clients follow. How many of these a second, and how long each takes.

use std::time::Duration;

use clap::Args;

use super::load::{Load, Speed, Swarm};
use crate::Outcome;
use crate::city::deed::{AVAILABILITY, BOOKING, Mix};
use crate::city::{City, Plan};
use crate::pace::Rate;
use crate::report::Summary;
use crate::stage::Setup;

/// Between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(1);

/// How to play it.
#[derive(Args, Clone, Debug)]
pub struct Options {
    #[command(flatten)]
    pub load: Load,
    #[command(flatten)]
    pub swarm: Swarm,
    /// What is done
    #[arg(long, value_enum, default_value = "day")]
    pub mix: Mix,
    /// Seconds that are measured
    #[arg(long, default_value_t = 30)]
    pub seconds: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            load: Load::default(),
            swarm: Swarm::default(),
            mix: Mix::Day,
            seconds: 30,
        }
    }
}

/// At half the maximum rate, in milliseconds.
const AIMS: [(&str, f64); 2] = [(BOOKING, 20.0), (AVAILABILITY, 5.0)];

/// Plays it; at half the maximum twice, and tells how that compares with what is aimed at.
///
/// # Errors
/// When it cannot be played to its end.
pub async fn run(
    setup: &Setup,
    options: &Options,
    seed: u64,
    mut tell: impl FnMut(Summary),
) -> Outcome<()> {
    let speed = options.load.rate;
    let at_most = async || play(setup, options, Rate::Max, seed).await;
    let rate = speed.find(at_most, &mut tell).await?;
    let summary = play(setup, options, rate, seed).await?;
    let compared = (speed == Speed::Half).then(|| against_aims(&summary));
    tell(summary);
    if let Some(compared) = compared {
        println!("\n{compared}");
    }
    Ok(())
}

/// How long a booking and a search take, beside the aims.
fn against_aims(summary: &Summary) -> String {
    let mut lines = vec!["at half the maximum rate:".to_owned()];
    for (name, aim) in AIMS {
        if let Some(kind) = summary.kinds.get(name) {
            let p99 = kind.latency_ms.p99;
            let met = if p99 <= aim { "met" } else { "missed" };
            lines.push(format!(
                "  p99 of {name:<14} {p99:>8.2} ms, aim {aim:>4.0} ms: {met}"
            ));
        }
    }
    let errors: u64 = summary.errors.values().sum();
    lines.push(format!("  errors {errors:>21}"));
    lines.join("\n")
}

/// Plays it at one rate.
///
/// # Errors
/// When it cannot be played to its end.
pub async fn play(setup: &Setup, options: &Options, rate: Rate, seed: u64) -> Outcome<Summary> {
    let plan = Plan {
        swarm: &options.swarm,
        load: &options.load,
        mix: options.mix,
        rate,
        length: Duration::from_secs(options.seconds),
        visits_max: usize::MAX,
    };
    let mut city = City::open(setup, &plan, seed).await?;
    city.live(PROGRESS, |_| Ok(String::new())).await?;
    let lived = city.close().await?;
    Ok(lived.summary("steady", plan.to_string(), []))
}
