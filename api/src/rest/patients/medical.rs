//! Medical facts. They are the person's, not a practice's: every practice that treats them reads
//! and adds. Each change is a new state beside the old ones, with its author.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use garde::Validate;
use schema::ids::{PatientId, TenantId};
use schema::schema::{patient_medical, patients, users};
use schema::tenancy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::find;
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::appointments::seen;
use crate::rest::input::{Input, Params};
use crate::rest::page::{Page, PageQuery};

const HISTORY_BYTES_MAX: usize = 50_000;
const ITEMS_MAX: usize = 200;
const ITEM_BYTES_MAX: usize = 500;

/// A whole state; what is left out is empty in it.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewMedical {
    /// What happened before, in words.
    #[serde(default)]
    #[garde(length(bytes, max = HISTORY_BYTES_MAX))]
    history: String,
    #[serde(default)]
    #[garde(length(max = ITEMS_MAX), inner(custom(check_item)))]
    #[schema(example = json!(["penicillin: rash"]))]
    allergies: Vec<String>,
    #[serde(default)]
    #[garde(length(max = ITEMS_MAX), inner(custom(check_item)))]
    #[schema(example = json!(["warfarin 5 mg"]))]
    medications: Vec<String>,
}

/// A state of a patient's medical facts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Medical {
    /// Counts the states, from 1; 0: nothing was ever written. Also the `ETag`.
    revision: i64,
    history: String,
    allergies: Vec<String>,
    medications: Vec<String>,
    /// Who wrote it; `null` where that was somebody of another practice, or nobody.
    author: Option<Author>,
    /// Whether it was written in another practice.
    elsewhere: bool,
    edited_at: Option<DateTime<Utc>>,
}

/// Who wrote something.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Author {
    /// `user:<id>` or `key:<id>`.
    actor: String,
    name: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = patient_medical)]
struct Row {
    id: i64,
    tenant_id: TenantId,
    author: String,
    history: String,
    allergies: Vec<Option<String>>,
    medications: Vec<Option<String>>,
    created_at: DateTime<Utc>,
}

/// A row with the name of its author, where the practice knows them.
type Signed = (Row, Option<String>);

impl Medical {
    fn of(reader: TenantId, revision: i64, (row, name): Signed) -> Self {
        let elsewhere = row.tenant_id != reader;
        Self {
            revision,
            history: row.history,
            allergies: row.allergies.into_iter().flatten().collect(),
            medications: row.medications.into_iter().flatten().collect(),
            author: (!elsewhere).then_some(Author {
                actor: row.author,
                name,
            }),
            elsewhere,
            edited_at: Some(row.created_at),
        }
    }

    fn none() -> Self {
        Self {
            revision: 0,
            history: String::new(),
            allergies: Vec::new(),
            medications: Vec::new(),
            author: None,
            elsewhere: false,
            edited_at: None,
        }
    }

    fn answer(&self) -> HttpResponse {
        HttpResponse::Ok()
            .insert_header(("ETag", format!("\"{}\"", self.revision)))
            .json(self)
    }
}

fn check_item(item: &str, (): &()) -> garde::Result {
    if item.trim().is_empty() || item.len() > ITEM_BYTES_MAX {
        return Err(garde::Error::new("is empty or too long"));
    }
    Ok(())
}

/// The patient's medical facts as they are now.
#[utoipa::path(get, path = "/patients/{id}/medical", tag = "patients",
    params(("id" = uuid::Uuid, Path)), responses((status = 200, body = Medical), (status = 404)))]
pub async fn get(
    app: web::Data<App>,
    member: Member,
    id: web::Path<PatientId>,
) -> Result<HttpResponse, Problem> {
    let found = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        find(connection, member.tenant(), *id).await?;
        audit::record(
            connection,
            &member,
            Entry::new("patient.medical_read").on(*id),
        )
        .await?;
        latest(connection, member.tenant(), *id).await
    })
    .await?;
    Ok(found.answer())
}

