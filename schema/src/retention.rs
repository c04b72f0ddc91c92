//! What is not needed any more: old events are folded into their calendars' bases, old claims move
//! out of the constraint's way, first answers and ended sign-ins are forgotten. In small
//! transactions, each of which leaves everything true: it can be stopped at any moment.

use diesel::QueryResult;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use crate::fold::Folded;
use crate::ids::{CalendarId, ClaimId};
use crate::log;
use crate::models::claim::Claim;
use crate::schema::{calendar_events, calendars, claims_past};

type SqlUuid = diesel::sql_types::Uuid;

/// Clients may be away for this long, whatever is set.
const EVENTS_DAYS_MIN: u32 = 7;
/// A command may be repeated for this long, whatever is set.
const ANSWERS_HOURS_MIN: u32 = 24;
/// Notes between processes, which read them within seconds, are kept for this long.
const NOTES_DAYS: u32 = 7;
/// Names the job among the database's advisory locks.
pub const LOCK: i64 = 0x6465_6e74_6963_6c64;
/// Rows of one transaction.
const ROWS: i64 = 1000;
/// Calendars looked up at a time.
const CALENDARS: i64 = 200;

/// How long what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Events that clients can resume from; at least 7 days.
    pub events_days: u32,
    /// First answers of commands with a key; at least 24 hours.
    pub answers_hours: u32,
    /// Claims that ended longer ago are settled.
    pub settled_months: u32,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            events_days: 30,
            answers_hours: 48,
            settled_months: 13,
        }
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    pub events_folded: i64,
    pub claims_settled: i64,
    pub answers_forgotten: i64,
    pub notes_forgotten: i64,
    pub sign_ins_forgotten: i64,
}

/// Does what there is to do, on a connection of the engine's role; `None` when another process is
/// at it.
///
/// # Errors
/// When the database cannot be reached; what was done until then stays done.
pub async fn run(connection: &mut AsyncPgConnection, keep: Keep) -> QueryResult<Option<Done>> {
    // Held by the connection: whoever dies leaves it to the others.
    let alone: Alone = diesel::sql_query("SELECT pg_try_advisory_lock($1) AS alone")
        .bind::<BigInt, _>(LOCK)
        .get_result(connection)
        .await?;
    if !alone.alone {
        return Ok(None);
    }
    let done = all(connection, keep).await;
    diesel::sql_query("SELECT pg_advisory_unlock($1)")
        .bind::<BigInt, _>(LOCK)
        .execute(connection)
        .await?;
    done.map(Some)
}

#[derive(QueryableByName)]
struct Alone {
    #[diesel(sql_type = Bool)]
    alone: bool,
}

async fn all(connection: &mut AsyncPgConnection, keep: Keep) -> QueryResult<Done> {
    let hours = |days: u32| i32::try_from(days.saturating_mul(24)).unwrap_or(i32::MAX);
    let events = hours(keep.events_days.max(EVENTS_DAYS_MIN));
    let answers = keep.answers_hours.max(ANSWERS_HOURS_MIN);
    let answers = i32::try_from(answers).unwrap_or(i32::MAX);
    let months = i32::try_from(keep.settled_months.max(1)).unwrap_or(i32::MAX);
    Ok(Done {
        // Claims first: what is settled is left out of the bases.
        claims_settled: until_nothing(connection, SETTLE, months).await?,
        events_folded: fold_all(connection, events).await?,
        answers_forgotten: until_nothing(connection, FORGET_ANSWERS, answers).await?
            + until_nothing(connection, FORGET_REQUEST_ANSWERS, answers).await?,
        // After the events that they tell of.
        notes_forgotten: until_nothing(connection, FORGET_OUTBOX, events.saturating_add(24))
            .await?
            + until_nothing(connection, FORGET_RULES_CHANGES, hours(NOTES_DAYS)).await?
            + until_nothing(connection, FORGET_ACCESS_CHANGES, hours(NOTES_DAYS)).await?,
        sign_ins_forgotten: until_nothing(connection, FORGET_SIGN_INS, hours(NOTES_DAYS)).await?,
    })
}

/// Visits that are over for good, imported times and single blocks; a visit that nobody has said
/// the end of may still be changed, and a block's rule has its claims.
const SETTLE: &str = "WITH gone AS (DELETE FROM claims WHERE id IN (SELECT k.id FROM claims k \
    LEFT JOIN appointments a ON a.id = k.appointment_id \
    WHERE upper(k.during) < now() - make_interval(months => $1) AND k.hold_id IS NULL \
    AND k.block_id IS NULL AND (a.id IS NULL OR a.status IN ('completed', 'no_show')) \
    LIMIT $2 FOR UPDATE OF k SKIP LOCKED) RETURNING *), \
    moved AS (INSERT INTO claims_past (id, calendar_id, tenant_id, kind, during, appointment_id, \
    hold_id, source, title, block_id, occurrence, detached) SELECT id, calendar_id, tenant_id, \
    kind, during, appointment_id, hold_id, source, title, block_id, occurrence, detached FROM gone \
    RETURNING id) SELECT count(*) AS rows FROM moved";
const FORGET_ANSWERS: &str = "WITH gone AS (DELETE FROM idempotency_results \
    WHERE (tenant_id, principal, key) IN (SELECT tenant_id, principal, key FROM idempotency_results \
    WHERE created_at < now() - make_interval(hours => $1) LIMIT $2) RETURNING 1) \
    SELECT count(*) AS rows FROM gone";
const FORGET_REQUEST_ANSWERS: &str = "WITH gone AS (DELETE FROM request_answers \
    WHERE request IN (SELECT request FROM request_answers \
    WHERE created_at < now() - make_interval(hours => $1) LIMIT $2) RETURNING 1) \
    SELECT count(*) AS rows FROM gone";
