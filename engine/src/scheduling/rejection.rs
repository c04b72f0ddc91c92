//! Why a command is refused, as values: the same codes over REST and WebSocket.

use schema::ids::{AppointmentId, CalendarId};
use schema::span::{Minute, Span};
use serde::{Deserialize, Serialize};

/// A refusal that is the caller's to mend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Rejection {
    #[error("someone else's booking, block or external time is in the way")]
    SlotTaken(Conflict),
    #[error("the patient has another appointment at that time")]
    PatientBusy,
    #[error("both patients have something at that time")]
    PatientsOverlap(Conflict),
    #[error("the appointment's status does not allow this")]
    WrongStatus,
    #[error("the appointment has changed since version {seen}")]
    Stale { seen: i64 },
    #[error("outside opening hours")]
    OutsideHours,
    #[error("the day has {most} such visits already, and no more are taken")]
    DailyCap { most: usize },
    #[error("the earliest start is {earliest:?}")]
    TooSoon { earliest: Minute },
    #[error("the latest start is {latest:?}")]
    BeyondHorizon { latest: Minute },
    #[error("the start lies in the past")]
    InThePast,
    #[error("starts are offered every {interval_min} minutes")]
    OffGrid { interval_min: i64 },
    #[error("this provider is not assigned to that operatory")]
    NoAssignment,
    #[error("this provider does not offer that treatment")]
    NotOffered,
    #[error("not a patient of this practice")]
    NotYourPatient,
    #[error("the hold is no more: choose a time again")]
    HoldExpired,
    #[error("there are as many holds as there may be, or this one has been kept as long as it may")]
    HoldLimit,
    #[error("the idempotency key was used for another command")]
    IdempotencyMismatch,
    #[error("no such {0}")]
    NotFound(Missing),
    #[error("the time must be 1 minute to 24 hours long")]
    BadDuration,
    #[error("{message}")]
    Invalid { field: String, message: String },
    /// Of a command about several visits: everything that refuses it, never empty.
    #[error("{} of the visits cannot be where they should", .0.len())]
    Several(Vec<Refused>),
}

/// One visit that a command about several could not place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// A visit that is there already.
    pub appointment: Option<AppointmentId>,
    /// When it should have been.
    pub start: Minute,
    pub why: Rejection,
}

/// What is in the way: where and when, never whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    pub calendar: CalendarId,
    pub span: Span,
}

/// What a command names that is not there, or not for the asker to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Missing {
    Appointment,
    Block,
    Calendar,
    Hold,
    Occurrence,
    Operatory,
    Patient,
    Provider,
    Series,
    Tenant,
    Treatment,
    /// On the waitlist.
    Entry,
    Offer,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Appointment => "appointment",
            Self::Block => "block",
            Self::Calendar => "calendar",
            Self::Hold => "hold",
            Self::Occurrence => "occurrence",
            Self::Operatory => "operatory",
            Self::Patient => "patient",
            Self::Provider => "provider",
            Self::Series => "series",
            Self::Tenant => "practice",
            Self::Treatment => "treatment",
            Self::Entry => "entry of the waitlist",
            Self::Offer => "offer",
        })
    }
}

impl Rejection {
    /// The code on the wire, and the name by which an override names it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::SlotTaken(_) => "slot_taken",
            Self::PatientBusy | Self::PatientsOverlap(_) => "patient_busy",
            Self::WrongStatus => "wrong_status",
            Self::Stale { .. } => "stale",
            Self::OutsideHours => "outside_hours",
            Self::DailyCap { .. } => "daily_cap",
            Self::TooSoon { .. } => "too_soon",
            Self::BeyondHorizon { .. } => "beyond_horizon",
            Self::InThePast => "in_the_past",
            Self::OffGrid { .. } => "off_grid",
            Self::NoAssignment => "no_assignment",
            Self::NotOffered => "not_offered",
            Self::NotYourPatient => "not_your_patient",
            Self::HoldExpired => "hold_expired",
            Self::HoldLimit => "hold_limit",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::NotFound(_) => "not_found",
            Self::BadDuration => "bad_duration",
            Self::Invalid { .. } => "validation",
            Self::Several(refused) => refused
                .first()
                .map_or("slot_taken", |first| first.why.code()),
        }
    }

    /// A field of the command that cannot be taken as it is.
    #[must_use]
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.to_owned(),
            message: message.into(),
        }
    }
}

/// Rules that staff with the permission may override, each named in the request. Overlap never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Override {
    OutsideHours,
    TooSoon,
    BeyondHorizon,
    DailyCap,
    NoAssignment,
    OffGrid,
}

impl Override {
    pub const ALL: [Self; 6] = [
        Self::OutsideHours,
        Self::TooSoon,
        Self::BeyondHorizon,
        Self::DailyCap,
        Self::NoAssignment,
        Self::OffGrid,
    ];

    /// The code of the refusal that it overrides.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::OutsideHours => "outside_hours",
            Self::TooSoon => "too_soon",
            Self::BeyondHorizon => "beyond_horizon",
            Self::DailyCap => "daily_cap",
            Self::NoAssignment => "no_assignment",
            Self::OffGrid => "off_grid",
        }
    }

    /// The override of that code; `None` for a rule that nobody may override.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.code() == code)
    }
}
