//! The hours of people and equipment, in the practice's zone. An operatory's hours are lent by super
//! admins (`admin/assignments.rs`); a dentist's own hours narrow what is lent to them.

use actix_web::web;
use chrono::NaiveDate;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use engine::scheduling::lending::{Lending, clash};
use garde::Validate;
use schema::ids::{CalendarId, ProviderId, TenantId};
use schema::models::catalogue::CalendarHours as Row;
use schema::schema::calendar_hours;
use schema::tenancy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::Input;
use crate::rest::rules::{self, Changed};
use crate::rest::wall_clock::{self, Hours, WINDOWS_MAX};
use crate::rest::{checks, equipment, providers};

/// Since always, for hours that name no first day.
const ALWAYS: NaiveDate = match NaiveDate::from_ymd_opt(2000, 1, 1) {
    Some(date) => date,
    None => NaiveDate::MIN,
};

/// When somebody works or something can be used, in the practice's zone.
#[derive(Debug, Serialize, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnHours {
    /// Empty: whenever a visit may be. For somebody who leads visits these narrow what is lent to
    /// them, and open nothing that is not.
    #[garde(length(max = WINDOWS_MAX), dive)]
    hours: Vec<DatedHours>,
}

/// A window on one day of the week, between two dates.
#[derive(Clone, Debug, Serialize, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatedHours {
    #[serde(flatten)]
    #[garde(dive)]
    hours: Hours,
    /// The first day; always without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(custom(checks::date)))]
    valid_from: Option<NaiveDate>,
    /// The last day; open without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(custom(checks::date)))]
    valid_to: Option<NaiveDate>,
}

impl From<Row> for DatedHours {
    fn from(row: Row) -> Self {
        Self {
            hours: Hours::of(row.weekday, row.from_minute, row.to_minute),
            valid_from: (row.valid_from != ALWAYS).then_some(row.valid_from),
            valid_to: row.valid_to,
        }
    }
}

impl OwnHours {
    fn of(rows: Vec<Row>) -> Self {
        Self {
            hours: rows.into_iter().map(DatedHours::from).collect(),
        }
    }

    /// As rows, none of which overlaps another.
    fn rows(&self, tenant: TenantId, calendar: CalendarId) -> Result<Vec<Row>, Problem> {
        let plain: Vec<Hours> = self.hours.iter().map(|dated| dated.hours.clone()).collect();
        let weekly = wall_clock::weekly(&plain)?;
        let mut rows: Vec<Row> = Vec::with_capacity(weekly.len());
        for (index, dated) in self.hours.iter().enumerate() {
            let field = format!("hours[{index}]");
            let (from_minute, to_minute) = dated.hours.minutes(&field)?;
            let row = Row {
                tenant_id: tenant,
                calendar_id: calendar,
                weekday: dated.hours.weekday,
                from_minute,
                to_minute,
                valid_from: dated.valid_from.unwrap_or(ALWAYS),
                valid_to: dated.valid_to,
            };
            if row.valid_to.is_some_and(|to| to < row.valid_from) {
                let field = format!("{field}.validTo");
                return Err(Problem::invalid(&field, "not before validFrom"));
            }
            rows.push(row);
        }
        let lending = |index: usize| {
            let (window, row) = (weekly.get(index..=index)?, rows.get(index)?);
            Some(Lending {
                weekly: window,
                from: row.valid_from,
                to: row.valid_to,
            })
        };
        for second in 0..rows.len() {
            let meets = |first: &usize| {
                let pair = lending(*first).zip(lending(second));
                pair.is_some_and(|(a, b)| clash(a, b).is_some())
            };
            if let Some(first) = (0..second).find(meets) {
                return Err(wall_clock::overlapping(first, second));
            }
        }
        Ok(rows)
    }
}

/// When one of the practice's people works.
#[utoipa::path(get, path = "/providers/{id}/hours", tag = "catalogue",
    operation_id = "provider_hours", params(("id" = Uuid, Path)),
    responses((status = 200, body = OwnHours)))]
