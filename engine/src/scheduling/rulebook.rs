//! The rules of one practice, made of its rows: who works where and when, and what is offered.

use std::collections::{BTreeMap, HashMap, HashSet};

use schema::commit::RulesSeen;
use schema::ids::{CalendarId, ClinicId, OperatoryId, ProviderId, TenantId, TreatmentId};
use schema::models::catalogue as rows;
use schema::models::pattern::{Role, Segment};
use schema::rules::TenantRows;
use schema::span::Span;

use super::hours::{self, DayWindow, Exception, ExceptionKind, WeeklyHours, WeeklyWindow};
use super::intervals::IntervalSet;
use super::pattern;
use super::policy::Policy;
use super::zone::Zone;

mod coverage;
mod equipment;

pub use equipment::Equipment;

/// The rules of a tenant at one version of everything that they are made of.
#[derive(Clone, Debug)]
pub struct RuleBook {
    pub tenant: TenantId,
    pub zone: Zone,
    /// `es` or `en`: the language of its names.
    pub locale: String,
    pub policy: Policy,
    /// What a decision by this book must find unchanged when it commits.
    pub seen: RulesSeen,
    pub providers: BTreeMap<ProviderId, Provider>,
    pub operatories: BTreeMap<OperatoryId, Operatory>,
    pub treatments: BTreeMap<TreatmentId, Treatment>,
    pub equipment: BTreeMap<uuid::Uuid, Equipment>,
    assignments: Vec<Assignment>,
    calendar_hours: HashMap<CalendarId, Vec<CalendarHours>>,
    tenant_exceptions: Vec<Exception>,
}

#[derive(Clone, Debug)]
pub struct Provider {
    pub id: ProviderId,
    pub name: String,
    pub role: Role,
    pub calendar: CalendarId,
    pub active: bool,
    exceptions: Vec<Exception>,
}

#[derive(Clone, Debug)]
pub struct Operatory {
    pub id: OperatoryId,
    pub name: String,
    pub clinic: ClinicId,
    pub calendar: CalendarId,
    pub active: bool,
    /// The clinic's zone: its hours are local there.
    pub zone: Zone,
    exceptions: Vec<Exception>,
    clinic_exceptions: Vec<Exception>,
}

#[derive(Clone, Debug)]
pub struct Treatment {
    pub id: TreatmentId,
    pub code: String,
    pub name_es: String,
    pub name_en: String,
    pub duration: i64,
    pub pattern: Vec<Segment>,
    pub active: bool,
    pub online_bookable: bool,
    pub min_notice_min: Option<i64>,
    pub horizon_days: Option<i64>,
    pub slot_interval_min: Option<i64>,
    /// Empty: every provider of its lead role.
    providers: Vec<ProviderId>,
    /// Empty: any operatory.
    operatories: Vec<OperatoryId>,
    /// What of its equipment is in use: one of these serves.
    pub equipment: Vec<CalendarId>,
}

#[derive(Clone, Debug)]
struct Assignment {
    provider: ProviderId,
    operatory: OperatoryId,
    weekly: WeeklyHours,
    valid_from: chrono::NaiveDate,
    valid_to: Option<chrono::NaiveDate>,
}

#[derive(Clone, Debug)]
struct CalendarHours {
    weekly: WeeklyHours,
    valid_from: chrono::NaiveDate,
    valid_to: Option<chrono::NaiveDate>,
}

/// Rows that contradict themselves: nothing can be decided by them.
#[derive(Debug, thiserror::Error)]
#[error("the rules of tenant {tenant} cannot be read: {what}")]
pub struct BadRules {
    pub tenant: TenantId,
    pub what: String,
}

impl RuleBook {
    /// Makes the book of a tenant's rows.
    ///
    /// # Errors
    /// When a row cannot be understood (an unknown zone or role, a pattern that does not fit).
    pub fn new(rows: TenantRows) -> Result<Self, BadRules> {
        let tenant = rows.tenant.id;
        Self::read(rows).map_err(|what| BadRules { tenant, what })
    }

