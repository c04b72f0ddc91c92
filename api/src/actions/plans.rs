//! Series, blocks, swaps and replanned days: from bodies to commands.

use engine::command::block::{EditBlock, NewBlock, Unblock};
use engine::command::replan::{DayAction, Destination, Replan, Step, Swap, Work};
use engine::command::series::{CancelSeries, EditSeries, NewSeries};
use engine::command::{PatientRef, Repeats, Scope, Target, Which};
use engine::scheduling::rejection::{Missing, Rejection};
use engine::scheduling::rulebook::RuleBook;
use schema::ids::{BlockId, CalendarId, SeriesId};
use schema::span::{Minute, Span};

use super::{allowed, patient};
use crate::app::App;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::wire::replan::{NewReplan, NewStep, NewSwap, Window};
use crate::wire::{block, replan, series, time};

/// Minutes that `nearest` looks at to either side, where nothing is said.
const WINDOW_MIN: i64 = 120;
/// The longest part of a diary that is replanned at once, in days.
const RANGE_DAYS_MAX: i64 = 31;

/// A series or block, the version that the client has seen, and which of its occurrences.
#[derive(Clone, Copy, Debug)]
pub struct Occurrences<T> {
    pub id: T,
    pub version: Option<i64>,
    pub scope: Scope,
    pub which: Option<Which>,
}

fn minutes(field: &str, times: &[chrono::DateTime<chrono::Utc>]) -> Result<Vec<Minute>, Problem> {
    times.iter().map(|at| time::minute(field, *at)).collect()
}

/// A rule may come as a whole property.
fn rrule(text: Option<String>) -> Option<String> {
    let text = text?;
    let value = text.trim();
    let value = value.strip_prefix("RRULE:").unwrap_or(value);
    (!value.is_empty()).then(|| value.to_owned())
}

fn text(given: Option<String>) -> Option<String> {
    given.filter(|text| !text.trim().is_empty())
}

fn span(from: Minute, to: Minute, field: &str) -> Result<Span, Problem> {
    Span::new(from, to).ok_or_else(|| Problem::invalid(field, "later than its start"))
}

pub(super) async fn new_series(
    app: &App,
    member: &Member,
    body: series::NewSeries,
) -> Result<NewSeries, Problem> {
    let calendar = patient(app, member, body.patient_id).await?;
    Ok(NewSeries {
        patient: PatientRef {
            id: body.patient_id,
            calendar,
        },
        provider: body.dentist_id,
        treatment: body.treatment_id,
        start: time::minute("start", body.start)?,
        repeats: Repeats {
            rrule: rrule(body.rrule),
            rdates: minutes("rdates", &body.rdates)?,
            exdates: minutes("exdates", &body.exdates)?,
        },
        operatory: body.operatory_id,
        duration: body.duration,
        notes: text(body.notes),
        policy: body.policy,
        window: body.window_minutes.unwrap_or(WINDOW_MIN),
        overrides: allowed(member, &body.overrides)?,
    })
}

pub(super) fn edit_series(
    member: &Member,
    of: Occurrences<SeriesId>,
    body: series::SeriesEdit,
) -> Result<EditSeries, Problem> {
    let start = body.start.map(|at| time::minute("start", at)).transpose()?;
    Ok(EditSeries {
        series: of.id,
        version: of.version,
        scope: of.scope,
        occurrence: of.which,
        start,
        provider: body.dentist_id,
        operatory: body.operatory_id,
        duration: body.duration,
        notes: body.notes.map(text),
        overrides: allowed(member, &body.overrides)?,
    })
}

pub(super) fn cancel_series(
    of: Occurrences<SeriesId>,
    body: series::SeriesCancellation,
) -> CancelSeries {
    CancelSeries {
        series: of.id,
        version: of.version,
        scope: of.scope,
        occurrence: of.which,
        reason: body.reason,
        code: body.reason_code,
    }
}

pub(super) async fn new_block(
    app: &App,
    member: &Member,
    body: block::NewBlock,
) -> Result<NewBlock, Problem> {
    let rules = app.engine.rules(member.tenant()).await?;
    let start = time::minute("start", body.start)?;
    let end = time::minute("end", body.end)?;
    Ok(NewBlock {
        calendar: calendar(&rules, &body)?,
        kind: body.kind,
        title: text(body.title),
        span: span(start, end, "end")?,
        repeats: Repeats {
            rrule: rrule(body.rrule),
            rdates: minutes("rdates", &body.rdates)?,
            exdates: minutes("exdates", &body.exdates)?,
        },
        allow_clashes: body.allow_clashes,
        overrides: allowed(member, &body.overrides)?,
    })
}

/// The one calendar that a new block names.
fn calendar(rules: &RuleBook, body: &block::NewBlock) -> Result<CalendarId, Problem> {
    match (body.calendar_id, body.dentist_id, body.operatory_id) {
        (Some(calendar), None, None) => Ok(calendar),
        (None, Some(dentist), None) => {
            let provider = rules.providers.get(&dentist);
            let missing = Rejection::NotFound(Missing::Provider);
            Ok(provider.ok_or(missing)?.calendar)
        }
        (None, None, Some(operatory)) => {
            let operatory = rules.operatories.get(&operatory);
            let missing = Rejection::NotFound(Missing::Operatory);
            Ok(operatory.ok_or(missing)?.calendar)
        }
        _ => Err(Problem::invalid(
            "calendarId",
            "one of calendarId, dentistId and operatoryId",
        )),
    }
}

