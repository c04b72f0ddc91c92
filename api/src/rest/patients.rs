//! A practice's patients. One person has one record, whoever treats them; a practice sees it while
//! it has an active relation.

pub mod export;
pub mod history;
pub mod import;
pub mod invitation;
pub mod link;
pub mod list;
pub mod medical;
pub mod merge;
mod phone;
pub mod record;
pub mod relation;
pub mod transfer;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chrono::{NaiveDate, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use schema::ids::{CalendarId, PatientId, TenantId};
use schema::patients as people;
use schema::schema::{calendars, patient_dentists, patients};
use schema::tenancy;

use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::Input;

pub(crate) use phone::country;
use record::NewRow;
pub use record::{NewPatient, Patient, PatientChange};
pub(crate) use record::{
    check_date_of_birth, check_email, check_name, check_phone, e164, lower_email, tidy,
};

/// A practice's records, for queries by id: only with an active relation.
#[diesel::dsl::auto_type]
fn ours(tenant: TenantId) -> _ {
    patients::table
        .inner_join(patient_dentists::table)
        .filter(patient_dentists::tenant_id.eq(tenant))
        .filter(patient_dentists::status.eq("active"))
}

/// Add a patient to the practice. Where it may already have them, by e-mail address, phone number,
/// or name and birth date, it is refused with 409 `duplicate_patient` and the `candidates`, unless
/// `allowDuplicate` is set. 422 `plan_limit` where the practice's plan allows no more.
#[utoipa::path(post, path = "/patients", tag = "patients", request_body = NewPatient,
    responses((status = 201, body = Patient), (status = 409), (status = 422)))]
pub async fn create(
    app: web::Data<App>,
    member: Member,
    Input(given): Input<NewPatient>,
) -> Result<HttpResponse, Problem> {
    let (tenant, allow_duplicate) = (member.tenant(), given.allow_duplicate);
    let country = phone::country(&member.workspace.zone);
    let row = given.into_row(PatientId::new(), CalendarId::new(), country)?;
    let created = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        // First: whoever adds the same person at the same time waits here, and then finds them.
        require_room(connection, tenant).await?;
        if !allow_duplicate {
            refuse_duplicate(connection, tenant, &row).await?;
        }
        let addition = Addition {
            record: &row,
            notes: None,
        };
        insert(connection, tenant, &[addition]).await?;
        // Read, not returned by the insert: it can be seen only now that the relation is there.
        let created = find(connection, tenant, row.id).await?;
        let entry = Entry::new("patient.created").on(row.id).after(&created);
        audit::record(connection, &member, entry).await?;
        Ok::<_, Problem>(created)
    })
    .await?;
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("/patients/{}", created.id)))
        .json(created))
}

/// One patient of the practice.
#[utoipa::path(get, path = "/patients/{id}", tag = "patients", params(("id" = uuid::Uuid, Path)),
    responses((status = 200, body = Patient), (status = 404)))]
pub async fn get(
    app: web::Data<App>,
    member: Member,
    id: web::Path<PatientId>,
) -> Result<web::Json<Patient>, Problem> {
    let found = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        let found = find(connection, member.tenant(), *id).await?;
        audit::record(connection, &member, Entry::new("patient.read").on(*id)).await?;
        Ok::<_, Problem>(found)
    })
    .await?;
    Ok(web::Json(found))
}

/// Change some fields; `null` clears one that may be empty.
#[utoipa::path(patch, path = "/patients/{id}", tag = "patients", params(("id" = uuid::Uuid, Path)),
    request_body = PatientChange, responses((status = 200, body = Patient), (status = 404)))]
pub async fn update(
    app: web::Data<App>,
    member: Member,
    id: web::Path<PatientId>,
    Input(given): Input<PatientChange>,
) -> Result<web::Json<Patient>, Problem> {
    let changes = given.into_changes(phone::country(&member.workspace.zone))?;
    let changed = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        let before = find(connection, member.tenant(), *id).await?;
        if changes.is_empty() {
            return Ok(before);
        }
        diesel::update(patients::table.find(*id))
            .set(&changes)
            .execute(connection)
            .await?;
        let after = find(connection, member.tenant(), *id).await?;
        let entry = Entry::new("patient.changed").on(*id);
        audit::record(connection, &member, entry.before(&before).after(&after)).await?;
        Ok::<_, Problem>(after)
    })
    .await?;
    app.patients.forget(member.tenant(), *id);
    Ok(web::Json(changed))
}

/// The record, of a patient of the practice.
async fn find(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    id: PatientId,
) -> Result<Patient, Problem> {
    let found = ours(tenant)
        .filter(patients::id.eq(id))
        .select(Patient::as_select())
        .first(connection)
        .await?;
    Ok(found)
}

/// 422 unless the practice may have another patient. Others who add one wait until the transaction
/// ends.
async fn require_room(connection: &mut AsyncPgConnection, tenant: TenantId) -> Result<(), Problem> {
    match people::room(connection, tenant).await? {
        Some(room) if room <= 0 => Err(plan_limit()),
        _ => Ok(()),
    }
}

fn plan_limit() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "plan_limit",
        "The practice has as many patients as its plan allows.",
    )
}

/// 409 with the practice's own patients who may be the same person.
async fn refuse_duplicate(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    row: &NewRow,
) -> Result<(), Problem> {
    let found = people::duplicates(connection, tenant, &row.likeness()).await?;
    if found.is_empty() {
        return Ok(());
    }
    let candidates: Vec<Patient> = ours(tenant)
        .filter(patients::id.eq_any(found))
        .order(patient_dentists::sort_name)
        .select(Patient::as_select())
        .load(connection)
        .await?;
    let candidates = candidates
        .iter()
        .filter_map(|one| serde_json::to_value(one).ok());
    let problem = Problem::new(
        StatusCode::CONFLICT,
        "duplicate_patient",
        "The practice may have this patient already; allowDuplicate adds them all the same.",
    );
    Err(problem.with_candidates(candidates.collect()))
}

/// Somebody new to the practice.
struct Addition<'a> {
    record: &'a NewRow,
    /// The practice's own.
    notes: Option<&'a str>,
}

/// Adds records, each with its calendar and its relation to the practice.
async fn insert(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    additions: &[Addition<'_>],
) -> Result<(), Problem> {
    let rows: Vec<&NewRow> = additions.iter().map(|one| one.record).collect();
    let calendars: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                calendars::id.eq(row.calendar_id),
                calendars::kind.eq("patient"),
            )
        })
        .collect();
    diesel::insert_into(calendars::table)
        .values(calendars)
        .execute(connection)
        .await?;
    diesel::insert_into(patients::table)
        .values(rows)
        .execute(connection)
        .await?;
    let relations: Vec<_> = additions
        .iter()
        .map(|one| {
            (
                patient_dentists::tenant_id.eq(tenant),
                patient_dentists::patient_id.eq(one.record.id),
                patient_dentists::notes.eq(one.notes),
            )
        })
        .collect();
    diesel::insert_into(patient_dentists::table)
        .values(relations)
        .execute(connection)
        .await?;
    Ok(())
}

/// Today where the practice is.
fn today(member: &Member) -> NaiveDate {
    let now = Utc::now();
    match member.workspace.zone.parse::<chrono_tz::Tz>() {
        Ok(zone) => now.with_timezone(&zone).date_naive(),
        Err(_) => now.date_naive(),
    }
}
