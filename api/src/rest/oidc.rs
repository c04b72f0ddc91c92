//! Signing in with another service, and which of our accounts that is (decision 0027).

use actix_web::cookie::{Cookie, SameSite, time::Duration};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use schema::ids::UserId;
use schema::schema::{user_identities, users};
use schema::tenancy::{self, Access};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::accounts::{self, NewAccount};
use crate::address;
use crate::app::App;
use crate::audit::{self, Who};
use crate::auth::oidc::{FLOW_SECONDS, Identity};
use crate::auth::sessions::{self, Client};
use crate::problem::Problem;
use crate::rest::input::Params;
use crate::rest::language::Language;
use crate::rest::page::Page;
use crate::rest::sessions::{Session, session};

/// Carries what began a sign-in.
const COOKIE: &str = "denticloud_oidc";
/// The cookie goes nowhere else.
const COOKIE_PATH: &str = "/auth/oidc";

/// A service to sign in with.
#[derive(Debug, Serialize, ToSchema)]
pub struct Provider {
    #[schema(example = "google")]
    name: String,
    /// Where a browser begins.
    #[schema(example = "/auth/oidc/google/start")]
    start: String,
}

/// Where to go afterwards.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Start {
    /// A path of this server. The browser is sent there with the tokens behind `#`; without, they
    /// are the answer.
    #[serde(rename = "return")]
    back: Option<String>,
}

/// What a service comes back with.
#[derive(Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[allow(missing_debug_implementations)] // secrets: nothing shall print them
pub struct Callback {
    state: Option<String>,
    code: Option<String>,
    /// What went wrong over there.
    error: Option<String>,
}

/// The services that one can sign in with here.
#[utoipa::path(get, path = "/auth/oidc", tag = "auth",
    responses((status = 200, body = Page<Provider>)))]
pub async fn list(app: web::Data<App>) -> web::Json<Page<Provider>> {
    let providers = app.oidc.names().map(|name| Provider {
        name: name.to_owned(),
        start: format!("/auth/oidc/{name}/start"),
    });
    web::Json(Page::whole(providers.collect()))
}

/// Begin to sign in with a service: for browsers, which are sent there.
#[utoipa::path(get, path = "/auth/oidc/{provider}/start", tag = "auth",
    params(("provider" = String, Path), Start),
    responses((status = 303, description = "To the service"),
        (status = 404, description = "There is no such service"),
        (status = 429, description = "`rate_limited`")))]
pub async fn start(
    app: web::Data<App>,
    request: HttpRequest,
    provider: web::Path<String>,
    query: Params<Start>,
) -> Result<HttpResponse, Problem> {
    app.throttle.sign_in_elsewhere(address::of(&request))?;
    let back = query.into_inner().back;
    if back.as_deref().is_some_and(|back| !is_own_path(back)) {
        return Err(Problem::invalid("return", "a path of this server"));
    }
    let begun = app.oidc.begin(&provider, back).await?;
    let mut answer = HttpResponse::SeeOther();
    answer.insert_header((header::LOCATION, begun.location));
    answer.cookie(cookie(&app, begun.cookie, begun.form_post, FLOW_SECONDS));
    Ok(answer.finish())
}

/// Where services send browsers back to.
#[utoipa::path(get, path = "/auth/oidc/{provider}/callback", tag = "auth",
    params(("provider" = String, Path), Callback),
    responses((status = 200, body = Session),
        (status = 303, description = "To the path that the sign-in began with, tokens behind `#`"),
        (status = 400, description = "`oidc_state`: it was not begun in this browser"),
        (status = 401, description = "`oidc_failed`, `oidc_refused`"),
        (status = 403, description = "`email_unverified`: the service vouches for no address")))]
pub async fn callback(
    app: web::Data<App>,
    request: HttpRequest,
    provider: web::Path<String>,
    given: Params<Callback>,
) -> Result<HttpResponse, Problem> {
    finish(&app, &request, &provider, given.into_inner()).await
}

/// The same for services that come back with a form.
#[utoipa::path(post, path = "/auth/oidc/{provider}/callback", tag = "auth",
    params(("provider" = String, Path)),
    request_body(content = Callback, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Session)))]
pub async fn posted(
    app: web::Data<App>,
    request: HttpRequest,
    provider: web::Path<String>,
    given: web::Form<Callback>,
) -> Result<HttpResponse, Problem> {
    if !app.oidc.posts(&provider) {
        return Err(Problem::not_found());
    }
    finish(&app, &request, &provider, given.into_inner()).await
}

