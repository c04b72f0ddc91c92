//! Commands about series: visits that repeat.

use std::collections::BTreeSet;

use chrono::NaiveDateTime;
use schema::ids::{AppointmentId, OperatoryId, ProviderId, SeriesId, TreatmentId};
use schema::models::appointment::{Appointment, CancelCode};
use schema::models::series::{Series, SeriesPolicy};
use schema::span::Minute;
use serde::{Deserialize, Serialize};

use super::{PatientRef, Repeats, Scope, Which};
use crate::scheduling::rejection::{Override, Rejection};

/// A new series, in one commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewSeries {
    pub patient: PatientRef,
    pub provider: ProviderId,
    pub treatment: TreatmentId,
    /// The first visit's.
    pub start: Minute,
    pub repeats: Repeats,
    pub operatory: Option<OperatoryId>,
    /// Minutes; the treatment's own without.
    pub duration: Option<i64>,
    pub notes: Option<String>,
    pub policy: SeriesPolicy,
    /// Of `nearest`: minutes to either side.
    pub window: i64,
    pub overrides: BTreeSet<Override>,
}

/// Another time, provider, operatory, length or notes for visits of a series; what is not named
/// stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EditSeries {
    pub series: SeriesId,
    /// The version that the asker has seen.
    pub version: Option<i64>,
    pub scope: Scope,
    pub occurrence: Option<Which>,
    /// Of the named visit, or else the first: the others move as far by the clock on the wall.
    pub start: Option<Minute>,
    pub provider: Option<ProviderId>,
    pub operatory: Option<OperatoryId>,
    /// Minutes.
    pub duration: Option<i64>,
    pub notes: Option<Option<String>>,
    pub overrides: BTreeSet<Override>,
}

/// Cancels visits of a series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CancelSeries {
    pub series: SeriesId,
    pub version: Option<i64>,
    pub scope: Scope,
    pub occurrence: Option<Which>,
    pub reason: String,
    pub code: Option<CancelCode>,
}

/// What became, or would become, of one occurrence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// The local start that the rule gives it.
    pub at: NaiveDateTime,
    pub start: Minute,
    pub verdict: OccurrenceVerdict,
}

/// See [`Occurrence`]. In a preview the appointments' ids are nobody's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OccurrenceVerdict {
    Ok(Box<Appointment>),
    /// At another time, or in another operatory than was named.
    Alternative(Box<Appointment>),
    Refused(Rejection),
}

/// A series as it was booked, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesState {
    pub series: Series,
    pub occurrences: Vec<Occurrence>,
}

/// A series as an edit has left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesEdited {
    pub series: Series,
    pub changed: Vec<Appointment>,
    /// Within the scope, but left as they are: moved or cancelled on their own, begun, or past.
    pub kept: Vec<AppointmentId>,
}
