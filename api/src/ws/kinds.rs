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
    /// Asks for free slots.
    Availability "availability" public,
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
}
