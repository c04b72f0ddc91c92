//! Changes as the rows of a batch.

use std::collections::BTreeMap;

use diesel::QueryResult;
use serde_json::{Value, json};
use uuid::Uuid;

use super::batch::Batch;
use super::holds::EndedHold;
use super::{Change, freed};
use crate::audit_log;
use crate::ids::{AppointmentId, CalendarId};
use crate::models::appointment::{Appointment, CancelCode};
use crate::models::claim::ClaimKind;
use crate::models::hold::Ended;
use crate::span::Minute;

impl Batch {
    /// The rows of accepted changes, to be written in that transaction.
    pub(super) fn of(
        transaction: i64,
        node: Uuid,
        accepted: &[(&Change, &BTreeMap<CalendarId, i64>)],
        earlier: &BTreeMap<AppointmentId, Appointment>,
    ) -> QueryResult<Self> {
        let mut rows = Self {
            transaction,
            ..Self::default()
        };
        let mut versions: BTreeMap<CalendarId, i64> = BTreeMap::new();
        let mut keyed: Vec<(&Change, &BTreeMap<CalendarId, i64>)> = Vec::new();
        for (change, positions) in accepted {
            rows.add_appointments(change)?;
            rows.add_holds(change)?;
            rows.add_claims(change);
            rows.add_freed(change);
            for (calendar, version) in *positions {
                versions.insert(*calendar, *version);
                rows.events.calendar.push(*calendar);
                rows.events.version.push(*version);
                rows.events.tx.push(change.tx);
                rows.events.node.push(node);
                rows.events.ops.push(to_json(&change.ops.get(calendar))?);
            }
            if change.key.is_some() {
                keyed.push((change, positions));
            }
            rows.outbox.tenant.push(change.tenant);
            rows.outbox.tx.push(change.tx);
            rows.outbox.kind.push(change.action);
            rows.outbox.subject.push(change.subject);
            rows.add_audit(change, earlier);
            // A hold that had to go for something else has its own line.
            for end in &change.holds.ended {
                if end.how == Ended::Expired && change.subject != end.id.0 {
                    rows.tell_of_expiry(change, end);
                }
            }
        }
        keyed.sort_by(|a, b| a.0.key.cmp(&b.0.key));
        for (change, positions) in keyed {
            rows.add_key(change, positions);
        }
        (rows.versions.calendar, rows.versions.version) = versions.into_iter().unzip();
        Ok(rows)
    }

    /// For the outbox and the audit log.
    fn tell_of_expiry(&mut self, change: &Change, end: &EndedHold) {
        self.outbox.tenant.push(end.tenant);
        self.outbox.tx.push(change.tx);
        self.outbox.kind.push("hold.expired");
        self.outbox.subject.push(end.id.0);
        let rows = &mut self.audit;
        rows.tenant.push(end.tenant);
        // Not who needed the time: they may be another practice's.
        rows.actor.push("expiry".to_owned());
        rows.action.push("hold.expired");
        rows.subject.push(end.id.0);
        rows.tx.push(change.tx);
        rows.overrides.push(String::new());
        rows.before.push(None);
        rows.after.push(None);
        rows.role.push(None);
        rows.address.push(None);
        rows.request.push(None);
    }

    fn add_appointments(&mut self, change: &Change) -> QueryResult<()> {
        let rows = &mut self.appointments;
        for appointment in &change.appointments {
            rows.id.push(appointment.id);
            rows.tenant.push(appointment.tenant);
            rows.version.push(appointment.version);
            rows.status.push(appointment.status.name());
            rows.start_at.push(appointment.span.start().to_utc());
            rows.end_at.push(appointment.span.end().to_utc());
            rows.patient.push(appointment.patient);
            rows.provider.push(appointment.provider);
            rows.operatory.push(appointment.operatory);
            rows.treatment.push(appointment.treatment);
            rows.pattern.push(to_json(&appointment.pattern)?);
            rows.series.push(appointment.series);
            rows.occurrence.push(appointment.occurrence);
            rows.detached.push(appointment.detached);
            rows.notes.push(appointment.notes.clone());
            rows.cancel_reason.push(appointment.cancel_reason.clone());
            let code = appointment.cancel_code.map(CancelCode::name);
            rows.cancel_code.push(code);
            rows.confirmed_via.push(appointment.confirmed_via.clone());
            rows.created_by.push(appointment.created_by);
        }
        Ok(())
    }

