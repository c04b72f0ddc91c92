//! One VEVENT's lines as values, with the reason where it does not make anybody busy.

use chrono::{Datelike, NaiveDateTime, TimeDelta};
use schema::span::{Minute, Span};
use sha2::{Digest, Sha256};

use super::lines::{Block, Line, Prop};
use super::value::{Length, When, duration, shortened, when, whens};
use super::zones::{Place, Zones};
use super::{SUMMARY_CHARS_MAX, SkipReason};
use crate::scheduling::recurrence::Rule;
use crate::scheduling::zone::{WallClock, shift};

/// An event that could be read.
pub(super) struct Event {
    /// The file's line of its BEGIN.
    pub line: usize,
    pub uid: String,
    pub start: When,
    /// Where its wall clock hangs.
    pub place: Place,
    pub length: Length,
    pub rule: Option<Rule>,
    pub rdates: Vec<When>,
    pub exdates: Vec<When>,
    /// Which occurrence of the series it replaces.
    pub replaces: Option<When>,
    /// Why nobody is busy then: it still hides what it replaces.
    pub free: Option<SkipReason>,
    pub summary: Option<String>,
    /// Later revisions compare greater.
    pub revision: (i64, String),
    /// What of it could not be used, though the rest can.
    pub notes: Vec<SkipReason>,
}

/// An event that could not be read: whose, if it says, and why.
pub(super) struct Unread {
    pub uid: Option<String>,
    pub reason: SkipReason,
}

impl Event {
    pub fn is_all_day(&self) -> bool {
        matches!(self.start, When::Day(_))
    }

    /// Its start on its own wall.
    pub fn local(&self) -> NaiveDateTime {
        self.start.at(&self.place)
    }

    /// The whole minutes that an occurrence starting at `local` touches. `None` when a clock
    /// change leaves nothing of it.
    pub fn span(&self, local: NaiveDateTime) -> Option<Span> {
        let end = local.checked_add_signed(TimeDelta::try_days(self.length.days)?)?;
        let end = shift(self.place.instant(end).naive_utc(), self.length.seconds);
        Span::new(Minute::floor(self.place.instant(local)), Minute::ceil(end))
    }
}

/// The longest UID kept as it is.
const UID_BYTES_MAX: usize = 500;

fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// The first of each property by name; several RDATE and EXDATE are one list.
struct Props(Vec<Prop>);

impl Props {
    fn get(&self, name: &str) -> Option<&Prop> {
        self.0.iter().find(|prop| prop.name == name)
    }

    fn value(&self, name: &str) -> &str {
        self.get(name).map_or("", |prop| prop.value.as_str())
    }
}

/// Reads the event of `block`. `cancels`: the whole file calls its events off.
pub(super) fn read(
    block: &Block<'_>,
    zones: &mut Zones<'_>,
    cancels: bool,
) -> Result<Event, Unread> {
    let mut broken = None;
    let mut props = Vec::new();
    for line in &block.lines {
        match Prop::read(&line.text) {
            Some(prop) => props.push(prop),
            None => broken = broken.or_else(|| Some(bad_line(line))),
        }
    }
    let props = Props(props);
    let uid = Some(props.value("UID").to_owned()).filter(|uid| !uid.is_empty());
    let unread = |reason| Unread {
        uid: uid.clone(),
        reason,
    };
    if let Some(reason) = broken {
        return Err(unread(reason));
    }

    let start = props
        .get("DTSTART")
        .ok_or_else(|| unread(SkipReason::NoStart))?;
    let start = when(start, zones).map_err(unread)?;
    let place = match &start {
        When::Day(_) => zones.default_place(),
        When::At(_, place) => place.clone(),
    };
    if !(1900..2100).contains(&start.at(&place).year()) {
        return Err(unread(SkipReason::OutOfRange));
    }
    let length = length(&props, &start, &place, zones).map_err(unread)?;
    let (replaces, rule) = series(&props, &start, zones).map_err(unread)?;

    let mut notes = Vec::new();
    let mut list = |name: &str| {
        let mut all = Vec::new();
        for prop in props.0.iter().filter(|prop| prop.name == name) {
            match whens(prop, zones) {
                Ok(some) => all.extend(some),
                Err(reason) => notes.push(reason),
            }
        }
        all
    };
    let (rdates, exdates) = (list("RDATE"), list("EXDATE"));
    if props.get("EXRULE").is_some() {
        notes.push(SkipReason::NotRead("EXRULE"));
    }
    let free = free(&props, cancels);
    let revision = (
        props.value("SEQUENCE").parse().unwrap_or(0),
        format!("{}{}", props.value("LAST-MODIFIED"), props.value("DTSTAMP")),
    );
    let uid = match uid.clone() {
        // Keys are stored and indexed: a monstrous one is replaced.
        Some(uid) if uid.len() > UID_BYTES_MAX => format!("sha256:{}", digest(&uid)),
        Some(uid) => uid,
        // Without a UID the same text must still give the same key.
        None => {
            let names = ["DTSTART", "DTEND", "DURATION", "RRULE", "SUMMARY"];
            format!(
                "no-uid:{}",
                digest(&names.map(|name| props.value(name)).join("\n"))
            )
        }
    };
    let summary = props
        .value("SUMMARY")
        .chars()
        .take(SUMMARY_CHARS_MAX)
        .collect::<String>();
    let summary = Some(summary).filter(|text| !text.is_empty());
    let line = block.line;
    Ok(Event {
        line,
        uid,
        start,
        place,
        length,
        rule,
        rdates,
        exdates,
        replaces,
        free,
        summary,
        revision,
        notes,
    })
}

