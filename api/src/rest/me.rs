//! A patient's own side: every dentist they have or had, each apart, and the visits to all of them.
//! The database answers for the account that asks and for nobody else (`my_dentists` and its like).

pub mod appointments;
pub mod profile;
mod visits;

use actix_web::{HttpResponse, web};
use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::sql_types::{Binary, Bool, Date, Jsonb, Nullable, Text};
use diesel_async::RunQueryDsl;
use schema::ids::{PatientId, TenantId};
use schema::tenancy::{self, Access};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{self, Entry, Who};
use crate::auth::principal::Principal;
use crate::auth::sessions;
use crate::once;
use crate::problem::Problem;
use crate::rest::input::Input;
use crate::rest::page::Page;
use crate::rest::registration::MailedToken;

/// A practice that a patient has or had a relation with.
#[derive(Debug, Serialize, QueryableByName, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MyDentist {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = Text)]
    name: String,
    /// Its booking page is `/book/{subdomain}`.
    #[diesel(sql_type = Text)]
    subdomain: String,
    #[diesel(sql_type = Text)]
    zone: String,
    /// Suspended practices take no bookings; visits that there are stay.
    #[diesel(sql_type = Bool)]
    suspended: bool,
    /// The record that this practice has of you.
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    patient_id: Uuid,
    /// `active` or `ended`.
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Date)]
    started_on: NaiveDate,
    #[diesel(sql_type = Nullable<Date>)]
    ended_on: Option<NaiveDate>,
    /// `[{id, name}]`: who works there.
    #[diesel(sql_type = Jsonb)]
    #[schema(value_type = Vec<Object>)]
    dentists: serde_json::Value,
}

/// Your dentists, those you have first.
#[utoipa::path(get, path = "/me/dentists", tag = "me",
    responses((status = 200, body = Page<MyDentist>)))]
pub async fn dentists(
    app: web::Data<App>,
    principal: Principal,
) -> Result<web::Json<Page<MyDentist>>, Problem> {
    let found: Vec<MyDentist> =
        tenancy::transaction(&app.app_pool, &principal.access(), async |connection| {
            diesel::sql_query("SELECT * FROM my_dentists() ORDER BY status, name, tenant_id")
                .load(connection)
                .await
        })
        .await?;
    Ok(web::Json(Page::whole(found)))
}

#[derive(QueryableByName)]
struct Linked {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    patient_id: PatientId,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    tenant_id: TenantId,
}

/// Take the record that a practice's e-mail is about: from then on its visits are among yours.
#[utoipa::path(post, path = "/me/link", tag = "me", request_body = MailedToken,
    responses((status = 204, description = "The record is yours"),
        (status = 422, description = "The token is unknown, used or too old, or the record has an account")))]
pub async fn link(
    app: web::Data<App>,
    principal: Principal,
    Input(given): Input<MailedToken>,
) -> Result<HttpResponse, Problem> {
    let user = principal.account()?.user;
    let hash = sessions::hash(given.token());
    let linked = tenancy::transaction(&app.app_pool, &principal.access(), async |connection| {
        let linked: Option<Linked> =
            diesel::sql_query("SELECT * FROM claim_patient_invitation($1)")
                .bind::<Binary, _>(hash)
                .get_result(connection)
                .await
                .optional()?;
        let linked = linked
            .ok_or_else(|| Problem::invalid("token", "counts no more: ask for a new link"))?;
        once::claim(connection, Some(linked.patient_id.0), None).await?;
        Ok::<_, Problem>(linked)
    })
    .await?;
    app.rights_changed(user);
    let access = Access::member(user, linked.tenant_id);
    tenancy::transaction(&app.app_pool, &access, async |connection| {
        let who = Who::from(&principal).in_tenant(linked.tenant_id);
        let entry = Entry::new("patient.account_linked").on(linked.patient_id);
        audit::record(connection, who, entry).await
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}
