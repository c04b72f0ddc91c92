//! The audit log: who did what to which row, from where, and what the row was before and after.
//! Newest first; a practice reads its own, super admins everything ([`super::admin::audit`]).

pub mod export;

use std::collections::HashMap;

use actix_web::web;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use schema::ids::{TenantId, UserId};
use schema::schema::{audit_log, users};
use schema::tenancy;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::app::App;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::Params;
use crate::rest::page::{Page, PageQuery};

/// One line of the log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    id: i64,
    at: DateTime<Utc>,
    /// The practice concerned; absent for what concerns none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    tenant_id: Option<TenantId>,
    /// `user:<id>`, `key:<id>`, `session:<id>`, `anonymous`, or a part of the program.
    actor: String,
    /// The name of a user who works for the practice.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    /// Network address.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// Kind of the subject and what was done: `appointment.booked`, `patient.read`.
    action: String,
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject_id: Option<Uuid>,
    /// Codes of rules that were overridden.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    overrides: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
    /// The command, the same as the deltas' `tx`.
    #[serde(skip_serializing_if = "Option::is_none")]
    tx: Option<Uuid>,
}

/// Which lines; all that are given must fit.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct AuditQuery {
    /// RFC 3339 with an offset; from this moment on.
    from: Option<DateTime<Utc>>,
    /// Before this moment.
    to: Option<DateTime<Utc>>,
    /// `user:<id>`, `key:<id>`, …, or a user's id alone.
    actor: Option<String>,
    /// `appointment.booked`, …
    action: Option<String>,
    /// `appointment`, `patient`, `tenant`, `member`, `session`, …, or the id of one row.
    subject: Option<String>,
    subject_id: Option<Uuid>,
    request_id: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_log)]
pub(super) struct Row {
    id: i64,
    at: DateTime<Utc>,
    tenant_id: Option<TenantId>,
    actor: String,
    role: Option<String>,
    address: Option<String>,
    request_id: Option<String>,
    action: String,
    subject: String,
    subject_id: Option<Uuid>,
    overrides: Vec<Option<String>>,
    before: Option<Value>,
    after: Option<Value>,
    tx: Option<Uuid>,
}

/// Whose lines.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope {
    Practice(TenantId),
    All,
}

/// At most `limit` lines older than `older_than`, with the names of those who did them.
pub(super) async fn find(
    connection: &mut AsyncPgConnection,
    scope: Scope,
    wanted: &AuditQuery,
    older_than: Option<i64>,
    limit: i64,
) -> Result<Vec<AuditEntry>, Problem> {
    let mut query = audit_log::table
        .order(audit_log::id.desc())
        .limit(limit)
        .select(Row::as_select())
        .into_boxed();
    if let Scope::Practice(tenant) = scope {
        query = query.filter(audit_log::tenant_id.eq(tenant));
    }
    if let Some(id) = older_than {
        query = query.filter(audit_log::id.lt(id));
    }
    if let Some(from) = wanted.from {
        query = query.filter(audit_log::at.ge(from));
    }
    if let Some(to) = wanted.to {
        query = query.filter(audit_log::at.lt(to));
    }
    if let Some(actor) = &wanted.actor {
        let actor = match actor.parse::<UserId>() {
            Ok(user) => format!("user:{user}"),
            Err(_) => actor.clone(),
        };
        query = query.filter(audit_log::actor.eq(actor));
    }
    if let Some(action) = &wanted.action {
        query = query.filter(audit_log::action.eq(action));
    }
    if let Some(subject) = &wanted.subject {
        query = match subject.parse::<Uuid>() {
            Ok(id) => query.filter(audit_log::subject_id.eq(id)),
            Err(_) => query.filter(audit_log::subject.eq(subject)),
        };
    }
    if let Some(id) = wanted.subject_id {
        query = query.filter(audit_log::subject_id.eq(id));
    }
    if let Some(id) = &wanted.request_id {
        query = query.filter(audit_log::request_id.eq(id));
    }
    let rows: Vec<Row> = query.load(connection).await?;
    let actors: Vec<UserId> = rows.iter().filter_map(|row| user(&row.actor)).collect();
    let names: HashMap<UserId, String> = users::table
        .filter(users::id.eq_any(actors))
        .select((users::id, users::name))
        .load::<(UserId, String)>(connection)
        .await?
        .into_iter()
        .collect();
    let entries = rows.into_iter().map(|row| AuditEntry {
        actor_name: user(&row.actor).and_then(|user| names.get(&user).cloned()),
        id: row.id,
        at: row.at,
        tenant_id: row.tenant_id,
        actor: row.actor,
        role: row.role,
        address: row.address,
        request_id: row.request_id,
        action: row.action,
        subject: row.subject,
        subject_id: row.subject_id,
        overrides: row.overrides.into_iter().flatten().collect(),
        before: row.before,
        after: row.after,
        tx: row.tx,
    });
    Ok(entries.collect())
}

fn user(actor: &str) -> Option<UserId> {
    actor.strip_prefix("user:")?.parse().ok()
}

/// Who did what in the practice, newest first.
#[utoipa::path(get, path = "/audit", tag = "audit", params(AuditQuery, PageQuery),
    responses((status = 200, body = Page<AuditEntry>)))]
pub async fn list(
    app: web::Data<App>,
    member: Member,
    wanted: Params<AuditQuery>,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<AuditEntry>>, Problem> {
    let (limit, after) = (page.limit()?, page.after::<i64>()?);
    let scope = Scope::Practice(member.tenant());
    let entries = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        find(connection, scope, &wanted, after, limit + 1).await
    })
    .await?;
    Ok(web::Json(paged(entries, limit)))
}

pub(super) fn paged(entries: Vec<AuditEntry>, limit: i64) -> Page<AuditEntry> {
    Page::of(entries, limit, |entry| entry.id, std::convert::identity)
}
