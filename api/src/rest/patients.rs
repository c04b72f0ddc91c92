//! A practice's patients. One person has one record, whoever treats them; a practice sees it while
//! it has an active relation.

pub mod history;
mod record;

use actix_web::{HttpResponse, web};
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use schema::ids::{CalendarId, PatientId, TenantId};
use schema::schema::{calendars, patient_dentists, patients};
use schema::tenancy;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::Input;
use crate::rest::page::{Page, PageQuery, wrong_cursor};

pub use record::{NewPatient, Patient, PatientChange};

/// Longer searches are no names.
const QUERY_BYTES_MAX: usize = 200;

#[diesel::declare_sql_function]
extern "SQL" {
    fn search_text(given: Text) -> Text;
    fn patient_matches(
        query: Text,
        first_name: Text,
        last_name: Text,
        email: Nullable<Text>,
        phone: Nullable<Text>,
    ) -> diesel::sql_types::Bool;
}

/// Which patients.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Search {
    /// Words of a name, an e-mail address or a phone number; accents do not matter.
    q: Option<String>,
}

/// A practice's records, for queries by id: only with an active relation.
#[diesel::dsl::auto_type]
fn ours(tenant: TenantId) -> _ {
    patients::table
        .inner_join(patient_dentists::table)
        .filter(patient_dentists::tenant_id.eq(tenant))
        .filter(patient_dentists::status.eq("active"))
}

/// Patients by name, optionally those that match a search.
#[utoipa::path(get, path = "/patients", tag = "patients", params(Search, PageQuery),
    responses((status = 200, body = Page<Patient>)))]
pub async fn list(
    app: web::Data<App>,
    member: Member,
    search: web::Query<Search>,
    page: web::Query<PageQuery>,
) -> Result<web::Json<Page<Patient>>, Problem> {
    // Not the name: queries end up in other people's logs.
    let (limit, after) = (page.limit()?, page.after::<PatientId>()?);
    let wanted = search.into_inner().q.unwrap_or_default();
    if wanted.len() > QUERY_BYTES_MAX {
        return Err(Problem::bad_request("q is too long."));
    }
    let rows: Vec<Patient> =
        tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
            let (last, first) = (
                || search_text(patients::last_name),
                || search_text(patients::first_name),
            );
            let mut query = ours(member.tenant())
                .order((last(), first(), patients::id))
                .limit(limit + 1)
                .select(Patient::as_select())
                .into_boxed();
            if !wanted.trim().is_empty() {
                query = query.filter(patient_matches(
                    wanted.as_str(),
                    patients::first_name,
                    patients::last_name,
                    patients::email,
                    patients::phone,
                ));
            }
            if let Some(id) = after {
                let (after_last, after_first): (String, String) = ours(member.tenant())
                    .filter(patients::id.eq(id))
                    .select((last(), first()))
                    .first(connection)
                    .await
                    .optional()?
                    .ok_or_else(wrong_cursor)?;
                query = query.filter(
                    last().gt(after_last.clone()).or(last().eq(after_last).and(
                        first()
                            .gt(after_first.clone())
                            .or(first().eq(after_first).and(patients::id.gt(id))),
                    )),
                );
            }
            Ok::<_, Problem>(query.load(connection).await?)
        })
        .await?;
    let page = Page::of(rows, limit, Patient::id, std::convert::identity);
    Ok(web::Json(page))
}

/// Add a patient to the practice.
#[utoipa::path(post, path = "/patients", tag = "patients", request_body = NewPatient,
    responses((status = 201, body = Patient)))]
pub async fn create(
    app: web::Data<App>,
    member: Member,
    Input(given): Input<NewPatient>,
) -> Result<HttpResponse, Problem> {
    let (id, calendar) = (PatientId::new(), CalendarId::new());
    let row = given.into_row(id, calendar)?;
    let created = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        diesel::insert_into(calendars::table)
            .values((calendars::id.eq(calendar), calendars::kind.eq("patient")))
            .execute(connection)
            .await?;
        diesel::insert_into(patients::table)
            .values(&row)
            .execute(connection)
            .await?;
        diesel::insert_into(patient_dentists::table)
            .values((
                patient_dentists::tenant_id.eq(member.tenant()),
                patient_dentists::patient_id.eq(id),
            ))
            .execute(connection)
            .await?;
        // Read, not returned by the insert: it can be seen only now that the relation is there.
        find(connection, member.tenant(), id).await
    })
    .await?;
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("/patients/{id}")))
        .json(created))
}

/// One patient of the practice.
#[utoipa::path(get, path = "/patients/{id}", tag = "patients", params(("id" = uuid::Uuid, Path)),
    responses((status = 200, body = Patient)))]
pub async fn get(
    app: web::Data<App>,
    member: Member,
    id: web::Path<PatientId>,
) -> Result<web::Json<Patient>, Problem> {
    let found = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        find(connection, member.tenant(), *id).await
    })
    .await?;
    Ok(web::Json(found))
}

/// Change some fields; `null` clears one that may be empty.
#[utoipa::path(patch, path = "/patients/{id}", tag = "patients", params(("id" = uuid::Uuid, Path)),
    request_body = PatientChange, responses((status = 200, body = Patient)))]
pub async fn update(
    app: web::Data<App>,
    member: Member,
    id: web::Path<PatientId>,
    Input(given): Input<PatientChange>,
) -> Result<web::Json<Patient>, Problem> {
    let changes = given.into_changes()?;
    let changed = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        find(connection, member.tenant(), *id).await?;
        if !changes.is_empty() {
            diesel::update(patients::table.find(*id))
                .set(&changes)
                .execute(connection)
                .await?;
        }
        find(connection, member.tenant(), *id).await
    })
    .await?;
    app.patients.forget(member.tenant(), *id);
    Ok(web::Json(changed))
}

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
