//! Free starts.

use actix_web::{HttpRequest, web};
use chrono::{DateTime, Utc};
use engine::scheduling::availability::{LONGEST_RANGE_DAYS, Order, Search, Slot};
use engine::scheduling::diary::Own;
use engine::scheduling::placement::Asker;
use engine::scheduling::rejection::{Missing, Rejection};
use engine::scheduling::rulebook::RuleBook;
use schema::ids::{ClinicId, OperatoryId, ProviderId, TenantId, TreatmentId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::holds;
use crate::wire::time;

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 200;

/// What is looked for.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AvailabilityQuery {
    #[param(value_type = Uuid)]
    pub treatment: TreatmentId,
    /// RFC 3339 with an offset.
    pub from: String,
    pub to: String,
    /// Any that offers the treatment, without.
    #[param(value_type = Option<Uuid>)]
    pub dentist: Option<ProviderId>,
    #[param(value_type = Option<Uuid>)]
    pub operatory: Option<OperatoryId>,
    #[param(value_type = Option<Uuid>)]
    pub clinic: Option<ClinicId>,
    /// Minutes; the treatment's own without.
    pub duration: Option<i64>,
    /// 50 without, at most 200.
    pub limit: Option<usize>,
    /// Of a hold: its time counts as free for whoever has the token.
    #[serde(rename = "holdToken")]
    #[param(rename = "holdToken")]
    pub hold_token: Option<String>,
}

/// A start that can be booked.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlotView {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    #[schema(value_type = Uuid)]
    dentist_id: ProviderId,
    #[schema(value_type = Uuid)]
    operatory_id: OperatoryId,
    /// Other operatories that are free then.
    #[schema(value_type = Vec<Uuid>)]
    alternatives: Vec<OperatoryId>,
    /// The time that the asker holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    mine: Option<bool>,
}

impl From<Slot> for SlotView {
    fn from(slot: Slot) -> Self {
        Self {
            start: slot.span.start().to_utc(),
            end: slot.span.end().to_utc(),
            dentist_id: slot.provider,
            operatory_id: slot.operatory,
            alternatives: slot.alternatives,
            mine: None,
        }
    }
}

/// Slots, earliest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Slots {
    pub slots: Vec<SlotView>,
}

/// The earliest starts at which everything that the treatment needs is free.
#[utoipa::path(get, path = "/availability", tag = "availability", params(AvailabilityQuery),
    responses((status = 200, body = Slots)))]
pub async fn search(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    query: web::Query<AvailabilityQuery>,
) -> Result<web::Json<Slots>, Problem> {
    let mut query = query.into_inner();
    query.hold_token = query.hold_token.or_else(|| holds::token(&request));
    find(&app, &member, &query).await.map(web::Json)
}

/// The search behind the route and the socket's command.
///
/// # Errors
/// 422 for a range or duration that cannot be, 404 for unknown ids, 503 without a database.
pub async fn find(app: &App, member: &Member, query: &AvailabilityQuery) -> Result<Slots, Problem> {
    search_for(app, member.tenant(), Asker::Staff, query).await
}

/// The search of a practice's public side: what it offers online.
///
/// # Errors
/// As [`find`].
pub async fn find_public(
    app: &App,
    tenant: TenantId,
    query: &AvailabilityQuery,
) -> Result<Slots, Problem> {
    search_for(app, tenant, Asker::Public, query).await
}

async fn search_for(
    app: &App,
    tenant: TenantId,
    asker: Asker,
    query: &AvailabilityQuery,
) -> Result<Slots, Problem> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::invalid("limit", format!("1 to {LIMIT_MAX}")));
    }
    let range = time::range(&query.from, &query.to, LONGEST_RANGE_DAYS)?;
    let rules = app.engine.rules(tenant).await?;
    let treatment = rules
        .treatments
        .get(&query.treatment)
        .filter(|treatment| treatment.active)
        .filter(|treatment| asker == Asker::Staff || treatment.online_bookable);
    let treatment = treatment.ok_or(Rejection::NotFound(Missing::Treatment))?;
    let providers = match query.dentist {
        Some(id) => {
            let provider = rules.providers.get(&id);
            let provider = provider.ok_or(Rejection::NotFound(Missing::Provider))?;
            if !provider.active || !rules.offers(provider, treatment) {
                return Err(Rejection::NotOffered.into());
            }
            vec![provider]
        }
        None => {
            let active = rules.providers.values().filter(|provider| provider.active);
            active
                .filter(|provider| rules.offers(provider, treatment))
                .collect()
        }
    };
    let operatories = operatories(&rules, query)?;
    let own = match &query.hold_token {
        Some(token) => app.engine.hold_of(tenant, token).await?,
        None => None,
    };
    let search = Search {
        treatment,
        providers,
        operatories,
        range,
        duration: query.duration,
        asker,
        order: Order::Earliest,
        limit,
        own: Own::holds(own.iter().map(|hold| hold.id)),
    };
    let slots = app.engine.availability(&rules, &search).await?;
    let view = |slot: Slot| {
        let mine = own
            .as_ref()
            .is_some_and(|hold| hold.span == slot.span && hold.provider == slot.provider);
        SlotView {
            mine: mine.then_some(true),
            ..SlotView::from(slot)
        }
    };
    Ok(Slots {
        slots: slots.into_iter().map(view).collect(),
    })
}

/// The operatories that are asked for; empty for any.
fn operatories(rules: &RuleBook, query: &AvailabilityQuery) -> Result<Vec<OperatoryId>, Problem> {
    let wanted: Vec<OperatoryId> = rules
        .operatories
        .values()
        .filter(|operatory| query.operatory.is_none_or(|id| id == operatory.id))
        .filter(|operatory| query.clinic.is_none_or(|id| id == operatory.clinic))
        .map(|operatory| operatory.id)
        .collect();
    if wanted.is_empty() {
        return Err(Rejection::NotFound(Missing::Operatory).into());
    }
    let narrowed = query.operatory.is_some() || query.clinic.is_some();
    Ok(if narrowed { wanted } else { Vec::new() })
}
