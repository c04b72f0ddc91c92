//! Refresh tokens: 256 random bits that are replaced at each use. Only their SHA-256 is kept. A
//! token that comes a second time was copied by somebody, so its whole family ends.

use actix_web::HttpRequest;
use actix_web::http::{StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Binary, Bool};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rand::TryRng;
use schema::ids::UserId;
use schema::schema::refresh_tokens;
use schema::tenancy::{self, Access};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::address;
use crate::app::App;
use crate::audit::{self, Who};
use crate::problem::Problem;

const TOKEN_BYTES: usize = 32;
/// Longer names of programs tell nobody more.
const USER_AGENT_CHARS_MAX: usize = 200;
/// Tokens at their end are forgotten this much later.
const ENDED_KEPT: TimeDelta = TimeDelta::days(1);

/// Which program asks from where: shown to the session's owner.
#[derive(Clone, Debug, Default)]
pub struct Client {
    pub user_agent: Option<String>,
    pub address: Option<String>,
}

impl Client {
    /// Of a request.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        let agent = request.headers().get(header::USER_AGENT);
        Self {
            user_agent: agent.and_then(|agent| agent.to_str().ok()).map(|agent| {
                let agent: String = agent.chars().take(USER_AGENT_CHARS_MAX).collect();
                agent
            }),
            address: address::of(request).map(|address| address.to_string()),
        }
    }
}

/// A session that was started or goes on.
#[allow(missing_debug_implementations)] // a secret: nothing shall print it
pub struct Started {
    pub user: UserId,
    /// The family of its refresh tokens.
    pub session: Uuid,
    pub refresh_token: String,
}

/// Starts a session of `user`.
///
/// # Errors
/// 503 without a database.
pub async fn start(app: &App, user: UserId, client: &Client) -> Result<Started, Problem> {
    tenancy::transaction(&app.app_pool, &Access::user(user), async |connection| {
        start_in(app, connection, user, client).await
    })
    .await
}

/// As [`start`], in a transaction of the user.
///
/// # Errors
/// 503 without a database.
pub async fn start_in(
    app: &App,
    connection: &mut AsyncPgConnection,
    user: UserId,
    client: &Client,
) -> Result<Started, Problem> {
    let old = Utc::now() - ENDED_KEPT;
    diesel::delete(refresh_tokens::table)
        .filter(refresh_tokens::user_id.eq(user))
        .filter(refresh_tokens::expires_at.lt(old))
        .execute(connection)
        .await?;
    let session = Uuid::now_v7();
    let refresh_token = insert(app, connection, user, session, Utc::now(), client).await?;
    Ok(Started {
        user,
        session,
        refresh_token,
    })
}

/// Exchanges a token for its successor.
///
/// # Errors
/// 401 for a token that is unknown, old, revoked or used before; 409 for one that another request
/// was using at this moment.
pub async fn rotate(app: &App, token: &str, client: &Client) -> Result<Started, Problem> {
    let Some(found) = find(app, token).await? else {
        return Err(ended());
    };
    let user = UserId(found.user_id);
    let next = tenancy::transaction(&app.app_pool, &Access::user(user), async |connection| {
        // Of two uses at once the second waits for the first here, and then finds it used.
        let used: Option<(Uuid, DateTime<Utc>)> =
            diesel::update(refresh_tokens::table.find(found.id))
                .filter(refresh_tokens::used_at.is_null())
                .filter(refresh_tokens::revoked_at.is_null())
                .filter(refresh_tokens::expires_at.gt(diesel::dsl::now))
                .set(refresh_tokens::used_at.eq(diesel::dsl::now))
                .returning((refresh_tokens::family, refresh_tokens::started_at))
                .get_result(connection)
                .await
                .optional()?;
        if let Some((session, started)) = used {
            let token = insert(app, connection, user, session, started, client).await?;
            return Ok::<_, Problem>(Ok(Started {
                user,
                session,
                refresh_token: token,
            }));
        }
        if found.is_used {
            end_session(connection, found.family).await?;
            return Ok(Err(ended()));
        }
        // Unused a moment ago: revoked, at its end, or used since this request came. The last is
        // two windows of one browser, which wake up together, and no thief: the session stays.
        let raced: bool = diesel::select(diesel::dsl::exists(
            refresh_tokens::table
                .find(found.id)
                .filter(refresh_tokens::used_at.is_not_null())
                .filter(refresh_tokens::revoked_at.is_null()),
        ))
        .get_result(connection)
        .await?;
        Ok(Err(if raced { in_use() } else { ended() }))
    })
    .await?;
    if next.is_err() {
        app.rights_changed(user);
        if found.is_used {
            audit::record_account(app, Some(user), Who::anonymous(), "session.revoked").await?;
        }
    }
    next
}

