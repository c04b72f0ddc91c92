//! The rules of one practice, made of its rows: who works where and when, and what is offered.

mod coverage;
mod equipment;
mod read;
pub(in crate::scheduling) mod roster;
pub mod schedule;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use schema::commit::RulesSeen;
use schema::ids::{CalendarId, ClinicId, OperatoryId, ProviderId, TenantId, TreatmentId};
use schema::models::catalogue as rows;
use schema::models::pattern::{Role, Segment};
use schema::rules::TenantRows;
use schema::span::Span;
use uuid::Uuid;

use super::intervals::IntervalSet;
use super::policy::Policy;
use super::zone::Zone;
pub use equipment::Equipment;
use read::{exception, role, zone};
use roster::Roster;
use schedule::{Grid, Hours, Schedule, Schedules};

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
    pub equipment: BTreeMap<Uuid, Equipment>,
    /// Every calendar of `providers`, `operatories` and `equipment`: their numbers.
    calendars: Arc<[CalendarId]>,
    /// Whose the first of those are.
    people: Vec<ProviderId>,
    /// The active people of each role, in the order of their ids.
    by_role: HashMap<Role, Vec<ProviderId>>,
    grid: Grid,
}

#[derive(Clone, Debug)]
pub struct Provider {
    pub id: ProviderId,
    pub name: String,
    pub role: Role,
    pub calendar: CalendarId,
    /// The calendar's place in [`RuleBook::numbered_calendars`].
    pub number: usize,
    pub active: bool,
    /// Whether hours of their own are kept.
    keeps_hours: bool,
    /// When they are at work where they do not lead.
    at_work: Arc<Schedule>,
    /// Where they are assigned, by the operatory's name; inactive operatories too.
    seats: Vec<Seat>,
}

/// A provider's right to an operatory, over all assignments to it.
#[derive(Clone, Debug)]
pub struct Seat {
    pub operatory: OperatoryId,
    pub clinic: ClinicId,
    /// The operatory's calendar, and its place in [`RuleBook::numbered_calendars`].
    pub calendar: CalendarId,
    pub number: usize,
    pub active: bool,
    /// When it is lent to the provider.
    pub lent: Arc<Schedule>,
    /// When the provider may work there: as lent, and where hours of their own are kept, only
    /// within those.
    pub schedule: Arc<Schedule>,
}

#[derive(Clone, Debug)]
pub struct Operatory {
    pub id: OperatoryId,
    pub name: String,
    pub clinic: ClinicId,
    pub calendar: CalendarId,
    /// The calendar's place in [`RuleBook::numbered_calendars`].
    pub number: usize,
    pub active: bool,
    /// The clinic's zone: its hours are local there.
    pub zone: Zone,
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
    /// At most so many visits of it for a provider on a local day.
    pub daily_cap: Option<usize>,
    /// In order; empty: every provider of its lead role.
    providers: Vec<ProviderId>,
    /// In order; empty: any operatory.
    operatories: Vec<OperatoryId>,
    /// What can serve as its equipment, of what is in use.
    pub equipment: Vec<Equipment>,
    /// Whether it needs any, perhaps of a kind that is out of use.
    pub needs_equipment: bool,
    /// Who offers it, once somebody has asked.
    roster: OnceLock<Arc<Roster>>,
}

struct Assignment {
    provider: ProviderId,
    operatory: OperatoryId,
    hours: Hours,
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
        let mut seen = RulesSeen::default();
        seen.tenants
            .insert(rows.tenant.id, rows.tenant.rules_version);
        for clinic in &rows.clinics {
            seen.clinics.insert(clinic.id, clinic.rules_version);
            clinics.insert(clinic.id, (zone(&clinic.zone)?, clinic.active));
        }
        let practice_zone = zone(&rows.tenant.zone)?;
        let exceptions = |belongs: &dyn Fn(&rows::ScheduleException) -> bool| {
            let mine = rows.exceptions.iter().filter(|row| belongs(row));
            mine.map(exception).collect::<Result<Vec<_>, String>>()
        };
        let of_tenant = exceptions(&|row| row.scope == "tenant")?;
        let mut kept = read::calendar_hours(&rows)?;
        let mut schedules = Schedules::default();
        let mut calendars = Vec::new();
        let mut number = |calendar: CalendarId| {
            calendars.push(calendar);
            calendars.len() - 1
        };

