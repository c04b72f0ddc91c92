//! What a practice offers.

pub mod change;
mod given;

use std::collections::HashMap;

use actix_web::{HttpRequest, web};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use schema::ids::{TenantId, TreatmentId};
use schema::models::catalogue::Treatment as Row;
use schema::schema::{treatment_equipment, treatment_operatories, treatment_providers, treatments};
use schema::tenancy;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::Params;
use crate::rest::language::Language;
use crate::rest::page::{Page, PageQuery, behind};
use crate::rest::providers::Former;

/// What is done in a visit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Treatment {
    id: Uuid,
    /// CDT code (American Dental Association) or the practice's own.
    #[schema(example = "D1110")]
    code: String,
    /// In the language of `Accept-Language`, or else the practice's.
    name: String,
    name_es: String,
    name_en: String,
    duration_min: i16,
    /// Which roles the visit needs when: `[{role, from, to, bufferBefore, bufferAfter}]` in minutes
    /// from its start.
    #[schema(value_type = Vec<Object>)]
    pattern: Value,
    /// `#rrggbb`
    color: String,
    /// US dollars.
    #[schema(example = "45.00")]
    price: String,
    online_bookable: bool,
    /// Minutes ahead that the public books at least; `null`: the practice's policy.
    min_notice_min: Option<i32>,
    /// Days ahead that it is booked at most; `null`: the practice's policy.
    horizon_days: Option<i16>,
    /// Minutes between the starts that are offered; `null`: the practice's policy.
    slot_interval_min: Option<i16>,
    /// Visits of it by provider and day at most; `null`: any number.
    daily_cap: Option<i16>,
    /// Nothing is booked of a treatment that is not.
    active: bool,
    /// Who offers it; empty: everybody of the role that leads it.
    dentist_ids: Vec<Uuid>,
    /// Where it can be done; empty: anywhere.
    operatory_ids: Vec<Uuid>,
    /// What its equipment part needs: one of these.
    equipment_ids: Vec<Uuid>,
}

/// What treatments name: pairs of a treatment and something else.
#[derive(Debug, Default)]
pub(super) struct Named {
    providers: HashMap<TreatmentId, Vec<Uuid>>,
    operatories: HashMap<TreatmentId, Vec<Uuid>>,
    equipment: HashMap<TreatmentId, Vec<Uuid>>,
}

impl Named {
    pub(super) async fn by(
        connection: &mut AsyncPgConnection,
        tenant: TenantId,
        treatments: &[TreatmentId],
    ) -> Result<Self, Problem> {
        let providers: Vec<(TreatmentId, Uuid)> = treatment_providers::table
            .filter(treatment_providers::tenant_id.eq(tenant))
            .filter(treatment_providers::treatment_id.eq_any(treatments))
            .order(treatment_providers::provider_id)
            .select((
                treatment_providers::treatment_id,
                treatment_providers::provider_id,
            ))
            .load(connection)
            .await?;
        let operatories: Vec<(TreatmentId, Uuid)> = treatment_operatories::table
            .filter(treatment_operatories::tenant_id.eq(tenant))
            .filter(treatment_operatories::treatment_id.eq_any(treatments))
            .order(treatment_operatories::operatory_id)
            .select((
                treatment_operatories::treatment_id,
                treatment_operatories::operatory_id,
            ))
            .load(connection)
            .await?;
        let equipment: Vec<(TreatmentId, Uuid)> = treatment_equipment::table
            .filter(treatment_equipment::tenant_id.eq(tenant))
            .filter(treatment_equipment::treatment_id.eq_any(treatments))
            .order(treatment_equipment::equipment_id)
            .select((
                treatment_equipment::treatment_id,
                treatment_equipment::equipment_id,
            ))
            .load(connection)
            .await?;
        Ok(Self {
            providers: grouped(providers),
            operatories: grouped(operatories),
            equipment: grouped(equipment),
        })
    }
}

fn grouped(pairs: Vec<(TreatmentId, Uuid)>) -> HashMap<TreatmentId, Vec<Uuid>> {
    let mut groups: HashMap<TreatmentId, Vec<Uuid>> = HashMap::new();
    for (treatment, other) in pairs {
        groups.entry(treatment).or_default().push(other);
    }
    groups
}

impl Treatment {
    pub(super) fn of(row: Row, named: &mut Named, language: Language) -> Self {
        let ids = |groups: &mut HashMap<TreatmentId, Vec<Uuid>>| {
            groups.remove(&row.id).unwrap_or_default()
        };
        Self {
            dentist_ids: ids(&mut named.providers),
            operatory_ids: ids(&mut named.operatories),
            equipment_ids: ids(&mut named.equipment),
            min_notice_min: row.min_notice_min,
            horizon_days: row.horizon_days,
            slot_interval_min: row.slot_interval_min,
            daily_cap: row.daily_cap,
            active: row.active,
            id: row.id.0,
            code: row.code,
            name: language.pick(&row.name_es, &row.name_en),
            name_es: row.name_es,
            name_en: row.name_en,
            duration_min: row.duration_min,
            pattern: row.pattern,
            color: row.color,
            price: format!("{}.{:02}", row.price_cents / 100, row.price_cents % 100),
            online_bookable: row.online_bookable,
        }
    }
}

/// The practice's treatments, by code.
#[utoipa::path(get, path = "/treatments", tag = "catalogue", params(Former, PageQuery),
    responses((status = 200, body = Page<Treatment>)))]
pub async fn list(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    former: Params<Former>,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<Treatment>>, Problem> {
    let (limit, after) = (page.limit()?, page.after::<(String, TreatmentId)>()?);
    let (rows, mut named) =
        tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
            let mut query = treatments::table
                .filter(treatments::tenant_id.eq(member.tenant()))
                .order((treatments::code, treatments::id))
                .limit(limit + 1)
                .select(Row::as_select())
                .into_boxed();
            if !former.include_inactive {
                query = query.filter(treatments::active);
            }
            if let Some(last) = after {
                query = query.filter(behind!((treatments::code, treatments::id), last));
            }
            let rows: Vec<Row> = query.load(connection).await?;
            let ids: Vec<TreatmentId> = rows.iter().map(|row| row.id).collect();
            let named = Named::by(connection, member.tenant(), &ids).await?;
            Ok::<_, Problem>((rows, named))
        })
        .await?;
    let language = Language::of(&request, &member.workspace.locale);
    Ok(web::Json(Page::of(
        rows,
        limit,
        |row| (row.code.clone(), row.id),
        |row| Treatment::of(row, &mut named, language),
    )))
}

/// One treatment.
#[utoipa::path(get, path = "/treatments/{id}", tag = "catalogue", params(("id" = Uuid, Path)),
    responses((status = 200, body = Treatment)))]
pub async fn get(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    id: web::Path<TreatmentId>,
) -> Result<web::Json<Treatment>, Problem> {
    let language = Language::of(&request, &member.workspace.locale);
    let found = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        find(connection, member.tenant(), *id, language).await
    })
    .await?;
    Ok(web::Json(found.1))
}

/// As the database has it and as the wire tells it.
pub(super) async fn find(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    id: TreatmentId,
    language: Language,
) -> Result<(Row, Treatment), Problem> {
    let row: Row = treatments::table
        .find(id)
        .filter(treatments::tenant_id.eq(tenant))
        .select(Row::as_select())
        .first(connection)
        .await?;
    let mut named = Named::by(connection, tenant, &[id]).await?;
    let told = Treatment::of(row.clone(), &mut named, language);
    Ok((row, told))
}
