//! What became of a transaction whose COMMIT was not answered.

use diesel::QueryResult;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

/// The end of a transaction, as far as the server knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Committed,
    Aborted,
    /// The old session still runs: ask again.
    InProgress,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Nullable<Text>)]
    status: Option<String>,
}

/// Asks for the end of transaction `xid` on another connection.
///
/// # Errors
/// When the database does not answer; then nothing is known yet.
pub async fn outcome(connection: &mut AsyncPgConnection, xid: i64) -> QueryResult<Outcome> {
    let row: Row = diesel::sql_query("SELECT pg_xact_status($1::text::xid8) AS status")
        .bind::<BigInt, _>(xid)
        .get_result(connection)
        .await?;
    Ok(match row.status.as_deref() {
        Some("committed") => Outcome::Committed,
        Some("in progress") => Outcome::InProgress,
        // NULL: so old that the server has forgotten it, which a commit just tried never is.
        _ => Outcome::Aborted,
    })
}
