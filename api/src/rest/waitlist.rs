//! The waitlist: who wants an earlier or any visit, and who would be offered time that is free.

mod offering;
mod record;

use actix_web::{HttpResponse, web};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use engine::command::{Command, Request};
use engine::failure::Refusal;
use engine::scheduling::placement::Asker;
use engine::scheduling::rejection::Rejection;
use schema::ids::{EntryId, HoldId, TenantId};
use schema::schema::{patient_dentists, providers, treatments, waitlist_entries, waitlist_offers};
use schema::tenancy;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::actions;
use crate::app::App;
use crate::audit::{self, Entry, Who};
use crate::auth::permissions::Permission;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::{Input, Params};
use crate::rest::page::{Page, PageQuery};

pub use offering::{__path_candidates, __path_offer, candidates, offer};
use record::{EntryRow, OfferRow};
pub use record::{EntryView, NewEntry};

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EntryFilter {
    /// `waiting`, `offered`, `booked` or `withdrawn`; without, those who still wait.
    status: Option<String>,
}

const STATUSES: [&str; 4] = ["waiting", "offered", "booked", "withdrawn"];

/// Who waits, in the order in which they came, with the offer that they have.
#[utoipa::path(get, path = "/waitlist", tag = "waitlist", params(EntryFilter, PageQuery),
    responses((status = 200, body = Page<EntryView>)))]
pub async fn list(
    app: web::Data<App>,
    member: Member,
    filter: Params<EntryFilter>,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<EntryView>>, Problem> {
    member.require(Permission::CanViewPatients)?;
    let (limit, after) = (page.limit()?, page.after::<EntryId>()?);
    let wanted = match filter.into_inner().status {
        None => vec!["waiting".to_owned(), "offered".to_owned()],
        Some(status) if STATUSES.contains(&status.as_str()) => vec![status],
        Some(_) => {
            return Err(Problem::invalid(
                "status",
                "waiting, offered, booked or withdrawn",
            ));
        }
    };
    let (rows, offers): (Vec<EntryRow>, Vec<OfferRow>) =
        tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
            let mut query = waitlist_entries::table
                .filter(waitlist_entries::tenant_id.eq(member.tenant()))
                .filter(waitlist_entries::status.eq_any(wanted))
                // Ids are in the order of their making.
                .order(waitlist_entries::id)
                .limit(limit + 1)
                .select(EntryRow::as_select())
                .into_boxed();
            if let Some(id) = after {
                query = query.filter(waitlist_entries::id.gt(id));
            }
            let rows: Vec<EntryRow> = query.load(connection).await?;
            let ids: Vec<EntryId> = rows.iter().map(EntryRow::id).collect();
            let offers = open_offers(connection, member.tenant(), &ids).await?;
            Ok::<_, Problem>((rows, offers))
        })
        .await?;
    Ok(web::Json(Page::of(rows, limit, EntryRow::id, |row| {
        EntryView::of(row, &offers)
    })))
}

async fn open_offers(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    entries: &[EntryId],
) -> QueryResult<Vec<OfferRow>> {
    waitlist_offers::table
        .filter(waitlist_offers::tenant_id.eq(tenant))
        .filter(waitlist_offers::entry_id.eq_any(entries))
        .filter(waitlist_offers::status.eq("open"))
        .select(OfferRow::as_select())
        .load(connection)
        .await
}

/// Puts a patient on the waitlist.
#[utoipa::path(post, path = "/waitlist", tag = "waitlist", request_body = NewEntry,
    responses((status = 201, body = EntryView),
        (status = 422, description = "`not_your_patient`, `validation`")))]
