//! Taking on somebody whom another practice treats too: with proof that the person is here (their
//! e-mail address or phone number and their birth date), or by their own consent, asked by mail.
//! Neither way tells whether anybody else is known.

pub mod requests;
pub mod throttle;

use actix_web::{HttpResponse, web};
use chrono::NaiveDate;
use garde::Validate;
use schema::patients::links;
use schema::tenancy;
use serde::Deserialize;
use utoipa::ToSchema;

use super::record::{check_date_of_birth, check_email, check_phone, e164, lower_email};
use super::{Patient, find, phone, require_room};
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::Input;

/// What the practice knows of the person. All that is given must be right.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// This or `phone`, or both.
    #[serde(default)]
    #[garde(inner(custom(check_email)))]
    email: Option<String>,
    #[serde(default)]
    #[garde(inner(custom(check_phone)))]
    #[schema(example = "+593 99 123 4567")]
    phone: Option<String>,
    #[garde(custom(check_date_of_birth))]
    date_of_birth: NaiveDate,
}

/// Link the record that somebody has already to the practice. 404 tells no more than that it was not
/// done: there is nobody, something is wrong, or several share the address.
#[utoipa::path(post, path = "/patients/link", tag = "patients", request_body = Link,
    responses((status = 201, body = Patient), (status = 404), (status = 429)))]
pub async fn link(
    app: web::Data<App>,
    member: Member,
    Input(given): Input<Link>,
) -> Result<HttpResponse, Problem> {
    let tenant = member.tenant();
    let email = given.email.as_deref().map(lower_email);
    let country = phone::country(&member.workspace.zone);
    let phone = given.phone.as_deref().map(|phone| e164(phone, country));
    let phone = phone.transpose()?;
    if email.is_none() && phone.is_none() {
        return Err(Problem::invalid("email", "this or phone is needed"));
    }
    app.links.practice(tenant)?;
    for known in email.iter().chain(&phone) {
        app.links.person(known)?;
    }
    let linked = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        require_room(connection, tenant).await?;
        let born = given.date_of_birth;
        let id = links::link(connection, tenant, email.as_deref(), phone.as_deref(), born).await?;
        let id = id.ok_or_else(Problem::not_found)?;
        audit::record(connection, &member, Entry::new("patient.linked").on(id)).await?;
        find(connection, tenant, id).await
    })
    .await?;
    app.patients.forget(tenant, linked.id);
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("/patients/{}", linked.id)))
        .json(linked))
}
