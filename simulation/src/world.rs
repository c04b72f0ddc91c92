//! The practices of a history: two that share a clinic's operatories and their patients, small
//! enough that everything collides, with rules that change.

use chrono::{NaiveDate, NaiveTime};
use schema::calendars::Kind;
use schema::commit::RulesSeen;
use schema::ids::{
    AssignmentId, CalendarId, ClinicId, ExceptionId, OperatoryId, PatientId, ProviderId, TenantId,
    TreatmentId,
};
use schema::models::catalogue::{
    Assignment, AssignmentHours, Clinic, Operatory, Provider, ScheduleException, Tenant, Treatment,
};
use schema::rules::TenantRows;
use schema::span::{Minute, Span};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::dice::Dice;

/// Quito keeps this many minutes behind UTC, all year.
const BEHIND_UTC: i64 = 300;
const ZONE: &str = "America/Guayaquil";
/// The day on which everybody wants to come.
const DAY: (i32, u32, u32) = (2030, 3, 5);
/// A treatment's daily cap.
pub const CAP: usize = 2;

/// A practice.
#[derive(Clone, Debug)]
pub struct Practice {
    pub tenant: TenantId,
    pub dentists: Vec<(ProviderId, CalendarId)>,
    pub short: TreatmentId,
    pub long: TreatmentId,
    pub capped: TreatmentId,
}

/// Everything that there is, and does not change.
#[derive(Clone, Debug)]
pub struct World {
    pub practices: Vec<Practice>,
    pub clinic: ClinicId,
    pub operatories: Vec<(OperatoryId, CalendarId)>,
    pub patients: Vec<(PatientId, CalendarId)>,
    /// With whose it is.
    pub calendars: Vec<(CalendarId, Kind, Option<TenantId>)>,
}

/// What changes: opening hours, a closure, what is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// By practice.
    pub of_tenant: Vec<TenantRules>,
    pub clinic_version: i64,
    /// Local minutes of the day between which the clinic is closed.
    pub closed: Option<(i16, i16)>,
}

/// A practice's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRules {
    pub version: i64,
    /// Local minutes of the day.
    pub open: (i16, i16),
    pub long_is_offered: bool,
}

/// Whose rules change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RulesChange {
    Hours(usize),
    Offer(usize),
    Clinic,
}

const OPEN: [(i16, i16); 3] = [(480, 720), (480, 630), (540, 720)];
const CLOSED: (i16, i16) = (555, 600);

fn id(kind: u128, number: usize) -> Uuid {
    Uuid::from_u128((kind << 64) | number as u128)
}

impl World {
    /// A world by chance: how many there are of each, and in which order their calendars come.
    #[must_use]
    pub fn new(dice: &mut Dice) -> Self {
        let dentists = [1 + dice.below(2), 1];
        let operatories = 1 + dice.below(2);
        let patients = 2 + dice.below(2);
        let all = dentists[0] + dentists[1] + operatories + patients;
        let mut numbers: Vec<usize> = (1..=all).collect();
        dice.shuffle(&mut numbers);
        let mut calendars = Vec::new();
        let mut calendar = |kind: Kind, tenant: Option<TenantId>| {
            let number = numbers.pop().unwrap_or_default();
            let made = CalendarId(id(0xca1, number));
            calendars.push((made, kind, tenant));
            made
        };
        let practices = (0..2)
            .map(|place| {
                let tenant = TenantId(id(0x7e, place));
                let treatment = |number| TreatmentId(id(0x77, place * 10 + number));
                Practice {
                    tenant,
                    dentists: (0..dentists[place])
                        .map(|number| {
                            let provider = ProviderId(id(0xd, place * 10 + number));
                            (provider, calendar(Kind::Dentist, Some(tenant)))
                        })
                        .collect(),
                    short: treatment(0),
                    long: treatment(1),
                    capped: treatment(2),
                }
            })
            .collect();
        let operatories = (0..operatories)
            .map(|number| {
                (
                    OperatoryId(id(0x0, number + 1)),
                    calendar(Kind::Operatory, None),
                )
            })
            .collect();
        let patients = (0..patients)
            .map(|number| (PatientId(id(0xa, number)), calendar(Kind::Patient, None)))
            .collect();
        Self {
            practices,
            clinic: ClinicId(id(0xc, 0)),
            operatories,
            patients,
            calendars,
        }
    }

