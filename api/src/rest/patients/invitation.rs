//! Inviting a patient to see their visits online: the e-mail goes to the address in the record, so
//! that whoever comes back with its secret has shown to be who the practice means.

use actix_web::{HttpResponse, web};
use chrono::{TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use schema::ids::{PatientId, UserId};
use schema::schema::{patient_invitations, patients};
use schema::tenancy;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::permissions::Permission;
use crate::auth::principal::Member;
use crate::auth::sessions;
use crate::mail::{self, Letter};
use crate::problem::Problem;
use crate::rest::language::Language;

/// How long the link counts; the letter tells.
const LIFE: TimeDelta = TimeDelta::days(7);

/// Invite a patient to see their visits online. A newer invitation makes the older worthless.
#[utoipa::path(post, path = "/patients/{id}/invitation", tag = "patients",
    params(("id" = Uuid, Path)),
    responses((status = 202, description = "The address in the record has mail"),
        (status = 409, description = "`already_linked`: the patient has an account"),
        (status = 422, description = "The record has no e-mail address")))]
pub async fn create(
    app: web::Data<App>,
    member: Member,
    id: web::Path<PatientId>,
) -> Result<HttpResponse, Problem> {
    member.require_change(Permission::CanManagePatients)?;
    let tenant = member.tenant();
    tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        let (first_name, email, user): (String, Option<String>, Option<UserId>) =
            super::ours(tenant)
                .filter(patients::id.eq(*id))
                .select((patients::first_name, patients::email, patients::user_id))
                .first(connection)
                .await?;
        if user.is_some() {
            return Err(Problem::new(
                actix_web::http::StatusCode::CONFLICT,
                "already_linked",
                "This patient has an account already.",
            ));
        }
        let email = email.ok_or_else(|| Problem::invalid("email", "the record has none"))?;
        app.throttle.letter(&email, None)?;
        diesel::delete(patient_invitations::table)
            .filter(patient_invitations::tenant_id.eq(tenant))
            .filter(patient_invitations::patient_id.eq(*id))
            .execute(connection)
            .await?;
        let token = sessions::random_token()?;
        diesel::insert_into(patient_invitations::table)
            .values((
                patient_invitations::id.eq(Uuid::now_v7()),
                patient_invitations::tenant_id.eq(tenant),
                patient_invitations::patient_id.eq(*id),
                patient_invitations::token_hash.eq(sessions::hash(&token)),
                patient_invitations::expires_at.eq(Utc::now() + LIFE),
            ))
            .execute(connection)
            .await?;
        let letter = Letter::PatientAccess {
            name: first_name,
            practice: member.workspace.name.clone(),
            link: format!("{}/my/link#token={token}", app.config.public_url),
        };
        let language = Language::named(&member.workspace.locale);
        mail::queue(connection, &email, language, &letter).await?;
        audit::record(connection, &member, Entry::new("patient.invited").on(*id)).await
    })
    .await?;
    app.mail.wake();
    Ok(HttpResponse::Accepted().finish())
}
