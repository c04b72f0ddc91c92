//! Reading appointments as the engine needs them to decide.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::QueryResult;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use crate::ids::{
    AppointmentId, CalendarId, OperatoryId, PatientId, ProviderId, SeriesId, TenantId, TreatmentId,
    UserId,
};
use crate::models::appointment::{Appointment, CancelCode, Status};
use crate::schema::{appointments, claims_past};
use crate::span::{DAY, Minute, Span};

/// An appointment's row as the database has it.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = appointments)]
pub struct Row {
    id: AppointmentId,
    tenant_id: TenantId,
    version: i64,
    status: String,
    start_at: DateTime<Utc>,
    end_at: DateTime<Utc>,
    patient_id: PatientId,
    provider_id: ProviderId,
    operatory_id: OperatoryId,
    treatment_id: TreatmentId,
    pattern: Value,
    series_id: Option<SeriesId>,
    occurrence: Option<NaiveDateTime>,
    detached: bool,
    notes: Option<String>,
    cancel_reason: Option<String>,
    cancel_code: Option<String>,
    confirmed_via: Option<String>,
    created_by: Option<UserId>,
}

impl TryFrom<Row> for Appointment {
    type Error = diesel::result::Error;

    fn try_from(row: Row) -> QueryResult<Self> {
        let unreadable = || {
            diesel::result::Error::DeserializationError(
                format!("appointment {} cannot be read", row.id).into(),
            )
        };
        Ok(Self {
            id: row.id,
            tenant: row.tenant_id,
            version: row.version,
            status: Status::parse(&row.status).ok_or_else(unreadable)?,
            span: Span::new(Minute::floor(row.start_at), Minute::ceil(row.end_at))
                .ok_or_else(unreadable)?,
            patient: row.patient_id,
            provider: row.provider_id,
            operatory: row.operatory_id,
            treatment: row.treatment_id,
            pattern: serde_json::from_value(row.pattern.clone()).map_err(|_| unreadable())?,
            series: row.series_id,
            occurrence: row.occurrence,
            detached: row.detached,
            notes: row.notes,
            cancel_reason: row.cancel_reason,
            cancel_code: row.cancel_code.as_deref().and_then(CancelCode::parse),
            confirmed_via: row.confirmed_via,
            created_by: row.created_by,
        })
    }
}

/// The appointment of that id, if the connection's role and settings may see it.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    id: AppointmentId,
) -> QueryResult<Option<Appointment>> {
    appointments::table
        .filter(appointments::tenant_id.eq(tenant))
        .filter(appointments::id.eq(id))
        .select(Row::as_select())
        .first(connection)
        .await
        .optional()?
        .map(Appointment::try_from)
        .transpose()
}

/// All visits of a patient to the tenant, by start.
///
/// # Errors
/// When the database cannot be read.
pub async fn of_patient(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    patient: PatientId,
) -> QueryResult<Vec<Appointment>> {
    let rows: Vec<Row> = appointments::table
        .filter(appointments::tenant_id.eq(tenant))
        .filter(appointments::patient_id.eq(patient))
        .order((appointments::start_at, appointments::id))
        .select(Row::as_select())
        .load(connection)
        .await?;
    rows.into_iter().map(Appointment::try_from).collect()
}

/// The visits whose claims on a calendar are settled: they are kept aside and change no more.
///
/// # Errors
/// When the database cannot be read.
pub async fn settled_on(
    connection: &mut AsyncPgConnection,
    calendar: CalendarId,
) -> QueryResult<BTreeSet<AppointmentId>> {
    let ids: Vec<Option<AppointmentId>> = claims_past::table
        .filter(claims_past::calendar_id.eq(calendar))
        .select(claims_past::appointment_id)
        .load(connection)
        .await?;
    Ok(ids.into_iter().flatten().collect())
}

/// The visits of a series, by the starts that its rule gave them.
///
/// # Errors
/// When the database cannot be read.
pub async fn of_series(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    series: SeriesId,
) -> QueryResult<Vec<Appointment>> {
    let rows: Vec<Row> = appointments::table
        .filter(appointments::tenant_id.eq(tenant))
        .filter(appointments::series_id.eq(series))
        .order(appointments::occurrence)
        .select(Row::as_select())
        .load(connection)
        .await?;
    rows.into_iter().map(Appointment::try_from).collect()
}

/// The visits that `provider` leads and that start within `range`, whatever their status, at most
/// `limit`, by start.
///
/// # Errors
/// When the database cannot be read.
pub async fn led_by(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    provider: ProviderId,
    range: Span,
    limit: i64,
) -> QueryResult<Vec<Appointment>> {
    let rows: Vec<Row> = appointments::table
        .filter(appointments::tenant_id.eq(tenant))
        .filter(appointments::provider_id.eq(provider))
        .filter(appointments::start_at.ge(range.start().to_utc()))
        .filter(appointments::start_at.lt(range.end().to_utc()))
        .order((appointments::start_at, appointments::id))
        .limit(limit)
        .select(Row::as_select())
        .load(connection)
        .await?;
    rows.into_iter().map(Appointment::try_from).collect()
}

/// Those of `ids` that the tenant has, in no order.
///
/// # Errors
/// When the database cannot be read.
pub async fn find_all(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    ids: &[AppointmentId],
) -> QueryResult<Vec<Appointment>> {
    // Nearly always one, and to plan for an array anew each time takes longer than to find it.
    if let [id] = ids {
        return Ok(find(connection, tenant, *id).await?.into_iter().collect());
    }
    let rows: Vec<Row> = appointments::table
        .filter(appointments::tenant_id.eq(tenant))
        .filter(appointments::id.eq_any(ids))
        .select(Row::as_select())
        .load(connection)
        .await?;
    rows.into_iter().map(Appointment::try_from).collect()
}

/// The visits of every practice that are in the chair although they should have ended by `now`.
///
/// # Errors
/// When the database cannot be read.
pub async fn overrunning(
    connection: &mut AsyncPgConnection,
    now: Minute,
    limit: i64,
) -> QueryResult<Vec<(TenantId, AppointmentId)>> {
    appointments::table
        .filter(appointments::status.eq(Status::InChair.name()))
        .filter(appointments::end_at.le(now.to_utc()))
        // Forgotten in the chair yesterday: nobody waits for it today.
        .filter(appointments::start_at.gt(now.plus(-DAY).to_utc()))
        .order(appointments::end_at)
        .limit(limit)
        .select((appointments::tenant_id, appointments::id))
        .load(connection)
        .await
}
