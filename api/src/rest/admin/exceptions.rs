//! Closures, holidays and extra hours of clinics and operatories: for everybody who works there.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::NaiveDate;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use schema::ids::ExceptionId;
use schema::models::catalogue::ScheduleException as Row;
use schema::schema::schedule_exceptions;
use schema::tenancy::{self, Access};

use super::places::Place;
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::principal::Principal;
use crate::problem::Problem;
use crate::rest::exceptions::given::{ExceptionChange, NewException, Scope};
use crate::rest::exceptions::{Dates, Exception, store};
use crate::rest::input::{Input, Params};
use crate::rest::language::Language;
use crate::rest::page::{Page, PageQuery, behind};
use crate::rest::rules::Changed;

/// Clinics' and operatories' closures and extra hours, by date.
#[utoipa::path(get, path = "/admin/exceptions", tag = "admin", operation_id = "admin_exceptions",
    params(Dates, PageQuery), responses((status = 200, body = Page<Exception>)))]
pub async fn list(
    app: web::Data<App>,
    principal: Principal,
    request: HttpRequest,
    dates: Params<Dates>,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<Exception>>, Problem> {
    let (limit, after) = (page.limit()?, page.after::<(NaiveDate, ExceptionId)>()?);
    let (from, to) = dates.bounds()?;
    let rows: Vec<Row> =
        tenancy::transaction(&app.app_pool, &principal.access(), async |connection| {
            use schedule_exceptions::dsl;
            let mut query = dsl::schedule_exceptions
                .filter(dsl::tenant_id.is_null())
                .order((dsl::from_date, dsl::id))
                .limit(limit + 1)
                .select(Row::as_select())
                .into_boxed();
            if let Some(from) = from {
                query = query.filter(dsl::to_date.ge(from));
            }
            if let Some(to) = to {
                query = query.filter(dsl::from_date.le(to));
            }
            if let Some(last) = after {
                query = query.filter(behind!((dsl::from_date, dsl::id), last));
            }
            Ok::<_, Problem>(query.load(connection).await?)
        })
        .await?;
    let language = Language::of(&request, "es");
    let key = |row: &Row| (row.from_date, row.id);
    Ok(web::Json(Page::of(rows, limit, key, |row| {
        Exception::of(row, language)
    })))
}

/// Close a clinic or an operatory, or open it for extra hours, on single dates. The answer lists
/// the visits to come, of all practices, that lie outside hours now.
#[utoipa::path(post, path = "/admin/exceptions", tag = "admin",
    operation_id = "admin_add_exception", request_body = NewException,
    responses((status = 201, body = Changed<Exception>)))]
pub async fn create(
    app: web::Data<App>,
    principal: Principal,
    request: HttpRequest,
    Input(given): Input<NewException>,
) -> Result<HttpResponse, Problem> {
    let scope = match (given.clinic_id, given.operatory_id, given.dentist_id) {
        (Some(clinic), None, None) => Scope::Clinic(clinic),
        (None, Some(operatory), None) => Scope::Operatory(operatory),
        _ => {
            let message = "either clinicId or operatoryId: whose hours differ";
            return Err(Problem::invalid("clinicId", message));
        }
    };
    let row = given.into_row(scope)?;
    let access = principal.access();
    let language = Language::of(&request, "es");
    let place = place_of(&row)?;
    let created = place
        .change(&app, &access, async |connection| {
            store::insert(connection, &row).await?;
            let created = Exception::of(row, language);
            let entry = Entry::new("exception.created")
                .on(created.id)
                .after(&created);
            audit::record(connection, &principal, entry).await?;
            Ok(created)
        })
        .await?;
    let location = format!("/admin/exceptions/{}", created.row.id);
    Ok(HttpResponse::Created()
        .insert_header(("Location", location))
        .json(created))
}

/// Change a clinic's or operatory's closure or extra hours.
#[utoipa::path(patch, path = "/admin/exceptions/{id}", tag = "admin",
    operation_id = "admin_change_exception", params(("id" = Uuid, Path)),
    request_body = ExceptionChange, responses((status = 200, body = Changed<Exception>)))]
pub async fn update(
    app: web::Data<App>,
    principal: Principal,
    request: HttpRequest,
    id: web::Path<ExceptionId>,
    Input(given): Input<ExceptionChange>,
) -> Result<web::Json<Changed<Exception>>, Problem> {
    let access = principal.access();
    let language = Language::of(&request, "es");
    let place = place_of_exception(&app, &access, *id).await?;
    let changed = place
        .change(&app, &access, async |connection| {
            let was = find(connection, *id).await?;
            let row = given.apply(was.clone())?;
            store::replace(connection, &row).await?;
            let is = Exception::of(row, language);
            let entry = Entry::new("exception.changed").on(id.0);
            let entry = entry.before(Exception::of(was, language)).after(&is);
            audit::record(connection, &principal, entry).await?;
            Ok(is)
        })
        .await?;
    Ok(web::Json(changed))
}

/// Take a clinic's or operatory's closure or extra hours back.
#[utoipa::path(delete, path = "/admin/exceptions/{id}", tag = "admin",
    operation_id = "admin_delete_exception", params(("id" = Uuid, Path)),
    responses((status = 200, body = Changed<Exception>)))]
pub async fn delete(
    app: web::Data<App>,
    principal: Principal,
    request: HttpRequest,
    id: web::Path<ExceptionId>,
) -> Result<web::Json<Changed<Exception>>, Problem> {
    let access = principal.access();
    let language = Language::of(&request, "es");
    let place = place_of_exception(&app, &access, *id).await?;
    let taken_back = place
        .change(&app, &access, async |connection| {
            let was = find(connection, *id).await?;
            store::delete(connection, *id).await?;
            let was = Exception::of(was, language);
            let entry = Entry::new("exception.deleted").on(id.0).before(&was);
            audit::record(connection, &principal, entry).await?;
            Ok(was)
        })
        .await?;
    Ok(web::Json(taken_back))
}

/// The place whose dates these are.
fn place_of(row: &Row) -> Result<Place, Problem> {
    match (row.clinic_id, row.operatory_id) {
        (Some(clinic), _) => Ok(Place::Clinic(clinic)),
        (None, Some(operatory)) => Ok(Place::Operatory(operatory)),
        (None, None) => Err(Problem::not_found()),
    }
}

async fn place_of_exception(app: &App, access: &Access, id: ExceptionId) -> Result<Place, Problem> {
    let row = tenancy::transaction(&app.app_pool, access, async |connection| {
        find(connection, id).await
    });
    place_of(&row.await?)
}

async fn find(connection: &mut AsyncPgConnection, id: ExceptionId) -> Result<Row, Problem> {
    let found = schedule_exceptions::table
        .find(id)
        .filter(schedule_exceptions::tenant_id.is_null())
        .select(Row::as_select())
        .first(connection)
        .await?;
    Ok(found)
}
