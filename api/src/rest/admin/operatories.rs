//! Operatories: the chairs of a clinic, each with a calendar that all who use it share.

use actix_web::{HttpResponse, web};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use garde::Validate;
use schema::calendars::{self, Kind};
use schema::ids::{CalendarId, ClinicId, OperatoryId};
use schema::schema::{clinics, operatories};
use schema::tenancy;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::clinics::InUse;
use super::places::Place;
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::principal::Principal;
use crate::problem::Problem;
use crate::rest::checks::{self, tidy, unless_taken};
use crate::rest::input::{Input, Params};
use crate::rest::page::{Page, PageQuery, behind};
use crate::rest::rules::Changed;

/// A chair with its room, as super admins see it.
#[derive(Debug, Serialize, Queryable, Selectable, ToSchema)]
#[diesel(table_name = operatories)]
#[serde(rename_all = "camelCase")]
#[schema(as = AdminOperatory)]
pub struct Operatory {
    id: Uuid,
    name: String,
    clinic_id: Uuid,
    /// Its timeline, shared by all who may use it.
    calendar_id: Uuid,
    /// Nothing is booked in an operatory that is not.
    active: bool,
}

/// An operatory to be added.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewOperatory {
    #[garde(skip)]
    #[schema(value_type = Uuid)]
    clinic_id: ClinicId,
    /// Unlike the clinic's others.
    #[garde(custom(checks::name))]
    name: String,
}

/// What changes of an operatory; fields that are left out stay.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperatoryChange {
    #[serde(default)]
    #[garde(inner(custom(checks::name)))]
    name: Option<String>,
    /// `true` takes an operatory that was given up into use again.
    #[serde(default)]
    #[garde(skip)]
    active: Option<bool>,
}

#[derive(AsChangeset, Default)]
#[diesel(table_name = operatories)]
struct Changes {
    name: Option<String>,
    active: Option<bool>,
}

/// Whose.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct OfClinic {
    #[param(value_type = Option<Uuid>)]
    clinic_id: Option<ClinicId>,
}

/// All operatories, by name.
#[utoipa::path(get, path = "/admin/operatories", tag = "admin",
    operation_id = "admin_operatories", params(OfClinic, InUse, PageQuery),
    responses((status = 200, body = Page<Operatory>)))]
pub async fn list(
    app: web::Data<App>,
    principal: Principal,
    clinic: Params<OfClinic>,
    wanted: Params<InUse>,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<Operatory>>, Problem> {
    let (limit, after) = (page.limit()?, page.after::<(String, OperatoryId)>()?);
    let rows: Vec<Operatory> =
        tenancy::transaction(&app.app_pool, &principal.access(), async |connection| {
            let mut query = operatories::table
                .order((operatories::name, operatories::id))
                .limit(limit + 1)
                .select(Operatory::as_select())
                .into_boxed();
            if let Some(clinic) = clinic.clinic_id {
                query = query.filter(operatories::clinic_id.eq(clinic));
            }
            if let Some(active) = wanted.active {
                query = query.filter(operatories::active.eq(active));
            }
            if let Some(last) = after {
                query = query.filter(behind!((operatories::name, operatories::id), last));
            }
            Ok::<_, Problem>(query.load(connection).await?)
        })
        .await?;
    let key = |row: &Operatory| (row.name.clone(), row.id);
    Ok(web::Json(Page::of(
        rows,
        limit,
        key,
        std::convert::identity,
    )))
}

/// One operatory.
#[utoipa::path(get, path = "/admin/operatories/{id}", tag = "admin",
    operation_id = "admin_operatory", params(("id" = Uuid, Path)),
    responses((status = 200, body = Operatory)))]
pub async fn get(
    app: web::Data<App>,
    principal: Principal,
    id: web::Path<OperatoryId>,
) -> Result<web::Json<Operatory>, Problem> {
    let access = principal.access();
    let found = tenancy::transaction(&app.app_pool, &access, async |connection| {
        find(connection, *id).await
    });
    Ok(web::Json(found.await?))
}

