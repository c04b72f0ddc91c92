//! Equipment by the rules: which pieces serve a treatment in an operatory at a time.

use std::collections::BTreeMap;

use schema::ids::{CalendarId, ClinicId};
use schema::models::catalogue as rows;
use schema::span::Span;
use uuid::Uuid;

use super::{IntervalSet, Operatory, RuleBook, Treatment};

/// A thing that a visit can need, one visit at a time.
#[derive(Clone, Debug)]
pub struct Equipment {
    pub id: Uuid,
    pub name: String,
    pub calendar: CalendarId,
    /// Where it stands; `None`: it is carried to wherever it is needed.
    pub clinic: Option<ClinicId>,
    pub active: bool,
}

impl From<&rows::Equipment> for Equipment {
    fn from(row: &rows::Equipment) -> Self {
        Self {
            id: row.id,
            name: row.name.clone(),
            calendar: row.calendar_id,
            clinic: row.clinic_id,
            active: row.active,
        }
    }
}

/// The calendars of those of `named` that are in use.
pub(super) fn in_use(named: &[Uuid], all: &BTreeMap<Uuid, Equipment>) -> Vec<CalendarId> {
    let found = named.iter().filter_map(|id| all.get(id));
    found
        .filter(|machine| machine.active)
        .map(|machine| machine.calendar)
        .collect()
}

impl RuleBook {
    /// When a piece of equipment can be used within `range`; `None` when no hours are kept for it:
    /// whenever the visit may be. The practice's own closures and extra hours hold for it too.
    #[must_use]
    pub fn equipment_hours(&self, machine: &Equipment, range: Span) -> Option<IntervalSet> {
        self.hours_of(machine.calendar, &[&self.tenant_exceptions], range)
    }

    /// The equipment of `treatment` that can be used in `operatory` during all of `parts`.
    #[must_use]
    pub fn equipment_for(
        &self,
        treatment: &Treatment,
        operatory: &Operatory,
        parts: &[Span],
    ) -> Vec<CalendarId> {
        let machines = self.equipment.values();
        machines
            .filter(|machine| treatment.equipment.contains(&machine.calendar))
            .filter(|machine| self.serves(machine, operatory, parts))
            .map(|machine| machine.calendar)
            .collect()
    }

    /// Whether a piece of equipment can be used in `operatory` during all of `parts`, by its place
    /// and its hours.
    pub(super) fn serves(
        &self,
        machine: &Equipment,
        operatory: &Operatory,
        parts: &[Span],
    ) -> bool {
        machine.active
            && machine
                .clinic
                .is_none_or(|clinic| clinic == operatory.clinic)
            && parts.iter().all(|part| {
                self.equipment_hours(machine, *part)
                    .is_none_or(|hours| hours.contains(*part))
            })
    }
}
