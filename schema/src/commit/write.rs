//! Writes what was accepted and ends the transaction, as a rule in one round trip.

use std::collections::BTreeMap;

use diesel::QueryResult;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::{TryFutureExt, try_join};
use uuid::Uuid;

use super::batch::{Batch, Commit};
use super::{Change, Found, holds, merge};
use crate::ids::{BlockId, CalendarId, OfferId, TenantId};
use crate::models::hold::Ended;
use crate::schema::blocks;

/// Where a transaction failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Before COMMIT was sent.
    Writing(DieselError),
    /// In a statement with which COMMIT had been sent along. If the server has said so, it took
    /// COMMIT for a rollback.
    BesideCommit(DieselError),
    /// In COMMIT itself.
    Commit(DieselError),
}

/// Writes the accepted changes and commits.
pub(super) async fn and_commit(
    connection: &mut AsyncPgConnection,
    node: Uuid,
    accepted: &[(&Change, &BTreeMap<CalendarId, i64>)],
    found: &Found,
) -> Result<(), Failure> {
    if accepted.is_empty() {
        return Commit.send(connection).await.map_err(Failure::Commit);
    }
    let batch = Batch::of(found.xid, node, accepted, &found.earlier).map_err(Failure::Writing)?;
    before(connection, accepted)
        .await
        .map_err(Failure::Writing)?;
    let connection = &*connection;
    if accepted.iter().any(|(change, _)| has_more(change)) {
        batch.write(connection).await.map_err(Failure::Writing)?;
        after(connection, accepted)
            .await
            .map_err(Failure::Writing)?;
        return Commit.send(connection).await.map_err(Failure::Commit);
    }
    // Sent together, run one after the other. Should COMMIT ever be sent first, the batch refuses to
    // be written outside of its transaction: see the function `write_batch`.
    try_join!(
        batch.write(connection).map_err(Failure::BesideCommit),
        Commit.send(connection).map_err(Failure::Commit),
    )
    .map(drop)
}

/// What the batch's rows point at. Rare, so not worth a place in it.
async fn before(
    connection: &mut AsyncPgConnection,
    accepted: &[(&Change, &BTreeMap<CalendarId, i64>)],
) -> QueryResult<()> {
    for (change, _) in accepted {
        for series in &change.series {
            crate::series::write(connection, series).await?;
        }
        for block in &change.blocks_put {
            crate::blocks::write(connection, block).await?;
        }
    }
    Ok(())
}

/// Whether a change does something behind the batch's rows.
fn has_more(change: &Change) -> bool {
    let holds = &change.holds;
    !holds.closed.is_empty()
        || !holds.offered.is_empty()
        || !change.blocks_del.is_empty()
        || change.merged.is_some()
}

/// As rare, and behind them: offers, blocks that are gone, records that become one.
async fn after(
    connection: &AsyncPgConnection,
    accepted: &[(&Change, &BTreeMap<CalendarId, i64>)],
) -> QueryResult<()> {
    let changes = || accepted.iter().map(|(change, _)| *change);
    let closed: Vec<(TenantId, OfferId, Ended)> = changes()
        .flat_map(|change| change.holds.closed.iter().copied())
        .collect();
    let offered: Vec<_> = changes()
        .flat_map(|change| {
            change
                .holds
                .offered
                .iter()
                .map(|offer| (change.tenant, offer))
        })
        .collect();
    // A row that was not as the decision had it: the change must be decided again.
    if !holds::close(connection, &closed).await? || !holds::offer(connection, &offered).await? {
        return Err(DieselError::NotFound);
    }
    let unused: Vec<BlockId> = changes()
        .flat_map(|change| change.blocks_del.iter().copied())
        .collect();
    if !unused.is_empty() {
        diesel::delete(blocks::table.filter(blocks::id.eq_any(&unused)))
            .execute(&mut &*connection)
            .await?;
    }
    for change in changes() {
        if let Some(merged) = &change.merged {
            merge::records(connection, change, merged).await?;
        }
    }
    Ok(())
}