pub async fn create(
    app: web::Data<App>,
    member: Member,
    Input(given): Input<NewEntry>,
) -> Result<HttpResponse, Problem> {
    member.require_change(Permission::CanManageAppointments)?;
    let (patient, treatment) = (given.patient_id, given.treatment_id);
    let dentists = given.dentist_ids.clone();
    let row = given.clone().into_row(member.tenant())?;
    let id = row.id();
    let made = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        let ours: i64 = patient_dentists::table
            .filter(patient_dentists::tenant_id.eq(member.tenant()))
            .filter(patient_dentists::patient_id.eq(patient))
            .filter(patient_dentists::status.eq("active"))
            .count()
            .get_result(connection)
            .await?;
        if ours == 0 {
            return Err(Rejection::NotYourPatient.into());
        }
        let known: i64 = treatments::table
            .filter(treatments::tenant_id.eq(member.tenant()))
            .filter(treatments::id.eq(treatment))
            .filter(treatments::active)
            .count()
            .get_result(connection)
            .await?;
        let named: i64 = providers::table
            .filter(providers::tenant_id.eq(member.tenant()))
            .filter(providers::id.eq_any(&dentists))
            .filter(providers::active)
            .count()
            .get_result(connection)
            .await?;
        if known == 0 || named < dentists.len() as i64 {
            return Err(Problem::not_found());
        }
        diesel::insert_into(waitlist_entries::table)
            .values(&row)
            .execute(connection)
            .await?;
        let line = Entry::new("waitlist.added").on(id.0).after(&given);
        audit::record(connection, &member, line).await?;
        Ok::<_, Problem>(find(connection, member.tenant(), id).await?)
    })
    .await?;
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("/waitlist/{id}")))
        .json(EntryView::of(made, &[])))
}

async fn find(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    id: EntryId,
) -> QueryResult<EntryRow> {
    waitlist_entries::table
        .filter(waitlist_entries::tenant_id.eq(tenant))
        .filter(waitlist_entries::id.eq(id))
        .select(EntryRow::as_select())
        .first(connection)
        .await
}

/// Takes a patient off the waitlist; an open offer ends with it.
#[utoipa::path(delete, path = "/waitlist/{id}", tag = "waitlist", params(("id" = Uuid, Path)),
    responses((status = 204, description = "They wait no more")))]
pub async fn withdraw(
    app: web::Data<App>,
    member: Member,
    id: web::Path<EntryId>,
) -> Result<HttpResponse, Problem> {
    member.require_change(Permission::CanManageAppointments)?;
    let holds: Vec<HoldId> =
        tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
            let entry = find(connection, member.tenant(), *id).await?;
            if !entry.is_open() {
                return Ok(Vec::new());
            }
            let holds = waitlist_offers::table
                .filter(waitlist_offers::tenant_id.eq(member.tenant()))
                .filter(waitlist_offers::entry_id.eq(*id))
                .filter(waitlist_offers::status.eq("open"))
                .select(waitlist_offers::hold_id)
                .load(connection)
                .await?;
            if holds.is_empty() {
                set_withdrawn(connection, &member, *id).await?;
            }
            Ok::<_, Problem>(holds)
        })
        .await?;
    for hold in &holds {
        let command = Command::Release { hold: *hold };
        let request = Request {
            tenant: member.tenant(),
            asker: Asker::Staff,
            principal: member.actor(),
            user: member.user(),
            origin: Who::from(&member).origin(),
            key: None,
            command,
        };
        let released = actions::execute(&app, request).await;
        match released {
            // Answered or expired meanwhile.
            Ok(_) | Err(Refusal::Rejected(_)) => {}
            Err(failed) => return Err(failed.into()),
        }
    }
    if !holds.is_empty() {
        tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
            set_withdrawn(connection, &member, *id).await
        })
        .await?;
    }
    Ok(HttpResponse::NoContent().finish())
}

async fn set_withdrawn(
    connection: &mut AsyncPgConnection,
    member: &Member,
    id: EntryId,
) -> Result<(), Problem> {
    let gone = diesel::update(
        waitlist_entries::table
            .filter(waitlist_entries::tenant_id.eq(member.tenant()))
            .filter(waitlist_entries::id.eq(id))
            .filter(waitlist_entries::status.eq("waiting")),
    )
    .set(waitlist_entries::status.eq("withdrawn"))
    .execute(connection)
    .await?;
    if gone == 1 {
        let line = Entry::new("waitlist.withdrawn").on(id.0);
        audit::record(connection, member, line).await?;
    }
    Ok(())
}
