//! A visit that goes on past its end takes the time it takes, up to what is taken next.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use engine::Engine;
use engine::clock::Clock;
use engine::command::block::NewBlock;
use engine::command::{Book, Command, Repeats, SetStatus, Target};
use schema::models::appointment::{Appointment, Status};
use schema::models::block::BlockKind;
use schema::span::{Minute, Span};
use schema::test_db::practice::Size;

use super::support::{World, code, settings};

const SIZE: Size = Size {
    dentists: 2,
    operatories: 2,
    patients: 4,
};

/// A world whose clock goes when it is told to.
struct Later {
    world: World,
    by: Arc<AtomicI64>,
}

impl Later {
    async fn new() -> Self {
        let mut world = World::new(SIZE).await;
        let by = Arc::new(AtomicI64::new(0));
        world.engine.stop().await;
        world.engine = Self::engine(&world.db.url, &by).await;
        Self { world, by }
    }

    async fn engine(url: &str, by: &Arc<AtomicI64>) -> Engine {
        let by = Arc::clone(by);
        let read =
            move || -> DateTime<Utc> { Utc::now() + TimeDelta::minutes(by.load(Ordering::SeqCst)) };
        Engine::start(url, settings(), Clock::of(read))
            .await
            .unwrap()
    }

    /// Sets the clock to some seconds after that minute.
    fn be(&self, at: Minute) {
        let ahead = (at.to_utc() - Utc::now()).num_seconds().div_euclid(60) + 1;
        self.by.store(ahead, Ordering::SeqCst);
    }

    async fn book(&self, patient: usize, dentist: usize, start: Minute) -> Appointment {
        let chair = self.world.practice.operatories[0].0;
        let book = Book {
            operatory: Some(chair),
            ..self.world.book(patient, dentist, start)
        };
        let request = self.world.request(Command::Book(book));
        self.world
            .appointment(self.world.engine.execute(request).await)
    }

    async fn seat(&self, visit: &Appointment) {
        let command = Command::SetStatus(SetStatus {
            appointment: Target {
                id: visit.id,
                version: None,
            },
            status: Status::InChair,
            overrides: Default::default(),
        });
        let request = self.world.request(command);
        self.world.engine.execute(request).await.unwrap();
    }

    /// The end of what the visit takes on a calendar.
    async fn until(&self, calendar: schema::ids::CalendarId, visit: &Appointment) -> Minute {
        let cell = self.world.engine.calendar(calendar).await.unwrap();
        let timeline = cell.timeline();
        let own = timeline.claims().find(|claim| claim.belongs_to(visit.id));
        own.unwrap().span.end()
    }
}

#[actix_rt::test]
async fn it_grows_step_by_step_as_far_as_each_resource_is_free() {
    let later = Later::new().await;
    let world = &later.world;
    let nine = world.at(1, 9, 0);
    let visit = later.book(0, 0, nine).await;
    // The dentist is wanted elsewhere from 09:40 on; the chair is free until 10:00.
    let other = Book {
        operatory: Some(world.practice.operatories[1].0),
        ..world.book(1, 0, nine.plus(40))
    };
    let request = world.request(Command::Book(other));
    world.engine.execute(request).await.unwrap();
    later.book(2, 1, nine.plus(60)).await;
    let (dentist, chair) = (
        world.practice.dentists[0].1,
        world.practice.operatories[0].1,
    );
    let patient = world.practice.patients[0].1;

    later.be(nine.plus(32));
    assert_eq!(
        world.engine.extend_overruns().await.unwrap(),
        0,
        "not in the chair"
    );
    later.seat(&visit).await;
    later.be(nine.plus(28));
    assert_eq!(
        world.engine.extend_overruns().await.unwrap(),
        0,
        "not over yet"
    );
    later.be(nine.plus(32));
    assert_eq!(world.engine.extend_overruns().await.unwrap(), 1);
    assert_eq!(
        world.engine.extend_overruns().await.unwrap(),
        0,
        "nothing to add now"
    );
    for calendar in [dentist, chair, patient] {
        assert_eq!(later.until(calendar, &visit).await, nine.plus(35));
    }
    later.be(nine.plus(47));
    assert_eq!(world.engine.extend_overruns().await.unwrap(), 1);
    assert_eq!(later.until(dentist, &visit).await, nine.plus(40));
    assert_eq!(later.until(chair, &visit).await, nine.plus(50));
    // What is true is what can be booked.
    let taken = Book {
        operatory: Some(world.practice.operatories[0].0),
        duration: Some(10),
        ..world.book(3, 1, nine.plus(45))
    };
    let request = world.request(Command::Book(taken.clone()));
    let refused = world.engine.execute(request).await.map_err(code);
    assert_eq!(refused.unwrap_err(), "slot_taken");
    let free = Book {
        start: nine.plus(50),
        ..taken
    };
    world
        .engine
        .execute(world.request(Command::Book(free)))
        .await
        .unwrap();
    later.be(nine.plus(75));
    // The chair is taken at 09:50, the patient is still here.
    assert_eq!(world.engine.extend_overruns().await.unwrap(), 1);
    assert_eq!(later.until(chair, &visit).await, nine.plus(50));
    assert_eq!(later.until(patient, &visit).await, nine.plus(80));
    later.world.assert_clean().await;
}

#[actix_rt::test]
async fn a_block_stops_it_too_and_two_nodes_do_not_fight() {
    let later = Later::new().await;
    let world = &later.world;
    let nine = world.at(1, 9, 0);
    let visit = later.book(0, 0, nine).await;
    later.seat(&visit).await;
    let block = NewBlock {
        calendar: world.practice.dentists[0].1,
        kind: BlockKind::Meeting,
        title: None,
        span: Span::lasting(nine.plus(45), 30).unwrap(),
        repeats: Repeats::default(),
        allow_clashes: false,
        overrides: Default::default(),
    };
    world
        .engine
        .execute(world.request(Command::Block(block)))
        .await
        .unwrap();
    let other = Later::engine(&world.db.url, &later.by).await;
    for minute in [31, 36, 44, 52] {
        later.be(nine.plus(minute));
        let both = futures_util::join!(world.engine.extend_overruns(), other.extend_overruns());
        let grown = both.0.unwrap() + both.1.unwrap();
        assert_eq!(grown, 1, "at {minute}: one node, once");
    }
    assert_eq!(
        later.until(world.practice.dentists[0].1, &visit).await,
        nine.plus(45)
    );
    // Four events since the booking and the seating, whichever node made them.
    let chair = world
        .engine
        .calendar(world.practice.operatories[0].1)
        .await
        .unwrap();
    let events = world.engine.events_after(chair.id, 0, 100).await.unwrap();
    assert_eq!(events.len(), 6);
    other.stop().await;
    later.world.assert_clean().await;
}
