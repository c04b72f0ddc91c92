//! Reading a calendar that Google, Outlook or Apple exported (iCalendar, RFC 5545) as busy times.
//! Stores nothing and asks nobody; what could not be used is listed with its reason.
//!
//! Floating times and all-day events are local to the practice's zone: X-WR-TIMEZONE says how a
//! calendar was displayed, not where its days are. A DTSTART that its rule does not match is busy
//! all the same, as calendar programs show it. VTODO, VJOURNAL and alarms make nobody busy.

mod event;
mod lines;
mod value;
mod windows;
mod zones;

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDateTime;
use schema::span::Span;

use self::event::Event;
use self::value::When;
use self::zones::Zones;
use crate::scheduling::recurrence::{Recurrence, RecurrenceError};
use crate::scheduling::zone::Zone;

/// What one file may hold; more is cut, and the cut reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of the text; a longer one is refused as a whole.
    pub bytes_max: usize,
    /// VEVENTs read, overrides included.
    pub events_max: usize,
    /// Busy times returned.
    pub busy_max: usize,
    /// Days looked at while expanding rules, over all events; a million take some 50 ms.
    pub days_max: usize,
    /// Entries of [`Imported::skipped`].
    pub skipped_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes_max: 32 << 20,
            events_max: 50_000,
            busy_max: 50_000,
            days_max: 20_000_000,
            skipped_max: 10_000,
        }
    }
}

/// The longest summary kept, in characters.
const SUMMARY_CHARS_MAX: usize = 200;

/// A time at which the calendar's owner is busy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Busy {
    pub uid: String,
    /// Of an occurrence of a series: when the rule puts it, on the series' own wall, also when this
    /// one was moved. None for an event on its own. Together with `uid` the key that stays the same
    /// when the same file, or a later export of it, is read again.
    pub recurrence: Option<NaiveDateTime>,
    /// Whole minutes, seconds rounded outward; overlaps the window but is not cut to it.
    pub span: Span,
    /// At most 200 characters.
    pub summary: Option<String>,
}

impl Busy {
    /// Unique within a file and stable between reads of it.
    #[must_use]
    pub fn key(&self) -> (&str, Option<NaiveDateTime>) {
        (&self.uid, self.recurrence)
    }
}

/// Something of the file that makes nobody busy, or could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file's line, from 1, on which the entry begins.
    pub line: usize,
    pub uid: Option<String>,
    pub reason: SkipReason,
}

/// Why something was skipped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    #[error("this is not an iCalendar file (no BEGIN:VCALENDAR)")]
    NotACalendar,
    #[error("the file is larger than {max} bytes")]
    TooLong { max: usize },
    #[error("{0} is not closed; the file may be cut off")]
    Unclosed(&'static str),
    #[error("line {line} cannot be read: {text}")]
    BadLine { line: usize, text: String },
    #[error("cannot be read: {0}")]
    BadValue(String),
    #[error("the event has no start")]
    NoStart,
    #[error("unknown time zone {0:?}")]
    UnknownZone(String),
    #[error("one of start and end is a date, the other a time")]
    MixedEnds,
    #[error("the event ends before it starts")]
    EndsBeforeStart,
    #[error("the event has no length")]
    ZeroLength,
    #[error("outside 1900–2100, or longer than ten years")]
    OutOfRange,
    #[error("{0}")]
    Rule(RecurrenceError),
    #[error("the event has several RRULEs")]
    SeveralRules,
    #[error("changes to \"this and following\" are not read; the series is as it was")]
    ThisAndFuture,
    #[error("an RDATE that is a period is not read")]
    Period,
    #[error("{0} is not read")]
    NotRead(&'static str),
    #[error("cancelled")]
    Cancelled,
    #[error("shown as free")]
    Transparent,
    #[error("the file has a later revision of it")]
    Superseded,
    #[error("only the first {max} events were read")]
    EventsCut { max: usize },
    #[error("only {max} busy times were kept")]
    BusyCut { max: usize },
    #[error("the rules take too long to expand; the rest was left out")]
    WorkCut,
    #[error("{more} more entries were skipped")]
    SkippedCut { more: usize },
}

impl SkipReason {
    /// Whether busy times may be missing because of it: then what the file lacks must not be taken
    /// for deleted.
    #[must_use]
    pub fn hides_busy_times(&self) -> bool {
        !matches!(
            self,
            Self::Cancelled
                | Self::Transparent
                | Self::Superseded
                | Self::ZeroLength
        )
    }
}

/// What a file says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imported {
    /// By start, then key; keys are unique.
    pub busy: Vec<Busy>,
    /// By line.
    pub skipped: Vec<Skipped>,
}

