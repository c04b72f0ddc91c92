//! What followers of a calendar hear: each committed event once, in the order of its versions.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use schema::ids::{CalendarId, TxId};
use schema::models::claim::{Event, Op};

/// One event, as all of a calendar's followers share it.
#[derive(Debug)]
pub struct Delta {
    pub calendar: CalendarId,
    /// The version that it is to be applied to.
    pub prev: i64,
    pub version: i64,
    /// The command; `None` for several of them in one.
    pub tx: Option<TxId>,
    /// The database's clock in the commit.
    pub at: DateTime<Utc>,
    pub ops: Vec<Op>,
}

impl From<Event> for Delta {
    fn from(event: Event) -> Self {
        Self {
            calendar: event.calendar,
            prev: event.version - 1,
            version: event.version,
            tx: Some(event.tx),
            at: event.at,
            ops: event.ops,
        }
    }
}

impl Delta {
    /// Deltas of one calendar, each continuing the one before, as one: what is left of each claim
    /// after the last. Deletes come first; a delete may be of a claim that was not there before.
    #[must_use]
    pub fn merged(deltas: Vec<Self>) -> Option<Self> {
        if deltas.len() < 2 {
            return deltas.into_iter().next();
        }
        let (first, last) = (deltas.first()?, deltas.last()?);
        let mut merged = Self {
            calendar: last.calendar,
            prev: first.prev,
            version: last.version,
            tx: None,
            at: last.at,
            ops: Vec::new(),
        };
        let mut seen = HashSet::new();
        let newest_first = deltas.into_iter().rev();
        for op in newest_first.flat_map(|delta| delta.ops.into_iter().rev()) {
            let id = match &op {
                Op::Put(claim) => claim.id,
                Op::Del { id, .. } => *id,
            };
            if seen.insert(id) {
                merged.ops.push(op);
            }
        }
        merged.ops.reverse();
        merged.ops.sort_by_key(|op| matches!(op, Op::Put(_)));
        Some(merged)
    }
}

/// Somebody who follows a calendar. Called while the calendar's next change waits: must queue and
/// return, never block.
pub trait Follower: Send + Sync {
    fn delta(&self, delta: Arc<Delta>);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schema::ids::{ClaimId, TenantId};
    use schema::models::claim::{Claim, ClaimKind};
    use schema::span::{Minute, Span};
    use std::collections::BTreeMap;
    use uuid::Uuid;

    use super::*;

    fn op(id: u8, put: bool, start: i64) -> Op {
        let id = ClaimId(Uuid::from_u128(id.into()));
        let span = Span::lasting(Minute(start), 30).unwrap();
        if !put {
            return Op::Del { id, span };
        }
        Op::Put(Claim {
            id,
            tenant: TenantId(Uuid::from_u128(1)),
            span,
            kind: ClaimKind::Block,
        })
    }

    fn fold(state: &mut BTreeMap<ClaimId, Claim>, ops: &[Op]) {
        for op in ops {
            match op {
                Op::Put(claim) => drop(state.insert(claim.id, claim.clone())),
                Op::Del { id, .. } => drop(state.remove(id)),
            }
        }
    }

    proptest! {
        #[test]
        fn a_merged_delta_does_what_its_parts_do(
            parts in prop::collection::vec(
                prop::collection::vec((0..6u8, any::<bool>(), 0..1000i64), 1..4), 1..8),
            before in prop::collection::vec(0..6u8, 0..4),
        ) {
            let calendar = CalendarId(Uuid::from_u128(9));
            let deltas: Vec<Delta> = parts.iter().zip(7..).map(|(ops, version)| Delta {
                calendar,
                prev: version - 1,
                version,
                tx: Some(TxId(Uuid::from_u128(version as u128))),
                at: DateTime::UNIX_EPOCH,
                ops: ops.iter().map(|(id, put, start)| op(*id, *put, *start)).collect(),
            }).collect();
            let mut one_by_one = BTreeMap::new();
            for id in before {
                fold(&mut one_by_one, &[op(id, true, 5000)]);
            }
            let mut at_once = one_by_one.clone();
            for delta in &deltas {
                fold(&mut one_by_one, &delta.ops);
            }
            let last = deltas.len() as i64 + 6;
            let merged = Delta::merged(deltas).unwrap();
            prop_assert_eq!((merged.prev, merged.version), (6, last));
            fold(&mut at_once, &merged.ops);
            prop_assert_eq!(at_once, one_by_one);
        }
    }

    #[test]
    fn nothing_merges_to_nothing() {
        assert!(Delta::merged(Vec::new()).is_none());
    }
}
