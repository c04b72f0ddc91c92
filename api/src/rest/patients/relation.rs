//! How a patient stands to one practice: since when, until when, the practice's own notes, and
//! whether it keeps them out of its lists. Nothing of it is seen by another practice.

use actix_web::http::StatusCode;
use actix_web::web;
use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use garde::Validate;
use schema::ids::{PatientId, TenantId};
use schema::schema::{appointments, patient_dentists};
use schema::tenancy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Patient, find, require_room, today};
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::{Input, OptionalInput, nullable};

pub(super) const NOTES_BYTES_MAX: usize = 20_000;

/// A patient's relation to the practice.
#[derive(Clone, Debug, PartialEq, Serialize, Queryable, Selectable, ToSchema)]
#[diesel(table_name = patient_dentists)]
#[serde(rename_all = "camelCase")]
pub struct Relation {
    #[schema(value_type = Uuid)]
    patient_id: PatientId,
    /// `active` or `ended`. After its end the practice sees the person's name in its own history,
    /// and no longer their record.
    status: String,
    #[diesel(column_name = started_on)]
    #[serde(rename = "startedOn")]
    started: NaiveDate,
    #[diesel(column_name = ended_on)]
    #[serde(rename = "endedOn")]
    ended: Option<NaiveDate>,
    /// Since when they are out of the practice's lists.
    archived_at: Option<DateTime<Utc>>,
    notes: Option<String>,
}

/// What changes; fields that are left out stay.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RelationChange {
    /// `ended` ends the relation, `active` opens it again.
    #[serde(default)]
    #[garde(skip)]
    status: Option<Status>,
    #[serde(default)]
    #[garde(skip)]
    started_on: Option<NaiveDate>,
    /// Of an ended relation; today when it ends without.
    #[serde(default)]
    #[garde(skip)]
    ended_on: Option<NaiveDate>,
    #[serde(default, deserialize_with = "nullable")]
    #[garde(inner(inner(length(bytes, max = NOTES_BYTES_MAX))))]
    #[schema(value_type = Option<String>)]
    notes: Option<Option<String>>,
    /// End it although visits are still to come: they stay in the calendar.
    #[serde(default)]
    #[garde(skip)]
    keep_appointments: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Active,
    Ended,
}

/// What to do about visits to come.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Archive {
    /// Archive although visits are still to come: they stay in the calendar.
    #[garde(skip)]
    keep_appointments: bool,
}

#[derive(AsChangeset)]
#[diesel(table_name = patient_dentists, treat_none_as_null = true)]
struct State {
    status: String,
    started_on: NaiveDate,
    ended_on: Option<NaiveDate>,
    archived_at: Option<DateTime<Utc>>,
    notes: Option<String>,
}

/// The patient's relation to the practice, also an ended one.
#[utoipa::path(get, path = "/patients/{id}/relation", tag = "patients",
    params(("id" = Uuid, Path)), responses((status = 200, body = Relation), (status = 404)))]
pub async fn get(
    app: web::Data<App>,
    member: Member,
    id: web::Path<PatientId>,
) -> Result<web::Json<Relation>, Problem> {
    let found = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        let found = read(connection, member.tenant(), *id).await?;
        // It has the practice's notes about the person.
        let entry = Entry::new("patient.relation_read").on(*id);
        audit::record(connection, &member, entry).await?;
        Ok::<_, Problem>(found)
    })
    .await?;
    Ok(web::Json(found))
}

/// Change, end or reopen the relation. Ending is refused with 409 `future_appointments` while visits
/// are to come, unless `keepAppointments` is set.
#[utoipa::path(patch, path = "/patients/{id}/relation", tag = "patients",
    params(("id" = Uuid, Path)), request_body = RelationChange,
    responses((status = 200, body = Relation), (status = 404), (status = 409), (status = 422)))]
pub async fn update(
    app: web::Data<App>,
    member: Member,
    id: web::Path<PatientId>,
    Input(given): Input<RelationChange>,
) -> Result<web::Json<Relation>, Problem> {
    let tenant = member.tenant();
    let changed = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        let before = locked(connection, tenant, *id).await?;
        let after = given.apply(&before, today(&member))?;
        match (before.status.as_str(), after.status.as_str()) {
            ("active", "ended") if !given.keep_appointments => {
                refuse_with_appointments(connection, tenant, *id).await?;
            }
            ("ended", "active") => require_room(connection, tenant).await?,
            _ => {}
        }
        let changed = write(connection, tenant, *id, &after).await?;
        let entry = Entry::new("patient.relation_changed").on(*id);
        let entry = entry.before(before.for_log()).after(changed.for_log());
        audit::record(connection, &member, entry).await?;
        Ok::<_, Problem>(changed)
    })
    .await?;
    app.patients.forget(tenant, *id);
    Ok(web::Json(changed))
}

/// Keep the patient out of the practice's lists: their record, history and relation stay. Refused
/// with 409 `future_appointments` while visits are to come, unless `keepAppointments` is set.
#[utoipa::path(post, path = "/patients/{id}/archive", tag = "patients",
    params(("id" = Uuid, Path)), request_body = Option<Archive>,
    responses((status = 200, body = Patient), (status = 404), (status = 409)))]
