//! Series: many visits in one commit, and edits of those that are still ahead.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDateTime;
use schema::ids::{AppointmentId, SeriesId};
use schema::models::appointment::{Appointment, Status};
use schema::models::series::{Series, SeriesPolicy};
use schema::span::Minute;

use super::appointment::cancelled;
use super::swap::refused;
use super::visit::Held;
use super::{Plan, Planner};
use crate::command::series::{
    CancelSeries, EditSeries, NewSeries, Occurrence, OccurrenceVerdict, SeriesEdited, SeriesState,
};
use crate::command::{Done, Scope, Which};
use crate::failure::Refusal;
use crate::scheduling::draft::Draft;
use crate::scheduling::placement;
use crate::scheduling::rejection::{Missing, Override, Refused, Rejection};
use crate::scheduling::relocation::{Place, Wanted, arrange};
use crate::scheduling::repetition::{Repeated, Rule, VISITS_MAX, Verdict, starts};
use crate::scheduling::rulebook::RuleBook;
use crate::scheduling::status;
use crate::scheduling::zone::Zone;

/// What `nearest` looks at to either side, in minutes, at most.
const WINDOW_MAX: i64 = 24 * 60;

struct Decided {
    rules: Arc<RuleBook>,
    state: SeriesState,
    overridden: BTreeSet<Override>,
}

pub(super) async fn preview(planner: &Planner<'_>, wanted: &NewSeries) -> Result<Done, Refusal> {
    let decided = decide(planner, wanted).await?;
    Ok(Done::Series(Box::new(decided.state)))
}

pub(super) async fn book(planner: &Planner<'_>, wanted: &NewSeries) -> Result<Plan, Refusal> {
    let Decided {
        rules,
        state,
        overridden,
    } = decide(planner, wanted).await?;
    let (mut visits, mut refused) = (Vec::new(), Vec::new());
    for occurrence in &state.occurrences {
        match &occurrence.verdict {
            OccurrenceVerdict::Ok(appointment) | OccurrenceVerdict::Alternative(appointment) => {
                visits.push((Held::new(), (**appointment).clone()));
            }
            OccurrenceVerdict::Refused(why) => refused.push(Refused {
                appointment: None,
                start: occurrence.start,
                why: why.clone(),
            }),
        }
    }
    let whole = wanted.policy == SeriesPolicy::AllOrNothing;
    if !refused.is_empty() && (whole || visits.is_empty()) {
        return Err(Rejection::Several(refused).into());
    }
    let series = state.series.clone();
    let done = Done::Series(Box::new(state));
    let subject = series.id.0;
    let mut plan = planner
        .visits("series.booked", subject, visits, &overridden, done)
        .await?;
    plan.change.series = vec![series];
    plan.change.rules = rules.seen.clone();
    plan.again = true;
    Ok(plan)
}

