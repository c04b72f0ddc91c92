//! What wakes a feed: that time on one of its calendars was taken or given back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::feed::{Delta, Follower};
use schema::models::claim::Op;
use schema::span::Span;
use tokio::sync::Notify;

/// More spans than this are the whole of it.
const SPANS_MAX: usize = 32;

/// What has to be computed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dirty {
    Spans(Vec<Span>),
    Everything,
}

impl Dirty {
    /// Nothing yet.
    #[must_use]
    pub fn nothing() -> Self {
        Self::Spans(Vec::new())
    }

    fn add(&mut self, span: Span) {
        if let Self::Spans(spans) = self {
            if spans.len() == SPANS_MAX {
                *self = Self::Everything;
            } else {
                spans.push(span);
            }
        }
    }
}

/// Between the calendars and a feed.
#[derive(Debug)]
pub struct Signal {
    dirty: Mutex<Dirty>,
    wake: Notify,
}

impl Default for Signal {
    /// A new feed has everything to compute.
    fn default() -> Self {
        Self {
            dirty: Mutex::new(Dirty::Everything),
            wake: Notify::new(),
        }
    }
}

impl Signal {
    fn lock(&self) -> MutexGuard<'_, Dirty> {
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has become dirty since the last time.
    pub fn take(&self) -> Dirty {
        std::mem::replace(&mut self.lock(), Dirty::nothing())
    }

    /// All of it has to be computed again.
    pub fn everything(&self) {
        *self.lock() = Dirty::Everything;
        self.wake.notify_one();
    }

    pub fn span(&self, span: Span) {
        self.lock().add(span);
        self.wake.notify_one();
    }

    /// Wakes the feed without anything to compute.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Waits for something to do.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }
}

/// Hears one calendar for a feed.
pub struct Listener {
    pub signal: Arc<Signal>,
    /// What matters to the feed, with whatever reaches into it.
    pub range: Span,
}

impl Follower for Listener {
    fn delta(&self, delta: Arc<Delta>) {
        for op in &delta.ops {
            let span = match op {
                Op::Put(claim) => claim.span,
                Op::Del { span, .. } => *span,
            };
            if span.overlaps(self.range) {
                self.signal.span(span);
            }
        }
    }
}
