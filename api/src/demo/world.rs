//! The demo as values: rows that are ready to be inserted, and what the diary is planned from.

use std::collections::HashMap;

use chrono::NaiveDate;
use schema::ids::{
    AssignmentId, CalendarId, ClinicId, ExceptionId, OperatoryId, ProviderId, TenantId,
    TreatmentId, UserId,
};
use schema::models::catalogue::{
    Assignment, AssignmentHours, CalendarHours, Clinic, Operatory, Provider, ScheduleException,
};
use schema::models::pattern::{Role, Segment};
use schema::tenancy::Access;
use uuid::Uuid;

use super::patients::{self, Patient};
use super::source::{self, Audience, Source};
use super::{SEED, holidays};

/// The years whose holidays are known.
const HOLIDAY_YEARS: std::ops::RangeInclusive<i32> = 2026..=2028;
/// Since when the practices work.
const OPENED: NaiveDate = match NaiveDate::from_ymd_opt(2026, 1, 1) {
    Some(date) => date,
    None => NaiveDate::MIN,
};

/// The whole demo.
#[derive(Clone, Debug)]
pub struct DemoWorld {
    pub clinics: Vec<Clinic>,
    pub operatories: Vec<Operatory>,
    pub tenants: Vec<Tenant>,
    pub users: Vec<User>,
    pub providers: Vec<Provider>,
    pub assignments: Vec<Assignment>,
    pub assignment_hours: Vec<AssignmentHours>,
    /// Of assistants.
    pub calendar_hours: Vec<CalendarHours>,
    pub closures: Vec<ScheduleException>,
    pub treatments: Vec<Treatment>,
    pub patients: Vec<Patient>,
}

/// A practice.
#[derive(Clone, Debug)]
pub struct Tenant {
    pub id: TenantId,
    pub name: String,
    pub subdomain: String,
    pub zone: String,
}

/// An account with its demo password.
#[derive(Clone, Debug)]
pub struct User {
    pub id: UserId,
    pub email: String,
    pub name: String,
    pub password: String,
    pub super_admin: bool,
    /// Whether the first patient's record is theirs.
    pub patient: bool,
    /// Practices and roles.
    pub works: Vec<(TenantId, String)>,
}

/// A practice's treatment.
#[derive(Clone, Debug)]
pub struct Treatment {
    pub id: TreatmentId,
    pub tenant: TenantId,
    pub code: String,
    pub name_es: String,
    pub name_en: String,
    pub duration_min: i16,
    pub pattern: Vec<Segment>,
    pub color: String,
    pub price_cents: i32,
    pub online: bool,
    pub audience: Audience,
    pub share: u32,
}

/// What is wrong with the demo's files.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("config/demo: {0}")]
    Toml(#[from] toml::de::Error),
    #[error("config/demo names {0}, which is not there")]
    Unknown(String),
    #[error("config/demo: {0} is no window like 09:00-13:00")]
    Window(String),
}

/// The id of what has this name in the demo, the same in every database.
pub(super) fn id<T>(name: &str, typed: impl FnOnce(Uuid) -> T) -> T {
    let name = format!("https://denticloud.example/demo/{name}");
    typed(Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()))
}

impl DemoWorld {
    /// From the files in `config/demo`.
    ///
    /// # Errors
    /// When one of them is wrong; a test builds the world.
    pub fn build() -> Result<Self, SourceError> {
        let source = Source::read()?;
        let mut world = Self {
            clinics: Vec::new(),
            operatories: Vec::new(),
            tenants: Vec::new(),
            users: Vec::new(),
            providers: Vec::new(),
            assignments: Vec::new(),
            assignment_hours: Vec::new(),
            calendar_hours: Vec::new(),
            closures: Vec::new(),
            treatments: Vec::new(),
            patients: Vec::new(),
        };
        let mut chairs = HashMap::new();
        for clinic in &source.practices.clinic {
            world.add_clinic(clinic, &mut chairs)?;
        }
        for user in &source.practices.user {
            world.users.push(user_of(user));
        }
        for practice in &source.practices.practice {
            world.add_practice(practice, &source.treatments, &chairs)?;
        }
        let tenants: Vec<TenantId> = world.tenants.iter().map(|tenant| tenant.id).collect();
        world.patients = patients::make(&source.people, &tenants, SEED);
        Ok(world)
    }

