//! What the simulation alone needs: time that passes where threads would race, and ways to break the
//! engine on purpose, so that it can show that it notices. The server has none of this in it.

use std::cell::{Cell, RefCell};
use std::time::Duration;

/// What is taken away, on this thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// Every other command asks its calendars in the opposite order.
    NoOrderedReservation,
    /// Nobody waits for what is reserved and not settled.
    NoTentativeWait,
}

/// Tells how long the next pause is.
pub type Pace = Box<dyn FnMut() -> Duration>;

thread_local! {
    static ON: Cell<Option<Mutation>> = const { Cell::new(None) };
    static ODD: Cell<bool> = const { Cell::new(false) };
    static PACE: RefCell<Option<Pace>> = const { RefCell::new(None) };
}

/// From now on, on this thread: what is broken, and how fast it goes.
pub fn set(mutation: Option<Mutation>, pace: Option<Pace>) {
    ON.set(mutation);
    ODD.set(false);
    PACE.set(pace);
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

/// Lets others go on.
pub(crate) async fn pause() {
    let pause = PACE.with_borrow_mut(|pace| pace.as_mut().map(|pace| pace()));
    if let Some(pause) = pause.filter(|pause| !pause.is_zero()) {
        tokio::time::sleep(pause).await;
    }
}
