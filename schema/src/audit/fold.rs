//! Folding a calendar's events onto its base must give its state.

use std::collections::BTreeMap;

use diesel::QueryResult;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use super::Finding;
use crate::calendars;
use crate::fold::Folded;
use crate::ids::{CalendarId, ClaimId};
use crate::log;
use crate::models::claim::Claim;
use crate::schema::{calendars as table, claims_past};

/// Calendars compared at a time.
const CHUNK: usize = 100;
/// Events read at a time.
const EVENTS: i64 = 1000;
/// Breaches named.
const EXAMPLES: usize = 5;

pub(super) async fn check(connection: &mut AsyncPgConnection) -> QueryResult<Finding> {
    let bases: Vec<(CalendarId, i64, Value)> = table::table
        .order(table::id)
        .select((table::id, table::base_version, table::base))
        .load(connection)
        .await?;
    let mut finding = Finding {
        promise: "folding each calendar's events gives its state",
        checked: 0,
        breaches: 0,
        examples: Vec::new(),
    };
    for chunk in bases.chunks(CHUNK) {
        let ids: Vec<CalendarId> = chunk.iter().map(|(id, ..)| *id).collect();
        let states = calendars::load(connection, &ids).await?;
        for (state, (id, base_version, base)) in states.into_iter().zip(chunk) {
            let folded = fold(connection, *id, *base_version, base).await?;
            let actual: BTreeMap<ClaimId, Claim> = state
                .claims
                .into_iter()
                .map(|claim| (claim.id, claim))
                .collect();
            finding.checked += 1;
            if state.id != *id || folded != actual {
                finding.breaches += 1;
                if finding.examples.len() < EXAMPLES {
                    let differing = differing(&folded, &actual);
                    finding
                        .examples
                        .push(format!("calendar {id}: claims {differing:?}"));
                }
            }
        }
    }
    Ok(finding)
}

async fn fold(
    connection: &mut AsyncPgConnection,
    id: CalendarId,
    base_version: i64,
    base: &Value,
) -> QueryResult<BTreeMap<ClaimId, Claim>> {
    let mut state = Folded::onto(base)?;
    let mut version = base_version;
    loop {
        let events = log::after(connection, id, version, EVENTS).await?;
        let Some(last) = events.last() else {
            break;
        };
        version = last.version;
        for event in events {
            state.apply(event.ops);
        }
    }
    // What is settled is kept elsewhere; an event may have told of it since.
    let settled: Vec<ClaimId> = claims_past::table
        .filter(claims_past::calendar_id.eq(id))
        .select(claims_past::id)
        .load(connection)
        .await?;
    state.leave_out(&settled);
    Ok(state.into_claims())
}

fn differing(folded: &BTreeMap<ClaimId, Claim>, actual: &BTreeMap<ClaimId, Claim>) -> Vec<ClaimId> {
    let ids = folded.keys().chain(actual.keys());
    let mut differing: Vec<ClaimId> = ids
        .filter(|id| folded.get(id) != actual.get(id))
        .copied()
        .collect();
    differing.sort();
    differing.dedup();
    differing.truncate(EXAMPLES);
    differing
}
