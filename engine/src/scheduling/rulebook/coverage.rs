//! Whether a visit that was booked earlier still lies where the rules would let it: what a change of
//! hours has to tell whoever makes it.

use schema::models::appointment::Appointment;
use schema::models::pattern::{Placed, Role};
use schema::span::Span;

use super::{Operatory, RuleBook};

impl RuleBook {
    /// Whether everybody and everything that the visit takes is there for it: lent, open, at work,
    /// in use. Notice, horizon and caps are of the moment of booking and do not count.
    #[must_use]
    pub fn covers(&self, visit: &Appointment) -> bool {
        let Some(provider) = self.providers.get(&visit.provider) else {
            return false;
        };
        let Some(operatory) = self.operatories.get(&visit.operatory) else {
            return false;
        };
        provider.active
            && operatory.active
            && self
                .open(provider, operatory, visit.span)
                .contains(visit.span)
            && visit
                .pattern
                .iter()
                .filter(|placed| placed.calendar_id != provider.calendar)
                .all(|placed| self.covers_part(visit, operatory, placed))
    }

    /// The part of an assistant or of equipment; the patient and the chair have no hours here.
    fn covers_part(&self, visit: &Appointment, operatory: &Operatory, placed: &Placed) -> bool {
        if matches!(placed.segment.role, Role::Patient | Role::Operatory) {
            return true;
        }
        let start = visit.span.start();
        let (from, to) = (
            start.plus(placed.segment.from),
            start.plus(placed.segment.to),
        );
        let Some(part) = Span::new(from, to) else {
            return true;
        };
        if placed.segment.role == Role::Equipment {
            let machine = self.equipment.values();
            let machine = machine
                .into_iter()
                .find(|machine| machine.calendar == placed.calendar_id);
            return machine.is_some_and(|machine| self.serves(machine, operatory, &[part]));
        }
        let mut people = self.providers.values();
        let person = people.find(|person| person.calendar == placed.calendar_id);
        person.is_some_and(|person| {
            person.active
                && self
                    .staff_hours(person, part)
                    .is_none_or(|hours| hours.contains(part))
        })
    }
}
