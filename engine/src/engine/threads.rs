//! The threads that an engine runs on.

use actix::{Arbiter, ArbiterHandle};

pub(super) struct Threads {
    /// Of commands and calendars' actors.
    pub actors: Vec<ArbiterHandle>,
    /// One of the actors': of what nobody waits for.
    pub background: ArbiterHandle,
    /// Of nothing but the writers. The database waits for them between two statements, with
    /// calendars locked, and would wait for whatever command is being planned too.
    pub writers: ArbiterHandle,
    /// Those that end with the engine.
    pub own: Vec<Arbiter>,
}

impl Threads {
    /// Starts some for actors, and the writers'.
    pub fn start(actors: usize) -> Self {
        let first = Arbiter::new();
        let background = first.handle();
        let mut own = vec![first];
        own.extend((1..actors).map(|_| Arbiter::new()));
        let actors = own.iter().map(Arbiter::handle).collect();
        let apart = Arbiter::new();
        let writers = apart.handle();
        own.push(apart);
        Self {
            actors,
            background,
            writers,
            own,
        }
    }

    /// Threads that run already and go on; `None` when there is none.
    pub fn shared(actors: Vec<ArbiterHandle>) -> Option<Self> {
        let first = actors.first().cloned()?;
        Some(Self {
            background: first.clone(),
            writers: first,
            actors,
            own: Vec::new(),
        })
    }
}
