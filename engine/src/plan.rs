//! From a command to what it would change: the claims it asks for, and the rows and events it would
//! commit. Reads rules and published timelines; changes nothing.

mod import;
mod visit;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use schema::appointments;
use schema::commit::{Change, Key};
use schema::ids::{AppointmentId, CalendarId, TxId};
use schema::models::appointment::{Appointment, Status};
use schema::models::claim::Claim;
use schema::models::pattern::Role;
use schema::span::Span;

use crate::command::{Book, Command, Done, Request, Reschedule, Resize, Target};
use crate::directory::{Cell, Directory};
use crate::engine::Parts;
use crate::failure::{Failure, Refusal};
use crate::scheduling::pattern;
use crate::scheduling::placement::{self, Placement, Wish};
use crate::scheduling::rejection::{Missing, Override, Rejection};
use crate::scheduling::reservation::Ask;
use crate::scheduling::rulebook::RuleBook;
use crate::scheduling::status;
use visit::VisitChange;

/// A command decided by the rules, not yet by the calendars.
pub(crate) struct Plan {
    pub change: Change,
    /// What each calendar is asked, by ascending id: the order of reservation.
    pub asks: BTreeMap<CalendarId, Ask>,
    pub cells: BTreeMap<CalendarId, Arc<Cell>>,
    /// Calendars that the engine chose and could choose otherwise.
    pub chosen: BTreeSet<CalendarId>,
    /// The patient's calendar: taken time there is told as `patient_busy`.
    pub patient: Option<CalendarId>,
    pub done: Done,
}

/// Plans a command.
pub(crate) async fn plan(
    parts: &Parts,
    request: &Request,
    key: Option<&Key>,
    avoid: &BTreeSet<CalendarId>,
) -> Result<Plan, Refusal> {
    let planner = Planner {
        parts,
        request,
        key,
        avoid,
    };
    match &request.command {
        Command::Book(book) => planner.book(book).await,
        Command::Reschedule(to) => planner.reschedule(to).await,
        Command::Resize(to) => planner.resize(to).await,
        Command::Cancel {
            appointment,
            reason,
        } => {
            planner
                .set_status(*appointment, Status::Cancelled, Some(reason.clone()))
                .await
        }
        Command::SetStatus {
            appointment,
            status,
        } => planner.set_status(*appointment, *status, None).await,
        Command::EditNotes { appointment, notes } => {
            planner.edit_notes(*appointment, notes.clone()).await
        }
        Command::Import(wanted) => import::plan(&planner, wanted).await,
    }
}

struct Planner<'a> {
    parts: &'a Parts,
    request: &'a Request,
    key: Option<&'a Key>,
    avoid: &'a BTreeSet<CalendarId>,
}

