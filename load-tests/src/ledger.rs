//! The clients' book: every answer they got, to be held against what the database has. A command
//! that was answered and is not there is lost; one that is there more often is duplicated.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::Outcome;
use crate::diary::Booking;

/// Faults that are told in words; the others are only counted.
const FAULTS_TOLD: usize = 10;

/// Whose time, from when: what a booking was meant to take.
type Slot = (Uuid, DateTime<Utc>);

#[derive(Debug)]
struct Visit {
    slot: Slot,
    status: Option<&'static str>,
    /// Commands that were answered as done, the booking among them: the appointment's version.
    commands: i64,
}

#[derive(Debug, Default)]
struct Book {
    visits: HashMap<Uuid, Visit>,
    unanswered: HashSet<Slot>,
    /// Appointments with a command that was never answered: where they are is not known.
    unsure: HashSet<Uuid>,
    faults: Faults,
}

/// What went wrong beside the four counts.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    pub count: u64,
    /// Some of them, in words.
    pub examples: Vec<String>,
}

/// How the book and the database differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Acknowledged and not there.
    pub lost: u64,
    /// There more often than acknowledged.
    pub duplicated: u64,
}

/// What the clients were told, by all of them.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Book>);

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    provider_id: Uuid,
    #[diesel(sql_type = Timestamptz)]
    start_at: DateTime<Utc>,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Text)]
    status: String,
    /// Commands on it, by the append-only log of who did what.
    #[diesel(sql_type = BigInt)]
    commands: i64,
}

const ROWS: &str = "SELECT a.id, a.provider_id, a.start_at, a.version, a.status, \
    coalesce(l.commands, 0) AS commands FROM appointments a \
    LEFT JOIN (SELECT subject_id, count(*) AS commands FROM audit_log GROUP BY 1) l \
    ON l.subject_id = a.id";

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A booking was acknowledged.
    pub fn booked(&self, appointment: Uuid, booking: &Booking) {
        let slot = (booking.dentist_id, booking.start);
        let visit = Visit {
            slot,
            status: None,
            commands: 1,
        };
        let before = self.lock().visits.insert(appointment, visit);
        if before.is_some() {
            self.fault(format!("two bookings were answered with {appointment}"));
        }
    }

    /// A change of an appointment was acknowledged, with the version that it has now.
    pub fn changed(&self, appointment: Uuid, version: i64) {
        self.change(appointment, version, |_| {});
    }

    /// As [`Self::changed`], and it is somewhere else now.
    pub fn moved(&self, appointment: Uuid, version: i64, to: &Booking) {
        let slot = (to.dentist_id, to.start);
        self.change(appointment, version, |visit| visit.slot = slot);
    }

    /// As [`Self::changed`], and it has that status now.
    pub fn became(&self, appointment: Uuid, version: i64, status: &'static str) {
        self.change(appointment, version, |visit| visit.status = Some(status));
    }

    /// A change of an appointment was never answered: it may have taken effect or not.
    pub fn unsure(&self, appointment: Uuid) {
        self.lock().unsure.insert(appointment);
    }

    fn change(&self, appointment: Uuid, version: i64, change: impl FnOnce(&mut Visit)) {
        let told = match self.lock().visits.get_mut(&appointment) {
            None => None,
            Some(visit) => {
                visit.commands += 1;
                change(visit);
                Some(visit.commands)
            }
        };
        if told != Some(version) {
            self.fault(format!(
                "{appointment} is at {version}, by the book {told:?}"
            ));
        }
    }

    /// A booking was never answered: it may be there or not.
    pub fn unanswered(&self, booking: &Booking) {
        let slot = (booking.dentist_id, booking.start);
        self.lock().unanswered.insert(slot);
    }

    /// Something is wrong that no count tells.
    pub fn fault(&self, text: String) {
        let faults = &mut self.lock().faults;
        faults.count += 1;
        if faults.examples.len() < FAULTS_TOLD {
            faults.examples.push(text);
        }
    }

    /// What went wrong beside the counts.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.lock().faults.clone()
    }

    /// Whether some booking of that time was acknowledged.
    #[must_use]
    pub fn has_booked(&self, booking: &Booking) -> bool {
        let slot = (booking.dentist_id, booking.start);
        self.lock().visits.values().any(|visit| visit.slot == slot)
    }

    /// How many appointments were acknowledged.
    #[must_use]
    pub fn bookings(&self) -> usize {
        self.lock().visits.len()
    }

    /// Compares the book with the database, read as a superuser. To be called when nobody books.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn compare(&self, database: &mut AsyncPgConnection) -> Outcome<Balance> {
        let rows: Vec<Row> = diesel::sql_query(ROWS).load(database).await?;
        Ok(self.lock().balance(&rows))
    }
}

