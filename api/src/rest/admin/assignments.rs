//! Lending operatories: who may use which, on which weekly hours, between which dates.

use actix_web::{HttpResponse, web};
use chrono::NaiveDate;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use engine::scheduling::hours::WeeklyWindow;
use engine::scheduling::lending::clash_within;
use engine::scheduling::zone::Zone;
use garde::Validate;
use schema::ids::{AssignmentId, ClinicId, OperatoryId, ProviderId, TenantId};
use schema::models::catalogue::{Assignment as Row, AssignmentHours};
use schema::schema::{assignment_hours, assignments, clinics, operatories, providers};
use schema::tenancy::{self, Access};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::lending::{self, Lent};
use crate::app::App;
use crate::audit::{self, Entry, Who};
use crate::auth::principal::Principal;
use crate::problem::Problem;
use crate::rest::checks;
use crate::rest::input::{Input, Params, nullable};
use crate::rest::page::{Page, PageQuery};
use crate::rest::rules::{self, Changed, Rules};
use crate::rest::wall_clock::{self, Hours, WINDOWS_MAX};

/// A provider's right to use an operatory, as super admins see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AdminAssignment)]
pub struct Assignment {
    id: Uuid,
    tenant_id: Uuid,
    dentist_id: Uuid,
    operatory_id: Uuid,
    valid_from: NaiveDate,
    /// The last day; `null` is open.
    valid_to: Option<NaiveDate>,
    /// Whether others that are shared too may be assigned at the same time.
    shared: bool,
    /// In the clinic's zone.
    hours: Vec<Hours>,
}

impl From<&Lent> for Assignment {
    fn from(lent: &Lent) -> Self {
        let row = &lent.row;
        let mut windows: Vec<&WeeklyWindow> = lent.weekly.iter().collect();
        windows.sort_by_key(|entry| (entry.weekday.number_from_monday(), entry.window));
        let minute = |minute: u16| i16::try_from(minute).unwrap_or(i16::MAX);
        let hours = windows.into_iter().map(|entry| {
            let weekday = i16::try_from(entry.weekday.number_from_monday()).unwrap_or_default();
            Hours::of(
                weekday,
                minute(entry.window.from()),
                minute(entry.window.to()),
            )
        });
        Self {
            id: row.id.0,
            tenant_id: row.tenant_id.0,
            dentist_id: row.provider_id.0,
            operatory_id: row.operatory_id.0,
            valid_from: row.valid_from,
            valid_to: row.valid_to,
            shared: row.shared,
            hours: hours.collect(),
        }
    }
}

/// An operatory to be lent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[garde(allow_unvalidated)]
pub struct NewAssignment {
    /// A provider of any practice.
    #[schema(value_type = Uuid)]
    dentist_id: ProviderId,
    #[schema(value_type = Uuid)]
    operatory_id: OperatoryId,
    /// Today in the clinic's zone without.
    #[serde(default)]
    #[garde(inner(custom(checks::date)))]
    valid_from: Option<NaiveDate>,
    #[serde(default)]
    #[garde(inner(custom(checks::date)))]
    valid_to: Option<NaiveDate>,
    #[serde(default)]
    shared: bool,
    /// Several windows on one day are split shifts.
    #[garde(length(min = 1, max = WINDOWS_MAX), dive)]
    hours: Vec<Hours>,
}

/// What changes of an assignment; fields that are left out stay. Another dentist or operatory is
/// another assignment.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[garde(allow_unvalidated)]
pub struct AssignmentChange {
    #[serde(default)]
    #[garde(inner(custom(checks::date)))]
    valid_from: Option<NaiveDate>,
    #[serde(default, deserialize_with = "nullable")]
    #[garde(inner(inner(custom(checks::date))))]
    #[schema(value_type = Option<NaiveDate>)]
    valid_to: Option<Option<NaiveDate>>,
    #[serde(default)]
    shared: Option<bool>,
    /// Replaces all of them.
    #[serde(default)]
    #[garde(inner(length(min = 1, max = WINDOWS_MAX)))]
    hours: Option<Vec<Hours>>,
}

/// Which assignments.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct Wanted {
    #[param(value_type = Option<Uuid>)]
    tenant_id: Option<TenantId>,
    #[param(value_type = Option<Uuid>)]
    dentist_id: Option<ProviderId>,
    #[param(value_type = Option<Uuid>)]
    operatory_id: Option<OperatoryId>,
    #[param(value_type = Option<Uuid>)]
    clinic_id: Option<ClinicId>,
}

/// All assignments, by id.
#[utoipa::path(get, path = "/admin/assignments", tag = "admin",
    operation_id = "admin_assignments", params(Wanted, PageQuery),
    responses((status = 200, body = Page<Assignment>)))]