pub async fn of_provider(
    app: web::Data<App>,
    member: Member,
    id: web::Path<ProviderId>,
) -> Result<web::Json<OwnHours>, Problem> {
    let tenant = member.tenant();
    let hours = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        let calendar = providers::find(connection, tenant, *id).await?.calendar_id;
        read(connection, tenant, calendar).await
    })
    .await?;
    Ok(web::Json(hours))
}

/// Set when one of the practice's people works; all earlier hours go. The answer lists the visits
/// to come that lie outside now.
#[utoipa::path(put, path = "/providers/{id}/hours", tag = "catalogue",
    operation_id = "set_provider_hours", params(("id" = Uuid, Path)), request_body = OwnHours,
    responses((status = 200, body = Changed<OwnHours>)))]
pub async fn set_of_provider(
    app: web::Data<App>,
    member: Member,
    id: web::Path<ProviderId>,
    Input(given): Input<OwnHours>,
) -> Result<web::Json<Changed<OwnHours>>, Problem> {
    let tenant = member.tenant();
    set(&app, &member, &given, async |connection| {
        let calendar = providers::find(connection, tenant, *id).await?.calendar_id;
        Ok((calendar, Entry::new("provider.hours").on(id.0)))
    })
    .await
}

/// When a piece of equipment can be used.
#[utoipa::path(get, path = "/equipment/{id}/hours", tag = "catalogue",
    operation_id = "equipment_hours", params(("id" = Uuid, Path)),
    responses((status = 200, body = OwnHours)))]
pub async fn of_equipment(
    app: web::Data<App>,
    member: Member,
    id: web::Path<Uuid>,
) -> Result<web::Json<OwnHours>, Problem> {
    let tenant = member.tenant();
    let hours = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        let calendar = equipment::find(connection, tenant, *id).await?.calendar_id;
        read(connection, tenant, calendar).await
    })
    .await?;
    Ok(web::Json(hours))
}

/// Set when a piece of equipment can be used; all earlier hours go. The answer lists the visits to
/// come that lie outside now.
#[utoipa::path(put, path = "/equipment/{id}/hours", tag = "catalogue",
    operation_id = "set_equipment_hours", params(("id" = Uuid, Path)), request_body = OwnHours,
    responses((status = 200, body = Changed<OwnHours>)))]
pub async fn set_of_equipment(
    app: web::Data<App>,
    member: Member,
    id: web::Path<Uuid>,
    Input(given): Input<OwnHours>,
) -> Result<web::Json<Changed<OwnHours>>, Problem> {
    let tenant = member.tenant();
    set(&app, &member, &given, async |connection| {
        let calendar = equipment::find(connection, tenant, *id).await?.calendar_id;
        Ok((calendar, Entry::new("equipment.hours").on(*id)))
    })
    .await
}

/// Replaces the hours of the calendar that `of` finds.
async fn set(
    app: &App,
    member: &Member,
    given: &OwnHours,
    of: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<(CalendarId, Entry), Problem>,
) -> Result<web::Json<Changed<OwnHours>>, Problem> {
    let tenant = member.tenant();
    let set = rules::change_own(app, member, async |connection| {
        let (calendar, entry) = of(connection).await?;
        let rows = given.rows(tenant, calendar)?;
        let was = read(connection, tenant, calendar).await?;
        let mine = calendar_hours::table
            .filter(calendar_hours::tenant_id.eq(tenant))
            .filter(calendar_hours::calendar_id.eq(calendar));
        diesel::delete(mine).execute(connection).await?;
        diesel::insert_into(calendar_hours::table)
            .values(&rows)
            .execute(connection)
            .await?;
        let is = read(connection, tenant, calendar).await?;
        audit::record(connection, member, entry.before(was).after(&is)).await?;
        Ok(is)
    })
    .await?;
    Ok(web::Json(set))
}

async fn read(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    calendar: CalendarId,
) -> Result<OwnHours, Problem> {
    let rows: Vec<Row> = calendar_hours::table
        .filter(calendar_hours::tenant_id.eq(tenant))
        .filter(calendar_hours::calendar_id.eq(calendar))
        .order((
            calendar_hours::weekday,
            calendar_hours::from_minute,
            calendar_hours::valid_from,
        ))
        .select(Row::as_select())
        .load(connection)
        .await?;
    Ok(OwnHours::of(rows))
}