    /// As they are at first.
    #[must_use]
    pub fn rules(&self) -> Rules {
        let first = || TenantRules {
            version: 1,
            open: OPEN[0],
            long_is_offered: true,
        };
        Rules {
            of_tenant: self.practices.iter().map(|_| first()).collect(),
            clinic_version: 1,
            closed: None,
        }
    }

    /// A calendar's name in a trace: `d0` for a dentist, `o0` for an operatory, `p0` for a patient.
    #[must_use]
    pub fn name(&self, calendar: CalendarId) -> String {
        let mut dentists = self
            .practices
            .iter()
            .flat_map(|practice| &practice.dentists);
        if let Some(place) = dentists.position(|(_, id)| *id == calendar) {
            return format!("d{place}");
        }
        if let Some(place) = self.operatories.iter().position(|(_, id)| *id == calendar) {
            return format!("o{place}");
        }
        match self.patients.iter().position(|(_, id)| *id == calendar) {
            Some(place) => format!("p{place}"),
            None => "?".to_owned(),
        }
    }

    /// A practice's place.
    #[must_use]
    pub fn place(&self, tenant: TenantId) -> Option<usize> {
        let mut practices = self.practices.iter();
        practices.position(|practice| practice.tenant == tenant)
    }

    /// The calendars that a change of rules has to itself: those of the visits that it governs.
    #[must_use]
    pub fn governed(&self, change: RulesChange) -> Vec<CalendarId> {
        let governed = |kind: Kind, tenant: Option<TenantId>| match change {
            RulesChange::Clinic => kind != Kind::Patient,
            RulesChange::Hours(place) | RulesChange::Offer(place) => {
                kind == Kind::Operatory
                    || (tenant.is_some()
                        && tenant == self.practices.get(place).map(|practice| practice.tenant))
            }
        };
        let mine = self.calendars.iter();
        mine.filter(|(_, kind, tenant)| governed(*kind, *tenant))
            .map(|(id, ..)| *id)
            .collect()
    }

    /// The rows that the engine makes its rule book of.
    #[must_use]
    pub fn rows(&self, rules: &Rules, tenant: TenantId) -> Option<TenantRows> {
        let place = self.place(tenant)?;
        let (practice, own) = (self.practices.get(place)?, rules.of_tenant.get(place)?);
        let mut assignments = Vec::new();
        let mut assignment_hours = Vec::new();
        for (number, (provider, _)) in practice.dentists.iter().enumerate() {
            for (chair, (operatory, _)) in self.operatories.iter().enumerate() {
                let assignment = AssignmentId(id(0xa5, place * 100 + number * 10 + chair));
                assignments.push(Assignment {
                    id: assignment,
                    tenant_id: tenant,
                    provider_id: *provider,
                    operatory_id: *operatory,
                    valid_from: date(),
                    valid_to: None,
                    shared: true,
                });
                assignment_hours.extend((1..=7).map(|weekday| AssignmentHours {
                    tenant_id: tenant,
                    assignment_id: assignment,
                    weekday,
                    from_minute: own.open.0,
                    to_minute: own.open.1,
                }));
            }
        }
        let exceptions = rules.closed.map(|(from, to)| ScheduleException {
            id: ExceptionId(id(0xe, 0)),
            scope: "clinic".to_owned(),
            tenant_id: None,
            clinic_id: Some(self.clinic),
            operatory_id: None,
            provider_id: None,
            kind: "closed".to_owned(),
            from_date: date(),
            to_date: date(),
            from_minute: Some(from),
            to_minute: Some(to),
            name_es: String::new(),
            name_en: String::new(),
        });
        Some(TenantRows {
            tenant: Tenant {
                id: tenant,
                name: format!("Practice {place}"),
                subdomain: format!("practice{place}"),
                zone: ZONE.to_owned(),
                locale: "es".to_owned(),
                status: "active".to_owned(),
                policy: json!({ "holdMin": 2 }),
                rules_version: own.version,
            },
            clinics: vec![Clinic {
                id: self.clinic,
                name: "Clinic".to_owned(),
                zone: ZONE.to_owned(),
                city: String::new(),
                address: String::new(),
                active: true,
                rules_version: rules.clinic_version,
            }],
            operatories: (self.operatories.iter().enumerate())
                .map(|(number, (operatory, calendar))| Operatory {
                    id: *operatory,
                    clinic_id: self.clinic,
                    name: format!("Chair {number}"),
                    calendar_id: *calendar,
                    active: true,
                })
                .collect(),
            providers: (practice.dentists.iter().enumerate())
                .map(|(number, (provider, calendar))| Provider {
                    id: *provider,
                    tenant_id: tenant,
                    user_id: None,
                    role: "dentist".to_owned(),
                    name: format!("Dentist {number}"),
                    color: "#000000".to_owned(),
                    calendar_id: *calendar,
                    active: true,
                })
                .collect(),
            equipment: Vec::new(),
            assignments,
            assignment_hours,
            calendar_hours: Vec::new(),
            exceptions: exceptions.into_iter().collect(),
            treatments: vec![
                treatment(practice.short, tenant, 30, both(30), true, None),
                treatment(
                    practice.long,
                    tenant,
                    60,
                    lent(60, 10, 40),
                    own.long_is_offered,
                    None,
                ),
                treatment(practice.capped, tenant, 30, both(30), true, Some(CAP)),
            ],
            treatment_providers: Vec::new(),
            treatment_operatories: Vec::new(),
            treatment_equipment: Vec::new(),
        })
    }

