//! What people at the front desks of a city do in a day, and how often.

use clap::ValueEnum;
use rand::RngExt;
use rand::rngs::StdRng;

/// Something that somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// Which starts are free on a day, with any dentist?
    SearchDay,
    /// Which starts of one dentist are free within a week?
    SearchWeek,
    /// A week of a dentist's calendar.
    Look,
    Book,
    /// Of a visit that the same person has booked, as all that follow.
    Move,
    Cancel,
    Confirm,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mix {
    /// Searches, looks at calendars, bookings, moves, cancellations, confirmations
    Day,
    /// Bookings alone, as `direct` makes them
    Bookings,
}

/// Of a hundred: nobody has counted, but those who ask for an appointment hear several times before
/// they choose, about one visit in three is moved later and one in three is given back, and whoever
/// calls to confirm is noted.
const DAY: [(Deed, u32); 7] = [
    (Deed::SearchDay, 40),
    (Deed::SearchWeek, 15),
    (Deed::Look, 15),
    (Deed::Book, 15),
    (Deed::Move, 6),
    (Deed::Cancel, 5),
    (Deed::Confirm, 4),
];

impl Mix {
    /// What is done next, by chance.
    pub fn next(self, random: &mut StdRng) -> Deed {
        if self == Self::Bookings {
            return Deed::Book;
        }
        let mut left = random.random_range(0..DAY.iter().map(|(_, share)| share).sum::<u32>());
        for (deed, share) in DAY {
            if left < share {
                return deed;
            }
            left -= share;
        }
        Deed::Book
    }
}

impl Deed {
    /// Under which it is measured; both searches are one.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SearchDay | Self::SearchWeek => AVAILABILITY,
            Self::Look => "calendar",
            Self::Book => BOOKING,
            Self::Move => "reschedule",
            Self::Cancel => "cancellation",
            Self::Confirm => "confirmation",
        }
    }
}

/// The name of searches.
pub const AVAILABILITY: &str = "availability";
/// The name of bookings.
pub const BOOKING: &str = "booking";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::SeedableRng;

    use super::*;

    #[test]
    fn each_is_done_as_often_as_the_table_says() {
        assert_eq!(DAY.iter().map(|(_, share)| share).sum::<u32>(), 100);
        let mut random = StdRng::seed_from_u64(7);
        let mut counts: BTreeMap<Deed, f64> = BTreeMap::new();
        for _ in 0..100_000 {
            *counts.entry(Mix::Day.next(&mut random)).or_default() += 0.001;
        }
        for (deed, share) in DAY {
            let count = counts.get(&deed).copied().unwrap_or_default();
            assert!((count - f64::from(share)).abs() < 1.0, "{deed:?} {count}");
        }
    }
}
