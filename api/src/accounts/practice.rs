//! A new practice, ready to be booked: its owner, a dentist with a calendar, a clinic and an
//! operatory of their own with hours, and treatments. Decision 0025 says why so.

use chrono::{Days, NaiveDate, Utc};
use chrono_tz::Tz;
use diesel::QueryResult;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use schema::calendars::{self, Kind};
use schema::ids::{AssignmentId, CalendarId, ClinicId, OperatoryId, ProviderId, TenantId, UserId};
use schema::schema::{
    assignment_hours, assignments, clinics, memberships, operatories, providers, tenants,
};

use super::treatments;
use crate::auth::permissions::{Permission, Role};
use crate::auth::sessions;
use crate::problem::Problem;
use crate::rest::language::Language;

/// How long a new practice may try the product.
const TRIAL_DAYS: u64 = 30;
/// Monday to Friday, nine to one and two to six, in the clinic's zone.
const WEEKDAYS: std::ops::RangeInclusive<i16> = 1..=5;
const SHIFTS: [(i16, i16); 2] = [(9 * 60, 13 * 60), (14 * 60, 18 * 60)];
/// Longer public addresses are cut.
const SUBDOMAIN_BYTES_MAX: usize = 40;
/// Addresses that would be taken for ours.
const RESERVED: [&str; 14] = [
    "admin",
    "api",
    "app",
    "auth",
    "blog",
    "book",
    "denticloud",
    "docs",
    "help",
    "mail",
    "my",
    "public",
    "status",
    "www",
];

/// A practice to be made.
#[derive(Debug)]
pub struct NewPractice<'a> {
    pub tenant: TenantId,
    pub owner: UserId,
    /// The dentist's.
    pub owner_name: &'a str,
    pub name: &'a str,
    pub subdomain: &'a str,
    pub zone: Tz,
    pub language: Language,
}

/// Makes it, in a transaction that may act for the new tenant and make clinics.
///
/// # Errors
/// A unique violation of `tenants_subdomain_key` when the address is another's.
pub async fn create(
    connection: &mut AsyncPgConnection,
    new: &NewPractice<'_>,
) -> QueryResult<ProviderId> {
    let now = Utc::now();
    diesel::insert_into(tenants::table)
        .values((
            tenants::id.eq(new.tenant),
            tenants::name.eq(new.name),
            tenants::subdomain.eq(new.subdomain),
            tenants::zone.eq(new.zone.name()),
            tenants::locale.eq(new.language.locale()),
            tenants::plan.eq("trial"),
            tenants::trial_ends_at.eq(now + Days::new(TRIAL_DAYS)),
        ))
        .execute(connection)
        .await?;
    let permissions: Vec<&str> = Role::Dentist
        .default_permissions()
        .into_iter()
        .map(Permission::name)
        .collect();
    diesel::insert_into(memberships::table)
        .values((
            memberships::tenant_id.eq(new.tenant),
            memberships::user_id.eq(new.owner),
            memberships::role.eq(Role::Dentist.name()),
            memberships::permissions.eq(permissions),
        ))
        .execute(connection)
        .await?;
    let (provider, own) = (ProviderId::new(), CalendarId::new());
    calendars::create(connection, own, Kind::Dentist, Some(new.tenant)).await?;
    diesel::insert_into(providers::table)
        .values((
            providers::id.eq(provider),
            providers::tenant_id.eq(new.tenant),
            providers::user_id.eq(new.owner),
            providers::role.eq("dentist"),
            providers::name.eq(new.owner_name),
            providers::calendar_id.eq(own),
        ))
        .execute(connection)
        .await?;
    let operatory = place(connection, new).await?;
    let today = now.with_timezone(&new.zone).date_naive();
    work(connection, new.tenant, provider, operatory, today).await?;
    treatments::insert(connection, new.tenant).await?;
    Ok(provider)
}

/// The practice's own clinic with one operatory.
async fn place(
    connection: &mut AsyncPgConnection,
    new: &NewPractice<'_>,
) -> QueryResult<OperatoryId> {
    let (clinic, operatory, chair) = (ClinicId::new(), OperatoryId::new(), CalendarId::new());
    diesel::insert_into(clinics::table)
        .values((
            clinics::id.eq(clinic),
            clinics::name.eq(new.name),
            clinics::zone.eq(new.zone.name()),
        ))
        .execute(connection)
        .await?;
    calendars::create(connection, chair, Kind::Operatory, None).await?;
    diesel::insert_into(operatories::table)
        .values((
            operatories::id.eq(operatory),
            operatories::clinic_id.eq(clinic),
            operatories::name.eq(new.language.pick("Sillón 1", "Chair 1")),
            operatories::calendar_id.eq(chair),
        ))
        .execute(connection)
        .await?;
    Ok(operatory)
}

