//! The people of a practice who treat patients.

use actix_web::web;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use schema::ids::ProviderId;
use schema::models::catalogue::Provider as Row;
use schema::schema::providers;
use schema::tenancy;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::page::{Page, PageQuery};

/// Somebody who treats or assists. The API's `dentistId` is such an id.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Provider {
    id: Uuid,
    name: String,
    /// `dentist`, `hygienist` or `assistant`.
    role: String,
    /// `#rrggbb`
    color: String,
    calendar_id: Uuid,
    tenant_id: Uuid,
}

impl From<Row> for Provider {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.0,
            name: row.name,
            role: row.role,
            color: row.color,
            calendar_id: row.calendar_id.0,
            tenant_id: row.tenant_id.0,
        }
    }
}

/// The practice's dentists, hygienists and assistants.
#[utoipa::path(get, path = "/providers", tag = "catalogue", params(PageQuery),
    responses((status = 200, body = Page<Provider>)))]
pub async fn list(
    app: web::Data<App>,
    member: Member,
    page: web::Query<PageQuery>,
) -> Result<web::Json<Page<Provider>>, Problem> {
    let (limit, after) = (page.limit()?, page.after::<(String, ProviderId)>()?);
    let rows: Vec<Row> =
        tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
            let mut query = providers::table
                .filter(providers::tenant_id.eq(member.tenant()))
                .filter(providers::active)
                .order((providers::name, providers::id))
                .limit(limit + 1)
                .select(Row::as_select())
                .into_boxed();
            if let Some((name, id)) = after {
                query = query.filter(
                    providers::name
                        .gt(name.clone())
                        .or(providers::name.eq(name).and(providers::id.gt(id))),
                );
            }
            Ok::<_, Problem>(query.load(connection).await?)
        })
        .await?;
    Ok(web::Json(Page::of(
        rows,
        limit,
        |row| (row.name.clone(), row.id),
        Provider::from,
    )))
}
