//! What is taken, as the rules ask for it: published timelines, less what is the asker's own.

use std::sync::Arc;

use schema::ids::{AppointmentId, CalendarId, HoldId, ProviderId, TreatmentId};
use schema::models::claim::{Claim, ClaimKind};
use schema::span::{DAY, Minute, Span};

use super::gaps::Gaps;
use super::timeline::Timeline;

/// Claims that count as free: the visit that is being moved, the hold that the asker has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    pub appointments: Vec<AppointmentId>,
    pub holds: Vec<HoldId>,
}

impl Own {
    /// One appointment: the one that is being moved.
    #[must_use]
    pub fn appointment(id: AppointmentId) -> Self {
        Self {
            appointments: vec![id],
            holds: Vec::new(),
        }
    }

    /// Holds whose tokens the asker has shown.
    #[must_use]
    pub fn holds(ids: impl IntoIterator<Item = HoldId>) -> Self {
        Self {
            appointments: Vec::new(),
            holds: ids.into_iter().collect(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.appointments.is_empty() && self.holds.is_empty()
    }

    /// Whether a claim is one of these.
    #[must_use]
    pub fn has(&self, claim: &Claim) -> bool {
        match &claim.kind {
            ClaimKind::Appointment { visit } => self.appointments.contains(&visit.id),
            ClaimKind::Hold { hold } => self.holds.contains(&hold.id),
            ClaimKind::Block | ClaimKind::External => false,
        }
    }
}

/// Nothing is the asker's own.
pub static NOTHING_OWN: Own = Own {
    appointments: Vec::new(),
    holds: Vec::new(),
};

/// The timelines that a decision or a search looks at.
pub trait Diary {
    /// What is taken on a calendar; an unknown one is never free.
    fn timeline(&self, calendar: CalendarId) -> Option<Arc<Timeline>>;

    /// The same by the calendar's place in
    /// [`RuleBook::numbered_calendars`](super::rulebook::RuleBook::numbered_calendars), for those
    /// who know a quicker way there.
    fn numbered(&self, _number: usize, calendar: CalendarId) -> Option<Arc<Timeline>> {
        self.timeline(calendar)
    }

    /// Where there may be time, for whoever looks at very many calendars; `None` where nobody keeps
    /// account of it. They are those of these very timelines, and know nothing of what is the
    /// asker's own.
    fn gaps(&self) -> Option<&Gaps> {
        None
    }

    /// What counts as free.
    fn own(&self) -> &Own {
        &NOTHING_OWN
    }

    /// Whether nothing but the asker's own is in `span` of a calendar.
    fn is_free(&self, calendar: CalendarId, span: Span) -> bool {
        self.timeline(calendar).is_some_and(|timeline| {
            timeline
                .overlapping(span)
                .all(|claim| self.own().has(claim))
        })
    }
}

/// Of whom and what the daily cap counts visits, and on which day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailyCap {
    pub provider: ProviderId,
    pub treatment: TreatmentId,
    /// The practice's local day.
    pub day: Span,
    /// At most this many.
    pub most: usize,
    /// How many would be added.
    pub adds: usize,
}

impl DailyCap {
    /// Whether the visits and holds of that day on the provider's calendar leave no room for those
    /// that would be added. `own` are those that would go: what stays within a day that is over its
    /// cap already adds nothing to it.
    #[must_use]
    pub fn is_reached(&self, timeline: &Timeline, own: impl Fn(&Claim) -> bool) -> bool {
        let after = self.count(timeline, own) + self.adds;
        after > self.most && after > self.count(timeline, |_| false)
    }

    /// The visits and holds that begin on the day.
    fn count(&self, timeline: &Timeline, own: impl Fn(&Claim) -> bool) -> usize {
        // A visit of the day may take its provider's time only after midnight.
        let until = self.day.end().plus(DAY);
        let Some(range) = Span::new(self.day.start(), until) else {
            return 0;
        };
        let mut counted: Vec<uuid::Uuid> = Vec::new();
        for claim in timeline.overlapping(range).filter(|claim| !own(claim)) {
            let (id, provider, treatment, start) = match &claim.kind {
                ClaimKind::Appointment { visit } => (
                    visit.id.0,
                    visit.provider,
                    visit.treatment,
                    visit.span.start(),
                ),
                ClaimKind::Hold { hold } => match hold.visit {
                    Some(visit) => (hold.id.0, visit.provider, visit.treatment, visit.start),
                    None => continue,
                },
                ClaimKind::Block | ClaimKind::External => continue,
            };
            if provider == self.provider && treatment == self.treatment && self.has(start) {
                counted.push(id);
            }
        }
        counted.sort_unstable();
        counted.dedup();
        counted.len()
    }

    fn has(&self, start: Minute) -> bool {
        (self.day.start()..self.day.end()).contains(&start)
    }

    /// Whether both count the same visits.
    #[must_use]
    pub fn counts_with(&self, other: &Self) -> bool {
        self.provider == other.provider
            && self.treatment == other.treatment
            && self.day.overlaps(other.day)
    }
}

impl Timeline {
    /// The timeline without what is the asker's own in `range`; `None` when nothing is.
    #[must_use]
    pub fn without(&self, own: &Own, range: Span) -> Option<Self> {
        if own.is_empty() {
            return None;
        }
        self.less(range, |claim| own.has(claim))
    }
}
