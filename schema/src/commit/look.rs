//! What a batch is judged by: opens the transaction, locks, and reads, in one round trip.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::Error as DieselError;
use diesel::sql_types::{Array, BigInt, Bytea, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use serde_json::Value;
use uuid::Uuid;

use super::{Change, Found, Grounds, holds};
use crate::appointments::Row;
use crate::ids::{AppointmentId, CalendarId, ClinicId, TenantId};
use crate::models::appointment::Appointment;
use crate::schema::appointments;

type SqlUuid = diesel::sql_types::Uuid;

/// Opens the transaction, locks the calendars in the order of their ids, and reads what the
/// changes will be judged by, behind the locks.
pub(super) async fn begin(
    connection: &mut AsyncPgConnection,
    changes: &[Change],
) -> QueryResult<Found> {
    let look = Look::of(changes);
    let changed: Vec<AppointmentId> = changes
        .iter()
        .flat_map(|change| &change.appointments)
        .filter(|appointment| appointment.version > 1)
        .map(|appointment| appointment.id)
        .collect();
    // Sent together, run one after the other: see `AsyncPgConnection` on pipelining.
    let connection = &*connection;
    let ((), seen, earlier) = futures_util::try_join!(
        async { (&mut &*connection).batch_execute("BEGIN").await },
        async { look.load::<Seen>(&mut &*connection).await },
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
    let mut xid = None;
    let mut grounds = Grounds {
        // Behind the calendars' locks, like everything that is judged by.
        holds: holds::count(connection, changes).await?,
        ..Grounds::default()
    };
    for seen in seen {
        if let Some(number) = seen.note(&mut grounds)? {
            xid = Some(number);
        }
    }
    Ok(Found {
        xid: xid.ok_or_else(|| strange("transaction"))?,
        grounds,
        earlier: earlier
            .into_iter()
            .map(|row| Appointment::try_from(row).map(|visit| (visit.id, visit)))
            .collect::<QueryResult<_>>()?,
    })
}

/// Asks the function `look_at_batch`.
#[derive(Debug, Default)]
struct Look {
    calendars: Vec<CalendarId>,
    tenants: Vec<TenantId>,
    clinics: Vec<ClinicId>,
    key_tenants: Vec<TenantId>,
    key_principals: Vec<String>,
    keys: Vec<String>,
}

impl Look {
    fn of(changes: &[Change]) -> Self {
        let calendars: BTreeSet<CalendarId> =
            changes.iter().flat_map(|c| c.ops.keys().copied()).collect();
        let rules = || changes.iter().map(|change| &change.rules);
        let tenants: BTreeSet<TenantId> = rules().flat_map(|r| r.tenants.keys().copied()).collect();
        let clinics: BTreeSet<ClinicId> = rules().flat_map(|r| r.clinics.keys().copied()).collect();
        let mut look = Self {
            calendars: calendars.into_iter().collect(),
            tenants: tenants.into_iter().collect(),
            clinics: clinics.into_iter().collect(),
            ..Self::default()
        };
        for key in changes.iter().filter_map(|change| change.key.as_ref()) {
            look.key_tenants.push(key.tenant);
            look.key_principals.push(key.principal.clone());
            look.keys.push(key.key.clone());
        }
        look
    }
}

impl QueryFragment<Pg> for Look {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT * FROM look_at_batch(");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.calendars)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.tenants)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.clinics)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.key_tenants)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.key_principals)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.keys)?;
        out.push_sql(")");
        Ok(())
    }
}

impl QueryId for Look {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for Look {
    type SqlType = (
        Text,
        Nullable<SqlUuid>,
        Nullable<BigInt>,
        Nullable<Timestamptz>,
        Nullable<Text>,
        Nullable<Text>,
        Nullable<Bytea>,
        Nullable<Jsonb>,
    );
}

/// One thing that it tells.
#[derive(Queryable)]
struct Seen {
    kind: String,
    id: Option<Uuid>,
    version: Option<i64>,
    at: Option<DateTime<Utc>>,
    principal: Option<String>,
    key: Option<String>,
    fingerprint: Option<Vec<u8>>,
    result: Option<Value>,
}

impl Seen {
    /// Puts it to the grounds; answers the transaction's number, if it is that.
    fn note(self, grounds: &mut Grounds) -> QueryResult<Option<i64>> {
        let rules = &mut grounds.rules;
        match (self.kind.as_str(), self.id, self.version) {
            ("transaction", _, Some(number)) => {
                grounds.at = self.at.ok_or_else(|| strange("transaction"))?;
                return Ok(Some(number));
            }
            ("calendar", Some(id), Some(version)) => {
                grounds.versions.insert(CalendarId(id), version);
            }
            ("tenant", Some(id), Some(version)) => {
                rules.tenants.insert(TenantId(id), version);
            }
            ("clinic", Some(id), Some(version)) => {
                rules.clinics.insert(ClinicId(id), version);
            }
            ("key", Some(tenant), _) => {
                let (Some(principal), Some(key), Some(fingerprint), Some(result)) =
                    (self.principal, self.key, self.fingerprint, self.result)
                else {
                    return Err(strange("key"));
                };
                let answer = serde_json::from_value(result)
                    .map_err(|error| DieselError::DeserializationError(Box::new(error)))?;
                let name = (TenantId(tenant), principal, key);
                grounds.keys.insert(name, (fingerprint, answer));
            }
            (kind, ..) => return Err(strange(kind)),
        }
        Ok(None)
    }
}

/// What the function and this program do not agree on.
fn strange(kind: &str) -> DieselError {
    DieselError::DeserializationError(format!("look_at_batch and its {kind}").into())
}
