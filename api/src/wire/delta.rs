//! Events as deltas, and the name of the state that they continue.

use chrono::{DateTime, Utc};
use engine::feed::Delta;
use schema::ids::{CalendarId, ClaimId, TxId};
use schema::models::claim::{Claim, Op};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::entry::{Entry, Names, Reader, Visibility};

/// One step of a delta.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OpView {
    /// The entry is now like this, whether it was there or not.
    Put(Box<Entry>),
    /// The entry is gone.
    #[schema(value_type = Uuid)]
    Del(ClaimId),
}

/// One event of a calendar, as somebody sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeltaView {
    #[schema(value_type = Uuid)]
    pub calendar: CalendarId,
    /// Opaque; another one means another state: start from a snapshot.
    pub epoch: String,
    /// The version that it is to be applied to.
    pub prev: i64,
    pub version: i64,
    /// The command; the same on every calendar that it touched. Absent where all is busy time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub tx: Option<TxId>,
    pub at: DateTime<Utc>,
    pub ops: Vec<OpView>,
}

impl DeltaView {
    /// A delta whose puts are seen by `sees`; `actor` is who reads, where it matters.
    #[must_use]
    pub fn of(
        delta: &Delta,
        epoch: String,
        names: &Names,
        actor: Option<&str>,
        sees: impl Fn(&Claim) -> Visibility,
    ) -> Self {
        let mut all_busy = true;
        let ops = delta
            .ops
            .iter()
            .map(|op| match op {
                Op::Put(claim) => {
                    let visibility = sees(claim);
                    all_busy &= visibility == Visibility::Busy;
                    OpView::Put(Box::new(Entry::of(claim, visibility, names, actor)))
                }
                Op::Del { id, .. } => OpView::Del(*id),
            })
            .collect();
        let only_deletes = !delta.ops.iter().any(|op| matches!(op, Op::Put(_)));
        Self {
            calendar: delta.calendar,
            epoch,
            prev: delta.prev,
            version: delta.version,
            tx: delta.tx.filter(|_| !all_busy || only_deletes),
            at: delta.at,
            ops,
        }
    }

    /// The claims that it puts.
    pub fn puts(delta: &Delta) -> impl Iterator<Item = &Claim> {
        delta.ops.iter().filter_map(|op| match op {
            Op::Put(claim) => Some(claim),
            Op::Del { .. } => None,
        })
    }
}

/// The epoch that a reader is told: the database's, and what the reader may see. Changed rights
/// make another one, so that states seen before are not continued.
#[must_use]
pub fn epoch(database: Uuid, reader: Reader) -> String {
    let mut digest = Sha256::new();
    digest.update(database.as_bytes());
    digest.update(reader.tenant.0.as_bytes());
    digest.update([u8::from(reader.sees_patients)]);
    hex::encode(&digest.finalize()[..12])
}