async fn work(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    provider: ProviderId,
    operatory: OperatoryId,
    from: NaiveDate,
) -> QueryResult<()> {
    let assignment = AssignmentId::new();
    diesel::insert_into(assignments::table)
        .values((
            assignments::id.eq(assignment),
            assignments::tenant_id.eq(tenant),
            assignments::provider_id.eq(provider),
            assignments::operatory_id.eq(operatory),
            assignments::valid_from.eq(from),
        ))
        .execute(connection)
        .await?;
    let hours: Vec<_> = WEEKDAYS
        .flat_map(|day| SHIFTS.map(|shift| (day, shift)))
        .map(|(day, (from, to))| {
            (
                assignment_hours::tenant_id.eq(tenant),
                assignment_hours::assignment_id.eq(assignment),
                assignment_hours::weekday.eq(day),
                assignment_hours::from_minute.eq(from),
                assignment_hours::to_minute.eq(to),
            )
        })
        .collect();
    diesel::insert_into(assignment_hours::table)
        .values(hours)
        .execute(connection)
        .await
        .map(drop)
}

/// Whether a practice may have this public address.
///
/// # Errors
/// 422 with what is wrong with it.
pub fn check_subdomain(subdomain: &str) -> Result<(), Problem> {
    let wrong = |message: &str| Err(Problem::invalid("subdomain", message));
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let ends = subdomain.starts_with('-') || subdomain.ends_with('-');
    if !(3..=63).contains(&subdomain.len()) || !subdomain.bytes().all(plain) || ends {
        return wrong("is not 3 to 63 small letters, digits and inner dashes");
    }
    if RESERVED.contains(&subdomain) {
        return wrong("is reserved");
    }
    Ok(())
}

/// A public address for a practice of that name: one that is free at this moment.
///
/// # Errors
/// 503 without a database.
pub async fn free_subdomain(
    connection: &mut AsyncPgConnection,
    name: &str,
) -> Result<String, Problem> {
    let slug = slug(name);
    let Taken { taken } =
        diesel::sql_query("SELECT EXISTS (SELECT FROM lookup_practice($1)) AS taken")
            .bind::<Text, _>(&slug)
            .get_result(connection)
            .await?;
    if !taken && check_subdomain(&slug).is_ok() {
        return Ok(slug);
    }
    // Of 16^8: two that choose at once do not meet.
    let tail = hex::encode(&sessions::hash(&sessions::random_token()?)[..4]);
    Ok(format!("{slug}-{tail}"))
}

#[derive(QueryableByName)]
struct Taken {
    #[diesel(sql_type = Bool)]
    taken: bool,
}

/// Small letters, digits and inner dashes; accents go, what is nothing like a letter parts words.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for letter in name.to_lowercase().chars() {
        let plain = match letter {
            'á' | 'à' | 'ä' | 'â' | 'ã' => 'a',
            'é' | 'è' | 'ë' | 'ê' => 'e',
            'í' | 'ì' | 'ï' | 'î' => 'i',
            'ó' | 'ò' | 'ö' | 'ô' | 'õ' => 'o',
            'ú' | 'ù' | 'ü' | 'û' => 'u',
            'ñ' => 'n',
            'ç' => 'c',
            letter if letter.is_ascii_alphanumeric() => letter,
            _ => '-',
        };
        if slug.len() < SUBDOMAIN_BYTES_MAX
            && !(plain == '-' && (slug.is_empty() || slug.ends_with('-')))
        {
            slug.push(plain);
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "practice" } else { slug }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_addresses() {
        for (name, address) in [
            ("Clínica Dental Peñafiel", "clinica-dental-penafiel"),
            ("  Dr. Müller & Hijos, S.A. ", "dr-muller-hijos-s-a"),
            ("歯科", "practice"),
            ("---", "practice"),
        ] {
            assert_eq!(slug(name), address, "{name}");
        }
        assert!(slug(&"ab ".repeat(100)).len() <= SUBDOMAIN_BYTES_MAX);
    }

    #[test]
    fn addresses_are_plain_and_not_ours() {
        for (subdomain, fine) in [
            ("sol", true),
            ("dr-muller-2", true),
            ("so", false),
            ("Sol", false),
            ("-sol", false),
            ("sol-", false),
            ("s.l", false),
            ("sól", false),
            ("www", false),
            (&"a".repeat(64), false),
        ] {
            assert_eq!(check_subdomain(subdomain).is_ok(), fine, "{subdomain}");
        }
    }
}
