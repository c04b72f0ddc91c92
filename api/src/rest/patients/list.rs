//! Finding a practice's patients.

use std::collections::HashMap;

use actix_web::web;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use schema::ids::{PatientId, TenantId};
use schema::patients::{self as people, Found, Search, State};
use schema::tenancy;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::Patient;
use crate::app::App;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::Params;
use crate::rest::page::{Page, PageQuery, wrong_cursor};

/// Longer searches are no names.
const QUERY_BYTES_MAX: usize = 200;
/// From here on ranks are of misspelt words.
const RANK_NEAREST: i32 = 2;

/// Which patients.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// Words of a name, an e-mail address or a phone number; accents do not matter. Where nobody
    /// has all of them, those who nearly have.
    q: Option<String>,
    /// `active` without.
    #[param(inline)]
    status: Option<Status>,
}

/// How they stand to the practice.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Active,
    /// Kept, out of the list.
    Archived,
    /// Those who have left; of them only the name is told.
    Ended,
    All,
}

impl Status {
    fn state(self) -> State {
        match self {
            Self::Active => State::Active,
            Self::Archived => State::Archived,
            Self::Ended => State::Ended,
            Self::All => State::All,
        }
    }
}

/// The practice's patients by name; those that match a search, the best first.
#[utoipa::path(get, path = "/patients", tag = "patients", params(Query, PageQuery),
    responses((status = 200, body = Page<Patient>)))]
pub async fn list(
    app: web::Data<App>,
    member: Member,
    query: Params<Query>,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<Patient>>, Problem> {
    // Not the name: queries end up in other people's logs.
    let (limit, after) = (page.limit()?, page.after::<(i32, PatientId)>()?);
    let wanted = query.q.as_deref().unwrap_or_default();
    if wanted.len() > QUERY_BYTES_MAX || wanted.contains('\0') {
        return Err(Problem::bad_request("q is too long, or no text."));
    }
    let tenant = member.tenant();
    let (found, mut records) =
        tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
            let after = match after {
                Some((rank, id)) => Some(place(connection, tenant, rank, id).await?),
                None => None,
            };
            let mut search = Search {
                tenant,
                query: wanted,
                state: query.status.unwrap_or(Status::Active).state(),
                nearest: after.as_ref().is_some_and(|last| last.rank >= RANK_NEAREST),
                after: after.as_ref(),
                limit: limit + 1,
            };
            let mut found = people::find(connection, &search).await?;
            if found.is_empty() && after.is_none() && !wanted.trim().is_empty() {
                search.nearest = true;
                found = people::find(connection, &search).await?;
            }
            let records = records(connection, tenant, &found).await?;
            Ok::<_, Problem>((found, records))
        })
        .await?;
    let page = Page::of(
        found,
        limit,
        |last| (last.rank, last.patient_id),
        |found| records.remove(&found.patient_id),
    );
    Ok(web::Json(Page {
        items: page.items.into_iter().flatten().collect(),
        next_cursor: page.next_cursor,
    }))
}

/// Where the last one of a page is now.
async fn place(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    rank: i32,
    id: PatientId,
) -> Result<Found, Problem> {
    use schema::schema::patient_dentists::dsl;
    let name: Option<String> = dsl::patient_dentists
        .find((tenant, id))
        .select(dsl::sort_name)
        .first(connection)
        .await
        .optional()?;
    Ok(Found {
        patient_id: id,
        rank,
        sort_name: name.ok_or_else(wrong_cursor)?,
    })
}

/// The records of who was found; of those who have left only their names.
async fn records(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    found: &[Found],
) -> Result<HashMap<PatientId, Patient>, Problem> {
    let ids: Vec<PatientId> = found.iter().map(|found| found.patient_id).collect();
    let cards = people::cards(connection, &vec![tenant; ids.len()], &ids).await?;
    let records = cards.into_iter().map(|card| {
        let patient = Patient {
            id: card.patient_id,
            first_name: card.first_name,
            last_name: card.last_name,
            email: card.email,
            phone: card.phone,
            date_of_birth: card.date_of_birth,
            archived_at: card.archived_at,
        };
        (card.patient_id, patient)
    });
    Ok(records.collect())
}
