//! Whose rights have changed, and what is said of patients: what every process has to hear.

use diesel::QueryResult;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use uuid::Uuid;

use crate::ids::{PatientId, TenantId, UserId};
use crate::log::Horizon;

type SqlUuid = diesel::sql_types::Uuid;

/// One change: of what an account or a key may do, or of a whole practice's standing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, QueryableByName)]
pub struct AccessChange {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub user_id: Option<UserId>,
    /// An API key.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub key_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub tenant_id: Option<TenantId>,
    /// What that practice's calendars say of a patient has changed, and nobody's rights.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub patient_id: Option<PatientId>,
}

/// Everything that a reader who looked at `since` may have missed; a part of it may be known
/// already, by its id. Take the next [`crate::log::horizon`] before calling this, not after.
///
/// # Errors
/// When the database cannot be read.
pub async fn since(
    connection: &mut AsyncPgConnection,
    since: Horizon,
) -> QueryResult<Vec<AccessChange>> {
    diesel::sql_query("SELECT * FROM lookup_access_changes($1::xid8)")
        .bind::<Text, _>(since.0.to_string())
        .load(connection)
        .await
}
