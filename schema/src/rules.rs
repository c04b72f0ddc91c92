//! Loading what decides when a practice may be booked, as of one moment.

use std::collections::{BTreeSet, HashMap, HashSet};

use diesel::QueryResult;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::ids::{ClinicId, OperatoryId, ProviderId, TenantId, TreatmentId};
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
    Ok(load_many(connection, &[tenant]).await?.pop())
}

/// As [`load`], of many tenants with the same number of statements; unknown ones are absent.
///
/// # Errors
/// When the database cannot be read.
pub async fn load_many(
    connection: &mut AsyncPgConnection,
    tenants: &[TenantId],
) -> QueryResult<Vec<TenantRows>> {
    connection
        .build_transaction()
        .read_only()
        .repeatable_read()
        .run(async |connection| read(connection, tenants).await)
        .await
}

/// The ids of the next `limit` tenants, by id.
///
/// # Errors
/// When the database cannot be read.
pub async fn tenants_after(
    connection: &mut AsyncPgConnection,
    after: Option<TenantId>,
    limit: i64,
) -> QueryResult<Vec<TenantId>> {
    let mut query = tenants::table
        .order(tenants::id)
        .select(tenants::id)
        .limit(limit)
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(tenants::id.gt(after));
    }
    query.load(connection).await
}