        let mut providers = BTreeMap::new();
        let mut of_provider = HashMap::new();
        for row in &rows.providers {
            let own = exceptions(&|e| e.provider_id == Some(row.id))?;
            // Without hours of their own they are there whenever the visit may be, but for time off.
            let hours = kept.remove(&row.calendar_id);
            let keeps_hours = hours.is_some();
            let (hours, layers) = match hours {
                Some(hours) => (hours, vec![of_tenant.clone(), own.clone()]),
                None => (vec![Hours::always()], vec![own.clone()]),
            };
            let provider = Provider {
                id: row.id,
                name: row.name.clone(),
                role: role(&row.role)?,
                calendar: row.calendar_id,
                number: number(row.calendar_id),
                active: row.active,
                keeps_hours,
                at_work: schedules.of(practice_zone, hours, layers),
                seats: Vec::new(),
            };
            of_provider.insert(row.id, own);
            providers.insert(row.id, provider);
        }
        let mut operatories = BTreeMap::new();
        let mut of_operatory = HashMap::new();
        for row in &rows.operatories {
            let (zone, open) = clinics
                .get(&row.clinic_id)
                .ok_or("an operatory without clinic")?;
            let operatory = Operatory {
                id: row.id,
                name: row.name.clone(),
                clinic: row.clinic_id,
                calendar: row.calendar_id,
                number: number(row.calendar_id),
                active: row.active && *open,
                zone: *zone,
            };
            let of_clinic = exceptions(&|e| e.clinic_id == Some(row.clinic_id))?;
            let own = exceptions(&|e| e.operatory_id == Some(row.id))?;
            of_operatory.insert(row.id, (of_clinic, own));
            operatories.insert(row.id, operatory);
        }
        let mut equipment = BTreeMap::new();
        for row in &rows.equipment {
            let hours = kept.remove(&row.calendar_id);
            let hours =
                hours.map(|hours| schedules.of(practice_zone, hours, vec![of_tenant.clone()]));
            let machine = Equipment::new(row, number(row.calendar_id), hours);
            equipment.insert(row.id, machine);
        }

        let mut assigned: BTreeMap<(ProviderId, OperatoryId), Vec<Hours>> = BTreeMap::new();
        for assignment in read::assignments(&rows)? {
            let pair = (assignment.provider, assignment.operatory);
            assigned.entry(pair).or_default().push(assignment.hours);
        }
        for ((provider, operatory), hours) in assigned {
            let (Some(provider), Some(own), Some(operatory), Some((of_clinic, of_chair))) = (
                providers.get_mut(&provider),
                of_provider.get(&provider),
                operatories.get(&operatory),
                of_operatory.get(&operatory),
            ) else {
                return Err("an assignment of nobody or to nowhere".to_owned());
            };
            let layers = vec![
                of_clinic.clone(),
                of_tenant.clone(),
                of_chair.clone(),
                own.clone(),
            ];
            let lent = schedules.of(operatory.zone, hours, layers);
            let own = provider.keeps_hours.then_some(&provider.at_work);
            provider.seats.push(Seat {
                operatory: operatory.id,
                clinic: operatory.clinic,
                calendar: operatory.calendar,
                number: operatory.number,
                active: operatory.active,
                schedule: own.map_or_else(|| Arc::clone(&lent), |own| schedules.both(&lent, own)),
                lent,
            });
        }
        let name = |seat: &Seat| operatories.get(&seat.operatory).map(|found| &found.name);
        for provider in providers.values_mut() {
            let seats = &mut provider.seats;
            seats.sort_by(|a, b| (name(a), a.operatory).cmp(&(name(b), b.operatory)));
        }
        let people = roster::number(&mut providers, &mut calendars);
        let mut by_role: HashMap<Role, Vec<ProviderId>> = HashMap::new();
        for provider in providers.values().filter(|provider| provider.active) {
            by_role.entry(provider.role).or_default().push(provider.id);
        }
        Ok(Self {
            tenant: rows.tenant.id,
            zone: practice_zone,
            locale: rows.tenant.locale.clone(),
            policy: serde_json::from_value(rows.tenant.policy.clone())
                .map_err(|error| format!("policy: {error}"))?,
            seen,
            treatments: read::treatments(&rows, &equipment)?,
            providers,
            operatories,
            equipment,
            calendars: calendars.into(),
            people,
            by_role,
            grid: Grid::new(practice_zone),
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
            return takes_part && treatment.providers.binary_search(&provider.id).is_ok();
        }
        treatment.lead_role() == provider.role
    }

