//! The actors that serialise each calendar's bookings: thin shells around
//! [`Reservations`]. A handler never waits for anything.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message};
use schema::ids::{CalendarId, TxId};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::directory::Cell;
use crate::registry::{Place, Registry};
use crate::scheduling::reservation::{Answer, Ask, Reservations};

/// Asks a calendar for time. The answer may come later; a dropped answer means that the actor is
/// gone.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Reserve {
    pub cell: Arc<Cell>,
    pub ask: Ask,
    pub answer: oneshot::Sender<Answer>,
    /// Given back as soon as the actor has the message.
    pub place: Place,
}

/// The change is over, in whatever way: answers those who waited for it.
#[derive(Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct Settle {
    pub calendar: CalendarId,
    pub change: TxId,
}

/// Asks how many changes are unsettled or wait, for tests of what is left behind.
#[derive(Message)]
#[rtype(result = "usize")]
pub(crate) struct Unsettled;

/// Breaks the actor, for tests of what happens then.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Break;

type Waiter = oneshot::Sender<Answer>;

/// One calendar at an actor.
struct Desk {
    cell: Arc<Cell>,
    reservations: Reservations<Waiter>,
}

impl Desk {
    fn new(cell: Arc<Cell>) -> Self {
        Self {
            cell,
            reservations: Reservations::default(),
        }
    }

    fn reserve(&mut self, ask: Ask, waiter: Waiter) {
        let settled = self.cell.timeline();
        if let Some((waiter, answer)) = self.reservations.ask(&settled, ask, waiter) {
            tell(waiter, answer);
        }
    }

    fn settle(&mut self, change: TxId) {
        let settled = self.cell.timeline();
        for (waiter, answer) in self.reservations.settle(&settled, change) {
            tell(waiter, answer);
        }
    }
}

/// An asker who has given up takes back what was reserved by [`Settle`], so an answer that nobody
/// hears needs nothing here.
fn tell(waiter: Waiter, answer: Answer) {
    let _ = waiter.send(answer);
}

/// The actor of one dentist's, operatory's, staff member's or equipment's calendar.
pub(crate) struct CalendarActor {
    desk: Desk,
    registry: Arc<Registry>,
    idle_after: Duration,
    last_used: Instant,
}

impl CalendarActor {
    pub(crate) fn new(cell: Arc<Cell>, registry: Arc<Registry>, idle_after: Duration) -> Self {
        Self {
            desk: Desk::new(cell),
            registry,
            idle_after,
            last_used: Instant::now(),
        }
    }
}

impl Actor for CalendarActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(self.registry.mailbox_max());
        context.run_interval(self.idle_after, |actor, context| {
            let idle = actor.desk.reservations.is_idle();
            if idle && actor.last_used.elapsed() >= actor.idle_after {
                // What is in the mailbox now is dropped with the actor, and asked again.
                actor
                    .registry
                    .retire(actor.desk.cell.id, &context.address());
                actix::ActorContext::stop(context);
            }
        });
    }
}

impl Handler<Reserve> for CalendarActor {
    type Result = ();

    fn handle(&mut self, message: Reserve, _: &mut Self::Context) {
        self.last_used = Instant::now();
        drop(message.place);
        self.desk.reserve(message.ask, message.answer);
    }
}

impl Handler<Settle> for CalendarActor {
    type Result = ();

    fn handle(&mut self, message: Settle, _: &mut Self::Context) {
        self.desk.settle(message.change);
    }
}

impl Handler<Unsettled> for CalendarActor {
    type Result = usize;

    fn handle(&mut self, _: Unsettled, _: &mut Self::Context) -> usize {
        self.desk.reservations.count()
    }
}

impl Handler<Break> for CalendarActor {
    type Result = ();

    #[allow(clippy::panic)] // Only tests send it: an actor that panics must be replaced.
    fn handle(&mut self, _: Break, _: &mut Self::Context) {
        panic!("broken on purpose");
    }
}

/// The actor of many patients' calendars: each is used rarely and by few.
pub(crate) struct PatientShard {
    desks: HashMap<CalendarId, Desk>,
    mailbox_max: usize,
}

impl PatientShard {
    pub(crate) fn new(mailbox_max: usize) -> Self {
        Self {
            desks: HashMap::new(),
            mailbox_max,
        }
    }
}

impl Actor for PatientShard {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(self.mailbox_max);
    }
}

impl Handler<Reserve> for PatientShard {
    type Result = ();

    fn handle(&mut self, message: Reserve, _: &mut Self::Context) {
        let desk = self
            .desks
            .entry(message.cell.id)
            .or_insert_with(|| Desk::new(message.cell));
        drop(message.place);
        desk.reserve(message.ask, message.answer);
    }
}

impl Handler<Settle> for PatientShard {
    type Result = ();

    fn handle(&mut self, message: Settle, _: &mut Self::Context) {
        if let Some(desk) = self.desks.get_mut(&message.calendar) {
            desk.settle(message.change);
            if desk.reservations.is_idle() {
                self.desks.remove(&message.calendar);
            }
        }
    }
}

impl Handler<Unsettled> for PatientShard {
    type Result = usize;

    fn handle(&mut self, _: Unsettled, _: &mut Self::Context) -> usize {
        let desks = self.desks.values();
        desks.map(|desk| desk.reservations.count()).sum()
    }
}

impl Handler<Break> for PatientShard {
    type Result = ();

    #[allow(clippy::panic)] // As above.
    fn handle(&mut self, _: Break, _: &mut Self::Context) {
        panic!("broken on purpose");
    }
}
