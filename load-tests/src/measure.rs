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
    empty: Histogram<u64>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    whole: Histogram<u64>,
    /// Since the last progress line.
    recent: Histogram<u64>,
    kinds: BTreeMap<&'static str, OfKind>,
    done: u64,
    /// The seconds since `from` that are over.
    seconds: Vec<Second>,
    /// The one that is not: answers in it.
    second: Histogram<u64>,
    errors: BTreeMap<String, u64>,
    last: Option<Instant>,
}

#[derive(Debug)]
struct OfKind {
    whole: Histogram<u64>,
    recent: Histogram<u64>,
    done: u64,
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
    /// Where there are several kinds of commands.
    pub kinds: BTreeMap<&'static str, Kind>,
    pub course: Course,
}

/// What a kind of commands came to.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kind {
    pub done: u64,
    pub per_second: f64,
    pub latency_ms: Latency,
}

/// Quantiles, from 0 to 1, each with its time in milliseconds.
pub type Quantiles = Vec<(f64, f64)>;

/// What is plotted: how times are spread, and how the run went.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Course {
    pub latency_ms: Quantiles,
    /// Where there are several kinds of commands.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub kinds: BTreeMap<&'static str, Quantiles>,
    /// Each second of the run, one after the other.
    pub seconds: Vec<Second>,
}

/// Answers in a second, and their times in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Second {
    pub answers: u64,
    pub p50: f64,
    pub p99: f64,
}

/// Steps of a plotted spread between two powers of ten of what is left above.
const STEPS: u32 = 8;
/// Powers of ten: the last one is 99.99 %.
const DECADES: u32 = 4;

/// Nothing, of no answers.
fn quantiles(histogram: &Histogram<u64>) -> Quantiles {
    if histogram.is_empty() {
        return Quantiles::new();
    }
    (0..=STEPS * DECADES)
        .map(|step| 1.0 - 10_f64.powf(-f64::from(step) / f64::from(STEPS)))
        .map(|at| (at, histogram.value_at_quantile(at) as f64 / 1000.0))
        .collect()
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
            empty: histogram.clone(),
            state: Mutex::new(State {
                whole: histogram.clone(),
                recent: histogram.clone(),
                kinds: BTreeMap::new(),
                done: 0,
                seconds: Vec::new(),
                second: histogram,
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
        self.take(None, due, answer.error());
    }

    /// As [`Self::record`], of one kind of several, told apart by name; with the code of what was no
    /// success.
    pub fn record_as(&self, kind: &'static str, due: Instant, error: Option<&str>) {
        self.take(Some(kind), due, error);
    }

    fn take(&self, kind: Option<&'static str>, due: Instant, error: Option<&str>) {
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
        state.turn_to(now.duration_since(self.from).as_secs());
        state.second.saturating_record(took);
        let done = u64::from(error.is_none());
        state.done += done;
        if let Some(name) = kind {
            let of_kind = state.kinds.entry(name).or_insert_with(|| OfKind {
                whole: self.empty.clone(),
                recent: self.empty.clone(),
                done: 0,
            });
            of_kind.whole.saturating_record(took);
            of_kind.recent.saturating_record(took);
            of_kind.done += done;
        }
        if let Some(code) = error {
            *state.errors.entry(code.to_owned()).or_default() += 1;
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
        let mut line = format!(
            "{:>4.0} s  {:>7.0}/s  p50 {:>6.2} ms  p99 {:>6.2} ms",
            passed.as_secs_f64(),
            count / since_last.as_secs_f64(),
            latency.p50,
            latency.p99
        );
        let kinds = state.kinds.iter_mut().map(|(name, of_kind)| {
            let p99 = Latency::of(&of_kind.recent).p99;
            of_kind.recent.reset();
            format!("{name} {p99:.1}")
        });
        let kinds: Vec<String> = kinds.collect();
        if !kinds.is_empty() {
            line.push_str(&format!(" ({})", kinds.join(", ")));
        }
        let errors: u64 = state.errors.values().sum();
        line.push_str(&format!("  errors {errors}"));
        line
    }

    /// Everything that counted.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let state = self.lock();
        let last = state.last.unwrap_or(self.from);
        let seconds = last.duration_since(self.from).as_secs_f64();
        let kinds = state.kinds.iter();
        let summed = kinds.clone().map(|(name, of_kind)| {
            let kind = Kind {
                done: of_kind.done,
                per_second: of_kind.done as f64 / seconds.max(f64::EPSILON),
                latency_ms: Latency::of(&of_kind.whole),
            };
            (*name, kind)
        });
        let mut over = state.seconds.clone();
        // The last one, unless it is too short to compare.
        if seconds.fract() > 0.5 {
            over.push(Second::of(&state.second));
        }
        Totals {
            done: state.done,
            seconds,
            latency: Latency::of(&state.whole),
            errors: state.errors.clone(),
            kinds: summed.collect(),
            course: Course {
                latency_ms: quantiles(&state.whole),
                kinds: kinds
                    .map(|(name, of_kind)| (*name, quantiles(&of_kind.whole)))
                    .collect(),
                seconds: over,
            },
        }
    }
}

impl State {
    /// Seconds that are over are closed; clocks of several threads do not lead back.
    fn turn_to(&mut self, second: u64) {
        while (self.seconds.len() as u64) < second {
            self.seconds.push(Second::of(&self.second));
            self.second.reset();
        }
    }
}

impl Second {
    fn of(histogram: &Histogram<u64>) -> Self {
        let Latency { p50, p99, .. } = Latency::of(histogram);
        Self {
            answers: histogram.len(),
            p50,
            p99,
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
