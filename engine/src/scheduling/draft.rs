//! A plan of several visits while it is being made: published timelines with the visits that it
//! would free taken out and those that it would make put in. So the visits of one plan see each
//! other, which the calendars' actors cannot tell them: to those a plan is one question.

use std::collections::HashMap;
use std::sync::Arc;

use schema::ids::{CalendarId, ClaimId};
use schema::models::appointment::Appointment;
use schema::models::claim::{Claim, ClaimKind, Op, Visit};
use schema::models::pattern::{Placed, Role};
use schema::span::{Minute, Span};

use super::diary::Diary;
use super::pattern;
use super::rejection::{Conflict, Rejection};
use super::timeline::Timeline;

/// Timelines as they would be.
pub struct Draft<'a> {
    published: &'a dyn Fn(CalendarId) -> Option<Arc<Timeline>>,
    changed: HashMap<CalendarId, Arc<Timeline>>,
}

impl std::fmt::Debug for Draft<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Draft({} calendars changed)", self.changed.len())
    }
}

/// What calendars know of an appointment.
#[must_use]
pub fn visit_of(appointment: &Appointment) -> Visit {
    Visit {
        id: appointment.id,
        version: appointment.version,
        status: appointment.status,
        span: appointment.span,
        patient: appointment.patient,
        provider: appointment.provider,
        operatory: appointment.operatory,
        treatment: appointment.treatment,
        series: appointment.series,
    }
}

impl Diary for Draft<'_> {
    /// What would be taken on a calendar.
    fn timeline(&self, calendar: CalendarId) -> Option<Arc<Timeline>> {
        match self.changed.get(&calendar) {
            Some(timeline) => Some(Arc::clone(timeline)),
            None => (self.published)(calendar),
        }
    }
}

impl<'a> Draft<'a> {
    /// Nothing is changed yet.
    #[must_use]
    pub fn new(published: &'a dyn Fn(CalendarId) -> Option<Arc<Timeline>>) -> Self {
        Self {
            published,
            changed: HashMap::new(),
        }
    }

    fn change(&mut self, calendar: CalendarId, ops: &[Op]) {
        if ops.is_empty() {
            return;
        }
        if let Some(timeline) = self.timeline(calendar) {
            self.changed.insert(calendar, Arc::new(timeline.after(ops)));
        }
    }

    /// Takes a visit's time out.
    pub fn remove(&mut self, appointment: &Appointment) {
        for (calendar, spans) in pattern::claims(&appointment.pattern, appointment.span.start()) {
            let Some(timeline) = self.timeline(calendar) else {
                continue;
            };
            let ops: Vec<Op> = spans
                .iter()
                .flat_map(|span| timeline.overlapping(*span))
                .filter(|claim| claim.belongs_to(appointment.id))
                .map(|claim| Op::Del {
                    id: claim.id,
                    span: claim.span,
                })
                .collect();
            self.change(calendar, &ops);
        }
    }

    /// Puts a visit's time in.
    pub fn add(&mut self, appointment: &Appointment) {
        let visit = visit_of(appointment);
        for (calendar, spans) in pattern::claims(&appointment.pattern, appointment.span.start()) {
            let put = |span: &Span| {
                Op::Put(Claim {
                    id: ClaimId::new(),
                    tenant: appointment.tenant,
                    span: *span,
                    kind: ClaimKind::Appointment {
                        visit: visit.clone(),
                    },
                })
            };
            let ops: Vec<Op> = spans.iter().map(put).collect();
            self.change(calendar, &ops);
        }
    }

    /// What would keep a visit of this pattern from starting at `start`.
    #[must_use]
    pub fn in_the_way(&self, pattern: &[Placed], start: Minute) -> Option<Rejection> {
        for (calendar, spans) in pattern::claims(pattern, start) {
            let Some(timeline) = self.timeline(calendar) else {
                continue;
            };
            let claim = spans
                .iter()
                .find_map(|span| timeline.overlapping(*span).next());
            let Some(claim) = claim else { continue };
            let patients = pattern.iter().any(|placed| {
                placed.calendar_id == calendar && placed.segment.role == Role::Patient
            });
            return Some(match patients {
                true => Rejection::PatientBusy,
                false => Rejection::SlotTaken(Conflict {
                    calendar,
                    span: claim.span,
                }),
            });
        }
        None
    }
}
