//! The statements of the commit. Each takes its rows as arrays, so that its text never changes and
//! a connection prepares it once, however many rows a batch has.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{
    Array, BigInt, Bool, Bytea, Jsonb, Nullable, Text, Timestamp, Timestamptz,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use serde_json::Value;
use uuid::Uuid;

use super::merge;
use super::rows::Rows;
use super::{Answer, Change, Found, Grounds, RulesSeen, freed, holds};
use crate::appointments::Row;
use crate::ids::{
    AppointmentId, BlockId, CalendarId, ClaimId, ClinicId, HoldId, OperatoryId, PatientId,
    ProviderId, SeriesId, TenantId, TreatmentId, TxId, UserId,
};
use crate::models::appointment::Appointment;
use crate::schema::{appointments, blocks, calendars, claims, clinics, tenants};

type SqlUuid = diesel::sql_types::Uuid;

/// A statement with fixed text around array parameters.
macro_rules! array_statement {
    ($(#[$doc:meta])* $name:ident: $before:literal, [$($field:ident: Vec<$rust:ty> as $sql:ty),+ $(,)?], $after:literal) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(crate) struct $name { $(pub(super) $field: Vec<$rust>),+ }

        impl QueryFragment<Pg> for $name {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                out.push_sql($before);
                let mut separator = "";
                $(
                    out.push_sql(separator);
                    out.push_bind_param::<Array<$sql>, _>(&self.$field)?;
                    separator = ", ";
                )+
                let _ = separator;
                out.push_sql($after);
                Ok(())
            }
        }

        impl QueryId for $name {
            type QueryId = Self;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

    };
}

array_statement! {
    /// Rows of the keys that have been used.
    UsedKeys:
    "SELECT r.tenant_id, r.principal, r.key, r.fingerprint, r.result FROM idempotency_results r \
     JOIN (SELECT DISTINCT * FROM unnest(",
    [tenant: Vec<TenantId> as SqlUuid, principal: Vec<String> as Text, key: Vec<String> as Text],
    ") AS k(tenant_id, principal, key)) AS wanted USING (tenant_id, principal, key)"
}

impl Query for UsedKeys {
    type SqlType = (SqlUuid, Text, Text, Bytea, Jsonb);
}

array_statement! {
    /// New appointments and new states of old ones. A row that is not the version before is left
    /// alone, which the caller sees in the count.
    UpsertAppointments:
    "INSERT INTO appointments AS a (id, tenant_id, version, status, start_at, end_at, patient_id, \
     provider_id, operatory_id, treatment_id, pattern, series_id, occurrence, detached, notes, \
     cancel_reason, cancel_code, confirmed_via, created_by) SELECT * FROM unnest(",
    [
        id: Vec<AppointmentId> as SqlUuid,
        tenant: Vec<TenantId> as SqlUuid,
        version: Vec<i64> as BigInt,
        status: Vec<&'static str> as Text,
        start_at: Vec<DateTime<Utc>> as Timestamptz,
        end_at: Vec<DateTime<Utc>> as Timestamptz,
        patient: Vec<PatientId> as SqlUuid,
        provider: Vec<ProviderId> as SqlUuid,
        operatory: Vec<OperatoryId> as SqlUuid,
        treatment: Vec<TreatmentId> as SqlUuid,
        pattern: Vec<Value> as Jsonb,
        series: Vec<Option<SeriesId>> as Nullable<SqlUuid>,
        occurrence: Vec<Option<NaiveDateTime>> as Nullable<Timestamp>,
        detached: Vec<bool> as Bool,
        notes: Vec<Option<String>> as Nullable<Text>,
        cancel_reason: Vec<Option<String>> as Nullable<Text>,
        cancel_code: Vec<Option<&'static str>> as Nullable<Text>,
        confirmed_via: Vec<Option<String>> as Nullable<Text>,
        created_by: Vec<Option<UserId>> as Nullable<SqlUuid>,
    ],
    ") ON CONFLICT (id) DO UPDATE SET version = excluded.version, status = excluded.status, \
     start_at = excluded.start_at, end_at = excluded.end_at, patient_id = excluded.patient_id, \
     provider_id = excluded.provider_id, operatory_id = excluded.operatory_id, \
     treatment_id = excluded.treatment_id, pattern = excluded.pattern, \
     detached = excluded.detached, notes = excluded.notes, \
     cancel_reason = excluded.cancel_reason, cancel_code = excluded.cancel_code, confirmed_via = excluded.confirmed_via, \
     updated_at = now() WHERE a.version = excluded.version - 1 AND a.tenant_id = excluded.tenant_id"
}

array_statement! {
    UpsertHolds:
    "INSERT INTO holds (id, tenant_id, token_hash, start_at, end_at, provider_id, operatory_id, \
     treatment_id, patient_id, pattern, owner, address, expires_at, renewable_until) \
     SELECT * FROM unnest(",
    [
        id: Vec<HoldId> as SqlUuid,
        tenant: Vec<TenantId> as SqlUuid,
        token_hash: Vec<Vec<u8>> as Bytea,
        start_at: Vec<DateTime<Utc>> as Timestamptz,
        end_at: Vec<DateTime<Utc>> as Timestamptz,
        provider: Vec<ProviderId> as SqlUuid,
        operatory: Vec<OperatoryId> as SqlUuid,
        treatment: Vec<TreatmentId> as SqlUuid,
        patient: Vec<Option<PatientId>> as Nullable<SqlUuid>,
        pattern: Vec<Value> as Jsonb,
        owner: Vec<String> as Text,
        address: Vec<Option<String>> as Nullable<Text>,
        expires_at: Vec<DateTime<Utc>> as Timestamptz,
        renewable_until: Vec<DateTime<Utc>> as Timestamptz,
    ],
    ") ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at \
     WHERE holds.ended IS NULL AND holds.tenant_id = excluded.tenant_id"
}

array_statement! {
    InsertClaims:
    "INSERT INTO claims (id, calendar_id, tenant_id, kind, during, appointment_id, hold_id, source, \
     title, block_id, occurrence, detached) SELECT id, calendar_id, tenant_id, kind, \
     tstzrange(start_at, end_at), appointment_id, hold_id, source, title, block_id, occurrence, \
     detached FROM unnest(",
    [
        id: Vec<ClaimId> as SqlUuid,
        calendar: Vec<CalendarId> as SqlUuid,
        tenant: Vec<TenantId> as SqlUuid,
        kind: Vec<&'static str> as Text,
        start_at: Vec<DateTime<Utc>> as Timestamptz,
        end_at: Vec<DateTime<Utc>> as Timestamptz,
        appointment: Vec<Option<AppointmentId>> as Nullable<SqlUuid>,
        hold: Vec<Option<HoldId>> as Nullable<SqlUuid>,
        source: Vec<Option<String>> as Nullable<Text>,
        title: Vec<Option<String>> as Nullable<Text>,
        block: Vec<Option<BlockId>> as Nullable<SqlUuid>,
        occurrence: Vec<Option<NaiveDateTime>> as Nullable<Timestamp>,
        detached: Vec<bool> as Bool,
    ],
    ") AS c(id, calendar_id, tenant_id, kind, start_at, end_at, appointment_id, hold_id, source, \
     title, block_id, occurrence, detached)"
}

array_statement! {
    InsertEvents:
    "INSERT INTO calendar_events (calendar_id, version, tx, node, operations) SELECT * FROM unnest(",
    [
        calendar: Vec<CalendarId> as SqlUuid,
        version: Vec<i64> as BigInt,
        tx: Vec<TxId> as SqlUuid,
        node: Vec<Uuid> as SqlUuid,
        ops: Vec<Value> as Jsonb,
    ],
    ")"
}

array_statement! {
    RaiseVersions:
    "UPDATE calendars AS c SET version = raised.version FROM unnest(",
    [calendar: Vec<CalendarId> as SqlUuid, version: Vec<i64> as BigInt],
    ") AS raised(id, version) WHERE c.id = raised.id"
}

array_statement! {
    /// In the order of the keys: two nodes that race for the same ones cannot deadlock.
    InsertKeys:
    "INSERT INTO idempotency_results (tenant_id, principal, key, fingerprint, tx, result) \
     SELECT * FROM unnest(",
    [
        tenant: Vec<TenantId> as SqlUuid,
        principal: Vec<String> as Text,
        key: Vec<String> as Text,
        fingerprint: Vec<Vec<u8>> as Bytea,
        tx: Vec<TxId> as SqlUuid,
        result: Vec<Value> as Jsonb,
    ],
    ")"
}

array_statement! {
    InsertOutbox:
    "INSERT INTO outbox (tenant_id, tx, kind, subject_id) SELECT * FROM unnest(",
    [
        tenant: Vec<TenantId> as SqlUuid,
        tx: Vec<TxId> as SqlUuid,
        kind: Vec<&'static str> as Text,
        subject: Vec<Uuid> as SqlUuid,
    ],
    ")"
}

array_statement! {
    InsertAudit:
    "INSERT INTO audit_log (tenant_id, actor, action, subject, subject_id, tx, overrides, before, \
     after, role, address, request_id) \
     SELECT tenant_id, actor, action, split_part(action, '.', 1), subject_id, tx, \
     coalesce(string_to_array(nullif(overrides, ''), ','), '{}'), before, after, role, address, \
     request_id FROM unnest(",
    [
        tenant: Vec<TenantId> as SqlUuid,
        actor: Vec<String> as Text,
        action: Vec<&'static str> as Text,
        subject: Vec<Uuid> as SqlUuid,
        tx: Vec<TxId> as SqlUuid,
        overrides: Vec<String> as Text,
        before: Vec<Option<Value>> as Nullable<Jsonb>,
        after: Vec<Option<Value>> as Nullable<Jsonb>,
        role: Vec<Option<String>> as Nullable<Text>,
        address: Vec<Option<String>> as Nullable<Text>,
        request: Vec<Option<String>> as Nullable<Text>,
    ],
    ") AS a(tenant_id, actor, action, subject_id, tx, overrides, before, after, role, address, \
     request_id)"
}

/// Opens the transaction, locks the calendars in the order of their ids, and reads what the
/// changes will be judged by. The reads are behind the locks, so they see every rules change that
/// had the calendars before.
pub(super) async fn begin_and_look(
    connection: &mut AsyncPgConnection,
    changes: &[Change],
) -> QueryResult<Found> {
    let ids: BTreeSet<CalendarId> = changes.iter().flat_map(|c| c.ops.keys().copied()).collect();
    let ids: Vec<CalendarId> = ids.into_iter().collect();
    let tenant_ids: BTreeSet<TenantId> = changes
        .iter()
        .flat_map(|c| c.rules.tenants.keys().copied())
        .collect();
    let clinic_ids: BTreeSet<ClinicId> = changes
        .iter()
        .flat_map(|c| c.rules.clinics.keys().copied())
        .collect();
    let wanted = super::used_keys(changes.iter().filter_map(|change| change.key.as_ref()));
    let no_keys = wanted.key.is_empty();
    let changed: Vec<AppointmentId> = changes
        .iter()
        .flat_map(|change| &change.appointments)
        .filter(|appointment| appointment.version > 1)
        .map(|appointment| appointment.id)
        .collect();

    // Sent together, run one after the other: see `AsyncPgConnection` on pipelining.
    let connection = &*connection;
    let (_, versions, (xid, at), tenant_rules, clinic_rules, keys, earlier) = futures_util::try_join!(
        async { (&mut &*connection).batch_execute("BEGIN").await },
        async {
            calendars::table
                .filter(calendars::id.eq_any(&ids))
                .order(calendars::id)
                .select((calendars::id, calendars::version))
                .for_update()
                .load::<(CalendarId, i64)>(&mut &*connection)
                .await
        },
        async { transaction_id_and_time(connection).await },
        async {
            tenants::table
                .filter(tenants::id.eq_any(tenant_ids.iter().copied().collect::<Vec<_>>()))
                .select((tenants::id, tenants::rules_version))
                .load::<(TenantId, i64)>(&mut &*connection)
                .await
        },
        async {
            if clinic_ids.is_empty() {
                return Ok(Vec::new());
            }
            clinics::table
                .filter(clinics::id.eq_any(clinic_ids.iter().copied().collect::<Vec<_>>()))
                .select((clinics::id, clinics::rules_version))
                .load::<(ClinicId, i64)>(&mut &*connection)
                .await
        },
        async {
            if no_keys {
                return Ok(Vec::new());
            }
            wanted
                .load::<(TenantId, String, String, Vec<u8>, Value)>(&mut &*connection)
                .await
        },
        async {
            if changed.is_empty() {
                return Ok(Vec::new());
            }
            appointments::table
                .filter(appointments::id.eq_any(&changed))
                .select(Row::as_select())
                .load(&mut &*connection)
                .await
        },
    )?;
    // Behind the calendars' locks, like everything that is judged by.
    let holds = holds::count(connection, changes).await?;
    let keys = keys
        .into_iter()
        .map(|(tenant, principal, key, fingerprint, result)| {
            let answer: Answer = serde_json::from_value(result)
                .map_err(|error| diesel::result::Error::DeserializationError(Box::new(error)))?;
            Ok(((tenant, principal, key), (fingerprint, answer)))
        })
        .collect::<QueryResult<HashMap<_, _>>>()?;
    Ok(Found {
        xid,
        grounds: Grounds {
            at,
            versions: versions.into_iter().collect(),
            rules: RulesSeen {
                tenants: tenant_rules.into_iter().collect(),
                clinics: clinic_rules.into_iter().collect(),
            },
            keys,
            holds,
        },
        earlier: earlier
            .into_iter()
            .map(|row| Appointment::try_from(row).map(|visit| (visit.id, visit)))
            .collect::<QueryResult<_>>()?,
    })
}

/// The transaction's id (64 bits, so it never wraps) and its clock.
struct TransactionIdAndTime;

impl QueryFragment<Pg> for TransactionIdAndTime {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT pg_current_xact_id()::text::bigint, now()");
        Ok(())
    }
}
impl QueryId for TransactionIdAndTime {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}
impl Query for TransactionIdAndTime {
    type SqlType = (BigInt, Timestamptz);
}