/// The busy times of `text` that overlap `window`. `default_zone` is where floating times and
/// all-day events are.
#[must_use]
pub fn read(text: &str, default_zone: Zone, window: Span) -> Imported {
    read_within(text, default_zone, window, Limits::default())
}

/// As [`read`], with other limits.
#[must_use]
pub fn read_within(text: &str, default_zone: Zone, window: Span, limits: Limits) -> Imported {
    let refused = |reason| {
        let skipped = vec![Skipped { line: 1, uid: None, reason }];
        Imported { busy: Vec::new(), skipped }
    };
    if text.len() > limits.bytes_max {
        return refused(SkipReason::TooLong { max: limits.bytes_max });
    }
    let mut parts = lines::split(text);
    if !parts.is_calendar {
        return refused(SkipReason::NotACalendar);
    }
    let mut zones = Zones::new(&parts.zones, default_zone, window.end());
    let mut import = Import::new(window, limits);
    import.out.skipped.append(&mut parts.skipped);
    if let Some(first) = parts.events.get(limits.events_max) {
        import.skip(first.line, None, SkipReason::EventsCut { max: limits.events_max });
    }
    let mut events = Vec::new();
    for block in parts.events.iter().take(limits.events_max) {
        match event::read(block, &mut zones, parts.cancels) {
            Ok(event) => events.push(event),
            Err(unread) => import.skip(block.line, unread.uid, unread.reason),
        }
    }
    import.series(events);
    import.finish()
}

/// An import under way.
struct Import {
    window: Span,
    limits: Limits,
    days_left: usize,
    /// That busy times were cut has been said.
    cut: bool,
    out: Imported,
}

/// A series (or a single event) and the occurrences that the file changes, by when they were.
#[derive(Default)]
struct Series {
    master: Option<Event>,
    changed: BTreeMap<NaiveDateTime, Event>,
}

impl Import {
    fn new(window: Span, limits: Limits) -> Self {
        Self { window, limits, days_left: limits.days_max, cut: false, out: Imported::default() }
    }

    fn skip(&mut self, line: usize, uid: Option<String>, reason: SkipReason) {
        self.out.skipped.push(Skipped { line, uid, reason });
    }

    fn skip_event(&mut self, event: &Event, reason: SkipReason) {
        self.skip(event.line, Some(event.uid.clone()), reason);
    }

    /// Groups by UID, keeps the latest revision of each, and expands.
    fn series(&mut self, events: Vec<Event>) {
        let (masters, changes): (Vec<_>, Vec<_>) =
            events.into_iter().partition(|event| event.replaces.is_none());
        let mut order: Vec<String> = Vec::new();
        let mut all: HashMap<String, Series> = HashMap::new();
        for event in masters {
            let series = all.entry(event.uid.clone()).or_insert_with(|| {
                order.push(event.uid.clone());
                Series::default()
            });
            let kept = self.later(series.master.take(), event);
            series.master = Some(kept);
        }
        for event in changes {
            let series = all.entry(event.uid.clone()).or_insert_with(|| {
                order.push(event.uid.clone());
                Series::default()
            });
            let key = key_of(&event, series.master.as_ref());
            let kept = self.later(series.changed.remove(&key), event);
            series.changed.insert(key, kept);
        }
        for series in order.iter().filter_map(|uid| all.remove(uid)) {
            self.expand(series);
        }
    }

    /// Of two revisions the later; of equal ones the one further down.
    fn later(&mut self, before: Option<Event>, event: Event) -> Event {
        let Some(before) = before else { return event };
        let (kept, dropped) =
            if event.revision >= before.revision { (event, before) } else { (before, event) };
        self.skip_event(&dropped, SkipReason::Superseded);
        kept
    }

