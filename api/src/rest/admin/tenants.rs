//! All practices, for super admins: searching, suspending, activating.
//!
//! A suspended practice reads and changes nothing, offers nothing in public, and its patients still
//! see what they have booked.

use actix_web::web;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use garde::Validate;
use schema::ids::{TenantId, UserId};
use schema::schema::{memberships, tenants};
use schema::tenancy;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::audit::{self, Entry, Who};
use crate::auth::principal::Principal;
use crate::problem::Problem;
use crate::rest::input::{MaybeInput, Params};
use crate::rest::page::{Page, PageQuery};
use crate::rest::tenants::raise_rules;

/// Longer searches are no names.
const QUERY_BYTES_MAX: usize = 200;

/// A practice as super admins see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantSummary {
    #[schema(value_type = Uuid)]
    id: TenantId,
    name: String,
    subdomain: String,
    zone: String,
    locale: String,
    /// `active` or `suspended`.
    status: String,
    plan: String,
    trial_ends_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    /// The owner's name and address; absent where there is none.
    owner: Option<Owner>,
    /// How many people work there.
    members: i64,
}

/// Whom to write to.
#[derive(Debug, Serialize, ToSchema)]
pub struct Owner {
    name: String,
    email: String,
}

/// Which practices.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TenantSearch {
    /// A part of the name, the subdomain or the owner's e-mail address; accents do not matter.
    q: Option<String>,
    /// `active` or `suspended`.
    status: Option<String>,
}

/// Why.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub struct Reason {
    /// For the audit log.
    #[garde(length(chars, max = 500))]
    reason: Option<String>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: TenantId,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    subdomain: String,
    #[diesel(sql_type = Text)]
    zone: String,
    #[diesel(sql_type = Text)]
    locale: String,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Text)]
    plan: String,
    #[diesel(sql_type = Nullable<diesel::sql_types::Timestamptz>)]
    trial_ends_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = diesel::sql_types::Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Text>)]
    owner_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    owner_email: Option<String>,
    #[diesel(sql_type = BigInt)]
    members: i64,
}

impl From<Row> for TenantSummary {
    fn from(row: Row) -> Self {
        let owner = row.owner_name.zip(row.owner_email);
        Self {
            id: row.id,
            name: row.name,
            subdomain: row.subdomain,
            zone: row.zone,
            locale: row.locale,
            status: row.status,
            plan: row.plan,
            trial_ends_at: row.trial_ends_at,
            created_at: row.created_at,
            owner: owner.map(|(name, email)| Owner { name, email }),
            members: row.members,
        }
    }
}

/// The practices whose id, or whose name and state, are as wanted, after a name and id.
const SUMMARIES: &str = "
    SELECT t.id, t.name, t.subdomain, t.zone, t.locale, t.status, t.plan, t.trial_ends_at,
        t.created_at, o.name AS owner_name, o.email AS owner_email,
        (SELECT count(*) FROM memberships m WHERE m.tenant_id = t.id AND m.status = 'active')
            AS members
    FROM tenants t
    LEFT JOIN LATERAL (SELECT u.name, u.email FROM memberships m JOIN users u ON u.id = m.user_id
        WHERE m.tenant_id = t.id AND m.status = 'active' AND m.role = 'dentist'
        ORDER BY m.created_at, m.user_id LIMIT 1) o ON true
    WHERE ($1 IS NULL OR t.id = $1)
        AND ($2 IS NULL OR strpos(fold_text(t.name), fold_text($2)) > 0
            OR strpos(t.subdomain, lower($2)) > 0 OR strpos(o.email, lower($2)) > 0)
        AND ($3 IS NULL OR t.status = $3)
        AND ($4 IS NULL OR (t.name, t.id) > ($4, $5))
    ORDER BY t.name, t.id LIMIT $6";

struct Wanted {
    id: Option<TenantId>,
    query: Option<String>,
    status: Option<String>,
    after: Option<(String, TenantId)>,
    limit: i64,
}

async fn summaries(
    connection: &mut AsyncPgConnection,
    wanted: Wanted,
) -> Result<Vec<Row>, Problem> {
    type SqlUuid = diesel::sql_types::Uuid;
    let (name, id) = wanted.after.unzip();
    Ok(diesel::sql_query(SUMMARIES)
        .bind::<Nullable<SqlUuid>, _>(wanted.id)
        .bind::<Nullable<Text>, _>(wanted.query)
        .bind::<Nullable<Text>, _>(wanted.status)
        .bind::<Nullable<Text>, _>(name)
        .bind::<Nullable<SqlUuid>, _>(id)
        .bind::<BigInt, _>(wanted.limit)
        .load(connection)
        .await?)
}

