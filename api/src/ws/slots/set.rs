//! The free slots of a feed as a set: what changes when a part of the time is computed again, and
//! when time passes. Pure.

use std::collections::BTreeSet;

use schema::ids::ProviderId;
use schema::span::{Minute, Span};

/// A visit that could be booked: when, and with whom.
pub type FreeSlot = (Span, ProviderId);

/// The free slots of a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotSet(BTreeSet<FreeSlot>);

/// What has become of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub added: Vec<FreeSlot>,
    pub removed: Vec<FreeSlot>,
}

impl Change {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

impl SlotSet {
    /// Earliest first.
    pub fn iter(&self) -> impl Iterator<Item = &FreeSlot> {
        self.0.iter()
    }

    /// Whether a slot is free.
    #[must_use]
    pub fn contains(&self, slot: &FreeSlot) -> bool {
        self.0.contains(slot)
    }

    /// Puts what was found in `window` in the place of what starts there.
    pub fn replace(&mut self, window: Span, found: impl IntoIterator<Item = FreeSlot>) -> Change {
        let within =
            |slot: &FreeSlot| slot.0.start() >= window.start() && slot.0.start() < window.end();
        let found: BTreeSet<FreeSlot> = found.into_iter().filter(within).collect();
        let removed: Vec<FreeSlot> = self
            .0
            .iter()
            .filter(|slot| within(slot) && !found.contains(slot))
            .copied()
            .collect();
        let added: Vec<FreeSlot> = found.difference(&self.0).copied().collect();
        for slot in &removed {
            self.0.remove(slot);
        }
        self.0.extend(added.iter().copied());
        Change { added, removed }
    }

    /// Removes what starts before `earliest`.
    pub fn expire(&mut self, earliest: Minute) -> Change {
        let mut removed = Vec::new();
        while let Some(first) = self.0.first() {
            if first.0.start() >= earliest {
                break;
            }
            removed.extend(self.0.pop_first());
        }
        Change {
            added: Vec::new(),
            removed,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn slot(start: i64) -> FreeSlot {
        let span = Span::lasting(Minute(start), 30).unwrap();
        (span, ProviderId(Uuid::from_u128(1)))
    }

    fn window(from: i64, to: i64) -> Span {
        Span::new(Minute(from), Minute(to)).unwrap()
    }

    #[test]
    fn only_the_window_is_replaced_and_only_differences_are_told() {
        let mut set = SlotSet::default();
        let all = set.replace(window(0, 1000), [slot(10), slot(20), slot(500)]);
        assert_eq!(all.added, [slot(10), slot(20), slot(500)]);
        // 990 lies outside of what was asked for; 500 does too, and stays.
        let change = set.replace(window(0, 100), [slot(20), slot(30), slot(990)]);
        assert_eq!(change.added, [slot(30)]);
        assert_eq!(change.removed, [slot(10)]);
        let left: Vec<FreeSlot> = set.iter().copied().collect();
        assert_eq!(left, [slot(20), slot(30), slot(500)]);
        assert!(set.replace(window(0, 100), [slot(20), slot(30)]).is_empty());
    }

    #[test]
    fn what_time_has_passed_is_removed_once() {
        let mut set = SlotSet::default();
        set.replace(window(0, 1000), [slot(10), slot(20), slot(30)]);
        assert_eq!(set.expire(Minute(21)).removed, [slot(10), slot(20)]);
        assert!(set.expire(Minute(21)).is_empty());
        assert!(
            set.expire(Minute(30)).is_empty(),
            "a start at the limit is free"
        );
        assert_eq!(set.iter().count(), 1);
    }
}
