//! The test's own session: what it does to the database, and waits to see there.

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

pub async fn run(session: &mut AsyncPgConnection, sql: &str) {
    session.batch_execute(sql).await.unwrap();
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// `SELECT count(*) FROM <what>`
pub async fn count(session: &mut AsyncPgConnection, what: &str) -> i64 {
    let sql = format!("SELECT count(*) AS number FROM {what}");
    let row: Number = diesel::sql_query(sql).get_result(session).await.unwrap();
    row.number
}

/// Ends once `what` has at least `rows` rows.
pub async fn until(session: &mut AsyncPgConnection, what: &str, rows: i64) {
    while count(session, what).await < rows {
        actix_rt::task::yield_now().await;
    }
}

/// Sessions of this database that wait for a lock.
pub const HELD_UP: &str =
    "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