    /// How long a treatment takes, in minutes.
    #[must_use]
    pub fn duration(&self, treatment: TreatmentId) -> i64 {
        let long = self.practices.iter().any(|one| one.long == treatment);
        if long { 60 } else { 30 }
    }
}

impl Rules {
    /// As the change leaves them.
    #[must_use]
    pub fn after(&self, change: RulesChange, dice: &mut Dice) -> Self {
        let mut next = self.clone();
        match change {
            RulesChange::Clinic => {
                next.clinic_version += 1;
                next.closed = match next.closed {
                    Some(_) => None,
                    None => Some(CLOSED),
                };
            }
            RulesChange::Hours(place) => {
                if let Some(own) = next.of_tenant.get_mut(place) {
                    own.version += 1;
                    own.open = *dice.pick(&OPEN).unwrap_or(&own.open);
                }
            }
            RulesChange::Offer(place) => {
                if let Some(own) = next.of_tenant.get_mut(place) {
                    own.version += 1;
                    own.long_is_offered = !own.long_is_offered;
                }
            }
        }
        next
    }

    /// The versions that a decision by them has seen.
    #[must_use]
    pub fn seen(&self, world: &World) -> RulesSeen {
        let tenants = world.practices.iter().zip(&self.of_tenant);
        RulesSeen {
            tenants: tenants
                .map(|(practice, own)| (practice.tenant, own.version))
                .collect(),
            clinics: [(world.clinic, self.clinic_version)].into(),
        }
    }

    /// Whether a practice works in all of a span, told without the engine's own rules.
    #[must_use]
    pub fn is_open(&self, place: usize, span: Span) -> bool {
        let Some(own) = self.of_tenant.get(place) else {
            return false;
        };
        let open = local(own.open.0).zip(local(own.open.1));
        let open = open.and_then(|(from, to)| Span::new(from, to));
        let closed = self.closed.and_then(|(from, to)| {
            let (from, to) = local(from).zip(local(to))?;
            Span::new(from, to)
        });
        open.is_some_and(|open| open.contains(span))
            && closed.is_none_or(|closed| !closed.overlaps(span))
    }
}

/// The day that everything is about.
#[must_use]
pub fn date() -> NaiveDate {
    NaiveDate::from_ymd_opt(DAY.0, DAY.1, DAY.2).unwrap_or_default()
}

/// A local minute of the day.
#[must_use]
pub fn local(minute: i16) -> Option<Minute> {
    let midnight = date().and_time(NaiveTime::MIN).and_utc();
    let midnight = Minute::exact(midnight)?;
    Some(midnight.plus(BEHIND_UTC + i64::from(minute)))
}

fn part(role: &str, from: i64, to: i64) -> Value {
    json!({ "role": role, "from": from, "to": to })
}

fn both(minutes: i64) -> Value {
    json!([part("operatory", 0, minutes), part("dentist", 0, minutes)])
}

fn lent(minutes: i64, from: i64, to: i64) -> Value {
    json!([part("operatory", 0, minutes), part("dentist", from, to)])
}

fn treatment(
    id: TreatmentId,
    tenant: TenantId,
    minutes: i16,
    pattern: Value,
    active: bool,
    cap: Option<usize>,
) -> Treatment {
    Treatment {
        id,
        tenant_id: tenant,
        code: id.to_string(),
        name_es: String::new(),
        name_en: String::new(),
        duration_min: minutes,
        pattern,
        color: "#000000".to_owned(),
        price_cents: 0,
        online_bookable: true,
        min_notice_min: None,
        horizon_days: None,
        slot_interval_min: None,
        daily_cap: cap.and_then(|cap| i16::try_from(cap).ok()),
        active,
    }
}
