//! Who would be offered a time, and offering it.

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use engine::scheduling::availability::{LONGEST_RANGE_DAYS, Slot};
use engine::scheduling::rejection::{Missing, Rejection};
use engine::scheduling::waitlist::Candidate;
use garde::Validate;
use schema::ids::{EntryId, OfferId, ProviderId};
use schema::span::Span;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::audit::Who;
use crate::auth::permissions::Permission;
use crate::auth::principal::Member;
use crate::once;
use crate::problem::Problem;
use crate::rest::availability::SlotView;
use crate::rest::input::{Input, Params};
use crate::wire::time;

/// Which time.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FreeTime {
    /// RFC 3339 with an offset.
    from: String,
    to: String,
    /// Any, without.
    #[param(value_type = Option<Uuid>)]
    dentist: Option<ProviderId>,
}

/// Somebody who could come, with the slot that they would be offered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CandidateView {
    #[schema(value_type = Uuid)]
    entry_id: EntryId,
    slot: SlotView,
}

/// Best first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Candidates {
    candidates: Vec<CandidateView>,
}

/// Who on the waitlist would be offered a free time, best first: by priority, then by how long they
/// have waited. Nobody is offered anything.
#[utoipa::path(get, path = "/waitlist/candidates", tag = "waitlist", params(FreeTime),
    responses((status = 200, body = Candidates)))]
pub async fn candidates(
    app: web::Data<App>,
    member: Member,
    query: Params<FreeTime>,
) -> Result<web::Json<Candidates>, Problem> {
    member.require(Permission::CanViewPatients)?;
    let span = time::starts(&query.from, &query.to, LONGEST_RANGE_DAYS)?;
    let found = found(&app, &member, span, query.dentist).await?;
    let candidates = found
        .into_iter()
        .map(|candidate| CandidateView {
            entry_id: candidate.entry,
            slot: candidate.slot.into(),
        })
        .collect();
    Ok(web::Json(Candidates { candidates }))
}

async fn found(
    app: &App,
    member: &Member,
    span: Span,
    dentist: Option<ProviderId>,
) -> Result<Vec<Candidate>, Problem> {
    let rules = app.engine.rules(member.tenant()).await?;
    let providers: Vec<ProviderId> = match dentist {
        Some(id) if rules.providers.contains_key(&id) => vec![id],
        Some(_) => return Err(Rejection::NotFound(Missing::Provider).into()),
        None => rules.providers.keys().copied().collect(),
    };
    let tenant = member.tenant();
    let found = app.engine.waitlist_candidates(tenant, span, &providers);
    Ok(found.await?)
}

/// Around which time to offer.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewOffer {
    /// With an offset.
    #[garde(skip)]
    pub from: DateTime<Utc>,
    #[garde(skip)]
    pub to: DateTime<Utc>,
    #[garde(skip)]
    #[schema(value_type = Option<Uuid>)]
    pub dentist_id: Option<ProviderId>,
}

/// An offer with its token, for whoever passes it on.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OfferView {
    #[schema(value_type = Uuid)]
    id: OfferId,
    #[schema(value_type = Uuid)]
    entry_id: EntryId,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    #[schema(value_type = Uuid)]
    dentist_id: ProviderId,
    expires_at: DateTime<Utc>,
    /// Accepts or declines at `/offers/{token}`. Whoever has it may.
    token: String,
}

/// Offers somebody the slot that fits them best in a free time; who has an open offer keeps that
/// one, and its token is told again.
#[utoipa::path(post, path = "/waitlist/{id}/offer", tag = "waitlist", request_body = NewOffer,
    params(("id" = Uuid, Path)),
    responses((status = 201, body = OfferView), (status = 200, body = OfferView),
        (status = 409, description = "`slot_taken`, `patient_busy`"),
        (status = 422, description = "`not_offered`: nothing in that time fits them")))]
pub async fn offer(
    app: web::Data<App>,
    member: Member,
    id: web::Path<EntryId>,
    Input(wanted): Input<NewOffer>,
) -> Result<HttpResponse, Problem> {
    member.require_change(Permission::CanManageAppointments)?;
    let tenant = member.tenant();
    if let Some(open) = app.engine.latest_offer(tenant, *id).await?
        && open.status == "open"
        && let Some(stored) = app.engine.find_hold(tenant, open.hold).await?
    {
        let hold = stored.hold;
        return Ok(HttpResponse::Ok().json(OfferView {
            id: open.id,
            entry_id: *id,
            start: hold.span.start().to_utc(),
            end: hold.span.end().to_utc(),
            dentist_id: hold.provider,
            expires_at: hold.expires_at,
            token: app.engine.tokens().offer(open.id),
        }));
    }
    let (from, to) = (
        time::minute("from", wanted.from)?,
        time::minute("to", wanted.to)?,
    );
    let span = Span::new(from, to)
        .filter(|span| span.minutes() <= LONGEST_RANGE_DAYS * schema::span::DAY)
        .ok_or_else(|| Problem::invalid("to", "later than from, by at most 62 days"))?;
    let entries = app.engine.waiting(tenant).await?;
    if !entries.iter().any(|entry| entry.id == *id) {
        return Err(Rejection::NotFound(Missing::Entry).into());
    }
    let all = found(&app, &member, span, wanted.dentist_id).await?;
    let theirs = all.into_iter().find(|candidate| candidate.entry == *id);
    let slot: Slot = theirs.ok_or(Rejection::NotOffered)?.slot;
    let made = app
        .engine
        .offer(
            tenant,
            *id,
            &slot,
            &member.actor(),
            Who::from(&member).origin(),
        )
        .await?;
    once::changed();
    Ok(HttpResponse::Created().json(OfferView {
        id: made.id,
        entry_id: *id,
        start: made.hold.span.start().to_utc(),
        end: made.hold.span.end().to_utc(),
        dentist_id: made.hold.provider,
        expires_at: made.hold.expires_at,
        token: app.engine.tokens().offer(made.id),
    }))
}