    fn add_holds(&mut self, change: &Change) -> QueryResult<()> {
        let rows = &mut self.holds;
        for hold in &change.holds.put {
            rows.id.push(hold.id);
            rows.tenant.push(hold.tenant);
            rows.token_hash.push(hold.token_hash.clone());
            rows.start_at.push(hold.span.start().to_utc());
            rows.end_at.push(hold.span.end().to_utc());
            rows.provider.push(hold.provider);
            rows.operatory.push(hold.operatory);
            rows.treatment.push(hold.treatment);
            rows.patient.push(hold.patient);
            rows.pattern.push(to_json(&hold.pattern)?);
            rows.owner.push(hold.owner.clone());
            rows.address.push(hold.address.clone());
            rows.expires_at.push(hold.expires_at);
            rows.renewable_until.push(hold.renewable_until);
        }
        for end in &change.holds.ended {
            self.ended_holds.id.push(end.id);
            self.ended_holds.how.push(end.how.name());
        }
        Ok(())
    }

    fn add_claims(&mut self, change: &Change) {
        self.deleted_claims.id.extend(&change.claims_del);
        let rows = &mut self.claims;
        for (calendar, claim) in &change.claims_put {
            let (appointment, hold) = match &claim.kind {
                ClaimKind::Appointment { visit } => (Some(visit.id), None),
                ClaimKind::Hold { hold } => (None, Some(hold.id)),
                ClaimKind::Block | ClaimKind::External => (None, None),
            };
            let label = change.labels.get(&claim.id).cloned().unwrap_or_default();
            rows.id.push(claim.id);
            rows.calendar.push(*calendar);
            rows.tenant.push(claim.tenant);
            rows.kind.push(claim.kind.name());
            rows.start_at.push(claim.span.start().to_utc());
            rows.end_at.push(claim.span.end().to_utc());
            rows.appointment.push(appointment);
            rows.hold.push(hold);
            rows.source.push(label.source);
            rows.title.push(label.title);
            rows.block.push(label.block.map(|of| of.block));
            rows.occurrence.push(label.block.map(|of| of.at));
            rows.detached
                .push(label.block.is_some_and(|of| of.detached));
        }
    }

    fn add_freed(&mut self, change: &Change) {
        for freed in freed::of(&change.ops) {
            self.freed.tenant.push(change.tenant);
            self.freed.calendars.push(json!(freed.calendars));
            self.freed.from.push(Minute::to_utc(freed.span.start()));
            self.freed.to.push(Minute::to_utc(freed.span.end()));
        }
    }

    fn add_audit(&mut self, change: &Change, earlier: &BTreeMap<AppointmentId, Appointment>) {
        let (before, after) = audit_log::before_and_after(change, earlier);
        let rows = &mut self.audit;
        rows.tenant.push(change.tenant);
        rows.actor.push(change.actor.clone());
        rows.action.push(change.action);
        rows.subject.push(change.subject);
        rows.tx.push(change.tx);
        rows.overrides.push(change.overrides.join(","));
        rows.before.push(before);
        rows.after.push(after);
        rows.role.push(change.origin.role.clone());
        rows.address.push(change.origin.address.clone());
        rows.request.push(change.origin.request_id.clone());
    }

    fn add_key(&mut self, change: &Change, positions: &BTreeMap<CalendarId, i64>) {
        let Some(key) = &change.key else { return };
        self.keys.tenant.push(key.tenant);
        self.keys.principal.push(key.principal.clone());
        self.keys.key.push(key.key.clone());
        self.keys.fingerprint.push(key.fingerprint.clone());
        self.keys.tx.push(change.tx);
        self.keys
            .result
            .push(json!({ "result": change.result, "positions": positions }));
    }
}

fn to_json(value: &impl serde::Serialize) -> QueryResult<Value> {
    serde_json::to_value(value)
        .map_err(|error| diesel::result::Error::SerializationError(Box::new(error)))
}
