//! Everything at once: connections are cut at random, the server is killed and restarted, some
//! clients read slowly, while visits are booked. At the end each client's state is the server's, and
//! each has applied every version once.

use std::time::Duration;

use clap::Args;

use super::kill::{Plan, Played, play};
use crate::Outcome;
use crate::follower::Habit;
use crate::seed::Size;
use crate::stage::Setup;

/// Practices; each with as many dentists, and as many operatories.
const TENANTS: u64 = 5;
const DENTISTS: u64 = 5;
const PATIENTS: u64 = 60;
/// Clients that book.
const BOOKING: u64 = 20;
/// Bookings a second, of all of them.
const RATE: u64 = 100;
/// A connection is cut after up to twice this long.
const CUT_EVERY: Duration = Duration::from_secs(4);
/// Every so many followers read slowly, a frame in this long.
const SLOW: u64 = 8;
const SLOW_PAUSE: Duration = Duration::from_millis(60);

/// How to play it.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Clients that follow, each all ten calendars of one of five practices
    #[arg(long, default_value_t = 200)]
    pub clients: u64,
    /// How often the server is killed
    #[arg(long, default_value_t = 4)]
    pub kills: u64,
    /// Seconds of bookings, about a hundred in each
    #[arg(long, default_value_t = 60)]
    pub seconds: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clients: 200,
            kills: 4,
            seconds: 60,
        }
    }
}

/// Plays it.
///
/// # Errors
/// When it cannot be played to its end.
pub async fn run(setup: &Setup, options: &Options, seed: u64) -> Outcome<Played> {
    let size = Size {
        tenants: TENANTS,
        dentists: DENTISTS,
        patients: PATIENTS,
    };
    let followers = (0..options.clients).map(|number| {
        let habit = Habit {
            cut_every: Some(CUT_EVERY),
            pause: (number % SLOW == 0).then_some(SLOW_PAUSE),
            seed: seed.wrapping_add(number),
        };
        (size.practice(number % TENANTS), habit)
    });
    let mut setup = setup.clone();
    // Small queues, so that whoever reads slowly is made up for within the run.
    setup
        .environment
        .push(("DENTICLOUD_WS_OUTBOX_BYTES".to_owned(), "8192".to_owned()));
    let plan = Plan {
        name: "faults",
        size,
        bookings: options.seconds.max(1) * RATE,
        clients: BOOKING,
        kills: options.kills,
        followers: followers.collect(),
        pause: Some(Duration::from_millis(1000 * BOOKING / RATE)),
    };
    play(&setup, plan, seed).await
}
