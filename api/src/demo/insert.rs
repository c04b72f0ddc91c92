//! The demo into the database, with the rights of a super admin who works for every demo practice.

use diesel::QueryResult;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use schema::ids::TenantId;
use schema::schema::{
    assignment_hours, assignments, calendar_hours, calendars, clinics, memberships, operatories,
    patient_dentists, patients, providers, schedule_exceptions, tenants, treatments, users,
};

use super::DemoWorld;
use super::world::User;
use crate::auth::password::Passwords;
use crate::auth::permissions::Role;
use crate::problem::Problem;

/// Accounts with the hashes of their passwords.
pub(super) async fn hashed<'a>(
    world: &'a DemoWorld,
    passwords: &Passwords,
) -> Result<Vec<(&'a User, String)>, Problem> {
    let hashes = world
        .users
        .iter()
        .map(async |user| Ok((user, passwords.hash(user.password.clone()).await?)));
    futures_util::future::try_join_all(hashes).await
}

pub(super) async fn has_practices(connection: &mut AsyncPgConnection) -> QueryResult<bool> {
    diesel::select(diesel::dsl::exists(tenants::table.select(tenants::id)))
        .get_result(connection)
        .await
}

pub(super) async fn all(
    connection: &mut AsyncPgConnection,
    world: &DemoWorld,
    accounts: &[(&User, String)],
) -> QueryResult<()> {
    practices(connection, world).await?;
    people(connection, accounts).await?;
    resources(connection, world).await?;
    hours(connection, world).await?;
    offers(connection, world).await?;
    records(connection, world).await
}

async fn practices(connection: &mut AsyncPgConnection, world: &DemoWorld) -> QueryResult<()> {
    let rows: Vec<_> = world
        .tenants
        .iter()
        .map(|tenant| {
            (
                tenants::id.eq(tenant.id),
                tenants::name.eq(&tenant.name),
                tenants::subdomain.eq(&tenant.subdomain),
                tenants::zone.eq(&tenant.zone),
                tenants::plan.eq("professional"),
            )
        })
        .collect();
    diesel::insert_into(tenants::table)
        .values(rows)
        .execute(connection)
        .await?;
    Ok(())
}

async fn people(
    connection: &mut AsyncPgConnection,
    accounts: &[(&User, String)],
) -> QueryResult<()> {
    let rows: Vec<_> = accounts
        .iter()
        .map(|(user, hash)| {
            (
                users::id.eq(user.id),
                users::email.eq(&user.email),
                users::name.eq(&user.name),
                users::password_hash.eq(hash),
                users::is_super_admin.eq(user.super_admin),
                users::email_verified_at.eq(diesel::dsl::now),
            )
        })
        .collect();
    diesel::insert_into(users::table)
        .values(rows)
        .execute(connection)
        .await?;
    let rows: Vec<_> = accounts
        .iter()
        .flat_map(|(user, _)| {
            user.works
                .iter()
                .map(|(tenant, role)| (user.id, tenant, role))
        })
        .map(|(user, tenant, role)| {
            let permissions: Vec<&str> = Role::parse(role)
                .map(Role::default_permissions)
                .unwrap_or_default()
                .into_iter()
                .map(crate::auth::permissions::Permission::name)
                .collect();
            (
                memberships::user_id.eq(user),
                memberships::tenant_id.eq(tenant),
                memberships::role.eq(role),
                memberships::permissions.eq(permissions),
            )
        })
        .collect();
    diesel::insert_into(memberships::table)
        .values(rows)
        .execute(connection)
        .await?;
    Ok(())
}

