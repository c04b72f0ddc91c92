//! One session's following of one calendar.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytestring::ByteString;
use schema::ids::CalendarId;

use super::outbox::{Outbox, Stream};
use crate::wire::entry::Reader;

/// Deltas wait at the gate until the state that they continue has been queued.
#[derive(Debug)]
pub struct Subscription {
    pub calendar: CalendarId,
    pub reader: Reader,
    /// Who reads: what they hold themselves is told as theirs.
    pub actor: Box<str>,
    outbox: Arc<Outbox>,
    gate: Mutex<Gate>,
    /// The last version that was queued.
    sent: AtomicI64,
}

#[derive(Debug)]
enum Gate {
    /// With the version that each is to be applied to.
    Waiting(Vec<(i64, ByteString)>),
    Open,
}

impl Subscription {
    /// `after` is the version of the state that its first frames will tell.
    #[must_use]
    pub fn new(
        calendar: CalendarId,
        reader: Reader,
        actor: Box<str>,
        outbox: Arc<Outbox>,
        after: i64,
    ) -> Self {
        Self {
            calendar,
            reader,
            actor,
            outbox,
            gate: Mutex::new(Gate::Waiting(Vec::new())),
            sent: AtomicI64::new(after),
        }
    }

    fn stream(&self) -> Stream {
        Stream::Calendar(self.calendar)
    }

    /// Whether it is one of that session's.
    #[must_use]
    pub fn is_of(&self, outbox: &Arc<Outbox>) -> bool {
        Arc::ptr_eq(&self.outbox, outbox)
    }

    /// What is worth nothing later.
    pub fn passing(&self, frame: ByteString) {
        self.outbox.passing(frame);
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A delta from `prev` to `version`; dropped where the first state has it already.
    pub fn deliver(&self, prev: i64, version: i64, frame: &ByteString) {
        let mut gate = self.gate();
        if version <= self.sent.load(Ordering::Acquire) {
            return;
        }
        self.sent.store(version, Ordering::Release);
        match &mut *gate {
            Gate::Waiting(frames) => frames.push((prev, frame.clone())),
            Gate::Open => self.outbox.change(self.stream(), prev, frame.clone()),
        }
    }

    /// Queues the first frames, then what has come meanwhile, and lets the rest through.
    pub fn open(&self, first: Vec<ByteString>) {
        let mut gate = self.gate();
        for frame in first {
            self.outbox.answer(frame);
        }
        if let Gate::Waiting(frames) = std::mem::replace(&mut *gate, Gate::Open) {
            for (prev, frame) in frames {
                self.outbox.change(self.stream(), prev, frame);
            }
        }
    }

    /// The stream of deltas has broken: the session has to start from a state again.
    pub fn spoil(&self) {
        self.outbox.spoil(self.stream());
    }

    /// The last version that was queued. Waits for a delta that is being queued: a mark must not
    /// tell its version before it.
    #[must_use]
    pub fn sent(&self) -> i64 {
        let _gate = self.gate();
        self.sent.load(Ordering::Acquire)
    }
}
