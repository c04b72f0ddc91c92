//! When commands are due. In an open loop that is decided by a clock and not by the answers: a slow
//! server does not slow its clients down, and every time counts from when the command was due.

use std::collections::VecDeque;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::Semaphore;

/// What was due when the load ended is still sent for this long.
const DRAIN: Duration = Duration::from_secs(10);

/// How many commands a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Each client sends the next one when it has the answer: what the server can do.
    Max,
    /// As many, at random times, whatever the answers.
    PerSecond(f64),
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.parse::<f64>()) {
            ("max", _) => Ok(Self::Max),
            (_, Ok(rate)) if rate.is_finite() && rate > 0.0 => Ok(Self::PerSecond(rate)),
            _ => Err("`max`, or commands per second".to_owned()),
        }
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Max => write!(f, "as fast as it goes"),
            Self::PerSecond(rate) => write!(f, "{rate:.0}/s"),
        }
    }
}

/// Says when the next command is due.
#[derive(Debug)]
pub struct Pace {
    until: Instant,
    arrivals: Option<Arc<Arrivals>>,
}

/// Commands that are due and have no client yet.
#[derive(Debug)]
struct Arrivals {
    due: Mutex<VecDeque<Instant>>,
    count: Semaphore,
}

impl Arrivals {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Instant>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    /// From now to `until`. The same seed gives the same times.
    #[must_use]
    pub fn new(rate: Rate, until: Instant, seed: u64) -> Self {
        let Rate::PerSecond(rate) = rate else {
            return Self {
                until,
                arrivals: None,
            };
        };
        let arrivals = Arc::new(Arrivals {
            due: Mutex::default(),
            count: Semaphore::new(0),
        });
        let feeding = Arc::clone(&arrivals);
        // A thread: the runtime's timers are a millisecond coarse, as much as some answers take.
        std::thread::spawn(move || feed(&feeding, rate, until, seed));
        Self {
            until,
            arrivals: Some(arrivals),
        }
    }

    /// Waits until a command is due and answers since when; `None` at the end. Dropping this while
    /// it waits loses none.
    pub async fn next(&self) -> Option<Instant> {
        let Some(arrivals) = &self.arrivals else {
            let now = Instant::now();
            return (now < self.until).then_some(now);
        };
        match arrivals.count.acquire().await {
            Ok(permit) => permit.forget(),
            // Closed: the last ones are handed out without counting.
            Err(_) if Instant::now() > self.until + DRAIN => return None,
            Err(_) => {}
        }
        arrivals.lock().pop_front()
    }

    /// How many commands were due and have not been handed out.
    #[must_use]
    pub fn left(&self) -> u64 {
        let left = self.arrivals.as_ref().map(|arrivals| arrivals.lock().len());
        left.unwrap_or_default() as u64
    }
}

/// A Poisson process: people do not agree on when to call.
fn feed(arrivals: &Arc<Arrivals>, rate: f64, until: Instant, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut due = Instant::now();
    loop {
        let gap = -(1.0 - random.random::<f64>()).ln() / rate;
        due += Duration::from_secs_f64(gap);
        // Nobody asks any more: the run was broken off.
        if due >= until || Arc::strong_count(arrivals) == 1 {
            break;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        arrivals.lock().push_back(due);
        arrivals.count.add_permits(1);
    }
    arrivals.count.close();
}