/// All practices by name.
#[utoipa::path(get, path = "/admin/tenants", tag = "super admin", params(TenantSearch, PageQuery),
    responses((status = 200, body = Page<TenantSummary>)))]
pub async fn list(
    app: web::Data<App>,
    principal: Principal,
    search: Params<TenantSearch>,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<TenantSummary>>, Problem> {
    let limit = page.limit()?;
    let search = search.into_inner();
    let query = search.q.map(|query| query.trim().to_owned());
    let query = query.filter(|query| !query.is_empty());
    if query
        .as_ref()
        .is_some_and(|query| query.len() > QUERY_BYTES_MAX)
    {
        return Err(Problem::bad_request("q is too long."));
    }
    if let Some(status) = &search.status
        && !["active", "suspended"].contains(&status.as_str())
    {
        return Err(Problem::bad_request("status is active or suspended."));
    }
    let wanted = Wanted {
        id: None,
        query,
        status: search.status,
        after: page.after()?,
        limit: limit + 1,
    };
    let rows = tenancy::transaction(&app.app_pool, &principal.access(), async |connection| {
        summaries(connection, wanted).await
    })
    .await?;
    Ok(web::Json(Page::of(
        rows,
        limit,
        |row| (row.name.clone(), row.id),
        TenantSummary::from,
    )))
}

/// Suspend a practice: it can be read and not changed, and cannot be booked in public. Patients keep
/// their visits, and may cancel them.
#[utoipa::path(post, path = "/admin/tenants/{id}/suspend", tag = "super admin",
    params(("id" = Uuid, Path)), request_body = Option<Reason>,
    responses((status = 200, body = TenantSummary)))]
pub async fn suspend(
    app: web::Data<App>,
    principal: Principal,
    id: web::Path<TenantId>,
    MaybeInput(given): MaybeInput<Reason>,
) -> Result<web::Json<TenantSummary>, Problem> {
    set_status(
        &app,
        &principal,
        *id,
        "suspended",
        given.and_then(|given| given.reason),
    )
    .await
}

/// Let a suspended practice go on.
#[utoipa::path(post, path = "/admin/tenants/{id}/activate", tag = "super admin",
    params(("id" = Uuid, Path)), request_body = Option<Reason>,
    responses((status = 200, body = TenantSummary)))]
pub async fn activate(
    app: web::Data<App>,
    principal: Principal,
    id: web::Path<TenantId>,
    MaybeInput(given): MaybeInput<Reason>,
) -> Result<web::Json<TenantSummary>, Problem> {
    set_status(
        &app,
        &principal,
        *id,
        "active",
        given.and_then(|given| given.reason),
    )
    .await
}

async fn set_status(
    app: &App,
    principal: &Principal,
    id: TenantId,
    status: &'static str,
    reason: Option<String>,
) -> Result<web::Json<TenantSummary>, Problem> {
    let changing = async |connection: &mut AsyncPgConnection| {
        let found = tenants::table.find(id).select(tenants::status);
        let before: String = found.first(connection).await?;
        let mut members: Vec<UserId> = Vec::new();
        if before != status {
            // What is offered in public depends on it, like on a rule.
            raise_rules(connection, id).await?;
            diesel::update(tenants::table.find(id))
                .set(tenants::status.eq(status))
                .execute(connection)
                .await?;
            let action = match status {
                "suspended" => "tenant.suspended",
                _ => "tenant.activated",
            };
            let entry = Entry::new(action)
                .on(id)
                .before(json!({ "status": before }))
                .after(json!({ "status": status, "reason": reason }));
            audit::record(connection, Who::from(principal).in_tenant(id), entry).await?;
            members = memberships::table
                .filter(memberships::tenant_id.eq(id))
                .filter(memberships::status.eq("active"))
                .select(memberships::user_id)
                .load(connection)
                .await?;
        }
        let wanted = Wanted {
            id: Some(id),
            query: None,
            status: None,
            after: None,
            limit: 1,
        };
        let rows = summaries(connection, wanted).await?;
        let row = rows.into_iter().next().ok_or_else(Problem::not_found)?;
        Ok::<_, Problem>((row, members))
    };
    let (row, members) = tenancy::transaction(&app.app_pool, &principal.access(), changing).await?;
    app.engine.rules_changed(id);
    for member in members {
        app.rights_changed(member);
    }
    app.practice_changed(id);
    Ok(web::Json(row.into()))
}