    fn expand(&mut self, series: Series) {
        if let Some(mut master) = series.master {
            for reason in std::mem::take(&mut master.notes) {
                self.skip_event(&master, reason);
            }
            match master.free.take() {
                Some(reason) => self.skip_event(&master, reason),
                None => self.occurrences(&master, &series.changed),
            }
        }
        for (at, event) in series.changed {
            match &event.free {
                Some(reason) => self.skip_event(&event, reason.clone()),
                None => self.add(&event, event.local(), Some(at)),
            }
        }
    }

    /// The master's own occurrences, less those that were changed.
    fn occurrences(&mut self, master: &Event, changed: &BTreeMap<NaiveDateTime, Event>) {
        let local = master.local();
        if master.rule.is_none() && master.rdates.is_empty() {
            return self.add(master, local, None);
        }
        let all_day = master.is_all_day();
        let rdates = master.rdates.iter().map(|at| local_of(at, master)).collect();
        let mut exdates = Vec::new();
        let mut exdays = Vec::new();
        for at in &master.exdates {
            match at {
                // A date takes away everything on it.
                When::Day(date) => exdays.push(*date),
                When::At(..) if all_day => exdays.push(at.day(&master.place)),
                When::At(..) => exdates.push(at.at(&master.place)),
            }
        }
        let set = Recurrence::dates(local, master.place.clone(), rdates, &exdates);
        let set = match set {
            Ok(set) => set.without_days(exdays),
            Err(error) => return self.skip_event(master, SkipReason::Rule(error)),
        };
        let set = match &master.rule {
            Some(rule) => set.with_rule(rule.clone()),
            None => set,
        };
        if self.days_left == 0 {
            return self.skip_event(master, SkipReason::WorkCut);
        }
        // One that began before the window may reach into it; a local day has up to 25 hours.
        let reach = master.length.days * 25 * 60 + master.length.seconds.div_euclid(60) + 2;
        let from = self.window.start().plus(-reach);
        let Some(range) = Span::new(from, self.window.end()) else { return };
        // Changed ones are asked for too, though they are dropped below.
        let room = self.limits.busy_max.saturating_sub(self.out.busy.len());
        let found = set.occurrences(range, room.saturating_add(changed.len()).saturating_add(1));
        self.days_left = self.days_left.saturating_sub(found.examined);
        for (at, _) in found.starts {
            if !changed.contains_key(&at) {
                self.add(master, at, Some(at));
            }
        }
    }

    fn add(&mut self, event: &Event, local: NaiveDateTime, recurrence: Option<NaiveDateTime>) {
        let Some(span) = event.span(local).filter(|span| span.overlaps(self.window)) else { return };
        if self.out.busy.len() >= self.limits.busy_max {
            let cut = SkipReason::BusyCut { max: self.limits.busy_max };
            if !std::mem::replace(&mut self.cut, true) {
                self.skip_event(event, cut);
            }
            return;
        }
        let (uid, summary) = (event.uid.clone(), event.summary.clone());
        self.out.busy.push(Busy { uid, recurrence, span, summary });
    }

    fn finish(mut self) -> Imported {
        let out = &mut self.out;
        out.busy.sort_by(|a, b| (a.span, a.key()).cmp(&(b.span, b.key())));
        out.skipped.sort_by_key(|skipped| skipped.line);
        let more = out.skipped.len().saturating_sub(self.limits.skipped_max);
        if let Some(line) = out.skipped.get(self.limits.skipped_max).map(|first| first.line) {
            out.skipped.truncate(self.limits.skipped_max);
            self.skip(line, None, SkipReason::SkippedCut { more });
        }
        self.out
    }
}

/// A date of a series on the wall of its master.
fn local_of(at: &When, master: &Event) -> NaiveDateTime {
    if master.is_all_day() {
        return at.day(&master.place).and_time(chrono::NaiveTime::MIN);
    }
    match at {
        // A date means the occurrence of that day.
        When::Day(date) => date.and_time(master.local().time()),
        When::At(..) => at.at(&master.place),
    }
}

/// When the occurrence that `event` replaces was, on its master's wall; without a master in the
/// file, as the event itself says.
fn key_of(event: &Event, master: Option<&Event>) -> NaiveDateTime {
    let Some(replaces) = &event.replaces else { return event.local() };
    match (master, replaces) {
        (Some(master), _) => local_of(replaces, master),
        (None, When::Day(date)) => date.and_time(chrono::NaiveTime::MIN),
        (None, When::At(local, _)) => *local,
    }
}

#[cfg(test)]
mod tests;
