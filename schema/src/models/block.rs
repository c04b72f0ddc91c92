//! Blocks as rows: time that a practice keeps from being booked.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

use crate::ids::{BlockId, CalendarId, TenantId, UserId};

/// Why time is blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockKind {
    TimeOff,
    Meeting,
    Cleaning,
    Other,
}

impl BlockKind {
    pub const ALL: [Self; 4] = [Self::TimeOff, Self::Meeting, Self::Cleaning, Self::Other];

    /// As the database and the wire call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TimeOff => "time_off",
            Self::Meeting => "meeting",
            Self::Cleaning => "cleaning",
            Self::Other => "other",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A block as it is kept. Its rule says how it was asked for; its occurrences are claims, which say
/// what is, and have the titles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    pub id: BlockId,
    pub tenant: TenantId,
    /// Its ETag.
    pub version: i64,
    pub calendar: CalendarId,
    pub kind: BlockKind,
    /// Local, in `zone`, as are the dates.
    pub first_start: NaiveDateTime,
    pub first_end: NaiveDateTime,
    /// IANA name.
    pub zone: String,
    /// RFC 5545; without, the start and `rdates` are all there is.
    pub rrule: Option<String>,
    pub rdates: Vec<NaiveDateTime>,
    pub exdates: Vec<NaiveDateTime>,
    pub created_by: Option<UserId>,
}
