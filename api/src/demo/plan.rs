//! Twelve weeks of visits around a day, as a pure function: who comes when, to whom, for what. The
//! plan keeps the rules that the engine enforces (hours, time patterns, buffers, nobody twice at
//! once), so each visit of it can be booked.

use std::collections::HashMap;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use schema::ids::{CalendarId, OperatoryId, PatientId, ProviderId, TenantId, TreatmentId};
use schema::models::appointment::Status;
use schema::models::catalogue::{Operatory, Provider};
use schema::models::pattern::Role;
use schema::span::{Minute, Span};

use super::DemoWorld;
use super::patients::Patient;
use super::source::Audience;
use super::world::Treatment;

/// Days before the day: as far back as staff may enter visits.
const DAYS_BEFORE: u64 = 34;
/// Days after it: twelve weeks in all.
const DAYS_AFTER: u64 = 12 * 7 - DAYS_BEFORE;
/// Minutes between two starts that are tried.
const STEP: i64 = 10;
/// Treatments that are tried for one start.
const TRIES: usize = 6;
/// How many of the patients who come least are drawn from.
const PATIENT_POOL: usize = 12;
/// The chance that a start which could be booked is left free.
const LEFT_FREE: f64 = 0.62;

/// A visit to be booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedVisit {
    pub tenant: TenantId,
    pub patient: PatientId,
    pub patient_calendar: CalendarId,
    /// Who leads.
    pub provider: ProviderId,
    pub treatment: TreatmentId,
    pub operatory: OperatoryId,
    pub start: DateTime<Utc>,
    /// Where it stands in the end; every visit begins as `scheduled`.
    pub status: Status,
}

/// A lead's window in an operatory on one day.
struct Shift<'a> {
    provider: &'a Provider,
    operatory: &'a Operatory,
    open: Span,
}

/// What a visit would take.
struct Fit<'a> {
    treatment: &'a Treatment,
    patient: &'a Patient,
    claims: Vec<(CalendarId, Span)>,
}

/// The visits of twelve weeks around `today`, by day. The past ones are done,
/// missed or cancelled.
#[must_use]
pub fn plan(world: &DemoWorld, today: NaiveDate, seed: u64) -> Vec<PlannedVisit> {
    let mut planner = Planner {
        world,
        random: StdRng::seed_from_u64(seed),
        taken: HashMap::new(),
        visits: HashMap::new(),
        planned: Vec::new(),
    };
    for date in days(today) {
        planner.taken.clear();
        for provider in &world.providers {
            planner.fill(&shifts(world, provider, date), date, today);
        }
    }
    planner.planned
}

fn days(today: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    let first = today - Days::new(DAYS_BEFORE);
    first
        .iter_days()
        .take_while(move |date| *date < today + Days::new(DAYS_AFTER))
}

struct Planner<'a> {
    world: &'a DemoWorld,
    random: StdRng,
    /// Of the day: no visit goes on past midnight.
    taken: HashMap<CalendarId, Vec<Span>>,
    /// How often each patient comes to each practice.
    visits: HashMap<(TenantId, PatientId), u32>,
    planned: Vec<PlannedVisit>,
}

