//! What a TZID means: an IANA name, one of Windows' names, or the offsets that the file itself
//! gives in a VTIMEZONE (RFC 5545 §3.6.5).

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Utc};
use schema::span::{Minute, Span};

use super::SkipReason;
use super::lines::{Block, Prop, ZoneBlock};
use super::value::{moment, offset, shortened};
use super::windows;
use crate::scheduling::recurrence::{Recurrence, Rule};
use crate::scheduling::zone::{WallClock, Zone, shift};

/// Zones and observances beyond these are not looked at; real files have a handful.
const ZONES_MAX: usize = 50;
const OBSERVANCES_MAX: usize = 60;

/// Where a wall clock hangs.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    Named(Zone),
    /// Of the file's own making.
    Own(Arc<OwnZone>),
}

impl WallClock for Place {
    fn instant(&self, local: NaiveDateTime) -> DateTime<Utc> {
        match self {
            Self::Named(zone) => zone.instant(local),
            Self::Own(zone) => zone.instant(local),
        }
    }

    fn wall(&self, at: DateTime<Utc>) -> NaiveDateTime {
        match self {
            Self::Named(zone) => zone.wall(at),
            Self::Own(zone) => zone.wall(at),
        }
    }
}

/// The file's zones, resolved when first asked for.
pub(super) struct Zones<'a> {
    default: Zone,
    blocks: HashMap<String, &'a ZoneBlock<'a>>,
    known: HashMap<String, Option<Place>>,
    /// Changes of the file's own zones are worked out until then.
    until: Minute,
}

impl<'a> Zones<'a> {
    pub fn new(blocks: &'a [ZoneBlock<'a>], default: Zone, until: Minute) -> Self {
        let named = blocks.iter().take(ZONES_MAX).filter_map(|block| {
            let id = find(&block.own, "TZID")?.value;
            Some((id, block))
        });
        Self {
            default,
            blocks: named.collect(),
            known: HashMap::new(),
            until,
        }
    }

    /// The default zone: where floating times and all-day events are.
    pub fn default_place(&self) -> Place {
        Place::Named(self.default)
    }

    /// The place that a property's TZID names; without one, the default.
    pub fn place(&mut self, id: Option<&str>) -> Result<Place, SkipReason> {
        let Some(id) = id
            .map(|id| id.trim_matches('"').trim())
            .filter(|id| !id.is_empty())
        else {
            return Ok(self.default_place());
        };
        if !self.known.contains_key(id) {
            let place = self.resolve(id);
            self.known.insert(id.to_owned(), place);
        }
        let place = self.known.get(id).cloned().flatten();
        place.ok_or_else(|| SkipReason::UnknownZone(shortened(id)))
    }

    fn resolve(&self, id: &str) -> Option<Place> {
        if let Some(zone) = by_name(id) {
            return Some(Place::Named(zone));
        }
        let block = self.blocks.get(id)?;
        let location = find(&block.own, "X-LIC-LOCATION").and_then(|prop| by_name(&prop.value));
        match location {
            Some(zone) => Some(Place::Named(zone)),
            None => OwnZone::read(block, self.until).map(|zone| Place::Own(Arc::new(zone))),
        }
    }
}

/// An IANA name, also behind a vendor's prefix (`/citadel.org/20210210_1/America/Lima`), or one of
/// Windows' names.
fn by_name(id: &str) -> Option<Zone> {
    if let Some(zone) = id.parse().ok().or_else(|| windows::zone(id)) {
        return Some(zone);
    }
    // "America/Argentina/Ushuaia" has three parts, most have two.
    let parts: Vec<&str> = id.split('/').collect();
    [3, 2].into_iter().find_map(|count| {
        let from = parts.len().checked_sub(count).filter(|from| *from > 0)?;
        parts.get(from..)?.join("/").parse().ok()
    })
}

fn find(block: &Block<'_>, name: &str) -> Option<Prop> {
    let mut props = block.lines.iter().filter_map(|line| Prop::read(&line.text));
    props.find(|prop| prop.name == name && !prop.value.is_empty())
}

