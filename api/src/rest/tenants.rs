//! Practices: the ones that somebody works for, and the one at work in.

use actix_web::web;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use schema::schema::tenants;
use schema::tenancy;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::auth::principal::{Member, Principal, Workspace};
use crate::problem::Problem;
use crate::rest::page::Page;

/// A practice as its members see it.
#[derive(Debug, Serialize, Queryable, Selectable, ToSchema)]
#[diesel(table_name = tenants)]
#[serde(rename_all = "camelCase")]
pub struct Tenant {
    id: Uuid,
    name: String,
    /// Its public address: `/book/{subdomain}`.
    subdomain: String,
    /// IANA name of its time zone.
    zone: String,
    /// `es` or `en`.
    locale: String,
    /// `active` or `suspended`.
    status: String,
    plan: String,
    trial_ends_at: Option<DateTime<Utc>>,
    /// What differs from the program's defaults: slot interval, notice, horizon, hold time.
    #[schema(value_type = Object)]
    policy: Value,
}

/// The practices you work for.
#[utoipa::path(get, path = "/workspaces", tag = "workspace",
    responses((status = 200, body = Page<Workspace>)))]
pub async fn workspaces(principal: Principal) -> web::Json<Page<Workspace>> {
    web::Json(Page::whole(principal.workspaces().to_vec()))
}

/// The practice you are at work in.
#[utoipa::path(get, path = "/tenant", tag = "workspace",
    params(("X-Tenant-Id" = Option<Uuid>, Header, description = "Which practice")),
    responses((status = 200, body = Tenant)))]
pub async fn tenant(app: web::Data<App>, member: Member) -> Result<web::Json<Tenant>, Problem> {
    let found = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        let found = tenants::table
            .find(member.tenant())
            .select(Tenant::as_select())
            .first(connection)
            .await?;
        Ok::<_, Problem>(found)
    })
    .await?;
    Ok(web::Json(found))
}
