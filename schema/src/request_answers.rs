//! First answers of changes that carried a key and are not commands of the engine. The rows are
//! reached through functions only, each for one principal; what they hold is sealed by the caller.

use diesel::QueryResult;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Bytea, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::ids::TenantId;

type SqlUuid = diesel::sql_types::Uuid;

/// Whose key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestKey {
    /// `None`: used outside any practice.
    pub tenant: Option<TenantId>,
    /// `user:<id>`, `key:<id>`, or `secret:<digest>` and who is signed in.
    pub principal: String,
    /// The client's, 1 to 255 bytes.
    pub key: String,
}

/// What a key was used for.
#[derive(Clone, Debug, QueryableByName)]
pub struct Kept {
    /// SHA-256 of what was asked.
    #[diesel(sql_type = Bytea)]
    pub fingerprint: Vec<u8>,
    /// Sealed.
    #[diesel(sql_type = Bytea)]
    pub answer: Vec<u8>,
    /// Whether nobody works on it any more.
    #[diesel(sql_type = Bool)]
    pub settled: bool,
}

/// Whether a key can be used for a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is this request's now, if the transaction commits.
    Ours,
    /// Another request has it.
    Taken,
    /// A command of the engine has it.
    Command,
}

/// What a key was used for, if it was. One that a command of the engine has is no change's: its
/// fingerprint is empty. `with_command`: such a command may be the request's own, and does not count.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(
    connection: &mut AsyncPgConnection,
    key: &RequestKey,
    with_command: bool,
) -> QueryResult<Option<Kept>> {
    diesel::sql_query("SELECT * FROM request_answer($1, $2, $3, $4)")
        .bind::<Nullable<SqlUuid>, _>(key.tenant)
        .bind::<Text, _>(&key.principal)
        .bind::<Text, _>(&key.key)
        .bind::<Bool, _>(with_command)
        .get_result(connection)
        .await
        .optional()
}

#[derive(QueryableByName)]
struct Outcome {
    #[diesel(sql_type = Text)]
    outcome: String,
}

/// Uses a key, in the transaction of the change. `provisional` is what is answered where the
/// request ends before it has [`settle`]d. The same request may claim its key again. With
/// `with_command` it may have been used for a command, which was this request's own.
///
/// # Errors
/// The database's own.
pub async fn claim(
    connection: &mut AsyncPgConnection,
    key: &RequestKey,
    fingerprint: &[u8],
    request: Uuid,
    provisional: &[u8],
    with_command: bool,
) -> QueryResult<Claim> {
    let row: Outcome =
        diesel::sql_query("SELECT claim_request_key($1, $2, $3, $4, $5, $6, $7) AS outcome")
            .bind::<Nullable<SqlUuid>, _>(key.tenant)
            .bind::<Text, _>(&key.principal)
            .bind::<Text, _>(&key.key)
            .bind::<Bytea, _>(fingerprint)
            .bind::<SqlUuid, _>(request)
            .bind::<Bytea, _>(provisional)
            .bind::<Bool, _>(with_command)
            .get_result(connection)
            .await?;
    Ok(match row.outcome.as_str() {
        "ours" => Claim::Ours,
        "command" => Claim::Command,
        _ => Claim::Taken,
    })
}

/// Keeps the answer that was given; `None`: the provisional one is all that there will be.
///
/// # Errors
/// The database's own.
pub async fn settle(
    connection: &mut AsyncPgConnection,
    request: Uuid,
    answer: Option<&[u8]>,
) -> QueryResult<()> {
    diesel::sql_query("SELECT settle_request_key($1, $2)")
        .bind::<SqlUuid, _>(request)
        .bind::<Nullable<Bytea>, _>(answer)
        .execute(connection)
        .await
        .map(drop)
}

/// Gives the key back: the request was refused after all.
///
/// # Errors
/// The database's own.
pub async fn release(connection: &mut AsyncPgConnection, request: Uuid) -> QueryResult<()> {
    diesel::sql_query("SELECT release_request_key($1)")
        .bind::<SqlUuid, _>(request)
        .execute(connection)
        .await
        .map(drop)
}
