//! All frames that clients send, on one page, each with the access rule that its session is held to.
//! A kind without a rule does not compile, nor does one that `frames.rs` does not read.

use crate::auth::access::{AccessRule, access_rule};

macro_rules! kinds {
    ($($(#[doc = $about:literal])+ $name:ident $wire:literal $rule:ident $(($argument:ident))?,)+) => {
        /// What a client's frame asks for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind { $($(#[doc = $about])+ $name),+ }

        impl Kind {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its `type` on the wire.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $wire),+ }
            }

            /// Who may send it.
            #[must_use]
            pub fn rule(self) -> AccessRule {
                match self { $(Self::$name => access_rule!($rule $(($argument))?)),+ }
            }

            /// The kind of that `type`.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                match name {
                    $($wire => Some(Self::$name),)+
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// Says who speaks; nothing else is heard before.
    Connect "connect" public,
    /// Brings a new token.
    Refresh "refresh" signed_in,
    /// Follows a calendar.
    Subscribe "subscribe" member,
    /// Follows it no longer.
    Unsubscribe "unsubscribe" public,
    /// Follows a practice's free slots.
    SubscribeSlots "subscribeSlots" public,
    /// Follows them no longer.
    UnsubscribeSlots "unsubscribeSlots" public,
    /// Says what somebody is doing on a calendar.
    Presence "presence" member,
    /// Asks for free slots.
    Availability "availability" public,
    /// Asks what is in the way of a visit.
    Explain "explain" public,
    /// Books a visit.
    Book "book" changes(CanManageAppointments),
    /// Moves one.
    Reschedule "reschedule" changes(CanManageAppointments),
    /// Makes one longer or shorter.
    Resize "resize" changes(CanManageAppointments),
    /// Cancels one.
    Cancel "cancel" changes(CanManageAppointments),
    /// Says where one is.
    SetStatus "setStatus" changes(CanManageAppointments),
    /// Changes what is noted of one.
    EditNotes "editNotes" changes(CanManageAppointments),
    /// Lets two change places.
    Swap "swap" changes(CanManageAppointments),
    /// Keeps time from being booked.
    Block "block" changes(CanManageSchedule),
    /// Changes a block.
    EditBlock "editBlock" changes(CanManageSchedule),
    /// Gives blocked time back.
    Unblock "unblock" changes(CanManageSchedule),
    /// Asks what a series would become.
    SeriesPreview "series.preview" changes(CanManageAppointments),
    /// Books a series.
    SeriesBook "series.book" changes(CanManageAppointments),
    /// Changes visits of a series.
    SeriesEdit "series.edit" changes(CanManageAppointments),
    /// Cancels visits of a series.
    SeriesCancel "series.cancel" changes(CanManageAppointments),
    /// Asks what would become of a day.
    ReplanPreview "replan.preview" changes(CanManageAppointments),
    /// Moves or cancels a day's visits.
    Replan "replan" changes(CanManageAppointments),
    /// Keeps time.
    Hold "hold" visitor(CanManageAppointments),
    /// Keeps it longer.
    Renew "renew" visitor(CanManageAppointments),
    /// Lets go of it.
    Release "release" visitor(CanManageAppointments),
    /// Makes it a visit.
    Confirm "confirm" visitor(CanManageAppointments),
}
