//! What a session has to send. Bounded by bytes: over the bound a calendar's deltas are dropped and
//! made up for later, so a client that reads slowly costs nobody else anything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytestring::ByteString;
use schema::ids::CalendarId;
use tokio::sync::Notify;
use uuid::Uuid;

use super::close::Close;

/// Queued answers beyond this many times the bound end the session: it asks without reading.
const ANSWERS_MAX: usize = 4;

/// What the socket's writer does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    Text(ByteString),
    Ping,
    /// Everything is sent; these streams' changes had been dropped, and are until they are forgotten.
    /// With the version that the client has, unless its state cannot be continued.
    Drained(BTreeMap<Stream, Option<i64>>),
    Close(Close),
}

#[derive(Default)]
struct State {
    queue: VecDeque<(Source, ByteString)>,
    bytes: usize,
    ping: bool,
    /// Streams whose changes were dropped, see [`Next::Drained`].
    dirty: BTreeMap<Stream, Option<i64>>,
    /// Streams that are being made up for.
    catching_up: BTreeSet<Stream>,
    over_since: Option<Instant>,
    close: Option<(Close, Instant)>,
}

/// What a queued text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Answer,
    /// A change of a stream, to be applied to a version.
    Change(Stream, i64),
}

/// What a session follows, of which changes are sent one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    Calendar(CalendarId),
    /// A feed of free slots, by its name.
    Slots(Uuid),
}

/// The queue between a session and its socket.
pub struct Outbox {
    /// Queued text beyond this drops deltas.
    bytes_max: usize,
    state: Mutex<State>,
    changed: Notify,
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outbox({} bytes)", self.lock().bytes)
    }
}

