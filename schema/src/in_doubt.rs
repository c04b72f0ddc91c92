//! What became of a transaction whose COMMIT was not answered.
//!
//! Not asked by the transaction's number alone: a server that has crashed forgets the numbers of
//! what it lost, and gives them to others (`pg_xact_status` then tells of a stranger). What counts
//! is whether its event is in the log.

use diesel::QueryResult;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::commit::InDoubt;

type SqlUuid = diesel::sql_types::Uuid;

/// The end of a transaction, as far as the server knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Committed,
    Aborted,
    /// The old session still runs: ask again.
    InProgress,
}

#[derive(QueryableByName)]
struct Running {
    #[diesel(sql_type = Bool)]
    running: bool,
}

#[derive(QueryableByName)]
struct Logged {
    #[diesel(sql_type = Bool)]
    logged: bool,
}

#[derive(QueryableByName)]
struct Ended {
    #[diesel(sql_type = Nullable<Text>)]
    status: Option<String>,
}

/// Asks for the end of a transaction on another connection.
///
/// # Errors
/// When the database does not answer; then nothing is known yet.
pub async fn outcome(connection: &mut AsyncPgConnection, doubt: &InDoubt) -> QueryResult<Outcome> {
    // A transaction has a lock on its own number until it is over, and is seen before it lets go.
    let Running { running } = diesel::sql_query(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'transactionid' AND granted \
         AND transactionid = ($1 % 4294967296)::text::xid) AS running",
    )
    .bind::<BigInt, _>(doubt.xid)
    .get_result(connection)
    .await?;
    if running {
        return Ok(Outcome::InProgress);
    }
    // Only now: this statement sees what had been committed when the one before had run.
    let committed = match doubt.evidence {
        Some(evidence) => {
            let Logged { logged } = diesel::sql_query(
                "SELECT EXISTS (SELECT FROM calendar_events \
                 WHERE calendar_id = $1 AND version = $2 AND tx = $3) AS logged",
            )
            .bind::<SqlUuid, _>(evidence.calendar)
            .bind::<BigInt, _>(evidence.version)
            .bind::<SqlUuid, _>(evidence.tx)
            .get_result(connection)
            .await?;
            logged
        }
        // Without an event there is only the number.
        None => {
            let Ended { status } =
                diesel::sql_query("SELECT pg_xact_status($1::text::xid8) AS status")
                    .bind::<BigInt, _>(doubt.xid)
                    .get_result(connection)
                    .await?;
            status.as_deref() == Some("committed")
        }
    };
    Ok(match committed {
        true => Outcome::Committed,
        false => Outcome::Aborted,
    })
}
