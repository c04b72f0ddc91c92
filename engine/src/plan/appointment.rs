//! Commands about one appointment.

use std::collections::BTreeSet;

use schema::ids::AppointmentId;
use schema::models::appointment::{Appointment, CancelCode, Status};
use schema::span::Span;

use super::visit::Held;
use super::{Plan, Planner};
use crate::command::{Book, Cancel, Reschedule, Resize, SetStatus, Target};
use crate::directory::published::Published;
use crate::failure::Refusal;
use crate::scheduling::diary::Own;
use crate::scheduling::pattern;
use crate::scheduling::placement::{self, Wish};
use crate::scheduling::rejection::{Override, Rejection};
use crate::scheduling::relocation::{Place, relocate};
use crate::scheduling::status;

impl Planner<'_> {
    pub(super) async fn book(&self, wanted: &Book) -> Result<Plan, Refusal> {
        let rules = self.rules().await?;
        let (provider, treatment) = placement::named(&rules, wanted.provider, wanted.treatment)?;
        let duration = wanted.duration.unwrap_or(treatment.duration);
        let segments = placement::segments(treatment, duration)?;
        let span = Span::lasting(wanted.start, duration).ok_or(Rejection::BadDuration)?;
        let wish = Wish {
            provider,
            treatment,
            segments: &segments,
            span,
            operatory: wanted.operatory,
            preferred: None,
            asker: self.request.asker,
            overrides: &wanted.overrides,
            avoid: self.avoid,
        };
        let placed = self.place(&rules, &wish).await?;
        let mut pattern = placed.pattern.clone();
        pattern.push(pattern::patient(wanted.patient.calendar, duration));
        let appointment = Appointment {
            id: AppointmentId::new(),
            tenant: self.request.tenant,
            version: 1,
            status: Status::Scheduled,
            span,
            patient: wanted.patient.id,
            provider: provider.id,
            operatory: placed.operatory,
            treatment: treatment.id,
            pattern,
            series: None,
            occurrence: None,
            detached: false,
            notes: wanted.notes.clone(),
            cancel_reason: None,
            cancel_code: None,
            confirmed_via: None,
            created_by: self.request.user,
        };
        let mut plan = self
            .visit("appointment.booked", None, appointment, &placed.overridden)
            .await?;
        plan.chosen = placed.chosen;
        plan.change.rules = rules.seen.clone();
        Ok(plan)
    }

    pub(super) async fn reschedule(&self, to: &Reschedule) -> Result<Plan, Refusal> {
        let before = self.appointment(to.appointment).await?;
        if !status::may_move(before.status, self.request.asker) {
            return Err(Rejection::WrongStatus.into());
        }
        let place = Place {
            start: to.start,
            provider: to.provider.unwrap_or(before.provider),
            operatory: to.operatory,
            duration: None,
        };
        self.move_to("appointment.rescheduled", before, place, &to.overrides)
            .await
    }

    pub(super) async fn resize(&self, to: &Resize) -> Result<Plan, Refusal> {
        let before = self.appointment(to.appointment).await?;
        if !status::may_move(before.status, self.request.asker) && before.status != Status::InChair
        {
            return Err(Rejection::WrongStatus.into());
        }
        let place = Place {
            start: before.span.start(),
            provider: before.provider,
            operatory: Some(before.operatory),
            duration: Some(to.duration),
        };
        self.move_to("appointment.resized", before, place, &to.overrides)
            .await
    }

    /// Another place for an appointment. A visit of a series is then left alone by its series.
    async fn move_to(
        &self,
        action: &'static str,
        before: Appointment,
        place: Place,
        overrides: &BTreeSet<Override>,
    ) -> Result<Plan, Refusal> {
        let held = self.held_by(&before).await?;
        let detached = before.series.is_some();
        let with = |after: Appointment| Appointment { detached, ..after };
        self.relocated(action, &before, held, place, overrides, with)
            .await
    }

    async fn relocated(
        &self,
        action: &'static str,
        before: &Appointment,
        held: Held,
        place: Place,
        overrides: &BTreeSet<Override>,
        with: impl FnOnce(Appointment) -> Appointment,
    ) -> Result<Plan, Refusal> {
        let rules = self.rules().await?;
        self.load(&rules, []).await?;
        // The visit's own time counts as free for itself.
        let diary = Published::new(self.directory(), Own::appointment(before.id));
        let terms = self.terms(&rules, overrides);
        let (after, placed) = relocate(&terms, before, place, &diary)?;
        let mut plan = self
            .visit(action, Some(held), with(after), &placed.overridden)
            .await?;
        plan.chosen = placed.chosen;
        plan.change.rules = rules.seen.clone();
        Ok(plan)
    }

    pub(super) async fn cancel(&self, cancel: &Cancel) -> Result<Plan, Refusal> {
        let before = self.appointment(cancel.appointment).await?;
        if !status::may_become(before.status, Status::Cancelled, self.request.asker) {
            return Err(Rejection::WrongStatus.into());
        }
        let held = self.held_by(&before).await?;
        let after = cancelled(before, &cancel.reason, cancel.code);
        self.visit("appointment.cancelled", Some(held), after, &BTreeSet::new())
            .await
    }

    pub(super) async fn set_status(&self, to: &SetStatus) -> Result<Plan, Refusal> {
        let before = self.appointment(to.appointment).await?;
        if !status::may_become(before.status, to.status, self.request.asker) {
            return Err(Rejection::WrongStatus.into());
        }
        if status::takes_time_anew(before.status, to.status) {
            return self.book_anew(before, to).await;
        }
        let held = self.held_by(&before).await?;
        let after = self.at_status(before, to.status);
        let overridden = BTreeSet::new();
        self.visit("appointment.status", Some(held), after, &overridden)
            .await
    }

    fn at_status(&self, before: Appointment, status: Status) -> Appointment {
        Appointment {
            version: before.version + 1,
            status,
            confirmed_via: match status {
                Status::Confirmed => Some(self.request.asker.channel().to_owned()),
                _ => before.confirmed_via,
            },
            ..before
        }
    }

    /// Undoes a cancellation or a no-show: the time is booked again, where it was, by the rules of
    /// now, and may have gone to somebody else.
    async fn book_anew(&self, before: Appointment, to: &SetStatus) -> Result<Plan, Refusal> {
        self.hear_that_it_gave_its_time_back(&before).await?;
        let place = Place {
            start: before.span.start(),
            provider: before.provider,
            operatory: Some(before.operatory),
            duration: None,
        };
        let status = to.status;
        let with = |after: Appointment| Appointment {
            version: before.version + 1,
            cancel_reason: None,
            cancel_code: None,
            ..self.at_status(after, status)
        };
        let action = "appointment.rebooked";
        self.relocated(action, &before, Held::new(), place, &to.overrides, with)
            .await
    }

    pub(super) async fn edit_notes(
        &self,
        target: Target,
        notes: Option<String>,
    ) -> Result<Plan, Refusal> {
        let before = self.appointment(target).await?;
        let held = self.held_by(&before).await?;
        let after = Appointment {
            version: before.version + 1,
            notes,
            ..before
        };
        self.visit("appointment.noted", Some(held), after, &BTreeSet::new())
            .await
    }
}

/// The appointment after its cancellation.
pub(super) fn cancelled(
    before: Appointment,
    reason: &str,
    code: Option<CancelCode>,
) -> Appointment {
    Appointment {
        version: before.version + 1,
        status: Status::Cancelled,
        cancel_reason: (!reason.trim().is_empty()).then(|| reason.to_owned()),
        cancel_code: code,
        ..before
    }
}
