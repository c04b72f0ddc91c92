//! A patient's visits to all their dentists, and what they may do about one: confirm it, or cancel
//! it while the practice's policy lets them.

use std::collections::BTreeSet;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, TimeDelta, Utc};
use engine::command::{Cancel, Command, Request, SetStatus};
use engine::scheduling::placement::Asker;
use engine::scheduling::policy::Policy;
use engine::scheduling::rejection::Rejection;
use schema::ids::{AppointmentId, TenantId};
use schema::models::appointment::Status;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::visits::{self, Row};
use crate::actions;
use crate::app::App;
use crate::audit::Who;
use crate::auth::principal::Principal;
use crate::problem::Problem;
use crate::rest::appointments::{answer, key, seen};
use crate::rest::input::{Input, Params};
use crate::rest::language::Language;
use crate::rest::page::{Page, PageQuery};
use crate::wire::appointment::{AppointmentView, Cancellation};
use crate::wire::outcome::Outcome;
use crate::wire::time;

/// Which visits.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MyFilter {
    /// Those that end after this moment: RFC 3339 with an offset.
    from: Option<String>,
    /// Those that begin before this moment.
    to: Option<String>,
}

/// A visit, past or to come.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MyAppointment {
    id: Uuid,
    /// Its ETag.
    version: i64,
    /// `scheduled`, `confirmed`, `arrived`, `in_chair`, `completed`, `cancelled` or `no_show`.
    status: String,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    tenant_id: Uuid,
    practice_name: String,
    subdomain: String,
    /// Times are shown in the practice's.
    zone: String,
    patient_id: Uuid,
    dentist_id: Uuid,
    dentist_name: String,
    treatment_id: Uuid,
    treatment_name: String,
    operatory_id: Uuid,
    operatory_name: String,
    clinic_name: String,
    clinic_address: String,
    /// Until when you may cancel it yourself; absent where that is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancellable_until: Option<DateTime<Utc>>,
}

impl Row {
    /// Whether the visit is still to come for everybody.
    fn waits(&self) -> bool {
        matches!(self.status.as_str(), "scheduled" | "confirmed")
    }

    /// Until when the patient may cancel it.
    fn deadline(&self) -> DateTime<Utc> {
        let policy: Policy = serde_json::from_value(self.policy.clone()).unwrap_or_default();
        self.start_at - TimeDelta::minutes(policy.cancellation_min)
    }

    fn view(self, language: Language, now: DateTime<Utc>) -> MyAppointment {
        let deadline = self.deadline();
        let open = self.waits() && now < deadline;
        MyAppointment {
            id: self.id,
            version: self.version,
            start: self.start_at,
            end: self.end_at,
            tenant_id: self.tenant_id,
            practice_name: self.practice_name,
            subdomain: self.subdomain,
            zone: self.zone,
            patient_id: self.patient_id,
            dentist_id: self.provider_id,
            dentist_name: self.provider_name,
            treatment_id: self.treatment_id,
            treatment_name: language.pick(&self.name_es, &self.name_en),
            operatory_id: self.operatory_id,
            operatory_name: self.operatory_name,
            clinic_name: self.clinic_name,
            clinic_address: self.clinic_address,
            cancellable_until: open.then_some(deadline),
            status: self.status,
        }
    }
}

/// Your visits to all your dentists, the latest first.
#[utoipa::path(get, path = "/me/appointments", tag = "me", params(MyFilter, PageQuery),
    responses((status = 200, body = Page<MyAppointment>)))]
pub async fn list(
    app: web::Data<App>,
    principal: Principal,
    request: HttpRequest,
    filter: Params<MyFilter>,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<MyAppointment>>, Problem> {
    let account = principal.account()?;
    let (limit, after) = (page.limit()?, page.after::<(DateTime<Utc>, Uuid)>()?);
    let moment = |field: &str, given: &Option<String>| {
        let given = given.as_deref();
        given
            .map(|text| time::parse(field, text).map(|minute| minute.to_utc()))
            .transpose()
    };
    let (from, to) = (moment("from", &filter.from)?, moment("to", &filter.to)?);
    let rows = visits::list(&app, &principal, (from, to), after, limit + 1).await?;
    let language = Language::of(&request, account.language.locale());
    let now = Utc::now();
    Ok(web::Json(Page::of(
        rows,
        limit,
        |row| (row.start_at, row.id),
        |row| row.view(language, now),
    )))
}

/// Cancel a visit; its time comes free.
#[utoipa::path(post, path = "/me/appointments/{id}/cancel", tag = "me",
    request_body = Cancellation,
    params(("id" = Uuid, Path), ("If-Match" = Option<String>, Header),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = AppointmentView),
        (status = 409, description = "`wrong_status`"),
        (status = 422, description = "`too_soon`: the practice wants to know earlier")))]
pub async fn cancel(
    app: web::Data<App>,
    principal: Principal,
    request: HttpRequest,
    id: web::Path<AppointmentId>,
    Input(body): Input<Cancellation>,
) -> Result<HttpResponse, Problem> {
    let found = visits::find(&app, &principal, *id).await?;
    let deadline = found.deadline();
    if found.waits() && deadline <= Utc::now() {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "too_soon",
            "It is too late to cancel here: call the practice.",
        ));
    }
    // One that is cancelled already goes on: the same key gets its first answer.
    if !found.waits() && found.status != "cancelled" {
        return Err(Rejection::WrongStatus.into());
    }
    let command = Command::Cancel(Cancel {
        appointment: actions::target(*id, seen(&request)?),
        reason: body.reason,
        code: None,
    });
    act(&app, &principal, &request, &found, command).await
}

/// Say that you will come.
#[utoipa::path(post, path = "/me/appointments/{id}/confirm", tag = "me",
    params(("id" = Uuid, Path), ("If-Match" = Option<String>, Header),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = AppointmentView),
        (status = 409, description = "`wrong_status`")))]
pub async fn confirm(
    app: web::Data<App>,
    principal: Principal,
    request: HttpRequest,
    id: web::Path<AppointmentId>,
) -> Result<HttpResponse, Problem> {
    let found = visits::find(&app, &principal, *id).await?;
    // One that is confirmed already goes on, as above.
    if !found.waits() {
        return Err(Rejection::WrongStatus.into());
    }
    let command = Command::SetStatus(SetStatus {
        appointment: actions::target(*id, seen(&request)?),
        status: Status::Confirmed,
        overrides: BTreeSet::new(),
    });
    act(&app, &principal, &request, &found, command).await
}

/// Has it done in the practice's name, as what somebody outside may ask for. Also in a suspended
/// practice: its patients keep access to their visits.
async fn act(
    app: &App,
    principal: &Principal,
    request: &HttpRequest,
    found: &Row,
    command: Command,
) -> Result<HttpResponse, Problem> {
    let key = key(request)?;
    actions::check_key(key.as_deref())?;
    let tenant = TenantId(found.tenant_id);
    let request = Request {
        tenant,
        asker: Asker::Public,
        principal: principal.actor(),
        user: principal.user(),
        origin: Who::from(principal).in_tenant(tenant).origin(),
        key,
        command,
    };
    let reply = actions::attempt(app, request)
        .await
        .map_err(Problem::without_conflict)?;
    let mut view = AppointmentView::of(&reply, true)?;
    // The practice's own.
    view.notes = None;
    let outcome = Outcome::Appointment(Box::new(view));
    Ok(answer(StatusCode::OK, &outcome, reply.replay))
}
