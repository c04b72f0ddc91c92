//! What a session has to send. Bounded by bytes: over the bound a calendar's deltas are dropped and
//! made up for later, so a client that reads slowly costs nobody else anything.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytestring::ByteString;
use schema::ids::CalendarId;
use tokio::sync::Notify;

use super::close::Close;

/// Queued text beyond this drops deltas.
const BYTES_MAX: usize = 256 * 1024;
/// Queued answers beyond this end the session: it asks without reading.
const ANSWER_BYTES_MAX: usize = 4 * BYTES_MAX;

/// What the socket's writer does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    Text(ByteString),
    Ping,
    /// Everything is sent; these calendars' deltas had been dropped.
    Drained(BTreeSet<CalendarId>),
    Close(Close),
}

#[derive(Default)]
struct State {
    queue: VecDeque<(Option<CalendarId>, ByteString)>,
    bytes: usize,
    ping: bool,
    dirty: BTreeSet<CalendarId>,
    over_since: Option<Instant>,
    close: Option<Close>,
}

/// The queue between a session and its socket.
#[derive(Default)]
pub struct Outbox {
    state: Mutex<State>,
    changed: Notify,
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outbox({} bytes)", self.lock().bytes)
    }
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues an answer or a snapshot.
    pub fn answer(&self, text: ByteString) {
        let mut state = self.lock();
        if state.bytes > ANSWER_BYTES_MAX {
            state.close.get_or_insert(Close::TooSlow);
        } else {
            state.push(None, text);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Queues a delta, or notes that the calendar has to be made up for.
    pub fn delta(&self, calendar: CalendarId, text: ByteString) {
        let mut state = self.lock();
        if state.dirty.contains(&calendar) {
            return;
        }
        if state.bytes + text.len() > BYTES_MAX {
            state.drop_deltas(calendar);
            metrics::counter!("denticloud_ws_deltas_dropped_total").increment(1);
        } else {
            state.push(Some(calendar), text);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// A calendar's deltas cannot be continued: it is made up for once all else is sent.
    pub fn spoil(&self, calendar: CalendarId) {
        self.lock().drop_deltas(calendar);
        self.changed.notify_one();
    }

    /// Forgets what is queued of a calendar that is not followed any more.
    pub fn forget(&self, calendar: CalendarId) {
        let mut state = self.lock();
        state.drop_deltas(calendar);
        state.dirty.remove(&calendar);
    }

    pub fn ping(&self) {
        self.lock().ping = true;
        self.changed.notify_one();
    }

    /// Ends the session once what is queued has been sent.
    pub fn close(&self, close: Close) {
        self.lock().close.get_or_insert(close);
        self.changed.notify_one();
    }

    /// Why the session is to end, if it is.
    pub fn closing(&self) -> Option<Close> {
        self.lock().close
    }

    /// How long the bound has been exceeded without the queue running empty.
    pub fn over_for(&self) -> Duration {
        self.lock()
            .over_since
            .map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Waits for something to do.
    pub async fn next(&self) -> Next {
        loop {
            let changed = self.changed.notified();
            if let Some(next) = self.lock().next() {
                return next;
            }
            changed.await;
        }
    }
}

impl State {
    fn push(&mut self, calendar: Option<CalendarId>, text: ByteString) {
        self.bytes += text.len();
        self.queue.push_back((calendar, text));
    }

    fn drop_deltas(&mut self, calendar: CalendarId) {
        let mut freed = 0;
        self.queue.retain(|(of, text)| {
            let drop = *of == Some(calendar);
            freed += if drop { text.len() } else { 0 };
            !drop
        });
        self.bytes -= freed;
        self.dirty.insert(calendar);
        self.over_since.get_or_insert_with(Instant::now);
    }

    fn next(&mut self) -> Option<Next> {
        if std::mem::take(&mut self.ping) {
            return Some(Next::Ping);
        }
        if let Some((_, text)) = self.queue.pop_front() {
            self.bytes -= text.len();
            return Some(Next::Text(text));
        }
        if let Some(close) = self.close {
            return Some(Next::Close(close));
        }
        self.over_since = None;
        let dirty = std::mem::take(&mut self.dirty);
        (!dirty.is_empty()).then_some(Next::Drained(dirty))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(length: usize) -> ByteString {
        "x".repeat(length).into()
    }

    #[test]
    fn over_the_bound_one_calendars_deltas_go_and_are_made_up_for() {
        let outbox = Outbox::default();
        let (slow, other) = (CalendarId::new(), CalendarId::new());
        outbox.delta(slow, text(BYTES_MAX - 10));
        outbox.delta(other, text(5));
        outbox.delta(slow, text(100));
        outbox.delta(slow, text(1));
        outbox.answer(text(3));
        let next = || outbox.lock().next();
        assert_eq!(next(), Some(Next::Text(text(5))));
        assert_eq!(next(), Some(Next::Text(text(3))));
        assert_eq!(next(), Some(Next::Drained(BTreeSet::from([slow]))));
        assert_eq!(next(), None);
        assert_eq!(outbox.lock().bytes, 0);
        outbox.delta(slow, text(7));
        assert_eq!(next(), Some(Next::Text(text(7))));
    }

    #[test]
    fn a_client_that_asks_without_reading_is_closed_and_what_was_said_comes_first() {
        let outbox = Outbox::default();
        for _ in 0..6 {
            outbox.answer(text(BYTES_MAX));
        }
        assert_eq!(outbox.closing(), Some(Close::TooSlow));
        let sent =
            std::iter::from_fn(|| outbox.lock().next().filter(|n| matches!(n, Next::Text(_))));
        assert_eq!(sent.count(), 5);
        assert_eq!(outbox.lock().next(), Some(Next::Close(Close::TooSlow)));
    }
}
