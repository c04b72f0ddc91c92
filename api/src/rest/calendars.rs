//! Calendars: which there are, what is taken, and the log of changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web;
use engine::directory::Cell;
use engine::feed::Delta;
use engine::scheduling::rejection::{Missing, Rejection};
use schema::calendars::Kind;
use schema::ids::{CalendarId, TenantId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::app::App;
use crate::auth::permissions::Permission;
use crate::auth::principal::{Member, Members};
use crate::names;
use crate::problem::Problem;
use crate::rest::input::Params;
use crate::rest::page::Page;
use crate::wire::delta::{DeltaView, epoch};
use crate::wire::entry::{Entry, Reader};
use crate::wire::time;

/// The longest range of a state, in days.
const RANGE_DAYS_MAX: i64 = 400;
/// Events in one answer.
const EVENTS_MAX: i64 = 200;

/// The timeline of somebody or something that can be in one place at a time.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CalendarView {
    #[schema(value_type = Uuid)]
    id: CalendarId,
    /// `dentist`, `staff`, `operatory` or `equipment`.
    #[schema(value_type = String)]
    kind: Kind,
    name: String,
    /// `null` for operatories, which practices share.
    #[schema(value_type = Option<Uuid>)]
    tenant_id: Option<TenantId>,
    /// The provider, operatory or piece of equipment.
    owner_id: Uuid,
    clinic_id: Option<Uuid>,
    /// IANA name.
    zone: String,
}

/// What is taken in a range.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CalendarState {
    #[schema(value_type = Uuid)]
    calendar: CalendarId,
    epoch: String,
    version: i64,
    entries: Vec<Entry>,
}

/// Which part of a calendar.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RangeQuery {
    /// RFC 3339 with an offset.
    from: String,
    to: String,
}

/// Where to continue.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AfterQuery {
    /// The version that the reader has.
    after: i64,
    /// The epoch that it belongs to; another one is gone.
    epoch: Option<String>,
}

/// How a member reads calendars.
#[must_use]
pub fn reader(member: &Member) -> Reader {
    Reader {
        tenant: member.tenant(),
        sees_patients: member.may(Permission::CanViewPatients),
    }
}

/// The calendar, if the practice has to do with it: its providers', its equipment's, the operatories
/// that it works in. Nobody reads patients' calendars.
///
/// # Errors
/// 404 for any other; 503 without a database.
pub async fn readable(app: &App, tenant: TenantId, id: CalendarId) -> Result<Arc<Cell>, Problem> {
    let rules = app.engine.rules(tenant).await?;
    if !rules.calendars().any(|calendar| calendar == id) {
        return Err(Rejection::NotFound(Missing::Calendar).into());
    }
    Ok(app.engine.calendar(id).await?)
}

/// Whose calendars.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SideBySide {
    /// Ids of practices that you work for, with commas: their calendars side by side. Without, those
    /// of the one that you are at work in.
    #[allow(dead_code)] // read by the route's access rule, see `Members`
    tenants: Option<String>,
}

/// The calendars that the practice works with, or several practices.
#[utoipa::path(get, path = "/calendars", tag = "calendars", params(SideBySide),
    responses((status = 200, body = Page<CalendarView>)))]
