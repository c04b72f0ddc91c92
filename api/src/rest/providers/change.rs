//! Changing who treats patients in a practice.

use actix_web::{HttpResponse, web};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use garde::Validate;
use schema::calendars::{self, Kind};
use schema::ids::{CalendarId, ProviderId, TenantId, UserId};
use schema::models::catalogue::Provider as Row;
use schema::schema::{memberships, providers};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Provider, find};
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::checks::{self, tidy};
use crate::rest::input::{Input, nullable};
use crate::rest::rules::{self, Changed, Rules};

/// What somebody does in a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProviderRole)]
pub enum Role {
    Dentist,
    Hygienist,
    Assistant,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Dentist => "dentist",
            Self::Hygienist => "hygienist",
            Self::Assistant => "assistant",
        }
    }

    fn calendar_kind(self) -> Kind {
        match self {
            Self::Dentist => Kind::Dentist,
            Self::Hygienist | Self::Assistant => Kind::Staff,
        }
    }
}

/// Somebody to be added.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewProvider {
    #[garde(custom(checks::name))]
    name: String,
    /// Stays what it is: somebody who changes it is added anew.
    #[garde(skip)]
    role: Role,
    /// `#rrggbb`
    #[serde(default)]
    #[garde(inner(custom(checks::color)))]
    color: Option<String>,
    /// A member of the practice, where this one signs in.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<Uuid>)]
    user_id: Option<UserId>,
}

/// What changes of somebody; fields that are left out stay.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderChange {
    #[serde(default)]
    #[garde(inner(custom(checks::name)))]
    name: Option<String>,
    #[serde(default)]
    #[garde(inner(custom(checks::color)))]
    color: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[garde(skip)]
    #[schema(value_type = Option<Uuid>)]
    user_id: Option<Option<UserId>>,
    /// `true` brings back somebody who had left.
    #[serde(default)]
    #[garde(skip)]
    active: Option<bool>,
}

#[derive(AsChangeset, Default)]
#[diesel(table_name = providers)]
struct Changes {
    name: Option<String>,
    color: Option<String>,
    user_id: Option<Option<UserId>>,
    active: Option<bool>,
}

/// Add somebody, with their calendar. A dentist can be booked once a super admin has assigned an
/// operatory to them.
#[utoipa::path(post, path = "/providers", tag = "catalogue", request_body = NewProvider,
    responses((status = 201, body = Provider)))]
pub async fn create(
    app: web::Data<App>,
    member: Member,
    Input(given): Input<NewProvider>,
) -> Result<HttpResponse, Problem> {
    let tenant = member.tenant();
    let row = Row {
        id: ProviderId::new(),
        tenant_id: tenant,
        user_id: given.user_id,
        role: given.role.name().to_owned(),
        name: tidy(&given.name),
        color: given
            .color
            .map_or_else(|| DEFAULT_COLOR.to_owned(), |color| color.to_lowercase()),
        calendar_id: CalendarId::new(),
        active: true,
    };
    let kind = given.role.calendar_kind();
    let rules = Rules::Tenant(tenant);
    let created = rules::change(&app, &member.access(), rules, async |connection| {
        works_here(connection, tenant, row.user_id).await?;
        calendars::create(connection, row.calendar_id, kind, Some(tenant)).await?;
        diesel::insert_into(providers::table)
            .values(&row)
            .execute(connection)
            .await?;
        let created = Provider::from(row);
        let entry = Entry::new("provider.created")
            .on(created.id)
            .after(&created);
        audit::record(connection, &member, entry).await?;
        Ok(created)
    })
    .await?;
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("/providers/{}", created.id)))
        .json(created))
}

/// The interface's own.
const DEFAULT_COLOR: &str = "#0f766e";

/// Change somebody's name, colour or account, or bring them back.
#[utoipa::path(patch, path = "/providers/{id}", tag = "catalogue", params(("id" = Uuid, Path)),
    request_body = ProviderChange, responses((status = 200, body = Changed<Provider>)))]
pub async fn update(
    app: web::Data<App>,
    member: Member,
    id: web::Path<ProviderId>,
    Input(given): Input<ProviderChange>,
) -> Result<web::Json<Changed<Provider>>, Problem> {
    let changes = Changes {
        name: given.name.as_deref().map(tidy),
        color: given.color.map(|color| color.to_lowercase()),
        user_id: given.user_id,
        active: given.active,
    };
    change(&app, &member, *id, changes, "provider.changed").await
}

/// Somebody leaves: nothing more is booked with them. The visits to come stay, and the answer lists
/// them: move them to somebody else, or cancel them.
#[utoipa::path(delete, path = "/providers/{id}", tag = "catalogue", params(("id" = Uuid, Path)),
    responses((status = 200, body = Changed<Provider>)))]
pub async fn delete(
    app: web::Data<App>,
    member: Member,
    id: web::Path<ProviderId>,
) -> Result<web::Json<Changed<Provider>>, Problem> {
    let left = Changes {
        active: Some(false),
        ..Changes::default()
    };
    change(&app, &member, *id, left, "provider.left").await
}

async fn change(
    app: &App,
    member: &Member,
    id: ProviderId,
    changes: Changes,
    action: &'static str,
) -> Result<web::Json<Changed<Provider>>, Problem> {
    let tenant = member.tenant();
    let changed = rules::change_own(app, member, async |connection| {
        let was = Provider::from(find(connection, tenant, id).await?);
        works_here(connection, tenant, changes.user_id.flatten()).await?;
        diesel::update(providers::table.find(id))
            .set((providers::id.eq(id), changes))
            .execute(connection)
            .await?;
        let is = Provider::from(find(connection, tenant, id).await?);
        let entry = Entry::new(action).on(id.0).before(was).after(&is);
        audit::record(connection, member, entry).await?;
        Ok(is)
    })
    .await?;
    Ok(web::Json(changed))
}

/// An account that is named must be a member's.
async fn works_here(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    user: Option<UserId>,
) -> Result<(), Problem> {
    let Some(user) = user else { return Ok(()) };
    memberships::table
        .find((tenant, user))
        .filter(memberships::status.eq("active"))
        .select(memberships::user_id)
        .first::<UserId>(connection)
        .await?;
    Ok(())
}
