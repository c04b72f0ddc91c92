//! What an outside calendar's busy times change: nothing where they are as they were.

use std::collections::{BTreeMap, HashMap};

use schema::commit::{Change, Label};
use schema::ids::{ClaimId, TxId};
use schema::models::claim::{Claim, ClaimKind, Op};
use schema::span::Span;
use smallvec::SmallVec;

use super::{Plan, Planner};
use crate::command::{Done, Import};
use crate::failure::Refusal;
use crate::scheduling::reservation::Ask;

/// What differs between the busy times and those that the same source gave before.
pub(super) async fn plan(planner: &Planner<'_>, import: &Import) -> Result<Plan, Refusal> {
    let cells = planner.cells([import.calendar]).await?;
    let store = &planner.parts.store;
    let stored = store
        .external_claims(import.calendar, &import.source)
        .await?;
    let known: HashMap<ClaimId, Span> = stored.into_iter().collect();
    let wanted: HashMap<ClaimId, Span> = import
        .busy
        .iter()
        .map(|busy| (busy.id, busy.span))
        .collect();

    let tx = TxId::new();
    let mut ops = Vec::new();
    let mut ask = Ask {
        change: tx,
        books: SmallVec::new(),
        states: SmallVec::new(),
        keeps: SmallVec::new(),
        frees: SmallVec::new(),
        caps: SmallVec::new(),
    };
    let mut claims_del = Vec::new();
    for (id, span) in &known {
        // What lies outside the window was not asked for this time, and stays.
        let moved = wanted.get(id).is_some_and(|now| now != span);
        let gone = import.complete && !wanted.contains_key(id);
        if moved || (gone && span.overlaps(import.window)) {
            ops.push(Op::Del {
                id: *id,
                span: *span,
            });
            ask.frees.push((*id, *span));
            claims_del.push(*id);
        }
    }
    let mut claims_put = Vec::new();
    let mut labels = HashMap::new();
    for busy in &import.busy {
        if known.get(&busy.id) == Some(&busy.span) {
            continue;
        }
        let claim = Claim {
            id: busy.id,
            tenant: planner.request.tenant,
            span: busy.span,
            kind: ClaimKind::External,
        };
        ops.push(Op::Put(claim.clone()));
        ask.states.push(busy.span);
        claims_put.push((import.calendar, claim));
        let label = Label {
            title: busy.title.clone(),
            source: Some(import.source.clone()),
            block: None,
        };
        labels.insert(busy.id, label);
    }
    let done = Done::Imported {
        added: claims_put.len(),
        removed: claims_del.len(),
        unchanged: wanted.len() - claims_put.len(),
    };
    let asks = BTreeMap::from([(import.calendar, ask)]);
    let change = Change {
        tx,
        action: "calendar.imported",
        subject: import.calendar.0,
        ops: if ops.is_empty() {
            BTreeMap::new()
        } else {
            BTreeMap::from([(import.calendar, ops)])
        },
        claims_put,
        claims_del,
        labels,
        ..planner.change(&done)?
    };
    Ok(Plan::new(change, asks, cells, done))
}