async fn read(
    connection: &mut AsyncPgConnection,
    wanted: &[TenantId],
) -> QueryResult<Vec<TenantRows>> {
    let tenants: Vec<Tenant> = tenants::table
        .filter(tenants::id.eq_any(wanted))
        .order(tenants::id)
        .select(Tenant::as_select())
        .load(connection)
        .await?;
    if tenants.is_empty() {
        return Ok(Vec::new());
    }
    let assignments: Vec<Assignment> = assignments::table
        .filter(assignments::tenant_id.eq_any(wanted))
        .order(assignments::id)
        .select(Assignment::as_select())
        .load(connection)
        .await?;
    let chairs: HashSet<OperatoryId> = assignments.iter().map(|row| row.operatory_id).collect();
    let chairs: Vec<OperatoryId> = chairs.into_iter().collect();
    let operatories: Vec<Operatory> = operatories::table
        .filter(operatories::id.eq_any(&chairs))
        .order((operatories::name, operatories::id))
        .select(Operatory::as_select())
        .load(connection)
        .await?;
    let places: HashSet<ClinicId> = operatories.iter().map(|row| row.clinic_id).collect();
    let places: Vec<ClinicId> = places.into_iter().collect();
    let clinics: Vec<Clinic> = clinics::table
        .filter(clinics::id.eq_any(&places))
        .order(clinics::id)
        .select(Clinic::as_select())
        .load(connection)
        .await?;
    let providers: Vec<Provider> = providers::table
        .filter(providers::tenant_id.eq_any(wanted))
        .order((providers::name, providers::id))
        .select(Provider::as_select())
        .load(connection)
        .await?;
    let equipment: Vec<Equipment> = equipment::table
        .filter(equipment::tenant_id.eq_any(wanted))
        .order(equipment::id)
        .select(Equipment::as_select())
        .load(connection)
        .await?;
    let assignment_hours: Vec<AssignmentHours> = assignment_hours::table
        .filter(assignment_hours::tenant_id.eq_any(wanted))
        .select(AssignmentHours::as_select())
        .load(connection)
        .await?;
    let calendar_hours: Vec<CalendarHours> = calendar_hours::table
        .filter(calendar_hours::tenant_id.eq_any(wanted))
        .select(CalendarHours::as_select())
        .load(connection)
        .await?;
    let exceptions: Vec<ScheduleException> = schedule_exceptions::table
        .filter(
            schedule_exceptions::tenant_id
                .eq_any(wanted)
                .or(schedule_exceptions::clinic_id.eq_any(&places))
                .or(schedule_exceptions::operatory_id.eq_any(&chairs)),
        )
        .select(ScheduleException::as_select())
        .load(connection)
        .await?;
    let treatments: Vec<Treatment> = treatments::table
        .filter(treatments::tenant_id.eq_any(wanted))
        .order((treatments::code, treatments::id))
        .select(Treatment::as_select())
        .load(connection)
        .await?;
    let treatment_providers: Vec<(TenantId, TreatmentId, ProviderId)> = treatment_providers::table
        .filter(treatment_providers::tenant_id.eq_any(wanted))
        .select(treatment_providers::all_columns)
        .load(connection)
        .await?;
    let treatment_operatories: Vec<(TenantId, TreatmentId, OperatoryId)> =
        treatment_operatories::table
            .filter(treatment_operatories::tenant_id.eq_any(wanted))
            .select(treatment_operatories::all_columns)
            .load(connection)
            .await?;
    let treatment_equipment: Vec<(TenantId, TreatmentId, uuid::Uuid)> = treatment_equipment::table
        .filter(treatment_equipment::tenant_id.eq_any(wanted))
        .select(treatment_equipment::all_columns)
        .load(connection)
        .await?;

    let mut by_tenant: HashMap<TenantId, TenantRows> = HashMap::new();
    let order: Vec<TenantId> = tenants.iter().map(|tenant| tenant.id).collect();
    for tenant in tenants {
        by_tenant.insert(tenant.id, TenantRows::without_rules(tenant));
    }
    share(
        &mut by_tenant,
        assignments,
        |row| row.tenant_id,
        |rows| &mut rows.assignments,
    );
    share(
        &mut by_tenant,
        providers,
        |row| row.tenant_id,
        |rows| &mut rows.providers,
    );
    share(
        &mut by_tenant,
        equipment,
        |row| row.tenant_id,
        |rows| &mut rows.equipment,
    );
    share(
        &mut by_tenant,
        assignment_hours,
        |row| row.tenant_id,
        |rows| &mut rows.assignment_hours,
    );
    share(
        &mut by_tenant,
        calendar_hours,
        |row| row.tenant_id,
        |rows| &mut rows.calendar_hours,
    );
    share(
        &mut by_tenant,
        treatments,
        |row| row.tenant_id,
        |rows| &mut rows.treatments,
    );
    for (tenant, treatment, provider) in treatment_providers {
        if let Some(rows) = by_tenant.get_mut(&tenant) {
            rows.treatment_providers.push((treatment, provider));
        }
    }
    for (tenant, treatment, operatory) in treatment_operatories {
        if let Some(rows) = by_tenant.get_mut(&tenant) {
            rows.treatment_operatories.push((treatment, operatory));
        }
    }
    for (tenant, treatment, equipment) in treatment_equipment {
        if let Some(rows) = by_tenant.get_mut(&tenant) {
            rows.treatment_equipment.push((treatment, equipment));
        }
    }
    let places = Places::new(&operatories, &clinics, &exceptions);
    let found = order.iter().filter_map(|id| by_tenant.remove(id));
    Ok(found.map(|rows| places.lent_to(rows)).collect())
}

/// Gives each tenant its own of the rows.
fn share<T>(
    by_tenant: &mut HashMap<TenantId, TenantRows>,
    all: Vec<T>,
    tenant: impl Fn(&T) -> TenantId,
    of: impl Fn(&mut TenantRows) -> &mut Vec<T>,
) {
    for row in all {
        if let Some(rows) = by_tenant.get_mut(&tenant(&row)) {
            of(rows).push(row);
        }
    }
}

/// What belongs to no tenant, found by what assignments name.
struct Places<'a> {
    /// By name, as they were read: a tenant's are told in that order.
    rank: HashMap<OperatoryId, usize>,
    operatories: &'a [Operatory],
    clinics: HashMap<ClinicId, &'a Clinic>,
    of_tenant: HashMap<TenantId, Vec<&'a ScheduleException>>,
    of_operatory: HashMap<OperatoryId, Vec<&'a ScheduleException>>,
    of_clinic: HashMap<ClinicId, Vec<&'a ScheduleException>>,
}

