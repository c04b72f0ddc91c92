//! What a scenario has to say: a table for people, JSON for comparison.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::{Serialize, Serializer};

use crate::Outcome;
use crate::measure::{Course, Kind, Latency, Totals};
use crate::verdict::Verdict;

/// Above the kinds of commands.
const KINDS: &str =
    "  of these              done  a second   p50, ms   p99, ms p99.9, ms   max, ms";

/// Something seen, with its name.
pub type Fact = (&'static str, f64);

fn as_map<S: Serializer>(facts: &[Fact], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(facts.iter().copied())
}

/// The result of one scenario.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub scenario: &'static str,
    /// With what: protocol, clients, rate.
    pub setting: String,
    /// Commands that were done.
    pub done: u64,
    pub seconds: f64,
    pub per_second: f64,
    pub latency_ms: Latency,
    /// The same of each kind of commands, where there are several.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub kinds: BTreeMap<&'static str, Kind>,
    /// Answers that were no success, by code.
    pub errors: BTreeMap<String, u64>,
    /// What else was seen, by name.
    #[serde(serialize_with = "as_map")]
    pub facts: Vec<Fact>,
    pub course: Course,
    pub verdict: Verdict,
}

impl Summary {
    /// A scenario's result.
    #[must_use]
    pub fn new(
        scenario: &'static str,
        setting: String,
        totals: Totals,
        facts: impl IntoIterator<Item = Fact>,
        verdict: Verdict,
    ) -> Self {
        Self {
            scenario,
            setting,
            done: totals.done,
            seconds: totals.seconds,
            per_second: totals.done as f64 / totals.seconds.max(f64::EPSILON),
            latency_ms: totals.latency,
            kinds: totals.kinds,
            errors: totals.errors,
            facts: facts.into_iter().collect(),
            course: totals.course,
            verdict,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}: {}", self.scenario, self.setting)?;
        let mut line = |name: &str, value: String| writeln!(f, "  {name:<36} {value:>12}");
        line("commands done", self.done.to_string())?;
        line("  per second", format!("{:.0}", self.per_second))?;
        line("  in seconds", format!("{:.1}", self.seconds))?;
        let Latency {
            p50,
            p90,
            p99,
            p999,
            max,
        } = self.latency_ms;
        for (name, value) in [
            ("latency, ms        p50", p50),
            ("                   p90", p90),
            ("                   p99", p99),
            ("                   p99.9", p999),
            ("                   max", max),
        ] {
            line(name, format!("{value:.2}"))?;
        }
        if !self.kinds.is_empty() {
            writeln!(f, "{KINDS}")?;
        }
        for (name, kind) in &self.kinds {
            let Latency {
                p50,
                p99,
                p999,
                max,
                ..
            } = kind.latency_ms;
            writeln!(
                f,
                "    {name:<14} {:>9} {:>9.0} {p50:>9.2} {p99:>9.2} {p999:>9.2} {max:>9.2}",
                kind.done, kind.per_second
            )?;
        }
        let mut line = |name: &str, value: String| writeln!(f, "  {name:<36} {value:>12}");
        for (code, count) in &self.errors {
            line(&format!("answered {code}"), count.to_string())?;
        }
        if self.errors.is_empty() {
            line("errors", "0".to_owned())?;
        }
        for (name, value) in &self.facts {
            let digits = match value {
                whole if whole.fract() == 0.0 => 0,
                small if small.abs() < 10.0 => 2,
                _ => 1,
            };
            line(name, format!("{value:.digits$}"))?;
        }
        write!(f, "{}", self.verdict)
    }
}

/// Writes the summaries as a JSON array.
///
/// # Errors
/// When the file cannot be written.
pub fn write_json(path: &Path, summaries: &[Summary]) -> Outcome<()> {
    let mut text = serde_json::to_string_pretty(summaries)?;
    text.push('\n');
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(())
}
