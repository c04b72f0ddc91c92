//! Series: visits that repeat.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use schema::ids::SeriesId;
use schema::{appointments as visits, series, tenancy};

use super::appointments::{act, answer, occurrences};
use crate::actions::{self, Action};
use crate::app::App;
use crate::auth::permissions::Permission;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::{self, Input, Params};
use crate::wire::outcome::Outcome;
use crate::wire::repeat::ScopeQuery;
use crate::wire::series::{NewSeries, SeriesCancellation, SeriesEdit, SeriesEditView, SeriesView};

/// What a series would become, visit by visit; nothing is booked and nothing kept.
#[utoipa::path(post, path = "/series/preview", tag = "series", request_body = NewSeries,
    responses((status = 200, body = SeriesView)))]
pub async fn preview(
    app: web::Data<App>,
    member: Member,
    body: Input<NewSeries>,
) -> Result<HttpResponse, Problem> {
    let action = Action::BookSeries(Box::new(body.0));
    let done = actions::preview(&app, &member, action).await?;
    let outcome = Outcome::preview(&done, member.may(Permission::CanViewPatients))?;
    Ok(answer(StatusCode::OK, &outcome, false))
}

/// Books a series, all in one moment: each of its visits as the policy says, or nothing.
#[utoipa::path(post, path = "/series", tag = "series", request_body = NewSeries,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = SeriesView),
        (status = 409, description = "`slot_taken`, `patient_busy`; `refused` names each visit"),
        (status = 422, description = "The first refusal's code; `validation` for a rule that cannot be")))]
pub async fn create(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    body: Input<NewSeries>,
) -> Result<HttpResponse, Problem> {
    let action = Action::BookSeries(Box::new(body.0));
    act(&app, &member, &request, StatusCode::CREATED, action).await
}

/// A series with its visits as they are now.
#[utoipa::path(get, path = "/series/{id}", tag = "series", params(("id" = Uuid, Path)),
    responses((status = 200, body = SeriesView)))]
pub async fn get(
    app: web::Data<App>,
    member: Member,
    id: web::Path<SeriesId>,
) -> Result<HttpResponse, Problem> {
    let (found, visits) =
        tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
            let found = series::find(connection, member.tenant(), *id).await?;
            let found = found.ok_or_else(Problem::not_found)?;
            let visits = visits::of_series(connection, member.tenant(), *id).await?;
            Ok::<_, Problem>((found, visits))
        })
        .await?;
    let view = SeriesView::new(&found, visits, member.may(Permission::CanViewPatients));
    Ok(answer(
        StatusCode::OK,
        &Outcome::Series(Box::new(view)),
        false,
    ))
}

/// Changes this visit, this and the following, or all; those that were moved or cancelled on their
/// own stay as they are, and so does what is past.
#[utoipa::path(patch, path = "/series/{id}", tag = "series", request_body = SeriesEdit,
    params(("id" = Uuid, Path), ScopeQuery, ("If-Match" = Option<String>, Header),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = SeriesEditView),
        (status = 409, description = "`slot_taken`, `patient_busy`; `refused` names each visit"),
        (status = 412, description = "`stale`")))]
pub async fn update(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    id: web::Path<SeriesId>,
    scope: Params<ScopeQuery>,
    body: Input<SeriesEdit>,
) -> Result<HttpResponse, Problem> {
    let of = occurrences(&request, *id, &scope)?;
    let action = Action::EditSeries(of, body.0);
    act(&app, &member, &request, StatusCode::OK, action).await
}

/// Cancels this visit, this and the following, or all that are still ahead.
#[utoipa::path(delete, path = "/series/{id}", tag = "series",
    request_body = Option<SeriesCancellation>,
    params(("id" = Uuid, Path), ScopeQuery, ("If-Match" = Option<String>, Header),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = SeriesEditView)))]
pub async fn cancel(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    id: web::Path<SeriesId>,
    scope: Params<ScopeQuery>,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let of = occurrences(&request, *id, &scope)?;
    let action = Action::CancelSeries(of, input::optional(&body)?);
    act(&app, &member, &request, StatusCode::OK, action).await
}