impl<'a> Places<'a> {
    fn new(
        operatories: &'a [Operatory],
        clinics: &'a [Clinic],
        exceptions: &'a [ScheduleException],
    ) -> Self {
        let mut places = Self {
            rank: operatories
                .iter()
                .enumerate()
                .map(|(rank, row)| (row.id, rank))
                .collect(),
            operatories,
            clinics: clinics.iter().map(|row| (row.id, row)).collect(),
            of_tenant: HashMap::new(),
            of_operatory: HashMap::new(),
            of_clinic: HashMap::new(),
        };
        for row in exceptions {
            // Exactly one of tenant, operatory and clinic: a provider's has its tenant.
            if let Some(id) = row.tenant_id {
                places.of_tenant.entry(id).or_default().push(row);
            } else if let Some(id) = row.operatory_id {
                places.of_operatory.entry(id).or_default().push(row);
            } else if let Some(id) = row.clinic_id {
                places.of_clinic.entry(id).or_default().push(row);
            }
        }
        places
    }

    /// With the operatories that the tenant's assignments name, their clinics, and the exceptions
    /// of all of these.
    fn lent_to(&self, mut rows: TenantRows) -> TenantRows {
        let ranks: BTreeSet<usize> = rows
            .assignments
            .iter()
            .filter_map(|row| self.rank.get(&row.operatory_id).copied())
            .collect();
        let chairs = ranks.iter().filter_map(|rank| self.operatories.get(*rank));
        rows.operatories = chairs.cloned().collect();
        let clinics: BTreeSet<ClinicId> =
            rows.operatories.iter().map(|row| row.clinic_id).collect();
        let known = clinics.iter().filter_map(|id| self.clinics.get(id));
        rows.clinics = known.map(|row| (*row).clone()).collect();
        let of_operatories = rows
            .operatories
            .iter()
            .filter_map(|row| self.of_operatory.get(&row.id));
        let of_clinics = clinics.iter().filter_map(|id| self.of_clinic.get(id));
        rows.exceptions = self
            .of_tenant
            .get(&rows.tenant.id)
            .into_iter()
            .chain(of_operatories)
            .chain(of_clinics)
            .flatten()
            .map(|row| (*row).clone())
            .collect();
        rows
    }
}

impl TenantRows {
    fn without_rules(tenant: Tenant) -> Self {
        Self {
            tenant,
            clinics: Vec::new(),
            operatories: Vec::new(),
            providers: Vec::new(),
            equipment: Vec::new(),
            assignments: Vec::new(),
            assignment_hours: Vec::new(),
            calendar_hours: Vec::new(),
            exceptions: Vec::new(),
            treatments: Vec::new(),
            treatment_providers: Vec::new(),
            treatment_operatories: Vec::new(),
            treatment_equipment: Vec::new(),
        }
    }
}

/// Tells every process that a tenant's hours, exceptions, treatments or policy change in this
/// transaction, and answers the rules' new version. Call it *before* changing anything: it takes
/// the calendars that the rules govern, and a booking that has those never waits for a row that
/// this transaction has changed.
///
/// # Errors
/// When the transaction's settings do not name the tenant; when the database cannot be reached.
pub async fn tenant_changes(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
) -> QueryResult<i64> {
    diesel::select(tenant_rules_changed(tenant))
        .get_result(connection)
        .await
}

/// As [`tenant_changes`], of a clinic and its operatories.
///
/// # Errors
/// When the transaction is no super admin's; when the database cannot be reached.
pub async fn clinic_changes(
    connection: &mut AsyncPgConnection,
    clinic: ClinicId,
) -> QueryResult<i64> {
    diesel::select(clinic_rules_changed(clinic))
        .get_result(connection)
        .await
}

#[diesel::declare_sql_function]
extern "SQL" {
    fn tenant_rules_changed(wanted: diesel::sql_types::Uuid) -> diesel::sql_types::BigInt;
    fn clinic_rules_changed(wanted: diesel::sql_types::Uuid) -> diesel::sql_types::BigInt;
}
