//! A practice's own settings for what may be booked when.

use serde::{Deserialize, Serialize};

/// Missing keys have these defaults; a treatment may narrow some of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Policy {
    /// Starts are offered at local midnight + n × this many minutes.
    pub slot_interval_min: i64,
    /// The public and patients book at least this many minutes ahead.
    pub min_notice_min: i64,
    /// Nothing is booked more than this many days ahead.
    pub horizon_days: i64,
    /// How long a hold lasts, in minutes.
    pub hold_min: i64,
    /// How long somebody on the waitlist has to answer an offer, in minutes.
    pub offer_min: i64,
    /// Whether time that comes free is offered to the waitlist without being asked.
    pub offers_freed_time: bool,
    /// The public cancels and moves a booking at least this many minutes before it.
    pub cancellation_min: i64,
    /// What makes one slot better than another.
    pub scoring: Scoring,
}

/// How much each thing counts in a slot's score, against the others; 0 leaves it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Scoring {
    /// That no time is left over that is too short for any treatment.
    pub gaps: u32,
    /// That the provider stays in one operatory.
    pub same_operatory: u32,
    /// That it is close to the time that was asked for.
    pub closeness: u32,
}

impl Default for Scoring {
    fn default() -> Self {
        Self {
            gaps: 50,
            same_operatory: 20,
            closeness: 30,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            slot_interval_min: 15,
            min_notice_min: 60,
            horizon_days: 365,
            hold_min: 5,
            offer_min: 60,
            offers_freed_time: true,
            cancellation_min: 24 * 60,
            scoring: Scoring::default(),
        }
    }
}