pub async fn list(
    app: web::Data<App>,
    principal: Principal,
    wanted: Params<Wanted>,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<Assignment>>, Problem> {
    let (limit, after) = (page.limit()?, page.after::<AssignmentId>()?);
    let lent = tenancy::transaction(&app.app_pool, &principal.access(), async |connection| {
        let mut query = assignments::table
            .order(assignments::id)
            .limit(limit + 1)
            .select(Row::as_select())
            .into_boxed();
        if let Some(tenant) = wanted.tenant_id {
            query = query.filter(assignments::tenant_id.eq(tenant));
        }
        if let Some(dentist) = wanted.dentist_id {
            query = query.filter(assignments::provider_id.eq(dentist));
        }
        if let Some(operatory) = wanted.operatory_id {
            query = query.filter(assignments::operatory_id.eq(operatory));
        }
        if let Some(clinic) = wanted.clinic_id {
            let chairs = operatories::table
                .filter(operatories::clinic_id.eq(clinic))
                .select(operatories::id);
            query = query.filter(assignments::operatory_id.eq_any(chairs));
        }
        if let Some(id) = after {
            query = query.filter(assignments::id.gt(id));
        }
        let rows = query.load(connection).await?;
        lending::with_hours(connection, rows).await
    })
    .await?;
    let item = |lent: Lent| Assignment::from(&lent);
    Ok(web::Json(Page::of(lent, limit, |lent| lent.row.id, item)))
}

/// One assignment.
#[utoipa::path(get, path = "/admin/assignments/{id}", tag = "admin",
    operation_id = "admin_assignment", params(("id" = Uuid, Path)),
    responses((status = 200, body = Assignment)))]
pub async fn get(
    app: web::Data<App>,
    principal: Principal,
    id: web::Path<AssignmentId>,
) -> Result<web::Json<Assignment>, Problem> {
    let found = read(&app, &principal.access(), *id).await?;
    Ok(web::Json(Assignment::from(&found)))
}

/// Lend an operatory. 409 `assignment_overlap` names the assignment that has it at the same time,
/// unless both are shared.
#[utoipa::path(post, path = "/admin/assignments", tag = "admin",
    operation_id = "admin_add_assignment", request_body = NewAssignment, responses(
        (status = 201, body = Changed<Assignment>),
        (status = 409, description = "`assignment_overlap`: see `assignment` and `conflict`")))]
pub async fn create(
    app: web::Data<App>,
    principal: Principal,
    Input(given): Input<NewAssignment>,
) -> Result<HttpResponse, Problem> {
    let weekly = weekly(&given.hours)?;
    let access = principal.access();
    let (tenant, today) = tenancy::transaction(&app.app_pool, &access, async |connection| {
        let tenant: TenantId = providers::table
            .filter(providers::id.eq(given.dentist_id))
            .filter(providers::active)
            .select(providers::tenant_id)
            .first(connection)
            .await?;
        let zone: String = operatories::table
            .inner_join(clinics::table)
            .filter(operatories::id.eq(given.operatory_id))
            .select(clinics::zone)
            .first(connection)
            .await?;
        let zone: Zone = zone
            .parse()
            .map_err(|_| Problem::internal("a clinic's zone is unknown"))?;
        Ok::<_, Problem>((tenant, zone.to_local(app.engine.clock().minute()).date()))
    })
    .await?;
    let lent = Lent {
        row: Row {
            id: AssignmentId::new(),
            tenant_id: tenant,
            provider_id: given.dentist_id,
            operatory_id: given.operatory_id,
            valid_from: given.valid_from.unwrap_or(today),
            valid_to: given.valid_to,
            shared: given.shared,
        },
        weekly,
    };
    in_order(&lent.row)?;
    let created = change(&app, &access, tenant, async |connection| {
        lending::check(connection, &lent).await?;
        diesel::insert_into(assignments::table)
            .values(&lent.row)
            .execute(connection)
            .await?;
        write_hours(connection, &lent).await?;
        let created = Assignment::from(&lent);
        let entry = Entry::new("assignment.created")
            .on(created.id)
            .after(&created);
        audit::record(connection, Who::from(&principal).in_tenant(tenant), entry).await?;
        Ok(created)
    })
    .await?;
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("/admin/assignments/{}", lent.row.id)))
        .json(created))
}

/// Change hours, dates or sharing. The answer lists the visits to come that lie outside now.
#[utoipa::path(patch, path = "/admin/assignments/{id}", tag = "admin",
    operation_id = "admin_change_assignment", params(("id" = Uuid, Path)),
    request_body = AssignmentChange, responses(
        (status = 200, body = Changed<Assignment>),
        (status = 409, description = "`assignment_overlap`: see `assignment` and `conflict`")))]