async fn finish(
    app: &App,
    request: &HttpRequest,
    provider: &str,
    given: Callback,
) -> Result<HttpResponse, Problem> {
    app.throttle.sign_in_elsewhere(address::of(request))?;
    let carried = request.cookie(COOKIE);
    let flow = app.oidc.flow(
        carried.as_ref().map(Cookie::value),
        provider,
        given.state.as_deref().unwrap_or_default(),
    )?;
    let code = match (given.code, given.error) {
        (Some(code), None) => code,
        _ => {
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "oidc_refused",
                "The service did not sign you in.",
            ));
        }
    };
    let back = flow.back.clone();
    let identity = app.oidc.finish(flow, code).await?;
    let user = account_of(app, request, &identity).await?;
    let started = sessions::start(app, user, &Client::of(request)).await?;
    audit::record_account(app, Some(user), Who::user(user), "session.started").await?;
    let session = session(app, started).await?.into_inner();
    let mut answer = match &back {
        Some(back) => {
            let mut answer = HttpResponse::SeeOther();
            answer.insert_header((header::LOCATION, format!("{back}#{}", session.fragment())));
            answer
        }
        None => HttpResponse::Ok(),
    };
    answer.cookie(cookie(app, String::new(), app.oidc.posts(provider), 0));
    Ok(match back {
        Some(_) => answer.finish(),
        None => answer.json(session),
    })
}

/// Whether a browser that is sent to `path` stays with us.
fn is_own_path(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\\\"<>#".contains(&byte);
    path.starts_with('/') && !path.starts_with("//") && path.bytes().all(plain)
}

fn cookie(app: &App, value: String, form_post: bool, seconds: i64) -> Cookie<'static> {
    let secure = form_post || app.config.public_url.starts_with("https:");
    let mut cookie = Cookie::new(COOKIE, value);
    cookie.set_path(COOKIE_PATH);
    cookie.set_http_only(true);
    cookie.set_secure(secure);
    // A form that another site posts brings no cookie that is `Lax`.
    cookie.set_same_site(if form_post {
        SameSite::None
    } else {
        SameSite::Lax
    });
    cookie.set_max_age(Duration::seconds(seconds));
    cookie
}

#[derive(QueryableByName)]
struct Known {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    user_id: UserId,
}

/// The account of who has signed in: the one that they have signed in to before, else the one of
/// their address, else a new one.
async fn account_of(
    app: &App,
    request: &HttpRequest,
    identity: &Identity,
) -> Result<UserId, Problem> {
    let (known, by_email) =
        tenancy::transaction(&app.app_pool, &Access::nobody(), async |connection| {
            let known: Option<Known> = diesel::sql_query("SELECT * FROM lookup_identity($1, $2)")
                .bind::<Text, _>(&identity.issuer)
                .bind::<Text, _>(&identity.subject)
                .get_result(connection)
                .await
                .optional()?;
            let by_email = match (&known, &identity.email) {
                (None, Some(email)) => accounts::by_email(connection, email).await?,
                _ => None,
            };
            Ok::<_, Problem>((known, by_email))
        })
        .await?;
    if let Some(known) = known {
        return Ok(known.user_id);
    }
    let email = identity.email.as_deref().ok_or_else(|| {
        Problem::new(
            StatusCode::FORBIDDEN,
            "email_unverified",
            "The service does not vouch for your e-mail address.",
        )
    })?;
    let user = by_email.as_ref().map_or_else(UserId::new, |known| known.id);
    let access = Access::user(user);
    tenancy::transaction(&app.app_pool, &access, async |connection| {
        if by_email.is_some() {
            take_over(connection, user).await?;
        } else {
            let name = identity.name.as_deref().unwrap_or(email);
            let account = NewAccount {
                id: user,
                email,
                name,
                password_hash: None,
                language: Language::of(request, ""),
                verified: true,
            };
            accounts::create(connection, &account).await.map_err(
                |error| match accounts::violates(&error, "users_email_key") {
                    // Made by another request in this moment.
                    true => Problem::busy(),
                    false => error.into(),
                },
            )?;
        }
        diesel::insert_into(user_identities::table)
            .values((
                user_identities::issuer.eq(&identity.issuer),
                user_identities::subject.eq(&identity.subject),
                user_identities::user_id.eq(user),
            ))
            // Of two callbacks at once the second finds it done.
            .on_conflict_do_nothing()
            .execute(connection)
            .await?;
        accounts::verified(connection, user).await?;
        Ok::<_, Problem>(())
    })
    .await?;
    app.rights_changed(user);
    audit::record_account(app, Some(user), Who::user(user), "account.identity_linked").await?;
    Ok(user)
}

/// An account whose address nobody had confirmed may have been made by somebody else: its password
/// and its sessions end when the address's owner comes.
async fn take_over(connection: &mut AsyncPgConnection, user: UserId) -> Result<(), Problem> {
    let unconfirmed = diesel::update(users::table.find(user))
        .filter(users::email_verified_at.is_null())
        .set(users::password_hash.eq(None::<String>))
        .execute(connection)
        .await?;
    if unconfirmed > 0 {
        sessions::end_others(connection, user, None).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_own_path;

    #[test]
    fn browsers_are_sent_to_our_own_pages_only() {
        for (path, own) in [
            ("/app/day?date=2027-01-01", true),
            ("/my", true),
            ("//evil.example", false),
            ("/\\evil.example", false),
            ("https://evil.example", false),
            ("app", false),
            ("/app\r\nSet-Cookie: x", false),
            ("/app#token", false),
            ("", false),
        ] {
            assert_eq!(is_own_path(path), own, "{path}");
        }
    }
}