async fn decide(planner: &Planner<'_>, wanted: &NewSeries) -> Result<Decided, Refusal> {
    let rules = planner.rules().await?;
    let (provider, treatment) = placement::named(&rules, wanted.provider, wanted.treatment)?;
    let duration = wanted.duration.unwrap_or(treatment.duration);
    let segments = placement::segments(treatment, duration)?;
    if !(1..=WINDOW_MAX).contains(&wanted.window) {
        let text = format!("1 to {WINDOW_MAX} minutes");
        return Err(Rejection::invalid("windowMinutes", text).into());
    }
    let series = series_of(planner, wanted, rules.zone)?;
    let rule = Rule {
        rrule: series.rrule.as_deref(),
        start: series.first_start,
        rdates: &series.rdates,
        exdates: &series.exdates,
    };
    let starts = starts(&rule, rules.zone, VISITS_MAX)?;
    planner.load(&rules, [wanted.patient.calendar]).await?;
    let repeated = Repeated {
        rules: &rules,
        provider,
        treatment,
        segments: &segments,
        duration,
        operatory: wanted.operatory,
        patient: wanted.patient.calendar,
        asker: planner.request.asker,
        overrides: &wanted.overrides,
        policy: wanted.policy,
        window: wanted.window,
        now: planner.parts.clock.minute(),
    };
    let published = |calendar| planner.directory().published(calendar);
    let mut draft = Draft::new(&published);
    let mut overridden = BTreeSet::new();
    let mut occurrences = Vec::with_capacity(starts.len());
    // The operatory of the visits before: the patient finds the way.
    let mut usual = None;
    for (at, start) in starts {
        let verdict = repeated.judge(start, usual, &draft);
        let verdict = match verdict {
            Verdict::Wanted(placement) | Verdict::Alternative(placement) => {
                let as_wanted = placement.span.start() == start
                    && wanted
                        .operatory
                        .is_none_or(|named| named == placement.operatory);
                usual.get_or_insert(placement.operatory);
                overridden.extend(placement.overridden.iter().copied());
                let pattern = repeated.whole(&placement);
                let appointment = Appointment {
                    id: AppointmentId::new(),
                    tenant: planner.request.tenant,
                    version: 1,
                    status: Status::Scheduled,
                    span: placement.span,
                    patient: wanted.patient.id,
                    provider: provider.id,
                    operatory: placement.operatory,
                    treatment: treatment.id,
                    pattern,
                    series: Some(series.id),
                    occurrence: Some(at),
                    detached: false,
                    notes: wanted.notes.clone(),
                    cancel_reason: None,
                    cancel_code: None,
                    confirmed_via: None,
                    created_by: planner.request.user,
                };
                draft.add(&appointment);
                match as_wanted {
                    true => OccurrenceVerdict::Ok(Box::new(appointment)),
                    false => OccurrenceVerdict::Alternative(Box::new(appointment)),
                }
            }
            Verdict::Refused(why) => OccurrenceVerdict::Refused(why),
        };
        occurrences.push(Occurrence { at, start, verdict });
    }
    let state = SeriesState {
        series,
        occurrences,
    };
    Ok(Decided {
        rules: Arc::clone(&rules),
        state,
        overridden,
    })
}

fn series_of(planner: &Planner<'_>, wanted: &NewSeries, zone: Zone) -> Result<Series, Rejection> {
    let local = |at: &Minute| zone.to_local(*at);
    let duration = wanted.duration.map(i16::try_from).transpose();
    let window = i16::try_from(wanted.window);
    let nearest = wanted.policy == SeriesPolicy::Nearest;
    Ok(Series {
        id: SeriesId::new(),
        tenant: planner.request.tenant,
        version: 1,
        patient: wanted.patient.id,
        provider: wanted.provider,
        treatment: wanted.treatment,
        operatory: wanted.operatory,
        rrule: wanted.repeats.rrule.clone(),
        first_start: local(&wanted.start),
        zone: zone.name().to_owned(),
        rdates: wanted.repeats.rdates.iter().map(local).collect(),
        exdates: wanted.repeats.exdates.iter().map(local).collect(),
        policy: wanted.policy,
        window_min: window.ok().filter(|_| nearest),
        duration_min: duration.map_err(|_| Rejection::BadDuration)?,
        created_by: planner.request.user,
    })
}

/// The series with its visits, at the version that the asker has seen.
async fn found(
    planner: &Planner<'_>,
    id: SeriesId,
    version: Option<i64>,
) -> Result<(Series, Vec<Appointment>), Refusal> {
    let found = planner
        .parts
        .store
        .series(planner.request.tenant, id)
        .await?;
    let (series, visits) = found.ok_or(Rejection::NotFound(Missing::Series))?;
    if let Some(seen) = version
        && seen != series.version
    {
        return Err(Rejection::Stale { seen }.into());
    }
    Ok((series, visits))
}

/// The visits that a change is about.
struct Chosen {
    /// The one that is named, or the first that is changed.
    anchor: Appointment,
    targets: Vec<Appointment>,
    /// Within the scope, and left as they are.
    kept: Vec<AppointmentId>,
}