/// Ends the session of a token; an unknown one has none.
///
/// # Errors
/// 503 without a database.
pub async fn end(app: &App, token: &str) -> Result<(), Problem> {
    let Some(found) = find(app, token).await? else {
        return Ok(());
    };
    let user = UserId(found.user_id);
    tenancy::transaction(&app.app_pool, &Access::user(user), async |connection| {
        end_session(connection, found.family).await
    })
    .await?;
    app.rights_changed(user);
    audit::record_account(app, Some(user), Who::user(user), "session.ended").await
}

/// Ends all sessions of a user but one, in a transaction of theirs. Call [`App::rights_changed`]
/// after it.
///
/// [`App::rights_changed`]: crate::app::App::rights_changed
///
/// # Errors
/// 503 without a database.
pub async fn end_others(
    connection: &mut AsyncPgConnection,
    user: UserId,
    but_for: Option<Uuid>,
) -> Result<(), Problem> {
    diesel::update(refresh_tokens::table)
        .filter(refresh_tokens::user_id.eq(user))
        .filter(refresh_tokens::revoked_at.is_null())
        .filter(refresh_tokens::family.ne(but_for.unwrap_or_default()))
        .set(refresh_tokens::revoked_at.eq(diesel::dsl::now))
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends one session, in a transaction of its user. Answers whether there was one.
///
/// # Errors
/// 503 without a database.
pub async fn end_session(
    connection: &mut AsyncPgConnection,
    session: Uuid,
) -> Result<bool, Problem> {
    let ended = diesel::update(refresh_tokens::table)
        .filter(refresh_tokens::family.eq(session))
        .filter(refresh_tokens::revoked_at.is_null())
        .set(refresh_tokens::revoked_at.eq(diesel::dsl::now))
        .execute(connection)
        .await?;
    Ok(ended > 0)
}

fn ended() -> Problem {
    Problem::unauthorised("The session has ended: sign in again.")
}

fn in_use() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "refresh_raced",
        "Another request has just used this token: go on with the tokens that it got.",
    )
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    user_id: Uuid,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    family: Uuid,
    #[diesel(sql_type = Bool)]
    is_used: bool,
}

async fn find(app: &App, token: &str) -> Result<Option<Found>, Problem> {
    let hash = hash(token);
    tenancy::transaction(&app.app_pool, &Access::nobody(), async |connection| {
        let found = diesel::sql_query("SELECT * FROM lookup_refresh_token($1)")
            .bind::<Binary, _>(hash)
            .get_result(connection)
            .await
            .optional()?;
        Ok(found)
    })
    .await
}

async fn insert(
    app: &App,
    connection: &mut AsyncPgConnection,
    user: UserId,
    session: Uuid,
    started: DateTime<Utc>,
    client: &Client,
) -> Result<String, Problem> {
    let token = random_token()?;
    let expires: DateTime<Utc> =
        Utc::now() + TimeDelta::days(i64::from(app.config.refresh_token_days));
    diesel::insert_into(refresh_tokens::table)
        .values((
            refresh_tokens::id.eq(Uuid::now_v7()),
            refresh_tokens::user_id.eq(user),
            refresh_tokens::family.eq(session),
            refresh_tokens::token_hash.eq(hash(&token)),
            refresh_tokens::expires_at.eq(expires),
            refresh_tokens::started_at.eq(started),
            refresh_tokens::user_agent.eq(&client.user_agent),
            refresh_tokens::address.eq(&client.address),
        ))
        .execute(connection)
        .await?;
    Ok(token)
}

/// A secret that nobody can guess, for URLs and JSON.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn random_token() -> Result<String, Problem> {
    let mut bytes = [0; TOKEN_BYTES];
    rand::rngs::SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| Problem::internal(error.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// What is kept of a token.
#[must_use]
pub fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}
