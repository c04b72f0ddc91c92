//! Who on the waitlist fits time that came free, best first: higher priority before lower, who has
//! waited longer before who came later.

use std::cmp::Reverse;

use chrono::{Datelike, Timelike};
use schema::ids::{CalendarId, EntryId, ProviderId};
use schema::models::waitlist::{Entry, Offered};
use schema::span::Span;

use super::availability::Slot;
use super::rulebook::RuleBook;
use super::zone::Zone;

/// Somebody who could have a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub entry: EntryId,
    pub slot: Slot,
}

/// The order in which people are asked.
pub fn rank(entries: &mut [Entry]) {
    entries.sort_by_key(|entry| (Reverse(entry.priority), entry.since, entry.id));
}

/// Whose time came free; everybody's, where only chairs or machines did.
#[must_use]
pub fn concerned(book: &RuleBook, calendars: &[CalendarId]) -> Vec<ProviderId> {
    let all = || book.providers.values().filter(|provider| provider.active);
    let named: Vec<ProviderId> = all()
        .filter(|provider| calendars.contains(&provider.calendar))
        .map(|provider| provider.id)
        .collect();
    if named.is_empty() {
        return all().map(|provider| provider.id).collect();
    }
    named
}

/// Whether somebody can come at that time: the days and times that they named, in local time.
#[must_use]
pub fn can_come(entry: &Entry, zone: Zone, visit: Span) -> bool {
    let (start, end) = (zone.to_local(visit.start()), zone.to_local(visit.end()));
    let day = start.date();
    let minute = |time: chrono::NaiveTime| i64::from(time.hour() * 60 + time.minute());
    // A visit over midnight ends on another day.
    let days = (end.date() - day).num_days();
    let weekday = i16::try_from(day.weekday().number_from_monday()).unwrap_or(0);
    (entry.weekdays.is_empty() || entry.weekdays.contains(&weekday))
        && entry.earliest.is_none_or(|earliest| day >= earliest)
        && entry.latest.is_none_or(|latest| day <= latest)
        && minute(start.time()) >= i64::from(entry.from_minute)
        && minute(end.time()) + days * 24 * 60 <= i64::from(entry.to_minute)
}

/// Those of `entries` for whom `free` has a slot that touches the freed time, best first. Nobody is
/// a candidate for time that they have been offered with the same provider before.
pub fn ranked(
    zone: Zone,
    freed: Span,
    mut entries: Vec<Entry>,
    offered: &[Offered],
    free: impl Fn(&Entry) -> Vec<Slot>,
) -> Vec<Candidate> {
    rank(&mut entries);
    entries
        .iter()
        .filter_map(|entry| {
            let fits = |slot: &Slot| {
                slot.span.overlaps(freed)
                    && can_come(entry, zone, slot.span)
                    && (entry.providers.is_empty() || entry.providers.contains(&slot.provider))
                    && !offered.iter().any(|before| {
                        before.entry == entry.id
                            && before.provider == slot.provider
                            && before.span.overlaps(slot.span)
                    })
            };
            // Most of the freed time first: a slot that only reaches into it would leave a gap.
            let used = |slot: &Slot| slot.span.intersection(freed).map_or(0, Span::minutes);
            let mut slots: Vec<Slot> = free(entry).into_iter().filter(fits).collect();
            slots.sort_by_key(|slot| (Reverse(used(slot)), slot.span.start()));
            let slot = slots.into_iter().next()?;
            Some(Candidate {
                entry: entry.id,
                slot,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
