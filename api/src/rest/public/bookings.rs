//! Bookings by their `manageToken`.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::app::App;
use crate::problem::Problem;
use crate::public::booking::BookingView;
use crate::public::limits::Kind;
use crate::public::manage::{self, Opened};
use crate::rest::appointments::{REPLAY_HEADER, key};
use crate::rest::input::Input;
use crate::wire::appointment::{Cancellation, NewTime};

fn answer((view, replay): (BookingView, bool)) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::OK);
    if replay {
        response.insert_header((REPLAY_HEADER, "true"));
    }
    response.json(view)
}

/// The booking of a token.
#[utoipa::path(get, path = "/public/appointments/{manageToken}", tag = "public", security(()),
    params(("manageToken" = String, Path)),
    responses((status = 200, body = BookingView), (status = 404, description = "`not_found`")))]
pub async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    token: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let opened = manage::open(&app, &request, &token, Kind::Reading).await?;
    Ok(HttpResponse::Ok().json(opened.view(&app).await?))
}

/// Gives its time back, until the practice's window before it begins.
#[utoipa::path(post, path = "/public/appointments/{manageToken}/cancel", tag = "public",
    security(()), request_body = Cancellation,
    params(("manageToken" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = BookingView), (status = 404, description = "`not_found`"),
        (status = 409, description = "`wrong_status`"), (status = 422, description = "`too_soon`")))]
pub async fn cancel(
    app: web::Data<App>,
    request: HttpRequest,
    token: web::Path<String>,
    body: Input<Cancellation>,
) -> Result<HttpResponse, Problem> {
    let opened: Opened = manage::open(&app, &request, &token, Kind::Changing).await?;
    let key = key(&request)?;
    opened.cancel(&app, key, body.0).await.map(answer)
}

/// Moves it to another time that is free for the public.
#[utoipa::path(post, path = "/public/appointments/{manageToken}/reschedule", tag = "public",
    security(()), request_body = NewTime,
    params(("manageToken" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = BookingView), (status = 404, description = "`not_found`"),
        (status = 409, description = "`slot_taken`, `wrong_status`"),
        (status = 422, description = "`too_soon`, what the rules refuse")))]
pub async fn reschedule(
    app: web::Data<App>,
    request: HttpRequest,
    token: web::Path<String>,
    body: Input<NewTime>,
) -> Result<HttpResponse, Problem> {
    let opened: Opened = manage::open(&app, &request, &token, Kind::Changing).await?;
    let key = key(&request)?;
    opened.reschedule(&app, key, body.0).await.map(answer)
}
