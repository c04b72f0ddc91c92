//! Which database this is. Positions handed out under another epoch mean nothing.

use diesel::QueryResult;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::schema::database_epoch;

#[derive(QueryableByName)]
struct Server {
    #[diesel(sql_type = Text)]
    system_identifier: String,
    #[diesel(sql_type = Integer)]
    timeline: i32,
}

#[derive(QueryableByName)]
struct Database {
    #[diesel(sql_type = BigInt)]
    oid: i64,
}

/// The number of the database within its server, which its copies there do not share.
///
/// # Errors
/// When the database cannot be read.
pub async fn database(connection: &mut AsyncPgConnection) -> QueryResult<i64> {
    let Database { oid } =
        diesel::sql_query("SELECT oid::bigint FROM pg_database WHERE datname = current_database()")
            .get_result(connection)
            .await?;
    Ok(oid)
}

/// The epoch of the database behind `connection` (role `engine`): the stored one while the server
/// is the one that stored it, else a new one.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn current(connection: &mut AsyncPgConnection) -> QueryResult<Uuid> {
    let server: Server = diesel::sql_query(
        "SELECT s.system_identifier::text, c.timeline_id AS timeline \
         FROM pg_control_system() s, pg_control_checkpoint() c",
    )
    .get_result(connection)
    .await?;
    let fresh = (
        database_epoch::singleton.eq(true),
        database_epoch::system_identifier.eq(&server.system_identifier),
        database_epoch::timeline.eq(server.timeline),
        database_epoch::epoch.eq(Uuid::new_v4()),
    );
    // Two nodes that start together must agree: the first insert or update wins.
    diesel::insert_into(database_epoch::table)
        .values(fresh)
        .on_conflict(database_epoch::singleton)
        .do_nothing()
        .execute(connection)
        .await?;
    diesel::update(database_epoch::table)
        .filter(
            database_epoch::system_identifier
                .ne(&server.system_identifier)
                .or(database_epoch::timeline.ne(server.timeline)),
        )
        .set((
            database_epoch::system_identifier.eq(&server.system_identifier),
            database_epoch::timeline.eq(server.timeline),
            database_epoch::epoch.eq(Uuid::new_v4()),
        ))
        .execute(connection)
        .await?;
    database_epoch::table
        .select(database_epoch::epoch)
        .first(connection)
        .await
}
