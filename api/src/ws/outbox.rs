//! What a session has to send. Bounded by bytes: over the bound a calendar's deltas are dropped and
//! made up for later, so a client that reads slowly costs nobody else anything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use actix_web::web::Bytes;
use bytestring::ByteString;
use schema::ids::CalendarId;
use smallvec::SmallVec;
use uuid::Uuid;

use super::close::Close;

/// Queued answers beyond this many times the bound end the session: it asks without reading.
const ANSWERS_MAX: usize = 4;
/// Texts that are sent at once, and the bytes from which on there are no more of them: they are out
/// of the bound while the socket takes them.
pub const TEXTS_MAX: usize = 16;
const TEXTS_BYTES: usize = 32 * 1024;

/// What the socket's writer does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// One after the other; seldom more than one.
    Texts(SmallVec<[ByteString; 1]>),
    Ping,
    /// The answer to the peer's last ping.
    Pong(Bytes),
    /// Everything is sent; these streams' changes had been dropped, and are until they are forgotten.
    /// With the version that the client has, unless its state cannot be continued.
    Drained(BTreeMap<Stream, Option<i64>>),
    Close(Close),
    /// The session has ended; nothing is sent any more.
    Over,
}

#[derive(Default)]
struct State {
    queue: VecDeque<(Source, ByteString)>,
    bytes: usize,
    ping: bool,
    pong: Option<Bytes>,
    /// Streams whose changes were dropped, see [`Next::Drained`].
    dirty: BTreeMap<Stream, Option<i64>>,
    /// Streams that are being made up for.
    catching_up: BTreeSet<Stream>,
    over_since: Option<Instant>,
    close: Option<(Close, Instant)>,
    over: bool,
    /// The writer, while it waits.
    waiting: Option<Waker>,
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
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and has the writer look at it.
    fn change_state(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let waiting = state.waiting.take();
        drop(state);
        if let Some(writer) = waiting {
            writer.wake();
        }
    }

    /// Queues an answer or a snapshot.
    pub fn answer(&self, text: ByteString) {
        self.change_state(|state| {
            if state.bytes > self.bytes_max.saturating_mul(ANSWERS_MAX) {
                state.close(Close::TooSlow);
            } else {
                state.push(Source::Answer, text);
            }
        });
    }

    /// Queues a change of version `prev`, or notes that the stream has to be made up for.
    pub fn change(&self, stream: Stream, prev: i64, text: ByteString) {
        self.change_state(|state| {
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
        });
    }

    /// Queues what is worth nothing later: dropped where much waits already.
    pub fn passing(&self, text: ByteString) {
        self.change_state(|state| {
            if state.bytes + text.len() <= self.bytes_max / 2 {
                state.push(Source::Answer, text);
            }
        });
    }

    /// A stream's changes cannot be continued: it is made up for once all else is sent.
    pub fn spoil(&self, stream: Stream) {
        self.change_state(|state| {
            state.drop_changes(stream);
            if !state.catching_up.contains(&stream) {
                state.dirty.insert(stream, None);
                state.over_since.get_or_insert_with(Instant::now);
            }
        });
    }

    /// Forgets what is queued of a stream that is not followed any more.
    pub fn forget(&self, stream: Stream) {
        let mut state = self.lock();
        state.drop_changes(stream);
        state.dirty.remove(&stream);
        state.catching_up.remove(&stream);
    }

    pub fn ping(&self) {
        self.change_state(|state| state.ping = true);
    }

    /// Answers a ping. Of those that come before it can be sent only the last is answered
    /// (RFC 6455, 5.5.3), so that who pings and does not read costs nothing.
    pub fn pong(&self, bytes: Bytes) {
        self.change_state(|state| state.pong = Some(bytes));
    }

    /// Ends the session once what is queued has been sent.
    pub fn close(&self, close: Close) {
        self.change_state(|state| state.close(close));
    }