/// Places, chairs and providers, each with its calendar.
async fn resources(connection: &mut AsyncPgConnection, world: &DemoWorld) -> QueryResult<()> {
    let chairs = world
        .operatories
        .iter()
        .map(|operatory| (operatory.calendar_id, "operatory", None::<TenantId>));
    let team = world.providers.iter().map(|provider| {
        let kind = match provider.role.as_str() {
            "dentist" => "dentist",
            _ => "staff",
        };
        (provider.calendar_id, kind, Some(provider.tenant_id))
    });
    let people = world
        .patients
        .iter()
        .map(|patient| (patient.calendar, "patient", None));
    let rows: Vec<_> = chairs
        .chain(team)
        .chain(people)
        .map(|(id, kind, tenant)| {
            (
                calendars::id.eq(id),
                calendars::kind.eq(kind),
                calendars::tenant_id.eq(tenant),
            )
        })
        .collect();
    diesel::insert_into(calendars::table)
        .values(rows)
        .execute(connection)
        .await?;
    diesel::insert_into(clinics::table)
        .values(&world.clinics)
        .execute(connection)
        .await?;
    diesel::insert_into(operatories::table)
        .values(&world.operatories)
        .execute(connection)
        .await?;
    diesel::insert_into(providers::table)
        .values(&world.providers)
        .execute(connection)
        .await?;
    Ok(())
}

async fn hours(connection: &mut AsyncPgConnection, world: &DemoWorld) -> QueryResult<()> {
    diesel::insert_into(assignments::table)
        .values(&world.assignments)
        .execute(connection)
        .await?;
    diesel::insert_into(assignment_hours::table)
        .values(&world.assignment_hours)
        .execute(connection)
        .await?;
    diesel::insert_into(calendar_hours::table)
        .values(&world.calendar_hours)
        .execute(connection)
        .await?;
    diesel::insert_into(schedule_exceptions::table)
        .values(&world.closures)
        .execute(connection)
        .await?;
    Ok(())
}

async fn offers(connection: &mut AsyncPgConnection, world: &DemoWorld) -> QueryResult<()> {
    let rows = world
        .treatments
        .iter()
        .map(|treatment| {
            let pattern = serde_json::to_value(&treatment.pattern)
                .map_err(|error| diesel::result::Error::SerializationError(Box::new(error)))?;
            Ok((
                treatments::id.eq(treatment.id),
                treatments::tenant_id.eq(treatment.tenant),
                treatments::code.eq(&treatment.code),
                treatments::name_es.eq(&treatment.name_es),
                treatments::name_en.eq(&treatment.name_en),
                treatments::duration_min.eq(treatment.duration_min),
                treatments::pattern.eq(pattern),
                treatments::color.eq(&treatment.color),
                treatments::price_cents.eq(treatment.price_cents),
                treatments::online_bookable.eq(treatment.online),
            ))
        })
        .collect::<QueryResult<Vec<_>>>()?;
    diesel::insert_into(treatments::table)
        .values(rows)
        .execute(connection)
        .await?;
    Ok(())
}

async fn records(connection: &mut AsyncPgConnection, world: &DemoWorld) -> QueryResult<()> {
    let account = world.users.iter().find(|user| user.patient);
    let rows: Vec<_> = world
        .patients
        .iter()
        .enumerate()
        .map(|(number, patient)| {
            let user = account.filter(|_| number == 0).map(|user| user.id);
            (
                patients::id.eq(patient.id),
                patients::calendar_id.eq(patient.calendar),
                patients::user_id.eq(user),
                patients::first_name.eq(&patient.first_name),
                patients::last_name.eq(&patient.last_name),
                patients::email.eq(&patient.email),
                patients::phone.eq(&patient.phone),
                patients::date_of_birth.eq(patient.born),
            )
        })
        .collect();
    diesel::insert_into(patients::table)
        .values(rows)
        .execute(connection)
        .await?;
    let rows: Vec<_> = world
        .patients
        .iter()
        .flat_map(|patient| patient.tenants.iter().map(|tenant| (patient.id, *tenant)))
        .map(|(patient, tenant)| {
            (
                patient_dentists::patient_id.eq(patient),
                patient_dentists::tenant_id.eq(tenant),
            )
        })
        .collect();
    diesel::insert_into(patient_dentists::table)
        .values(rows)
        .execute(connection)
        .await?;
    Ok(())
}