/// Which visits of a series a change is about. Left alone is what was moved or cancelled on its own,
/// what has begun, and what is past; but the one that is named is meant.
fn choose(
    visits: Vec<Appointment>,
    zone: Zone,
    scope: Scope,
    which: Option<Which>,
    now: Minute,
    may: &dyn Fn(&Appointment) -> bool,
) -> Result<Chosen, Rejection> {
    let named = match which {
        None => None,
        Some(which) => {
            let found = visits.iter().find(|visit| {
                let by_rule = visit
                    .occurrence
                    .map_or(visit.span.start(), |at| zone.to_utc(at));
                which.names(visit.id.0, by_rule, visit.span.start())
            });
            Some(
                found
                    .ok_or(Rejection::NotFound(Missing::Occurrence))?
                    .clone(),
            )
        }
    };
    if named.is_none() && scope != Scope::All {
        let text = "name the visit that it begins with";
        return Err(Rejection::invalid("occurrence", text));
    }
    let is_named = |visit: &Appointment| named.as_ref().is_some_and(|one| one.id == visit.id);
    let within = |visit: &Appointment| match (scope, &named) {
        (Scope::All, _) | (_, None) => true,
        (Scope::This, Some(_)) => is_named(visit),
        (Scope::Following, Some(named)) => visit.occurrence >= named.occurrence,
    };
    let is_regular = |visit: &Appointment| {
        !visit.detached && status::is_ahead(visit.status) && visit.span.start() >= now
    };
    let (mut targets, mut kept) = (Vec::new(), Vec::new());
    for visit in visits.into_iter().filter(within) {
        match may(&visit) && (is_named(&visit) || is_regular(&visit)) {
            true => targets.push(visit),
            false => kept.push(visit.id),
        }
    }
    let anchor = named.or_else(|| targets.first().cloned());
    match anchor {
        Some(anchor) if !targets.is_empty() => Ok(Chosen {
            anchor,
            targets,
            kept,
        }),
        _ => Err(Rejection::WrongStatus),
    }
}

pub(super) async fn edit(planner: &Planner<'_>, wanted: &EditSeries) -> Result<Plan, Refusal> {
    let rules = planner.rules().await?;
    let (series, visits) = found(planner, wanted.series, wanted.version).await?;
    let asker = planner.request.asker;
    let now = planner.parts.clock.minute();
    let may = |visit: &Appointment| status::may_move(visit.status, asker);
    let chosen = choose(
        visits,
        rules.zone,
        wanted.scope,
        wanted.occurrence,
        now,
        &may,
    )?;
    let moves = wanted.start.is_some()
        || wanted.provider.is_some()
        || wanted.operatory.is_some()
        || wanted.duration.is_some();
    let noted = |visit: Appointment| Appointment {
        notes: wanted.notes.clone().unwrap_or_else(|| visit.notes.clone()),
        ..visit
    };
    let mut overridden = BTreeSet::new();
    let after: Vec<Appointment> = if moves {
        let relocated = relocated(planner, &rules, wanted, &chosen).await?;
        let detached = wanted.scope == Scope::This;
        let after = relocated.into_iter().map(|(after, rules_broken)| {
            overridden.extend(rules_broken);
            noted(Appointment { detached, ..after })
        });
        after.collect()
    } else {
        let after = chosen.targets.iter().cloned().map(|before| {
            noted(Appointment {
                version: before.version + 1,
                ..before
            })
        });
        after.collect()
    };
    let rule_versions = moves.then(|| rules.seen.clone());
    let edited = Edited {
        action: "series.changed",
        series,
        chosen,
        after,
        overridden,
    };
    let mut plan = put(planner, edited).await?;
    plan.change.rules = rule_versions.unwrap_or_default();
    Ok(plan)
}