fn bad_line(line: &Line<'_>) -> SkipReason {
    SkipReason::BadLine {
        line: line.number,
        text: shortened(&line.text),
    }
}

/// From DTEND or DURATION; without either a day for a date (RFC 5545 §3.6.1).
fn length(
    props: &Props,
    start: &When,
    place: &Place,
    zones: &mut Zones<'_>,
) -> Result<Length, SkipReason> {
    let length = if let Some(end) = props.get("DTEND") {
        match (start, when(end, zones)?) {
            // The end of a date is excluded; "ends on the day it starts" means that day.
            (When::Day(from), When::Day(to)) => {
                let days = (to - *from).num_days();
                Length {
                    days: if days == 0 { 1 } else { days },
                    seconds: 0,
                }
            }
            // The duration between both is exact and holds for every occurrence (§3.8.5.3).
            (When::At(local, _), When::At(to, there)) => {
                let exact = there.instant(to) - place.instant(*local);
                Length {
                    days: 0,
                    seconds: exact.num_seconds(),
                }
            }
            _ => return Err(SkipReason::MixedEnds),
        }
    } else if let Some(lasts) = props.get("DURATION") {
        let bad = || SkipReason::BadValue(shortened(&format!("DURATION:{}", lasts.value)));
        duration(&lasts.value).ok_or_else(bad)?
    } else if matches!(start, When::Day(_)) {
        Length {
            days: 1,
            seconds: 0,
        }
    } else {
        Length::default()
    };
    let total = length.days * 86_400 + length.seconds;
    match total {
        0 => Err(SkipReason::ZeroLength),
        ..0 => Err(SkipReason::EndsBeforeStart),
        _ if total > 3_653 * 86_400 => Err(SkipReason::OutOfRange),
        _ => Ok(length),
    }
}

/// RECURRENCE-ID and RRULE.
fn series(
    props: &Props,
    start: &When,
    zones: &mut Zones<'_>,
) -> Result<(Option<When>, Option<Rule>), SkipReason> {
    if let Some(prop) = props.get("RECURRENCE-ID") {
        if prop.param("RANGE").is_some() {
            return Err(SkipReason::ThisAndFuture);
        }
        // One occurrence repeats nothing, whatever else it carries.
        return Ok((Some(when(prop, zones)?), None));
    }
    let mut rules = props.0.iter().filter(|prop| prop.name == "RRULE");
    let Some(prop) = rules.next() else {
        return Ok((None, None));
    };
    if rules.next().is_some() {
        return Err(SkipReason::SeveralRules);
    }
    let rule = Rule::parse(&prop.value).map_err(SkipReason::Rule)?;
    let rule = if matches!(start, When::Day(_)) {
        rule.for_dates()
    } else {
        rule
    };
    Ok((None, Some(rule)))
}

fn free(props: &Props, cancels: bool) -> Option<SkipReason> {
    let is = |name: &str, value: &str| props.value(name).eq_ignore_ascii_case(value);
    if cancels || is("STATUS", "CANCELLED") {
        return Some(SkipReason::Cancelled);
    }
    let free = is("TRANSP", "TRANSPARENT") || is("X-MICROSOFT-CDO-BUSYSTATUS", "FREE");
    free.then_some(SkipReason::Transparent)
}
