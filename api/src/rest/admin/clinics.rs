//! Clinics: places that belong to no practice. Giving one up or moving it to another zone changes
//! the hours of everybody who works there.

use actix_web::{HttpResponse, web};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use garde::Validate;
use schema::ids::ClinicId;
use schema::schema::clinics;
use schema::tenancy;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::places::Place;
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::principal::Principal;
use crate::problem::Problem;
use crate::rest::checks::{self, tidy};
use crate::rest::input::{Input, Params, nullable};
use crate::rest::page::{Page, PageQuery, behind};
use crate::rest::rules::Changed;

/// A place with operatories, as super admins see it.
#[derive(Debug, Serialize, Queryable, Selectable, ToSchema)]
#[diesel(table_name = clinics)]
#[serde(rename_all = "camelCase")]
#[schema(as = AdminClinic)]
pub struct Clinic {
    id: Uuid,
    name: String,
    /// IANA name: its opening hours and closures are in this zone.
    zone: String,
    city: String,
    address: String,
    phone: Option<String>,
    /// Nothing is booked in a clinic that is not.
    active: bool,
}

/// A clinic to be added.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewClinic {
    #[garde(custom(checks::name))]
    name: String,
    /// IANA name.
    #[garde(custom(checks::zone))]
    #[schema(example = "America/Guayaquil")]
    zone: String,
    #[serde(default)]
    #[garde(custom(checks::text))]
    city: String,
    #[serde(default)]
    #[garde(custom(checks::text))]
    address: String,
    #[serde(default)]
    #[garde(inner(custom(checks::text)))]
    phone: Option<String>,
}

/// What changes of a clinic; fields that are left out stay.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClinicChange {
    #[serde(default)]
    #[garde(inner(custom(checks::name)))]
    name: Option<String>,
    /// The hours stay what they are on the wall: visits that are booked keep their moment and may
    /// lie outside them then.
    #[serde(default)]
    #[garde(inner(custom(checks::zone)))]
    zone: Option<String>,
    #[serde(default)]
    #[garde(inner(custom(checks::text)))]
    city: Option<String>,
    #[serde(default)]
    #[garde(inner(custom(checks::text)))]
    address: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[garde(inner(inner(custom(checks::text))))]
    #[schema(value_type = Option<String>)]
    phone: Option<Option<String>>,
    /// `true` takes a clinic that was given up into use again.
    #[serde(default)]
    #[garde(skip)]
    active: Option<bool>,
}

#[derive(AsChangeset, Default)]
#[diesel(table_name = clinics)]
struct Changes {
    name: Option<String>,
    zone: Option<String>,
    city: Option<String>,
    address: Option<String>,
    phone: Option<Option<String>>,
    active: Option<bool>,
}

impl ClinicChange {
    fn changes(self) -> Changes {
        Changes {
            name: self.name.as_deref().map(tidy),
            zone: self.zone,
            city: self.city.as_deref().map(tidy),
            address: self.address.as_deref().map(tidy),
            phone: self.phone.map(|phone| phone.as_deref().map(tidy)),
            active: self.active,
        }
    }
}

/// Which rows of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InUse {
    /// `false` for those that were given up, `true` for the others; both without.
    pub active: Option<bool>,
}

/// All clinics, by name.
#[utoipa::path(get, path = "/admin/clinics", tag = "admin", operation_id = "admin_clinics",
    params(InUse, PageQuery), responses((status = 200, body = Page<Clinic>)))]
pub async fn list(
    app: web::Data<App>,
    principal: Principal,
    wanted: Params<InUse>,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<Clinic>>, Problem> {
    let (limit, after) = (page.limit()?, page.after::<(String, ClinicId)>()?);
    let rows: Vec<Clinic> =
        tenancy::transaction(&app.app_pool, &principal.access(), async |connection| {
            let mut query = clinics::table
                .order((clinics::name, clinics::id))
                .limit(limit + 1)
                .select(Clinic::as_select())
                .into_boxed();
            if let Some(active) = wanted.active {
                query = query.filter(clinics::active.eq(active));
            }
            if let Some(last) = after {
                query = query.filter(behind!((clinics::name, clinics::id), last));
            }
            Ok::<_, Problem>(query.load(connection).await?)
        })
        .await?;
    let key = |row: &Clinic| (row.name.clone(), row.id);
    Ok(web::Json(Page::of(
        rows,
        limit,
        key,
        std::convert::identity,
    )))
}

/// One clinic.
#[utoipa::path(get, path = "/admin/clinics/{id}", tag = "admin", operation_id = "admin_clinic",
    params(("id" = Uuid, Path)), responses((status = 200, body = Clinic)))]