impl<'a> Planner<'a> {
    /// A provider's day. Who has two chairs at once goes from one to the other.
    fn fill(&mut self, shifts: &[Shift<'a>], date: NaiveDate, today: NaiveDate) {
        let mut next: Vec<Minute> = shifts.iter().map(|shift| shift.open.start()).collect();
        loop {
            let earliest = next
                .iter_mut()
                .zip(shifts)
                .filter(|(at, shift)| **at < shift.open.end())
                .min_by_key(|(at, _)| **at);
            let Some((at, shift)) = earliest else {
                return;
            };
            let start = *at;
            *at = start.plus(STEP);
            if self.random.random_bool(LEFT_FREE) {
                continue;
            }
            let Some(fit) = self.fit(shift, date, start) else {
                continue;
            };
            *at = start.plus(i64::from(fit.treatment.duration_min));
            for (calendar, span) in fit.claims {
                self.taken.entry(calendar).or_default().push(span);
            }
            let relation = (shift.provider.tenant_id, fit.patient.id);
            *self.visits.entry(relation).or_default() += 1;
            let status = self.status(date, today);
            self.planned.push(PlannedVisit {
                tenant: shift.provider.tenant_id,
                patient: fit.patient.id,
                patient_calendar: fit.patient.calendar,
                provider: shift.provider.id,
                treatment: fit.treatment.id,
                operatory: shift.operatory.id,
                start: start.to_utc(),
                status,
            });
        }
    }

    /// A treatment and a patient for that start, if there are some.
    fn fit(&mut self, shift: &Shift<'a>, date: NaiveDate, start: Minute) -> Option<Fit<'a>> {
        for _ in 0..TRIES {
            let treatment = self.treatment(shift.provider)?;
            let visit = Span::lasting(start, i64::from(treatment.duration_min))?;
            if !shift.open.contains(visit) {
                continue;
            }
            let Some(mut claims) = self.claims(shift, treatment, date, start) else {
                continue;
            };
            let Some(patient) = self.patient(shift.provider.tenant_id, treatment, visit) else {
                continue;
            };
            claims.push((patient.calendar, visit));
            return Some(Fit {
                treatment,
                patient,
                claims,
            });
        }
        None
    }

    /// One of those that the provider leads, by their shares.
    fn treatment(&mut self, provider: &Provider) -> Option<&'a Treatment> {
        let offered: Vec<&Treatment> = self
            .world
            .treatments
            .iter()
            .filter(|treatment| treatment.tenant == provider.tenant_id)
            .filter(|treatment| name(lead_role(treatment)) == provider.role)
            .collect();
        let shares: u32 = offered.iter().map(|treatment| treatment.share).sum();
        let mut drawn = self.random.random_range(0..shares.max(1));
        offered.into_iter().find(|treatment| {
            let found = drawn < treatment.share;
            drawn = drawn.saturating_sub(treatment.share);
            found
        })
    }

    /// What the visit takes of chair and people; `None` where one of them is taken or away.
    fn claims(
        &self,
        shift: &Shift<'_>,
        treatment: &Treatment,
        date: NaiveDate,
        start: Minute,
    ) -> Option<Vec<(CalendarId, Span)>> {
        let lead = lead_role(treatment);
        treatment
            .pattern
            .iter()
            .map(|segment| {
                let at_work = Span::new(start.plus(segment.from), start.plus(segment.to))?;
                let taken = Span::new(
                    start.plus(segment.from - segment.buffer_before),
                    start.plus(segment.to + segment.buffer_after),
                )?;
                let calendar = match segment.role {
                    Role::Operatory => Some(shift.operatory.calendar_id),
                    role if role == lead => Some(shift.provider.calendar_id),
                    role => self.helper(shift, role, date, at_work),
                }?;
                self.is_free(calendar, taken).then_some((calendar, taken))
            })
            .collect()
    }

    /// The practice's only one of that role, while at work.
    fn helper(
        &self,
        shift: &Shift<'_>,
        role: Role,
        date: NaiveDate,
        span: Span,
    ) -> Option<CalendarId> {
        let tenant = shift.provider.tenant_id;
        let zone = self.world.tenants.iter().find(|one| one.id == tenant)?;
        let zone: Tz = zone.zone.parse().ok()?;
        let helper = self
            .world
            .providers
            .iter()
            .find(|provider| provider.tenant_id == tenant && provider.role == name(role))?;
        self.world
            .calendar_hours
            .iter()
            .filter(|hours| hours.calendar_id == helper.calendar_id)
            .filter(|hours| hours.weekday == iso_weekday(date))
            .filter_map(|hours| local_span(zone, date, hours.from_minute, hours.to_minute))
            .any(|open| open.contains(span))
            .then_some(helper.calendar_id)
    }

    /// Somebody of the practice who is free all day, drawn from those who come least.
    fn patient(
        &mut self,
        tenant: TenantId,
        treatment: &Treatment,
        visit: Span,
    ) -> Option<&'a Patient> {
        let mut pool: Vec<&Patient> = self
            .world
            .patients
            .iter()
            .filter(|patient| patient.tenants.contains(&tenant))
            .filter(|patient| match treatment.audience {
                Audience::Everyone => true,
                Audience::Adults => !patient.child,
                Audience::Children => patient.child,
            })
            .filter(|patient| !self.taken.contains_key(&patient.calendar))
            .filter(|patient| self.is_free(patient.calendar, visit))
            .collect();
        pool.sort_by_key(|patient| self.visits.get(&(tenant, patient.id)).copied().unwrap_or(0));
        pool.truncate(PATIENT_POOL);
        let drawn = self.random.random_range(0..pool.len().max(1));
        pool.get(drawn).copied()
    }

