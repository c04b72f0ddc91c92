//! What a batch is judged by: opens the transaction, locks, and reads, in one round trip.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Bytea, Jsonb, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use serde_json::Value;

use super::{Answer, Change, Found, Grounds, Key, RulesSeen, holds};
use crate::appointments::Row;
use crate::ids::{AppointmentId, CalendarId, ClinicId, TenantId};
use crate::models::appointment::Appointment;
use crate::schema::{appointments, calendars, clinics, tenants};

type SqlUuid = diesel::sql_types::Uuid;

/// Rows of the keys that have been used. Its text never changes, however many are wanted, so that a
/// connection prepares it once.
#[derive(Debug, Default)]
pub(crate) struct UsedKeys {
    tenants: Vec<TenantId>,
    principals: Vec<String>,
    keys: Vec<String>,
}

impl UsedKeys {
    pub(crate) fn of<'k>(keys: impl IntoIterator<Item = &'k Key>) -> Self {
        let mut wanted = Self::default();
        for key in keys {
            wanted.tenants.push(key.tenant);
            wanted.principals.push(key.principal.clone());
            wanted.keys.push(key.key.clone());
        }
        wanted
    }
}

impl QueryFragment<Pg> for UsedKeys {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "SELECT r.tenant_id, r.principal, r.key, r.fingerprint, r.result \
             FROM idempotency_results r JOIN (SELECT DISTINCT * FROM unnest(",
        );
        out.push_bind_param::<Array<SqlUuid>, _>(&self.tenants)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.principals)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.keys)?;
        out.push_sql(
            ") AS k(tenant_id, principal, key)) AS wanted USING (tenant_id, principal, key)",
        );
        Ok(())
    }
}

impl QueryId for UsedKeys {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for UsedKeys {
    type SqlType = (SqlUuid, Text, Text, Bytea, Jsonb);
}

/// Opens the transaction, locks the calendars in the order of their ids, and reads what the
/// changes will be judged by. The reads are behind the locks, so they see every rules change that
/// had the calendars before.
pub(super) async fn begin(
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
    let wanted = UsedKeys::of(changes.iter().filter_map(|change| change.key.as_ref()));
    let no_keys = wanted.keys.is_empty();
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
