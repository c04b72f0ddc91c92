//! A practice's API keys.

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use garde::Validate;
use schema::schema::api_keys;
use schema::tenancy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::api_keys::{self as keys, Scope};
use crate::auth::permissions::Permission;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::Input;
use crate::rest::page::Page;

/// More keys than this nobody keeps an eye on.
const KEYS_MAX: i64 = 50;

/// A key to be made.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewApiKey {
    /// What it is for.
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(example = "Web site")]
    name: String,
    /// What it may do beyond reading the catalogue, calendars and availability.
    #[garde(length(max = 20))]
    scopes: Vec<Scope>,
    /// When it ends; never without.
    #[garde(skip)]
    expires_at: Option<DateTime<Utc>>,
}

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyView {
    id: Uuid,
    name: String,
    scopes: Vec<Scope>,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    /// To the minute.
    last_used_at: Option<DateTime<Utc>>,
}

/// A new key, with its secret this one time.
#[derive(Serialize, ToSchema)]
#[allow(missing_debug_implementations)] // a secret: nothing shall print it
pub struct CreatedApiKey {
    #[serde(flatten)]
    view: ApiKeyView,
    /// Send it as `Authorization: Bearer`. It is kept nowhere and never shown again.
    #[schema(example = "dck_01930000000070008000000000000000_…")]
    key: String,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = api_keys)]
struct Row {
    id: Uuid,
    name: String,
    scopes: Vec<Option<String>>,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
}

impl From<Row> for ApiKeyView {
    fn from(row: Row) -> Self {
        let scopes = row.scopes.into_iter().flatten();
        Self {
            id: row.id,
            name: row.name,
            scopes: scopes.filter_map(|scope| Scope::parse(&scope)).collect(),
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
        }
    }
}

/// The practice's keys that count, the newest first.
#[utoipa::path(get, path = "/api-keys", tag = "workspace",
    responses((status = 200, body = Page<ApiKeyView>)))]
pub async fn list(
    app: web::Data<App>,
    member: Member,
) -> Result<web::Json<Page<ApiKeyView>>, Problem> {
    member.require(Permission::CanManagePractice)?;
    let rows: Vec<Row> =
        tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
            api_keys::table
                .filter(api_keys::tenant_id.eq(member.tenant()))
                .filter(api_keys::revoked_at.is_null())
                .order(api_keys::id.desc())
                .limit(KEYS_MAX)
                .select(Row::as_select())
                .load(connection)
                .await
        })
        .await?;
    let views = rows.into_iter().map(ApiKeyView::from);
    Ok(web::Json(Page::whole(views.collect())))
}

/// Make a key. Its secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/api-keys", tag = "workspace", request_body = NewApiKey,
    responses((status = 201, body = CreatedApiKey)))]
pub async fn create(
    app: web::Data<App>,
    member: Member,
    Input(given): Input<NewApiKey>,
) -> Result<HttpResponse, Problem> {
    member.require_change(Permission::CanManagePractice)?;
    if given.expires_at.is_some_and(|end| end <= Utc::now()) {
        return Err(Problem::invalid("expiresAt", "has passed"));
    }
    let mut scopes: Vec<&str> = given.scopes.iter().map(|scope| scope.name()).collect();
    scopes.sort_unstable();
    scopes.dedup();
    let new = keys::generate()?;
    let view = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        let known: i64 = api_keys::table
            .filter(api_keys::tenant_id.eq(member.tenant()))
            .filter(api_keys::revoked_at.is_null())
            .count()
            .get_result(connection)
            .await?;
        if known >= KEYS_MAX {
            let detail = format!("a practice has at most {KEYS_MAX}: revoke one");
            return Err(Problem::invalid("name", detail));
        }
        let row: Row = diesel::insert_into(api_keys::table)
            .values((
                api_keys::id.eq(new.id),
                api_keys::tenant_id.eq(member.tenant()),
                api_keys::name.eq(given.name.trim()),
                api_keys::secret_hash.eq(&new.secret_hash),
                api_keys::scopes.eq(scopes),
                api_keys::created_by.eq(member.user()),
                api_keys::expires_at.eq(given.expires_at),
            ))
            .returning(Row::as_returning())
            .get_result(connection)
            .await?;
        let view = ApiKeyView::from(row);
        let entry = Entry::new("api_key.created").on(view.id).after(&view);
        audit::record(connection, &member, entry).await?;
        Ok(view)
    })
    .await?;
    Ok(HttpResponse::Created().json(CreatedApiKey {
        view,
        key: new.token,
    }))
}

/// Revoke a key. It counts no more, at once on this server and within a moment on others.
#[utoipa::path(delete, path = "/api-keys/{id}", tag = "workspace", params(("id" = Uuid, Path)),
    responses((status = 204, description = "It is revoked")))]
pub async fn revoke(
    app: web::Data<App>,
    member: Member,
    id: web::Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    // Also in a suspended practice: what may leak must be closed.
    member.require(Permission::CanManagePractice)?;
    tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        let revoked = diesel::update(api_keys::table.find(*id))
            .filter(api_keys::tenant_id.eq(member.tenant()))
            .filter(api_keys::revoked_at.is_null())
            .set(api_keys::revoked_at.eq(diesel::dsl::now))
            .execute(connection)
            .await?;
        if revoked == 0 {
            return Err(Problem::not_found());
        }
        audit::record(connection, &member, Entry::new("api_key.revoked").on(*id)).await
    })
    .await?;
    app.key_changed(*id);
    Ok(HttpResponse::NoContent().finish())
}
