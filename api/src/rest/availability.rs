//! Free starts, and why others are not.

pub mod query;
mod slots;

use std::collections::{BTreeSet, HashSet};

use actix_web::{HttpRequest, web};
use engine::scheduling::availability::{LONGEST_RANGE_DAYS, Order, Search, Whom};
use engine::scheduling::diary::Own;
use engine::scheduling::explain::{Reason, can_be_booked};
use engine::scheduling::placement::{self, Asker, Wish};
use engine::scheduling::rejection::{Missing, Override, Rejection};
use engine::scheduling::rulebook::{Provider, RuleBook, Treatment};
use schema::ids::{ClinicId, HoldId, OperatoryId, ProviderId, TenantId, TreatmentId};
use schema::span::Span;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::actions;
use crate::app::App;
use crate::auth::principal::{Member, member_of};
use crate::problem::Problem;
use crate::rest::holds;
use crate::wire::refusal::sentence;
use crate::wire::time::{self, At};
pub use slots::{SlotView, Slots};

use query::{Asked, AvailabilityQuery, ExplainQuery, OrderName};

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 200;

/// The first starts at which everything that the treatment needs is free. Any of its dentists and
/// operatories, but for those that are named.
#[utoipa::path(get, path = "/availability", tag = "availability", params(AvailabilityQuery),
    responses((status = 200, body = Slots)))]
pub async fn search(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    query: Asked<AvailabilityQuery>,
) -> Result<Slots, Problem> {
    let mut query = query.0;
    query.hold_token = query.hold_token.or_else(|| holds::token(&request));
    find(&app, &member, &query, &[]).await
}

/// Time that the asker holds, as is known without a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    pub tenant: TenantId,
    pub hold: HoldId,
    pub span: Span,
    pub provider: ProviderId,
}

/// The search behind the route and the socket's command.
///
/// # Errors
/// 422 for a range or duration that cannot be, 404 for unknown ids, 403 for a practice that the
/// member does not work for, 503 without a database.
pub async fn find(
    app: &App,
    member: &Member,
    query: &AvailabilityQuery,
    kept: &[Kept],
) -> Result<Slots, Problem> {
    if query.tenants.is_empty() {
        return search_for(app, member.tenant(), Asker::Staff, query, kept).await;
    }
    find_in_several(app, member, query, kept).await
}

/// The search of a practice's public side: what it offers online.
///
/// # Errors
/// As [`find`].
pub async fn find_public(
    app: &App,
    tenant: TenantId,
    query: &AvailabilityQuery,
    kept: &[Kept],
) -> Result<Slots, Problem> {
    search_for(app, tenant, Asker::Public, query, kept).await
}

/// The search in one practice.
async fn search_for(
    app: &App,
    tenant: TenantId,
    asker: Asker,
    query: &AvailabilityQuery,
    kept: &[Kept],
) -> Result<Slots, Problem> {
    let (range, limit) = bounds(query)?;
    let rules = app.engine.rules(tenant).await?;
    let treatment = treatment(&rules, query.treatment, asker)?;
    let whom = whom(&rules, treatment, &query.dentist)?;
    let own = own_holds(app, tenant, query, kept).await?;
    let search = Search {
        operatories: operatories(&rules, query)?,
        duration: query.duration,
        order: order(query)?,
        limit,
        own: Own::holds(own.iter().map(|kept| kept.hold)),
        ..Search::with(treatment, whom, range, asker)
    };
    let slots = app.engine.availability(&rules, &search).await?;
    let slots = slots.into_iter();
    Ok(Slots {
        slots: slots.map(|slot| SlotView::of(slot, &own)).collect(),
    })
}

/// What the asker holds in a practice: what is known without a token, and the hold whose token is
/// shown, where it is this practice's.
async fn own_holds(
    app: &App,
    tenant: TenantId,
    query: &AvailabilityQuery,
    kept: &[Kept],
) -> Result<Vec<Kept>, Problem> {
    let mut own: Vec<Kept> = kept
        .iter()
        .filter(|kept| kept.tenant == tenant)
        .copied()
        .collect();
    if let Some(token) = &query.hold_token {
        own.extend(app.engine.hold_of(tenant, token).await?.map(|hold| Kept {
            tenant,
            hold: hold.id,
            span: hold.span,
            provider: hold.provider,
        }));
    }
    Ok(own)
}

