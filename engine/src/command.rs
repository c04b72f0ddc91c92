//! Everything that can be asked of the engine, as values. REST, WebSocket and the command line all
//! build these.

pub mod block;
pub mod hold;
pub mod replan;
pub mod series;

use std::collections::{BTreeMap, BTreeSet};

use schema::audit_log::Origin;
use schema::ids::{
    AppointmentId, CalendarId, ClaimId, HoldId, OperatoryId, PatientId, ProviderId, TenantId,
    TreatmentId, UserId,
};
use schema::models::appointment::{Appointment, CancelCode, Status};
use schema::span::{Minute, Span};
use serde::{Deserialize, Serialize};

use crate::scheduling::placement::Asker;
use crate::scheduling::rejection::{Override, Rejection};
use block::{BlockState, EditBlock, NewBlock, Unblock};
use replan::{Replan, Replanned, Swap};
use series::{CancelSeries, EditSeries, NewSeries, SeriesEdited, SeriesState};

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
    Cancel(Cancel),
    SetStatus(SetStatus),
    EditNotes {
        appointment: Target,
        notes: Option<String>,
    },
    Swap(Swap),
    Replan(Replan),
    BookSeries(NewSeries),
    EditSeries(EditSeries),
    CancelSeries(CancelSeries),
    Block(NewBlock),
    EditBlock(EditBlock),
    Unblock(Unblock),
    /// A visit in the chair goes on past its end: its time grows, up to what is taken next.
    Extend {
        appointment: Target,
    },
    MergePatients(MergePatients),
    Import(Import),
    Hold(hold::Hold),
    Renew {
        hold: HoldId,
    },
    Release {
        hold: HoldId,
    },
    Confirm(hold::Confirm),
    /// Removes a hold whose time is over.
    Expire {
        hold: HoldId,
    },
    Abandon(hold::Abandon),
}

impl Command {
    /// Its name, for counting.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Book(_) => "book",
            Self::Reschedule(_) => "reschedule",
            Self::Resize(_) => "resize",
            Self::Cancel(_) => "cancel",
            Self::SetStatus(_) => "set_status",
            Self::EditNotes { .. } => "edit_notes",
            Self::Swap(_) => "swap",
            Self::Replan(_) => "replan",
            Self::BookSeries(_) => "book_series",
            Self::EditSeries(_) => "edit_series",
            Self::CancelSeries(_) => "cancel_series",
            Self::Block(_) => "block",
            Self::EditBlock(_) => "edit_block",
            Self::Unblock(_) => "unblock",
            Self::Extend { .. } => "extend",
            Self::MergePatients(_) => "merge_patients",
            Self::Import(_) => "import",
            Self::Hold(_) => "hold",
            Self::Renew { .. } => "renew",
            Self::Release { .. } => "release",
            Self::Confirm(_) => "confirm",
            Self::Expire { .. } => "expire",
            Self::Abandon(_) => "abandon",
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

impl Target {
    /// Whether the appointment is still as the asker has seen it.
    pub(crate) fn check(&self, found: &Appointment) -> Result<(), Rejection> {
        match self.version {
            Some(seen) if seen != found.version => Err(Rejection::Stale { seen }),
            _ => Ok(()),
        }
    }
}

/// Gives a visit's time back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cancel {
    pub appointment: Target,
    /// In words; empty for none.
    pub reason: String,
    pub code: Option<CancelCode>,
}

/// Where a visit stands now. Undoing a cancellation or a no-show books the time again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SetStatus {
    pub appointment: Target,
    pub status: Status,
    /// Of the rules that the booking anew is judged by.
    pub overrides: BTreeSet<Override>,
}

/// How something repeats.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Repeats {
    /// RFC 5545, in the practice's zone; without, the start and `rdates` are all there is.
    pub rrule: Option<String>,
    pub rdates: Vec<Minute>,
    pub exdates: Vec<Minute>,
}

/// Which occurrences a change is about, seen from the named one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    This,
    Following,
    All,
}

/// How an occurrence is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// The appointment, or a block's claim.
    Id(uuid::Uuid),
    /// When the rule lets it start, or when it starts.
    Start(Minute),
}

impl Which {
    /// Whether it names the occurrence with these.
    pub(crate) fn names(self, id: uuid::Uuid, by_rule: Minute, start: Minute) -> bool {
        match self {
            Self::Id(wanted) => wanted == id,
            Self::Start(wanted) => wanted == by_rule || wanted == start,
        }
    }
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

/// Two records of one person. Whoever asks has checked that both are the practice's, and that
/// nobody else has anything of the one that goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MergePatients {
    pub keep: PatientRef,
    pub remove: PatientRef,
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
    Hold(Box<hold::HoldState>),
    Appointments {
        appointments: Vec<Appointment>,
    },
    Replanned {
        visits: Vec<Replanned>,
    },
    Series(Box<SeriesState>),
    SeriesEdited(Box<SeriesEdited>),
    Block(Box<BlockState>),
    /// Ids of the claims that are gone.
    Unblocked {
        removed: Vec<ClaimId>,
    },
    /// How many visits are the kept one's now.
    Merged {
        kept: PatientId,
        removed: PatientId,
        moved: usize,
    },
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
