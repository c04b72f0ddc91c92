//! A dentist's day, replanned in one moment.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::appointments::{act, answer};
use crate::actions::{self, Action};
use crate::app::App;
use crate::auth::permissions::Permission;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::Input;
use crate::wire::outcome::Outcome;
use crate::wire::replan::{NewReplan, ReplanView};

/// What can be placed where, and what cannot and why; and the plan to send for exactly this.
#[utoipa::path(post, path = "/replan/preview", tag = "day", request_body = NewReplan,
    responses((status = 200, body = ReplanView)))]
pub async fn preview(
    app: web::Data<App>,
    member: Member,
    body: Input<NewReplan>,
) -> Result<HttpResponse, Problem> {
    let action = Action::Replan(Box::new(body.0));
    let done = actions::preview(&app, &member, action).await?;
    let outcome = Outcome::preview(&done, member.may(Permission::CanViewPatients))?;
    Ok(answer(StatusCode::OK, &outcome, false))
}

/// Moves, reassigns or cancels a day's visits, all in one moment: everything, or with
/// `policy: skip` all but what cannot be placed.
#[utoipa::path(post, path = "/replan", tag = "day", request_body = NewReplan,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ReplanView),
        (status = 409, description = "`refused` names each visit that cannot be placed"),
        (status = 412, description = "`stale`: a visit has changed since the preview")))]
pub async fn run(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    body: Input<NewReplan>,
) -> Result<HttpResponse, Problem> {
    let action = Action::Replan(Box::new(body.0));
    act(&app, &member, &request, StatusCode::OK, action).await
}
