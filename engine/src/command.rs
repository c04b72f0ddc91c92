//! Everything that can be asked of the engine, as values. REST, WebSocket and the command line all
//! build these.

use std::collections::{BTreeMap, BTreeSet};

use schema::audit_log::Origin;
use schema::ids::{
    AppointmentId, CalendarId, ClaimId, OperatoryId, PatientId, ProviderId, TenantId, TreatmentId,
    UserId,
};
use schema::models::appointment::{Appointment, Status};
use schema::span::{Minute, Span};
use serde::{Deserialize, Serialize};

use crate::scheduling::placement::Asker;
use crate::scheduling::rejection::Override;

/// A command and who asks for it. The asker's rights have been checked.
#[derive(Clone, Debug)]
pub struct Request {
    pub tenant: TenantId,
    pub asker: Asker,
    /// For the audit log and as the scope of `key`: `user:<id>`, `import`, …
    pub principal: String,
    pub user: Option<UserId>,
    /// In which role and from where, for the audit log.
    pub origin: Origin,
    /// Repeating a command with its key has no effect but the first answer.
    pub key: Option<String>,
    pub command: Command,
}

/// What is asked. Serialised, it is what an idempotency key is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    Book(Book),
    Reschedule(Reschedule),
    Resize(Resize),
    Cancel {
        appointment: Target,
        reason: String,
    },
    SetStatus {
        appointment: Target,
        status: Status,
    },
    EditNotes {
        appointment: Target,
        notes: Option<String>,
    },
    Import(Import),
}

impl Command {
    /// Its name, for counting.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Book(_) => "book",
            Self::Reschedule(_) => "reschedule",
            Self::Resize(_) => "resize",
            Self::Cancel { .. } => "cancel",
            Self::SetStatus { .. } => "set_status",
            Self::EditNotes { .. } => "edit_notes",
            Self::Import(_) => "import",
        }
    }
}

/// A patient, with the calendar that the visit takes too. Whoever builds the command has checked
/// that the practice may see them: the engine knows no patients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PatientRef {
    pub id: PatientId,
    pub calendar: CalendarId,
}

/// A new appointment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Book {
    pub patient: PatientRef,
    pub provider: ProviderId,
    pub treatment: TreatmentId,
    pub start: Minute,
    /// `None`: any that the provider may use.
    pub operatory: Option<OperatoryId>,
    /// Minutes; the treatment's own without.
    pub duration: Option<i64>,
    pub notes: Option<String>,
    pub overrides: BTreeSet<Override>,
}

/// An appointment, and the version that the asker has seen (`If-Match`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Target {
    pub id: AppointmentId,
    pub version: Option<i64>,
}

/// Another time, provider or operatory; what is not named stays, but for an operatory that the
/// provider cannot use then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reschedule {
    pub appointment: Target,
    pub start: Minute,
    pub provider: Option<ProviderId>,
    pub operatory: Option<OperatoryId>,
    pub overrides: BTreeSet<Override>,
}

/// Another length, from the same start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resize {
    pub appointment: Target,
    /// Minutes.
    pub duration: i64,
    pub overrides: BTreeSet<Override>,
}

/// The busy times of an outside calendar: replaces what `source` said before within `window`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Import {
    pub calendar: CalendarId,
    pub source: String,
    pub window: Span,
    pub busy: Vec<BusyTime>,
    /// Whether `busy` is all there is: only then what is missing from it is removed.
    pub complete: bool,
}

/// One busy time; the same id again is the same entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BusyTime {
    pub id: ClaimId,
    pub span: Span,
    pub title: Option<String>,
}

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "done", rename_all = "snake_case")]
pub enum Done {
    Appointment(Box<Appointment>),
    Imported {
        added: usize,
        removed: usize,
        unchanged: usize,
    },
}

/// The answer to a command that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub done: Done,
    /// The versions that the command gave the calendars it touched.
    pub positions: BTreeMap<CalendarId, i64>,
    /// Whether this is the first answer of an earlier command with the same key.
    pub replay: bool,
}
