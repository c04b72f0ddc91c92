//! Reading and writing series' rows.

use chrono::NaiveDateTime;
use diesel::QueryResult;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::ids::{OperatoryId, PatientId, ProviderId, SeriesId, TenantId, TreatmentId, UserId};
use crate::models::series::{Series, SeriesPolicy};
use crate::schema::series;

/// A series' row as the database has it.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = series)]
struct Row {
    id: SeriesId,
    tenant_id: TenantId,
    version: i64,
    patient_id: PatientId,
    provider_id: ProviderId,
    treatment_id: TreatmentId,
    operatory_id: Option<OperatoryId>,
    rrule: Option<String>,
    first_start: NaiveDateTime,
    zone: String,
    rdates: Vec<Option<NaiveDateTime>>,
    exdates: Vec<Option<NaiveDateTime>>,
    policy: String,
    window_min: Option<i16>,
    duration_min: Option<i16>,
    created_by: Option<UserId>,
}

impl TryFrom<Row> for Series {
    type Error = diesel::result::Error;

    fn try_from(row: Row) -> QueryResult<Self> {
        let policy = SeriesPolicy::parse(&row.policy).ok_or_else(|| {
            diesel::result::Error::DeserializationError(
                format!("series {} cannot be read", row.id).into(),
            )
        })?;
        Ok(Self {
            id: row.id,
            tenant: row.tenant_id,
            version: row.version,
            patient: row.patient_id,
            provider: row.provider_id,
            treatment: row.treatment_id,
            operatory: row.operatory_id,
            rrule: row.rrule,
            first_start: row.first_start,
            zone: row.zone,
            rdates: row.rdates.into_iter().flatten().collect(),
            exdates: row.exdates.into_iter().flatten().collect(),
            policy,
            window_min: row.window_min,
            duration_min: row.duration_min,
            created_by: row.created_by,
        })
    }
}

/// The series of that id, if the connection's role and settings may see it.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    id: SeriesId,
) -> QueryResult<Option<Series>> {
    series::table
        .filter(series::tenant_id.eq(tenant))
        .filter(series::id.eq(id))
        .select(Row::as_select())
        .first(connection)
        .await
        .optional()?
        .map(Series::try_from)
        .transpose()
}

/// Writes a new series, or raises the version of one that is at the version before.
///
/// # Errors
/// [`diesel::result::Error::NotFound`] for one that is at another version.
pub(crate) async fn write(connection: &mut AsyncPgConnection, state: &Series) -> QueryResult<()> {
    let touched = if state.version == 1 {
        diesel::insert_into(series::table)
            .values((
                series::id.eq(state.id),
                series::tenant_id.eq(state.tenant),
                series::version.eq(state.version),
                series::patient_id.eq(state.patient),
                series::provider_id.eq(state.provider),
                series::treatment_id.eq(state.treatment),
                series::operatory_id.eq(state.operatory),
                series::rrule.eq(&state.rrule),
                series::first_start.eq(state.first_start),
                series::zone.eq(&state.zone),
                series::rdates.eq(&state.rdates),
                series::exdates.eq(&state.exdates),
                series::policy.eq(state.policy.name()),
                series::window_min.eq(state.window_min),
                series::duration_min.eq(state.duration_min),
                series::created_by.eq(state.created_by),
            ))
            .execute(connection)
            .await?
    } else {
        let before = series::table
            .filter(series::tenant_id.eq(state.tenant))
            .filter(series::id.eq(state.id))
            .filter(series::version.eq(state.version - 1));
        diesel::update(before)
            .set(series::version.eq(state.version))
            .execute(connection)
            .await?
    };
    match touched {
        1 => Ok(()),
        _ => Err(diesel::result::Error::NotFound),
    }
}
