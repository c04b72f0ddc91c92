//! Practices: the ones that somebody works for, and the one at work in, with its settings.

pub mod branding;
mod change;
mod policy;

use actix_web::web;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use schema::ids::TenantId;
use schema::schema::tenants;
use schema::tenancy;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::principal::{Member, Principal, Workspace};
use crate::problem::Problem;
use crate::rest::input::Input;
use crate::rest::page::Page;

pub use branding::Branding;
pub use change::TenantChange;

/// A practice as its members see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tenant {
    #[schema(value_type = Uuid)]
    id: TenantId,
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
    /// Slot interval, notice, horizon, hold time and the like, with the program's defaults where the
    /// practice has said nothing.
    #[schema(value_type = Object)]
    policy: Value,
    branding: Branding,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = tenants)]
struct Row {
    id: TenantId,
    name: String,
    subdomain: String,
    zone: String,
    locale: String,
    status: String,
    plan: String,
    trial_ends_at: Option<DateTime<Utc>>,
    policy: Value,
    branding: Value,
}

impl From<Row> for Tenant {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            subdomain: row.subdomain,
            zone: row.zone,
            locale: row.locale,
            status: row.status,
            plan: row.plan,
            trial_ends_at: row.trial_ends_at,
            policy: policy::with_defaults(row.policy),
            branding: Branding::stored(row.branding),
        }
    }
}

async fn find(connection: &mut AsyncPgConnection, tenant: TenantId) -> Result<Row, Problem> {
    Ok(tenants::table
        .find(tenant)
        .select(Row::as_select())
        .first(connection)
        .await?)
}

diesel::define_sql_function! {
    /// Locks the practice's calendars and raises its `rules_version` (decision 0006).
    fn tenant_rules_changed(tenant: diesel::sql_types::Uuid) -> BigInt;
}

/// In the transaction of a change of rules, and before it touches the tenant's row: a booking takes
/// the calendars first, too, so neither waits for what the other has.
pub(crate) async fn raise_rules(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
) -> Result<(), Problem> {
    diesel::select(tenant_rules_changed(tenant))
        .get_result::<i64>(connection)
        .await?;
    Ok(())
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
        find(connection, member.tenant()).await
    })
    .await?;
    Ok(web::Json(found.into()))
}

/// Change the practice: what is left out stays.
///
/// In `policy` and `branding` a `null` takes the program's default again. Bookings that are being
/// decided by the old rules are decided again. A practice that changes its subdomain keeps the old
/// one: links lead on, and nobody else can take it.
#[utoipa::path(patch, path = "/tenant", tag = "workspace",
    params(("X-Tenant-Id" = Option<Uuid>, Header, description = "Which practice")),
    request_body = TenantChange,
    responses((status = 200, body = Tenant),
        (status = 409, description = "`subdomain_taken`"),
        (status = 422, description = "`validation`, `subdomain_limit`")))]
pub async fn update(
    app: web::Data<App>,
    member: Member,
    Input(given): Input<TenantChange>,
) -> Result<web::Json<Tenant>, Problem> {
    let tenant = member.tenant();
    let changes_rules = given.changes_rules();
    let changed = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        if changes_rules {
            raise_rules(connection, tenant).await?;
        }
        let before = find(connection, tenant).await?;
        let told = change::told(&before);
        change::apply(connection, &before, given).await?;
        let after = find(connection, tenant).await?;
        let entry = Entry::new("tenant.changed").on(tenant);
        let entry = entry.before(told).after(change::told(&after));
        audit::record(connection, &member, entry).await?;
        Ok::<_, Problem>(after)
    })
    .await?;
    if changes_rules {
        app.engine.rules_changed(tenant);
    }
    if let Some(user) = member.user() {
        app.rights_changed(user);
    }
    Ok(web::Json(changed.into()))
}
