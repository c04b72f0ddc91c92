//! Guests' holds: a time stays theirs while they type their name.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use schema::ids::HoldId;

use crate::app::App;
use crate::holds::{self, Holder};
use crate::problem::Problem;
use crate::public::Guest;
use crate::public::booking::{self, BookingView, PublicConfirmation};
use crate::public::limits::Kind;
use crate::rest::appointments::key;
use crate::rest::holds::{answer, released, token, token_or_body};
use crate::rest::input::Input;
use crate::rest::language::Language;
use crate::wire::hold::{HoldProof, HoldView, NewHold};

/// Keeps a time for a guest. At most two live holds per `X-Session-Id`, three per network.
#[utoipa::path(post, path = "/public/{subdomain}/holds", tag = "public", security(()),
    request_body = NewHold,
    params(("subdomain" = String, Path), ("Idempotency-Key" = Option<String>, Header),
        ("X-Session-Id" = Option<String>, Header)),
    responses((status = 201, body = HoldView), (status = 403, description = "`suspended`"),
        (status = 409, description = "`slot_taken`"),
        (status = 422, description = "What the rules refuse, `hold_limit`"),
        (status = 429, description = "`rate_limited`")))]
pub async fn create(
    app: web::Data<App>,
    request: HttpRequest,
    subdomain: web::Path<String>,
    body: Input<NewHold>,
) -> Result<HttpResponse, Problem> {
    let guest = Guest::of(&app, &request, &subdomain, Kind::Changing).await?;
    let holder = Holder::Guest(guest);
    let (view, reply) = holds::place(&app, &holder, key(&request)?, body.0).await?;
    Ok(answer(StatusCode::CREATED, &view, &reply))
}

/// Keeps it longer, up to fifteen minutes in all.
#[utoipa::path(post, path = "/public/{subdomain}/holds/{id}/renew", tag = "public", security(()),
    request_body = Option<HoldProof>,
    params(("subdomain" = String, Path), ("id" = Uuid, Path),
        ("X-Hold-Token" = Option<String>, Header)),
    responses((status = 200, body = HoldView), (status = 404, description = "`not_found`"),
        (status = 422, description = "`hold_expired`, `hold_limit`")))]
pub async fn renew(
    app: web::Data<App>,
    request: HttpRequest,
    path: web::Path<(String, HoldId)>,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let (subdomain, id) = path.into_inner();
    let holder = Holder::Guest(Guest::of(&app, &request, &subdomain, Kind::Changing).await?);
    let token = token_or_body(&request, &body)?;
    let key = key(&request)?;
    let (view, reply) = holds::renew(&app, &holder, id, token.as_deref(), key).await?;
    Ok(answer(StatusCode::OK, &view, &reply))
}

/// Lets go; again is no error.
#[utoipa::path(delete, path = "/public/{subdomain}/holds/{id}", tag = "public", security(()),
    request_body = Option<HoldProof>,
    params(("subdomain" = String, Path), ("id" = Uuid, Path),
        ("X-Hold-Token" = Option<String>, Header)),
    responses((status = 204, description = "The time is free again"),
        (status = 404, description = "`not_found`"),
        (status = 422, description = "`hold_expired`")))]
pub async fn release(
    app: web::Data<App>,
    request: HttpRequest,
    path: web::Path<(String, HoldId)>,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let (subdomain, id) = path.into_inner();
    let holder = Holder::Guest(Guest::of(&app, &request, &subdomain, Kind::Changing).await?);
    let token = token_or_body(&request, &body)?;
    let key = key(&request)?;
    let reply = holds::release(&app, &holder, id, token.as_deref(), key).await?;
    Ok(released(&reply))
}

/// Books the held time. The answer is the same whether the patient is known or not; its
/// `manageToken` is the way back to the booking.
#[utoipa::path(post, path = "/public/{subdomain}/holds/{id}/confirm", tag = "public", security(()),
    request_body = PublicConfirmation,
    params(("subdomain" = String, Path), ("id" = Uuid, Path),
        ("Idempotency-Key" = Option<String>, Header), ("X-Hold-Token" = Option<String>, Header)),
    responses((status = 201, body = BookingView), (status = 404, description = "`not_found`"),
        (status = 422, description = "`hold_expired`, `hold_limit`, `validation`")))]
pub async fn confirm(
    app: web::Data<App>,
    request: HttpRequest,
    path: web::Path<(String, HoldId)>,
    body: Input<PublicConfirmation>,
) -> Result<HttpResponse, Problem> {
    let (subdomain, id) = path.into_inner();
    let guest = Guest::of(&app, &request, &subdomain, Kind::Changing).await?;
    let language = Language::of(&request, &guest.practice.locale);
    let (token, key) = (token(&request), key(&request)?);
    let token = token.as_deref();
    let (view, reply) = booking::confirm(&app, &guest, id, token, key, language, body.0).await?;
    Ok(answer(StatusCode::CREATED, &view, &reply))
}