/// The targets where they shall be, all of them or none.
async fn relocated(
    planner: &Planner<'_>,
    rules: &RuleBook,
    wanted: &EditSeries,
    chosen: &Chosen,
) -> Result<Vec<(Appointment, BTreeSet<Override>)>, Refusal> {
    let zone = rules.zone;
    let anchor = wall(zone, &chosen.anchor);
    let new = wanted.start.map_or(anchor, |start| zone.to_local(start));
    let shift = new - anchor;
    // The chair is kept, unless something else than the length is changed and it is not to be had.
    let stays = wanted.start.is_none() && wanted.provider.is_none();
    let mut moving = Vec::with_capacity(chosen.targets.len());
    for before in &chosen.targets {
        let local = wall(zone, before).checked_add_signed(shift);
        let outside = || Rejection::invalid("start", "outside 1900 to 2100");
        let start = match wanted.start {
            Some(_) => zone.to_utc(local.ok_or_else(outside)?),
            None => before.span.start(),
        };
        moving.push(Wanted {
            before: before.clone(),
            places: vec![Place {
                start,
                provider: wanted.provider.unwrap_or(before.provider),
                operatory: wanted.operatory.or(stays.then_some(before.operatory)),
                duration: wanted.duration,
            }],
        });
    }
    let parts = chosen.targets.iter().flat_map(|before| &before.pattern);
    let calendars: Vec<_> = parts.map(|placed| placed.calendar_id).collect();
    planner.load(rules, calendars).await?;
    let terms = planner.terms(rules, &wanted.overrides);
    let published = |calendar| planner.directory().published(calendar);
    let outcomes = arrange(&terms, &moving, &[], false, &published);
    let refused = refused(&chosen.targets, &outcomes);
    if !refused.is_empty() {
        return Err(Rejection::Several(refused).into());
    }
    let placed = outcomes.into_iter().flatten();
    Ok(placed
        .map(|(after, placement)| (after, placement.overridden))
        .collect())
}

/// What the wall shows at a visit's start; at a start that a clock change has moved, what it would
/// have shown.
fn wall(zone: Zone, visit: &Appointment) -> NaiveDateTime {
    let start = visit.span.start();
    match visit.occurrence {
        Some(at) if zone.to_utc(at) == start => at,
        _ => zone.to_local(start),
    }
}

pub(super) async fn cancel(planner: &Planner<'_>, wanted: &CancelSeries) -> Result<Plan, Refusal> {
    let rules = planner.rules().await?;
    let (series, visits) = found(planner, wanted.series, wanted.version).await?;
    let asker = planner.request.asker;
    let now = planner.parts.clock.minute();
    let may = |visit: &Appointment| status::may_become(visit.status, Status::Cancelled, asker);
    let chosen = choose(
        visits,
        rules.zone,
        wanted.scope,
        wanted.occurrence,
        now,
        &may,
    )?;
    let after = chosen
        .targets
        .iter()
        .cloned()
        .map(|before| cancelled(before, &wanted.reason, wanted.code))
        .collect();
    let edited = Edited {
        action: "series.cancelled",
        series,
        chosen,
        after,
        overridden: BTreeSet::new(),
    };
    put(planner, edited).await
}

struct Edited {
    action: &'static str,
    series: Series,
    chosen: Chosen,
    /// The targets' new states, in their order.
    after: Vec<Appointment>,
    overridden: BTreeSet<Override>,
}

async fn put(planner: &Planner<'_>, edited: Edited) -> Result<Plan, Refusal> {
    let mut visits = Vec::with_capacity(edited.after.len());
    for (before, after) in edited.chosen.targets.iter().zip(&edited.after) {
        visits.push((planner.held_by(before).await?, after.clone()));
    }
    let series = Series {
        version: edited.series.version + 1,
        ..edited.series
    };
    let done = Done::SeriesEdited(Box::new(SeriesEdited {
        series: series.clone(),
        changed: edited.after,
        kept: edited.chosen.kept,
    }));
    let subject = series.id.0;
    let mut plan = planner
        .visits(edited.action, subject, visits, &edited.overridden, done)
        .await?;
    plan.change.series = vec![series];
    plan.again = true;
    Ok(plan)
}
