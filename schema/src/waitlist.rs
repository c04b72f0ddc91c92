//! The waitlist as the engine reads it: time that came free, who waits, and what they have been
//! offered before. People are ids here.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryResult;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Date, Nullable, SmallInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::ids::{
    CalendarId, EntryId, HoldId, OfferId, PatientId, ProviderId, TenantId, TreatmentId,
};
use crate::models::waitlist::{Entry, Freed, Offered};
use crate::span::{Minute, Span};

type SqlUuid = diesel::sql_types::Uuid;

#[derive(QueryableByName)]
struct FreedRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = SqlUuid)]
    tenant_id: TenantId,
    #[diesel(sql_type = Array<SqlUuid>)]
    calendar_ids: Vec<CalendarId>,
    #[diesel(sql_type = Timestamptz)]
    start_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    end_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct EntryRow {
    #[diesel(sql_type = SqlUuid)]
    id: EntryId,
    #[diesel(sql_type = SqlUuid)]
    patient_id: PatientId,
    #[diesel(sql_type = SqlUuid)]
    treatment_id: TreatmentId,
    #[diesel(sql_type = Array<SqlUuid>)]
    provider_ids: Vec<ProviderId>,
    #[diesel(sql_type = Array<SmallInt>)]
    weekdays: Vec<i16>,
    #[diesel(sql_type = SmallInt)]
    from_minute: i16,
    #[diesel(sql_type = SmallInt)]
    to_minute: i16,
    #[diesel(sql_type = Nullable<Date>)]
    earliest: Option<NaiveDate>,
    #[diesel(sql_type = Nullable<Date>)]
    latest: Option<NaiveDate>,
    #[diesel(sql_type = SmallInt)]
    priority: i16,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
}

impl From<EntryRow> for Entry {
    fn from(row: EntryRow) -> Self {
        Self {
            id: row.id,
            patient: row.patient_id,
            treatment: row.treatment_id,
            providers: row.provider_ids,
            weekdays: row.weekdays,
            from_minute: row.from_minute,
            to_minute: row.to_minute,
            earliest: row.earliest,
            latest: row.latest,
            priority: row.priority,
            since: row.created_at,
        }
    }
}

/// The oldest freed time that nobody else is looking at; locked until the transaction ends, so a
/// node that dies leaves it to the others. What has passed is removed on the way.
///
/// # Errors
/// When the database refuses.
pub async fn next_freed(connection: &mut AsyncPgConnection) -> QueryResult<Option<Freed>> {
    diesel::sql_query(
        "DELETE FROM freed_times WHERE id IN (SELECT id FROM freed_times WHERE end_at <= now() \
         FOR UPDATE SKIP LOCKED)",
    )
    .execute(connection)
    .await?;
    let row: Option<FreedRow> = diesel::sql_query(
        "SELECT id, tenant_id, calendar_ids, start_at, end_at FROM freed_times \
         ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
    )
    .get_result(connection)
    .await
    .optional()?;
    Ok(row.and_then(|row| {
        Some(Freed {
            id: row.id,
            tenant: row.tenant_id,
            calendars: row.calendar_ids,
            span: Span::new(Minute::floor(row.start_at), Minute::ceil(row.end_at))?,
        })
    }))
}

/// Somebody has been looked for.
///
/// # Errors
/// When the database refuses.
pub async fn done_with(connection: &mut AsyncPgConnection, freed: i64) -> QueryResult<()> {
    diesel::sql_query("DELETE FROM freed_times WHERE id = $1")
        .bind::<BigInt, _>(freed)
        .execute(connection)
        .await
        .map(drop)
}

const ENTRY: &str = "SELECT id, patient_id, treatment_id, provider_ids, weekdays, from_minute, \
    to_minute, earliest, latest, priority, created_at FROM waitlist_entries";

