//! From a file's text to the lines of its events and zones. Knows where things begin and end, not
//! what they mean.
//!
//! The `icalendar` crate reads single lines well, and does so here ([`Prop::read`]). Its reader of
//! whole calendars is not used: one malformed line fails the file, and components nested in
//! components are read recursively, so that a hostile file overflows the stack.

use std::borrow::Cow;

use icalendar::parser::Property;

use super::{SkipReason, Skipped};

/// A content line, unfolded, and the number (from 1) of the file's line that it starts on.
pub(super) struct Line<'a> {
    pub number: usize,
    pub text: Cow<'a, str>,
}

/// The lines of one component, without those of components nested in it.
#[derive(Default)]
pub(super) struct Block<'a> {
    pub line: usize,
    pub lines: Vec<Line<'a>>,
}

/// A VTIMEZONE: its own lines, and those of each STANDARD and DAYLIGHT.
#[derive(Default)]
pub(super) struct ZoneBlock<'a> {
    pub own: Block<'a>,
    pub observances: Vec<Block<'a>>,
}

/// What a file holds.
#[derive(Default)]
pub(super) struct Parts<'a> {
    pub events: Vec<Block<'a>>,
    pub zones: Vec<ZoneBlock<'a>>,
    /// There is a VCALENDAR at all.
    pub is_calendar: bool,
    /// The calendar's METHOD is CANCEL: everything in it is called off.
    pub cancels: bool,
    pub skipped: Vec<Skipped>,
}

/// One property: the crate's reading, name in capitals.
pub(super) struct Prop {
    pub name: String,
    pub value: String,
    params: Vec<(String, String)>,
}

impl Prop {
    /// `None` when the line is none: no name, or no value (the crate lets that pass as empty).
    pub fn read(line: &str) -> Option<Self> {
        let read = Property::try_from(line).ok()?;
        if read.val.as_str().is_empty() && !line.trim_end().ends_with(':') {
            return None;
        }
        let params = read.params.iter().map(|param| {
            let value = param.val.as_ref().map_or("", |value| value.as_str());
            (
                param.key.as_str().to_ascii_uppercase(),
                value.trim().to_owned(),
            )
        });
        Some(Self {
            name: read.name.as_str().to_ascii_uppercase(),
            value: read.val.as_str().trim().to_owned(),
            params: params.collect(),
        })
    }

    pub fn param(&self, name: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The name that a content line starts with.
pub(super) fn name_of(line: &str) -> &str {
    let line = line.trim_start();
    line.split([':', ';']).next().unwrap_or_default().trim_end()
}

/// Content lines: CRLF or LF, continuations (a leading blank or tab) joined, empty ones dropped
/// (RFC 5545 §3.1).
fn unfold(text: &str) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, raw) in text.split('\n').enumerate() {
        let raw = raw.strip_suffix('\r').unwrap_or(raw);
        match (raw.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some(last)) => last.text.to_mut().push_str(rest),
            _ if raw.trim().is_empty() => {}
            _ => lines.push(Line {
                number: index + 1,
                text: Cow::Borrowed(raw),
            }),
        }
    }
    lines
}

/// `BEGIN:VEVENT` → `("BEGIN", "VEVENT")`, in capitals.
fn bracket(line: &str) -> Option<(bool, String)> {
    let (name, value) = line.trim().split_once(':')?;
    let begins = name.eq_ignore_ascii_case("BEGIN");
    (begins || name.eq_ignore_ascii_case("END"))
        .then(|| (begins, value.trim().to_ascii_uppercase()))
}

