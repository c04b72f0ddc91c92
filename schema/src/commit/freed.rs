//! The time that a change sets free, for the waitlist.

use std::collections::BTreeMap;

use crate::ids::CalendarId;
use crate::models::claim::Op;
use crate::span::Span;

/// A span that came free, and the calendars on which some of it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreedTime {
    pub calendars: Vec<CalendarId>,
    pub span: Span,
}

/// What a change's ops set free: what they delete and do not put again.
#[must_use]
pub fn of(ops: &BTreeMap<CalendarId, Vec<Op>>) -> Vec<FreedTime> {
    let mut spans: Vec<(Span, CalendarId)> = Vec::new();
    for (calendar, ops) in ops {
        let puts: Vec<Span> = ops
            .iter()
            .filter_map(|op| match op {
                Op::Put(claim) => Some(claim.span),
                Op::Del { .. } => None,
            })
            .collect();
        for op in ops {
            if let Op::Del { span, .. } = op {
                spans.extend(without(*span, &puts).map(|span| (span, *calendar)));
            }
        }
    }
    spans.sort();
    let mut joined: Vec<FreedTime> = Vec::new();
    for (span, calendar) in spans {
        match joined.last_mut() {
            Some(last) if span.start() <= last.span.end() => {
                let end = last.span.end().max(span.end());
                last.span = Span::new(last.span.start(), end).unwrap_or(last.span);
                if !last.calendars.contains(&calendar) {
                    last.calendars.push(calendar);
                }
            }
            _ => joined.push(FreedTime {
                calendars: vec![calendar],
                span,
            }),
        }
    }
    joined
}

/// The parts of a span that no other covers.
fn without(span: Span, others: &[Span]) -> impl Iterator<Item = Span> + use<> {
    let mut parts = vec![span];
    for other in others {
        parts = parts
            .into_iter()
            .flat_map(|part| {
                let before = Span::new(part.start(), part.end().min(other.start()));
                let after = Span::new(part.start().max(other.end()), part.end());
                [before, after].into_iter().flatten()
            })
            .collect();
    }
    parts.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ClaimId, TenantId};
    use crate::models::claim::{Claim, ClaimKind};
    use crate::span::Minute;
    use uuid::Uuid;

    fn span(from: i64, to: i64) -> Span {
        Span::new(Minute(from), Minute(to)).unwrap()
    }

    fn del(from: i64, to: i64) -> Op {
        Op::Del {
            id: ClaimId::new(),
            span: span(from, to),
        }
    }

    fn put(from: i64, to: i64) -> Op {
        Op::Put(Claim {
            id: ClaimId::new(),
            tenant: TenantId::new(),
            span: span(from, to),
            kind: ClaimKind::Block,
        })
    }

    fn freed(ops: &[(u128, Vec<Op>)]) -> Vec<(i64, i64, usize)> {
        let ops = ops
            .iter()
            .map(|(id, ops)| (CalendarId(Uuid::from_u128(*id)), ops.clone()))
            .collect();
        of(&ops)
            .into_iter()
            .map(|freed| {
                let (from, to) = (freed.span.start(), freed.span.end());
                (from.0, to.0, freed.calendars.len())
            })
            .collect()
    }

    #[test]
    fn what_is_deleted_and_not_put_again_comes_free() {
        assert_eq!(freed(&[(1, vec![put(0, 30)])]), []);
        assert_eq!(freed(&[(1, vec![del(0, 30), put(0, 30)])]), []);
        assert_eq!(freed(&[(1, vec![del(0, 30), put(15, 45)])]), [(0, 15, 1)]);
        assert_eq!(
            freed(&[(1, vec![del(0, 60), put(20, 40)])]),
            [(0, 20, 1), (40, 60, 1)]
        );
        // Dentist and chair of one visit are one time.
        assert_eq!(
            freed(&[(1, vec![del(0, 60)]), (2, vec![del(10, 40)])]),
            [(0, 60, 2)]
        );
        assert_eq!(
            freed(&[(1, vec![del(0, 30), del(90, 120)])]),
            [(0, 30, 1), (90, 120, 1)]
        );
    }
}