/// The search in several practices of the member: in each the treatment of the same code as the
/// named one, at those of the named dentists and operatories that it has.
async fn find_in_several(
    app: &App,
    member: &Member,
    query: &AvailabilityQuery,
    kept: &[Kept],
) -> Result<Slots, Problem> {
    let (range, limit) = bounds(query)?;
    let order = order(query)?;
    let mut books = Vec::new();
    let mut seen = HashSet::new();
    for tenant in query.tenants.iter().filter(|tenant| seen.insert(**tenant)) {
        let member = member_of(member.principal.clone(), Some(*tenant))?;
        books.push(app.engine.rules(member.tenant()).await?);
    }
    let named = books
        .iter()
        .find_map(|book| book.treatments.get(&query.treatment));
    let code = &named.ok_or(Rejection::NotFound(Missing::Treatment))?.code;
    let mut known = (HashSet::new(), HashSet::new());
    let mut slots = Vec::new();
    for book in &books {
        known.0.extend(book.providers.keys().copied());
        known.1.extend(
            book.operatories
                .values()
                .flat_map(|one| [one.id.0, one.clinic.0]),
        );
        let same = |one: &&Treatment| one.active && one.code == *code;
        let own = book.treatments.get(&query.treatment).filter(same);
        let Some(treatment) = own.or_else(|| book.treatments.values().find(same)) else {
            continue;
        };
        let own = own_holds(app, book.tenant, query, kept).await?;
        let mut search = Search {
            duration: query.duration,
            order,
            limit,
            own: Own::holds(own.iter().map(|kept| kept.hold)),
            ..Search::any(treatment, range, Asker::Staff)
        };
        if !query.dentist.is_empty() {
            let named = query.dentist.iter();
            let here = named.filter_map(|id| book.providers.get(id)).collect();
            search.whom = these(here);
        }
        if !query.operatory.is_empty() || !query.clinic.is_empty() {
            search.operatories = chosen(book, query);
            if search.operatories.is_empty() {
                continue;
            }
        }
        let found = app.engine.availability(book, &search).await?;
        slots.extend(found.into_iter().map(|slot| SlotView {
            tenant_id: Some(book.tenant),
            treatment_id: Some(treatment.id),
            ..SlotView::of(slot, &own)
        }));
    }
    if query.dentist.iter().any(|id| !known.0.contains(id)) {
        return Err(Rejection::NotFound(Missing::Provider).into());
    }
    let places = query
        .operatory
        .iter()
        .map(|id| id.0)
        .chain(query.clinic.iter().map(|id| id.0));
    if places.into_iter().any(|id| !known.1.contains(&id)) {
        return Err(Rejection::NotFound(Missing::Operatory).into());
    }
    // Each practice's come in order.
    slots.sort_by_key(|slot| (std::cmp::Reverse(slot.score), slot.start, slot.dentist_id));
    slots.truncate(limit);
    Ok(Slots { slots })
}

fn bounds(query: &AvailabilityQuery) -> Result<(Span, usize), Problem> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::invalid("limit", format!("1 to {LIMIT_MAX}")));
    }
    let range = time::starts(&query.from, &query.to, LONGEST_RANGE_DAYS)?;
    Ok((range, limit))
}

fn order(query: &AvailabilityQuery) -> Result<Order, Problem> {
    let near = query.near.as_deref().map(|near| time::parse("near", near));
    Ok(match query.order {
        OrderName::Earliest => Order::Earliest,
        OrderName::Best => Order::Best {
            near: near.transpose()?,
        },
    })
}

fn treatment(rules: &RuleBook, id: TreatmentId, asker: Asker) -> Result<&Treatment, Rejection> {
    rules
        .treatments
        .get(&id)
        .filter(|treatment| treatment.active)
        .filter(|treatment| asker == Asker::Staff || treatment.online_bookable)
        .ok_or(Rejection::NotFound(Missing::Treatment))
}

/// Those that are named and offer the treatment, or anybody.
fn whom<'a>(
    rules: &'a RuleBook,
    treatment: &Treatment,
    named: &[ProviderId],
) -> Result<Whom<'a>, Rejection> {
    if named.is_empty() {
        return Ok(Whom::Anybody);
    }
    let found = named.iter().map(|id| rules.providers.get(id));
    let found: Option<Vec<&Provider>> = found.collect();
    let mut found = found.ok_or(Rejection::NotFound(Missing::Provider))?;
    found.retain(|one| one.active && rules.offers(one, treatment));
    if found.is_empty() {
        return Err(Rejection::NotOffered);
    }
    Ok(these(found))
}

/// Each of them once, in the order of their ids.
fn these(mut providers: Vec<&Provider>) -> Whom<'_> {
    providers.sort_by_key(|one| one.id);
    providers.dedup_by_key(|one| one.id);
    Whom::These(providers)
}

/// The operatories that are asked for; empty for any.
fn operatories(rules: &RuleBook, query: &AvailabilityQuery) -> Result<Vec<OperatoryId>, Rejection> {
    if query.operatory.is_empty() && query.clinic.is_empty() {
        return Ok(Vec::new());
    }
    let known = |id: &OperatoryId| rules.operatories.contains_key(id);
    let clinics: HashSet<ClinicId> = rules.operatories.values().map(|one| one.clinic).collect();
    let wanted = chosen(rules, query);
    let all_known = query.operatory.iter().all(known)
        && query.clinic.iter().all(|clinic| clinics.contains(clinic));
    if !all_known || wanted.is_empty() {
        return Err(Rejection::NotFound(Missing::Operatory));
    }
    Ok(wanted)
}

fn chosen(rules: &RuleBook, query: &AvailabilityQuery) -> Vec<OperatoryId> {
    rules
        .operatories
        .values()
        .filter(|one| query.operatory.is_empty() || query.operatory.contains(&one.id))
        .filter(|one| query.clinic.is_empty() || query.clinic.contains(&one.clinic))
        .map(|one| one.id)
        .collect()
}

