//! A practice's equipment: what a visit can need and only one visit can have at a time.

use actix_web::{HttpResponse, web};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use garde::Validate;
use schema::calendars::{self, Kind};
use schema::ids::{CalendarId, ClinicId, TenantId};
use schema::models::catalogue::Equipment as Row;
use schema::schema::{assignments, equipment, operatories};
use schema::tenancy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::checks::{self, tidy};
use crate::rest::input::{Input, Params, nullable};
use crate::rest::page::{Page, PageQuery, behind};
use crate::rest::providers::Former;
use crate::rest::rules::{self, Changed, Rules};

/// A thing that visits need.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Equipment {
    id: Uuid,
    name: String,
    /// Where it stands; `null`: it is carried to wherever it is needed.
    clinic_id: Option<Uuid>,
    calendar_id: Uuid,
    /// Nothing is booked with equipment that is not.
    active: bool,
}

impl From<Row> for Equipment {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            clinic_id: row.clinic_id.map(|id| id.0),
            calendar_id: row.calendar_id.0,
            active: row.active,
        }
    }
}

/// Equipment to be added.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewEquipment {
    #[garde(custom(checks::name))]
    name: String,
    /// A clinic that the practice works in.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<Uuid>)]
    clinic_id: Option<ClinicId>,
}

/// What changes of equipment; fields that are left out stay.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EquipmentChange {
    #[serde(default)]
    #[garde(inner(custom(checks::name)))]
    name: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[garde(skip)]
    #[schema(value_type = Option<Uuid>)]
    clinic_id: Option<Option<ClinicId>>,
    #[serde(default)]
    #[garde(skip)]
    active: Option<bool>,
}

#[derive(AsChangeset, Default)]
#[diesel(table_name = equipment)]
struct Changes {
    name: Option<String>,
    clinic_id: Option<Option<ClinicId>>,
    active: Option<bool>,
}

/// The practice's equipment, by name.
#[utoipa::path(get, path = "/equipment", tag = "catalogue", operation_id = "equipment",
    params(Former, PageQuery), responses((status = 200, body = Page<Equipment>)))]
pub async fn list(
    app: web::Data<App>,
    member: Member,
    former: Params<Former>,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<Equipment>>, Problem> {
    let (limit, after) = (page.limit()?, page.after::<(String, Uuid)>()?);
    let rows: Vec<Row> =
        tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
            let mut query = equipment::table
                .filter(equipment::tenant_id.eq(member.tenant()))
                .order((equipment::name, equipment::id))
                .limit(limit + 1)
                .select(Row::as_select())
                .into_boxed();
            if !former.include_inactive {
                query = query.filter(equipment::active);
            }
            if let Some(last) = after {
                query = query.filter(behind!((equipment::name, equipment::id), last));
            }
            Ok::<_, Problem>(query.load(connection).await?)
        })
        .await?;
    let key = |row: &Row| (row.name.clone(), row.id);
    Ok(web::Json(Page::of(rows, limit, key, Equipment::from)))
}

/// One piece of equipment.
#[utoipa::path(get, path = "/equipment/{id}", tag = "catalogue", operation_id = "equipment_piece",
    params(("id" = Uuid, Path)), responses((status = 200, body = Equipment)))]
pub async fn get(
    app: web::Data<App>,
    member: Member,
    id: web::Path<Uuid>,
) -> Result<web::Json<Equipment>, Problem> {
    let found = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        find(connection, member.tenant(), *id).await
    })
    .await?;
    Ok(web::Json(found.into()))
}

/// Add equipment, with its calendar. Treatments name what they need.
#[utoipa::path(post, path = "/equipment", tag = "catalogue", operation_id = "add_equipment",
    request_body = NewEquipment, responses((status = 201, body = Equipment)))]
