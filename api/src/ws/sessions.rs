//! The sessions that are open, to be told when the server stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;

use super::close::Close;
use super::outbox::Outbox;

/// All open sessions of this process.
#[derive(Debug, Default)]
pub struct Sessions {
    open: DashMap<u64, Arc<Outbox>>,
    next: AtomicU64,
}

impl Sessions {
    pub(super) fn add(&self, outbox: Arc<Outbox>) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.open.insert(number, outbox);
        metrics::gauge!("denticloud_ws_sessions").set(self.open.len() as f64);
        number
    }

    pub(super) fn remove(&self, number: u64) {
        self.open.remove(&number);
        metrics::gauge!("denticloud_ws_sessions").set(self.open.len() as f64);
    }

    /// Closes every session with 4201: clients come back at once, to whoever serves then.
    pub fn drain(&self) {
        for session in &self.open {
            session.close(Close::Draining);
        }
    }

    /// How many are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}
