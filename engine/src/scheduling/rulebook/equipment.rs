//! Equipment by the rules: where and when a piece can be used.

use std::sync::Arc;

use schema::ids::{CalendarId, ClinicId};
use schema::models::catalogue as rows;
use schema::span::Span;
use uuid::Uuid;

use super::schedule::Schedule;

/// A thing that a visit can need, one visit at a time.
#[derive(Clone, Debug)]
pub struct Equipment {
    pub id: Uuid,
    pub name: String,
    pub calendar: CalendarId,
    /// The calendar's place in [`RuleBook::numbered_calendars`](super::RuleBook::numbered_calendars).
    pub number: usize,
    /// Where it stands; `None`: it is carried to wherever it is needed.
    pub clinic: Option<ClinicId>,
    pub active: bool,
    hours: Option<Arc<Schedule>>,
}

impl Equipment {
    pub(super) fn new(row: &rows::Equipment, number: usize, hours: Option<Arc<Schedule>>) -> Self {
        Self {
            id: row.id,
            name: row.name.clone(),
            calendar: row.calendar_id,
            number,
            clinic: row.clinic_id,
            active: row.active,
            hours,
        }
    }

    /// When it can be used; `None` when no hours are kept for it: whenever the visit may be. The
    /// practice's own closures and extra hours hold for it too.
    #[must_use]
    pub fn hours(&self) -> Option<&Schedule> {
        self.hours.as_deref()
    }

    /// Whether it can be used in a clinic.
    #[must_use]
    pub fn is_in(&self, clinic: ClinicId) -> bool {
        self.clinic.is_none_or(|place| place == clinic)
    }

    /// Whether it can be used in a clinic during all of `parts`, by its place and its hours.
    pub(super) fn serves(&self, clinic: ClinicId, parts: &[Span]) -> bool {
        self.active
            && self.is_in(clinic)
            && self
                .hours()
                .is_none_or(|hours| parts.iter().all(|part| hours.open(*part).contains(*part)))
    }
}
