//! How long answers take, and which there are.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::Outcome;
use crate::client::Answer;

/// The longest time that is told apart, in microseconds.
const LONGEST_US: u64 = 120_000_000;
/// Digits of a time that are kept.
const DIGITS: u8 = 3;

/// Collects answers, by all clients.
#[derive(Debug)]
pub struct Meter {
    /// Answers to what was due earlier are not counted: the server was cold.
    from: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    whole: Histogram<u64>,
    /// Since the last progress line.
    recent: Histogram<u64>,
    done: u64,
    /// Answers in each second since `from`.
    by_second: Vec<u64>,
    errors: BTreeMap<String, u64>,
    last: Option<Instant>,
}

/// Microseconds since 1970, by this machine's clock.
#[must_use]
pub fn now_us() -> i64 {
    chrono::Utc::now().timestamp_micros()
}

/// How times are spread.
#[derive(Debug)]
pub struct Spread(Histogram<u64>);

impl Spread {
    /// Of nothing yet.
    ///
    /// # Errors
    /// None in practice: the histogram's bounds are fixed.
    pub fn new() -> Outcome<Self> {
        Ok(Self(Histogram::new_with_max(LONGEST_US, DIGITS)?))
    }

    /// Takes a time in microseconds; one below 0, by clocks that differ, counts as 0.
    pub fn record(&mut self, us: i64) {
        self.0.saturating_record(us.max(0).unsigned_abs());
    }

    /// The usual quantiles.
    #[must_use]
    pub fn latency(&self) -> Latency {
        Latency::of(&self.0)
    }

    /// In milliseconds; the quantile from 0 to 1.
    #[must_use]
    pub fn ms(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1000.0
    }
}

/// Times of answers, in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Latency {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    pub done: u64,
    /// From the first command that counts to the last answer.
    pub seconds: f64,
    pub latency: Latency,
    pub errors: BTreeMap<String, u64>,
    pub course: Course,
}

/// What is plotted: how times are spread, and how the run went.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Course {
    /// Quantiles, from 0 to 1, each with its time in milliseconds.
    pub latency_ms: Vec<(f64, f64)>,
    /// Answers in each second.
    pub by_second: Vec<u64>,
}

/// Steps of a plotted spread between two powers of ten of what is left above.
const STEPS: u32 = 8;
/// Powers of ten: the last one is 99.99 %.
const DECADES: u32 = 4;

impl Course {
    fn of(histogram: &Histogram<u64>, by_second: &[u64]) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let quantiles = (0..=STEPS * DECADES)
            .map(|step| 1.0 - 10_f64.powf(-f64::from(step) / f64::from(STEPS)));
        Self {
            latency_ms: quantiles
                .map(|at| (at, histogram.value_at_quantile(at) as f64 / 1000.0))
                .collect(),
            by_second: by_second.to_vec(),
        }
    }
}

impl Meter {
    /// Counts what is due from `from` on.
    ///
    /// # Errors
    /// None in practice: the histogram's bounds are fixed.
    pub fn new(from: Instant) -> Outcome<Self> {
        let histogram = Histogram::new_with_max(LONGEST_US, DIGITS)?;
        Ok(Self {
            from,
            state: Mutex::new(State {
                whole: histogram.clone(),
                recent: histogram,
                done: 0,
                by_second: Vec::new(),
                errors: BTreeMap::new(),
                last: None,
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an answer to a command that was due at `due`: the time counts from there, also where
    /// the client got to sending it only later.
    pub fn record(&self, due: Instant, answer: &Answer) {
        let now = Instant::now();
        if due < self.from {
            return;
        }
        let took = now.duration_since(due).as_micros();
        let took = u64::try_from(took).unwrap_or(LONGEST_US).min(LONGEST_US);
        let mut state = self.lock();
        state.last = Some(now);
        state.whole.saturating_record(took);
        state.recent.saturating_record(took);
        let second = usize::try_from(now.duration_since(self.from).as_secs()).unwrap_or(0);
        if state.by_second.len() <= second {
            state.by_second.resize(second + 1, 0);
        }
        if let Some(count) = state.by_second.get_mut(second) {
            *count += 1;
        }
        match answer {
            Answer::Done { .. } => state.done += 1,
            Answer::Refused { code } => *state.errors.entry(code.clone()).or_default() += 1,
            Answer::Lost(_) => *state.errors.entry("lost".to_owned()).or_default() += 1,
        }
    }

    /// Commands that were due and never sent.
    pub fn not_sent(&self, count: u64) {
        if count > 0 {
            *self.lock().errors.entry("not_sent".to_owned()).or_default() += count;
        }
    }

    /// A line on what was answered since the last one.
    pub fn progress(&self, passed: Duration, since_last: Duration) -> String {
        let mut state = self.lock();
        let latency = Latency::of(&state.recent);
        let count = state.recent.len() as f64;
        state.recent.reset();
        let errors: u64 = state.errors.values().sum();
        format!(
            "{:>4.0} s  {:>7.0}/s  p50 {:>7.2} ms  p99 {:>7.2} ms  errors {errors}",
            passed.as_secs_f64(),
            count / since_last.as_secs_f64(),
            latency.p50,
            latency.p99
        )
    }

    /// Everything that counted.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let state = self.lock();
        let last = state.last.unwrap_or(self.from);
        Totals {
            done: state.done,
            seconds: last.duration_since(self.from).as_secs_f64(),
            latency: Latency::of(&state.whole),
            errors: state.errors.clone(),
            course: Course::of(&state.whole, &state.by_second),
        }
    }
}

impl Latency {
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max() as f64 / 1000.0,
        }
    }
}
