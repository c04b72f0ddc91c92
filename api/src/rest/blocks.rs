//! Blocks: time off, meetings, cleaning.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use schema::blocks;
use schema::ids::{BlockId, CalendarId};
use schema::tenancy;
use serde::Deserialize;
use utoipa::IntoParams;

use super::appointments::{act, answer, occurrences};
use crate::actions::Action;
use crate::app::App;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::{Input, Params};
use crate::rest::page::{Page, PageQuery};
use crate::wire::block::{BlockEdit, BlockView, BlockedView, NewBlock, UnblockedView};
use crate::wire::outcome::Outcome;
use crate::wire::repeat::ScopeQuery;
use crate::wire::time;

/// The longest range of a list, in days.
const RANGE_DAYS_MAX: i64 = 400;

/// Which blocks.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Occurrences that overlap the range: RFC 3339 with an offset.
    from: String,
    to: String,
    #[param(value_type = Option<Uuid>)]
    calendar: Option<CalendarId>,
}

/// The practice's blocks that take time in a range, each with its occurrences there.
#[utoipa::path(get, path = "/blocks", tag = "blocks", params(Filter, PageQuery),
    responses((status = 200, body = Page<BlockView>)))]
pub async fn list(
    app: web::Data<App>,
    member: Member,
    filter: Params<Filter>,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<BlockView>>, Problem> {
    let (limit, after) = (page.limit()?, page.after::<BlockId>()?);
    let range = time::range(&filter.from, &filter.to, RANGE_DAYS_MAX)?;
    let rows = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        let wanted = blocks::Wanted {
            tenant: member.tenant(),
            range,
            calendar: filter.calendar,
            after,
        };
        let found = blocks::list(connection, &wanted, limit + 1).await?;
        let ids: Vec<BlockId> = found.iter().map(|block| block.id).collect();
        let mut claims = blocks::claims(connection, &ids, Some(range)).await?;
        let views = found.into_iter().map(|block| {
            let own = claims.extract_if(.., |claim| claim.block == block.id);
            let own = own.map(BlockedView::from).collect();
            BlockView::new(block, own)
        });
        Ok::<_, Problem>(views.collect::<Vec<_>>())
    })
    .await?;
    Ok(web::Json(Page::of(rows, limit, |row| row.id, |row| row)))
}

/// Blocks time, once or again and again.
#[utoipa::path(post, path = "/blocks", tag = "blocks", request_body = NewBlock,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = BlockView),
        (status = 409, description = "`slot_taken`: bookings are in the way, `refused` names them"),
        (status = 422, description = "`outside_hours`: not the practice's time in that operatory")))]
pub async fn create(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    body: Input<NewBlock>,
) -> Result<HttpResponse, Problem> {
    let action = Action::Block(Box::new(body.0));
    act(&app, &member, &request, StatusCode::CREATED, action).await
}

/// A block with all its occurrences.
#[utoipa::path(get, path = "/blocks/{id}", tag = "blocks", params(("id" = Uuid, Path)),
    responses((status = 200, body = BlockView)))]
pub async fn get(
    app: web::Data<App>,
    member: Member,
    id: web::Path<BlockId>,
) -> Result<HttpResponse, Problem> {
    let view = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        let found = blocks::find(connection, member.tenant(), *id).await?;
        let found = found.ok_or_else(Problem::not_found)?;
        let claims = blocks::claims(connection, &[*id], None).await?;
        let claims = claims.into_iter().map(BlockedView::from).collect();
        Ok::<_, Problem>(BlockView::new(found, claims))
    })
    .await?;
    Ok(answer(StatusCode::OK, &Outcome::Block(view), false))
}

/// Changes this occurrence, this and the following, or all; those that were changed on their own
/// stay as they are.
#[utoipa::path(patch, path = "/blocks/{id}", tag = "blocks", request_body = BlockEdit,
    params(("id" = Uuid, Path), ScopeQuery, ("If-Match" = Option<String>, Header),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = BlockView),
        (status = 409, description = "`slot_taken`: bookings are in the way"),
        (status = 412, description = "`stale`")))]
pub async fn update(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    id: web::Path<BlockId>,
    scope: Params<ScopeQuery>,
    body: Input<BlockEdit>,
) -> Result<HttpResponse, Problem> {
    let of = occurrences(&request, *id, &scope)?;
    let action = Action::EditBlock(of, body.0);
    act(&app, &member, &request, StatusCode::OK, action).await
}

/// Gives the time of this occurrence, this and the following, or all back.
#[utoipa::path(delete, path = "/blocks/{id}", tag = "blocks",
    params(("id" = Uuid, Path), ScopeQuery, ("If-Match" = Option<String>, Header),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = UnblockedView)))]
pub async fn remove(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    id: web::Path<BlockId>,
    scope: Params<ScopeQuery>,
) -> Result<HttpResponse, Problem> {
    let action = Action::Unblock(occurrences(&request, *id, &scope)?);
    act(&app, &member, &request, StatusCode::OK, action).await
}
