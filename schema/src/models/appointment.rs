//! Appointments as rows.

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
    pub notes: Option<String>,
    pub cancel_reason: Option<String>,
    pub confirmed_via: Option<String>,
    pub created_by: Option<UserId>,
}