/// Write a new state. With `If-Match` (the `ETag`) it is refused with 412 `stale` where somebody has
/// written since.
#[utoipa::path(put, path = "/patients/{id}/medical", tag = "patients",
    params(("id" = uuid::Uuid, Path)), request_body = NewMedical,
    responses((status = 200, body = Medical), (status = 404), (status = 412)))]
pub async fn put(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    id: web::Path<PatientId>,
    Input(given): Input<NewMedical>,
) -> Result<HttpResponse, Problem> {
    let seen = seen(&request)?;
    let tenant = member.tenant();
    let now = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        find(connection, tenant, *id).await?;
        // Those who write at the same time take turns.
        patients::table
            .find(*id)
            .select(patients::id)
            .for_update()
            .first::<PatientId>(connection)
            .await?;
        let before = latest(connection, tenant, *id).await?;
        if let Some(seen) = seen.filter(|seen| *seen != before.revision) {
            return Err(engine::scheduling::rejection::Rejection::Stale { seen }.into());
        }
        let trimmed = |items: &[String]| -> Vec<String> {
            items.iter().map(|item| item.trim().to_owned()).collect()
        };
        diesel::insert_into(patient_medical::table)
            .values((
                patient_medical::tenant_id.eq(tenant),
                patient_medical::patient_id.eq(*id),
                patient_medical::author.eq(member.actor()),
                patient_medical::author_id.eq(member.user()),
                patient_medical::history.eq(given.history.trim()),
                patient_medical::allergies.eq(trimmed(&given.allergies)),
                patient_medical::medications.eq(trimmed(&given.medications)),
            ))
            .execute(connection)
            .await?;
        // What it says is kept with its author where it is: the log tells that it was written.
        let entry = Entry::new("patient.medical_changed").on(*id);
        audit::record(connection, &member, entry).await?;
        latest(connection, tenant, *id).await
    })
    .await?;
    Ok(now.answer())
}

/// Every state that there was, the latest first.
#[utoipa::path(get, path = "/patients/{id}/medical/revisions", tag = "patients",
    params(("id" = uuid::Uuid, Path), PageQuery),
    responses((status = 200, body = Page<Medical>), (status = 404)))]
pub async fn revisions(
    app: web::Data<App>,
    member: Member,
    id: web::Path<PatientId>,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<Medical>>, Problem> {
    let (limit, after) = (page.limit()?, page.after::<i64>()?);
    let tenant = member.tenant();
    let (count, rows) = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        find(connection, tenant, *id).await?;
        audit::record(
            connection,
            &member,
            Entry::new("patient.medical_read").on(*id),
        )
        .await?;
        let before = after.unwrap_or(i64::MAX);
        let count: i64 = patient_medical::table
            .filter(patient_medical::patient_id.eq(*id))
            .filter(patient_medical::id.lt(before))
            .count()
            .get_result(connection)
            .await?;
        let rows: Vec<Signed> = patient_medical::table
            .left_join(users::table)
            .filter(patient_medical::patient_id.eq(*id))
            .filter(patient_medical::id.lt(before))
            .order(patient_medical::id.desc())
            .limit(limit + 1)
            .select((Row::as_select(), users::name.nullable()))
            .load(connection)
            .await?;
        Ok::<_, Problem>((count, rows))
    })
    .await?;
    let numbered: Vec<(i64, Signed)> = (0..=count).rev().zip(rows).collect();
    Ok(web::Json(Page::of(
        numbered,
        limit,
        |(_, (row, _))| row.id,
        |(revision, signed)| Medical::of(tenant, revision, signed),
    )))
}

async fn latest(
    connection: &mut AsyncPgConnection,
    reader: TenantId,
    id: PatientId,
) -> Result<Medical, Problem> {
    let found: Option<Signed> = patient_medical::table
        .left_join(users::table)
        .filter(patient_medical::patient_id.eq(id))
        .order(patient_medical::id.desc())
        .select((Row::as_select(), users::name.nullable()))
        .first(connection)
        .await
        .optional()?;
    let Some(signed) = found else {
        return Ok(Medical::none());
    };
    let revision: i64 = patient_medical::table
        .filter(patient_medical::patient_id.eq(id))
        .count()
        .get_result(connection)
        .await?;
    Ok(Medical::of(reader, revision, signed))
}