/// Something in the way of a visit.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReasonView {
    /// As booking would refuse it.
    #[schema(example = "slot_taken")]
    code: &'static str,
    /// Whose time or rule it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    calendar_id: Option<Uuid>,
    /// What is taken or counted; with `outside_hours`, when it would be open on that day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    start: Option<At>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    end: Option<At>,
    /// For people.
    detail: String,
    /// That a booking with the same `override` is not refused for it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(value_type = Option<bool>)]
    overridden: bool,
}

impl ReasonView {
    fn new(reason: &Reason, book: &RuleBook) -> Self {
        let mut detail = sentence(&reason.rejection.to_string());
        let name = reason.calendar.and_then(|calendar| {
            let providers = book.providers.values().map(|one| (one.calendar, &one.name));
            let chairs = book
                .operatories
                .values()
                .map(|one| (one.calendar, &one.name));
            let machines = book.equipment.values().map(|one| (one.calendar, &one.name));
            let mut all = providers.chain(chairs).chain(machines);
            all.find(|(id, _)| *id == calendar).map(|(_, name)| name)
        });
        // Another practice's time on a shared calendar is busy, and no more.
        let kind = reason
            .claim
            .map(|(kind, tenant)| match tenant == book.tenant {
                true => kind,
                false => "busy",
            });
        for note in [name.map(String::as_str), kind].into_iter().flatten() {
            detail.push_str(&format!(" [{note}]"));
        }
        Self {
            code: reason.rejection.code(),
            calendar_id: reason.calendar.map(|calendar| calendar.0),
            start: reason.span.map(|span| At(span.start())),
            end: reason.span.map(|span| At(span.end())),
            detail,
            overridden: reason.overridden,
        }
    }
}

/// All that is in the way.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Explanation {
    reasons: Vec<ReasonView>,
    /// Whether it can be booked: nothing is in the way but what is overridden.
    bookable: bool,
}

/// Every rule and every claim in the way of a visit at a time. With `override` also what would be
/// overridden, marked as such, and whether the booking that names the same rules would pass.
#[utoipa::path(get, path = "/availability/explain", tag = "availability", params(ExplainQuery),
    responses((status = 200, body = Explanation)))]
pub async fn explain(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    query: Asked<ExplainQuery>,
) -> Result<web::Json<Explanation>, Problem> {
    let mut query = query.0;
    query.hold_token = query.hold_token.or_else(|| holds::token(&request));
    explain_to(&app, &member, &query).await.map(web::Json)
}

/// The explanation behind the route and the socket's command.
///
/// # Errors
/// 422 for a time, a duration or an override that cannot be, 403 for overrides without the
/// permission, 404 for unknown ids, 503 without a database.
pub async fn explain_to(
    app: &App,
    member: &Member,
    query: &ExplainQuery,
) -> Result<Explanation, Problem> {
    let overrides = actions::allowed(member, &query.overrides)?;
    explain_for(app, member.tenant(), Asker::Staff, query, &overrides).await
}

/// The explanation of a practice's public side: its published rules, and that something is taken,
/// but not what or where.
///
/// # Errors
/// As [`explain_to`].
pub async fn explain_to_public(
    app: &App,
    tenant: TenantId,
    query: &ExplainQuery,
) -> Result<Explanation, Problem> {
    if !query.overrides.is_empty() {
        return Err(Problem::forbidden("Only staff may override rules."));
    }
    explain_for(app, tenant, Asker::Public, query, &BTreeSet::new()).await
}

/// The explanation in one practice.
async fn explain_for(
    app: &App,
    tenant: TenantId,
    asker: Asker,
    query: &ExplainQuery,
    overrides: &BTreeSet<Override>,
) -> Result<Explanation, Problem> {
    let start = time::parse("start", &query.start)?;
    let rules = app.engine.rules(tenant).await?;
    let treatment = treatment(&rules, query.treatment, asker)?;
    let (provider, _) = placement::named(&rules, query.dentist, treatment.id)?;
    let duration = query.duration.unwrap_or(treatment.duration);
    let segments = placement::segments(treatment, duration)?;
    if let Some(id) = query.operatory
        && !rules.operatories.contains_key(&id)
    {
        return Err(Rejection::NotFound(Missing::Operatory).into());
    }
    let wish = Wish {
        provider,
        treatment,
        segments: &segments,
        span: Span::lasting(start, duration).ok_or(Rejection::BadDuration)?,
        operatory: query.operatory,
        preferred: None,
        asker,
        overrides,
        avoid: &Default::default(),
    };
    let own = match &query.hold_token {
        Some(token) => app.engine.hold_of(tenant, token).await?,
        None => None,
    };
    let own = Own::holds(own.iter().map(|hold| hold.id));
    let reasons = app.engine.explain(&rules, &wish, &own).await?;
    Ok(Explanation {
        bookable: can_be_booked(&reasons),
        reasons: (reasons.iter())
            .map(|reason| ReasonView::new(reason, &rules))
            .collect(),
    })
}
