//! Reading a calendar that Google, Outlook or Apple exported (iCalendar, RFC 5545) as busy times.
//! Stores nothing and asks nobody; what could not be used is listed with its reason.
//!
//! Floating times and all-day events are local to the practice's zone: X-WR-TIMEZONE says how a
//! calendar was displayed, not where its days are. A DTSTART that its rule does not match is busy
//! all the same, as calendar programs show it. VTODO, VJOURNAL and alarms make nobody busy.

mod event;
mod import;
mod lines;
mod value;
mod windows;
mod zones;

use chrono::NaiveDateTime;
use schema::span::Span;

use self::import::Import;
use self::zones::Zones;
use crate::scheduling::recurrence::RecurrenceError;
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
    /// Days looked at while expanding rules, over all events: what bounds the time.
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
            Self::Cancelled | Self::Transparent | Self::Superseded | Self::ZeroLength
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
        let skipped = vec![Skipped {
            line: 1,
            uid: None,
            reason,
        }];
        Imported {
            busy: Vec::new(),
            skipped,
        }
    };
    if text.len() > limits.bytes_max {
        return refused(SkipReason::TooLong {
            max: limits.bytes_max,
        });
    }
    let mut parts = lines::split(text);
    if !parts.is_calendar {
        return refused(SkipReason::NotACalendar);
    }
    let mut zones = Zones::new(&parts.zones, default_zone, window.end());
    let mut import = Import::new(window, limits);
    import.out.skipped.append(&mut parts.skipped);
    if let Some(first) = parts.events.get(limits.events_max) {
        import.skip(
            first.line,
            None,
            SkipReason::EventsCut {
                max: limits.events_max,
            },
        );
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

#[cfg(test)]
mod tests;