    fn read(rows: TenantRows) -> Result<Self, String> {
        let mut clinics = HashMap::new();
        let closed: HashSet<ClinicId> = rows
            .clinics
            .iter()
            .filter(|clinic| !clinic.active)
            .map(|clinic| clinic.id)
            .collect();
        let mut seen = RulesSeen::default();
        seen.tenants
            .insert(rows.tenant.id, rows.tenant.rules_version);
        for clinic in &rows.clinics {
            seen.clinics.insert(clinic.id, clinic.rules_version);
            clinics.insert(clinic.id, zone(&clinic.zone)?);
        }
        let exceptions = |belongs: &dyn Fn(&rows::ScheduleException) -> bool| {
            let mine = rows.exceptions.iter().filter(|row| belongs(row));
            mine.map(exception).collect::<Result<Vec<_>, String>>()
        };
        let mut operatories = BTreeMap::new();
        for row in &rows.operatories {
            let zone = clinics
                .get(&row.clinic_id)
                .ok_or("an operatory without clinic")?;
            let operatory = Operatory {
                id: row.id,
                name: row.name.clone(),
                clinic: row.clinic_id,
                calendar: row.calendar_id,
                active: row.active && !closed.contains(&row.clinic_id),
                zone: *zone,
                exceptions: exceptions(&|e| e.operatory_id == Some(row.id))?,
                clinic_exceptions: exceptions(&|e| e.clinic_id == Some(row.clinic_id))?,
            };
            operatories.insert(row.id, operatory);
        }
        let mut providers = BTreeMap::new();
        for row in &rows.providers {
            let provider = Provider {
                id: row.id,
                name: row.name.clone(),
                role: role(&row.role)?,
                calendar: row.calendar_id,
                active: row.active,
                exceptions: exceptions(&|e| e.provider_id == Some(row.id))?,
            };
            providers.insert(row.id, provider);
        }
        let equipment: BTreeMap<_, _> = rows
            .equipment
            .iter()
            .map(|row| (row.id, Equipment::from(row)))
            .collect();
        Ok(Self {
            tenant: rows.tenant.id,
            zone: zone(&rows.tenant.zone)?,
            locale: rows.tenant.locale.clone(),
            policy: serde_json::from_value(rows.tenant.policy.clone())
                .map_err(|error| format!("policy: {error}"))?,
            seen,
            assignments: assignments(&rows)?,
            calendar_hours: calendar_hours(&rows)?,
            tenant_exceptions: exceptions(&|e| e.scope == "tenant")?,
            treatments: treatments(&rows, &equipment)?,
            providers,
            operatories,
            equipment,
        })
    }

    /// Whether `other` was made of newer rows.
    #[must_use]
    pub fn is_older_than(&self, other: &Self) -> bool {
        let older = |mine: Option<&i64>, theirs: &i64| mine.is_none_or(|mine| mine < theirs);
        let seen = &self.seen;
        other
            .seen
            .tenants
            .iter()
            .any(|(id, version)| older(seen.tenants.get(id), version))
            || other
                .seen
                .clinics
                .iter()
                .any(|(id, version)| older(seen.clinics.get(id), version))
    }

    /// Whether `provider` offers `treatment`: named for it and with a part in it, or of the role
    /// that leads it.
    #[must_use]
    pub fn offers(&self, provider: &Provider, treatment: &Treatment) -> bool {
        if !treatment.providers.is_empty() {
            let takes_part = treatment
                .pattern
                .iter()
                .any(|part| part.role == provider.role);
            return takes_part && treatment.providers.contains(&provider.id);
        }
        treatment.lead_role() == provider.role
    }

    /// The operatories that `provider` is assigned to and `treatment` can be done in, by name.
    #[must_use]
    pub fn operatories_for(&self, provider: ProviderId, treatment: &Treatment) -> Vec<&Operatory> {
        let mut found: Vec<&Operatory> = self
            .operatories
            .values()
            .filter(|operatory| operatory.active)
            .filter(|operatory| treatment.can_be_done_in(operatory.id))
            .filter(|operatory| self.is_assigned(provider, operatory.id))
            .collect();
        found.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        found
    }

