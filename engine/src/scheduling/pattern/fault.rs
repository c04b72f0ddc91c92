//! What is wrong with a time pattern, said so that whoever wrote it can mend it.

use schema::models::pattern::{Role, Segment};

use super::LONGEST_VISIT;

/// A reason why a visit cannot have this pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("a visit lasts from 1 to {LONGEST_VISIT} minutes")]
    Duration,
    #[error("a dentist or a hygienist must take part: somebody leads the visit")]
    NobodyLeads,
    /// Of the segment at `index`.
    #[error("{what}")]
    Segment { index: usize, what: SegmentFault },
}

/// What is wrong with one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SegmentFault {
    #[error("the patient is there for the whole visit and has no part of their own")]
    Patient,
    #[error("from must be 0 or later and before to")]
    Order,
    #[error("to is after the end of the visit")]
    PastTheEnd,
    #[error("a buffer has 0 to {LONGEST_VISIT} minutes")]
    Buffer,
    #[error("with its buffers it is longer than {LONGEST_VISIT} minutes")]
    TooLong,
}

/// Everything that is wrong with `segments` for a visit of `duration` minutes; empty: it is right.
#[must_use]
pub fn faults(segments: &[Segment], duration: i64) -> Vec<Fault> {
    let mut found = Vec::new();
    if !(1..=LONGEST_VISIT).contains(&duration) {
        found.push(Fault::Duration);
    }
    // Their calendar is what a change of the practice's rules locks.
    if !segments
        .iter()
        .any(|part| matches!(part.role, Role::Dentist | Role::Hygienist))
    {
        found.push(Fault::NobodyLeads);
    }
    let of_segments = segments.iter().enumerate().filter_map(|(index, segment)| {
        let what = fault_of(segment, duration)?;
        Some(Fault::Segment { index, what })
    });
    found.extend(of_segments);
    found
}

fn fault_of(segment: &Segment, duration: i64) -> Option<SegmentFault> {
    let buffers = 0..=LONGEST_VISIT;
    if segment.role == Role::Patient {
        return Some(SegmentFault::Patient);
    }
    if segment.from < 0 || segment.from >= segment.to {
        return Some(SegmentFault::Order);
    }
    if segment.to > duration {
        return Some(SegmentFault::PastTheEnd);
    }
    if !buffers.contains(&segment.buffer_before) || !buffers.contains(&segment.buffer_after) {
        return Some(SegmentFault::Buffer);
    }
    // With its buffers it is one claim, and no claim is longer than a day. The end is bounded by
    // the visit's, unless that is out of bounds itself.
    let length = segment.to.saturating_sub(segment.from);
    let whole = length.saturating_add(segment.buffer_before + segment.buffer_after);
    (whole > LONGEST_VISIT).then_some(SegmentFault::TooLong)
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn each_fault_is_named_with_its_segment() {
        let lead = segment(Role::Dentist, 0, 30, 0, 0);
        let second = |what| vec![Fault::Segment { index: 1, what }];
        for (other, duration, expected) in [
            (segment(Role::Operatory, 0, 60, 0, 10), 60, vec![]),
            (
                lead,
                0,
                vec![
                    Fault::Duration,
                    Fault::Segment {
                        index: 0,
                        what: SegmentFault::PastTheEnd,
                    },
                    Fault::Segment {
                        index: 1,
                        what: SegmentFault::PastTheEnd,
                    },
                ],
            ),
            (lead, LONGEST_VISIT + 1, vec![Fault::Duration]),
            (
                segment(Role::Patient, 0, 60, 0, 0),
                60,
                second(SegmentFault::Patient),
            ),
            (
                segment(Role::Assistant, -1, 10, 0, 0),
                60,
                second(SegmentFault::Order),
            ),
            (
                segment(Role::Assistant, 10, 10, 0, 0),
                60,
                second(SegmentFault::Order),
            ),
            (
                segment(Role::Assistant, i64::MIN, i64::MAX, 0, 0),
                60,
                second(SegmentFault::Order),
            ),
            (
                segment(Role::Assistant, 0, i64::MAX, 0, 0),
                60,
                second(SegmentFault::PastTheEnd),
            ),
            (
                segment(Role::Assistant, 0, 61, 0, 0),
                60,
                second(SegmentFault::PastTheEnd),
            ),
            (
                segment(Role::Equipment, 0, 60, -1, 0),
                60,
                second(SegmentFault::Buffer),
            ),
            (
                segment(Role::Equipment, 0, 60, 0, i64::MAX),
                60,
                second(SegmentFault::Buffer),
            ),
            (
                segment(Role::Equipment, 0, 60, 690, 691),
                60,
                second(SegmentFault::TooLong),
            ),
        ] {
            assert_eq!(faults(&[lead, other], duration), expected, "{other:?}");
        }
        let chair = segment(Role::Operatory, 0, 60, 0, 0);
        assert_eq!(faults(&[chair], 60), [Fault::NobodyLeads]);
        assert_eq!(faults(&[], 60), [Fault::NobodyLeads]);
    }
}
