//! Closures, holidays and extra hours of single dates, as practices see and make them.

pub mod change;
pub(super) mod given;
pub(super) mod store;

use actix_web::{HttpRequest, web};
use chrono::NaiveDate;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use schema::ids::ExceptionId;
use schema::models::catalogue::ScheduleException as Row;
use schema::schema::{assignments, operatories, schedule_exceptions};
use schema::tenancy;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::app::App;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::checks;
use crate::rest::input::Params;
use crate::rest::language::Language;
use crate::rest::page::{Page, PageQuery, behind};
use crate::rest::wall_clock;

/// Dates on which other hours hold than the weekly ones.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Exception {
    pub(super) id: Uuid,
    /// Whom it is for: `tenant`, `clinic`, `operatory` or `provider`.
    scope: String,
    clinic_id: Option<Uuid>,
    operatory_id: Option<Uuid>,
    dentist_id: Option<Uuid>,
    /// `closed` or `extra`.
    kind: String,
    from_date: NaiveDate,
    /// The last day.
    to_date: NaiveDate,
    /// Local time; the whole day without.
    from: Option<String>,
    to: Option<String>,
    /// In the language of `Accept-Language`, or else the practice's.
    name: String,
    name_es: String,
    name_en: String,
}

impl Exception {
    pub(super) fn of(row: Row, language: Language) -> Self {
        Self {
            id: row.id.0,
            scope: row.scope,
            clinic_id: row.clinic_id.map(|id| id.0),
            operatory_id: row.operatory_id.map(|id| id.0),
            dentist_id: row.provider_id.map(|id| id.0),
            kind: row.kind,
            from_date: row.from_date,
            to_date: row.to_date,
            from: row.from_minute.map(wall_clock::text),
            to: row.to_minute.map(wall_clock::text),
            name: language.pick(&row.name_es, &row.name_en),
            name_es: row.name_es,
            name_en: row.name_en,
        }
    }
}

/// Which dates.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Dates {
    /// Only exceptions that hold on this local date or later.
    from: Option<NaiveDate>,
    /// Only exceptions that hold on this local date or earlier.
    to: Option<NaiveDate>,
}

impl Dates {
    /// First and last, where they are given.
    ///
    /// # Errors
    /// 400 for other centuries.
    pub(super) fn bounds(&self) -> Result<(Option<NaiveDate>, Option<NaiveDate>), Problem> {
        for date in self.from.iter().chain(&self.to) {
            checks::date(date, &()).map_err(|error| Problem::bad_request(error.to_string()))?;
        }
        Ok((self.from, self.to))
    }
}

/// The closures and extra hours of the practice and of the places where it works, by date.
#[utoipa::path(get, path = "/exceptions", tag = "catalogue", params(Dates, PageQuery),
    responses((status = 200, body = Page<Exception>)))]
pub async fn list(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    dates: Params<Dates>,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<Exception>>, Problem> {
    let (limit, after) = (page.limit()?, page.after::<(NaiveDate, ExceptionId)>()?);
    let (from, to) = dates.bounds()?;
    let rows: Vec<Row> =
        tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
            use schedule_exceptions::dsl;
            let chairs = assignments::table
                .filter(assignments::tenant_id.eq(member.tenant()))
                .select(assignments::operatory_id.nullable());
            let places = operatories::table
                .inner_join(assignments::table)
                .filter(assignments::tenant_id.eq(member.tenant()))
                .select(operatories::clinic_id.nullable());
            let mut query = dsl::schedule_exceptions
                .filter(
                    dsl::tenant_id
                        .eq(member.tenant())
                        .or(dsl::operatory_id.eq_any(chairs))
                        .or(dsl::clinic_id.eq_any(places)),
                )
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
    let language = Language::of(&request, &member.workspace.locale);
    Ok(web::Json(Page::of(
        rows,
        limit,
        |row| (row.from_date, row.id),
        |row| Exception::of(row, language),
    )))
}

/// One closure or extra hours, of the practice or of a place where it works.
#[utoipa::path(get, path = "/exceptions/{id}", tag = "catalogue", params(("id" = Uuid, Path)),
    responses((status = 200, body = Exception)))]
pub async fn get(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    id: web::Path<ExceptionId>,
) -> Result<web::Json<Exception>, Problem> {
    let rules = app.engine.rules(member.tenant()).await?;
    let row: Row = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        let row = schedule_exceptions::table
            .find(*id)
            .select(Row::as_select())
            .first(connection)
            .await?;
        Ok::<_, Problem>(row)
    })
    .await?;
    let mut places = rules.operatories.values();
    let known = row.tenant_id == Some(member.tenant())
        || places
            .any(|place| row.operatory_id == Some(place.id) || row.clinic_id == Some(place.clinic));
    if !known {
        return Err(Problem::not_found());
    }
    let language = Language::of(&request, &member.workspace.locale);
    Ok(web::Json(Exception::of(row, language)))
}
