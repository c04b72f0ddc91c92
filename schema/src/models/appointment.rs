//! Appointments as rows.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

use crate::ids::{
    AppointmentId, OperatoryId, PatientId, ProviderId, SeriesId, TenantId, TreatmentId, UserId,
};
use crate::models::pattern::Placed;
use crate::span::Span;

/// Where a visit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Scheduled,
    Confirmed,
    Arrived,
    InChair,
    Completed,
    Cancelled,
    NoShow,
}

impl Status {
    pub const ALL: [Self; 7] = [
        Self::Scheduled,
        Self::Confirmed,
        Self::Arrived,
        Self::InChair,
        Self::Completed,
        Self::Cancelled,
        Self::NoShow,
    ];

    /// As the database and the wire call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Confirmed => "confirmed",
            Self::Arrived => "arrived",
            Self::InChair => "in_chair",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::NoShow => "no_show",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Whether the visit takes its time. Only `cancelled` and `no_show` give it back.
    #[must_use]
    pub fn takes_time(self) -> bool {
        !matches!(self, Self::Cancelled | Self::NoShow)
    }
}

/// Why a visit was cancelled, for counting; the words are beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelCode {
    /// The patient has asked for it.
    PatientRequest,
    PatientIll,
    /// Whoever leads the visit is ill.
    ProviderIll,
    /// Another reason of the practice's.
    Practice,
    /// The patient could not be reached.
    NoAnswer,
    /// Booked twice.
    Duplicate,
    Other,
}

impl CancelCode {
    pub const ALL: [Self; 7] = [
        Self::PatientRequest,
        Self::PatientIll,
        Self::ProviderIll,
        Self::Practice,
        Self::NoAnswer,
        Self::Duplicate,
        Self::Other,
    ];

    /// As the database and the wire call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PatientRequest => "patient_request",
            Self::PatientIll => "patient_ill",
            Self::ProviderIll => "provider_ill",
            Self::Practice => "practice",
            Self::NoAnswer => "no_answer",
            Self::Duplicate => "duplicate",
            Self::Other => "other",
        }
    }

    /// The code of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }
}

/// A visit as it is kept: the state after a command, written as one upsert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Appointment {
    pub id: AppointmentId,
    pub tenant: TenantId,
    pub version: i64,
    pub status: Status,
    pub span: Span,
    pub patient: PatientId,
    /// Who leads the visit.
    pub provider: ProviderId,
    pub operatory: OperatoryId,
    pub treatment: TreatmentId,
    pub pattern: Vec<Placed>,
    pub series: Option<SeriesId>,
    /// Of a series' visit: the local start that the rule gave it. It stays when the visit moves,
    /// and names it within the series (RFC 5545's RECURRENCE-ID).
    #[serde(default)]
    pub occurrence: Option<NaiveDateTime>,
    /// Moved on its own: edits of its series leave it alone.
    #[serde(default)]
    pub detached: bool,
    pub notes: Option<String>,
    pub cancel_reason: Option<String>,
    #[serde(default)]
    pub cancel_code: Option<CancelCode>,
    pub confirmed_via: Option<String>,
    pub created_by: Option<UserId>,
}
