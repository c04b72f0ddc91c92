//! Two records of one person become one: every visit of the removed one is the kept one's, on both
//! patients' calendars and on those of everybody who takes part.

use schema::commit::{Change, MergedRecords};
use schema::ids::{CalendarId, TxId};
use schema::models::appointment::Appointment;
use schema::models::claim::ClaimKind;
use schema::models::pattern::Role;

use super::visit::{self, Held, VisitChange};
use super::{Plan, Planner};
use crate::command::{Done, MergePatients};
use crate::failure::Refusal;
use crate::scheduling::rejection::{Conflict, Rejection};

/// Moves what the practice has of the removed record. Whoever asks has checked that nobody else has
/// anything of it; the commit looks again.
pub(super) async fn plan(planner: &Planner<'_>, wanted: &MergePatients) -> Result<Plan, Refusal> {
    let (keep, remove) = (wanted.keep, wanted.remove);
    let (store, tenant) = (&planner.parts.store, planner.request.tenant);
    let visits = store.visits_of_patient(tenant, remove.id).await?;
    let settled = store.visits_settled_on(remove.calendar).await?;
    let mut cells = planner.cells([keep.calendar, remove.calendar]).await?;
    // A hold's claims cannot change hands; it ends within minutes.
    if let Some(cell) = cells.get(&remove.calendar) {
        let timeline = cell.timeline();
        let other = timeline
            .claims()
            .find(|claim| !matches!(claim.kind, ClaimKind::Appointment { .. }));
        if let Some(claim) = other {
            return Err(Rejection::PatientsOverlap(Conflict {
                calendar: remove.calendar,
                span: claim.span,
            })
            .into());
        }
    }
    let tx = TxId::new();
    let mut moving: Vec<(Held, Appointment)> = Vec::new();
    let mut appointments = Vec::with_capacity(visits.len());
    for before in visits {
        let held = planner.held_by(&before).await?;
        let mut after = before;
        after.version += 1;
        after.patient = keep.id;
        // What is settled stays on the calendar where it was: only whose visit it was changes.
        if !settled.contains(&after.id) {
            for placed in &mut after.pattern {
                if placed.segment.role == Role::Patient {
                    placed.calendar_id = keep.calendar;
                }
            }
            moving.push((held, after.clone()));
        }
        appointments.push(after);
    }
    let moving = moving.iter().map(|(held, after)| (held, after));
    let VisitChange {
        mut ops,
        mut asks,
        claims_put,
        claims_del,
    } = visit::change(tx, moving);
    // Both calendars get an event, also without a visit: whoever books for one of the two at the
    // same time must decide again.
    for calendar in [keep.calendar, remove.calendar] {
        ops.entry(calendar).or_default();
        asks.entry(calendar).or_insert_with(|| visit::nothing(tx));
    }
    let missing: Vec<CalendarId> = asks
        .keys()
        .filter(|id| !cells.contains_key(id))
        .copied()
        .collect();
    cells.extend(planner.cells(missing).await?);
    let done = Done::Merged {
        kept: keep.id,
        removed: remove.id,
        moved: appointments.len(),
    };
    let change = Change {
        tx,
        action: "patient.merged",
        subject: keep.id.0,
        ops,
        claims_put,
        claims_del,
        appointments,
        merged: Some(MergedRecords {
            kept: keep.id,
            removed: remove.id,
            user: planner.request.user,
        }),
        ..planner.change(&done)?
    };
    Ok(Plan::new(change, asks, cells, done))
}
