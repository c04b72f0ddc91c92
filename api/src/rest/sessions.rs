//! Signing in and out.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::Utc;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use diesel_async::RunQueryDsl;
use garde::Validate;
use schema::ids::UserId;
use schema::tenancy::{self, Access};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{self, Who};
use crate::auth::principal::{self, Account, Principal, Workspace};
use crate::auth::sessions::{self, Client, Started};
use crate::problem::Problem;
use crate::rest::input::Input;

/// An account's name and secret.
#[derive(Deserialize, Validate, ToSchema)]
#[allow(missing_debug_implementations)] // a secret: nothing shall print it
pub struct Credentials {
    #[garde(length(bytes, min = 1, max = 254))]
    #[schema(example = "dentist@dentista.com")]
    email: String,
    /// Longer passwords would only cost time to refuse.
    #[garde(length(bytes, min = 1, max = 1024))]
    #[schema(example = "Dentist123!", format = Password)]
    password: String,
}

/// A session to be continued or ended.
#[derive(Deserialize, Validate, ToSchema)]
#[allow(missing_debug_implementations)] // a secret: nothing shall print it
#[serde(rename_all = "camelCase")]
pub struct RefreshToken {
    #[garde(length(bytes, min = 1, max = 512))]
    refresh_token: String,
}

/// Somebody who is signed in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Send it as `Authorization: Bearer`.
    access_token: String,
    /// Exchange it at `/auth/refresh`, once.
    refresh_token: String,
    /// Life of the access token, in seconds.
    expires_in: u32,
    user: User,
    workspaces: Vec<Workspace>,
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    id: Uuid,
    email: String,
    name: String,
    /// Whether the address has been shown to be theirs.
    email_verified: bool,
    /// Of all practices together, with `super_admin` and `patient`.
    roles: Vec<String>,
}

/// The account behind a token.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    user: User,
    workspaces: Vec<Workspace>,
}

impl From<&Account> for User {
    fn from(account: &Account) -> Self {
        Self {
            id: account.user.0,
            email: account.email.clone(),
            name: account.name.clone(),
            email_verified: account.verified,
            roles: account.roles(),
        }
    }
}

#[derive(QueryableByName)]
struct Login {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: UserId,
    #[diesel(sql_type = Nullable<Text>)]
    password_hash: Option<String>,
}

/// Sign in with an e-mail address and a password.
#[utoipa::path(post, path = "/auth/login", tag = "auth",
    request_body = Credentials, responses((status = 200, body = Session)))]
pub async fn login(
    app: web::Data<App>,
    request: HttpRequest,
    Input(given): Input<Credentials>,
) -> Result<web::Json<Session>, Problem> {
    let address = request.peer_addr().map(|peer| peer.ip());
    app.throttle.attempt(&given.email, address)?;
    let email = given.email.trim().to_owned();
    let found = tenancy::transaction(&app.app_pool, &Access::nobody(), async |connection| {
        let found: Option<Login> = diesel::sql_query("SELECT * FROM lookup_login($1)")
            .bind::<Text, _>(email)
            .get_result(connection)
            .await
            .optional()?;
        Ok::<_, Problem>(found)
    })
    .await?;
    let (user, stored) = found.map(|login| (login.id, login.password_hash)).unzip();
    let matches = app
        .passwords
        .verify(given.password, stored.flatten())
        .await?;
    let Some(user) = user.filter(|_| matches) else {
        audit::record_account(&app, user, Who::anonymous(), "session.refused").await?;
        return Err(Problem::unauthorised("E-mail or password are not right."));
    };
    app.throttle.succeeded(&given.email, address);
    let started = sessions::start(&app, user, &Client::of(&request)).await?;
    audit::record_account(&app, Some(user), Who::user(user), "session.started").await?;
    session(&app, started).await
}

/// Exchange a refresh token for new tokens. Each counts once: a second use ends the session.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth",
    request_body = RefreshToken, responses((status = 200, body = Session)))]
pub async fn refresh(
    app: web::Data<App>,
    request: HttpRequest,
    Input(given): Input<RefreshToken>,
) -> Result<web::Json<Session>, Problem> {
    let started = sessions::rotate(&app, &given.refresh_token, &Client::of(&request)).await?;
    session(&app, started).await
}

/// End a session: its refresh tokens count no more.
#[utoipa::path(post, path = "/auth/logout", tag = "auth",
    request_body = RefreshToken, responses((status = 204, description = "It has ended")))]
pub async fn logout(
    app: web::Data<App>,
    Input(given): Input<RefreshToken>,
) -> Result<HttpResponse, Problem> {
    sessions::end(&app, &given.refresh_token).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Who the token stands for.
#[utoipa::path(get, path = "/auth/me", tag = "auth", responses((status = 200, body = Me)))]
pub async fn me(principal: Principal) -> Result<web::Json<Me>, Problem> {
    let account = principal.account()?;
    Ok(web::Json(Me {
        user: User::from(account.as_ref()),
        workspaces: account.workspaces.clone(),
    }))
}

/// What a session that was started or goes on is told.
pub(crate) async fn session(app: &App, started: Started) -> Result<web::Json<Session>, Problem> {
    let account = principal::account(app, started.user)
        .await?
        .ok_or_else(|| Problem::unauthorised("The account is no more."))?;
    let session = Some(started.session);
    Ok(web::Json(Session {
        access_token: app
            .tokens
            .issue(started.user, account.roles(), session, Utc::now())?,
        refresh_token: started.refresh_token,
        expires_in: app.tokens.seconds,
        user: User::from(account.as_ref()),
        workspaces: account.workspaces.clone(),
    }))
}
