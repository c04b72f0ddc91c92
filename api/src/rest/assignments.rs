//! Who works in which operatory, and when.

use actix_web::web;
use chrono::NaiveDate;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use schema::ids::AssignmentId;
use schema::models::catalogue::{Assignment as Row, AssignmentHours};
use schema::schema::{assignment_hours, assignments};
use schema::tenancy;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::Params;
use crate::rest::page::{Page, PageQuery};
use crate::rest::wall_clock::Hours;

/// A provider's right to use an operatory on a weekly schedule between two dates.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Assignment {
    id: Uuid,
    dentist_id: Uuid,
    operatory_id: Uuid,
    valid_from: NaiveDate,
    /// The last day; `null` is open.
    valid_to: Option<NaiveDate>,
    /// Whether others may be assigned at the same time.
    shared: bool,
    hours: Vec<Hours>,
}

/// The practice's assignments with their hours.
#[utoipa::path(get, path = "/assignments", tag = "catalogue", params(PageQuery),
    responses((status = 200, body = Page<Assignment>)))]
pub async fn list(
    app: web::Data<App>,
    member: Member,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<Assignment>>, Problem> {
    let (limit, after) = (page.limit()?, page.after::<AssignmentId>()?);
    let (rows, mut hours) =
        tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
            let mut query = assignments::table
                .filter(assignments::tenant_id.eq(member.tenant()))
                .order(assignments::id)
                .limit(limit + 1)
                .select(Row::as_select())
                .into_boxed();
            if let Some(id) = after {
                query = query.filter(assignments::id.gt(id));
            }
            let rows: Vec<Row> = query.load(connection).await?;
            let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
            let hours: Vec<AssignmentHours> = assignment_hours::table
                .filter(assignment_hours::tenant_id.eq(member.tenant()))
                .filter(assignment_hours::assignment_id.eq_any(ids))
                .order((assignment_hours::weekday, assignment_hours::from_minute))
                .select(AssignmentHours::as_select())
                .load(connection)
                .await?;
            Ok::<_, Problem>((rows, hours))
        })
        .await?;
    Ok(web::Json(Page::of(
        rows,
        limit,
        |row| row.id,
        |row| Assignment {
            id: row.id.0,
            dentist_id: row.provider_id.0,
            operatory_id: row.operatory_id.0,
            valid_from: row.valid_from,
            valid_to: row.valid_to,
            shared: row.shared,
            hours: hours
                .extract_if(.., |hours| hours.assignment_id == row.id)
                .map(|hours| Hours::of(hours.weekday, hours.from_minute, hours.to_minute))
                .collect(),
        },
    )))
}
