//! Reading holds: one that somebody wants something of, those whose time is over, and removing what
//! ended long ago.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use crate::ids::{HoldId, OperatoryId, PatientId, ProviderId, TenantId, TreatmentId};
use crate::models::hold::{Ended, Hold};
use crate::schema::holds;
use crate::span::{Minute, Span};

/// A hold's row as the database has it.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = holds)]
struct Row {
    id: HoldId,
    tenant_id: TenantId,
    token_hash: Vec<u8>,
    start_at: DateTime<Utc>,
    end_at: DateTime<Utc>,
    provider_id: ProviderId,
    operatory_id: OperatoryId,
    treatment_id: TreatmentId,
    patient_id: Option<PatientId>,
    pattern: Value,
    owner: String,
    address: Option<String>,
    expires_at: DateTime<Utc>,
    renewable_until: DateTime<Utc>,
    ended: Option<String>,
}

/// A hold, and how it has ended, if it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub hold: Hold,
    pub ended: Option<Ended>,
}

impl TryFrom<Row> for Stored {
    type Error = diesel::result::Error;

    fn try_from(row: Row) -> QueryResult<Self> {
        let unreadable = |what: String| diesel::result::Error::DeserializationError(what.into());
        let span = Span::new(Minute::floor(row.start_at), Minute::ceil(row.end_at))
            .ok_or_else(|| unreadable(format!("hold {} has no span", row.id)))?;
        let ended = row
            .ended
            .map(|name| {
                Ended::parse(&name).ok_or_else(|| unreadable(format!("a hold that is {name}")))
            })
            .transpose()?;
        Ok(Self {
            hold: Hold {
                id: row.id,
                tenant: row.tenant_id,
                token_hash: row.token_hash,
                span,
                provider: row.provider_id,
                operatory: row.operatory_id,
                treatment: row.treatment_id,
                patient: row.patient_id,
                pattern: serde_json::from_value(row.pattern)
                    .map_err(|error| unreadable(error.to_string()))?,
                owner: row.owner,
                address: row.address,
                expires_at: row.expires_at,
                renewable_until: row.renewable_until,
            },
            ended,
        })
    }
}

/// A practice's hold, also for a day after it has ended.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    id: HoldId,
) -> QueryResult<Option<Stored>> {
    holds::table
        .filter(holds::tenant_id.eq(tenant))
        .filter(holds::id.eq(id))
        .select(Row::as_select())
        .first(connection)
        .await
        .optional()?
        .map(Stored::try_from)
        .transpose()
}

/// The live hold of a practice whose token has this hash.
///
/// # Errors
/// When the database cannot be read.
pub async fn with_token(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    token_hash: &[u8],
) -> QueryResult<Option<Hold>> {
    let found = holds::table
        .filter(holds::tenant_id.eq(tenant))
        .filter(holds::token_hash.eq(token_hash))
        .filter(holds::ended.is_null())
        .select(Row::as_select())
        .first(connection)
        .await
        .optional()?
        .map(Stored::try_from)
        .transpose()?;
    Ok(found.map(|stored| stored.hold))
}

/// The live holds among `ids` that belong to `owner`.
///
/// # Errors
/// When the database cannot be read.
pub async fn owned_by(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    owner: &str,
    ids: &[HoldId],
) -> QueryResult<Vec<HoldId>> {
    holds::table
        .filter(holds::tenant_id.eq(tenant))
        .filter(holds::id.eq_any(ids))
        .filter(holds::owner.eq(owner))
        .filter(holds::ended.is_null())
        .select(holds::id)
        .load(connection)
        .await
}

/// At most `limit` holds whose time is over by the database's clock, the oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn expired(
    connection: &mut AsyncPgConnection,
    limit: i64,
) -> QueryResult<Vec<(TenantId, HoldId)>> {
    holds::table
        .filter(holds::ended.is_null())
        .filter(holds::expires_at.le(now))
        .order(holds::expires_at)
        .limit(limit)
        .select((holds::tenant_id, holds::id))
        .load(connection)
        .await
}

/// Removes at most `limit` holds that ended before `before`; answers how many.
///
/// # Errors
/// When the database refuses.
pub async fn forget_ended(
    connection: &mut AsyncPgConnection,
    before: DateTime<Utc>,
    limit: i64,
) -> QueryResult<usize> {
    diesel::sql_query(
        "DELETE FROM holds WHERE id IN (SELECT id FROM holds WHERE ended_at < $1 LIMIT $2)",
    )
    .bind::<Timestamptz, _>(before)
    .bind::<BigInt, _>(limit)
    .execute(connection)
    .await
}
