//! A patient's visits to one practice.

use actix_web::{HttpRequest, web};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use schema::ids::PatientId;
use schema::schema::{appointments, treatments};
use schema::tenancy;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::Params;
use crate::rest::language::Language;
use crate::rest::page::{Page, PageQuery};

/// A visit, past or to come.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Visit {
    id: Uuid,
    version: i64,
    /// `scheduled`, `confirmed`, `arrived`, `in_chair`, `completed`, `cancelled` or `no_show`.
    status: String,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    patient_id: Uuid,
    dentist_id: Uuid,
    operatory_id: Uuid,
    treatment_id: Uuid,
    treatment_code: String,
    treatment_name: String,
    notes: Option<String>,
    cancel_reason: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = appointments)]
struct Row {
    id: Uuid,
    version: i64,
    status: String,
    start_at: DateTime<Utc>,
    end_at: DateTime<Utc>,
    patient_id: Uuid,
    provider_id: Uuid,
    operatory_id: Uuid,
    treatment_id: Uuid,
    notes: Option<String>,
    cancel_reason: Option<String>,
}

/// Code, Spanish name, English name.
type Names = (String, String, String);

/// The patient's visits to the practice, the latest first.
#[utoipa::path(get, path = "/patients/{id}/history", tag = "patients",
    params(("id" = Uuid, Path), PageQuery), responses((status = 200, body = Page<Visit>)))]
pub async fn list(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    id: web::Path<PatientId>,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<Visit>>, Problem> {
    let (limit, after) = (page.limit()?, page.after::<(DateTime<Utc>, Uuid)>()?);
    let rows: Vec<(Row, Names)> =
        tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
            let entry = Entry::new("patient.history_read").on(*id);
            audit::record(connection, &member, entry).await?;
            // Also after the relation has ended: the visits are the practice's.
            super::relation::read(connection, member.tenant(), *id).await?;
            let mut query = appointments::table
                .inner_join(treatments::table.on(treatments::id.eq(appointments::treatment_id)))
                .filter(appointments::tenant_id.eq(member.tenant()))
                .filter(appointments::patient_id.eq(*id))
                .order((appointments::start_at.desc(), appointments::id.desc()))
                .limit(limit + 1)
                .select((
                    Row::as_select(),
                    (treatments::code, treatments::name_es, treatments::name_en),
                ))
                .into_boxed();
            if let Some((start, id)) = after {
                query = query.filter(
                    appointments::start_at.lt(start).or(appointments::start_at
                        .eq(start)
                        .and(appointments::id.lt(id))),
                );
            }
            Ok::<_, Problem>(query.load(connection).await?)
        })
        .await?;
    let language = Language::of(&request, &member.workspace.locale);
    Ok(web::Json(Page::of(
        rows,
        limit,
        |(row, _)| (row.start_at, row.id),
        |(row, (code, spanish, english))| Visit {
            id: row.id,
            version: row.version,
            status: row.status,
            start: row.start_at,
            end: row.end_at,
            patient_id: row.patient_id,
            dentist_id: row.provider_id,
            operatory_id: row.operatory_id,
            treatment_id: row.treatment_id,
            treatment_code: code,
            treatment_name: language.pick(&spanish, &english),
            notes: row.notes,
            cancel_reason: row.cancel_reason,
        },
    )))
}
