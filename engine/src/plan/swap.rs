//! Two appointments change places.

use std::collections::BTreeSet;

use schema::models::appointment::Appointment;

use super::{Plan, Planner};
use crate::command::Done;
use crate::command::replan::Swap;
use crate::failure::Refusal;
use crate::scheduling::rejection::{Refused, Rejection};
use crate::scheduling::relocation::{Place, Relocated, Wanted, arrange};
use crate::scheduling::status;

/// How much of the other's place a visit takes: as much as the rules let both.
const WAYS: [fn(&Appointment, &Appointment) -> Place; 4] = [
    |_, other| Place {
        start: other.span.start(),
        provider: other.provider,
        operatory: Some(other.operatory),
        duration: None,
    },
    |own, other| Place {
        start: other.span.start(),
        provider: own.provider,
        operatory: Some(other.operatory),
        duration: None,
    },
    |_, other| Place {
        start: other.span.start(),
        provider: other.provider,
        operatory: None,
        duration: None,
    },
    |own, other| Place {
        start: other.span.start(),
        provider: own.provider,
        operatory: None,
        duration: None,
    },
];

pub(super) async fn plan(planner: &Planner<'_>, wanted: &Swap) -> Result<Plan, Refusal> {
    let [first, second] = wanted.appointments;
    if first.id == second.id {
        let text = "two different appointments";
        return Err(Rejection::invalid("appointmentIds", text).into());
    }
    let both = planner.appointments(&wanted.appointments).await?;
    let asker = planner.request.asker;
    if !both.iter().all(|one| status::may_move(one.status, asker)) {
        return Err(Rejection::WrongStatus.into());
    }
    let rules = planner.rules().await?;
    let patients = both.iter().flat_map(|one| &one.pattern);
    planner
        .load(&rules, patients.map(|placed| placed.calendar_id))
        .await?;
    let terms = planner.terms(&rules, &wanted.overrides);
    let published = |calendar| planner.directory().published(calendar);
    let mut refusal = None;
    let mut found: Option<Vec<Relocated>> = None;
    for way in WAYS {
        let pair: Vec<Wanted> = both
            .iter()
            .zip(both.iter().rev())
            .map(|(own, other)| Wanted {
                before: own.clone(),
                places: vec![way(own, other)],
            })
            .collect();
        let outcomes = arrange(&terms, &pair, &[], false, &published);
        let refused = refused(&both, &outcomes);
        if refused.is_empty() {
            found = Some(outcomes.into_iter().flatten().collect());
            break;
        }
        refusal.get_or_insert(refused);
    }
    let Some(relocated) = found else {
        return Err(Rejection::Several(refusal.unwrap_or_default()).into());
    };
    let mut visits = Vec::with_capacity(2);
    let mut overridden = BTreeSet::new();
    for (before, (after, placed)) in both.iter().zip(relocated) {
        overridden.extend(placed.overridden);
        let detached = before.series.is_some();
        let held = planner.held_by(before).await?;
        visits.push((held, Appointment { detached, ..after }));
    }
    let appointments = visits.iter().map(|(_, after)| after.clone()).collect();
    let done = Done::Appointments { appointments };
    let mut plan = planner
        .visits("appointment.swapped", first.id.0, visits, &overridden, done)
        .await?;
    plan.change.rules = rules.seen.clone();
    plan.again = true;
    Ok(plan)
}

/// What an arrangement could not place.
pub(super) fn refused(
    visits: &[Appointment],
    outcomes: &[Result<Relocated, Rejection>],
) -> Vec<Refused> {
    let pairs = visits.iter().zip(outcomes);
    let refused = pairs.filter_map(|(before, outcome)| {
        Some(Refused {
            appointment: Some(before.id),
            start: before.span.start(),
            why: outcome.as_ref().err()?.clone(),
        })
    });
    refused.collect()
}
