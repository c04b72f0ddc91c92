//! What a merge of two patients' records changes beside calendars and appointments.

use diesel::QueryResult;
use diesel::sql_types::{Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::{Change, MergedRecords};

type SqlUuid = diesel::sql_types::Uuid;

/// Merges the records of an accepted change, in its transaction. The engine's role sees no records:
/// the database's own function moves what hangs on them, and refuses what must not be.
pub(super) async fn records(
    mut connection: &AsyncPgConnection,
    change: &Change,
    merged: &MergedRecords,
) -> QueryResult<()> {
    // Others' lines of the same transaction come from elsewhere.
    diesel::sql_query(
        "SELECT set_config('app.address', $7, true), set_config('app.request_id', $8, true), \
         merge_patients($1, $2, $3, $4, $5, $6), \
         set_config('app.address', '', true), set_config('app.request_id', '', true)",
    )
    .bind::<SqlUuid, _>(change.tenant)
    .bind::<SqlUuid, _>(merged.kept)
    .bind::<SqlUuid, _>(merged.removed)
    .bind::<SqlUuid, _>(change.tx)
    .bind::<Text, _>(&change.actor)
    .bind::<Nullable<SqlUuid>, _>(merged.user)
    .bind::<Text, _>(change.origin.address.as_deref().unwrap_or_default())
    .bind::<Text, _>(change.origin.request_id.as_deref().unwrap_or_default())
    .execute(&mut connection)
    .await
    .map(drop)
}
