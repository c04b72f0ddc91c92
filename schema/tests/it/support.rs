//! Asking a test's database, as its owner or as one of the program's roles.

use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use schema::connection::{Role, connect};
use schema::test_db::TestDb;
use schema::test_db::practice::{Practice, Size};

pub const SIZE: Size = Size {
    dentists: 2,
    operatories: 2,
    patients: 4,
};

pub async fn practice() -> (TestDb, Practice) {
    let db = TestDb::new().await;
    let practice = Practice::seed(&db, SIZE).await;
    (db, practice)
}

/// The login itself: a superuser, whom no policy binds.
pub async fn owner(db: &TestDb) -> AsyncPgConnection {
    AsyncPgConnection::establish(&db.url).await.unwrap()
}

pub async fn engine(db: &TestDb) -> AsyncPgConnection {
    connect(&db.url, Role::Engine).await.unwrap()
}

pub async fn app(db: &TestDb) -> AsyncPgConnection {
    connect(&db.url, Role::App).await.unwrap()
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// The rows of a statement whose one column is `line`.
pub async fn lines(connection: &mut AsyncPgConnection, sql: &str) -> Vec<String> {
    let rows: Vec<Line> = diesel::sql_query(sql).load(connection).await.unwrap();
    rows.into_iter().map(|row| row.line).collect()
}

/// `SELECT count(*) FROM <what>`
pub async fn try_count(connection: &mut AsyncPgConnection, what: &str) -> QueryResult<i64> {
    let sql = format!("SELECT count(*) AS number FROM {what}");
    let row: Number = diesel::sql_query(sql).get_result(connection).await?;
    Ok(row.number)
}

pub async fn count(connection: &mut AsyncPgConnection, what: &str) -> i64 {
    try_count(connection, what).await.unwrap()
}

/// How many rows a statement touches.
pub async fn touched(connection: &mut AsyncPgConnection, sql: &str) -> QueryResult<usize> {
    diesel::sql_query(sql).execute(connection).await
}

pub async fn run(connection: &mut AsyncPgConnection, sql: &str) {
    connection.batch_execute(sql).await.unwrap();
}

/// What happens to `sql`, of which nothing stays.
pub async fn tried(connection: &mut AsyncPgConnection, sql: &str) -> QueryResult<()> {
    run(connection, "BEGIN").await;
    let outcome = connection.batch_execute(sql).await;
    run(connection, "ROLLBACK").await;
    outcome
}

/// Whether the database refused for want of rights: of a role, or by a policy.
pub fn is_forbidden(error: &DieselError) -> bool {
    let text = error.to_string();
    text.starts_with("permission denied") || text.contains("row-level security policy")
}

/// The constraint that refused.
pub fn constraint(error: &DieselError) -> Option<&str> {
    match error {
        DieselError::DatabaseError(_, information) => information.constraint_name(),
        _ => None,
    }
}