    /// What inserting it needs to be allowed.
    #[must_use]
    pub fn access(&self) -> Access {
        Access {
            tenants: self.tenants.iter().map(|tenant| tenant.id).collect(),
            user: None,
            super_admin: true,
        }
    }

    fn add_clinic<'a>(
        &mut self,
        clinic: &'a source::Clinic,
        chairs: &mut HashMap<&'a str, OperatoryId>,
    ) -> Result<(), SourceError> {
        let clinic_id = id(&format!("clinic/{}", clinic.key), ClinicId);
        self.clinics.push(Clinic {
            id: clinic_id,
            name: clinic.name.clone(),
            zone: clinic.zone.clone(),
            city: clinic.city.clone(),
            address: format!("{} · {}", clinic.address, clinic.phone),
            active: true,
            rules_version: 1,
        });
        for (key, name) in &clinic.operatories {
            let operatory = id(&format!("operatory/{key}"), OperatoryId);
            chairs.insert(key, operatory);
            self.operatories.push(Operatory {
                id: operatory,
                clinic_id,
                name: name.clone(),
                calendar_id: id(&format!("operatory/{key}/calendar"), CalendarId),
                active: true,
            });
        }
        for closure in holidays::closures(HOLIDAY_YEARS, &clinic.local_holidays)? {
            self.closures.push(ScheduleException {
                id: id(
                    &format!("clinic/{}/closed/{}", clinic.key, closure.date),
                    ExceptionId,
                ),
                scope: "clinic".to_owned(),
                tenant_id: None,
                clinic_id: Some(clinic_id),
                operatory_id: None,
                provider_id: None,
                kind: "closed".to_owned(),
                from_date: closure.date,
                to_date: closure.date,
                from_minute: None,
                to_minute: None,
                name_es: closure.es,
                name_en: closure.en,
            });
        }
        Ok(())
    }

    fn add_practice(
        &mut self,
        practice: &source::Practice,
        treatments: &[source::Treatment],
        chairs: &HashMap<&str, OperatoryId>,
    ) -> Result<(), SourceError> {
        let tenant = tenant_id(&practice.key);
        self.tenants.push(Tenant {
            id: tenant,
            name: practice.name.clone(),
            subdomain: practice.subdomain.clone(),
            zone: practice.zone.clone(),
        });
        for provider in &practice.provider {
            self.add_provider(tenant, provider, chairs)?;
        }
        let has_hygienist = practice
            .provider
            .iter()
            .any(|provider| provider.role == Role::Hygienist);
        self.treatments.extend(
            treatments
                .iter()
                .map(|treatment| treatment_of(tenant, &practice.key, treatment, has_hygienist)),
        );
        Ok(())
    }

    fn add_provider(
        &mut self,
        tenant: TenantId,
        provider: &source::Provider,
        chairs: &HashMap<&str, OperatoryId>,
    ) -> Result<(), SourceError> {
        let key = &provider.key;
        let provider_id = id(&format!("provider/{key}"), ProviderId);
        let calendar_id = id(&format!("provider/{key}/calendar"), CalendarId);
        let user_id = match &provider.user {
            Some(email) => Some(self.user(email)?),
            None => None,
        };
        self.providers.push(Provider {
            id: provider_id,
            tenant_id: tenant,
            user_id,
            role: match provider.role {
                Role::Hygienist => "hygienist",
                Role::Assistant => "assistant",
                _ => "dentist",
            }
            .to_owned(),
            name: provider.name.clone(),
            color: provider.color.clone(),
            calendar_id,
            active: true,
        });
        for (number, hours) in provider.hours.iter().enumerate() {
            let windows = windows(hours)?;
            let Some(chair) = &hours.operatory else {
                self.calendar_hours
                    .extend(windows.map(|(weekday, from, to)| CalendarHours {
                        tenant_id: tenant,
                        calendar_id,
                        weekday,
                        from_minute: from,
                        to_minute: to,
                        valid_from: OPENED,
                        valid_to: None,
                    }));
                continue;
            };
            let assignment_id = id(&format!("provider/{key}/assignment/{number}"), AssignmentId);
            self.assignments.push(Assignment {
                id: assignment_id,
                tenant_id: tenant,
                provider_id,
                operatory_id: *chairs
                    .get(chair.as_str())
                    .ok_or_else(|| SourceError::Unknown(chair.clone()))?,
                valid_from: OPENED,
                valid_to: None,
                shared: false,
            });
            self.assignment_hours
                .extend(windows.map(|(weekday, from, to)| AssignmentHours {
                    tenant_id: tenant,
                    assignment_id,
                    weekday,
                    from_minute: from,
                    to_minute: to,
                }));
        }
        Ok(())
    }

    fn user(&self, email: &str) -> Result<UserId, SourceError> {
        self.users
            .iter()
            .find(|user| user.email == email)
            .map(|user| user.id)
            .ok_or_else(|| SourceError::Unknown(email.to_owned()))
    }
}

