//! What is played. Each scenario raises its own stage and ends with a summary.

pub mod availability;
pub mod compare;
pub mod direct;
pub mod fanout;
pub mod faults;
pub mod kill;
pub mod load;
pub mod nodes;
pub mod patients;
pub mod rush;
pub mod soak;
pub mod steady;
pub mod tenants;
pub mod widgets;

use self::load::Swarm;
use crate::Outcome;
use crate::pace::Rate;
use crate::report::Summary;
use crate::stage::Setup;

/// Short versions of all, each told as soon as it ends.
///
/// # Errors
/// When one cannot be played to its end.
pub async fn all(setup: &Setup, seed: u64, mut tell: impl FnMut(Summary)) -> Outcome<()> {
    let steady = steady::Options {
        seconds: 8,
        ..steady::Options::default()
    };
    steady::run(setup, &steady, seed, &mut tell).await?;
    let over_rest = steady::Options {
        swarm: Swarm {
            rest: true,
            ..Swarm::default()
        },
        ..steady
    };
    tell(steady::play(setup, &over_rest, Rate::Max, seed).await?);
    for summary in availability::run(setup, &availability::Options::default()).await? {
        tell(summary);
    }
    tell(rush::run(setup, &rush::Options::default()).await?);
    for summary in tenants::run(setup, &tenants::Options::default(), seed).await? {
        tell(summary);
    }
    tell(
        kill::run(setup, &kill::Options::default(), seed)
            .await?
            .summary,
    );
    let faults = faults::Options {
        clients: 100,
        kills: 2,
        seconds: 15,
    };
    tell(faults::run(setup, &faults, seed).await?.summary);
    Ok(())
}
