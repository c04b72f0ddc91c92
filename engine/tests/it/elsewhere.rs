//! What other processes commit, and what is committed while its caller has stopped waiting.

use std::time::Duration;

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use engine::Engine;
use engine::clock::Clock;
use engine::command::{Book, BusyTime, Cancel, Command, Done, Import, Target};
use engine::failure::{Failure, Refusal};
use engine::scheduling::rejection::Rejection;
use engine::settings::Settings;
use schema::ids::{CalendarId, ClaimId};
use schema::span::{DAY, Span};
use schema::test_db::practice::Size;

use super::session;
use super::support::{World, code, settings};

const SIZE: Size = Size {
    dentists: 2,
    operatories: 2,
    patients: 4,
};

/// One writer, so that a commit that hangs lets the next ones gather.
async fn engine(world: &World, commit_deadline: Duration) -> Engine {
    let settings = Settings {
        writers: 1,
        poll_every: Duration::from_millis(5),
        reserve_deadline: Duration::from_secs(60),
        commit_deadline,
        ..Settings::default()
    };
    Engine::start(&world.db.url, settings, Clock::system())
        .await
        .unwrap()
}

/// Holds a calendar's row: whoever commits on it waits.
async fn hold(world: &World, calendar: CalendarId) -> AsyncPgConnection {
    let mut connection = AsyncPgConnection::establish(&world.db.url).await.unwrap();
    let lock = format!("BEGIN; SELECT FROM calendars WHERE id = '{calendar}' FOR UPDATE");
    connection.batch_execute(&lock).await.unwrap();
    connection
}

async fn until(mut reached: impl AsyncFnMut() -> bool) {
    while !reached().await {
        tokio::task::yield_now().await;
    }
}

fn import(calendar: CalendarId, window: Span, busy: &[(ClaimId, Span)]) -> Command {
    let busy = busy.iter().map(|(id, span)| BusyTime {
        id: *id,
        span: *span,
        title: None,
    });
    Command::Import(Import {
        calendar,
        source: "test".into(),
        window,
        busy: busy.collect(),
        complete: true,
    })
}

#[actix_rt::test]
async fn what_another_process_imports_is_not_booked_over() {
    let world = World::new(SIZE).await;
    let here = engine(&world, Duration::from_secs(60)).await;
    let start = world.at(1, 9, 0);
    let (mine, other) = (world.practice.dentists[0].1, world.practice.dentists[1].1);

    let mut held = hold(&world, other).await;
    let hanging = tokio::task::spawn_local({
        let (here, command) = (
            here.clone(),
            Command::Book(world.book(0, 1, world.at(2, 9, 0))),
        );
        let request = world.request(command);
        async move { here.execute(request).await }
    });
    // Until the writer has it, the next one could join its batch.
    here.calendar(other).await.unwrap();
    somebody_waits(&world).await;
    let decided = tokio::task::spawn_local({
        let (here, request) = (
            here.clone(),
            world.request(Command::Book(world.book(1, 0, start))),
        );
        async move { here.execute(request).await }
    });
    until(async || here.waiting_to_commit() == 1).await;

    let span = Span::lasting(start, 60).unwrap();
    let busy = import(mine, span, &[(ClaimId::new(), span)]);
    world.engine.execute(world.request(busy)).await.unwrap();
    let cell = here.calendar(mine).await.unwrap();
    until(async || cell.version() == 1).await;

    held.batch_execute("ROLLBACK").await.unwrap();
    hanging.await.unwrap().unwrap();
    match decided.await.unwrap() {
        Err(Refusal::Rejected(Rejection::SlotTaken(conflict))) => assert_eq!(conflict.span, span),
        other => panic!("booked over an imported time: {other:?}"),
    }
    here.stop().await;
    world.assert_clean().await;
}

/// Ends once a session of the database waits for a lock. By one connection: one for each look would
/// leave none for the engine.
async fn somebody_waits(world: &World) {
    session::until(&mut world.owner().await, session::HELD_UP, 1).await;
}

#[actix_rt::test]
async fn a_key_that_is_asked_again_too_early_gets_its_own_answer() {
    let world = World::new(SIZE).await;
    let here = engine(&world, Duration::from_millis(50)).await;
    let mut request = world.request(Command::Book(world.book(0, 0, world.at(1, 9, 0))));
    request.key = Some("again".into());

    let mut held = hold(&world, world.practice.dentists[0].1).await;
    let unknown = here.execute(request.clone()).await;
    assert_eq!(
        unknown.unwrap_err(),
        Refusal::Failed(Failure::OutcomeUnknown)
    );
    let again = tokio::task::spawn_local({
        let here = here.clone();
        async move { here.execute(request).await }
    });
    // It waits for time that it has reserved itself.
    somebody_waits(&world).await;
    held.batch_execute("ROLLBACK").await.unwrap();
    let reply = again.await.unwrap().unwrap();
    assert!(reply.replay);
    here.stop().await;
    world.assert_clean().await;
}

