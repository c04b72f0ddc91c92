//! A visit that is still in the chair at its end: what it takes grows, minute by minute as the clock
//! goes on, up to what is taken next. So what is offered for later today is true.

use std::collections::{BTreeMap, BTreeSet};

use schema::models::appointment::{Appointment, Status};
use schema::models::pattern::{Placed, Segment};
use schema::span::{Minute, Span};

use super::{Plan, Planner};
use crate::command::{Done, Target};
use crate::failure::Refusal;
use crate::scheduling::pattern::LONGEST_VISIT;

/// It grows to the next full step: one event in so many minutes, and none on other nodes, which
/// find it grown already.
const STEP_MIN: i64 = 5;

pub(super) async fn plan(planner: &Planner<'_>, target: Target) -> Result<Plan, Refusal> {
    let before = planner.appointment(target).await?;
    let until = Minute((planner.parts.clock.minute().0.div_euclid(STEP_MIN) + 1) * STEP_MIN);
    let grown = grow(planner, &before, until).await?;
    let Some((span, pattern)) = grown else {
        let done = Done::Appointment(Box::new(before));
        let change = planner.change(&done)?;
        return Ok(Plan::new(change, BTreeMap::new(), BTreeMap::new(), done));
    };
    let held = planner.held_by(&before).await?;
    let after = Appointment {
        version: before.version + 1,
        span,
        pattern,
        ..before
    };
    let action = "appointment.extended";
    planner
        .visit(action, Some(held), after, &BTreeSet::new())
        .await
}

/// The visit going on until `until`, each of its resources as far as it is free; `None` when there
/// is nothing to add.
async fn grow(
    planner: &Planner<'_>,
    before: &Appointment,
    until: Minute,
) -> Result<Option<(Span, Vec<Placed>)>, Refusal> {
    let (start, end) = (before.span.start(), before.span.end());
    let by = (until.0 - end.0).min(LONGEST_VISIT - before.span.minutes());
    if before.status != Status::InChair || until.plus(-STEP_MIN) < end || by <= 0 {
        return Ok(None);
    }
    let calendars: BTreeSet<_> = before.pattern.iter().map(|one| one.calendar_id).collect();
    let cells = planner.cells(calendars).await?;
    let mut pattern = before.pattern.clone();
    let mut last = before.span.minutes();
    for placed in &mut pattern {
        let segment = placed.segment;
        if segment.to != before.span.minutes() {
            continue;
        }
        let taken_until = start.plus(segment.to + segment.buffer_after);
        let Some(wanted) = Span::lasting(taken_until, by) else {
            continue;
        };
        let next = cells.get(&placed.calendar_id).and_then(|cell| {
            let timeline = cell.timeline();
            let mut others = timeline.overlapping(wanted);
            let next = others.find(|claim| !claim.belongs_to(before.id));
            next.map(|claim| claim.span.start())
        });
        let free = next.map_or(by, |next| (next.0 - taken_until.0).max(0));
        // With its buffers it is one claim, and no claim is longer than a day.
        let whole = segment.buffer_before + segment.to - segment.from + segment.buffer_after;
        let to = segment.to + free.min(LONGEST_VISIT - whole);
        last = last.max(to);
        placed.segment = Segment { to, ..segment };
    }
    let span = Span::lasting(start, last).filter(|span| span.end() > end);
    Ok(span.map(|span| (span, pattern)))
}
