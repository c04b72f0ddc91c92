//! First answers of commands that carried a key.

use diesel::QueryResult;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use crate::commit::{Answer, Key};
use crate::schema::idempotency_results as results;

/// The stored answer and fingerprint of a key; `None` while no command with it has committed.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(
    connection: &mut AsyncPgConnection,
    key: &Key,
) -> QueryResult<Option<(Answer, Vec<u8>)>> {
    let row: Option<(Value, Vec<u8>)> = results::table
        .find((key.tenant, &key.principal, &key.key))
        .select((results::result, results::fingerprint))
        .first(connection)
        .await
        .optional()?;
    row.map(|(result, fingerprint)| {
        let answer = serde_json::from_value(result)
            .map_err(|error| diesel::result::Error::DeserializationError(Box::new(error)))?;
        Ok((answer, fingerprint))
    })
    .transpose()
}