    /// The session has ended, whatever is still to be sent.
    pub fn end(&self) {
        self.change_state(|state| state.over = true);
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

    /// Waits for something to do. For one writer.
    pub async fn next(&self) -> Next {
        poll_fn(|context| {
            let mut state = self.lock();
            let next = state.next();
            state.ready_or_wait(next, context)
        })
        .await
    }

    /// Whether the session has ended. Instead of [`Self::next`], for the same writer.
    pub fn poll_over(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        let over = state.over.then_some(());
        state.ready_or_wait(over, context)
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

    fn ready_or_wait<T>(&mut self, ready: Option<T>, context: &Context<'_>) -> Poll<T> {
        match ready {
            Some(ready) => Poll::Ready(ready),
            None => {
                self.waiting = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    fn texts(&mut self) -> SmallVec<[ByteString; 1]> {
        let mut texts = SmallVec::new();
        let mut bytes = 0;
        while texts.len() < TEXTS_MAX
            && bytes < TEXTS_BYTES
            && let Some((_, text)) = self.queue.pop_front()
        {
            bytes += text.len();
            texts.push(text);
        }
        self.bytes -= bytes;
        if self.queue.is_empty() {
            // An idle session keeps no room for what it was once sent.
            self.queue = VecDeque::new();
        }
        texts
    }

    fn next(&mut self) -> Option<Next> {
        if self.over {
            return Some(Next::Over);
        }
        if let Some(bytes) = self.pong.take() {
            return Some(Next::Pong(bytes));
        }
        if std::mem::take(&mut self.ping) {
            return Some(Next::Ping);
        }
        if !self.queue.is_empty() {
            return Some(Next::Texts(self.texts()));
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

    fn texts(lengths: &[usize]) -> Next {
        Next::Texts(lengths.iter().map(|length| text(*length)).collect())
    }

    #[test]
    fn over_the_bound_one_calendars_deltas_go_and_are_made_up_for() {
        let outbox = Outbox::new(BYTES_MAX);
        let slow = Stream::Calendar(CalendarId::new());
        let other = Stream::Slots(Uuid::new_v4());
        let next = || outbox.lock().next();
        outbox.change(slow, 6, text(1));
        assert_eq!(next(), Some(texts(&[1])), "version 7 is with the client");
        outbox.change(slow, 7, text(BYTES_MAX - 10));
        outbox.change(other, 3, text(5));
        outbox.change(slow, 8, text(100));
        outbox.change(slow, 9, text(1));
        outbox.answer(text(3));
        assert_eq!(next(), Some(texts(&[5, 3])));
        let has = BTreeMap::from([(slow, Some(7))]);
        assert_eq!(next(), Some(Next::Drained(has)));
        assert_eq!(next(), None);
        outbox.change(slow, 10, text(9));
        assert_eq!(next(), None, "what comes until then is made up for, too");
        assert_eq!(outbox.lock().bytes, 0);
        outbox.forget(slow);
        outbox.change(slow, 11, text(7));
        assert_eq!(next(), Some(texts(&[7])));
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
        assert_eq!(outbox.lock().next(), Some(texts(&[BYTES_MAX; 5])));
        assert_eq!(outbox.lock().next(), Some(Next::Close(Close::TooSlow)));
    }

    #[test]
    fn what_is_sent_at_once_is_bounded() {
        let outbox = Outbox::new(usize::MAX);
        for _ in 0..TEXTS_MAX + 1 {
            outbox.answer(text(1));
        }
        outbox.answer(text(TEXTS_BYTES));
        outbox.answer(text(1));
        let next = || outbox.lock().next();
        assert_eq!(next(), Some(texts(&[1; TEXTS_MAX])));
        assert_eq!(outbox.lock().bytes, TEXTS_BYTES + 2);
        assert_eq!(next(), Some(texts(&[1, TEXTS_BYTES])));
        assert_eq!(next(), Some(texts(&[1])));
        assert_eq!(next(), None);
    }

    #[test]
    fn of_many_pings_the_last_is_answered_and_an_end_is_the_end() {
        let outbox = Outbox::new(BYTES_MAX);
        outbox.answer(text(1));
        outbox.pong(Bytes::from_static(b"1"));
        outbox.pong(Bytes::from_static(b"2"));
        let next = || outbox.lock().next();
        assert_eq!(next(), Some(Next::Pong(Bytes::from_static(b"2"))));
        outbox.end();
        outbox.close(Close::Gone);
        assert_eq!(next(), Some(Next::Over));
        assert_eq!(next(), Some(Next::Over));
    }
}
