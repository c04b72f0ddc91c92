//! Reading the calendars' events: one calendar's from a version, or everybody's since a moment.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use crate::ids::{CalendarId, ClinicId, TenantId, TxId};
use crate::models::claim::{Event, Op};
use crate::schema::calendar_events;

type SqlUuid = diesel::sql_types::Uuid;

#[derive(Queryable, QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    calendar_id: CalendarId,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = SqlUuid)]
    tx: TxId,
    #[diesel(sql_type = Timestamptz)]
    at: DateTime<Utc>,
    #[diesel(sql_type = Jsonb)]
    operations: Value,
}

impl Row {
    fn event(self) -> QueryResult<Event> {
        let ops: Vec<Op> = serde_json::from_value(self.operations)
            .map_err(|error| diesel::result::Error::DeserializationError(Box::new(error)))?;
        Ok(Event {
            calendar: self.calendar_id,
            version: self.version,
            tx: self.tx,
            at: self.at,
            ops,
        })
    }
}

/// At most `limit` events of a calendar with versions greater than `after`, in order.
///
/// # Errors
/// When the database cannot be read.
pub async fn after(
    connection: &mut AsyncPgConnection,
    calendar: CalendarId,
    after: i64,
    limit: i64,
) -> QueryResult<Vec<Event>> {
    let rows: Vec<Row> = calendar_events::table
        .filter(calendar_events::calendar_id.eq(calendar))
        .filter(calendar_events::version.gt(after))
        .order(calendar_events::version)
        .limit(limit)
        .select((
            calendar_events::calendar_id,
            calendar_events::version,
            calendar_events::tx,
            calendar_events::at,
            calendar_events::operations,
        ))
        .load(connection)
        .await?;
    rows.into_iter().map(Row::event).collect()
}

/// A moment in the order of transactions, by their ids: everything that began before it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Horizon(pub i64);

#[derive(QueryableByName)]
struct HorizonRow {
    #[diesel(sql_type = BigInt)]
    xmin: i64,
}

/// The moment now.
///
/// # Errors
/// When the database cannot be read.
pub async fn horizon(connection: &mut AsyncPgConnection) -> QueryResult<Horizon> {
    let row: HorizonRow =
        diesel::sql_query("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xmin")
            .get_result(connection)
            .await?;
    Ok(Horizon(row.xmin))
}

/// What others have changed.
#[derive(Debug, Default)]
pub struct News {
    /// By calendar and version.
    pub events: Vec<Event>,
    pub tenants: Vec<(TenantId, i64)>,
    pub clinics: Vec<(ClinicId, i64)>,
}

#[derive(QueryableByName)]
struct RulesRow {
    #[diesel(sql_type = Nullable<SqlUuid>)]
    tenant_id: Option<TenantId>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    clinic_id: Option<ClinicId>,
    #[diesel(sql_type = BigInt)]
    version: i64,
}

/// Everything committed by others than `node` that a reader who looked at `since` may have missed;
/// a part of it may be known already. Take the next [`horizon`] before calling this, not after.
///
/// # Errors
/// When the database cannot be read.
pub async fn news(
    connection: &mut AsyncPgConnection,
    since: Horizon,
    node: Uuid,
) -> QueryResult<News> {
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT calendar_id, version, tx, at, operations FROM calendar_events \
         WHERE xid >= $1::xid8 AND node <> $2 ORDER BY calendar_id, version",
    )
    .bind::<Text, _>(since.0.to_string())
    .bind::<SqlUuid, _>(node)
    .load(connection)
    .await?;
    let rules: Vec<RulesRow> = diesel::sql_query(
        "SELECT tenant_id, clinic_id, version FROM rules_changes WHERE xid >= $1::xid8",
    )
    .bind::<Text, _>(since.0.to_string())
    .load(connection)
    .await?;
    let mut news = News {
        events: rows
            .into_iter()
            .map(Row::event)
            .collect::<QueryResult<_>>()?,
        ..News::default()
    };
    for rule in rules {
        news.tenants
            .extend(rule.tenant_id.map(|id| (id, rule.version)));
        news.clinics
            .extend(rule.clinic_id.map(|id| (id, rule.version)));
    }
    Ok(news)
}