pub async fn create(
    app: web::Data<App>,
    member: Member,
    Input(given): Input<NewEquipment>,
) -> Result<HttpResponse, Problem> {
    let tenant = member.tenant();
    let row = Row {
        id: Uuid::now_v7(),
        tenant_id: tenant,
        clinic_id: given.clinic_id,
        name: tidy(&given.name),
        calendar_id: CalendarId::new(),
        active: true,
    };
    let rules = Rules::Tenant(tenant);
    let created = rules::change(&app, &member.access(), rules, async |connection| {
        works_in(connection, tenant, row.clinic_id).await?;
        calendars::create(connection, row.calendar_id, Kind::Equipment, Some(tenant)).await?;
        diesel::insert_into(equipment::table)
            .values(&row)
            .execute(connection)
            .await?;
        let created = Equipment::from(row);
        let entry = Entry::new("equipment.created")
            .on(created.id)
            .after(&created);
        audit::record(connection, &member, entry).await?;
        Ok(created)
    })
    .await?;
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("/equipment/{}", created.id)))
        .json(created))
}

/// Change equipment's name or place, or take it into use again.
#[utoipa::path(patch, path = "/equipment/{id}", tag = "catalogue",
    operation_id = "change_equipment", params(("id" = Uuid, Path)),
    request_body = EquipmentChange, responses((status = 200, body = Changed<Equipment>)))]
pub async fn update(
    app: web::Data<App>,
    member: Member,
    id: web::Path<Uuid>,
    Input(given): Input<EquipmentChange>,
) -> Result<web::Json<Changed<Equipment>>, Problem> {
    let changes = Changes {
        name: given.name.as_deref().map(tidy),
        clinic_id: given.clinic_id,
        active: given.active,
    };
    change(&app, &member, *id, changes, "equipment.changed").await
}

/// Take equipment out of use: nothing more is booked with it. The visits to come stay, and the
/// answer lists them.
#[utoipa::path(delete, path = "/equipment/{id}", tag = "catalogue",
    operation_id = "retire_equipment", params(("id" = Uuid, Path)),
    responses((status = 200, body = Changed<Equipment>)))]
pub async fn delete(
    app: web::Data<App>,
    member: Member,
    id: web::Path<Uuid>,
) -> Result<web::Json<Changed<Equipment>>, Problem> {
    let out_of_use = Changes {
        active: Some(false),
        ..Changes::default()
    };
    change(&app, &member, *id, out_of_use, "equipment.retired").await
}

async fn change(
    app: &App,
    member: &Member,
    id: Uuid,
    changes: Changes,
    action: &'static str,
) -> Result<web::Json<Changed<Equipment>>, Problem> {
    let tenant = member.tenant();
    let changed = rules::change_own(app, member, async |connection| {
        let was = Equipment::from(find(connection, tenant, id).await?);
        works_in(connection, tenant, changes.clinic_id.flatten()).await?;
        diesel::update(equipment::table.find(id))
            .set((equipment::id.eq(id), changes))
            .execute(connection)
            .await?;
        let is = Equipment::from(find(connection, tenant, id).await?);
        let entry = Entry::new(action).on(id).before(was).after(&is);
        audit::record(connection, member, entry).await?;
        Ok(is)
    })
    .await?;
    Ok(web::Json(changed))
}

pub(super) async fn find(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    id: Uuid,
) -> Result<Row, Problem> {
    let found = equipment::table
        .find(id)
        .filter(equipment::tenant_id.eq(tenant))
        .select(Row::as_select())
        .first(connection)
        .await?;
    Ok(found)
}

/// A clinic that is named must be one that the practice works in.
async fn works_in(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    clinic: Option<ClinicId>,
) -> Result<(), Problem> {
    let Some(clinic) = clinic else { return Ok(()) };
    operatories::table
        .inner_join(assignments::table)
        .filter(assignments::tenant_id.eq(tenant))
        .filter(operatories::clinic_id.eq(clinic))
        .select(operatories::clinic_id)
        .first::<ClinicId>(connection)
        .await?;
    Ok(())
}