fn tenant_id(key: &str) -> TenantId {
    id(&format!("practice/{key}"), TenantId)
}

fn user_of(user: &source::User) -> User {
    User {
        id: id(&format!("user/{}", user.email), UserId),
        email: user.email.clone(),
        name: user.name.clone(),
        password: user.password.clone(),
        super_admin: user.super_admin,
        patient: user.patient,
        works: user
            .works
            .iter()
            .map(|work| (tenant_id(&work.practice), work.role.clone()))
            .collect(),
    }
}

fn treatment_of(
    tenant: TenantId,
    practice: &str,
    treatment: &source::Treatment,
    has_hygienist: bool,
) -> Treatment {
    let led_by = |role| match role {
        Role::Hygienist if !has_hygienist => Role::Dentist,
        role => role,
    };
    Treatment {
        id: id(
            &format!("practice/{practice}/{}", treatment.code),
            TreatmentId,
        ),
        tenant,
        code: treatment.code.clone(),
        name_es: treatment.es.clone(),
        name_en: treatment.en.clone(),
        duration_min: treatment.minutes,
        pattern: treatment
            .pattern
            .iter()
            .map(|segment| Segment {
                role: led_by(segment.role),
                ..*segment
            })
            .collect(),
        color: treatment.color.clone(),
        price_cents: treatment.cents,
        online: treatment.online,
        audience: treatment.patients,
        share: treatment.share,
    }
}

/// Weekday, from and to of each window of each day.
fn windows(hours: &source::Hours) -> Result<impl Iterator<Item = (i16, i16, i16)>, SourceError> {
    let spans: Vec<(i16, i16)> = hours
        .windows
        .iter()
        .map(|text| {
            let wrong = || SourceError::Window(text.clone());
            let (from, to) = text.split_once('-').ok_or_else(wrong)?;
            minute(from).zip(minute(to)).ok_or_else(wrong)
        })
        .collect::<Result<_, _>>()?;
    Ok(hours.days.iter().flat_map(move |day| {
        spans
            .clone()
            .into_iter()
            .map(move |(from, to)| (*day, from, to))
    }))
}

fn minute(clock: &str) -> Option<i16> {
    let (hour, minute) = clock.split_once(':')?;
    Some(hour.parse::<i16>().ok()? * 60 + minute.parse::<i16>().ok()?)
}

#[cfg(test)]
mod tests;
