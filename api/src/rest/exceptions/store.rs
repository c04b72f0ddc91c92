//! Exceptions' rows, whoever may write them: row-level security decides.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use schema::ids::ExceptionId;
use schema::models::catalogue::ScheduleException as Row;
use schema::schema::schedule_exceptions as table;

use crate::problem::Problem;
use crate::rest::checks::unless_missing;

/// # Errors
/// 404 where the place or the person is not there; the database's own.
pub async fn insert(connection: &mut AsyncPgConnection, row: &Row) -> Result<(), Problem> {
    diesel::insert_into(table::table)
        .values(row)
        .execute(connection)
        .await
        .map_err(unless_missing)?;
    Ok(())
}

/// Everything but whom it is for.
///
/// # Errors
/// The database's own.
pub async fn replace(connection: &mut AsyncPgConnection, row: &Row) -> Result<(), Problem> {
    diesel::update(table::table.find(row.id))
        .set((
            table::kind.eq(&row.kind),
            table::from_date.eq(row.from_date),
            table::to_date.eq(row.to_date),
            table::from_minute.eq(row.from_minute),
            table::to_minute.eq(row.to_minute),
            table::name_es.eq(&row.name_es),
            table::name_en.eq(&row.name_en),
        ))
        .execute(connection)
        .await?;
    Ok(())
}

/// # Errors
/// The database's own.
pub async fn delete(connection: &mut AsyncPgConnection, id: ExceptionId) -> Result<(), Problem> {
    diesel::delete(table::table.find(id))
        .execute(connection)
        .await?;
    Ok(())
}
