//! Loading what decides when a practice may be booked, as of one moment.

use diesel::QueryResult;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::ids::{OperatoryId, ProviderId, TenantId, TreatmentId};
use crate::models::catalogue::{
    Assignment, AssignmentHours, CalendarHours, Clinic, Equipment, Operatory, Provider,
    ScheduleException, Tenant, Treatment,
};
use crate::schema::{
    assignment_hours, assignments, calendar_hours, clinics, equipment, operatories, providers,
    schedule_exceptions, tenants, treatment_equipment, treatment_operatories, treatment_providers,
    treatments,
};

/// Everything that the rules of one tenant are made of. Inactive rows are included: appointments
/// still name them.
#[derive(Clone, Debug)]
pub struct TenantRows {
    pub tenant: Tenant,
    /// The clinics of `operatories`.
    pub clinics: Vec<Clinic>,
    /// Those that the tenant has assignments in.
    pub operatories: Vec<Operatory>,
    pub providers: Vec<Provider>,
    pub equipment: Vec<Equipment>,
    pub assignments: Vec<Assignment>,
    pub assignment_hours: Vec<AssignmentHours>,
    pub calendar_hours: Vec<CalendarHours>,
    /// Of the tenant, its providers, its operatories and their clinics.
    pub exceptions: Vec<ScheduleException>,
    pub treatments: Vec<Treatment>,
    pub treatment_providers: Vec<(TreatmentId, ProviderId)>,
    pub treatment_operatories: Vec<(TreatmentId, OperatoryId)>,
    pub treatment_equipment: Vec<(TreatmentId, uuid::Uuid)>,
}

/// Loads a tenant's rules in one snapshot; `None` for an unknown tenant.
///
/// # Errors
/// When the database cannot be read.
pub async fn load(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
) -> QueryResult<Option<TenantRows>> {
    connection
        .build_transaction()
        .read_only()
        .repeatable_read()
        .run(async |connection| read(connection, tenant).await)
        .await
}

async fn read(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
) -> QueryResult<Option<TenantRows>> {
    let Some(row) = tenants::table
        .find(tenant)
        .select(Tenant::as_select())
        .first(connection)
        .await
        .optional()?
    else {
        return Ok(None);
    };
    let assignments: Vec<Assignment> = assignments::table
        .filter(assignments::tenant_id.eq(tenant))
        .order(assignments::id)
        .select(Assignment::as_select())
        .load(connection)
        .await?;
    let chairs: Vec<OperatoryId> = assignments.iter().map(|row| row.operatory_id).collect();
    let operatories: Vec<Operatory> = operatories::table
        .filter(operatories::id.eq_any(&chairs))
        .order((operatories::name, operatories::id))
        .select(Operatory::as_select())
        .load(connection)
        .await?;
    let places: Vec<_> = operatories.iter().map(|row| row.clinic_id).collect();
    Ok(Some(TenantRows {
        tenant: row,
        clinics: clinics::table
            .filter(clinics::id.eq_any(&places))
            .select(Clinic::as_select())
            .load(connection)
            .await?,
        providers: providers::table
            .filter(providers::tenant_id.eq(tenant))
            .order((providers::name, providers::id))
            .select(Provider::as_select())
            .load(connection)
            .await?,
        equipment: equipment::table
            .filter(equipment::tenant_id.eq(tenant))
            .select(Equipment::as_select())
            .load(connection)
            .await?,
        assignment_hours: assignment_hours::table
            .filter(assignment_hours::tenant_id.eq(tenant))
            .select(AssignmentHours::as_select())
            .load(connection)
            .await?,
        calendar_hours: calendar_hours::table
            .filter(calendar_hours::tenant_id.eq(tenant))
            .select(CalendarHours::as_select())
            .load(connection)
            .await?,
        exceptions: schedule_exceptions::table
            .filter(
                schedule_exceptions::tenant_id
                    .eq(tenant)
                    .or(schedule_exceptions::clinic_id.eq_any(&places))
                    .or(schedule_exceptions::operatory_id.eq_any(&chairs)),
            )
            .select(ScheduleException::as_select())
            .load(connection)
            .await?,
        treatments: treatments::table
            .filter(treatments::tenant_id.eq(tenant))
            .order((treatments::code, treatments::id))
            .select(Treatment::as_select())
            .load(connection)
            .await?,
        treatment_providers: treatment_providers::table
            .filter(treatment_providers::tenant_id.eq(tenant))
            .select((
                treatment_providers::treatment_id,
                treatment_providers::provider_id,
            ))
            .load(connection)
            .await?,
        treatment_operatories: treatment_operatories::table
            .filter(treatment_operatories::tenant_id.eq(tenant))
            .select((
                treatment_operatories::treatment_id,
                treatment_operatories::operatory_id,
            ))
            .load(connection)
            .await?,
        treatment_equipment: treatment_equipment::table
            .filter(treatment_equipment::tenant_id.eq(tenant))
            .select((
                treatment_equipment::treatment_id,
                treatment_equipment::equipment_id,
            ))
            .load(connection)
            .await?,
        assignments,
        operatories,
    }))
}
