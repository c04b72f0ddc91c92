//! Free slots to book: each is handed out once, scattered over a year as real visits are.

use std::sync::atomic::{AtomicU64, Ordering};

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
    next: AtomicU64,
}

impl Diary {
    #[must_use]
    pub fn new(practice: Practice, dentists: u64, patients: u64, today: DateTime<Utc>) -> Self {
        Self {
            practice,
            dentists,
            patients,
            today,
            next: AtomicU64::new(0),
        }
    }

    /// How many slots a practice of so many dentists has.
    #[must_use]
    pub fn capacity(dentists: u64) -> u64 {
        dentists * SLOTS
    }

    /// A slot that nobody else gets, or `None` when all are handed out. Visits at the same time are
    /// different patients'.
    pub fn next(&self) -> Option<Booking> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (chair, turn) = (number % self.dentists, number / self.dentists);
        if turn >= SLOTS {
            return None;
        }
        let slot = turn * STRIDE % SLOTS;
        let (day, half_hour) = (slot / SLOTS_PER_DAY, slot % SLOTS_PER_DAY);
        Some(Booking {
            patient_id: self.practice.patient(number % self.patients),
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
}
