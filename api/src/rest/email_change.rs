//! Another e-mail address for an account: asked for with the password, and in force once somebody
//! has read the new address's mail. Records of the account follow; the old address is told.

use actix_web::{HttpRequest, HttpResponse, web};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use garde::Validate;
use schema::schema::{patients, users};
use schema::tenancy::{self, Access};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::accounts;
use crate::accounts::mailed::{self, Purpose};
use crate::address;
use crate::app::App;
use crate::audit::{self, Entry, Who};
use crate::auth::principal::Principal;
use crate::mail::{self, Letter};
use crate::problem::Problem;
use crate::rest::input::Input;
use crate::rest::patients::{check_email, lower_email};
use crate::rest::registration::MailedToken;

/// The new address, and the password that shows who asks.
#[derive(Deserialize, Validate, ToSchema)]
#[allow(missing_debug_implementations)] // a secret: nothing shall print it
#[serde(rename_all = "camelCase")]
pub struct NewAddress {
    #[garde(custom(check_email))]
    #[schema(example = "eva@example.com")]
    new_email: String,
    #[garde(length(bytes, min = 1, max = 1024))]
    #[schema(format = Password)]
    current_password: String,
}

/// Ask for another e-mail address. It counts once the link that is mailed to it was followed; the
/// answer is the same where the address has an account already: then the mail says so.
#[utoipa::path(post, path = "/auth/change-email", tag = "auth", request_body = NewAddress,
    responses((status = 202, description = "The new address has mail"),
        (status = 422, description = "The password is not right, or this is no address"),
        (status = 429, description = "`rate_limited`")))]
pub async fn ask(
    app: web::Data<App>,
    request: HttpRequest,
    principal: Principal,
    Input(given): Input<NewAddress>,
) -> Result<HttpResponse, Problem> {
    let account = principal.account()?;
    let (user, from) = (account.user, address::of(&request));
    let email = lower_email(&given.new_email);
    // Somebody who has found an open session guesses no faster than at the door.
    app.throttle.login(&account.email, from)?;
    let (own, taken) = tenancy::transaction(&app.app_pool, &Access::nobody(), async |connection| {
        let own = accounts::by_email(connection, &account.email).await?;
        let taken = accounts::by_email(connection, &email).await?;
        Ok::<_, Problem>((own, taken))
    })
    .await?;
    let stored = own.and_then(|own| own.password_hash);
    if !app.passwords.verify(given.current_password, stored).await? {
        return Err(Problem::invalid("currentPassword", "is not right"));
    }
    app.throttle.succeeded(&account.email, from);
    if email == account.email {
        return Err(Problem::invalid("newEmail", "is the account's already"));
    }
    app.throttle.letter(&email, from)?;
    let url = &app.config.public_url;
    let owner_of = taken.as_ref().map_or(user, |taken| taken.id);
    tenancy::transaction(&app.app_pool, &Access::user(owner_of), async |connection| {
        let owner = accounts::owner(connection, owner_of).await?;
        let name = owner.name.clone();
        let letter = if taken.is_some() {
            let link = format!("{url}/app/forgot-password");
            Letter::AccountExists { name, link }
        } else {
            let purpose = Purpose::ChangeEmail;
            let link = mailed::link_for(connection, url, user, purpose, Some(&email)).await?;
            Letter::ChangeEmail { name, link }
        };
        Ok::<_, Problem>(mail::queue(connection, &email, owner.language(), &letter).await?)
    })
    .await?;
    app.mail.wake();
    Ok(HttpResponse::Accepted().finish())
}

/// Make an address the account's with the secret that was mailed to it. Links that were mailed to
/// the old one count no more; sessions go on.
#[utoipa::path(post, path = "/auth/confirm-email", tag = "auth", request_body = MailedToken,
    responses((status = 204, description = "It is the account's address"),
        (status = 409, description = "`email_taken`: another account has it meanwhile"),
        (status = 422, description = "The token is unknown, used or too old")))]
pub async fn confirm(
    app: web::Data<App>,
    Input(given): Input<MailedToken>,
) -> Result<HttpResponse, Problem> {
    let mailed = tenancy::transaction(&app.app_pool, &Access::nobody(), async |connection| {
        mailed::find(connection, given.token(), Purpose::ChangeEmail).await
    })
    .await?;
    let user = mailed.user_id;
    let (old, new) = tenancy::transaction(&app.app_pool, &Access::user(user), async |connection| {
        let new = mailed::address(connection, mailed).await?;
        mailed::use_up(connection, mailed).await?;
        mailed::forget_all(connection, user).await?;
        let owner = accounts::owner(connection, user).await?;
        diesel::update(users::table.find(user))
            .set((
                users::email.eq(&new),
                users::email_verified_at.eq(diesel::dsl::now),
            ))
            .execute(connection)
            .await
            .map_err(
                |error| match accounts::violates(&error, "users_email_key") {
                    true => Problem::new(
                        actix_web::http::StatusCode::CONFLICT,
                        "email_taken",
                        "Another account has this address.",
                    ),
                    false => error.into(),
                },
            )?;
        diesel::update(patients::table.filter(patients::user_id.eq(user)))
            .filter(patients::email.eq(&owner.email))
            .set(patients::email.eq(&new))
            .execute(connection)
            .await?;
        // Records that practices have under the new address are theirs too.
        accounts::verified(connection, user).await?;
        let letter = Letter::EmailChanged {
            name: owner.name.clone(),
        };
        mail::queue(connection, &owner.email, owner.language(), &letter).await?;
        Ok::<_, Problem>((owner.email, new))
    })
    .await?;
    app.accounts.forget(user);
    app.mail.wake();
    let entry = Entry::new("account.email_changed")
        .before(json!({ "email": old }))
        .after(json!({ "email": new }));
    audit::record_account(&app, Some(user), Who::user(user), entry).await?;
    Ok(HttpResponse::NoContent().finish())
}
