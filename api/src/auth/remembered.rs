//! Who somebody is and what they may, as read a while ago: kept until a change of it is heard of,
//! and never longer than is configured.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dashmap::DashMap;

/// What is remembered, by id.
#[derive(Debug)]
pub struct Remembered<K: Eq + Hash, V> {
    keep: Duration,
    /// Beyond this many the old ones are forgotten.
    max: usize,
    known: DashMap<K, (Instant, Arc<V>)>,
    /// How many changes were heard of. What was being read meanwhile may be older than the change,
    /// and is not kept.
    changes: AtomicU64,
}

/// The moment before something is read.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    began: Instant,
    changes: u64,
}

impl<K: Copy + Eq + Hash, V> Remembered<K, V> {
    /// Keeps each for `keep`, and about `max` in all.
    #[must_use]
    pub fn new(keep: Duration, max: usize) -> Self {
        Self {
            keep,
            max,
            known: DashMap::new(),
            changes: AtomicU64::new(0),
        }
    }

    /// To be called after a change, so that this node sees it at once.
    pub fn forget(&self, id: K) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.known.remove(&id);
    }

    /// To be called after a change that concerns nobody knows whom.
    pub fn forget_all(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.known.clear();
    }

    /// What is remembered.
    #[must_use]
    pub fn get(&self, id: K) -> Option<Arc<V>> {
        let known = self.known.get(&id)?;
        (known.0.elapsed() < self.keep).then(|| Arc::clone(&known.1))
    }

    /// To be called before the database is asked.
    #[must_use]
    pub fn reading(&self) -> Reading {
        Reading {
            began: Instant::now(),
            changes: self.changes.load(Ordering::SeqCst),
        }
    }

    /// Remembers what was read since `reading`.
    pub fn put(&self, reading: Reading, id: K, value: &Arc<V>) {
        if self.keep.is_zero() {
            return;
        }
        if self.known.len() > self.max {
            let fresh = |began: &Instant| began.elapsed() < self.keep / 2;
            self.known.retain(|_, (began, _)| fresh(began));
            // Too many at once: half of them, whichever, so that not every one looks through all.
            if self.known.len() > self.max / 2 {
                let mut kept = 0;
                self.known.retain(|_, _| {
                    kept += 1;
                    kept % 2 == 0
                });
            }
        }
        // The entry is locked meanwhile: whoever forgets it has counted before, or comes after.
        let entry = self.known.entry(id);
        if self.changes.load(Ordering::SeqCst) == reading.changes {
            entry.insert((reading.began, Arc::clone(value)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_a_change_is_not_kept() {
        let known: Remembered<u8, &str> = Remembered::new(Duration::from_hours(1), 10);
        let before = known.reading();
        known.forget(2);
        known.put(before, 1, &Arc::new("old"));
        assert!(known.get(1).is_none());
        known.put(known.reading(), 1, &Arc::new("new"));
        assert_eq!(known.get(1).as_deref(), Some(&"new"));
        known.forget(1);
        assert!(known.get(1).is_none());
    }

    #[test]
    fn nothing_is_kept_where_nothing_is_to_be() {
        let known: Remembered<u8, ()> = Remembered::new(Duration::ZERO, 10);
        known.put(known.reading(), 1, &Arc::new(()));
        assert!(known.get(1).is_none());
    }
}