impl Book {
    fn balance(&self, rows: &[Row]) -> Balance {
        let mut balance = Balance::default();
        let mut found = HashSet::new();
        for row in rows {
            let slot = (row.provider_id, row.start_at);
            let Some(visit) = self.visits.get(&row.id) else {
                // Nobody was told of it: the one booking that was never answered, or one too many.
                if !self.unanswered.contains(&slot) || !found.insert(slot) {
                    balance.duplicated += 1;
                }
                continue;
            };
            found.insert(slot);
            if self.unsure.contains(&row.id) {
                continue;
            }
            let is_as_told = visit.status.is_none_or(|status| status == row.status);
            let committed = row.version.min(row.commands);
            if slot != visit.slot || committed < visit.commands || !is_as_told {
                balance.lost += 1;
            } else if row.version.max(row.commands) > visit.commands {
                balance.duplicated += 1;
            }
        }
        let there: HashSet<Uuid> = rows.iter().map(|row| row.id).collect();
        let gone = self.visits.keys().filter(|id| !there.contains(id)).count();
        balance.lost += gone as u64;
        balance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn booking(slot: Slot) -> Booking {
        Booking {
            patient_id: Uuid::nil(),
            dentist_id: slot.0,
            treatment_id: Uuid::nil(),
            operatory_id: Uuid::nil(),
            start: slot.1,
        }
    }

    fn row(number: u128, slot: Slot, version: i64, commands: i64) -> Row {
        Row {
            id: Uuid::from_u128(number),
            provider_id: slot.0,
            start_at: slot.1,
            version,
            status: "cancelled".to_owned(),
            commands,
        }
    }

    #[test]
    fn what_is_not_there_is_lost_and_what_is_there_twice_duplicated() {
        let slot = |number| {
            let dentist = Uuid::from_u128(number);
            (dentist, DateTime::<Utc>::UNIX_EPOCH)
        };
        let ledger = Ledger::default();
        for number in 1..=2 {
            ledger.booked(Uuid::from_u128(number), &booking(slot(number)));
        }
        ledger.changed(Uuid::from_u128(2), 2);
        ledger.unanswered(&booking(slot(3)));
        let check = |rows: &[Row], lost, duplicated| {
            let balance = ledger.lock().balance(rows);
            assert_eq!(balance, Balance { lost, duplicated });
        };
        let (one, two) = (|| row(1, slot(1), 1, 1), || row(2, slot(2), 2, 2));
        check(&[one(), two()], 0, 0);
        check(&[one(), two(), row(3, slot(3), 1, 1)], 0, 0);
        check(&[one()], 1, 0);
        check(&[one(), row(2, slot(2), 1, 1)], 1, 0);
        check(&[one(), row(2, slot(9), 2, 2)], 1, 0);
        check(&[one(), row(2, slot(2), 3, 3)], 0, 1);
        check(&[one(), row(2, slot(2), 2, 3)], 0, 1);
        check(&[one(), two(), row(4, slot(4), 1, 1)], 0, 1);
        let (three, four) = (row(3, slot(3), 1, 1), row(4, slot(3), 1, 1));
        check(&[one(), two(), three, four], 0, 1);
        assert_eq!(ledger.faults().count, 0);
    }

    #[test]
    fn where_it_was_moved_and_what_it_became_is_compared() {
        let slot = |number| (Uuid::from_u128(number), DateTime::<Utc>::UNIX_EPOCH);
        let ledger = Ledger::default();
        ledger.booked(Uuid::from_u128(1), &booking(slot(1)));
        ledger.moved(Uuid::from_u128(1), 2, &booking(slot(2)));
        let check = |at, version, lost| {
            let row = row(1, slot(at), version, version);
            assert_eq!(ledger.lock().balance(&[row]).lost, lost);
        };
        check(2, 2, 0);
        check(1, 2, 1);
        ledger.became(Uuid::from_u128(1), 3, "confirmed");
        check(2, 3, 1);
        ledger.became(Uuid::from_u128(1), 4, "cancelled");
        check(2, 4, 0);
        ledger.unsure(Uuid::from_u128(1));
        check(1, 3, 0);
        assert_eq!(ledger.faults().count, 0);
    }
}