/// Add an operatory to a clinic, with its calendar.
#[utoipa::path(post, path = "/admin/operatories", tag = "admin",
    operation_id = "admin_add_operatory", request_body = NewOperatory,
    responses((status = 201, body = Operatory)))]
pub async fn create(
    app: web::Data<App>,
    principal: Principal,
    Input(given): Input<NewOperatory>,
) -> Result<HttpResponse, Problem> {
    let (id, calendar) = (OperatoryId::new(), CalendarId::new());
    let access = principal.access();
    // Nobody works there yet: no rules change.
    let created = tenancy::transaction(&app.app_pool, &access, async |connection| {
        clinics::table
            .find(given.clinic_id)
            .select(clinics::id)
            .first::<ClinicId>(connection)
            .await?;
        calendars::create(connection, calendar, Kind::Operatory, None).await?;
        diesel::insert_into(operatories::table)
            .values((
                operatories::id.eq(id),
                operatories::clinic_id.eq(given.clinic_id),
                operatories::name.eq(tidy(&given.name)),
                operatories::calendar_id.eq(calendar),
            ))
            .execute(connection)
            .await
            .map_err(unless_taken("name"))?;
        let created = find(connection, id).await?;
        let entry = Entry::new("operatory.created").on(id.0).after(&created);
        audit::record(connection, &principal, entry).await?;
        Ok::<_, Problem>(created)
    })
    .await?;
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("/admin/operatories/{id}")))
        .json(created))
}

/// Change an operatory.
#[utoipa::path(patch, path = "/admin/operatories/{id}", tag = "admin",
    operation_id = "admin_change_operatory", params(("id" = Uuid, Path)),
    request_body = OperatoryChange, responses((status = 200, body = Changed<Operatory>)))]
pub async fn update(
    app: web::Data<App>,
    principal: Principal,
    id: web::Path<OperatoryId>,
    Input(given): Input<OperatoryChange>,
) -> Result<web::Json<Changed<Operatory>>, Problem> {
    let changes = Changes {
        name: given.name.as_deref().map(tidy),
        active: given.active,
    };
    change(&app, &principal, *id, changes, "operatory.changed").await
}

/// Give an operatory up: nothing more is booked there. The visits to come stay, and the answer
/// lists them.
#[utoipa::path(delete, path = "/admin/operatories/{id}", tag = "admin",
    operation_id = "admin_close_operatory", params(("id" = Uuid, Path)),
    responses((status = 200, body = Changed<Operatory>)))]
pub async fn delete(
    app: web::Data<App>,
    principal: Principal,
    id: web::Path<OperatoryId>,
) -> Result<web::Json<Changed<Operatory>>, Problem> {
    let given_up = Changes {
        active: Some(false),
        ..Changes::default()
    };
    change(&app, &principal, *id, given_up, "operatory.closed").await
}

async fn change(
    app: &App,
    principal: &Principal,
    id: OperatoryId,
    changes: Changes,
    action: &'static str,
) -> Result<web::Json<Changed<Operatory>>, Problem> {
    let place = Place::Operatory(id);
    let changed = place
        .change(app, &principal.access(), async |connection| {
            let was = find(connection, id).await?;
            diesel::update(operatories::table.find(id))
                .set((operatories::id.eq(id), changes))
                .execute(connection)
                .await
                .map_err(unless_taken("name"))?;
            let is = find(connection, id).await?;
            let entry = Entry::new(action).on(id.0).before(was).after(&is);
            audit::record(connection, principal, entry).await?;
            Ok(is)
        })
        .await?;
    Ok(web::Json(changed))
}

async fn find(connection: &mut AsyncPgConnection, id: OperatoryId) -> Result<Operatory, Problem> {
    let found = operatories::table
        .find(id)
        .select(Operatory::as_select())
        .first(connection)
        .await?;
    Ok(found)
}
