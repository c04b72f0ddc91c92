//! From a time pattern to the time that it takes on each calendar.

use std::collections::BTreeMap;

use schema::ids::CalendarId;
use schema::models::pattern::{Placed, Role, Segment};
use schema::span::{Minute, Span};

mod fault;

pub use fault::{Fault, SegmentFault, faults};

/// The longest visit, in minutes.
pub const LONGEST_VISIT: i64 = 24 * 60;

/// Whether the segments make sense for a visit of `duration` minutes; [`faults`] says why not.
#[must_use]
pub fn is_valid(segments: &[Segment], duration: i64) -> bool {
    faults(segments, duration).is_empty()
}

/// The pattern of a visit that is `to` minutes long instead of `from`: segments that end with the
/// visit still do. `None` when one of the segments would not fit any more.
#[must_use]
pub fn stretch(segments: &[Segment], from: i64, to: i64) -> Option<Vec<Segment>> {
    let stretched: Vec<Segment> = segments
        .iter()
        .map(|segment| Segment {
            to: if segment.to == from { to } else { segment.to },
            ..*segment
        })
        .collect();
    is_valid(&stretched, to).then_some(stretched)
}

/// The patient's part: the whole visit.
#[must_use]
pub fn patient(calendar_id: CalendarId, duration: i64) -> Placed {
    let segment = Segment {
        role: Role::Patient,
        from: 0,
        to: duration,
        buffer_before: 0,
        buffer_after: 0,
    };
    Placed {
        segment,
        calendar_id,
    }
}

/// The time that a visit starting at `start` takes on each calendar, buffers included. Parts of one
/// calendar that overlap or touch are one span: the database would refuse a calendar's overlap
/// even with itself.
#[must_use]
pub fn claims(pattern: &[Placed], start: Minute) -> BTreeMap<CalendarId, Vec<Span>> {
    let mut taken: BTreeMap<CalendarId, Vec<Span>> = BTreeMap::new();
    for Placed {
        segment,
        calendar_id,
    } in pattern
    {
        let from = start.plus(segment.from - segment.buffer_before);
        let to = start.plus(segment.to + segment.buffer_after);
        taken
            .entry(*calendar_id)
            .or_default()
            .extend(Span::new(from, to));
    }
    for spans in taken.values_mut() {
        spans.sort();
        let mut joined: Vec<Span> = Vec::with_capacity(spans.len());
        for span in spans.drain(..) {
            match joined.last_mut() {
                Some(last) if span.start() <= last.end() => {
                    let end = last.end().max(span.end());
                    *last = Span::new(last.start(), end).unwrap_or(*last);
                }
                _ => joined.push(span),
            }
        }
        *spans = joined;
    }
    taken
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn segment(role: Role, from: i64, to: i64, before: i64, after: i64) -> Segment {
        Segment {
            role,
            from,
            to,
            buffer_before: before,
            buffer_after: after,
        }
    }

    fn at(calendar: u128, segment: Segment) -> Placed {
        Placed {
            segment,
            calendar_id: CalendarId(Uuid::from_u128(calendar)),
        }
    }

    #[test]
    fn each_role_takes_its_part_with_its_buffers() {
        let pattern = [
            at(1, segment(Role::Operatory, 0, 60, 0, 10)),
            at(2, segment(Role::Assistant, 0, 10, 0, 0)),
            at(3, segment(Role::Dentist, 10, 40, 5, 0)),
        ];
        let taken = claims(&pattern, Minute(600));
        let spans: Vec<(i64, i64)> = taken
            .values()
            .flatten()
            .map(|span| (span.start().0 - 600, span.end().0 - 600))
            .collect();
        assert_eq!(spans, [(0, 70), (0, 10), (5, 40)]);
    }

    #[test]
    fn two_parts_of_one_person_are_two_claims_unless_they_meet() {
        let apart = [
            at(1, segment(Role::Dentist, 0, 10, 0, 0)),
            at(1, segment(Role::Dentist, 30, 40, 0, 0)),
        ];
        assert_eq!(claims(&apart, Minute(0)).values().flatten().count(), 2);
        let buffers_meet = [
            at(1, segment(Role::Dentist, 0, 10, 0, 10)),
            at(1, segment(Role::Dentist, 30, 40, 10, 0)),
        ];
        assert_eq!(
            claims(&buffers_meet, Minute(0)).values().flatten().count(),
            1
        );
    }

    #[test]
    fn a_pattern_has_a_lead_and_no_claim_longer_than_a_day() {
        let dentist = |before, after| [segment(Role::Dentist, 0, 60, before, after)];
        assert!(is_valid(&dentist(690, 690), 60));
        assert!(!is_valid(&dentist(690, 691), 60));
        assert!(!is_valid(&dentist(i64::MAX, 1), 60));
        assert!(!is_valid(&dentist(-1, 0), 60));
        assert!(!is_valid(&dentist(0, 0), 59), "it does not fit");
        assert!(
            !is_valid(&[segment(Role::Operatory, 0, 60, 0, 0)], 60),
            "nobody leads"
        );
    }

    #[test]
    fn another_duration_stretches_what_ends_with_the_visit() {
        let pattern = [
            segment(Role::Operatory, 0, 60, 0, 0),
            segment(Role::Dentist, 10, 40, 0, 0),
        ];
        let longer = stretch(&pattern, 60, 90).unwrap();
        assert_eq!((longer[0].to, longer[1].to), (90, 40));
        assert_eq!(
            stretch(&pattern, 60, 30),
            None,
            "the dentist's part does not fit"
        );
        assert_eq!(stretch(&pattern, 60, LONGEST_VISIT + 1), None);
    }
}
