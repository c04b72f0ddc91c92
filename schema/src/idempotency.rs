//! First answers of commands that carried a key.

use std::collections::BTreeMap;

use diesel::QueryResult;
use diesel::prelude::*;
use diesel::sql_types::{Jsonb, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use crate::commit::{Answer, Key};
use crate::schema::{idempotency_results as results, request_answers as others};

/// The stored answer and fingerprint of a key; `None` while no command with it has committed. A key
/// that was used for a change beside the engine has an empty answer, and a fingerprint that is no
/// command's.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(
    connection: &mut AsyncPgConnection,
    key: &Key,
) -> QueryResult<Option<(Answer, Vec<u8>)>> {
    let elsewhere = others::table
        .filter(others::tenant_id.eq(key.tenant))
        .filter(others::principal.eq(&key.principal))
        .filter(others::key.eq(&key.key))
        .select((
            None::<Value>.into_sql::<Nullable<Jsonb>>(),
            others::fingerprint,
        ));
    let rows: Vec<(Option<Value>, Vec<u8>)> = results::table
        .filter(results::tenant_id.eq(key.tenant))
        .filter(results::principal.eq(&key.principal))
        .filter(results::key.eq(&key.key))
        .select((results::result.nullable(), results::fingerprint))
        .union_all(elsewhere)
        .load(connection)
        .await?;
    let mut used_elsewhere = None;
    for (result, fingerprint) in rows {
        let Some(result) = result else {
            used_elsewhere = Some(fingerprint);
            continue;
        };
        let answer = serde_json::from_value(result)
            .map_err(|error| diesel::result::Error::DeserializationError(Box::new(error)))?;
        return Ok(Some((answer, fingerprint)));
    }
    Ok(used_elsewhere.map(|fingerprint| {
        let nothing = Answer {
            result: Value::Null,
            positions: BTreeMap::new(),
        };
        (nothing, fingerprint)
    }))
}
