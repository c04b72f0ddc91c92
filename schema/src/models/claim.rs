//! Claims, and the events that put and delete them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{
    AppointmentId, CalendarId, ClaimId, HoldId, OperatoryId, PatientId, ProviderId, SeriesId,
    TenantId, TreatmentId, TxId,
};
use crate::models::appointment::Status;
use crate::span::{Minute, Span};

/// A span of a calendar that is taken. An absolute state: putting it replaces whatever had its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    pub id: ClaimId,
    /// Whose claim it is; everyone else sees busy time.
    pub tenant: TenantId,
    pub span: Span,
    #[serde(flatten)]
    pub kind: ClaimKind,
}

impl Claim {
    /// Whether it is time of that appointment.
    #[must_use]
    pub fn belongs_to(&self, appointment: AppointmentId) -> bool {
        matches!(&self.kind, ClaimKind::Appointment { visit } if visit.id == appointment)
    }

    /// The member or API key that holds this time.
    #[must_use]
    pub fn holder(&self) -> Option<&str> {
        match &self.kind {
            ClaimKind::Hold { hold } => hold.holder.as_deref(),
            ClaimKind::Appointment { .. } | ClaimKind::Block | ClaimKind::External => None,
        }
    }
}

/// Why the span is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ClaimKind {
    Appointment { visit: Visit },
    Hold { hold: HoldRef },
    Block,
    External,
}

impl ClaimKind {
    /// As the database and the wire call it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Appointment { .. } => "appointment",
            Self::Hold { .. } => "hold",
            Self::Block => "block",
            Self::External => "external",
        }
    }

    /// Whether it is a booking, which nothing may overlap; blocks and external times are facts.
    #[must_use]
    pub fn is_booking(&self) -> bool {
        matches!(self, Self::Appointment { .. } | Self::Hold { .. })
    }
}

/// What a calendar knows of the appointment that takes its time: ids and state, no name, no note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Visit {
    pub id: AppointmentId,
    pub version: i64,
    pub status: Status,
    /// The visit's own span; the claim's may be a part of it, or longer by buffers.
    pub span: Span,
    pub patient: PatientId,
    pub provider: ProviderId,
    pub operatory: OperatoryId,
    pub treatment: TreatmentId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<SeriesId>,
}

/// What a calendar knows of a hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HoldRef {
    pub id: HoldId,
    pub expires_at: DateTime<Utc>,
    /// What it is held for: a day's visits are counted with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit: Option<HeldVisit>,
    /// The member or API key that holds it, as the audit log names them; nobody for guests' holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
}

/// The visit that a hold keeps time for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldVisit {
    pub provider: ProviderId,
    pub treatment: TreatmentId,
    /// The visit's own start; the claim's may be earlier by a buffer, or later.
    pub start: Minute,
}

/// One step of an event. Deletes carry the span, so that a state can be folded without an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    Put(Claim),
    Del { id: ClaimId, span: Span },
}

/// What one command did to one calendar: also as nodes tell it each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub calendar: CalendarId,
    /// Exactly one more than the event before it.
    pub version: i64,
    pub tx: TxId,
    /// The database's clock in the commit.
    pub at: DateTime<Utc>,
    pub ops: Vec<Op>,
}
