//! Refresh tokens: 256 random bits that are replaced at each use. Only their SHA-256 is kept. A
//! token that comes a second time was copied by somebody, so its whole family ends.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::Binary;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rand::TryRng;
use schema::ids::UserId;
use schema::schema::refresh_tokens;
use schema::tenancy::{self, Access};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::app::App;
use crate::audit::{self, Who};
use crate::problem::Problem;

const TOKEN_BYTES: usize = 32;

/// Starts a family for `user` and answers its first token.
///
/// # Errors
/// 503 without a database.
pub async fn start(app: &App, user: UserId) -> Result<String, Problem> {
    tenancy::transaction(&app.app_pool, &Access::user(user), async |connection| {
        insert(app, connection, user, Uuid::now_v7()).await
    })
    .await
}

/// Exchanges a token for its successor; answers whose it is.
///
/// # Errors
/// 401 for a token that is unknown, old, revoked or used before.
pub async fn rotate(app: &App, token: &str) -> Result<(UserId, String), Problem> {
    let Some(found) = find(app, token).await? else {
        return Err(ended());
    };
    let user = UserId(found.user_id);
    let next = tenancy::transaction(&app.app_pool, &Access::user(user), async |connection| {
        // Of two uses at once the second waits for the first here, and then finds it used.
        let used: Option<Uuid> = diesel::update(refresh_tokens::table.find(found.id))
            .filter(refresh_tokens::used_at.is_null())
            .filter(refresh_tokens::revoked_at.is_null())
            .filter(refresh_tokens::expires_at.gt(diesel::dsl::now))
            .set(refresh_tokens::used_at.eq(diesel::dsl::now))
            .returning(refresh_tokens::family)
            .get_result(connection)
            .await
            .optional()?;
        match used {
            Some(family) => insert(app, connection, user, family).await.map(Some),
            None => {
                revoke_family(connection, found.family).await?;
                Ok::<_, Problem>(None)
            }
        }
    })
    .await?;
    let Some(token) = next else {
        audit::record_account(app, Some(user), Who::anonymous(), "session.revoked").await?;
        return Err(ended());
    };
    Ok((user, token))
}

/// Ends the family of a token; an unknown one has none.
///
/// # Errors
/// 503 without a database.
pub async fn end(app: &App, token: &str) -> Result<(), Problem> {
    let Some(found) = find(app, token).await? else {
        return Ok(());
    };
    let user = UserId(found.user_id);
    tenancy::transaction(&app.app_pool, &Access::user(user), async |connection| {
        revoke_family(connection, found.family).await
    })
    .await?;
    audit::record_account(app, Some(user), Who::user(user), "session.ended").await
}

fn ended() -> Problem {
    Problem::unauthorised("The session has ended: sign in again.")
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    user_id: Uuid,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    family: Uuid,
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
    family: Uuid,
) -> Result<String, Problem> {
    let token = random_token()?;
    let expires: DateTime<Utc> =
        Utc::now() + TimeDelta::days(i64::from(app.config.refresh_token_days));
    diesel::insert_into(refresh_tokens::table)
        .values((
            refresh_tokens::id.eq(Uuid::now_v7()),
            refresh_tokens::user_id.eq(user),
            refresh_tokens::family.eq(family),
            refresh_tokens::token_hash.eq(hash(&token)),
            refresh_tokens::expires_at.eq(expires),
        ))
        .execute(connection)
        .await?;
    Ok(token)
}

async fn revoke_family(connection: &mut AsyncPgConnection, family: Uuid) -> Result<(), Problem> {
    diesel::update(refresh_tokens::table)
        .filter(refresh_tokens::family.eq(family))
        .filter(refresh_tokens::revoked_at.is_null())
        .set(refresh_tokens::revoked_at.eq(diesel::dsl::now))
        .execute(connection)
        .await?;
    Ok(())
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