async fn transaction_id_and_time(
    mut connection: &AsyncPgConnection,
) -> QueryResult<(i64, DateTime<Utc>)> {
    TransactionIdAndTime.get_result(&mut connection).await
}

/// Writes the accepted changes. All deletes of claims come before all inserts, as statements of
/// their own: in one statement the exclusion constraint would still see the deleted rows.
pub(super) async fn write(
    connection: &mut AsyncPgConnection,
    node: Uuid,
    accepted: &[(&Change, &BTreeMap<CalendarId, i64>)],
    earlier: &BTreeMap<AppointmentId, Appointment>,
) -> QueryResult<()> {
    let rows = Rows::of(node, accepted, earlier)?;
    // Rare, so not worth a place in the pipeline; before what points at them.
    for (change, _) in accepted {
        for series in &change.series {
            crate::series::write(connection, series).await?;
        }
        for block in &change.blocks_put {
            crate::blocks::write(connection, block).await?;
        }
    }
    let connection = &*connection;
    let upserted = rows.appointments.id.len();
    let kept = rows.holds.id.len();
    let deleted = rows.deleted_claims.len();

    let (appointments, holds_kept, released, ..) = futures_util::try_join!(
        run(connection, upserted, rows.appointments),
        run(connection, kept, rows.holds),
        async {
            if rows.deleted_claims.is_empty() {
                return Ok(0);
            }
            diesel::delete(claims::table.filter(claims::id.eq_any(&rows.deleted_claims)))
                .execute(&mut &*connection)
                .await
        },
        run(connection, rows.claims.id.len(), rows.claims),
        run(connection, rows.events.calendar.len(), rows.events),
        run(connection, rows.versions.calendar.len(), rows.versions),
        run(connection, rows.keys.key.len(), rows.keys),
        run(connection, rows.outbox.tx.len(), rows.outbox),
        run(connection, rows.audit.tx.len(), rows.audit),
    )?;
    let ended = holds::end(connection, &rows.ended_holds).await?
        && holds::close(connection, &rows.closed_offers).await?
        && holds::offer(connection, &rows.offers).await?;
    freed::write(connection, accepted.iter().map(|(change, _)| *change)).await?;
    let unused: Vec<BlockId> = accepted
        .iter()
        .flat_map(|(change, _)| change.blocks_del.iter().copied())
        .collect();
    if !unused.is_empty() {
        diesel::delete(blocks::table.filter(blocks::id.eq_any(&unused)))
            .execute(&mut &*connection)
            .await?;
    }
    for (change, _) in accepted {
        if let Some(merged) = &change.merged {
            merge::records(connection, change, merged).await?;
        }
    }
    // A row that was not as the decision had it: the change must be decided again.
    if appointments != upserted || holds_kept != kept || released != deleted || !ended {
        return Err(diesel::result::Error::NotFound);
    }
    Ok(())
}

/// Runs a statement unless it has no rows; answers how many it touched.
async fn run<S>(connection: &AsyncPgConnection, rows: usize, statement: S) -> QueryResult<usize>
where
    S: QueryFragment<Pg> + QueryId + RunQueryDsl<AsyncPgConnection> + Send + 'static,
{
    if rows == 0 {
        return Ok(0);
    }
    diesel_async::methods::ExecuteDsl::execute(statement, &mut &*connection).await
}
