//! The people of a practice who treat patients.

pub mod change;

use actix_web::web;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use schema::ids::{ProviderId, TenantId};
use schema::models::catalogue::Provider as Row;
use schema::schema::providers;
use schema::tenancy;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::app::App;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::Params;
use crate::rest::page::{Page, PageQuery, behind};

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
    /// The member of the practice who this is, if they sign in.
    user_id: Option<Uuid>,
    /// Nothing is booked with somebody who is not.
    active: bool,
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
            user_id: row.user_id.map(|id| id.0),
            active: row.active,
        }
    }
}

/// Which rows of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct Former {
    /// Those that are no more in use too.
    #[serde(default)]
    pub include_inactive: bool,
}

/// The practice's dentists, hygienists and assistants.
#[utoipa::path(get, path = "/providers", tag = "catalogue", params(Former, PageQuery),
    responses((status = 200, body = Page<Provider>)))]
pub async fn list(
    app: web::Data<App>,
    member: Member,
    former: Params<Former>,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<Provider>>, Problem> {
    let (limit, after) = (page.limit()?, page.after::<(String, ProviderId)>()?);
    let rows: Vec<Row> =
        tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
            let mut query = providers::table
                .filter(providers::tenant_id.eq(member.tenant()))
                .order((providers::name, providers::id))
                .limit(limit + 1)
                .select(Row::as_select())
                .into_boxed();
            if !former.include_inactive {
                query = query.filter(providers::active);
            }
            if let Some(last) = after {
                query = query.filter(behind!((providers::name, providers::id), last));
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

/// One of the practice's people.
#[utoipa::path(get, path = "/providers/{id}", tag = "catalogue", params(("id" = Uuid, Path)),
    responses((status = 200, body = Provider)))]
pub async fn get(
    app: web::Data<App>,
    member: Member,
    id: web::Path<ProviderId>,
) -> Result<web::Json<Provider>, Problem> {
    let found = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        find(connection, member.tenant(), *id).await
    })
    .await?;
    Ok(web::Json(found.into()))
}

pub(super) async fn find(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    id: ProviderId,
) -> Result<Row, Problem> {
    let found = providers::table
        .find(id)
        .filter(providers::tenant_id.eq(tenant))
        .select(Row::as_select())
        .first(connection)
        .await?;
    Ok(found)
}