/// A zone as a list of changes.
#[derive(Debug, PartialEq)]
pub(super) struct OwnZone {
    /// Seconds east of UTC before the first change.
    first: i64,
    /// Instants, ascending, and the offset from then on.
    changes: Vec<(DateTime<Utc>, i64)>,
}

impl OwnZone {
    /// `None` unless every observance can be read: half a zone is worse than none.
    fn read(block: &ZoneBlock<'_>, until: Minute) -> Option<Self> {
        if block.observances.is_empty() || block.observances.len() > OBSERVANCES_MAX {
            return None;
        }
        let mut onsets = Vec::new();
        for observance in &block.observances {
            onsets.extend(onsets_of(observance, until)?);
        }
        onsets.sort_unstable();
        let first = onsets.first().map(|(_, from, _)| *from)?;
        let changes = onsets.into_iter().map(|(at, _, to)| (at, to)).collect();
        Some(Self { first, changes })
    }

    fn offset_at(&self, at: DateTime<Utc>) -> i64 {
        let after = self.changes.partition_point(|(change, _)| *change <= at);
        let before = after
            .checked_sub(1)
            .and_then(|index| self.changes.get(index));
        before.map_or(self.first, |(_, offset)| *offset)
    }
}

impl WallClock for OwnZone {
    /// The same rule as [`Zone`]'s: a repeated time is the first, a skipped one is read with the
    /// offset from before the gap.
    fn instant(&self, local: NaiveDateTime) -> DateTime<Utc> {
        let early = shift(local, -26 * 3600);
        let mut offset = self.offset_at(early);
        let next = self.changes.partition_point(|(change, _)| *change <= early);
        for (change, after) in self.changes.get(next..).unwrap_or_default() {
            let (at, later) = (shift(local, -offset), shift(local, -after));
            // Before the change, or in the gap that it makes.
            if at < *change || later < *change {
                return at;
            }
            offset = *after;
        }
        shift(local, -offset)
    }

    fn wall(&self, at: DateTime<Utc>) -> NaiveDateTime {
        shift(at.naive_utc(), self.offset_at(at)).naive_utc()
    }
}

/// `(instant, offset before, offset after)` for each time that an observance begins, 1970 to
/// `until`.
fn onsets_of(observance: &Block<'_>, until: Minute) -> Option<Vec<(DateTime<Utc>, i64, i64)>> {
    let from = offset(&find(observance, "TZOFFSETFROM")?.value)?;
    let to = offset(&find(observance, "TZOFFSETTO")?.value)?;
    let (start, _) = moment(&find(observance, "DTSTART")?.value)?;
    // Outlook begins its rules in 1601.
    let start = if start.year() < 1900 {
        start.with_year(1972)?
    } else {
        start
    };
    let rule = match find(observance, "RRULE") {
        Some(prop) => Some(Rule::parse(&prop.value).ok()?.until_local(from)),
        None => None,
    };
    let rdates = observance
        .lines
        .iter()
        .filter_map(|line| Prop::read(&line.text));
    let rdates = rdates.filter(|prop| prop.name == "RDATE").flat_map(|prop| {
        let moments = prop.value.split(',').filter_map(|text| moment(text.trim()));
        moments.map(|(local, _)| local).collect::<Vec<_>>()
    });
    // Onsets are local to the offset before, so plain wall times here.
    let set = Recurrence::dates(start, Zone::UTC, rdates.collect(), &[]).ok()?;
    let set = match rule {
        Some(rule) => set.with_rule(rule),
        None => set,
    };
    let first = NaiveDate::from_ymd_opt(1900, 1, 1)?.and_hms_opt(0, 0, 0)?;
    let range = Span::new(Minute::floor(first.and_utc()), until.plus(400 * 24 * 60))?;
    let found = set.occurrences(range, 1_000).starts;
    Some(
        found
            .into_iter()
            .map(|(local, _)| (shift(local, -from), from, to))
            .collect(),
    )
}
