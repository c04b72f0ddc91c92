//! The places where a practice works.

use actix_web::web;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use schema::ids::ClinicId;
use schema::models::catalogue::Clinic as Row;
use schema::schema::{assignments, clinics, operatories};
use schema::tenancy;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::Params;
use crate::rest::page::{Page, PageQuery, behind};

/// A place with operatories.
#[derive(Debug, Serialize, ToSchema)]
pub struct Clinic {
    id: Uuid,
    name: String,
    /// IANA name: its opening hours and closures are in this zone.
    zone: String,
    city: String,
    address: String,
}

impl From<Row> for Clinic {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.0,
            name: row.name,
            zone: row.zone,
            city: row.city,
            address: row.address,
        }
    }
}

/// The clinics where the practice has operatories.
#[utoipa::path(get, path = "/clinics", tag = "catalogue", params(PageQuery),
    responses((status = 200, body = Page<Clinic>)))]
pub async fn list(
    app: web::Data<App>,
    member: Member,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<Clinic>>, Problem> {
    let (limit, after) = (page.limit()?, page.after::<(String, ClinicId)>()?);
    let rows: Vec<Row> =
        tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
            let ours = operatories::table
                .inner_join(assignments::table)
                .filter(assignments::tenant_id.eq(member.tenant()))
                .select(operatories::clinic_id);
            let mut query = clinics::table
                .filter(clinics::id.eq_any(ours))
                .order((clinics::name, clinics::id))
                .limit(limit + 1)
                .select(Row::as_select())
                .into_boxed();
            if let Some(last) = after {
                query = query.filter(behind!((clinics::name, clinics::id), last));
            }
            Ok::<_, Problem>(query.load(connection).await?)
        })
        .await?;
    Ok(web::Json(Page::of(
        rows,
        limit,
        |row| (row.name.clone(), row.id),
        Clinic::from,
    )))
}
