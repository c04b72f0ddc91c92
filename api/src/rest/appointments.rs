//! Appointments: booked, moved and read.

mod list;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use engine::command::Reply;
use schema::appointments;
use schema::ids::AppointmentId;
use schema::tenancy;

use crate::actions::{self, Action, Occurrences, target};
use crate::app::App;
use crate::auth::permissions::Permission;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::Input;
use crate::wire::appointment::{
    AppointmentView, Cancellation, NewAppointment, NewLength, NewNotes, NewStatus, NewTime,
};
use crate::wire::outcome::Outcome;
use crate::wire::repeat::ScopeQuery;
use crate::wire::replan::{AppointmentsView, NewSwap};

pub use list::{__path_list, list};

/// The client's name for one command: repeated, it gets the first answer.
const KEY_HEADER: &str = "Idempotency-Key";
/// Answers that repeat an earlier one say so.
pub(crate) const REPLAY_HEADER: &str = "Idempotent-Replay";

pub(crate) fn key(request: &HttpRequest) -> Result<Option<String>, Problem> {
    request
        .headers()
        .get(KEY_HEADER)
        .map(|value| {
            let text = value.to_str().map(str::to_owned);
            text.map_err(|_| Problem::invalid(KEY_HEADER, "plain ASCII text"))
        })
        .transpose()
}

/// The version in `If-Match`; `*` is any.
pub(crate) fn seen(request: &HttpRequest) -> Result<Option<i64>, Problem> {
    let Some(value) = request.headers().get(header::IF_MATCH) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let version = text.trim_start_matches("W/").trim_matches('"').parse();
    version
        .map(Some)
        .map_err(|_| Problem::invalid("If-Match", "the ETag of what is changed"))
}

/// Which occurrences of something that repeats are meant, and the version that the asker saw.
pub(super) fn occurrences<I>(
    request: &HttpRequest,
    id: I,
    scope: &ScopeQuery,
) -> Result<Occurrences<I>, Problem> {
    let version = seen(request)?;
    let (scope, which) = scope.read()?;
    Ok(Occurrences {
        id,
        version,
        scope,
        which,
    })
}

/// An answer with its ETag.
pub(crate) fn answer(status: StatusCode, outcome: &Outcome, replay: bool) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    if let Some(version) = outcome.version() {
        response.insert_header((header::ETAG, format!("\"{version}\"")));
    }
    if replay {
        response.insert_header((REPLAY_HEADER, "true"));
    }
    response.json(outcome)
}

/// Has it done and answers it.
pub(super) async fn act(
    app: &App,
    member: &Member,
    request: &HttpRequest,
    status: StatusCode,
    action: Action,
) -> Result<HttpResponse, Problem> {
    let reply: Reply = actions::run(app, member, key(request)?, action).await?;
    let outcome = Outcome::of(&reply, member.may(Permission::CanViewPatients))?;
    Ok(answer(status, &outcome, reply.replay))
}

/// Books a visit: every calendar that it needs, or none.
#[utoipa::path(post, path = "/appointments", tag = "appointments", request_body = NewAppointment,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = AppointmentView)))]
pub async fn create(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    body: Input<NewAppointment>,
) -> Result<HttpResponse, Problem> {
    act(
        &app,
        &member,
        &request,
        StatusCode::CREATED,
        Action::Book(body.0),
    )
    .await
}

/// An appointment, with its version as ETag.
#[utoipa::path(get, path = "/appointments/{id}", tag = "appointments",
    params(("id" = Uuid, Path)), responses((status = 200, body = AppointmentView)))]
pub async fn get(
    app: web::Data<App>,
    member: Member,
    id: web::Path<AppointmentId>,
) -> Result<HttpResponse, Problem> {
    let found = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        let found = appointments::find(connection, member.tenant(), *id).await?;
        found.ok_or_else(Problem::not_found)
    })
    .await?;
    let view = AppointmentView::new(found, member.may(Permission::CanViewPatients));
    let outcome = Outcome::Appointment(Box::new(view));
    Ok(answer(StatusCode::OK, &outcome, false))
}

/// Changes the notes.
#[utoipa::path(patch, path = "/appointments/{id}", tag = "appointments", request_body = NewNotes,
    params(("id" = Uuid, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = AppointmentView)))]
pub async fn update(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    id: web::Path<AppointmentId>,
    body: Input<NewNotes>,
) -> Result<HttpResponse, Problem> {
    let action = Action::EditNotes(target(*id, seen(&request)?), body.0);
    act(&app, &member, &request, StatusCode::OK, action).await
}

/// Moves a visit: the old time comes free and the new one is taken in the same moment.
#[utoipa::path(post, path = "/appointments/{id}/reschedule", tag = "appointments",
    request_body = NewTime, params(("id" = Uuid, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = AppointmentView)))]
pub async fn reschedule(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    id: web::Path<AppointmentId>,
    body: Input<NewTime>,
) -> Result<HttpResponse, Problem> {
    let action = Action::Reschedule(target(*id, seen(&request)?), body.0);
    act(&app, &member, &request, StatusCode::OK, action).await
}

/// Makes a visit longer or shorter, from the same start.
#[utoipa::path(post, path = "/appointments/{id}/resize", tag = "appointments",
    request_body = NewLength, params(("id" = Uuid, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = AppointmentView)))]
pub async fn resize(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    id: web::Path<AppointmentId>,
    body: Input<NewLength>,
) -> Result<HttpResponse, Problem> {
    let action = Action::Resize(target(*id, seen(&request)?), body.0);
    act(&app, &member, &request, StatusCode::OK, action).await
}

/// Lets two visits change places, in one moment: times, and providers and operatories as far as the
/// rules let both.
#[utoipa::path(post, path = "/appointments/swap", tag = "appointments", request_body = NewSwap,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = AppointmentsView),
        (status = 409, description = "`slot_taken`, `patient_busy`, `wrong_status`"),
        (status = 412, description = "`stale`")))]
pub async fn swap(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    body: Input<NewSwap>,
) -> Result<HttpResponse, Problem> {
    act(
        &app,
        &member,
        &request,
        StatusCode::OK,
        Action::Swap(body.0),
    )
    .await
}

/// Cancels a visit; its time comes free.
#[utoipa::path(post, path = "/appointments/{id}/cancel", tag = "appointments",
    request_body = Cancellation, params(("id" = Uuid, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = AppointmentView)))]
pub async fn cancel(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    id: web::Path<AppointmentId>,
    body: Input<Cancellation>,
) -> Result<HttpResponse, Problem> {
    let action = Action::Cancel(target(*id, seen(&request)?), body.0);
    act(&app, &member, &request, StatusCode::OK, action).await
}

/// Sets where a visit stands.
#[utoipa::path(post, path = "/appointments/{id}/status", tag = "appointments",
    request_body = NewStatus, params(("id" = Uuid, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = AppointmentView)))]
pub async fn set_status(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    id: web::Path<AppointmentId>,
    body: Input<NewStatus>,
) -> Result<HttpResponse, Problem> {
    let action = Action::SetStatus(target(*id, seen(&request)?), body.0);
    act(&app, &member, &request, StatusCode::OK, action).await
}