pub async fn list(
    app: web::Data<App>,
    members: Members,
) -> Result<web::Json<Page<CalendarView>>, Problem> {
    let mut items: Vec<CalendarView> = Vec::new();
    // Practices share chairs: each is told once.
    let mut chairs_told = BTreeSet::new();
    for member in &members.0 {
        let rules = app.engine.rules(member.tenant()).await?;
        let people = rules.providers.values().filter(|provider| provider.active);
        items.extend(people.map(|provider| CalendarView {
            id: provider.calendar,
            kind: match provider.role {
                schema::models::pattern::Role::Dentist => Kind::Dentist,
                _ => Kind::Staff,
            },
            name: provider.name.clone(),
            tenant_id: Some(rules.tenant),
            owner_id: provider.id.0,
            clinic_id: None,
            zone: rules.zone.name().to_owned(),
        }));
        let machines = rules.equipment.values().filter(|machine| machine.active);
        items.extend(machines.map(|machine| CalendarView {
            id: machine.calendar,
            kind: Kind::Equipment,
            name: machine.name.clone(),
            tenant_id: Some(rules.tenant),
            owner_id: machine.id,
            clinic_id: machine.clinic.map(|clinic| clinic.0),
            zone: rules.zone.name().to_owned(),
        }));
        let chairs = rules
            .operatories
            .values()
            .filter(|operatory| operatory.active && chairs_told.insert(operatory.calendar));
        items.extend(chairs.map(|operatory| CalendarView {
            id: operatory.calendar,
            kind: Kind::Operatory,
            name: operatory.name.clone(),
            tenant_id: None,
            owner_id: operatory.id.0,
            clinic_id: Some(operatory.clinic.0),
            zone: operatory.zone.name().to_owned(),
        }));
    }
    Ok(web::Json(Page::whole(items)))
}

/// What is taken on a calendar, and the version that this is the state of.
#[utoipa::path(get, path = "/calendars/{id}", tag = "calendars",
    params(("id" = Uuid, Path), RangeQuery), responses((status = 200, body = CalendarState)))]
pub async fn get(
    app: web::Data<App>,
    member: Member,
    id: web::Path<CalendarId>,
    range: Params<RangeQuery>,
) -> Result<web::Json<CalendarState>, Problem> {
    let range = time::range(&range.from, &range.to, RANGE_DAYS_MAX)?;
    let cell = readable(&app, member.tenant(), *id).await?;
    let timeline = cell.timeline();
    let reader = reader(&member);
    let shown = || timeline.overlapping(range).map(|claim| &**claim);
    let names = names::of(&app, reader.tenant, reader.sees_patients, shown()).await?;
    let actor = member.actor();
    Ok(web::Json(CalendarState {
        calendar: *id,
        epoch: epoch(app.engine.epoch(), reader),
        version: timeline.version(),
        entries: shown()
            .map(|claim| Entry::of(claim, reader.sees(claim), &names, Some(&actor)))
            .collect(),
    }))
}

/// The changes after a version, oldest first: what a client that has missed some needs.
#[utoipa::path(get, path = "/calendars/{id}/events", tag = "calendars",
    params(("id" = Uuid, Path), AfterQuery), responses(
        (status = 200, body = Page<DeltaView>),
        (status = 410, description = "`position_gone`: start from the state")))]
pub async fn events(
    app: web::Data<App>,
    member: Member,
    id: web::Path<CalendarId>,
    query: Params<AfterQuery>,
) -> Result<web::Json<Page<DeltaView>>, Problem> {
    let cell = readable(&app, member.tenant(), *id).await?;
    let reader = reader(&member);
    let epoch = epoch(app.engine.epoch(), reader);
    if query.epoch.as_ref().is_some_and(|known| *known != epoch) || query.after < 0 {
        return Err(gone());
    }
    let latest = cell.version();
    let events = app
        .engine
        .events_after(*id, query.after, EVENTS_MAX)
        .await?;
    let contiguous = match events.first() {
        Some(first) => first.version == query.after + 1,
        None => query.after >= latest,
    };
    if !contiguous || query.after > latest.max(cell.version()) {
        return Err(gone());
    }
    let actor = member.actor();
    let mut items = Vec::with_capacity(events.len());
    for event in events {
        let delta = Delta::from(event);
        let puts = DeltaView::puts(&delta);
        let names = names::of(&app, reader.tenant, reader.sees_patients, puts).await?;
        let sees = |claim: &_| reader.sees(claim);
        let actor = Some(actor.as_str());
        items.push(DeltaView::of(&delta, epoch.clone(), &names, actor, sees));
    }
    Ok(web::Json(Page::whole(items)))
}

fn gone() -> Problem {
    Problem::new(
        StatusCode::GONE,
        "position_gone",
        "The log does not continue from there: read the state.",
    )
}
