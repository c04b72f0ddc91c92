//! Holds of members: time kept while somebody decides.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use engine::command::Reply;
use schema::ids::HoldId;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::permissions::Permission;
use crate::auth::principal::Member;
use crate::holds::{self, Holder};
use crate::problem::Problem;
use crate::rest::appointments::{REPLAY_HEADER, key};
use crate::rest::input::{self, Input};
use crate::wire::appointment::AppointmentView;
use crate::wire::hold::{Confirmation, HoldProof, HoldView, NewHold};

/// Proves a hold where there is no body to do so.
pub const TOKEN_HEADER: &str = "X-Hold-Token";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenQuery {
    hold_token: Option<String>,
}

/// The hold's token in the header or the query.
#[must_use]
pub fn token(request: &HttpRequest) -> Option<String> {
    let header = request.headers().get(TOKEN_HEADER);
    let in_header = header.and_then(|value| value.to_str().ok());
    in_header.map(str::to_owned).or_else(|| {
        let query = web::Query::<TokenQuery>::from_query(request.query_string());
        query.ok().and_then(|query| query.into_inner().hold_token)
    })
}

/// The same, or in the body, if there is one.
///
/// # Errors
/// 400 for a body that is not JSON.
pub fn token_or_body(request: &HttpRequest, body: &web::Bytes) -> Result<Option<String>, Problem> {
    if let Some(token) = token(request) {
        return Ok(Some(token));
    }
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let proof: HoldProof = input::read(body)?;
    Ok(proof.hold_token)
}

/// An answer, which says so when it repeats an earlier one.
pub fn answer(status: StatusCode, view: &impl Serialize, reply: &Reply) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    if reply.replay {
        response.insert_header((REPLAY_HEADER, "true"));
    }
    response.json(view)
}

/// There is nothing to say but whether it is said again.
pub fn released(reply: &Reply) -> HttpResponse {
    let mut response = HttpResponse::NoContent();
    if reply.replay {
        response.insert_header((REPLAY_HEADER, "true"));
    }
    response.finish()
}

/// Keeps time for you. The answer's `holdToken` makes whoever has it the holder.
#[utoipa::path(post, path = "/holds", tag = "holds", request_body = NewHold,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = HoldView),
        (status = 409, description = "`slot_taken`, `patient_busy`"),
        (status = 422, description = "What the rules refuse, `hold_limit`")))]
pub async fn create(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    body: Input<NewHold>,
) -> Result<HttpResponse, Problem> {
    let holder = Holder::member(member)?;
    let (view, reply) = holds::place(&app, &holder, key(&request)?, body.0).await?;
    Ok(answer(StatusCode::CREATED, &view, &reply))
}

/// Keeps it longer.
#[utoipa::path(post, path = "/holds/{id}/renew", tag = "holds", request_body = Option<HoldProof>,
    params(("id" = Uuid, Path), ("X-Hold-Token" = Option<String>, Header)),
    responses((status = 200, body = HoldView),
        (status = 422, description = "`hold_expired`, `hold_limit`")))]
pub async fn renew(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    id: web::Path<HoldId>,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let holder = Holder::member(member)?;
    let token = token_or_body(&request, &body)?;
    let key = key(&request)?;
    let (view, reply) = holds::renew(&app, &holder, *id, token.as_deref(), key).await?;
    Ok(answer(StatusCode::OK, &view, &reply))
}

/// Lets go; again is no error.
#[utoipa::path(delete, path = "/holds/{id}", tag = "holds",
    params(("id" = Uuid, Path), ("X-Hold-Token" = Option<String>, Header)),
    responses((status = 204, description = "The time is free again"),
        (status = 422, description = "`hold_expired`")))]
pub async fn release(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    id: web::Path<HoldId>,
) -> Result<HttpResponse, Problem> {
    let holder = Holder::member(member)?;
    let token = token(&request);
    let key = key(&request)?;
    let reply = holds::release(&app, &holder, *id, token.as_deref(), key).await?;
    Ok(released(&reply))
}

/// Makes it an appointment. No rule is asked again: only a busy patient refuses, and the hold stays.
#[utoipa::path(post, path = "/holds/{id}/confirm", tag = "holds", request_body = Confirmation,
    params(("id" = Uuid, Path), ("Idempotency-Key" = Option<String>, Header),
        ("X-Hold-Token" = Option<String>, Header)),
    responses((status = 201, body = AppointmentView),
        (status = 409, description = "`patient_busy`"),
        (status = 422, description = "`hold_expired`, `not_your_patient`")))]
pub async fn confirm(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    id: web::Path<HoldId>,
    body: Input<Confirmation>,
) -> Result<HttpResponse, Problem> {
    let (token, key) = (token(&request), key(&request)?);
    let reply = holds::confirm(&app, &member, *id, token.as_deref(), key, body.0).await?;
    let view = AppointmentView::of(&reply, member.may(Permission::CanViewPatients))?;
    let mut response = answer(StatusCode::CREATED, &view, &reply);
    if let Ok(tag) = format!("\"{}\"", view.version).parse() {
        response
            .headers_mut()
            .insert(actix_web::http::header::ETAG, tag);
    }
    Ok(response)
}