    /// The active people who offer `treatment`, in the order of their ids.
    pub fn who_offers<'a>(&'a self, treatment: &Treatment) -> impl Iterator<Item = &'a Provider> {
        let active = self.providers.values().filter(|provider| provider.active);
        active.filter(|provider| self.offers(provider, treatment))
    }

    /// The same for a search over thousands of them.
    pub(super) fn roster(&self, treatment: &Treatment) -> Arc<Roster> {
        let made = treatment.roster.get_or_init(|| {
            let providers = self.who_offers(treatment).enumerate();
            Arc::new(Roster::new(providers, treatment, self.calendars.len()))
        });
        Arc::clone(made)
    }

    /// The active people of a role, in the order of their ids.
    pub(super) fn active(&self, role: Role) -> impl Iterator<Item = &Provider> {
        let ids = self.by_role.get(&role).into_iter().flatten();
        ids.filter_map(|id| self.providers.get(id))
    }

    /// Whose calendar has that number, if it is somebody's.
    pub(super) fn person(&self, number: usize) -> Option<&Provider> {
        self.providers.get(self.people.get(number)?)
    }

    /// The operatories that `provider` is assigned to and `treatment` can be done in, by name.
    #[must_use]
    pub fn operatories_for(&self, provider: ProviderId, treatment: &Treatment) -> Vec<&Operatory> {
        let seats = self.seats(provider).iter();
        seats
            .filter(|seat| seat.active && treatment.can_be_done_in(seat.operatory))
            .filter_map(|seat| self.operatories.get(&seat.operatory))
            .collect()
    }

    /// Whether there is any assignment of `provider` to `operatory`, at whatever time.
    #[must_use]
    pub fn is_assigned(&self, provider: ProviderId, operatory: OperatoryId) -> bool {
        self.seats(provider)
            .iter()
            .any(|seat| seat.operatory == operatory)
    }

    fn seats(&self, provider: ProviderId) -> &[Seat] {
        self.providers
            .get(&provider)
            .map(Provider::seats)
            .unwrap_or_default()
    }

    /// When `provider` may work in `operatory` within `range`: as lent, and where hours of their own
    /// are kept, only within those.
    #[must_use]
    pub fn open(&self, provider: &Provider, operatory: &Operatory, range: Span) -> IntervalSet {
        let seat = provider.seat(operatory.id);
        seat.map_or_else(IntervalSet::new, |seat| seat.schedule.open(range))
    }

    /// When `operatory` is lent to `provider` within `range`.
    #[must_use]
    pub fn lent(&self, provider: &Provider, operatory: &Operatory, range: Span) -> IntervalSet {
        let seat = provider.seat(operatory.id);
        seat.map_or_else(IntervalSet::new, |seat| seat.lent.open(range))
    }

    /// When a person works, wherever; `None` when no hours are kept for them: they are there
    /// whenever the visit may be, but for time off.
    #[must_use]
    pub fn staff_hours(&self, provider: &Provider, range: Span) -> Option<IntervalSet> {
        (provider.keeps_hours).then(|| provider.at_work.open(range))
    }

    /// The starts that are offered every `interval` minutes.
    pub(super) fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Every calendar that the practice's visits can take, but for patients'.
    pub fn calendars(&self) -> impl Iterator<Item = CalendarId> {
        self.calendars.iter().copied()
    }

    /// The same as a list: a calendar's place in it is its number.
    #[must_use]
    pub fn numbered_calendars(&self) -> &Arc<[CalendarId]> {
        &self.calendars
    }
}

impl Provider {
    /// Where they are assigned, by the operatory's name; inactive operatories too.
    #[must_use]
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// Their right to one operatory.
    #[must_use]
    pub fn seat(&self, operatory: OperatoryId) -> Option<&Seat> {
        let mut seats = self.seats.iter();
        seats.find(|seat| seat.operatory == operatory)
    }

    /// When they are at work where they do not lead the visit: their own hours, less time off.
    /// Nobody without hours of their own is ever missing but then.
    #[must_use]
    pub fn at_work(&self) -> &Schedule {
        &self.at_work
    }
}

impl Treatment {
    /// Whether the operatory is one of those that it can be done in.
    #[must_use]
    pub fn can_be_done_in(&self, operatory: OperatoryId) -> bool {
        self.operatories.is_empty() || self.operatories.binary_search(&operatory).is_ok()
    }

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
}

#[cfg(test)]
mod tests;
