//! Bookings that a block would lie over.

use std::collections::BTreeMap;
use std::sync::Arc;

use schema::ids::{CalendarId, ClaimId};
use schema::models::claim::ClaimKind;
use schema::span::Span;

use crate::command::block::Clash;
use crate::directory::Cell;
use crate::plan::Planner;
use crate::scheduling::rejection::{Conflict, Refused, Rejection};

/// The bookings in these spans; of another practice's, that they are there.
pub(super) fn bookings_under(
    planner: &Planner<'_>,
    cell: &Arc<Cell>,
    spans: &[Span],
) -> Vec<Clash> {
    let timeline = cell.timeline();
    let mut found: BTreeMap<ClaimId, Clash> = BTreeMap::new();
    for claim in spans.iter().flat_map(|span| timeline.overlapping(*span)) {
        if !claim.kind.is_booking() {
            continue;
        }
        let appointment = match &claim.kind {
            ClaimKind::Appointment { visit } if claim.tenant == planner.request.tenant => {
                Some(visit.id)
            }
            _ => None,
        };
        let clash = Clash {
            id: claim.id,
            span: claim.span,
            appointment,
        };
        found.insert(claim.id, clash);
    }
    let mut clashes: Vec<Clash> = found.into_values().collect();
    clashes.sort_by_key(|clash| (clash.span.start(), clash.id));
    clashes
}

/// Each as a reason not to block there.
pub(super) fn refused(calendar: CalendarId, clashes: &[Clash]) -> Vec<Refused> {
    let refused = clashes.iter().map(|clash| Refused {
        appointment: clash.appointment,
        start: clash.span.start(),
        why: Rejection::SlotTaken(Conflict {
            calendar,
            span: clash.span,
        }),
    });
    refused.collect()
}
