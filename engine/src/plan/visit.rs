//! What new states of appointments change on each calendar.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use schema::ids::{CalendarId, ClaimId, TxId};
use schema::models::appointment::Appointment;
use schema::models::claim::{Claim, ClaimKind, Op};
use schema::span::Span;
use smallvec::SmallVec;

use crate::scheduling::draft::visit_of;
use crate::scheduling::pattern;
use crate::scheduling::reservation::Ask;

/// The claims that a visit has on each of its calendars; empty where it has none.
pub(super) type Held = BTreeMap<CalendarId, Vec<Arc<Claim>>>;

/// The calendars' side of a change to appointments.
#[derive(Default)]
pub(super) struct VisitChange {
    pub ops: BTreeMap<CalendarId, Vec<Op>>,
    pub asks: BTreeMap<CalendarId, Ask>,
    pub claims_put: Vec<(CalendarId, Claim)>,
    pub claims_del: Vec<ClaimId>,
}

/// From the claims that visits hold to those that their new states need. Every calendar involved
/// gets an event, also where only the state changes: a claim that keeps its span keeps its id.
pub(super) fn change<'a>(
    tx: TxId,
    visits: impl IntoIterator<Item = (&'a Held, &'a Appointment)>,
) -> VisitChange {
    let mut result = VisitChange::default();
    // One event for a calendar, however many visits: all deletes before all puts.
    let mut puts: BTreeMap<CalendarId, Vec<Op>> = BTreeMap::new();
    for (held, after) in visits {
        let visit = visit_of(after);
        let wanted = if after.status.takes_time() {
            pattern::claims(&after.pattern, after.span.start())
        } else {
            BTreeMap::new()
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
            let dels = result.ops.entry(calendar).or_default();
            let puts = puts.entry(calendar).or_default();
            if stays {
                puts.extend(old.iter().map(|claim| Op::Put(put(claim.id, claim.span))));
            } else {
                for claim in old {
                    dels.push(Op::Del {
                        id: claim.id,
                        span: claim.span,
                    });
                    result.claims_del.push(claim.id);
                }
                for span in new {
                    let claim = put(ClaimId::new(), *span);
                    result.claims_put.push((calendar, claim.clone()));
                    puts.push(Op::Put(claim));
                }
            }
            let ask = result.asks.entry(calendar).or_insert_with(|| nothing(tx));
            ask.books.extend(new.iter().copied());
            ask.frees
                .extend(old.iter().map(|claim| (claim.id, claim.span)));
        }
    }
    for (calendar, puts) in puts {
        result.ops.entry(calendar).or_default().extend(puts);
    }
    result
}

/// An ask for nothing yet.
pub(super) fn nothing(tx: TxId) -> Ask {
    Ask {
        change: tx,
        books: SmallVec::new(),
        states: SmallVec::new(),
        keeps: SmallVec::new(),
        frees: SmallVec::new(),
        caps: SmallVec::new(),
    }
}