    fn is_free(&self, calendar: CalendarId, span: Span) -> bool {
        let taken = self.taken.get(&calendar);
        taken.is_none_or(|taken| taken.iter().all(|other| !other.overlaps(span)))
    }

    fn status(&mut self, date: NaiveDate, today: NaiveDate) -> Status {
        let chance = self.random.random_range(0..100);
        match (date < today, chance) {
            (true, 0..6) => Status::NoShow,
            (true, 6..13) => Status::Cancelled,
            (true, _) => Status::Completed,
            (false, 0..40) => Status::Confirmed,
            (false, _) => Status::Scheduled,
        }
    }
}

/// A dentist leads where one takes part.
fn lead_role(treatment: &Treatment) -> Role {
    let has = |role| treatment.pattern.iter().any(|segment| segment.role == role);
    match has(Role::Dentist) || !has(Role::Hygienist) {
        true => Role::Dentist,
        false => Role::Hygienist,
    }
}

fn name(role: Role) -> &'static str {
    match role {
        Role::Hygienist => "hygienist",
        Role::Assistant => "assistant",
        _ => "dentist",
    }
}

/// Where and when a provider works on a date: none where the clinic is closed.
fn shifts<'a>(world: &'a DemoWorld, provider: &'a Provider, date: NaiveDate) -> Vec<Shift<'a>> {
    let assigned = world.assignments.iter().filter(|assignment| {
        assignment.provider_id == provider.id && assignment.valid_from <= date
    });
    assigned
        .filter_map(|assignment| {
            let operatory = world
                .operatories
                .iter()
                .find(|operatory| operatory.id == assignment.operatory_id)?;
            let clinic = world
                .clinics
                .iter()
                .find(|clinic| clinic.id == operatory.clinic_id)?;
            let closed = world.closures.iter().any(|closure| {
                closure.clinic_id == Some(clinic.id)
                    && (closure.from_date..=closure.to_date).contains(&date)
            });
            (!closed).then_some((assignment, operatory, clinic.zone.parse::<Tz>().ok()?))
        })
        .flat_map(|(assignment, operatory, zone)| {
            world
                .assignment_hours
                .iter()
                .filter(|hours| hours.assignment_id == assignment.id)
                .filter(move |hours| hours.weekday == iso_weekday(date))
                .filter_map(move |hours| {
                    Some(Shift {
                        provider,
                        operatory,
                        open: local_span(zone, date, hours.from_minute, hours.to_minute)?,
                    })
                })
        })
        .collect()
}

fn iso_weekday(date: NaiveDate) -> i16 {
    i16::try_from(date.weekday().number_from_monday()).unwrap_or(0)
}

fn local_span(zone: Tz, date: NaiveDate, from: i16, to: i16) -> Option<Span> {
    let at = |minute: i16| {
        let local = date.and_time(NaiveTime::MIN) + TimeDelta::minutes(i64::from(minute));
        let at = local.and_local_timezone(zone).earliest()?;
        Minute::exact(at.with_timezone(&Utc))
    };
    Span::new(at(from)?, at(to)?)
}

#[cfg(test)]
mod tests;
