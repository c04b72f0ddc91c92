//! What is taken on one calendar at one version: an immutable value that shares what did not change
//! with the version before it.

use std::collections::BTreeMap;
use std::sync::Arc;

use schema::ids::ClaimId;
use schema::models::claim::{Claim, ClaimKind, Op};
use schema::span::{DAY, Minute, Span};

use super::cells::{CELL, Cells};

/// Claims are kept by week: a change copies the page that it touches, not years of claims.
const PAGE_MINUTES: i64 = 7 * DAY;

/// A calendar's claims at a version.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    version: i64,
    pages: BTreeMap<i64, Arc<Page>>,
    busy: Cells,
    /// How many claims are holds.
    holds: usize,
}

/// The claims that touch one week, by start; one that spans weeks is on each of their pages.
#[derive(Clone, Debug, Default)]
struct Page(Vec<Arc<Claim>>);

fn page_of(minute: Minute) -> i64 {
    minute.0.div_euclid(PAGE_MINUTES)
}

/// The pages that a span touches.
fn pages_of(span: Span) -> std::ops::RangeInclusive<i64> {
    page_of(span.start())..=page_of(span.end().plus(-1))
}

fn is_hold(claim: &Claim) -> bool {
    matches!(claim.kind, ClaimKind::Hold { .. })
}

impl Timeline {
    /// The state at `version`.
    #[must_use]
    pub fn new(version: i64, claims: impl IntoIterator<Item = Claim>) -> Self {
        let mut timeline = Self {
            version,
            ..Self::default()
        };
        for claim in claims {
            timeline.put(claim);
        }
        timeline
    }

    #[must_use]
    pub fn version(&self) -> i64 {
        self.version
    }

    /// The state after an event of the next version. Putting an id that is there replaces it.
    #[must_use]
    pub fn after(&self, ops: &[Op]) -> Self {
        let mut next = Self {
            version: self.version + 1,
            ..self.clone()
        };
        for op in ops {
            match op {
                Op::Put(claim) => next.put(claim.clone()),
                Op::Del { id, span } => next.delete(*id, *span),
            }
        }
        next
    }

    fn put(&mut self, claim: Claim) {
        self.delete(claim.id, claim.span);
        let claim = Arc::new(claim);
        for number in pages_of(claim.span) {
            let page = Arc::make_mut(self.pages.entry(number).or_default());
            let place = page
                .0
                .partition_point(|other| other.span.start() <= claim.span.start());
            page.0.insert(place, Arc::clone(&claim));
        }
        self.busy.add(claim.span);
        self.holds += usize::from(is_hold(&claim));
    }

    fn delete(&mut self, id: ClaimId, span: Span) {
        let known = pages_of(span)
            .filter_map(|number| self.pages.get(&number))
            .find_map(|page| page.0.iter().find(|claim| claim.id == id));
        let Some(claim) = known.map(Arc::clone) else {
            return;
        };
        let span = claim.span;
        for number in pages_of(span) {
            let Some(page) = self.pages.get_mut(&number) else {
                continue;
            };
            let Some(place) = page.0.iter().position(|claim| claim.id == id) else {
                continue;
            };
            let page = Arc::make_mut(page);
            page.0.remove(place);
            if page.0.is_empty() {
                self.pages.remove(&number);
            }
        }
        self.busy.remove(span);
        // Facts may overlap anything, and a cell may be shared: what is left there stays taken.
        let around = Span::new(span.start().plus(-CELL), span.end().plus(CELL)).unwrap_or(span);
        let rest: Vec<Span> = self.overlapping(around).map(|claim| claim.span).collect();
        for span in rest {
            self.busy.add(span);
        }
        self.busy.drop_empty(span);
        self.holds -= usize::from(is_hold(&claim));
    }

    /// The timeline less those claims in `range` that are `gone`; `None` when none is.
    #[must_use]
    pub fn less(&self, range: Span, gone: impl Fn(&Claim) -> bool) -> Option<Self> {
        let gone: Vec<Op> = self
            .overlapping(range)
            .filter(|claim| gone(claim))
            .map(|claim| Op::Del {
                id: claim.id,
                span: claim.span,
            })
            .collect();
        (!gone.is_empty()).then(|| self.after(&gone))
    }

