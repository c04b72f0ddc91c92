//! Changing what a practice offers.

use actix_web::{HttpRequest, HttpResponse, web};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use schema::ids::{OperatoryId, TenantId, TreatmentId};
use schema::models::catalogue::Treatment as Row;
use schema::schema::{
    assignments, treatment_equipment, treatment_operatories, treatment_providers, treatments,
};

use super::given::TreatmentFields;
use super::{Treatment, find};
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::checks::{unless_missing, unless_taken};
use crate::rest::input::Input;
use crate::rest::language::Language;
use crate::rest::rules::{self, Rules};

/// Add a treatment.
#[utoipa::path(post, path = "/treatments", tag = "catalogue", request_body = TreatmentFields,
    responses((status = 201, body = Treatment)))]
pub async fn create(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    Input(given): Input<TreatmentFields>,
) -> Result<HttpResponse, Problem> {
    let tenant = member.tenant();
    let row = given.new_row(tenant)?;
    let language = Language::of(&request, &member.workspace.locale);
    let rules = Rules::Tenant(tenant);
    let created = rules::change(&app, &member.access(), rules, async |connection| {
        diesel::insert_into(treatments::table)
            .values(&row)
            .execute(connection)
            .await
            .map_err(unless_taken("code"))?;
        name(connection, tenant, row.id, &given).await?;
        let (_, created) = find(connection, tenant, row.id, language).await?;
        let entry = Entry::new("treatment.created").on(row.id.0).after(&created);
        audit::record(connection, &member, entry).await?;
        Ok(created)
    })
    .await?;
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("/treatments/{}", row.id)))
        .json(created))
}

/// Change a treatment. Visits that are booked keep their own copy of the pattern.
#[utoipa::path(patch, path = "/treatments/{id}", tag = "catalogue", params(("id" = Uuid, Path)),
    request_body = TreatmentFields, responses((status = 200, body = Treatment)))]
pub async fn update(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    id: web::Path<TreatmentId>,
    Input(given): Input<TreatmentFields>,
) -> Result<web::Json<Treatment>, Problem> {
    let work = async |connection: &mut AsyncPgConnection, row: &Row, was: &Treatment| {
        let row = given.apply(row, !was.equipment_ids.is_empty())?;
        replace(connection, &row).await?;
        name(connection, row.tenant_id, row.id, &given).await
    };
    change(&app, &member, &request, *id, "treatment.changed", work).await
}

/// Offer a treatment no more. Visits that are booked stay.
#[utoipa::path(delete, path = "/treatments/{id}", tag = "catalogue", params(("id" = Uuid, Path)),
    responses((status = 200, body = Treatment)))]
pub async fn delete(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    id: web::Path<TreatmentId>,
) -> Result<web::Json<Treatment>, Problem> {
    let work = async |connection: &mut AsyncPgConnection, row: &Row, _: &Treatment| {
        diesel::update(treatments::table.find(row.id))
            .set(treatments::active.eq(false))
            .execute(connection)
            .await?;
        Ok(())
    };
    change(&app, &member, &request, *id, "treatment.ended", work).await
}

async fn change(
    app: &App,
    member: &Member,
    request: &HttpRequest,
    id: TreatmentId,
    action: &'static str,
    work: impl AsyncFnOnce(&mut AsyncPgConnection, &Row, &Treatment) -> Result<(), Problem>,
) -> Result<web::Json<Treatment>, Problem> {
    let tenant = member.tenant();
    let language = Language::of(request, &member.workspace.locale);
    let rules = Rules::Tenant(tenant);
    let changed = rules::change(app, &member.access(), rules, async |connection| {
        let (row, was) = find(connection, tenant, id, language).await?;
        work(connection, &row, &was).await?;
        let (_, is) = find(connection, tenant, id, language).await?;
        let entry = Entry::new(action).on(id.0).before(was).after(&is);
        audit::record(connection, member, entry).await?;
        Ok(is)
    })
    .await?;
    Ok(web::Json(changed))
}

async fn replace(connection: &mut AsyncPgConnection, row: &Row) -> Result<(), Problem> {
    diesel::update(treatments::table.find(row.id))
        .set((
            treatments::code.eq(&row.code),
            treatments::name_es.eq(&row.name_es),
            treatments::name_en.eq(&row.name_en),
            treatments::duration_min.eq(row.duration_min),
            treatments::pattern.eq(&row.pattern),
            treatments::color.eq(&row.color),
            treatments::price_cents.eq(row.price_cents),
            treatments::online_bookable.eq(row.online_bookable),
            treatments::min_notice_min.eq(row.min_notice_min),
            treatments::horizon_days.eq(row.horizon_days),
            treatments::slot_interval_min.eq(row.slot_interval_min),
            treatments::daily_cap.eq(row.daily_cap),
            treatments::active.eq(row.active),
        ))
        .execute(connection)
        .await
        .map_err(unless_taken("code"))?;
    Ok(())
}

/// Puts the rows of a table that name `$ids` in place of a treatment's old ones. A macro, since the
/// three tables share no type.
macro_rules! put {
    ($table:ident.$column:ident, $ids:expr, $tenant:expr, $treatment:expr, $connection:expr) => {{
        let new: Vec<_> = $ids
            .into_iter()
            .map(|id| {
                (
                    $table::tenant_id.eq($tenant),
                    $table::treatment_id.eq($treatment),
                    $table::$column.eq(id),
                )
            })
            .collect();
        let old = $table::table.filter($table::treatment_id.eq($treatment));
        diesel::delete(old).execute($connection).await?;
        diesel::insert_into($table::table)
            .values(new)
            .execute($connection)
            .await
            .map_err(unless_missing)?;
    }};
}

/// Puts what is named in place of what was; lists that are left out stay.
async fn name(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    id: TreatmentId,
    given: &TreatmentFields,
) -> Result<(), Problem> {
    if let Some(ids) = &given.dentist_ids {
        put!(
            treatment_providers.provider_id,
            unlike(ids),
            tenant,
            id,
            connection
        );
    }
    if let Some(ids) = &given.operatory_ids {
        let ids = unlike(ids);
        lent(connection, tenant, &ids).await?;
        put!(
            treatment_operatories.operatory_id,
            ids,
            tenant,
            id,
            connection
        );
    }
    if let Some(ids) = &given.equipment_ids {
        put!(
            treatment_equipment.equipment_id,
            unlike(ids),
            tenant,
            id,
            connection
        );
    }
    Ok(())
}

/// Each once.
fn unlike<T: Copy + Ord>(ids: &[T]) -> Vec<T> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Operatories belong to no practice, so no key refuses those of others.
async fn lent(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    ids: &[OperatoryId],
) -> Result<(), Problem> {
    let known: Vec<OperatoryId> = assignments::table
        .filter(assignments::tenant_id.eq(tenant))
        .filter(assignments::operatory_id.eq_any(ids))
        .select(assignments::operatory_id)
        .distinct()
        .load(connection)
        .await?;
    match known.len() == ids.len() {
        true => Ok(()),
        false => Err(Problem::not_found()),
    }
}