const FORGET_OUTBOX: &str = "WITH gone AS (DELETE FROM outbox WHERE id IN (SELECT id FROM outbox \
    WHERE created_at < now() - make_interval(hours => $1) LIMIT $2) RETURNING 1) \
    SELECT count(*) AS rows FROM gone";
const FORGET_RULES_CHANGES: &str = "WITH gone AS (DELETE FROM rules_changes WHERE id IN \
    (SELECT id FROM rules_changes WHERE at < now() - make_interval(hours => $1) LIMIT $2) \
    RETURNING 1) SELECT count(*) AS rows FROM gone";
const FORGET_ACCESS_CHANGES: &str = "WITH gone AS (DELETE FROM access_changes WHERE id IN \
    (SELECT id FROM access_changes WHERE at < now() - make_interval(hours => $1) LIMIT $2) \
    RETURNING 1) SELECT count(*) AS rows FROM gone";
const FORGET_SIGN_INS: &str =
    "SELECT forget_ended_sign_ins(now() - make_interval(hours => $1), $2::integer) AS rows";

#[derive(QueryableByName)]
struct Rows {
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

/// Runs a statement that takes an age and a number of rows until it finds no more.
async fn until_nothing(
    connection: &mut AsyncPgConnection,
    sql: &str,
    age: i32,
) -> QueryResult<i64> {
    let mut all = 0;
    loop {
        let Rows { rows } = diesel::sql_query(sql)
            .bind::<Integer, _>(age)
            .bind::<BigInt, _>(ROWS)
            .get_result(connection)
            .await?;
        all += rows;
        if rows < ROWS {
            return Ok(all);
        }
    }
}

#[derive(QueryableByName)]
struct Calendar {
    #[diesel(sql_type = SqlUuid)]
    id: CalendarId,
}

async fn fold_all(connection: &mut AsyncPgConnection, hours: i32) -> QueryResult<i64> {
    let mut folded = 0;
    let mut after = CalendarId(uuid::Uuid::nil());
    loop {
        // By each calendar's first event: those are few rows, found by their key.
        let calendars: Vec<Calendar> = diesel::sql_query(
            "SELECT c.id FROM calendars c JOIN calendar_events e \
             ON e.calendar_id = c.id AND e.version = c.base_version + 1 \
             WHERE c.id > $1 AND e.at < now() - make_interval(hours => $2) ORDER BY c.id LIMIT $3",
        )
        .bind::<SqlUuid, _>(after)
        .bind::<Integer, _>(hours)
        .bind::<BigInt, _>(CALENDARS)
        .load(connection)
        .await?;
        let Some(last) = calendars.last() else {
            return Ok(folded);
        };
        after = last.id;
        for calendar in calendars {
            loop {
                let some = fold_some(connection, calendar.id, hours).await?;
                folded += some;
                if some < ROWS {
                    break;
                }
            }
        }
    }
}

#[derive(QueryableByName)]
struct Last {
    #[diesel(sql_type = diesel::sql_types::Nullable<BigInt>)]
    last: Option<i64>,
}

/// Folds the oldest events of one calendar in one transaction; answers how many.
async fn fold_some(
    connection: &mut AsyncPgConnection,
    id: CalendarId,
    hours: i32,
) -> QueryResult<i64> {
    connection
        .transaction(async |connection| {
            // A commit on this calendar waits for the moment that this takes.
            let (base_version, base): (i64, Value) = calendars::table
                .find(id)
                .select((calendars::base_version, calendars::base))
                .for_update()
                .get_result(connection)
                .await?;
            // The first event that is young enough ends it, whatever the clocks said later.
            let Last { last } = diesel::sql_query(
                "SELECT coalesce(min(version) FILTER (WHERE at >= now() - make_interval(hours => $3)) \
                 - 1, max(version)) AS last FROM (SELECT version, at FROM calendar_events \
                 WHERE calendar_id = $1 AND version > $2 ORDER BY version LIMIT $4) AS oldest",
            )
            .bind::<SqlUuid, _>(id)
            .bind::<BigInt, _>(base_version)
            .bind::<Integer, _>(hours)
            .bind::<BigInt, _>(ROWS)
            .get_result(connection)
            .await?;
            let count = last.map_or(0, |last| last - base_version);
            if count <= 0 {
                return Ok(0);
            }
            let events = log::after(connection, id, base_version, count).await?;
            let version = events.last().map_or(base_version, |event| event.version);
            if version != base_version + count {
                return Err(gap(id, base_version));
            }
            let settled: Vec<ClaimId> = claims_past::table
                .filter(claims_past::calendar_id.eq(id))
                .select(claims_past::id)
                .load(connection)
                .await?;
            let mut state = Folded::onto(&base)?;
            for event in events {
                state.apply(event.ops);
            }
            state.leave_out(&settled);
            let claims: Vec<Claim> = state.into_claims().into_values().collect();
            let base = serde_json::to_value(claims)
                .map_err(|error| diesel::result::Error::SerializationError(Box::new(error)))?;
            diesel::update(calendars::table.find(id))
                .set((calendars::base_version.eq(version), calendars::base.eq(base)))
                .execute(connection)
                .await?;
            diesel::delete(
                calendar_events::table
                    .filter(calendar_events::calendar_id.eq(id))
                    .filter(calendar_events::version.le(version)),
            )
            .execute(connection)
            .await?;
            Ok(count)
        })
        .await
}

/// A log with a gap is not folded: the audit tells of it.
fn gap(id: CalendarId, version: i64) -> diesel::result::Error {
    diesel::result::Error::DeserializationError(
        format!("the log of calendar {id} has a gap after {version}").into(),
    )
}
