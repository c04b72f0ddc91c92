//! The waitlist as values: who waits, what came free, what was offered. People are ids here.

use chrono::{DateTime, NaiveDate, Utc};

use crate::ids::{CalendarId, EntryId, PatientId, ProviderId, TenantId, TreatmentId};
use crate::span::Span;

/// Time that came free in a practice with a waitlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freed {
    pub id: i64,
    pub tenant: TenantId,
    pub calendars: Vec<CalendarId>,
    pub span: Span,
}

/// Somebody who waits for a visit, and when they can come; empty lists are "any".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: EntryId,
    pub patient: PatientId,
    pub treatment: TreatmentId,
    pub providers: Vec<ProviderId>,
    /// ISO 8601: Monday is 1.
    pub weekdays: Vec<i16>,
    /// Minutes of the local day between which the visit lies.
    pub from_minute: i16,
    pub to_minute: i16,
    pub earliest: Option<NaiveDate>,
    /// The last day.
    pub latest: Option<NaiveDate>,
    /// The higher the sooner.
    pub priority: i16,
    pub since: DateTime<Utc>,
}

/// Time that somebody has been offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    pub entry: EntryId,
    pub provider: ProviderId,
    pub span: Span,
}
