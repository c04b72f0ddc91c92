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
    /// The public cancels and moves a booking at least this many minutes before it.
    pub cancellation_min: i64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            slot_interval_min: 15,
            min_notice_min: 60,
            horizon_days: 365,
            hold_min: 5,
            cancellation_min: 24 * 60,
        }
    }
}