pub async fn get(
    app: web::Data<App>,
    principal: Principal,
    id: web::Path<ClinicId>,
) -> Result<web::Json<Clinic>, Problem> {
    let access = principal.access();
    let found = tenancy::transaction(&app.app_pool, &access, async |connection| {
        find(connection, *id).await
    });
    Ok(web::Json(found.await?))
}

/// Add a clinic.
#[utoipa::path(post, path = "/admin/clinics", tag = "admin", operation_id = "admin_add_clinic",
    request_body = NewClinic, responses((status = 201, body = Clinic)))]
pub async fn create(
    app: web::Data<App>,
    principal: Principal,
    Input(given): Input<NewClinic>,
) -> Result<HttpResponse, Problem> {
    let id = ClinicId::new();
    let access = principal.access();
    // Nobody works there yet: no rules change.
    let created = tenancy::transaction(&app.app_pool, &access, async |connection| {
        diesel::insert_into(clinics::table)
            .values((
                clinics::id.eq(id),
                clinics::name.eq(tidy(&given.name)),
                clinics::zone.eq(&given.zone),
                clinics::city.eq(tidy(&given.city)),
                clinics::address.eq(tidy(&given.address)),
                clinics::phone.eq(given.phone.as_deref().map(tidy)),
            ))
            .execute(connection)
            .await?;
        let created = find(connection, id).await?;
        let entry = Entry::new("clinic.created").on(id.0).after(&created);
        audit::record(connection, &principal, entry).await?;
        Ok::<_, Problem>(created)
    })
    .await?;
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("/admin/clinics/{id}")))
        .json(created))
}

/// Change a clinic. The answer lists the visits that another zone leaves outside hours.
#[utoipa::path(patch, path = "/admin/clinics/{id}", tag = "admin",
    operation_id = "admin_change_clinic", params(("id" = Uuid, Path)),
    request_body = ClinicChange, responses((status = 200, body = Changed<Clinic>)))]
pub async fn update(
    app: web::Data<App>,
    principal: Principal,
    id: web::Path<ClinicId>,
    Input(given): Input<ClinicChange>,
) -> Result<web::Json<Changed<Clinic>>, Problem> {
    change(&app, &principal, *id, given.changes(), "clinic.changed").await
}

/// Give a clinic up: nothing more is booked there. Its past stays, and so do the visits to come,
/// which the answer lists.
#[utoipa::path(delete, path = "/admin/clinics/{id}", tag = "admin",
    operation_id = "admin_close_clinic", params(("id" = Uuid, Path)),
    responses((status = 200, body = Changed<Clinic>)))]
pub async fn delete(
    app: web::Data<App>,
    principal: Principal,
    id: web::Path<ClinicId>,
) -> Result<web::Json<Changed<Clinic>>, Problem> {
    let given_up = Changes {
        active: Some(false),
        ..Changes::default()
    };
    change(&app, &principal, *id, given_up, "clinic.closed").await
}

async fn change(
    app: &App,
    principal: &Principal,
    id: ClinicId,
    changes: Changes,
    action: &'static str,
) -> Result<web::Json<Changed<Clinic>>, Problem> {
    let place = Place::Clinic(id);
    let changed = place
        .change(app, &principal.access(), async |connection| {
            let was = find(connection, id).await?;
            // A change of nothing is none for diesel, and no error for whoever asks.
            diesel::update(clinics::table.find(id))
                .set((clinics::id.eq(id), changes))
                .execute(connection)
                .await?;
            let is = find(connection, id).await?;
            let entry = Entry::new(action).on(id.0).before(was).after(&is);
            audit::record(connection, principal, entry).await?;
            Ok(is)
        })
        .await?;
    Ok(web::Json(changed))
}

async fn find(connection: &mut AsyncPgConnection, id: ClinicId) -> Result<Clinic, Problem> {
    let found = clinics::table
        .find(id)
        .select(Clinic::as_select())
        .first(connection)
        .await?;
    Ok(found)
}
