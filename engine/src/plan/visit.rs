//! What a new state of an appointment changes on each calendar.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use schema::ids::{AppointmentId, CalendarId, ClaimId, TxId};
use schema::models::appointment::Appointment;
use schema::models::claim::{Claim, ClaimKind, Op, Visit};
use schema::span::Span;
use smallvec::SmallVec;

use crate::scheduling::pattern;
use crate::scheduling::reservation::Ask;

/// The calendars' side of a change to an appointment.
pub(super) struct VisitChange {
    pub ops: BTreeMap<CalendarId, Vec<Op>>,
    pub asks: BTreeMap<CalendarId, Ask>,
    pub claims_put: Vec<(CalendarId, Claim)>,
    pub claims_del: Vec<ClaimId>,
}

pub(super) fn belongs_to(claim: &Claim, appointment: AppointmentId) -> bool {
    matches!(&claim.kind, ClaimKind::Appointment { visit } if visit.id == appointment)
}

/// From the claims that it holds to those that its new state needs. Every calendar involved gets an
/// event, also where only the state changes: a claim that keeps its span keeps its id.
pub(super) fn change(
    tx: TxId,
    held: &BTreeMap<CalendarId, Vec<Arc<Claim>>>,
    after: &Appointment,
) -> VisitChange {
    let visit = Visit {
        id: after.id,
        version: after.version,
        status: after.status,
        span: after.span,
        patient: after.patient,
        provider: after.provider,
        operatory: after.operatory,
        treatment: after.treatment,
        series: after.series,
    };
    let wanted = if after.status.takes_time() {
        pattern::claims(&after.pattern, after.span.start())
    } else {
        BTreeMap::new()
    };
    let mut result = VisitChange {
        ops: BTreeMap::new(),
        asks: BTreeMap::new(),
        claims_put: Vec::new(),
        claims_del: Vec::new(),
    };
    let calendars: BTreeSet<CalendarId> = held.keys().chain(wanted.keys()).copied().collect();
    for calendar in calendars {
        let old = held.get(&calendar).map(Vec::as_slice).unwrap_or_default();
        let new = wanted.get(&calendar).map(Vec::as_slice).unwrap_or_default();
        if old.is_empty() && new.is_empty() {
            continue;
        }
        let stays = old.iter().map(|claim| claim.span).eq(new.iter().copied());
        let put = |id: ClaimId, span: Span| Claim {
            id,
            tenant: after.tenant,
            span,
            kind: ClaimKind::Appointment {
                visit: visit.clone(),
            },
        };
        let mut ops = Vec::with_capacity(old.len() + new.len());
        if stays {
            ops.extend(old.iter().map(|claim| Op::Put(put(claim.id, claim.span))));
        } else {
            for claim in old {
                ops.push(Op::Del {
                    id: claim.id,
                    span: claim.span,
                });
                result.claims_del.push(claim.id);
            }
            for span in new {
                let claim = put(ClaimId::new(), *span);
                result.claims_put.push((calendar, claim.clone()));
                ops.push(Op::Put(claim));
            }
        }
        let ask = Ask {
            change: tx,
            books: new.iter().copied().collect(),
            states: SmallVec::new(),
            frees: old.iter().map(|claim| (claim.id, claim.span)).collect(),
            caps: SmallVec::new(),
        };
        result.ops.insert(calendar, ops);
        result.asks.insert(calendar, ask);
    }
    result
}