/// An engine that hears of nothing: neither a bus nor, within this test, the poller tells it.
async fn deaf(world: &World) -> Engine {
    let settings = Settings {
        poll_every: Duration::from_secs(3600),
        reap_every: Duration::from_secs(3600),
        waitlist_every: Duration::from_secs(3600),
        ..settings()
    };
    let engine = Engine::start(&world.db.url, settings, Clock::system());
    let engine = engine.await.unwrap();
    let dentists = world.practice.dentists.iter().map(|(_, id)| *id);
    let chairs = world.practice.operatories.iter().map(|(_, id)| *id);
    for calendar in dentists.chain(chairs) {
        engine.calendar(calendar).await.unwrap();
    }
    engine
}

#[actix_rt::test]
async fn nobody_is_refused_for_a_visit_that_another_process_has_cancelled() {
    let world = World::new(SIZE).await;
    let here = deaf(&world).await;
    let start = world.at(1, 9, 0);
    // Once with the operatory of their own choice, where the calendar itself refuses, and once
    // where the plan finds none that is free.
    for operatory in [Some(world.practice.operatories[0].0), None] {
        let book = |patient, dentist| {
            let book = Book {
                operatory,
                ..world.book(patient, dentist, start)
            };
            world.request(Command::Book(book))
        };
        let mut visits = Vec::new();
        for (patient, dentist) in [(0, 0), (1, 1)] {
            if let Ok(reply) = world.engine.execute(book(patient, dentist)).await {
                visits.push(world.appointment(Ok(reply)));
            }
        }
        let refused = here.execute(book(2, 0)).await.unwrap_err();
        assert_eq!(code(refused), "slot_taken", "booked by the other process");
        for visit in visits {
            let cancel = Command::Cancel(Cancel {
                appointment: Target {
                    id: visit.id,
                    version: None,
                },
                reason: String::new(),
                code: None,
            });
            world.engine.execute(world.request(cancel)).await.unwrap();
        }
        let booked = here.execute(book(2, 0)).await;
        let visit = world.appointment(booked);
        let cancel = Command::Cancel(Cancel {
            appointment: Target {
                id: visit.id,
                version: None,
            },
            reason: String::new(),
            code: None,
        });
        here.execute(world.request(cancel)).await.unwrap();
    }
    here.stop().await;
    world.assert_clean().await;
}

#[actix_rt::test]
async fn nobody_is_refused_by_rules_that_another_process_has_changed() {
    let world = World::new(SIZE).await;
    let here = deaf(&world).await;
    let mut owner = AsyncPgConnection::establish(&world.db.url).await.unwrap();
    let tenant = world.practice.tenant;
    let mut set = async |active: bool| {
        let change = format!(
            "UPDATE treatments SET active = {active};
             UPDATE tenants SET rules_version = rules_version + 1 WHERE id = '{tenant}'"
        );
        owner.batch_execute(&change).await.unwrap();
    };
    let book = || world.request(Command::Book(world.book(0, 0, world.at(1, 9, 0))));
    set(false).await;
    here.rules_changed(tenant);
    let refused = here.execute(book()).await.unwrap_err();
    set(true).await;
    let booked = here.execute(book()).await;
    assert!(booked.is_ok(), "{booked:?} after {}", code(refused));
    here.stop().await;
    world.assert_clean().await;
}

#[actix_rt::test]
async fn a_key_used_by_another_process_while_this_one_decides_is_answered() {
    let world = World::new(SIZE).await;
    let here = deaf(&world).await;
    let mut request = world.request(Command::Book(world.book(0, 0, world.at(1, 9, 0))));
    request.key = Some("both".into());
    let (one, other) = futures_util::future::join(
        world.engine.execute(request.clone()),
        here.execute(request.clone()),
    )
    .await;
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!((&one.done, &one.positions), (&other.done, &other.positions));
    assert!(one.replay != other.replay);
    here.stop().await;
    world.assert_clean().await;
}

#[actix_rt::test]
async fn an_imported_time_may_move_into_the_window_and_out_of_it() {
    let world = World::new(SIZE).await;
    let calendar = world.practice.dentists[0].1;
    let at = |days: u64| Span::lasting(world.at(days, 9, 0), 60).unwrap();
    let near = Span::lasting(world.at(0, 0, 0), 5 * DAY).unwrap();
    let far = Span::lasting(world.at(0, 0, 0), 50 * DAY).unwrap();
    let id = ClaimId::new();
    for (window, busy, expected) in [
        (far, vec![(id, at(20))], (1, 0, 0)),
        (near, vec![(id, at(2))], (1, 1, 0)),
        (near, vec![(id, at(2))], (0, 0, 1)),
        (far, vec![], (0, 1, 0)),
    ] {
        let command = import(calendar, window, &busy);
        let reply = world.engine.execute(world.request(command)).await.unwrap();
        let Done::Imported {
            added,
            removed,
            unchanged,
        } = reply.done
        else {
            panic!()
        };
        assert_eq!((added, removed, unchanged), expected);
    }
    world.assert_clean().await;
}
