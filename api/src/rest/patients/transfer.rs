//! Handing a patient over to another practice: their relation begins and one's own ends, in one
//! transaction. What the patient has booked here stays, unless it is to be cancelled.

use actix_web::http::StatusCode;
use actix_web::web;
use chrono::Utc;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use garde::Validate;
use schema::audit_log;
use schema::ids::{AppointmentId, PatientId, TenantId};
use schema::patients::links::{self, Transferred};
use schema::schema::appointments;
use schema::tenancy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::relation::{self, Relation};
use crate::actions::{self, Action};
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::permissions::Permission;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::request;
use crate::rest::input::Input;
use crate::wire::appointment::Cancellation;

const REASON_BYTES_MAX: usize = 500;

/// To whom, and what becomes of what is here.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Transfer {
    /// The other practice: this or `toSubdomain`.
    #[serde(default, alias = "toTenant", alias = "tenantId")]
    #[garde(skip)]
    #[schema(value_type = Option<Uuid>)]
    to_tenant_id: Option<TenantId>,
    /// The other practice by its public address.
    #[serde(default)]
    #[garde(inner(length(bytes, max = 63)))]
    to_subdomain: Option<String>,
    /// Keep one's own relation too: a second opinion, a referral.
    #[serde(default)]
    #[garde(skip)]
    keep_relation: bool,
    /// Cancel the patient's visits to come here. Without, they stay.
    #[serde(default)]
    #[garde(skip)]
    cancel_appointments: bool,
    /// Of the cancellations.
    #[serde(default)]
    #[garde(inner(length(bytes, max = REASON_BYTES_MAX)))]
    reason: Option<String>,
}

/// How the patient stands now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransferredPatient {
    #[schema(value_type = Uuid)]
    patient_id: PatientId,
    #[schema(value_type = Uuid)]
    to_tenant_id: TenantId,
    /// One's own relation.
    relation: Relation,
    /// Visits that were cancelled.
    cancelled: Vec<Uuid>,
    /// Visits to come that are still in the calendar.
    kept: Vec<Uuid>,
}

/// Give the patient over to another practice, which has to exist, not to be suspended, and to have
/// room in its plan (422 `plan_limit`). The medical facts are the patient's and go with them; notes
/// and history stay here.
#[utoipa::path(post, path = "/patients/{id}/transfer", tag = "patients",
    params(("id" = Uuid, Path)), request_body = Transfer,
    responses((status = 200, body = TransferredPatient), (status = 404), (status = 422)))]
pub async fn transfer(
    app: web::Data<App>,
    member: Member,
    id: web::Path<PatientId>,
    Input(given): Input<Transfer>,
) -> Result<web::Json<TransferredPatient>, Problem> {
    if given.cancel_appointments {
        member.require_change(Permission::CanManageAppointments)?;
    }
    let (tenant, id) = (member.tenant(), *id);
    let (to, relation, to_come) =
        tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
            let to = given.to(connection).await?;
            audit_log::set_origin(connection, &request::origin()).await?;
            let outcome = links::transfer(connection, tenant, to, id, given.keep_relation).await?;
            match outcome {
                Transferred::Done => {}
                Transferred::NoPatient => return Err(Problem::not_found()),
                Transferred::NoPractice => return Err(no_practice()),
                Transferred::Full => {
                    return Err(Problem::new(
                        StatusCode::UNPROCESSABLE_ENTITY,
                        "plan_limit",
                        "The other practice has as many patients as its plan allows.",
                    ));
                }
            }
            let entry = Entry::new("patient.transferred").on(id);
            let entry = entry.after(serde_json::json!({ "toTenantId": to,
                "keepRelation": given.keep_relation }));
            audit::record(connection, &member, entry).await?;
            let relation = relation::read(connection, tenant, id).await?;
            let to_come = to_come(connection, tenant, id).await?;
            Ok::<_, Problem>((to, relation, to_come))
        })
        .await?;
    app.patients.forget(tenant, id);
    app.patients.forget(to, id);
    let (mut cancelled, mut kept) = (Vec::new(), Vec::new());
    for visit in to_come {
        let done =
            given.cancel_appointments && cancel(&app, &member, visit, given.reason.clone()).await;
        if done { &mut cancelled } else { &mut kept }.push(visit.0);
    }
    Ok(web::Json(TransferredPatient {
        patient_id: id,
        to_tenant_id: to,
        relation,
        cancelled,
        kept,
    }))
}

impl Transfer {
    /// The other practice's id.
    async fn to(&self, connection: &mut AsyncPgConnection) -> Result<TenantId, Problem> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Uuid)]
            tenant_id: TenantId,
        }
        match (self.to_tenant_id, &self.to_subdomain) {
            (Some(id), None) => Ok(id),
            (None, Some(subdomain)) => {
                let found: Option<Row> =
                    diesel::sql_query("SELECT tenant_id FROM lookup_practice($1)")
                        .bind::<diesel::sql_types::Text, _>(subdomain)
                        .get_result(connection)
                        .await
                        .optional()?;
                Ok(found.ok_or_else(no_practice)?.tenant_id)
            }
            _ => Err(Problem::invalid(
                "toTenantId",
                "this or toSubdomain is needed, not both",
            )),
        }
    }
}

fn no_practice() -> Problem {
    Problem::invalid("toTenantId", "is no other practice that takes patients")
}

async fn to_come(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    id: PatientId,
) -> Result<Vec<AppointmentId>, Problem> {
    Ok(appointments::table
        .filter(appointments::tenant_id.eq(tenant))
        .filter(appointments::patient_id.eq(id))
        .filter(appointments::start_at.gt(Utc::now()))
        .filter(appointments::status.eq_any(["scheduled", "confirmed"]))
        .order((appointments::start_at, appointments::id))
        .select(appointments::id)
        .load(connection)
        .await?)
}

/// Whether the visit was cancelled. One that cannot be stays, and is told among those that did.
async fn cancel(app: &App, member: &Member, id: AppointmentId, reason: Option<String>) -> bool {
    let cancellation = Cancellation {
        reason: reason.unwrap_or_default(),
        reason_code: None,
    };
    let action = Action::Cancel(actions::target(id, None), cancellation);
    actions::run(app, member, None, action).await.is_ok()
}
