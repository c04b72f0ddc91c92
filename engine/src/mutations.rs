//! Ways to break the engine on purpose, so that the simulation can show that it notices. Only the
//! simulation builds with them: the server has none of this in it.

use std::cell::Cell;

/// What is taken away, on this thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// Every other command asks its calendars in the opposite order.
    NoOrderedReservation,
    /// Nobody waits for what is reserved and not settled.
    NoTentativeWait,
}

thread_local! {
    static ON: Cell<Option<Mutation>> = const { Cell::new(None) };
    static ODD: Cell<bool> = const { Cell::new(false) };
}

/// From now on, on this thread.
pub fn set(mutation: Option<Mutation>) {
    ON.set(mutation);
    ODD.set(false);
}

pub(crate) fn is_on(mutation: Mutation) -> bool {
    ON.get() == Some(mutation)
}

/// What is to be reserved, in the order in which it will be.
pub(crate) fn ordered<T>(all: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
    let mut all: Vec<T> = all.collect();
    if is_on(Mutation::NoOrderedReservation) && ODD.replace(!ODD.get()) {
        all.reverse();
    }
    all.into_iter()
}
