//! Appointments of a range of time.

use actix_web::web;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use schema::appointments::Row;
use schema::ids::{AppointmentId, OperatoryId, PatientId, ProviderId, SeriesId};
use schema::models::appointment::{Appointment, Status};
use schema::schema::appointments;
use schema::tenancy;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::auth::permissions::Permission;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::Params;
use crate::rest::page::{Page, PageQuery};
use crate::wire::appointment::AppointmentView;
use crate::wire::time;

/// The longest range of a list, in days.
const RANGE_DAYS_MAX: i64 = 400;

/// Which appointments.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Those that overlap the range: RFC 3339 with an offset.
    from: String,
    to: String,
    #[param(value_type = Option<Uuid>)]
    dentist: Option<ProviderId>,
    #[param(value_type = Option<Uuid>)]
    operatory: Option<OperatoryId>,
    #[param(value_type = Option<Uuid>)]
    patient: Option<PatientId>,
    #[param(value_type = Option<String>)]
    status: Option<Status>,
    #[param(value_type = Option<Uuid>)]
    series: Option<SeriesId>,
}

/// The practice's appointments of a range, by start.
#[utoipa::path(get, path = "/appointments", tag = "appointments", params(Filter, PageQuery),
    responses((status = 200, body = Page<AppointmentView>)))]
pub async fn list(
    app: web::Data<App>,
    member: Member,
    filter: Params<Filter>,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<AppointmentView>>, Problem> {
    let (limit, after) = (
        page.limit()?,
        page.after::<(DateTime<Utc>, AppointmentId)>()?,
    );
    let range = time::range(&filter.from, &filter.to, RANGE_DAYS_MAX)?;
    let rows: Vec<Appointment> =
        tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
            let mut query = appointments::table
                .filter(appointments::tenant_id.eq(member.tenant()))
                .filter(appointments::start_at.lt(range.end().to_utc()))
                .filter(appointments::end_at.gt(range.start().to_utc()))
                // No visit is longer than a day: lets the index on starts bound both sides.
                .filter(appointments::start_at.gt(range.start().plus(-schema::span::DAY).to_utc()))
                .order((appointments::start_at, appointments::id))
                .limit(limit + 1)
                .select(Row::as_select())
                .into_boxed();
            if let Some(dentist) = filter.dentist {
                query = query.filter(appointments::provider_id.eq(dentist));
            }
            if let Some(operatory) = filter.operatory {
                query = query.filter(appointments::operatory_id.eq(operatory));
            }
            if let Some(patient) = filter.patient {
                query = query.filter(appointments::patient_id.eq(patient));
            }
            if let Some(status) = filter.status {
                query = query.filter(appointments::status.eq(status.name()));
            }
            if let Some(series) = filter.series {
                query = query.filter(appointments::series_id.eq(series));
            }
            if let Some((start, id)) = after {
                query = query.filter(
                    appointments::start_at.gt(start).or(appointments::start_at
                        .eq(start)
                        .and(appointments::id.gt(id))),
                );
            }
            let rows: Vec<Row> = query.load(connection).await?;
            rows.into_iter()
                .map(|row| Appointment::try_from(row).map_err(Problem::from))
                .collect::<Result<_, _>>()
        })
        .await?;
    let sees_patients = member.may(Permission::CanViewPatients);
    Ok(web::Json(Page::of(
        rows,
        limit,
        |row| (row.span.start().to_utc(), row.id),
        |row| AppointmentView::new(row, sees_patients),
    )))
}
