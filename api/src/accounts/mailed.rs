//! Secrets that are mailed to an account's owner: who comes back with one has read that mail. Each
//! counts once and for a while; a new one of the same purpose makes the older ones worthless.

use chrono::{TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Binary, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use schema::ids::UserId;
use schema::schema::account_tokens;
use uuid::Uuid;

use crate::auth::sessions;
use crate::problem::Problem;

/// What a mailed secret is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    VerifyEmail,
    ResetPassword,
    /// To make the address that it was mailed to the account's.
    ChangeEmail,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
            Self::ChangeEmail => "change_email",
        }
    }

    /// How long a secret counts; the letters tell.
    fn life(self) -> TimeDelta {
        match self {
            Self::VerifyEmail | Self::ChangeEmail => TimeDelta::hours(48),
            Self::ResetPassword => TimeDelta::hours(1),
        }
    }

    /// The page of the web app that takes the secret. Behind `#` it stays in the browser: it is in
    /// no log and no `Referer`.
    fn page(self) -> &'static str {
        match self {
            Self::VerifyEmail => "/app/verify-email",
            Self::ResetPassword => "/app/reset-password",
            Self::ChangeEmail => "/app/confirm-email",
        }
    }
}

/// Makes a secret and answers its link, in a transaction of the user.
///
/// # Errors
/// 503 without a database.
pub async fn link(
    connection: &mut AsyncPgConnection,
    public_url: &str,
    user: UserId,
    purpose: Purpose,
) -> Result<String, Problem> {
    link_for(connection, public_url, user, purpose, None).await
}

/// The same with the address that the secret is for, where it is not the account's.
///
/// # Errors
/// As [`link`].
pub async fn link_for(
    connection: &mut AsyncPgConnection,
    public_url: &str,
    user: UserId,
    purpose: Purpose,
    email: Option<&str>,
) -> Result<String, Problem> {
    diesel::delete(account_tokens::table)
        .filter(account_tokens::user_id.eq(user))
        .filter(account_tokens::purpose.eq(purpose.name()))
        .execute(connection)
        .await?;
    let token = sessions::random_token()?;
    diesel::insert_into(account_tokens::table)
        .values((
            account_tokens::id.eq(Uuid::now_v7()),
            account_tokens::user_id.eq(user),
            account_tokens::purpose.eq(purpose.name()),
            account_tokens::token_hash.eq(sessions::hash(&token)),
            account_tokens::email.eq(email),
            account_tokens::expires_at.eq(Utc::now() + purpose.life()),
        ))
        .execute(connection)
        .await?;
    Ok(format!("{public_url}{}#token={token}", purpose.page()))
}

/// A secret that counts.
#[derive(Clone, Copy, Debug, QueryableByName)]
pub struct Mailed {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    pub user_id: UserId,
}

/// Whose secret this is, whoever asks.
///
/// # Errors
/// 422 for one that is unknown, used or too old.
pub async fn find(
    connection: &mut AsyncPgConnection,
    token: &str,
    purpose: Purpose,
) -> Result<Mailed, Problem> {
    let found: Option<Mailed> = diesel::sql_query("SELECT * FROM lookup_account_token($1, $2)")
        .bind::<Binary, _>(sessions::hash(token))
        .bind::<Text, _>(purpose.name())
        .get_result(connection)
        .await
        .optional()?;
    found.ok_or_else(worthless)
}

/// Uses the secret up, in a transaction of its user. Of two at once one gets it.
///
/// # Errors
/// 422 when somebody was quicker.
pub async fn use_up(connection: &mut AsyncPgConnection, mailed: Mailed) -> Result<(), Problem> {
    let used = diesel::update(account_tokens::table.find(mailed.id))
        .filter(account_tokens::used_at.is_null())
        .set(account_tokens::used_at.eq(diesel::dsl::now))
        .execute(connection)
        .await?;
    if used == 0 { Err(worthless()) } else { Ok(()) }
}

/// The address that a secret is for, in a transaction of its user.
///
/// # Errors
/// 422 for a secret that is for none.
pub async fn address(
    connection: &mut AsyncPgConnection,
    mailed: Mailed,
) -> Result<String, Problem> {
    let address: Option<String> = account_tokens::table
        .find(mailed.id)
        .select(account_tokens::email)
        .first(connection)
        .await?;
    address.ok_or_else(worthless)
}

/// Makes the account's other secrets worthless: they went to an address that is its no more. In a
/// transaction of the user.
///
/// # Errors
/// The database's own.
pub async fn forget_all(connection: &mut AsyncPgConnection, user: UserId) -> QueryResult<()> {
    diesel::delete(account_tokens::table)
        .filter(account_tokens::user_id.eq(user))
        .filter(account_tokens::used_at.is_null())
        .execute(connection)
        .await
        .map(drop)
}

/// One text for all reasons: which it is would tell whether there ever was such a secret.
fn worthless() -> Problem {
    Problem::invalid("token", "counts no more: ask for a new link")
}
