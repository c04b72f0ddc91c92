//! How a visit's status may change, and who may change it: the one table.

use schema::models::appointment::Status;

use super::placement::Asker;

/// Who may make a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// Members who manage appointments.
    Staff,
    /// They, and the patient whose visit it is.
    Patient,
}

use Status::{Arrived, Cancelled, Completed, Confirmed, InChair, NoShow, Scheduled};
use Who::{Patient, Staff};

/// From, to, and who. Steps may be skipped, as a busy front desk does, and taken back. Only
/// `cancelled` and `no_show` give time back; leaving them books it again, which the calendars may
/// refuse.
const TABLE: &[(Status, &[(Status, Who)])] = &[
    (
        Scheduled,
        &[
            (Confirmed, Patient),
            (Arrived, Staff),
            (InChair, Staff),
            (Completed, Staff),
            (Cancelled, Patient),
            (NoShow, Staff),
        ],
    ),
    (
        Confirmed,
        &[
            (Scheduled, Staff),
            (Arrived, Staff),
            (InChair, Staff),
            (Completed, Staff),
            (Cancelled, Patient),
            (NoShow, Staff),
        ],
    ),
    (
        Arrived,
        &[
            (Scheduled, Staff),
            (Confirmed, Staff),
            (InChair, Staff),
            (Completed, Staff),
            (Cancelled, Staff),
            (NoShow, Staff),
        ],
    ),
    (InChair, &[(Arrived, Staff), (Completed, Staff)]),
    (Completed, &[(InChair, Staff)]),
    (Cancelled, &[(Scheduled, Staff), (Confirmed, Staff)]),
    (
        NoShow,
        &[(Scheduled, Staff), (Confirmed, Staff), (Arrived, Staff)],
    ),
];

/// Whether the asker may set `to` on a visit that is `from`.
#[must_use]
pub fn may_become(from: Status, to: Status, asker: Asker) -> bool {
    let row = TABLE.iter().find(|(status, _)| *status == from);
    row.is_some_and(|(_, next)| {
        next.iter()
            .any(|(status, who)| *status == to && (asker == Asker::Staff || *who == Who::Patient))
    })
}

/// Whether the change needs the time again, which was given back: it is a booking.
#[must_use]
pub fn takes_time_anew(from: Status, to: Status) -> bool {
    !from.takes_time() && to.takes_time()
}

/// Whether the asker may give another time to a visit in this status.
#[must_use]
pub fn may_move(status: Status, asker: Asker) -> bool {
    match asker {
        Asker::Staff => matches!(status, Scheduled | Confirmed | Arrived),
        Asker::Public => matches!(status, Scheduled | Confirmed),
    }
}

/// Whether the patient has yet to come.
#[must_use]
pub fn is_ahead(status: Status) -> bool {
    matches!(status, Scheduled | Confirmed)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn who_may_do_what() {
        let mut table = String::new();
        for from in Status::ALL {
            let to = |asker| {
                let next = Status::ALL.into_iter();
                let next = next.filter(|to| may_become(from, *to, asker));
                next.map(Status::name).collect::<Vec<_>>().join(" ")
            };
            table += &format!(
                "{}: staff {}; patient {}\n",
                from.name(),
                to(Asker::Staff),
                to(Asker::Public)
            );
        }
        expect![[r#"
            scheduled: staff confirmed arrived in_chair completed cancelled no_show; patient confirmed cancelled
            confirmed: staff scheduled arrived in_chair completed cancelled no_show; patient cancelled
            arrived: staff scheduled confirmed in_chair completed cancelled no_show; patient 
            in_chair: staff arrived completed; patient 
            completed: staff in_chair; patient 
            cancelled: staff scheduled confirmed; patient 
            no_show: staff scheduled confirmed arrived; patient 
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn nothing_becomes_what_it_is_and_patients_may_nothing_that_staff_may_not() {
        for from in Status::ALL {
            assert!(!may_become(from, from, Asker::Staff), "{from:?}");
            for to in Status::ALL {
                let patient = may_become(from, to, Asker::Public);
                assert!(!patient || may_become(from, to, Asker::Staff));
                assert!(!patient || !takes_time_anew(from, to), "{from:?} to {to:?}");
            }
            let patient = may_move(from, Asker::Public);
            assert!(!patient || may_move(from, Asker::Staff));
        }
    }
}
