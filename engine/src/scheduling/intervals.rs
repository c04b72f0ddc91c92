//! Sets of minutes as sorted spans: free time, opening hours, what is taken. Exact to the minute;
//! the 5-minute bitmaps of the search are derived from these and judge nothing.

use schema::span::{Minute, Span};
use serde::Serialize;

/// Disjoint spans in ascending order; spans that touch are one.
#[derive(Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct IntervalSet(Vec<Span>);

impl IntervalSet {
    /// No minutes.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many minutes are in it.
    #[must_use]
    pub fn minutes(&self) -> i64 {
        self.iter().map(Span::minutes).sum()
    }

    /// The spans, ascending.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Span> + DoubleEndedIterator + '_ {
        self.0.iter().copied()
    }

    /// The spans, ascending.
    #[must_use]
    pub fn as_slice(&self) -> &[Span] {
        &self.0
    }

    /// The spans that have a minute in common with `range`, whole (not cut to it), ascending.
    #[must_use]
    pub fn overlapping(&self, range: Span) -> &[Span] {
        let from = self.0.partition_point(|span| span.end() <= range.start());
        let to = self.0.partition_point(|span| span.start() < range.end());
        self.0.get(from..to).unwrap_or_default()
    }

    /// Whether every minute of `span` is in the set.
    #[must_use]
    pub fn contains(&self, span: Span) -> bool {
        // Touching spans are one, so a contained span lies in a single member.
        matches!(self.overlapping(span), [member] if member.contains(span))
    }

    /// Whether the set has a minute in common with `span`.
    #[must_use]
    pub fn overlaps(&self, span: Span) -> bool {
        !self.overlapping(span).is_empty()
    }

    /// Whether `minute` is in the set.
    #[must_use]
    pub fn contains_minute(&self, minute: Minute) -> bool {
        let next = self.0.partition_point(|span| span.end() <= minute);
        self.0.get(next).is_some_and(|span| span.start() <= minute)
    }

    /// The minutes in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).collect()
    }

    /// The minutes in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut both = Vec::new();
        let (mut a, mut b) = (self.iter().peekable(), other.iter().peekable());
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            both.extend(x.intersection(*y));
            // The one that ends first can meet nothing more.
            if x.end() <= y.end() {
                a.next()
            } else {
                b.next()
            };
        }
        Self(both)
    }

    /// The minutes of this set that are not in `other`.
    #[must_use]
    pub fn subtraction(&self, other: &Self) -> Self {
        let mut rest = Vec::new();
        for span in self.iter() {
            let mut from = span.start();
            for cut in other.overlapping(span) {
                rest.extend(Span::new(from, cut.start()));
                from = cut.end();
            }
            rest.extend(Span::new(from, span.end()));
        }
        Self(rest)
    }

    /// The minutes of `range` that are not in the set.
    #[must_use]
    pub fn gaps(&self, range: Span) -> Self {
        Self::from(range).subtraction(self)
    }

    /// The set's minutes within `range`.
    #[must_use]
    pub fn within(&self, range: Span) -> Self {
        Self(
            self.overlapping(range)
                .iter()
                .filter_map(|span| span.intersection(range))
                .collect(),
        )
    }
}

impl From<Span> for IntervalSet {
    fn from(span: Span) -> Self {
        Self(vec![span])
    }
}

impl FromIterator<Span> for IntervalSet {
    /// Spans in any order, overlapping or not.
    fn from_iter<I: IntoIterator<Item = Span>>(spans: I) -> Self {
        let mut spans: Vec<Span> = spans.into_iter().collect();
        spans.sort_unstable();
        let mut joined: Vec<Span> = Vec::with_capacity(spans.len());
        for span in spans {
            match joined.last_mut() {
                Some(last) if span.start() <= last.end() => {
                    if let Some(longer) = Span::new(last.start(), last.end().max(span.end())) {
                        *last = longer;
                    }
                }
                _ => joined.push(span),
            }
        }
        Self(joined)
    }
}

impl Extend<Span> for IntervalSet {
    fn extend<I: IntoIterator<Item = Span>>(&mut self, spans: I) {
        *self = std::mem::take(self).into_iter().chain(spans).collect();
    }
}

impl IntoIterator for IntervalSet {
    type Item = Span;
    type IntoIter = std::vec::IntoIter<Span>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a IntervalSet {
    type Item = Span;
    type IntoIter = std::iter::Copied<std::slice::Iter<'a, Span>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().copied()
    }
}

impl std::fmt::Debug for IntervalSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const SIZE: i64 = 60;

    fn spans() -> impl Strategy<Value = Vec<Span>> {
        let span = (0..SIZE, 1..12i64).prop_filter_map("fits", |(start, length)| {
            Span::lasting(Minute(start), length).filter(|span| span.end().0 <= SIZE)
        });
        proptest::collection::vec(span, 0..8)
    }

    fn naive(spans: &[Span]) -> BTreeSet<i64> {
        spans
            .iter()
            .flat_map(|span| span.start().0..span.end().0)
            .collect()
    }

    /// The invariant, then the same minutes.
    fn same(set: &IntervalSet, minutes: &BTreeSet<i64>) {
        assert!(
            set.as_slice()
                .windows(2)
                .all(|pair| pair[0].end() < pair[1].start()),
            "{set:?}"
        );
        assert_eq!(&naive(set.as_slice()), minutes);
        assert_eq!(set.minutes(), i64::try_from(minutes.len()).unwrap());
        assert_eq!(set.is_empty(), minutes.is_empty());
    }

    proptest! {
        #[test]
        fn behaves_as_a_set_of_minutes(a in spans(), b in spans(), probe in spans()) {
            let (na, nb) = (naive(&a), naive(&b));
            let (sa, sb): (IntervalSet, IntervalSet) =
                (a.iter().copied().collect(), b.iter().copied().collect());
            same(&sa, &na);
            same(&sa.union(&sb), &na.union(&nb).copied().collect());
            same(&sa.intersection(&sb), &na.intersection(&nb).copied().collect());
            same(&sa.subtraction(&sb), &na.difference(&nb).copied().collect());
            let mut extended = sa.clone();
            extended.extend(b);
            same(&extended, &na.union(&nb).copied().collect());
            for span in probe {
                let np = naive(&[span]);
                prop_assert_eq!(sa.contains(span), np.is_subset(&na));
                prop_assert_eq!(sa.overlaps(span), !np.is_disjoint(&na));
                same(&sa.within(span), &np.intersection(&na).copied().collect());
                same(&sa.gaps(span), &np.difference(&na).copied().collect());
            }
            for minute in -1..=SIZE {
                prop_assert_eq!(sa.contains_minute(Minute(minute)), na.contains(&minute));
            }
        }
    }
}