/// Who waits in a practice and has no open offer.
///
/// # Errors
/// When the database cannot be read.
pub async fn waiting(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
) -> QueryResult<Vec<Entry>> {
    let rows: Vec<EntryRow> = diesel::sql_query(format!(
        "{ENTRY} WHERE tenant_id = $1 AND status = 'waiting'"
    ))
    .bind::<SqlUuid, _>(tenant)
    .load(connection)
    .await?;
    Ok(rows.into_iter().map(Entry::from).collect())
}

#[derive(QueryableByName)]
struct OfferedRow {
    #[diesel(sql_type = SqlUuid)]
    entry_id: EntryId,
    #[diesel(sql_type = SqlUuid)]
    provider_id: ProviderId,
    #[diesel(sql_type = Timestamptz)]
    start_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    end_at: DateTime<Utc>,
}

/// What those who wait have been offered that overlaps `span`, whatever became of it.
///
/// # Errors
/// When the database cannot be read.
pub async fn offered(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    span: Span,
) -> QueryResult<Vec<Offered>> {
    let rows: Vec<OfferedRow> = diesel::sql_query(
        "SELECT o.entry_id, o.provider_id, o.start_at, o.end_at FROM waitlist_offers o \
         JOIN waitlist_entries e ON e.id = o.entry_id AND e.status = 'waiting' \
         WHERE o.tenant_id = $1 AND o.start_at < $3 AND o.end_at > $2",
    )
    .bind::<SqlUuid, _>(tenant)
    .bind::<Timestamptz, _>(span.start().to_utc())
    .bind::<Timestamptz, _>(span.end().to_utc())
    .load(connection)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            Some(Offered {
                entry: row.entry_id,
                provider: row.provider_id,
                span: Span::new(Minute::floor(row.start_at), Minute::ceil(row.end_at))?,
            })
        })
        .collect())
}

#[derive(QueryableByName)]
struct PatientRow {
    #[diesel(sql_type = SqlUuid)]
    patient_id: PatientId,
    #[diesel(sql_type = SqlUuid)]
    calendar_id: CalendarId,
}

/// The calendars of those patients whom the practice still treats.
///
/// # Errors
/// When the database cannot be read.
pub async fn patient_calendars(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    patients: &[PatientId],
) -> QueryResult<Vec<(PatientId, CalendarId)>> {
    let rows: Vec<PatientRow> =
        diesel::sql_query("SELECT patient_id, calendar_id FROM lookup_patient_calendars($1, $2)")
            .bind::<SqlUuid, _>(tenant)
            .bind::<Array<SqlUuid>, _>(patients)
            .load(connection)
            .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.patient_id, row.calendar_id))
        .collect())
}

/// An offer as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenOffer {
    pub id: OfferId,
    pub entry: EntryId,
    pub hold: HoldId,
    /// `open`, `accepted`, `declined` or `expired`.
    pub status: String,
}

#[derive(QueryableByName)]
struct OfferRow {
    #[diesel(sql_type = SqlUuid)]
    id: OfferId,
    #[diesel(sql_type = SqlUuid)]
    entry_id: EntryId,
    #[diesel(sql_type = SqlUuid)]
    hold_id: HoldId,
    #[diesel(sql_type = Text)]
    status: String,
}

/// The newest offer to somebody who waits.
///
/// # Errors
/// When the database cannot be read.
pub async fn latest_offer(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    entry: EntryId,
) -> QueryResult<Option<OpenOffer>> {
    let row: Option<OfferRow> = diesel::sql_query(
        "SELECT id, entry_id, hold_id, status FROM waitlist_offers \
         WHERE tenant_id = $1 AND entry_id = $2 ORDER BY created_at DESC, id DESC LIMIT 1",
    )
    .bind::<SqlUuid, _>(tenant)
    .bind::<SqlUuid, _>(entry)
    .get_result(connection)
    .await
    .optional()?;
    Ok(row.map(|row| OpenOffer {
        id: row.id,
        entry: row.entry_id,
        hold: row.hold_id,
        status: row.status,
    }))
}
