//! The chairs that a practice may use.

use actix_web::web;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use schema::ids::OperatoryId;
use schema::models::catalogue::Operatory as Row;
use schema::schema::{assignments, operatories};
use schema::tenancy;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::Params;
use crate::rest::page::{Page, PageQuery, behind};

/// A chair with its room.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Operatory {
    id: Uuid,
    name: String,
    clinic_id: Uuid,
    /// Its timeline, shared by all who may use it.
    calendar_id: Uuid,
}

impl From<Row> for Operatory {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.0,
            name: row.name,
            clinic_id: row.clinic_id.0,
            calendar_id: row.calendar_id.0,
        }
    }
}

/// The operatories that the practice has assignments in.
#[utoipa::path(get, path = "/operatories", tag = "catalogue", params(PageQuery),
    responses((status = 200, body = Page<Operatory>)))]
pub async fn list(
    app: web::Data<App>,
    member: Member,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<Operatory>>, Problem> {
    let (limit, after) = (page.limit()?, page.after::<(String, OperatoryId)>()?);
    let rows: Vec<Row> =
        tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
            let ours = assignments::table
                .filter(assignments::tenant_id.eq(member.tenant()))
                .select(assignments::operatory_id);
            let mut query = operatories::table
                .filter(operatories::id.eq_any(ours))
                .filter(operatories::active)
                .order((operatories::name, operatories::id))
                .limit(limit + 1)
                .select(Row::as_select())
                .into_boxed();
            if let Some(last) = after {
                query = query.filter(behind!((operatories::name, operatories::id), last));
            }
            Ok::<_, Problem>(query.load(connection).await?)
        })
        .await?;
    Ok(web::Json(Page::of(
        rows,
        limit,
        |row| (row.name.clone(), row.id),
        Operatory::from,
    )))
}
