//! The server against `direct`, in turns on the same machine: throughput as a ratio, then both at
//! one rate that either can keep, for their latency.

use clap::Args;

use super::load::{Load, Speed, Swarm};
use super::{direct, steady};
use crate::Outcome;
use crate::city::deed::Mix;
use crate::pace::Rate;
use crate::report::Summary;
use crate::stage::Setup;

/// How to play it.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Turns of each
    #[arg(long, default_value_t = 3)]
    pub turns: u64,
    /// Seconds of a turn that are measured
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// Clients of the server, over WebSocket
    #[arg(long, default_value_t = 256)]
    pub clients: u64,
    /// Connections of `direct`
    #[arg(long, default_value_t = 32)]
    pub connections: u64,
    /// Practices
    #[arg(long, default_value_t = 256)]
    pub tenants: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            turns: 3,
            seconds: 10,
            clients: 256,
            connections: 32,
            tenants: 256,
        }
    }
}

/// The rate at which latencies are compared, as a part of what `direct` can do.
const CALM: f64 = 0.6;

/// Plays it, and prints how the two compare.
///
/// # Errors
/// When a turn cannot be played to its end.
pub async fn run(
    setup: &Setup,
    options: &Options,
    seed: u64,
    mut tell: impl FnMut(Summary),
) -> Outcome<()> {
    let mut engine_rates = Vec::new();
    let mut direct_rates = Vec::new();
    for turn in 0..options.turns.max(1) {
        let (engine, baseline) = pair(setup, options, Rate::Max, seed + turn).await?;
        engine_rates.push(engine.per_second);
        direct_rates.push(baseline.per_second);
        tell(engine);
        tell(baseline);
    }
    let (engine, baseline) = (median(&mut engine_rates), median(&mut direct_rates));
    let calm = Rate::PerSecond((baseline * CALM).max(1.0));
    let (calm_engine, calm_direct) = pair(setup, options, calm, seed).await?;
    let p99 = (calm_engine.latency_ms.p99, calm_direct.latency_ms.p99);
    tell(calm_engine);
    tell(calm_direct);
    println!("\ncompare: the server over the network, direct transactions, how many times");
    let line = |name: &str, engine: f64, direct: f64, ratio: f64| {
        println!("  {name:<40} {engine:>9.1} {direct:>9.1} {ratio:>6.2} x");
    };
    line(
        "bookings a second, median of the turns",
        engine,
        baseline,
        engine / baseline,
    );
    line(
        &format!("p99 at {calm}, ms"),
        p99.0,
        p99.1,
        p99.0 / p99.1.max(f64::EPSILON),
    );
    Ok(())
}

async fn pair(
    setup: &Setup,
    options: &Options,
    rate: Rate,
    seed: u64,
) -> Outcome<(Summary, Summary)> {
    let load = Load {
        tenants: options.tenants,
        rate: Speed::At(rate),
        ..Load::default()
    };
    let engine = steady::Options {
        load: load.clone(),
        swarm: Swarm {
            clients: options.clients,
            followers: 0,
            ..Swarm::default()
        },
        mix: Mix::Bookings,
        seconds: options.seconds,
    };
    let baseline = direct::Options {
        load,
        connections: options.connections,
        seconds: options.seconds,
    };
    let engine = steady::play(setup, &engine, rate, seed).await?;
    let baseline = direct::play(setup, &baseline, rate, seed).await?;
    Ok((engine, baseline))
}

/// The middle one; of an even count the lower of the two.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values
        .get(values.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or_default()
}