pub(super) fn edit_block(
    member: &Member,
    of: Occurrences<BlockId>,
    body: block::BlockEdit,
) -> Result<EditBlock, Problem> {
    let start = body.start.map(|at| time::minute("start", at)).transpose()?;
    let end = body.end.map(|at| time::minute("end", at)).transpose()?;
    if let (Some(start), Some(end)) = (start, end) {
        span(start, end, "end")?;
    }
    Ok(EditBlock {
        block: of.id,
        version: of.version,
        scope: of.scope,
        occurrence: of.which,
        kind: body.kind,
        title: body.title.map(text),
        start,
        end,
        allow_clashes: body.allow_clashes,
        overrides: allowed(member, &body.overrides)?,
    })
}

pub(super) fn unblock(of: Occurrences<BlockId>) -> Unblock {
    Unblock {
        block: of.id,
        version: of.version,
        scope: of.scope,
        occurrence: of.which,
    }
}

pub(super) fn swap(member: &Member, body: &NewSwap) -> Result<Swap, Problem> {
    let versions = body.versions.clone().unwrap_or_default();
    let target = |index: usize| Target {
        id: body.appointment_ids[index],
        version: versions.get(index).copied(),
    };
    if body.appointment_ids.len() != 2 {
        return Err(Problem::invalid("appointmentIds", "two appointments"));
    }
    Ok(Swap {
        appointments: [target(0), target(1)],
        overrides: allowed(member, &body.overrides)?,
    })
}

pub(super) async fn replan(app: &App, member: &Member, body: NewReplan) -> Result<Replan, Problem> {
    let work = match &body.plan {
        Some(plan) => Work::Steps(plan.iter().map(step).collect::<Result<_, _>>()?),
        None => {
            let rules = app.engine.rules(member.tenant()).await?;
            day(&rules, &body)?
        }
    };
    Ok(Replan {
        work,
        skip: body.policy == replan::ReplanPolicy::Skip,
        overrides: allowed(member, &body.overrides)?,
        reason: body.reason,
        code: body.reason_code,
    })
}

fn step(step: &NewStep) -> Result<Step, Problem> {
    let to = match (step.cancel, step.start) {
        (true, None) => None,
        (false, Some(start)) => Some(Destination {
            start: time::minute("plan", start)?,
            provider: step.dentist_id,
            operatory: step.operatory_id,
        }),
        _ => {
            let text = "each step has either a start or cancel";
            return Err(Problem::invalid("plan", text));
        }
    };
    Ok(Step {
        appointment: Target {
            id: step.appointment_id,
            version: step.version,
        },
        to,
    })
}

fn day(rules: &RuleBook, body: &NewReplan) -> Result<Work, Problem> {
    let missing = |field: &str| Problem::invalid(field, "missing");
    let local_day = |field: &str, date| {
        let day = rules.zone.day(date);
        day.ok_or_else(|| Problem::invalid(field, "no day of the practice's calendar"))
    };
    let range = match (body.date, body.from, body.to) {
        (Some(date), None, None) => local_day("date", date)?,
        (None, Some(from), Some(to)) => {
            let (from, to) = (time::minute("from", from)?, time::minute("to", to)?);
            span(from, to, "to")?
        }
        _ => return Err(Problem::invalid("date", "either date, or from and to")),
    };
    if range.minutes() > RANGE_DAYS_MAX * schema::span::DAY {
        let text = format!("at most {RANGE_DAYS_MAX} days after from");
        return Err(Problem::invalid("to", text));
    }
    let action = match body.action.ok_or_else(|| missing("action"))? {
        replan::DayAction::Shift => DayAction::Shift {
            minutes: body
                .minutes
                .filter(|minutes| *minutes != 0)
                .ok_or_else(|| missing("minutes"))?,
        },
        replan::DayAction::Move => {
            let mut to = Vec::with_capacity(body.dates.len() + body.windows.len());
            for date in &body.dates {
                to.push(local_day("dates", *date)?);
            }
            for Window { from, to: end } in &body.windows {
                let from = time::minute("windows", *from)?;
                to.push(span(from, time::minute("windows", *end)?, "windows")?);
            }
            if to.is_empty() {
                return Err(missing("dates"));
            }
            DayAction::Move { to }
        }
        replan::DayAction::Reassign => DayAction::Reassign {
            provider: body.to_dentist_id.ok_or_else(|| missing("toDentistId"))?,
        },
        replan::DayAction::Cancel => DayAction::Cancel,
    };
    Ok(Work::Day {
        provider: body.dentist_id.ok_or_else(|| missing("dentistId"))?,
        range,
        only: body
            .appointment_ids
            .as_ref()
            .map(|ids| ids.iter().copied().collect()),
        action,
    })
}
