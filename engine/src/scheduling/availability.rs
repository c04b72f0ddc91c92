//! Which starts are free: opening hours ∧ every role free, on the slot grid, between notice and
//! horizon.

use std::collections::BTreeSet;

use schema::ids::{CalendarId, OperatoryId, ProviderId};
use schema::span::{DAY, Minute, Span};

use super::pattern;
use super::placement::{Asker, Wish, horizon_days, notice_min, place, segments, slot_interval_min};
use super::rejection::Rejection;
use super::rulebook::{Provider, RuleBook, Treatment};

/// What is searched.
#[derive(Clone, Debug)]
pub struct Search<'a> {
    pub treatment: &'a Treatment,
    pub providers: Vec<&'a Provider>,
    /// Empty: any.
    pub operatories: Vec<OperatoryId>,
    pub range: Span,
    /// Minutes; the treatment's own without.
    pub duration: Option<i64>,
    pub asker: Asker,
    pub limit: usize,
}

/// A start that can be booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    pub span: Span,
    pub provider: ProviderId,
    pub operatory: OperatoryId,
    /// Other operatories that are free at the same time.
    pub alternatives: Vec<OperatoryId>,
}

/// The longest range that one search looks at, in days.
pub const LONGEST_RANGE_DAYS: i64 = 62;

/// The earliest slots, by start and provider.
///
/// # Errors
/// `bad_duration` when the treatment cannot last that long.
pub fn search(
    book: &RuleBook,
    search: &Search<'_>,
    now: Minute,
    is_free: &dyn Fn(CalendarId, Span) -> bool,
) -> Result<Vec<Slot>, Rejection> {
    let duration = search.duration.unwrap_or(search.treatment.duration);
    let segments = segments(search.treatment, duration)?;
    let Some(range) = window(book, search, now) else {
        return Ok(Vec::new());
    };
    let nothing = BTreeSet::new();
    let no_overrides = BTreeSet::new();

    let mut slots = Vec::new();
    for provider in &search.providers {
        let mut chairs = book.operatories_for(provider.id, search.treatment);
        if !search.operatories.is_empty() {
            chairs.retain(|operatory| search.operatories.contains(&operatory.id));
        }
        for chair in chairs {
            let open = book.open(provider, chair, range);
            for start in starts(book, search.treatment, range) {
                let Some(span) = Span::lasting(start, duration) else {
                    continue;
                };
                if !open.contains(span) {
                    continue;
                }
                let wish = Wish {
                    provider,
                    treatment: search.treatment,
                    segments: &segments,
                    span,
                    operatory: Some(chair.id),
                    preferred: None,
                    asker: search.asker,
                    overrides: &no_overrides,
                    avoid: &nothing,
                };
                let Ok(placement) = place(book, &wish, now, is_free) else {
                    continue;
                };
                let free = pattern::claims(&placement.pattern, start)
                    .iter()
                    .all(|(calendar, spans)| spans.iter().all(|span| is_free(*calendar, *span)));
                if free {
                    slots.push((span, provider.id, chair.id));
                }
            }
        }
    }
    slots.sort();
    Ok(join(slots, search.limit))
}

/// The range cut to now, notice and horizon.
fn window(book: &RuleBook, search: &Search<'_>, now: Minute) -> Option<Span> {
    let earliest = match search.asker {
        Asker::Staff => now,
        Asker::Public => now.plus(notice_min(book, search.treatment)),
    };
    let latest = now.plus(horizon_days(book, search.treatment) * DAY + 1);
    let longest = search.range.start().plus(LONGEST_RANGE_DAYS * DAY);
    search
        .range
        .intersection(Span::new(earliest, latest.min(longest))?)
}

/// The grid: local midnight + n × interval, on each local day of the range.
fn starts(book: &RuleBook, treatment: &Treatment, range: Span) -> impl Iterator<Item = Minute> {
    let interval = slot_interval_min(book, treatment);
    let zone = book.zone;
    let first = zone.to_local(range.start()).date();
    let last = zone.to_local(range.end()).date();
    first
        .iter_days()
        .take_while(move |date| *date <= last)
        .flat_map(move |date| {
            let day = zone.day(date);
            let count = day.map_or(0, |day| (day.minutes() + interval - 1) / interval);
            let midnight = day.map_or(range.end(), Span::start);
            (0..count)
                .map(move |n| midnight.plus(n * interval))
                .filter(move |start| *start >= range.start() && *start < range.end())
        })
}

/// One slot for each start and provider; the other operatories become alternatives.
fn join(slots: Vec<(Span, ProviderId, OperatoryId)>, limit: usize) -> Vec<Slot> {
    let mut joined: Vec<Slot> = Vec::new();
    for (span, provider, operatory) in slots {
        let full = joined.len() == limit;
        match joined.last_mut() {
            Some(last) if last.span == span && last.provider == provider => {
                last.alternatives.push(operatory);
            }
            _ if full => break,
            _ => joined.push(Slot {
                span,
                provider,
                operatory,
                alternatives: Vec::new(),
            }),
        }
    }
    joined
}
