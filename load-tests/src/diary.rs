//! Free slots to book, scattered over a year as real visits are: each is one client's, until it is
//! given back.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::seed::Practice;

/// Days of slots: within every practice's horizon, and within the longest range of a calendar.
const DAYS: u64 = 360;
/// Half hours from 08:00 to 20:00.
const SLOTS_PER_DAY: u64 = 24;
const SLOTS: u64 = DAYS * SLOTS_PER_DAY;
/// Has no factor in common with [`SLOTS`], so that its multiples visit every slot.
const STRIDE: u64 = 3571;

/// A booking as the API takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Booking {
    pub patient_id: Uuid,
    pub dentist_id: Uuid,
    pub treatment_id: Uuid,
    pub operatory_id: Uuid,
    pub start: DateTime<Utc>,
}

/// The free slots of one practice.
#[derive(Debug)]
pub struct Diary {
    practice: Practice,
    dentists: u64,
    patients: u64,
    today: DateTime<Utc>,
    /// Whose turn it is.
    turn: AtomicU64,
    /// Of each patient: no two of them have slots at the same time.
    slots: Vec<Mutex<Slots>>,
}

/// The slots of one patient.
#[derive(Debug, Default)]
struct Slots {
    /// Handed out so far.
    count: u64,
    given_back: VecDeque<Booking>,
}

impl Diary {
    #[must_use]
    pub fn new(practice: Practice, dentists: u64, patients: u64, today: DateTime<Utc>) -> Self {
        Self {
            practice,
            dentists,
            patients,
            today,
            turn: AtomicU64::new(0),
            slots: (0..patients).map(|_| Mutex::default()).collect(),
        }
    }

    /// How many slots a practice of so many dentists has.
    #[must_use]
    pub fn capacity(dentists: u64) -> u64 {
        dentists * SLOTS
    }

    /// A slot that nobody else gets, for the next patient, or `None` when all are handed out. Visits
    /// at the same time are different patients'.
    pub fn next(&self) -> Option<Booking> {
        let patient = self.turn.fetch_add(1, Ordering::Relaxed) % self.patients;
        self.slot_for(patient)
    }

    /// Another slot for the patient of `booking`, that nobody else gets.
    pub fn another(&self, booking: &Booking) -> Option<Booking> {
        self.slot_for(self.practice.number_of(booking.patient_id)?)
    }

    /// The slot is free again: somebody else may get it now.
    pub fn give_back(&self, booking: Booking) {
        let patient = self.practice.number_of(booking.patient_id);
        let slots = patient.and_then(|patient| self.slots.get(usize::try_from(patient).ok()?));
        if let Some(slots) = slots {
            let mut slots = slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.given_back.push_back(booking);
        }
    }

    /// What has been given back comes first: the server must know by then that it is free.
    fn slot_for(&self, patient: u64) -> Option<Booking> {
        let slots = self.slots.get(usize::try_from(patient).ok()?)?;
        let mut slots = slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(booking) = slots.given_back.pop_front() {
            return Some(booking);
        }
        let number = slots.count * self.patients + patient;
        let (chair, turn) = (number % self.dentists, number / self.dentists);
        if turn >= SLOTS {
            return None;
        }
        slots.count += 1;
        let slot = turn * STRIDE % SLOTS;
        let (day, half_hour) = (slot / SLOTS_PER_DAY, slot % SLOTS_PER_DAY);
        Some(Booking {
            patient_id: self.practice.patient(patient),
            dentist_id: self.practice.dentist(chair).id,
            treatment_id: self.practice.short(),
            operatory_id: self.practice.operatory(chair).id,
            start: opening(self.today, day) + minutes(half_hour * 30),
        })
    }
}

/// When the practices open, `day` days from tomorrow on: 08:00 at five hours behind UTC.
#[must_use]
pub fn opening(today: DateTime<Utc>, day: u64) -> DateTime<Utc> {
    midnight(today) + TimeDelta::days(i64::try_from(day).unwrap_or_default() + 2) + minutes(13 * 60)
}

/// What all slots lie in: `from` and `to` of a range.
#[must_use]
pub fn range(today: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
    let days = i64::try_from(DAYS).unwrap_or_default() + 10;
    (midnight(today), midnight(today) + TimeDelta::days(days))
}

/// So many minutes, as a span of time.
#[must_use]
pub fn minutes(count: u64) -> TimeDelta {
    TimeDelta::minutes(i64::try_from(count).unwrap_or_default())
}

fn midnight(today: DateTime<Utc>) -> DateTime<Utc> {
    today
        .date_naive()
        .and_time(chrono::NaiveTime::MIN)
        .and_utc()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::seed::Size;

    #[test]
    fn every_slot_is_handed_out_once_and_no_patient_is_in_two_places() {
        let size = Size {
            tenants: 1,
            dentists: 2,
            patients: 20,
        };
        let diary = Diary::new(size.practice(0), 2, 20, Utc::now());
        let (mut chairs, mut patients) = (HashSet::new(), HashSet::new());
        while let Some(booking) = diary.next() {
            assert!(chairs.insert((booking.operatory_id, booking.start)));
            assert!(patients.insert((booking.patient_id, booking.start)));
        }
        assert_eq!(chairs.len() as u64, Diary::capacity(2));
    }

    #[test]
    fn what_is_given_back_is_handed_out_again_to_the_same_patient() {
        let size = Size {
            tenants: 2,
            dentists: 2,
            patients: 20,
        };
        let diary = Diary::new(size.practice(1), 2, 20, Utc::now());
        let one = diary.next().unwrap();
        let other = diary.another(&one).unwrap();
        assert_eq!(other.patient_id, one.patient_id);
        assert_ne!(other.start, one.start);
        diary.give_back(one.clone());
        assert_ne!(diary.next().unwrap().patient_id, one.patient_id);
        assert_eq!(diary.another(&other), Some(one.clone()));
        assert_ne!(diary.another(&other), Some(one));
    }
}
