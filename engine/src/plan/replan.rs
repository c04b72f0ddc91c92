//! A day, or a list of appointments, moved in one commit.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use schema::models::appointment::{Appointment, Status};
use schema::span::{DAY, Minute, Span};

use super::appointment::cancelled;
use super::{Plan, Planner};
use crate::command::replan::{DayAction, Destination, Replan, Replanned, Work};
use crate::command::{Done, Target};
use crate::failure::Refusal;
use crate::scheduling::placement::slot_interval_min;
use crate::scheduling::rejection::{Missing, Override, Refused, Rejection};
use crate::scheduling::relocation::{Place, Relocated, Wanted, arrange};
use crate::scheduling::rulebook::RuleBook;
use crate::scheduling::status;

/// Appointments of one command.
const VISITS_MAX: usize = 200;
/// The longest time that a day's visits are looked for in, in all.
const WINDOW_DAYS_MAX: i64 = 31;

/// What is to become of each appointment, in their order.
struct Outcome {
    rules: Arc<RuleBook>,
    visits: Vec<(Appointment, Result<Appointment, Rejection>)>,
    overridden: BTreeSet<Override>,
}

pub(super) async fn preview(planner: &Planner<'_>, wanted: &Replan) -> Result<Done, Refusal> {
    Ok(done(&decide(planner, wanted).await?))
}

pub(super) async fn plan(planner: &Planner<'_>, wanted: &Replan) -> Result<Plan, Refusal> {
    let outcome = decide(planner, wanted).await?;
    let refused: Vec<Refused> = outcome
        .visits
        .iter()
        .filter_map(|(before, after)| {
            Some(Refused {
                appointment: Some(before.id),
                start: before.span.start(),
                why: after.as_ref().err()?.clone(),
            })
        })
        .collect();
    let all_refused = refused.len() == outcome.visits.len();
    if !refused.is_empty() && (!wanted.skip || all_refused) {
        return Err(Rejection::Several(refused).into());
    }
    let done = done(&outcome);
    let mut visits = Vec::with_capacity(outcome.visits.len());
    for (before, after) in outcome.visits {
        if let Ok(after) = after {
            visits.push((planner.held_by(&before).await?, after));
        }
    }
    let subject = match &wanted.work {
        Work::Day { provider, .. } => provider.0,
        Work::Steps(_) => planner.request.tenant.0,
    };
    let mut plan = planner
        .visits("day.replanned", subject, visits, &outcome.overridden, done)
        .await?;
    plan.change.rules = outcome.rules.seen.clone();
    plan.again = true;
    Ok(plan)
}

fn done(outcome: &Outcome) -> Done {
    let visits = outcome.visits.iter().map(|(before, after)| Replanned {
        before: before.clone(),
        after: after.clone().map(Box::new),
    });
    Done::Replanned {
        visits: visits.collect(),
    }
}

/// What shall become of one appointment.
enum Goal {
    Cancel,
    /// The first of these that can be had.
    Places(Vec<Place>),
}

async fn decide(planner: &Planner<'_>, wanted: &Replan) -> Result<Outcome, Refusal> {
    let rules = planner.rules().await?;
    let visits = match &wanted.work {
        Work::Steps(steps) => {
            let targets: Vec<Target> = steps.iter().map(|step| step.appointment).collect();
            let ids: HashSet<_> = targets.iter().map(|target| target.id).collect();
            if ids.len() != targets.len() || targets.len() > VISITS_MAX {
                let text = format!("at most {VISITS_MAX} appointments, each once");
                return Err(Rejection::invalid("plan", text).into());
            }
            let found = planner.appointments(&targets).await?;
            let goals = steps.iter().map(|step| step.to);
            let goal = |(before, to): (Appointment, Option<Destination>)| {
                let goal = to.map_or(Goal::Cancel, |to| Goal::Places(vec![exactly(&before, to)]));
                (before, goal)
            };
            found.into_iter().zip(goals).map(goal).collect()
        }
        Work::Day {
            provider,
            range,
            only,
            action,
        } => {
            if !rules.providers.contains_key(provider) {
                return Err(Rejection::NotFound(Missing::Provider).into());
            }
            if let DayAction::Reassign { provider } = action
                && !rules.providers.contains_key(provider)
            {
                return Err(Rejection::NotFound(Missing::Provider).into());
            }
            let found = of_day(planner, *provider, *range, only.as_ref(), action).await?;
            let windows = windows(&rules, action)?;
            let now = planner.parts.clock.minute();
            let goal = |before: Appointment| {
                let goal = goal(&rules, &before, action, &windows, now);
                (before, goal)
            };
            found.into_iter().map(goal).collect()
        }
    };
    settle(planner, wanted, rules, visits).await
}

fn exactly(before: &Appointment, to: Destination) -> Place {
    Place {
        start: to.start,
        provider: to.provider.unwrap_or(before.provider),
        operatory: to.operatory,
        duration: None,
    }
}

