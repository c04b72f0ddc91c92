//! Time patterns: which roles a visit needs in which part of it.

use serde::{Deserialize, Serialize};

use crate::ids::CalendarId;

/// Who or what a segment of a visit needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Dentist,
    Hygienist,
    Assistant,
    Operatory,
    Equipment,
    /// Only in an appointment's own copy: the patient, for the whole visit.
    Patient,
}

/// One role's part of a visit, in whole minutes from the visit's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Segment {
    pub role: Role,
    pub from: i64,
    /// Exclusive; greater than `from`.
    pub to: i64,
    /// Taken before and after, needing free time but no opening hours.
    #[serde(default)]
    pub buffer_before: i64,
    #[serde(default)]
    pub buffer_after: i64,
}

/// A segment with the resource that was chosen for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Placed {
    #[serde(flatten)]
    pub segment: Segment,
    pub calendar_id: CalendarId,
}
