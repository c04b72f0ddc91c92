//! New passwords: for somebody who has forgotten theirs and reads their mail, and for somebody who
//! knows it and wants another. Both end the account's other sessions.

use actix_web::{HttpRequest, HttpResponse, web};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use garde::Validate;
use schema::ids::UserId;
use schema::schema::users;
use schema::tenancy::{self, Access};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::accounts::mailed::{self, Purpose};
use crate::accounts::{self, password_rules};
use crate::address;
use crate::app::App;
use crate::audit::{self, Who};
use crate::auth::principal::{Caller, Principal};
use crate::auth::sessions;
use crate::mail::{self, Letter};
use crate::problem::Problem;
use crate::rest::input::Input;

/// A new password with the secret that was mailed.
#[derive(Deserialize, Validate, ToSchema)]
#[allow(missing_debug_implementations)] // a secret: nothing shall print it
pub struct Reset {
    #[garde(length(bytes, min = 1, max = 512))]
    token: String,
    /// At least 10 characters, and not the address.
    #[garde(skip)]
    #[schema(format = Password)]
    password: String,
}

/// The old password and the new one.
#[derive(Deserialize, Validate, ToSchema)]
#[allow(missing_debug_implementations)] // a secret: nothing shall print it
#[serde(rename_all = "camelCase")]
pub struct Change {
    #[garde(length(bytes, min = 1, max = 1024))]
    #[schema(format = Password)]
    current_password: String,
    /// At least 10 characters, and not the address.
    #[garde(skip)]
    #[schema(format = Password)]
    new_password: String,
}

/// Set a new password with the secret that was mailed. Ends all sessions; it confirms the address,
/// too: whoever comes has read its mail.
#[utoipa::path(post, path = "/auth/reset-password", tag = "auth",
    request_body = Reset,
    responses((status = 204, description = "The new password counts"),
        (status = 422, description = "The token is unknown, used or too old; the password is too easy")))]
pub async fn reset(
    app: web::Data<App>,
    Input(given): Input<Reset>,
) -> Result<HttpResponse, Problem> {
    let mailed = tenancy::transaction(&app.app_pool, &Access::nobody(), async |connection| {
        mailed::find(connection, &given.token, Purpose::ResetPassword).await
    })
    .await?;
    let user = mailed.user_id;
    let access = Access::user(user);
    let owner = tenancy::transaction(&app.app_pool, &access, async |connection| {
        accounts::owner(connection, user).await
    })
    .await?;
    // Before the secret is used up: a password that is refused costs no new mail.
    password_rules::check("password", &given.password, &owner.email)?;
    let hash = app.passwords.hash(given.password).await?;
    tenancy::transaction(&app.app_pool, &access, async |connection| {
        mailed::use_up(connection, mailed).await?;
        accounts::verified(connection, user).await?;
        set(connection, user, &hash, None).await
    })
    .await?;
    app.rights_changed(user);
    app.mail.wake();
    audit::record_account(&app, Some(user), Who::user(user), "password.reset").await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Change the password. Ends all other sessions.
#[utoipa::path(post, path = "/auth/change-password", tag = "auth", request_body = Change,
    responses((status = 204, description = "The new password counts"),
        (status = 422, description = "The current password is not right; the new one is too easy"),
        (status = 429, description = "`rate_limited`")))]
pub async fn change(
    app: web::Data<App>,
    request: HttpRequest,
    principal: Principal,
    Input(given): Input<Change>,
) -> Result<HttpResponse, Problem> {
    let account = principal.account()?;
    let user = account.user;
    password_rules::check("newPassword", &given.new_password, &account.email)?;
    // Somebody who has found an open session guesses no faster than at the door.
    app.throttle.login(&account.email, address::of(&request))?;
    let known = tenancy::transaction(&app.app_pool, &Access::nobody(), async |connection| {
        accounts::by_email(connection, &account.email).await
    })
    .await?;
    let stored = known.and_then(|known| known.password_hash);
    if !app.passwords.verify(given.current_password, stored).await? {
        return Err(Problem::invalid("currentPassword", "is not right"));
    }
    app.throttle
        .succeeded(&account.email, address::of(&request));
    let hash = app.passwords.hash(given.new_password).await?;
    let session = match &principal.caller {
        Caller::User { session, .. } => *session,
        Caller::Key(_) => None,
    };
    tenancy::transaction(&app.app_pool, &Access::user(user), async |connection| {
        set(connection, user, &hash, session).await
    })
    .await?;
    app.rights_changed(user);
    app.mail.wake();
    audit::record_account(&app, Some(user), Who::user(user), "password.changed").await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn set(
    connection: &mut AsyncPgConnection,
    user: UserId,
    hash: &str,
    but_for: Option<Uuid>,
) -> Result<(), Problem> {
    diesel::update(users::table.find(user))
        .set(users::password_hash.eq(hash))
        .execute(connection)
        .await?;
    sessions::end_others(connection, user, but_for).await?;
    let owner = accounts::owner(connection, user).await?;
    let letter = Letter::PasswordChanged {
        name: owner.name.clone(),
    };
    mail::queue(connection, &owner.email, owner.language(), &letter).await?;
    Ok(())
}