    /// The same less its holds, at no cost where there are none.
    #[must_use]
    pub fn less_holds(&self, range: Span) -> Option<Self> {
        (self.holds > 0)
            .then(|| self.less(range, is_hold))
            .flatten()
    }

    /// The cells that have a taken minute.
    #[must_use]
    pub fn busy(&self) -> &Cells {
        &self.busy
    }

    /// The claims that overlap `span`, by start.
    pub fn overlapping(&self, span: Span) -> impl Iterator<Item = &Arc<Claim>> {
        let first = page_of(span.start());
        self.pages
            .range(pages_of(span))
            .flat_map(move |(number, page)| {
                page.0
                    .iter()
                    .take_while(move |claim| claim.span.start() < span.end())
                    .filter(move |claim| {
                        // One on several pages is told on the first of them that is asked for.
                        claim.span.overlaps(span)
                            && *number == page_of(claim.span.start()).max(first)
                    })
            })
    }

    /// The claim of that id, which must be looked for where it is.
    #[must_use]
    pub fn find(&self, id: ClaimId, span: Span) -> Option<&Arc<Claim>> {
        self.pages
            .get(&page_of(span.start()))?
            .0
            .iter()
            .find(|claim| claim.id == id)
    }

    /// All claims, by start.
    pub fn claims(&self) -> impl Iterator<Item = &Arc<Claim>> {
        self.pages.iter().flat_map(|(number, page)| {
            page.0
                .iter()
                .filter(move |claim| page_of(claim.span.start()) == *number)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schema::ids::TenantId;
    use schema::models::claim::ClaimKind;
    use uuid::Uuid;

    use super::*;

    fn claim(id: u128, start: i64, minutes: i64) -> Claim {
        Claim {
            id: ClaimId(Uuid::from_u128(id)),
            tenant: TenantId(Uuid::nil()),
            span: Span::lasting(Minute(start), minutes).unwrap(),
            kind: ClaimKind::Block,
        }
    }

    #[test]
    fn a_claim_over_several_weeks_is_told_once() {
        let long = claim(1, PAGE_MINUTES - 5, 3 * PAGE_MINUTES);
        let timeline = Timeline::new(7, [long.clone()]);
        let everywhere = Span::new(Minute(0), Minute(9 * PAGE_MINUTES)).unwrap();
        assert_eq!(timeline.overlapping(everywhere).count(), 1);
        let middle = Span::lasting(Minute(2 * PAGE_MINUTES + 10), 5).unwrap();
        assert_eq!(timeline.overlapping(middle).count(), 1);
        assert_eq!(timeline.claims().count(), 1);
        let emptied = timeline.after(&[Op::Del {
            id: long.id,
            span: long.span,
        }]);
        assert_eq!(emptied.claims().count(), 0);
        assert_eq!(emptied.version(), 8);
        assert_eq!(timeline.claims().count(), 1, "the old version is as it was");
    }

    proptest! {
        /// Against a plain list, over any history of puts, replacements and deletes.
        #[test]
        fn agrees_with_a_list(
            steps in prop::collection::vec(
                (0u128..12, -30_000i64..30_000, 1i64..25_000, any::<bool>()), 1..60),
            from in -40_000i64..40_000,
            length in 1i64..30_000,
        ) {
            let mut list: Vec<Claim> = Vec::new();
            let mut timeline = Timeline::default();
            for (id, start, minutes, deletes) in steps {
                let known = list.iter().position(|c| c.id.0.as_u128() == id);
                let mut ops = Vec::new();
                if let Some(at) = known {
                    let old = list.remove(at);
                    ops.push(Op::Del { id: old.id, span: old.span });
                }
                if !deletes {
                    let new = claim(id, start, minutes);
                    list.push(new.clone());
                    ops.push(Op::Put(new));
                }
                timeline = timeline.after(&ops);
            }
            let span = Span::lasting(Minute(from), length).unwrap();
            let mut expected: Vec<ClaimId> =
                list.iter().filter(|c| c.span.overlaps(span)).map(|c| c.id).collect();
            let mut found: Vec<ClaimId> = timeline.overlapping(span).map(|c| c.id).collect();
            expected.sort();
            found.sort();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(timeline.claims().count(), list.len());
            let mut busy = Cells::default();
            for claim in &list {
                busy.add(claim.span);
            }
            prop_assert_eq!(timeline.busy(), &busy);
        }
    }
}
