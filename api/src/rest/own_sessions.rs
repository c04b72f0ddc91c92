//! Where an account is signed in, and signing out there.

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use schema::schema::refresh_tokens;
use schema::tenancy;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{self, Who};
use crate::auth::principal::{Caller, Principal};
use crate::auth::sessions;
use crate::problem::Problem;
use crate::rest::page::Page;

/// More are not shown; older ones end by themselves.
const SHOWN_MAX: i64 = 200;

/// One place where the account is signed in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnSession {
    id: Uuid,
    started_at: DateTime<Utc>,
    /// When it was last continued.
    last_used_at: DateTime<Utc>,
    /// What the program called itself then.
    user_agent: Option<String>,
    /// From where that was.
    address: Option<String>,
    /// Whether it is the one that asks.
    current: bool,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = refresh_tokens)]
struct Row {
    family: Uuid,
    started_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    user_agent: Option<String>,
    address: Option<String>,
}

fn own(principal: &Principal) -> Option<Uuid> {
    match &principal.caller {
        Caller::User { session, .. } => *session,
        Caller::Key(_) => None,
    }
}

/// Where you are signed in, the latest first.
#[utoipa::path(get, path = "/auth/sessions", tag = "auth",
    responses((status = 200, body = Page<OwnSession>)))]
pub async fn list(
    app: web::Data<App>,
    principal: Principal,
) -> Result<web::Json<Page<OwnSession>>, Problem> {
    let user = principal.account()?.user;
    let rows: Vec<Row> =
        tenancy::transaction(&app.app_pool, &principal.access(), async |connection| {
            // Of each session the one token that still counts.
            refresh_tokens::table
                .filter(refresh_tokens::user_id.eq(user))
                .filter(refresh_tokens::used_at.is_null())
                .filter(refresh_tokens::revoked_at.is_null())
                .filter(refresh_tokens::expires_at.gt(diesel::dsl::now))
                .order(refresh_tokens::created_at.desc())
                .limit(SHOWN_MAX)
                .select(Row::as_select())
                .load(connection)
                .await
        })
        .await?;
    let current = own(&principal);
    let sessions = rows.into_iter().map(|row| OwnSession {
        id: row.family,
        started_at: row.started_at,
        last_used_at: row.created_at,
        user_agent: row.user_agent,
        address: row.address,
        current: current == Some(row.family),
    });
    Ok(web::Json(Page::whole(sessions.collect())))
}

/// Sign out everywhere, here too.
#[utoipa::path(delete, path = "/auth/sessions", tag = "auth",
    responses((status = 204, description = "All sessions have ended")))]
pub async fn end_all(app: web::Data<App>, principal: Principal) -> Result<HttpResponse, Problem> {
    let user = principal.account()?.user;
    tenancy::transaction(&app.app_pool, &principal.access(), async |connection| {
        sessions::end_others(connection, user, None).await
    })
    .await?;
    app.rights_changed(user);
    audit::record_account(&app, Some(user), Who::user(user), "session.all_ended").await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Sign out in one place.
#[utoipa::path(delete, path = "/auth/sessions/{id}", tag = "auth", params(("id" = Uuid, Path)),
    responses((status = 204, description = "The session has ended")))]
pub async fn end(
    app: web::Data<App>,
    principal: Principal,
    id: web::Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    let user = principal.account()?.user;
    let ended = tenancy::transaction(&app.app_pool, &principal.access(), async |connection| {
        sessions::end_session(connection, *id).await
    })
    .await?;
    if !ended {
        return Err(Problem::not_found());
    }
    app.rights_changed(user);
    audit::record_account(&app, Some(user), Who::user(user), "session.ended").await?;
    Ok(HttpResponse::NoContent().finish())
}