    /// Whether there is any assignment of `provider` to `operatory`, at whatever time.
    #[must_use]
    pub fn is_assigned(&self, provider: ProviderId, operatory: OperatoryId) -> bool {
        self.assignments
            .iter()
            .any(|a| a.provider == provider && a.operatory == operatory)
    }

    /// When `provider` may work in `operatory` within `range`: as lent, and where hours of their own
    /// are kept, only within those.
    #[must_use]
    pub fn open(&self, provider: &Provider, operatory: &Operatory, range: Span) -> IntervalSet {
        let lent = self.lent(provider, operatory, range);
        match self.staff_hours(provider, range) {
            Some(own) => lent.intersection(&own),
            None => lent,
        }
    }

    /// When `operatory` is lent to `provider` within `range`.
    #[must_use]
    pub fn lent(&self, provider: &Provider, operatory: &Operatory, range: Span) -> IntervalSet {
        self.assignments
            .iter()
            .filter(|a| a.provider == provider.id && a.operatory == operatory.id)
            .flat_map(|assignment| {
                hours::open(
                    operatory.zone,
                    &assignment.weekly,
                    Some(assignment.valid_from),
                    assignment.valid_to,
                    &[
                        &operatory.clinic_exceptions,
                        &self.tenant_exceptions,
                        &operatory.exceptions,
                        &provider.exceptions,
                    ],
                    range,
                )
            })
            .collect()
    }

    /// When a person works, wherever; `None` when no hours are kept for them: they are there whenever
    /// the visit may be.
    #[must_use]
    pub fn staff_hours(&self, provider: &Provider, range: Span) -> Option<IntervalSet> {
        let layers: &[&[Exception]] = &[&self.tenant_exceptions, &provider.exceptions];
        self.hours_of(provider.calendar, layers, range)
    }

    /// The hours that are kept for a calendar, in the practice's zone.
    fn hours_of(
        &self,
        calendar: CalendarId,
        layers: &[&[Exception]],
        range: Span,
    ) -> Option<IntervalSet> {
        let hours = self.calendar_hours.get(&calendar)?;
        let spans = hours.iter().flat_map(|entry| {
            let (from, to) = (Some(entry.valid_from), entry.valid_to);
            hours::open(self.zone, &entry.weekly, from, to, layers, range)
        });
        Some(spans.collect())
    }

    /// Every calendar that the practice's visits can take, but for patients'.
    pub fn calendars(&self) -> impl Iterator<Item = CalendarId> {
        let providers = self.providers.values().map(|provider| provider.calendar);
        let operatories = self
            .operatories
            .values()
            .map(|operatory| operatory.calendar);
        providers
            .chain(operatories)
            .chain(self.equipment.values().map(|machine| machine.calendar))
    }
}

impl Treatment {
    /// Who leads the visit: a dentist where one takes part, else the first person in the pattern.
    #[must_use]
    pub fn lead_role(&self) -> Role {
        let has = |role| self.pattern.iter().any(|segment| segment.role == role);
        if has(Role::Dentist) || !has(Role::Hygienist) {
            Role::Dentist
        } else {
            Role::Hygienist
        }
    }

    /// Whether the operatory is one of those that it can be done in.
    #[must_use]
    pub fn can_be_done_in(&self, operatory: OperatoryId) -> bool {
        self.operatories.is_empty() || self.operatories.contains(&operatory)
    }
}

fn zone(name: &str) -> Result<Zone, String> {
    name.parse()
        .map_err(|error: super::zone::UnknownZone| error.to_string())
}

fn role(name: &str) -> Result<Role, String> {
    serde_json::from_value(serde_json::Value::String(name.to_owned()))
        .map_err(|_| format!("unknown role {name}"))
}