pub async fn archive(
    app: web::Data<App>,
    member: Member,
    id: web::Path<PatientId>,
    OptionalInput(given): OptionalInput<Archive>,
) -> Result<web::Json<Patient>, Problem> {
    set_archived(&app, &member, *id, true, given.keep_appointments).await
}

/// Take an archived patient back into the practice's lists.
#[utoipa::path(post, path = "/patients/{id}/restore", tag = "patients",
    params(("id" = Uuid, Path)),
    responses((status = 200, body = Patient), (status = 404), (status = 422)))]
pub async fn restore(
    app: web::Data<App>,
    member: Member,
    id: web::Path<PatientId>,
) -> Result<web::Json<Patient>, Problem> {
    set_archived(&app, &member, *id, false, false).await
}

async fn set_archived(
    app: &App,
    member: &Member,
    id: PatientId,
    archived: bool,
    keep_appointments: bool,
) -> Result<web::Json<Patient>, Problem> {
    let tenant = member.tenant();
    let changed = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        let before = locked(connection, tenant, id).await?;
        find(connection, tenant, id).await?;
        if before.archived_at.is_some() == archived {
            return find(connection, tenant, id).await;
        }
        if archived && !keep_appointments {
            refuse_with_appointments(connection, tenant, id).await?;
        }
        if !archived {
            require_room(connection, tenant).await?;
        }
        let after = State {
            archived_at: archived.then(Utc::now),
            ..State::of(&before)
        };
        write(connection, tenant, id, &after).await?;
        let action = match archived {
            true => "patient.archived",
            false => "patient.restored",
        };
        audit::record(connection, member, Entry::new(action).on(id)).await?;
        find(connection, tenant, id).await
    })
    .await?;
    app.patients.forget(tenant, id);
    Ok(web::Json(changed))
}

impl Relation {
    /// Without the notes: the log says that they changed, not what they say.
    fn for_log(&self) -> impl Serialize {
        serde_json::json!({ "status": self.status, "startedOn": self.started,
            "endedOn": self.ended, "notes": self.notes.is_some() })
    }
}

impl State {
    fn of(relation: &Relation) -> Self {
        Self {
            status: relation.status.clone(),
            started_on: relation.started,
            ended_on: relation.ended,
            archived_at: relation.archived_at,
            notes: relation.notes.clone(),
        }
    }
}

impl RelationChange {
    /// The state after it.
    fn apply(&self, before: &Relation, today: NaiveDate) -> Result<State, Problem> {
        let mut after = State::of(before);
        if let Some(date) = self.started_on {
            after.started_on = date;
        }
        if let Some(notes) = &self.notes {
            after.notes = notes.clone().filter(|notes| !notes.trim().is_empty());
        }
        let ended = match self.status {
            Some(status) => status == Status::Ended,
            None => before.status == "ended",
        };
        after.status = if ended { "ended" } else { "active" }.to_owned();
        after.ended_on = match (ended, self.ended_on) {
            (true, given) => Some(given.or(before.ended).unwrap_or(today)),
            (false, None) => None,
            (false, Some(_)) => {
                return Err(Problem::invalid("endedOn", "only an ended relation has it"));
            }
        };
        if self.started_on.is_some_and(|start| start > today) {
            return Err(Problem::invalid("startedOn", "is in the future"));
        }
        if after.ended_on.is_some_and(|end| end > today) {
            return Err(Problem::invalid("endedOn", "is in the future"));
        }
        if after.ended_on.is_some_and(|end| end < after.started_on) {
            return Err(Problem::invalid("endedOn", "is before the start"));
        }
        Ok(after)
    }
}

/// The relation, whether it lasts or not.
pub(super) async fn read(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    id: PatientId,
) -> Result<Relation, Problem> {
    Ok(patient_dentists::table
        .find((tenant, id))
        .select(Relation::as_select())
        .first(connection)
        .await?)
}

async fn locked(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    id: PatientId,
) -> Result<Relation, Problem> {
    Ok(patient_dentists::table
        .find((tenant, id))
        .select(Relation::as_select())
        .for_update()
        .first(connection)
        .await?)
}

async fn write(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    id: PatientId,
    state: &State,
) -> Result<Relation, Problem> {
    Ok(diesel::update(patient_dentists::table.find((tenant, id)))
        .set(state)
        .returning(Relation::as_returning())
        .get_result(connection)
        .await?)
}

/// 409 while the patient has visits to come.
pub(super) async fn refuse_with_appointments(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    id: PatientId,
) -> Result<(), Problem> {
    let to_come: i64 = appointments::table
        .filter(appointments::tenant_id.eq(tenant))
        .filter(appointments::patient_id.eq(id))
        .filter(appointments::start_at.gt(Utc::now()))
        .filter(appointments::status.eq_any(["scheduled", "confirmed"]))
        .count()
        .get_result(connection)
        .await?;
    if to_come == 0 {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::CONFLICT,
        "future_appointments",
        format!("The patient has visits to come: {to_come}."),
    ))
}