/// The day's visits that may still be moved, or the named ones whatever their status.
async fn of_day(
    planner: &Planner<'_>,
    provider: schema::ids::ProviderId,
    range: Span,
    only: Option<&BTreeSet<schema::ids::AppointmentId>>,
    action: &DayAction,
) -> Result<Vec<Appointment>, Refusal> {
    let (store, tenant) = (&planner.parts.store, planner.request.tenant);
    let most = VISITS_MAX as i64 * 4;
    let mut found = store.visits_led_by(tenant, provider, range, most).await?;
    match only {
        Some(only) => {
            found.retain(|one| only.contains(&one.id));
            if found.len() < only.len() {
                return Err(Rejection::NotFound(Missing::Appointment).into());
            }
        }
        None => found.retain(|one| may(planner, one, *action == DayAction::Cancel)),
    }
    if found.len() > VISITS_MAX {
        let text = format!("more than {VISITS_MAX} appointments at once");
        return Err(Rejection::invalid("to", text).into());
    }
    Ok(found)
}

fn may(planner: &Planner<'_>, one: &Appointment, cancel: bool) -> bool {
    let asker = planner.request.asker;
    match cancel {
        true => status::may_become(one.status, Status::Cancelled, asker),
        false => status::may_move(one.status, asker),
    }
}

/// Where moved visits may go, by local days.
fn windows(rules: &RuleBook, action: &DayAction) -> Result<Vec<Span>, Rejection> {
    let DayAction::Move { to } = action else {
        return Ok(Vec::new());
    };
    let minutes: i64 = to.iter().map(|span| span.minutes()).sum();
    if minutes > WINDOW_DAYS_MAX * DAY {
        let text = format!("{WINDOW_DAYS_MAX} days in all");
        return Err(Rejection::invalid("windows", text));
    }
    let mut days = Vec::new();
    for span in to {
        let last = rules.zone.to_local(span.end()).date();
        let dates = rules.zone.to_local(span.start()).date().iter_days();
        for date in dates.take_while(|date| *date <= last) {
            let day = rules.zone.day(date);
            days.extend(day.and_then(|day| day.intersection(*span)));
        }
    }
    Ok(days)
}

fn goal(
    rules: &RuleBook,
    before: &Appointment,
    action: &DayAction,
    windows: &[Span],
    now: Minute,
) -> Goal {
    let at = |start: Minute| Place {
        start,
        provider: before.provider,
        operatory: None,
        duration: None,
    };
    match action {
        DayAction::Cancel => Goal::Cancel,
        DayAction::Shift { minutes } => Goal::Places(vec![at(before.span.start().plus(*minutes))]),
        DayAction::Reassign { provider } => Goal::Places(vec![Place {
            provider: *provider,
            ..at(before.span.start())
        }]),
        DayAction::Move { .. } => {
            let starts = windows
                .iter()
                .flat_map(|day| starts_in(rules, before, *day, now));
            Goal::Places(starts.map(at).collect())
        }
    }
}

/// The slot grid of a local day's part, the closest to the visit's own time of day first.
fn starts_in(rules: &RuleBook, before: &Appointment, window: Span, now: Minute) -> Vec<Minute> {
    let zone = rules.zone;
    let treatment = rules.treatments.get(&before.treatment);
    let step = treatment.map_or(15, |treatment| slot_interval_min(rules, treatment));
    let local = zone.to_local(window.start()).date();
    let Some(day) = zone.day(local) else {
        return Vec::new();
    };
    let ideal = zone.to_utc(local.and_time(zone.to_local(before.span.start()).time()));
    let mut starts: Vec<Minute> = (0..=day.minutes() / step)
        .map(|n| day.start().plus(n * step))
        .filter(|start| *start >= window.start() && *start < window.end() && *start >= now)
        .collect();
    starts.sort_by_key(|start| (start.0 - ideal.0).abs());
    starts
}

/// Finds each its place, all together.
async fn settle(
    planner: &Planner<'_>,
    wanted: &Replan,
    rules: Arc<RuleBook>,
    visits: Vec<(Appointment, Goal)>,
) -> Result<Outcome, Refusal> {
    let parts = visits.iter().flat_map(|(before, _)| &before.pattern);
    let calendars: Vec<_> = parts.map(|placed| placed.calendar_id).collect();
    planner.load(&rules, calendars).await?;
    let terms = planner.terms(&rules, &wanted.overrides);
    let published = |calendar| planner.directory().published(calendar);

    let mut moving = Vec::new();
    let mut freed = Vec::new();
    for (before, goal) in &visits {
        match goal {
            Goal::Cancel if may(planner, before, true) => freed.push(before.clone()),
            Goal::Places(places) if may(planner, before, false) => moving.push(Wanted {
                before: before.clone(),
                places: places.clone(),
            }),
            _ => {}
        }
    }
    let mut moved = arrange(&terms, &moving, &freed, wanted.skip, &published).into_iter();
    let mut overridden = BTreeSet::new();
    let mut outcomes = Vec::with_capacity(visits.len());
    for (before, goal) in visits {
        let after = match goal {
            Goal::Cancel if may(planner, &before, true) => {
                Ok(cancelled(before.clone(), &wanted.reason, wanted.code))
            }
            Goal::Places(_) if may(planner, &before, false) => {
                let outcome: Option<Result<Relocated, Rejection>> = moved.next();
                outcome.unwrap_or(Err(Rejection::WrongStatus)).map(|found| {
                    let (after, placed) = found;
                    overridden.extend(placed.overridden);
                    let detached = before.series.is_some();
                    Appointment { detached, ..after }
                })
            }
            _ => Err(Rejection::WrongStatus),
        };
        outcomes.push((before, after));
    }
    Ok(Outcome {
        rules,
        visits: outcomes,
        overridden,
    })
}
