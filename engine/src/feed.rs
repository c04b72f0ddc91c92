//! What followers of a calendar hear: each committed event once, in the order of its versions.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use schema::ids::{CalendarId, TxId};
use schema::models::claim::{Event, Op};

/// One event, as all of a calendar's followers share it.
#[derive(Debug)]
pub struct Delta {
    pub calendar: CalendarId,
    /// The version that it is to be applied to.
    pub prev: i64,
    pub version: i64,
    pub tx: TxId,
    /// The database's clock in the commit.
    pub at: DateTime<Utc>,
    pub ops: Vec<Op>,
}

impl From<Event> for Delta {
    fn from(event: Event) -> Self {
        Self {
            calendar: event.calendar,
            prev: event.version - 1,
            version: event.version,
            tx: event.tx,
            at: event.at,
            ops: event.ops,
        }
    }
}

/// Somebody who follows a calendar. Called while the calendar's next change waits: must queue and
/// return, never block.
pub trait Follower: Send + Sync {
    fn delta(&self, delta: Arc<Delta>);
}