impl Planner<'_> {
    async fn rules(&self) -> Result<Arc<RuleBook>, Refusal> {
        let book = self.parts.rules.get(self.request.tenant).await?;
        Ok(book.ok_or(Rejection::NotFound(Missing::Tenant))?)
    }

    fn directory(&self) -> &Directory {
        &self.parts.directory
    }

    /// The cells of those calendars, all of which exist.
    async fn cells(
        &self,
        ids: impl IntoIterator<Item = CalendarId>,
    ) -> Result<BTreeMap<CalendarId, Arc<Cell>>, Refusal> {
        let ids: Vec<CalendarId> = ids.into_iter().collect();
        self.directory().ensure(&ids).await?;
        ids.into_iter()
            .map(|id| {
                let cell = self.directory().loaded(id);
                Ok((id, cell.ok_or(Rejection::NotFound(Missing::Calendar))?))
            })
            .collect()
    }

    async fn book(&self, wanted: &Book) -> Result<Plan, Refusal> {
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
            notes: wanted.notes.clone(),
            cancel_reason: None,
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

    async fn place(&self, rules: &RuleBook, wish: &Wish<'_>) -> Result<Placement, Refusal> {
        let ids: Vec<CalendarId> = rules.calendars().collect();
        self.directory().ensure(&ids).await?;
        let directory = self.directory();
        let is_free = |calendar: CalendarId, span: Span| directory.is_free(calendar, span);
        Ok(placement::place(
            rules,
            wish,
            self.parts.clock.minute(),
            &is_free,
        )?)
    }

    async fn reschedule(&self, to: &Reschedule) -> Result<Plan, Refusal> {
        let before = self.appointment(to.appointment).await?;
        if !status::may_move(before.status) {
            return Err(Rejection::WrongStatus.into());
        }
        let provider = to.provider.unwrap_or(before.provider);
        let span = Span::lasting(to.start, before.span.minutes()).ok_or(Rejection::BadDuration)?;
        self.move_to(before, provider, span, to.operatory, &to.overrides, None)
            .await
    }

    async fn resize(&self, to: &Resize) -> Result<Plan, Refusal> {
        let before = self.appointment(to.appointment).await?;
        if !status::may_move(before.status) && before.status != Status::InChair {
            return Err(Rejection::WrongStatus.into());
        }
        let span = Span::lasting(before.span.start(), to.duration).ok_or(Rejection::BadDuration)?;
        let (provider, operatory) = (before.provider, Some(before.operatory));
        self.move_to(
            before,
            provider,
            span,
            operatory,
            &to.overrides,
            Some(to.duration),
        )
        .await
    }

    /// Another span, provider or operatory for an appointment, by its own copy of the pattern.
    async fn move_to(
        &self,
        before: Appointment,
        provider: schema::ids::ProviderId,
        span: Span,
        operatory: Option<schema::ids::OperatoryId>,
        overrides: &BTreeSet<Override>,
        duration: Option<i64>,
    ) -> Result<Plan, Refusal> {
        let rules = self.rules().await?;
        let (provider, treatment) = placement::named(&rules, provider, before.treatment)?;
        let own: Vec<_> = before
            .pattern
            .iter()
            .map(|placed| placed.segment)
            .filter(|segment| segment.role != Role::Patient)
            .collect();
        let old_duration = before.span.minutes();
        let segments = pattern::stretch(&own, old_duration, duration.unwrap_or(old_duration))
            .ok_or(Rejection::BadDuration)?;
        // The visit's own time counts as free for itself.
        let held = self.held_by(&before).await?;
        let directory = self.directory();
        let ids: Vec<CalendarId> = rules.calendars().collect();
        directory.ensure(&ids).await?;
        let is_free =
            |calendar: CalendarId, span: Span| directory.is_free_but_for(calendar, span, before.id);
        let wish = Wish {
            provider,
            treatment,
            segments: &segments,
            span,
            operatory,
            preferred: Some(before.operatory),
            asker: self.request.asker,
            overrides,
            avoid: self.avoid,
        };
        let placed = placement::place(&rules, &wish, self.parts.clock.minute(), &is_free)?;
        let mut own_pattern = placed.pattern.clone();
        own_pattern.extend(
            before
                .pattern
                .iter()
                .filter(|placed| placed.segment.role == Role::Patient)
                .map(|placed| pattern::patient(placed.calendar_id, span.minutes())),
        );
        let after = Appointment {
            version: before.version + 1,
            span,
            provider: provider.id,
            operatory: placed.operatory,
            pattern: own_pattern,
            ..before
        };
        let action = match duration {
            Some(_) => "appointment.resized",
            None => "appointment.rescheduled",
        };
        let mut plan = self
            .visit(action, Some(held), after, &placed.overridden)
            .await?;
        plan.chosen = placed.chosen;
        plan.change.rules = rules.seen.clone();
        Ok(plan)
    }

    async fn set_status(
        &self,
        target: Target,
        to: Status,
        reason: Option<String>,
    ) -> Result<Plan, Refusal> {
        let before = self.appointment(target).await?;
        if !status::may_become(before.status, to) {
            return Err(Rejection::WrongStatus.into());
        }
        let held = self.held_by(&before).await?;
        let after = Appointment {
            version: before.version + 1,
            status: to,
            cancel_reason: reason.or(before.cancel_reason),
            confirmed_via: match to {
                Status::Confirmed => Some(self.request.asker.channel().to_owned()),
                _ => before.confirmed_via,
            },
            ..before
        };
        let action = match to {
            Status::Cancelled => "appointment.cancelled",
            _ => "appointment.status",
        };
        self.visit(action, Some(held), after, &BTreeSet::new())
            .await
    }

    async fn edit_notes(&self, target: Target, notes: Option<String>) -> Result<Plan, Refusal> {
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

    /// The appointment as the database has it, at the version that the asker has seen.
    async fn appointment(&self, target: Target) -> Result<Appointment, Refusal> {
        let mut connection = self.parts.connection().await?;
        let found = appointments::find(&mut connection, self.request.tenant, target.id).await?;
        let found = found.ok_or(Rejection::NotFound(Missing::Appointment))?;
        match target.version {
            Some(seen) if seen != found.version => Err(Rejection::Stale { seen }.into()),
            _ => Ok(found),
        }
    }

    /// The claims that an appointment has now, as its calendars have them.
    async fn held_by(
        &self,
        appointment: &Appointment,
    ) -> Result<BTreeMap<CalendarId, Vec<Arc<Claim>>>, Refusal> {
        let expected = match appointment.status.takes_time() {
            true => pattern::claims(&appointment.pattern, appointment.span.start()),
            false => BTreeMap::new(),
        };
        let calendars: BTreeSet<CalendarId> = appointment
            .pattern
            .iter()
            .map(|placed| placed.calendar_id)
            .collect();
        let cells = self.cells(calendars).await?;
        let mut held = BTreeMap::new();
        for (id, cell) in cells {
            let timeline = cell.timeline();
            let spans = expected.get(&id).map(Vec::as_slice).unwrap_or_default();
            let claims: Vec<Arc<Claim>> = spans
                .iter()
                .flat_map(|span| timeline.overlapping(*span))
                .filter(|claim| visit::belongs_to(claim, appointment.id))
                .cloned()
                .collect();
            held.insert(id, claims);
        }
        Ok(held)
    }

    async fn visit(
        &self,
        action: &'static str,
        before: Option<BTreeMap<CalendarId, Vec<Arc<Claim>>>>,
        after: Appointment,
        overridden: &BTreeSet<Override>,
    ) -> Result<Plan, Refusal> {
        let tx = TxId::new();
        let patient = after
            .pattern
            .iter()
            .find(|placed| placed.segment.role == Role::Patient);
        let patient = patient.map(|placed| placed.calendar_id);
        let VisitChange {
            ops,
            asks,
            claims_put,
            claims_del,
        } = visit::change(tx, &before.unwrap_or_default(), &after);
        let cells = self.cells(asks.keys().copied()).await?;
        let done = Done::Appointment(Box::new(after.clone()));
        let change = Change {
            tx,
            action,
            subject: after.id.0,
            overrides: overridden
                .iter()
                .map(|rule| rule.code().to_owned())
                .collect(),
            ops,
            claims_put,
            claims_del,
            appointments: vec![after],
            ..self.change(&done)?
        };
        Ok(Plan {
            change,
            asks,
            cells,
            chosen: BTreeSet::new(),
            patient,
            done,
        })
    }

    /// A change that does nothing yet.
    fn change(&self, done: &Done) -> Result<Change, Refusal> {
        Ok(Change {
            tx: TxId::new(),
            tenant: self.request.tenant,
            actor: self.request.principal.clone(),
            origin: self.request.origin.clone(),
            action: "",
            subject: self.request.tenant.0,
            overrides: Vec::new(),
            ops: BTreeMap::new(),
            claims_put: Vec::new(),
            claims_del: Vec::new(),
            labels: HashMap::new(),
            appointments: Vec::new(),
            holds_put: Vec::new(),
            holds_del: Vec::new(),
            rules: schema::commit::RulesSeen::default(),
            key: self.key.cloned(),
            result: serde_json::to_value(done).map_err(|_| Failure::Internal)?,
        })
    }
}

impl Directory {
    /// Whether nothing committed is in `span` of a calendar; an unknown calendar is never free.
    pub(crate) fn is_free(&self, calendar: CalendarId, span: Span) -> bool {
        let cell = self.loaded(calendar);
        cell.is_some_and(|cell| cell.timeline().overlapping(span).next().is_none())
    }

    fn is_free_but_for(&self, calendar: CalendarId, span: Span, own: AppointmentId) -> bool {
        let cell = self.loaded(calendar);
        cell.is_some_and(|cell| {
            cell.timeline()
                .overlapping(span)
                .all(|claim| visit::belongs_to(claim, own))
        })
    }
}