pub async fn update(
    app: web::Data<App>,
    principal: Principal,
    id: web::Path<AssignmentId>,
    Input(given): Input<AssignmentChange>,
) -> Result<web::Json<Changed<Assignment>>, Problem> {
    let new_hours = given.hours.as_deref().map(weekly).transpose()?;
    let access = principal.access();
    let tenant = read(&app, &access, *id).await?.row.tenant_id;
    let changed = change(&app, &access, tenant, async |connection| {
        let was = find(connection, *id).await?;
        let mut is = was.clone();
        is.row.valid_from = given.valid_from.unwrap_or(is.row.valid_from);
        is.row.valid_to = given.valid_to.unwrap_or(is.row.valid_to);
        is.row.shared = given.shared.unwrap_or(is.row.shared);
        in_order(&is.row)?;
        is.weekly = new_hours.unwrap_or(is.weekly);
        lending::check(connection, &is).await?;
        diesel::update(assignments::table.find(*id))
            .set((
                assignments::valid_from.eq(is.row.valid_from),
                assignments::valid_to.eq(is.row.valid_to),
                assignments::shared.eq(is.row.shared),
            ))
            .execute(connection)
            .await?;
        diesel::delete(assignment_hours::table.filter(assignment_hours::assignment_id.eq(*id)))
            .execute(connection)
            .await?;
        write_hours(connection, &is).await?;
        let changed = Assignment::from(&is);
        let entry = Entry::new("assignment.changed").on(id.0);
        let entry = entry.before(Assignment::from(&was)).after(&changed);
        audit::record(connection, Who::from(&principal).in_tenant(tenant), entry).await?;
        Ok(changed)
    })
    .await?;
    Ok(web::Json(changed))
}

/// End an assignment at once, as if it had never been; to end it with a day, change `validTo`. The
/// visits to come stay, and the answer lists them.
#[utoipa::path(delete, path = "/admin/assignments/{id}", tag = "admin",
    operation_id = "admin_end_assignment", params(("id" = Uuid, Path)),
    responses((status = 200, body = Changed<Assignment>)))]
pub async fn delete(
    app: web::Data<App>,
    principal: Principal,
    id: web::Path<AssignmentId>,
) -> Result<web::Json<Changed<Assignment>>, Problem> {
    let access = principal.access();
    let tenant = read(&app, &access, *id).await?.row.tenant_id;
    let ended = change(&app, &access, tenant, async |connection| {
        let was = Assignment::from(&find(connection, *id).await?);
        // Its hours go with it.
        diesel::delete(assignments::table.find(*id))
            .execute(connection)
            .await?;
        let entry = Entry::new("assignment.ended").on(id.0).before(&was);
        audit::record(connection, Who::from(&principal).in_tenant(tenant), entry).await?;
        Ok(was)
    })
    .await?;
    Ok(web::Json(ended))
}

/// Changes what is lent to one practice. Whose visits are left out, a super admin does not hear.
async fn change<T>(
    app: &App,
    access: &Access,
    tenant: TenantId,
    work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, Problem>,
) -> Result<Changed<T>, Problem> {
    let rules = Rules::Tenant(tenant);
    rules::change_and_tell(app, access, rules, &[tenant], false, work).await
}

/// The windows, none of which overlaps another.
fn weekly(hours: &[Hours]) -> Result<Vec<WeeklyWindow>, Problem> {
    let weekly = wall_clock::weekly(hours)?;
    match clash_within(&weekly) {
        Some((first, second)) => Err(wall_clock::overlapping(first, second)),
        None => Ok(weekly),
    }
}

fn in_order(row: &Row) -> Result<(), Problem> {
    if row.valid_to.is_some_and(|to| to < row.valid_from) {
        return Err(Problem::invalid("validTo", "not before validFrom"));
    }
    Ok(())
}

async fn read(app: &App, access: &Access, id: AssignmentId) -> Result<Lent, Problem> {
    tenancy::transaction(&app.app_pool, access, async |connection| {
        find(connection, id).await
    })
    .await
}

async fn find(connection: &mut AsyncPgConnection, id: AssignmentId) -> Result<Lent, Problem> {
    let rows: Vec<Row> = assignments::table
        .filter(assignments::id.eq(id))
        .select(Row::as_select())
        .load(connection)
        .await?;
    let found = lending::with_hours(connection, rows).await?.pop();
    found.ok_or_else(Problem::not_found)
}

async fn write_hours(connection: &mut AsyncPgConnection, lent: &Lent) -> Result<(), Problem> {
    let minute = |minute: u16| i16::try_from(minute).unwrap_or(i16::MAX);
    let rows: Vec<AssignmentHours> = lent
        .weekly
        .iter()
        .map(|entry| AssignmentHours {
            tenant_id: lent.row.tenant_id,
            assignment_id: lent.row.id,
            weekday: i16::try_from(entry.weekday.number_from_monday()).unwrap_or_default(),
            from_minute: minute(entry.window.from()),
            to_minute: minute(entry.window.to()),
        })
        .collect();
    diesel::insert_into(assignment_hours::table)
        .values(rows)
        .execute(connection)
        .await?;
    Ok(())
}
