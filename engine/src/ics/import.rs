//! From events to busy times: which revision counts, which occurrences a series has, which of them
//! the file moves or calls off.

use std::collections::{BTreeMap, HashMap};

use chrono::{NaiveDateTime, NaiveTime};
use schema::span::Span;

use super::event::Event;
use super::value::When;
use super::{Busy, Imported, Limits, SkipReason, Skipped};
use crate::scheduling::recurrence::Recurrence;

/// An import under way.
pub(super) struct Import {
    window: Span,
    limits: Limits,
    days_left: usize,
    /// That busy times were cut has been said.
    cut: bool,
    pub out: Imported,
}

/// A series (or a single event) and the occurrences that the file changes, by when they were.
#[derive(Default)]
struct Series {
    master: Option<Event>,
    changed: BTreeMap<NaiveDateTime, Event>,
}

impl Import {
    pub fn new(window: Span, limits: Limits) -> Self {
        Self {
            window,
            limits,
            days_left: limits.days_max,
            cut: false,
            out: Imported::default(),
        }
    }

    pub fn skip(&mut self, line: usize, uid: Option<String>, reason: SkipReason) {
        self.out.skipped.push(Skipped { line, uid, reason });
    }

    fn skip_event(&mut self, event: &Event, reason: SkipReason) {
        self.skip(event.line, Some(event.uid.clone()), reason);
    }

    /// Groups by UID, keeps the latest revision of each, and expands.
    pub fn series(&mut self, events: Vec<Event>) {
        let (masters, changes): (Vec<_>, Vec<_>) = events
            .into_iter()
            .partition(|event| event.replaces.is_none());
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
        let (kept, dropped) = if event.revision >= before.revision {
            (event, before)
        } else {
            (before, event)
        };
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
        let rdates = master
            .rdates
            .iter()
            .map(|at| local_of(at, master))
            .collect();
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
        let Some(range) = Span::new(from, self.window.end()) else {
            return;
        };
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
        let Some(span) = event.span(local).filter(|span| span.overlaps(self.window)) else {
            return;
        };
        if self.out.busy.len() >= self.limits.busy_max {
            let cut = SkipReason::BusyCut {
                max: self.limits.busy_max,
            };
            if !std::mem::replace(&mut self.cut, true) {
                self.skip_event(event, cut);
            }
            return;
        }
        let (uid, summary) = (event.uid.clone(), event.summary.clone());
        self.out.busy.push(Busy {
            uid,
            recurrence,
            span,
            summary,
        });
    }

    pub fn finish(mut self) -> Imported {
        let out = &mut self.out;
        out.busy
            .sort_by(|a, b| (a.span, a.key()).cmp(&(b.span, b.key())));
        out.skipped.sort_by_key(|skipped| skipped.line);
        let more = out.skipped.len().saturating_sub(self.limits.skipped_max);
        if let Some(line) = out
            .skipped
            .get(self.limits.skipped_max)
            .map(|first| first.line)
        {
            out.skipped.truncate(self.limits.skipped_max);
            self.skip(line, None, SkipReason::SkippedCut { more });
        }
        self.out
    }
}

/// A date of a series on the wall of its master.
fn local_of(at: &When, master: &Event) -> NaiveDateTime {
    if master.is_all_day() {
        return at.day(&master.place).and_time(NaiveTime::MIN);
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
    let Some(replaces) = &event.replaces else {
        return event.local();
    };
    match (master, replaces) {
        (Some(master), _) => local_of(replaces, master),
        (None, When::Day(date)) => date.and_time(NaiveTime::MIN),
        (None, When::At(local, _)) => *local,
    }
}
