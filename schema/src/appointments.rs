//! Reading appointments as the engine needs them to decide.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use crate::ids::{
    AppointmentId, OperatoryId, PatientId, ProviderId, SeriesId, TenantId, TreatmentId, UserId,
};
use crate::models::appointment::{Appointment, Status};
use crate::schema::appointments;
use crate::span::{Minute, Span};

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
    notes: Option<String>,
    cancel_reason: Option<String>,
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
            notes: row.notes,
            cancel_reason: row.cancel_reason,
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
