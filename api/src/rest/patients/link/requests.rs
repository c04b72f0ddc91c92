//! Asking somebody by mail whether a practice may see their record. The practice hears the same
//! whether there is anybody to ask or not; it learns of a yes by having the patient.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, TimeDelta, Utc};
use garde::Validate;
use schema::audit_log;
use schema::patients::links::{self, Answerer};
use schema::tenancy::{self, Access};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::principal::{Member, Principal};
use crate::auth::sessions::{hash, random_token};
use crate::mail::{self, Letter};
use crate::once;
use crate::problem::Problem;
use crate::request;
use crate::rest::input::Input;
use crate::rest::language::Language;
use crate::rest::page::Page;
use crate::rest::patients::plan_limit;
use crate::rest::patients::record::{check_email, lower_email};

/// How long somebody may think about it.
const DAYS: i64 = 7;
/// A family may share an address: each of them is asked for their own record.
const PEOPLE_MAX: usize = 5;

/// Whom to ask.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub struct NewRequest {
    #[garde(custom(check_email))]
    email: String,
}

/// Until when there may be an answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    expires_at: DateTime<Utc>,
}

/// What somebody is asked.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// Which practice asks.
    practice: String,
    /// For whose record.
    first_name: String,
    /// `open`, `accepted`, `declined` or `expired`.
    status: String,
    expires_at: DateTime<Utc>,
}

/// An open question to the asker's own account.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnQuestion {
    id: Uuid,
    practice: String,
    first_name: String,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

/// What holds after an answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Answered {
    /// `accepted` or `declined`.
    status: String,
}

/// Ask by mail whether the practice may see the record that somebody has already. The answer is the
/// same whether there is anybody or not.
#[utoipa::path(post, path = "/patients/link-requests", tag = "patients",
    request_body = NewRequest, responses((status = 202, body = Sent), (status = 429)))]
pub async fn create(
    app: web::Data<App>,
    member: Member,
    Input(given): Input<NewRequest>,
) -> Result<HttpResponse, Problem> {
    let email = lower_email(&given.email);
    app.links.practice(member.tenant())?;
    app.links.person(&email)?;
    let expires_at = Utc::now() + TimeDelta::days(DAYS);
    let tokens: Vec<String> = (0..PEOPLE_MAX)
        .map(|_| random_token())
        .collect::<Result<_, _>>()?;
    let hashes: Vec<Vec<u8>> = tokens.iter().map(|token| hash(token)).collect();
    tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        let asked =
            links::request(connection, member.tenant(), &email, &hashes, expires_at).await?;
        for person in asked {
            let place = hashes.iter().position(|hash| *hash == person.token_hash);
            let Some(token) = place.and_then(|place| tokens.get(place)) else {
                continue;
            };
            let letter = Letter::PatientLink {
                name: person.first_name,
                practice: member.workspace.name.clone(),
                link: format!(
                    "{}/my/link-requests#token={token}",
                    app.config.public_url.trim_end_matches('/'),
                ),
            };
            let language = Language::named(&member.workspace.locale);
            mail::queue(connection, &email, language, &letter).await?;
        }
        // Not whom: the log must not say more than the answer does.
        audit::record(connection, &member, Entry::new("patient.link_requested")).await
    })
    .await?;
    app.mail.wake();
    Ok(HttpResponse::Accepted().json(Sent { expires_at }))
}

/// What the bearer of a mailed token is asked.
#[utoipa::path(get, path = "/patients/link-requests/{token}", tag = "patients",
    params(("token" = String, Path)),
    responses((status = 200, body = Question), (status = 404)))]
pub async fn get(
    app: web::Data<App>,
    token: web::Path<String>,
) -> Result<web::Json<Question>, Problem> {
    let token_hash = hash(&token);
    let found = tenancy::transaction(&app.app_pool, &Access::nobody(), async |connection| {
        Ok::<_, Problem>(links::question(connection, &token_hash).await?)
    })
    .await?;
    let found = found.ok_or_else(Problem::not_found)?;
    Ok(web::Json(Question {
        practice: found.practice,
        first_name: found.first_name,
        status: found.status,
        expires_at: found.expires_at,
    }))
}

