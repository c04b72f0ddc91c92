//! The last line of every scenario: four counts that must be 0.

use std::fmt;

use schema::audit::{NO_OVERBOOKING, Report};
use serde::Serialize;

use crate::ledger::{Balance, Faults};

/// How a run ended.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verdict {
    /// Bookings that overlap another of the same calendar.
    pub overbooked: u64,
    /// Acknowledged commands that the database does not have.
    pub lost: u64,
    /// Versions that a follower was not told, and states that it does not have as the server has.
    pub missed: u64,
    /// Commands that took effect more than once.
    pub duplicated: u64,
    /// Breaches of the audit's other promises, and answers that no client should get.
    pub faults: u64,
    /// What the faults are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
}

impl Verdict {
    /// From the audit, the ledger and the followers.
    #[must_use]
    pub fn new(report: &Report, balance: Balance, missed: u64, faults: Faults) -> Self {
        let breaches = |of: &dyn Fn(&str) -> bool| -> u64 {
            let findings = report.0.iter().filter(|finding| of(finding.promise));
            findings
                .map(|finding| finding.breaches.unsigned_abs())
                .sum()
        };
        let mut details = faults.examples;
        if !report.is_clean() {
            details.extend(report.to_string().lines().map(str::to_owned));
        }
        Self {
            overbooked: breaches(&|promise| promise == NO_OVERBOOKING),
            lost: balance.lost,
            missed,
            duplicated: balance.duplicated,
            faults: faults.count + breaches(&|promise| promise != NO_OVERBOOKING),
            details,
        }
    }

    /// Whether every promise was kept.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.overbooked + self.lost + self.missed + self.duplicated + self.faults == 0
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for detail in &self.details {
            writeln!(f, "  ! {detail}")?;
        }
        let Self {
            overbooked,
            lost,
            missed,
            duplicated,
            faults,
            ..
        } = self;
        write!(
            f,
            "overbooked {overbooked}, lost {lost}, missed {missed}, duplicated {duplicated}"
        )?;
        match faults {
            0 => Ok(()),
            _ => write!(f, ", and {faults} other faults"),
        }
    }
}
