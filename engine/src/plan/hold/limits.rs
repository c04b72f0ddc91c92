//! How many holds there may be beside a new one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use schema::commit::holds::{Counted, Limit};
use schema::ids::CalendarId;
use schema::models::claim::{Claim, ClaimKind};
use schema::models::hold::Hold as Row;
use schema::span::{DAY, Span};

use crate::command::hold::Hold;
use crate::directory::Directory;
use crate::plan::Planner;
use crate::scheduling::availability::{self, Search};
use crate::scheduling::diary::Diary;
use crate::scheduling::placement::{self, Asker};
use crate::scheduling::rejection::Rejection;
use crate::scheduling::rulebook::{Provider, RuleBook, Treatment};
use crate::scheduling::timeline::Timeline;

/// More starts than any day has are not counted.
const STARTS_MAX: usize = 2_000;

/// What would be taken around a day if nobody held anything.
struct WithoutHolds<'a> {
    directory: &'a Directory,
    range: Span,
    known: RefCell<HashMap<CalendarId, Arc<Timeline>>>,
}

impl Diary for WithoutHolds<'_> {
    fn timeline(&self, calendar: CalendarId) -> Option<Arc<Timeline>> {
        if let Some(known) = self.known.borrow().get(&calendar) {
            return Some(Arc::clone(known));
        }
        let published = self.directory.loaded(calendar)?.timeline();
        let taken = published
            .overlapping(self.range)
            .filter(|claim| !matches!(claim.kind, ClaimKind::Hold { .. }))
            .map(|claim| Claim::clone(claim));
        let timeline = Arc::new(Timeline::new(published.version(), taken));
        self.known
            .borrow_mut()
            .insert(calendar, Arc::clone(&timeline));
        Some(timeline)
    }
}

impl Planner<'_> {
    /// What the commit shall count with a new hold.
    pub(super) fn limits(
        &self,
        rules: &RuleBook,
        wanted: &Hold,
        hold: &Row,
    ) -> Result<Vec<Limit>, Rejection> {
        let mut limits = Vec::new();
        let mut limit = |counted: Counted, max: Option<i64>| {
            limits.extend(max.map(|max| Limit { counted, max }));
        };
        limit(Counted::Owner(hold.owner.clone()), wanted.limits.per_owner);
        if let Some(address) = &hold.address {
            limit(Counted::Address(address.clone()), wanted.limits.per_address);
        }
        if let Some(percent) = wanted.limits.percent_of_day {
            let (provider, treatment) = placement::named(rules, hold.provider, hold.treatment)?;
            let (day, starts) = self.free_starts(rules, provider, treatment, hold.span)?;
            let max = (starts * percent / 100).max(1);
            limit(Counted::PublicOf(provider.id, day), Some(max));
        }
        Ok(limits)
    }

    /// The local day of a visit, and how many starts of its treatment the provider has free then,
    /// or would have without anybody's holds.
    fn free_starts(
        &self,
        rules: &RuleBook,
        provider: &Provider,
        treatment: &Treatment,
        visit: Span,
    ) -> Result<(Span, i64), Rejection> {
        let date = rules.zone.to_local(visit.start()).date();
        let day = rules.zone.day(date).unwrap_or(visit);
        let search = Search {
            limit: STARTS_MAX,
            ..Search::of(treatment, vec![provider], day, Asker::Public)
        };
        let range = Span::new(day.start().plus(-DAY), day.end().plus(DAY)).unwrap_or(day);
        let diary = WithoutHolds {
            directory: self.directory(),
            range,
            known: RefCell::default(),
        };
        let slots = availability::search(rules, &search, self.parts.clock.minute(), &diary)?;
        Ok((day, i64::try_from(slots.len()).unwrap_or(i64::MAX / 100)))
    }
}