impl Outbox {
    /// Bounded by `bytes_max` of text.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            state: Mutex::default(),
            changed: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues an answer or a snapshot.
    pub fn answer(&self, text: ByteString) {
        let mut state = self.lock();
        if state.bytes > ANSWERS_MAX * self.bytes_max {
            state.close(Close::TooSlow);
        } else {
            state.push(Source::Answer, text);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Queues a change of version `prev`, or notes that the stream has to be made up for.
    pub fn change(&self, stream: Stream, prev: i64, text: ByteString) {
        let mut state = self.lock();
        if state.dirty.contains_key(&stream) || state.catching_up.contains(&stream) {
            return;
        }
        if state.bytes + text.len() > self.bytes_max {
            let has = state.drop_changes(stream).unwrap_or(prev);
            state.dirty.insert(stream, Some(has));
            state.over_since.get_or_insert_with(Instant::now);
            metrics::counter!("denticloud_ws_deltas_dropped_total").increment(1);
        } else {
            state.push(Source::Change(stream, prev), text);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Queues what is worth nothing later: dropped where much waits already.
    pub fn passing(&self, text: ByteString) {
        let mut state = self.lock();
        if state.bytes + text.len() <= self.bytes_max / 2 {
            state.push(Source::Answer, text);
            drop(state);
            self.changed.notify_one();
        }
    }

    /// A stream's changes cannot be continued: it is made up for once all else is sent.
    pub fn spoil(&self, stream: Stream) {
        let mut state = self.lock();
        state.drop_changes(stream);
        if !state.catching_up.contains(&stream) {
            state.dirty.insert(stream, None);
            state.over_since.get_or_insert_with(Instant::now);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Forgets what is queued of a stream that is not followed any more.
    pub fn forget(&self, stream: Stream) {
        let mut state = self.lock();
        state.drop_changes(stream);
        state.dirty.remove(&stream);
        state.catching_up.remove(&stream);
    }

    pub fn ping(&self) {
        self.lock().ping = true;
        self.changed.notify_one();
    }

    /// Ends the session once what is queued has been sent.
    pub fn close(&self, close: Close) {
        self.lock().close(close);
        self.changed.notify_one();
    }

    /// Why the session is to end, if it is.
    pub fn closing(&self) -> Option<Close> {
        self.lock().close.map(|(close, _)| close)
    }

    /// How long ago that was decided.
    pub fn closing_for(&self) -> Option<Duration> {
        self.lock().close.map(|(_, since)| since.elapsed())
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
    fn push(&mut self, source: Source, text: ByteString) {
        self.bytes += text.len();
        self.queue.push_back((source, text));
    }

    fn close(&mut self, close: Close) {
        self.close.get_or_insert_with(|| {
            let code = close.code().to_string();
            metrics::counter!("denticloud_ws_closings_total", "code" => code).increment(1);
            (close, Instant::now())
        });
    }

    /// Answers the version that the first of them would have continued.
    fn drop_changes(&mut self, stream: Stream) -> Option<i64> {
        let mut first = None;
        let mut freed = 0;
        self.queue.retain(|(source, text)| match source {
            Source::Change(of, prev) if *of == stream => {
                first.get_or_insert(*prev);
                freed += text.len();
                false
            }
            _ => true,
        });
        self.bytes -= freed;
        first
    }

    fn next(&mut self) -> Option<Next> {
        if std::mem::take(&mut self.ping) {
            return Some(Next::Ping);
        }
        if let Some((_, text)) = self.queue.pop_front() {
            self.bytes -= text.len();
            if self.queue.is_empty() {
                // An idle session keeps no room for what it was once sent.
                self.queue = VecDeque::new();
            }
            return Some(Next::Text(text));
        }
        if let Some((close, _)) = self.close {
            return Some(Next::Close(close));
        }
        self.over_since = None;
        if self.dirty.is_empty() {
            return None;
        }
        let dirty = std::mem::take(&mut self.dirty);
        self.catching_up.extend(dirty.keys());
        Some(Next::Drained(dirty))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES_MAX: usize = 1000;

    fn text(length: usize) -> ByteString {
        "x".repeat(length).into()
    }

    #[test]
    fn over_the_bound_one_calendars_deltas_go_and_are_made_up_for() {
        let outbox = Outbox::new(BYTES_MAX);
        let slow = Stream::Calendar(CalendarId::new());
        let other = Stream::Slots(Uuid::new_v4());
        let next = || outbox.lock().next();
        outbox.change(slow, 6, text(1));
        assert_eq!(
            next(),
            Some(Next::Text(text(1))),
            "version 7 is with the client"
        );
        outbox.change(slow, 7, text(BYTES_MAX - 10));
        outbox.change(other, 3, text(5));
        outbox.change(slow, 8, text(100));
        outbox.change(slow, 9, text(1));
        outbox.answer(text(3));
        assert_eq!(next(), Some(Next::Text(text(5))));
        assert_eq!(next(), Some(Next::Text(text(3))));
        let has = BTreeMap::from([(slow, Some(7))]);
        assert_eq!(next(), Some(Next::Drained(has)));
        assert_eq!(next(), None);
        outbox.change(slow, 10, text(9));
        assert_eq!(next(), None, "what comes until then is made up for, too");
        assert_eq!(outbox.lock().bytes, 0);
        outbox.forget(slow);
        outbox.change(slow, 11, text(7));
        assert_eq!(next(), Some(Next::Text(text(7))));
    }

    #[test]
    fn a_broken_stream_cannot_be_continued() {
        let outbox = Outbox::new(BYTES_MAX);
        let calendar = Stream::Calendar(CalendarId::new());
        outbox.change(calendar, 1, text(1));
        outbox.spoil(calendar);
        let has = BTreeMap::from([(calendar, None)]);
        assert_eq!(outbox.lock().next(), Some(Next::Drained(has)));
    }

    #[test]
    fn what_passes_is_dropped_first() {
        let outbox = Outbox::new(BYTES_MAX);
        outbox.answer(text(BYTES_MAX / 2));
        outbox.passing(text(1));
        assert_eq!(outbox.lock().bytes, BYTES_MAX / 2);
    }

    #[test]
    fn a_client_that_asks_without_reading_is_closed_and_what_was_said_comes_first() {
        let outbox = Outbox::new(BYTES_MAX);
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