fn window(from: i16, to: i16) -> Result<DayWindow, String> {
    let minute = |value: i16| u16::try_from(value).map_err(|error| error.to_string());
    DayWindow::new(minute(from)?, minute(to)?).map_err(|error| error.to_string())
}

fn weekly_window(weekday: i16, from: i16, to: i16) -> Result<WeeklyWindow, String> {
    let weekday = u8::try_from(weekday - 1)
        .ok()
        .and_then(|day| chrono::Weekday::try_from(day).ok())
        .ok_or_else(|| format!("unknown weekday {weekday}"))?;
    Ok(WeeklyWindow {
        weekday,
        window: window(from, to)?,
    })
}

fn exception(row: &rows::ScheduleException) -> Result<Exception, String> {
    Ok(Exception {
        first: row.from_date,
        last: row.to_date,
        kind: if row.kind == "extra" {
            ExceptionKind::Extra
        } else {
            ExceptionKind::Closed
        },
        window: match (row.from_minute, row.to_minute) {
            (Some(from), Some(to)) => Some(window(from, to)?),
            _ => None,
        },
    })
}

fn assignments(rows: &TenantRows) -> Result<Vec<Assignment>, String> {
    rows.assignments
        .iter()
        .map(|row| {
            let windows = rows
                .assignment_hours
                .iter()
                .filter(|hours| hours.assignment_id == row.id)
                .map(|hours| weekly_window(hours.weekday, hours.from_minute, hours.to_minute))
                .collect::<Result<_, _>>()?;
            Ok(Assignment {
                provider: row.provider_id,
                operatory: row.operatory_id,
                weekly: WeeklyHours(windows),
                valid_from: row.valid_from,
                valid_to: row.valid_to,
            })
        })
        .collect()
}

fn calendar_hours(rows: &TenantRows) -> Result<HashMap<CalendarId, Vec<CalendarHours>>, String> {
    let mut found: HashMap<CalendarId, Vec<CalendarHours>> = HashMap::new();
    for row in &rows.calendar_hours {
        found
            .entry(row.calendar_id)
            .or_default()
            .push(CalendarHours {
                weekly: WeeklyHours(vec![weekly_window(
                    row.weekday,
                    row.from_minute,
                    row.to_minute,
                )?]),
                valid_from: row.valid_from,
                valid_to: row.valid_to,
            });
    }
    Ok(found)
}

fn treatments(
    rows: &TenantRows,
    equipment: &BTreeMap<uuid::Uuid, Equipment>,
) -> Result<BTreeMap<TreatmentId, Treatment>, String> {
    let mut found = BTreeMap::new();
    for row in &rows.treatments {
        let segments: Vec<Segment> = serde_json::from_value(row.pattern.clone())
            .map_err(|error| format!("pattern of {}: {error}", row.code))?;
        let duration = i64::from(row.duration_min);
        if !pattern::is_valid(&segments, duration) {
            return Err(format!(
                "the pattern of {} does not fit its duration",
                row.code
            ));
        }
        let machines = of_treatment(&rows.treatment_equipment, row.id);
        let treatment = Treatment {
            id: row.id,
            code: row.code.clone(),
            name_es: row.name_es.clone(),
            name_en: row.name_en.clone(),
            duration,
            pattern: segments,
            active: row.active,
            online_bookable: row.online_bookable,
            min_notice_min: row.min_notice_min.map(i64::from),
            horizon_days: row.horizon_days.map(i64::from),
            slot_interval_min: row.slot_interval_min.map(i64::from),
            providers: of_treatment(&rows.treatment_providers, row.id),
            operatories: of_treatment(&rows.treatment_operatories, row.id),
            equipment: equipment::in_use(&machines, equipment),
        };
        found.insert(row.id, treatment);
    }
    Ok(found)
}

fn of_treatment<T: Copy>(pairs: &[(TreatmentId, T)], id: TreatmentId) -> Vec<T> {
    pairs
        .iter()
        .filter(|(treatment, _)| *treatment == id)
        .map(|(_, other)| *other)
        .collect()
}

#[cfg(test)]
mod tests;