/// Let the practice see one's record.
#[utoipa::path(post, path = "/patients/link-requests/{token}/accept", tag = "patients",
    params(("token" = String, Path)),
    responses((status = 200, body = Answered), (status = 404), (status = 409), (status = 422)))]
pub async fn accept(
    app: web::Data<App>,
    token: web::Path<String>,
) -> Result<web::Json<Answered>, Problem> {
    answer(
        &app,
        &Access::nobody(),
        Answerer::Token(&hash(&token)),
        true,
    )
    .await
}

/// Refuse it. The practice is not told.
#[utoipa::path(post, path = "/patients/link-requests/{token}/decline", tag = "patients",
    params(("token" = String, Path)),
    responses((status = 200, body = Answered), (status = 404), (status = 409)))]
pub async fn decline(
    app: web::Data<App>,
    token: web::Path<String>,
) -> Result<web::Json<Answered>, Problem> {
    answer(
        &app,
        &Access::nobody(),
        Answerer::Token(&hash(&token)),
        false,
    )
    .await
}

/// Which practices ask to see one's record.
#[utoipa::path(get, path = "/me/link-requests", tag = "me",
    responses((status = 200, body = Page<OwnQuestion>)))]
pub async fn list_own(
    app: web::Data<App>,
    principal: Principal,
) -> Result<web::Json<Page<OwnQuestion>>, Problem> {
    let open = tenancy::transaction(&app.app_pool, &principal.access(), async |connection| {
        Ok::<_, Problem>(links::open_questions(connection).await?)
    })
    .await?;
    let own = open.into_iter().map(|question| OwnQuestion {
        id: question.id,
        practice: question.practice,
        first_name: question.first_name,
        created_at: question.created_at,
        expires_at: question.expires_at,
    });
    Ok(web::Json(Page::whole(own.collect())))
}

/// Let the practice see one's record.
#[utoipa::path(post, path = "/me/link-requests/{id}/accept", tag = "me",
    params(("id" = Uuid, Path)),
    responses((status = 200, body = Answered), (status = 404), (status = 409), (status = 422)))]
pub async fn accept_own(
    app: web::Data<App>,
    principal: Principal,
    id: web::Path<Uuid>,
) -> Result<web::Json<Answered>, Problem> {
    answer(&app, &principal.access(), Answerer::Account(*id), true).await
}

/// Refuse it. The practice is not told.
#[utoipa::path(post, path = "/me/link-requests/{id}/decline", tag = "me",
    params(("id" = Uuid, Path)),
    responses((status = 200, body = Answered), (status = 404), (status = 409)))]
pub async fn decline_own(
    app: web::Data<App>,
    principal: Principal,
    id: web::Path<Uuid>,
) -> Result<web::Json<Answered>, Problem> {
    answer(&app, &principal.access(), Answerer::Account(*id), false).await
}

/// The function that answers writes the practice's audit log too: nobody here acts for it.
async fn answer(
    app: &App,
    access: &Access,
    answerer: Answerer<'_>,
    accepts: bool,
) -> Result<web::Json<Answered>, Problem> {
    let wanted = if accepts { "accepted" } else { "declined" };
    let outcome = tenancy::transaction(&app.app_pool, access, async |connection| {
        audit_log::set_origin(connection, &request::origin()).await?;
        let outcome = links::answer(connection, answerer, accepts).await?;
        if outcome.as_deref() == Some(wanted) {
            once::claim(connection, None, Some(&json!({ "status": wanted }))).await?;
        }
        Ok::<_, Problem>(outcome)
    })
    .await?;
    let status = outcome.ok_or_else(Problem::not_found)?;
    match status.as_str() {
        "full" => Err(plan_limit()),
        "expired" => Err(Problem::new(
            StatusCode::CONFLICT,
            "expired",
            "The request has expired; the practice can ask again.",
        )),
        same if same == wanted => Ok(web::Json(Answered { status })),
        _ => Err(Problem::new(
            StatusCode::CONFLICT,
            "answered",
            "The request has been answered otherwise.",
        )),
    }
}
