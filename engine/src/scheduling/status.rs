//! How a visit's status may change.

use schema::models::appointment::Status;

/// Whether staff may set `to` on a visit that is `from`. Undoing `cancelled` or `no_show` needs the
/// time again and is a booking, not a change of status.
#[must_use]
pub fn may_become(from: Status, to: Status) -> bool {
    use Status::{Arrived, Cancelled, Completed, Confirmed, InChair, NoShow, Scheduled};
    match from {
        Scheduled => matches!(
            to,
            Confirmed | Arrived | InChair | Completed | Cancelled | NoShow
        ),
        Confirmed => matches!(
            to,
            Scheduled | Arrived | InChair | Completed | Cancelled | NoShow
        ),
        Arrived => matches!(
            to,
            Scheduled | Confirmed | InChair | Completed | Cancelled | NoShow
        ),
        InChair => matches!(to, Arrived | Completed),
        Completed => matches!(to, InChair),
        Cancelled | NoShow => false,
    }
}

/// Whether a visit in this status may get another time.
#[must_use]
pub fn may_move(status: Status) -> bool {
    matches!(
        status,
        Status::Scheduled | Status::Confirmed | Status::Arrived
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_becomes_what_it_is_and_freed_time_is_not_taken_back() {
        for from in Status::ALL {
            assert!(!may_become(from, from), "{from:?}");
            for to in Status::ALL {
                if !from.takes_time() {
                    assert!(
                        !may_become(from, to),
                        "{from:?} to {to:?} would take time unasked"
                    );
                }
            }
        }
        assert!(may_become(Status::InChair, Status::Completed));
        assert!(!may_become(Status::InChair, Status::Cancelled));
    }
}
