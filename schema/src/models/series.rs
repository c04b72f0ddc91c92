//! Series as rows: how repeated visits were asked for. What became of them are appointments.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

use crate::ids::{OperatoryId, PatientId, ProviderId, SeriesId, TenantId, TreatmentId, UserId};

/// What to do about an occurrence whose time cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeriesPolicy {
    /// Book nothing at all.
    AllOrNothing,
    /// Leave that one out.
    Skip,
    /// Take the nearest time within a window.
    Nearest,
}

impl SeriesPolicy {
    pub const ALL: [Self; 3] = [Self::AllOrNothing, Self::Skip, Self::Nearest];

    /// As the database and the wire call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AllOrNothing => "all_or_nothing",
            Self::Skip => "skip",
            Self::Nearest => "nearest",
        }
    }

    /// The policy of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }
}

/// A series as it is kept. It says what was asked for and is not rewritten by edits, which raise
/// its version; its visits say what is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    pub id: SeriesId,
    pub tenant: TenantId,
    /// Its ETag.
    pub version: i64,
    pub patient: PatientId,
    pub provider: ProviderId,
    pub treatment: TreatmentId,
    pub operatory: Option<OperatoryId>,
    /// RFC 5545; without, the start and `rdates` are all there is.
    pub rrule: Option<String>,
    /// Local, in `zone`, as are the dates.
    pub first_start: NaiveDateTime,
    /// IANA name.
    pub zone: String,
    pub rdates: Vec<NaiveDateTime>,
    pub exdates: Vec<NaiveDateTime>,
    pub policy: SeriesPolicy,
    /// Of `nearest`: minutes to either side.
    pub window_min: Option<i16>,
    pub duration_min: Option<i16>,
    pub created_by: Option<UserId>,
}
