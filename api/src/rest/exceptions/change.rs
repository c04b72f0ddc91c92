//! Changing a practice's own exceptions: its closures, and its providers'.

use actix_web::{HttpRequest, HttpResponse, web};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use schema::ids::{ExceptionId, ProviderId, TenantId};
use schema::models::catalogue::ScheduleException as Row;
use schema::schema::{providers, schedule_exceptions};

use super::given::{ExceptionChange, NewException, Scope};
use super::{Exception, store};
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::Input;
use crate::rest::language::Language;
use crate::rest::rules::{self, Changed};

/// Close, or open for extra hours, on single dates: the practice, or one of its providers. The
/// answer lists the visits to come that lie outside hours now.
#[utoipa::path(post, path = "/exceptions", tag = "catalogue", request_body = NewException,
    responses((status = 201, body = Changed<Exception>)))]
pub async fn create(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    Input(given): Input<NewException>,
) -> Result<HttpResponse, Problem> {
    if given.clinic_id.is_some() || given.operatory_id.is_some() {
        return Err(Problem::forbidden(
            "Clinics and operatories are closed by super admins, at /admin/exceptions.",
        ));
    }
    let tenant = member.tenant();
    let provider = given.dentist_id;
    let scope = provider.map_or(Scope::Tenant(tenant), |id| Scope::Provider(tenant, id));
    let row = given.into_row(scope)?;
    let language = Language::of(&request, &member.workspace.locale);
    let created = rules::change_own(&app, &member, async |connection| {
        if let Some(provider) = provider {
            ours(connection, tenant, provider).await?;
        }
        store::insert(connection, &row).await?;
        let created = Exception::of(row, language);
        let entry = Entry::new("exception.created")
            .on(created.id)
            .after(&created);
        audit::record(connection, &member, entry).await?;
        Ok(created)
    })
    .await?;
    let location = format!("/exceptions/{}", created.row.id);
    Ok(HttpResponse::Created()
        .insert_header(("Location", location))
        .json(created))
}

/// Change a closure or extra hours of the practice's own.
#[utoipa::path(patch, path = "/exceptions/{id}", tag = "catalogue", params(("id" = Uuid, Path)),
    request_body = ExceptionChange, responses((status = 200, body = Changed<Exception>)))]
pub async fn update(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    id: web::Path<ExceptionId>,
    Input(given): Input<ExceptionChange>,
) -> Result<web::Json<Changed<Exception>>, Problem> {
    let tenant = member.tenant();
    let language = Language::of(&request, &member.workspace.locale);
    let changed = rules::change_own(&app, &member, async |connection| {
        let was = find_own(connection, tenant, *id).await?;
        let row = given.apply(was.clone())?;
        store::replace(connection, &row).await?;
        let is = Exception::of(row, language);
        let entry = Entry::new("exception.changed").on(id.0);
        let entry = entry.before(Exception::of(was, language)).after(&is);
        audit::record(connection, &member, entry).await?;
        Ok(is)
    })
    .await?;
    Ok(web::Json(changed))
}

/// Take a closure or extra hours back.
#[utoipa::path(delete, path = "/exceptions/{id}", tag = "catalogue", params(("id" = Uuid, Path)),
    responses((status = 200, body = Changed<Exception>)))]
pub async fn delete(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    id: web::Path<ExceptionId>,
) -> Result<web::Json<Changed<Exception>>, Problem> {
    let tenant = member.tenant();
    let language = Language::of(&request, &member.workspace.locale);
    let taken_back = rules::change_own(&app, &member, async |connection| {
        let was = find_own(connection, tenant, *id).await?;
        store::delete(connection, *id).await?;
        let was = Exception::of(was, language);
        let entry = Entry::new("exception.deleted").on(id.0).before(&was);
        audit::record(connection, &member, entry).await?;
        Ok(was)
    })
    .await?;
    Ok(web::Json(taken_back))
}

async fn find_own(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    id: ExceptionId,
) -> Result<Row, Problem> {
    let found = schedule_exceptions::table
        .find(id)
        .filter(schedule_exceptions::tenant_id.eq(tenant))
        .select(Row::as_select())
        .first(connection)
        .await?;
    Ok(found)
}

async fn ours(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    provider: ProviderId,
) -> Result<(), Problem> {
    providers::table
        .find(provider)
        .filter(providers::tenant_id.eq(tenant))
        .select(providers::id)
        .first::<ProviderId>(connection)
        .await?;
    Ok(())
}
