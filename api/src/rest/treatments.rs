//! What a practice offers.

use actix_web::{HttpRequest, web};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use schema::ids::TreatmentId;
use schema::models::catalogue::Treatment as Row;
use schema::schema::treatments;
use schema::tenancy;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::language::Language;
use crate::rest::page::{Page, PageQuery};

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
}

impl Treatment {
    fn of(row: Row, language: Language) -> Self {
        Self {
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
#[utoipa::path(get, path = "/treatments", tag = "catalogue", params(PageQuery),
    responses((status = 200, body = Page<Treatment>)))]
pub async fn list(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    page: web::Query<PageQuery>,
) -> Result<web::Json<Page<Treatment>>, Problem> {
    let (limit, after) = (page.limit()?, page.after::<(String, TreatmentId)>()?);
    let rows: Vec<Row> =
        tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
            let mut query = treatments::table
                .filter(treatments::tenant_id.eq(member.tenant()))
                .filter(treatments::active)
                .order((treatments::code, treatments::id))
                .limit(limit + 1)
                .select(Row::as_select())
                .into_boxed();
            if let Some((code, id)) = after {
                query = query.filter(
                    treatments::code
                        .gt(code.clone())
                        .or(treatments::code.eq(code).and(treatments::id.gt(id))),
                );
            }
            Ok::<_, Problem>(query.load(connection).await?)
        })
        .await?;
    let language = Language::of(&request, &member.workspace.locale);
    Ok(web::Json(Page::of(
        rows,
        limit,
        |row| (row.code.clone(), row.id),
        |row| Treatment::of(row, language),
    )))
}