/// Splits the file. What is left open, or of a kind that is not read, is reported.
pub(super) fn split(text: &str) -> Parts<'_> {
    let mut parts = Parts::default();
    let mut open: Vec<String> = Vec::new();
    let mut event: Option<Block<'_>> = None;
    let mut zone: Option<ZoneBlock<'_>> = None;
    let mut calendar = None;
    let mut last = 0;
    for line in unfold(text) {
        let number = line.number;
        last = number;
        match bracket(&line.text) {
            Some((true, name)) => {
                let block = Block {
                    line: number,
                    lines: Vec::new(),
                };
                match name.as_str() {
                    "VCALENDAR" => {
                        parts.is_calendar = true;
                        calendar = Some(number);
                    }
                    "VEVENT" => {
                        // The one before was never closed: nothing of it can be trusted.
                        parts.drop_open(event.replace(block));
                        open.clear();
                        zone = None;
                    }
                    "VFREEBUSY" => parts.skip(number, SkipReason::NotRead("VFREEBUSY")),
                    "VTIMEZONE" => {
                        zone = Some(ZoneBlock {
                            own: block,
                            observances: Vec::new(),
                        });
                    }
                    "STANDARD" | "DAYLIGHT" => {
                        if let Some(zone) = &mut zone {
                            zone.observances.push(block);
                        }
                    }
                    _ => {}
                }
                open.push(name);
            }
            Some((false, name)) => {
                match name.as_str() {
                    "VEVENT" => parts.events.extend(event.take()),
                    "VTIMEZONE" => parts.zones.extend(zone.take()),
                    "VCALENDAR" => {
                        parts.drop_open(event.take());
                        calendar = None;
                    }
                    _ => {}
                }
                // Closes what it names and anything left open inside.
                if let Some(at) = open.iter().rposition(|it| *it == name) {
                    open.truncate(at);
                }
            }
            None => match open.last().map(String::as_str) {
                Some("VEVENT") => event.iter_mut().for_each(|it| keep(it, &line)),
                Some("VTIMEZONE") => zone.iter_mut().for_each(|it| keep(&mut it.own, &line)),
                Some("STANDARD" | "DAYLIGHT") => {
                    let observance = zone.as_mut().and_then(|zone| zone.observances.last_mut());
                    observance.into_iter().for_each(|it| keep(it, &line));
                }
                Some("VCALENDAR") if name_of(&line.text).eq_ignore_ascii_case("METHOD") => {
                    let method = Prop::read(&line.text);
                    parts.cancels |=
                        method.is_some_and(|it| it.value.eq_ignore_ascii_case("CANCEL"));
                }
                _ => {}
            },
        }
    }
    parts.drop_open(event);
    if calendar.is_some() {
        // A download that broke off: what is missing must not look deleted.
        parts.skip(last, SkipReason::Unclosed("VCALENDAR"));
    }
    parts
}

impl Parts<'_> {
    fn skip(&mut self, line: usize, reason: SkipReason) {
        self.skipped.push(Skipped {
            line,
            uid: None,
            reason,
        });
    }

    fn drop_open(&mut self, block: Option<Block<'_>>) {
        if let Some(block) = block {
            let uid = block
                .lines
                .iter()
                .find(|line| name_of(&line.text).eq_ignore_ascii_case("UID"));
            let uid = uid
                .and_then(|line| Prop::read(&line.text))
                .map(|prop| prop.value);
            let reason = SkipReason::Unclosed("VEVENT");
            self.skipped.push(Skipped {
                line: block.line,
                uid,
                reason,
            });
        }
    }
}

/// Properties that are read; the others (descriptions, attachments) would only cost memory.
const READ: [&str; 20] = [
    "UID",
    "DTSTART",
    "DTEND",
    "DURATION",
    "RRULE",
    "RDATE",
    "EXDATE",
    "EXRULE",
    "RECURRENCE-ID",
    "STATUS",
    "TRANSP",
    "SUMMARY",
    "SEQUENCE",
    "DTSTAMP",
    "LAST-MODIFIED",
    "X-MICROSOFT-CDO-BUSYSTATUS",
    "TZID",
    "X-LIC-LOCATION",
    "TZOFFSETFROM",
    "TZOFFSETTO",
];

fn keep<'a>(block: &mut Block<'a>, line: &Line<'a>) {
    let name = name_of(&line.text);
    if READ.iter().any(|read| read.eq_ignore_ascii_case(name)) {
        block.lines.push(Line {
            number: line.number,
            text: line.text.clone(),
        });
    }
}
