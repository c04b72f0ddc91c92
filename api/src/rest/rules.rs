//! Changing what decides when something may be booked: hours, exceptions, treatments, who and what
//! there is. Every such change goes through [`change`], so that no booking is committed by old
//! rules; and whoever makes it hears which visits it leaves out ([`change_and_tell`]).

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use engine::scheduling::rulebook::RuleBook;
use schema::ids::{ClinicId, TenantId};
use schema::models::appointment::{Appointment, Status};
use schema::schema::{appointments, clinics};
use schema::tenancy::{self, Access};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::auth::permissions::Permission;
use crate::auth::principal::Member;
use crate::problem::Problem;

/// Visits that are told of one change; the count tells how many there are.
const TOLD_MAX: usize = 500;

/// Whose rules.
#[derive(Clone, Copy, Debug)]
pub enum Rules {
    Tenant(TenantId),
    /// Everybody's who works there.
    Clinic(ClinicId),
}

/// Runs `work` in a transaction that changes these rules. Bookings that were decided by the old
/// ones are decided again; what this process is asked next, it answers by the new ones.
///
/// # Errors
/// What `work` answers, and then nothing is changed; 404 for a clinic that there is not.
pub async fn change<T>(
    app: &App,
    access: &Access,
    rules: Rules,
    work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let outcome = tenancy::transaction(&app.app_pool, access, async |connection| {
        match rules {
            Rules::Tenant(tenant) => {
                schema::rules::tenant_changes(connection, tenant).await?;
            }
            Rules::Clinic(clinic) => {
                clinics::table
                    .find(clinic)
                    .select(clinics::id)
                    .first::<ClinicId>(connection)
                    .await?;
                schema::rules::clinic_changes(connection, clinic).await?;
            }
        }
        work(connection).await
    })
    .await;
    // Also after a failure: the answer to COMMIT may have been lost.
    match rules {
        Rules::Tenant(tenant) => app.engine.rules_changed(tenant),
        Rules::Clinic(clinic) => app.engine.clinic_rules_changed(clinic),
    }
    outcome
}

/// A row as it is after its change, and what else the change did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Changed<T> {
    #[serde(flatten)]
    pub row: T,
    /// Visits to come that lay within hours and no longer do, the earliest 500. They stay booked:
    /// move or cancel them.
    pub appointments_outside: Vec<LeftOut>,
    /// How many there are.
    pub appointments_outside_count: usize,
}

/// A visit that a change of rules leaves out.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    id: Uuid,
    tenant_id: Uuid,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    dentist_id: Uuid,
    operatory_id: Uuid,
    /// For the practice itself only.
    #[serde(skip_serializing_if = "Option::is_none")]
    patient_id: Option<Uuid>,
}

/// As [`change`], and answers with the visits to come that the change leaves out, of `tenants`.
/// `with_patients`: whether the asker may know whose they are.
///
/// # Errors
/// As [`change`]; 503 without a database.
pub async fn change_and_tell<T>(
    app: &App,
    access: &Access,
    rules: Rules,
    tenants: &[TenantId],
    with_patients: bool,
    work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, Problem>,
) -> Result<Changed<T>, Problem> {
    let mut books = Vec::new();
    for tenant in tenants {
        books.push(app.engine.rules(*tenant).await?);
    }
    let row = change(app, access, rules, work).await?;
    let mut visits = Vec::new();
    for before in books {
        visits.extend(left_out(app, access, &before).await?);
    }
    visits.sort_by_key(|visit| (visit.span, visit.id));
    let count = visits.len();
    visits.truncate(TOLD_MAX);
    Ok(Changed {
        row,
        appointments_outside: visits
            .into_iter()
            .map(|visit| LeftOut {
                id: visit.id.0,
                tenant_id: visit.tenant.0,
                start: visit.span.start().to_utc(),
                end: visit.span.end().to_utc(),
                dentist_id: visit.provider.0,
                operatory_id: visit.operatory.0,
                patient_id: with_patients.then_some(visit.patient.0),
            })
            .collect(),
        appointments_outside_count: count,
    })
}

/// The same of the member's own practice.
///
/// # Errors
/// As [`change_and_tell`].
pub async fn change_own<T>(
    app: &App,
    member: &Member,
    work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, Problem>,
) -> Result<Changed<T>, Problem> {
    let tenant = member.tenant();
    let with_patients = member.may(Permission::CanViewPatients);
    let (access, rules) = (member.access(), Rules::Tenant(tenant));
    change_and_tell(app, &access, rules, &[tenant], with_patients, work).await
}

/// A practice's visits to come that the rules covered as they were `before`, and no longer do.
async fn left_out(
    app: &App,
    access: &Access,
    before: &RuleBook,
) -> Result<Vec<Appointment>, Problem> {
    let after = app.engine.rules(before.tenant).await?;
    if before.seen == after.seen {
        return Ok(Vec::new());
    }
    let mut visits = to_come(app, access, before.tenant).await?;
    visits.retain(|visit| before.covers(visit) && !after.covers(visit));
    Ok(visits)
}

/// A practice's visits that are not over and take time.
async fn to_come(
    app: &App,
    access: &Access,
    tenant: TenantId,
) -> Result<Vec<Appointment>, Problem> {
    // A super admin's, too, is a look into one practice.
    let access = Access {
        tenants: vec![tenant],
        ..access.clone()
    };
    let now = app.engine.clock().minute().to_utc();
    let taking_time: Vec<&str> = Status::ALL
        .iter()
        .filter(|status| status.takes_time())
        .map(|status| status.name())
        .collect();
    let rows: Vec<schema::appointments::Row> =
        tenancy::transaction(&app.app_pool, &access, async |connection| {
            let rows = appointments::table
                .filter(appointments::tenant_id.eq(tenant))
                // No visit is longer than a day: the index on its start is enough.
                .filter(appointments::start_at.gt(now - chrono::TimeDelta::days(1)))
                .filter(appointments::end_at.gt(now))
                .filter(appointments::status.eq_any(taking_time))
                .select(schema::appointments::Row::as_select())
                .load(connection)
                .await?;
            Ok::<_, Problem>(rows)
        })
        .await?;
    rows.into_iter()
        .map(|row| Appointment::try_from(row).map_err(Problem::from))
        .collect()
}
