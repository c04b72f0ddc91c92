//! The engine against a real Postgres: one winner, nothing lost, nobody refused for nothing.

use super::support::{World, code};
use engine::command::{Command, Target};
use engine::failure::Refusal;
use engine::scheduling::rejection::Rejection;
use futures_util::future::join_all;
use schema::models::appointment::Status;
use schema::test_db::practice::{Practice, Size};

const SIZE: Size = Size {
    dentists: 2,
    operatories: 2,
    patients: 60,
};

#[actix_rt::test]
async fn fifty_want_one_time_and_one_gets_it() {
    let world = World::new(SIZE).await;
    for round in 0..5 {
        let start = world.at(1 + round, 9, 0);
        let asks = (0..50).map(|patient| {
            // Starts that overlap without being equal, and two lengths.
            let late = [0, 10, 15, 20][patient % 4];
            let treatment = [world.practice.short, world.practice.long][patient % 2];
            world
                .engine
                .execute(world.request(Command::Book(engine::command::Book {
                    operatory: Some(world.practice.operatories[0].0),
                    treatment,
                    ..world.book(patient, 0, start.plus(late))
                })))
        });
        let answers = join_all(asks).await;
        let won = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(won, 1, "round {round}");
        for refusal in answers.into_iter().filter_map(Result::err) {
            assert_eq!(code(refusal), "slot_taken");
        }
    }
    world.assert_clean().await;
}

#[actix_rt::test]
async fn two_dentists_one_operatory_and_one_patient_at_two_dentists() {
    let world = World::new(SIZE).await;
    let start = world.at(1, 9, 0);
    let one_chair = (0..20).map(|n| {
        world
            .engine
            .execute(world.request(Command::Book(engine::command::Book {
                operatory: Some(world.practice.operatories[0].0),
                ..world.book(n, n % 2, start)
            })))
    });
    assert_eq!(
        join_all(one_chair)
            .await
            .iter()
            .filter(|a| a.is_ok())
            .count(),
        1
    );

    let later = world.at(2, 9, 0);
    let one_patient = (0..20).map(|n| {
        world
            .engine
            .execute(world.request(Command::Book(engine::command::Book {
                operatory: Some(world.practice.operatories[n % 2].0),
                ..world.book(0, n % 2, later)
            })))
    });
    let answers = join_all(one_patient).await;
    assert_eq!(answers.iter().filter(|a| a.is_ok()).count(), 1);
    let codes: Vec<_> = answers
        .into_iter()
        .filter_map(Result::err)
        .map(code)
        .collect();
    assert!(
        codes
            .iter()
            .all(|code| ["patient_busy", "slot_taken"].contains(code)),
        "{codes:?}"
    );
    world.assert_clean().await;
}

#[actix_rt::test]
async fn any_operatory_finds_the_free_one() {
    let world = World::new(SIZE).await;
    let start = world.at(1, 9, 0);
    let (first, second) = futures_util::future::join(
        world
            .engine
            .execute(world.request(Command::Book(world.book(0, 0, start)))),
        world
            .engine
            .execute(world.request(Command::Book(world.book(1, 1, start)))),
    )
    .await;
    let chairs = [
        world.appointment(first).operatory,
        world.appointment(second).operatory,
    ];
    assert_ne!(chairs[0], chairs[1]);
    let third = world
        .engine
        .execute(world.request(Command::Book(world.book(2, 0, start))))
        .await;
    assert_eq!(third.map_err(code).unwrap_err(), "slot_taken");
    world.assert_clean().await;
}

#[actix_rt::test]
async fn a_move_onto_its_own_time_then_cancel_gives_the_time_back() {
    let world = World::new(SIZE).await;
    let start = world.at(1, 9, 0);
    let booked = world.book_now(0, 0, start).await;
    let moved = world
        .engine
        .execute(
            world.request(Command::Reschedule(engine::command::Reschedule {
                appointment: Target {
                    id: booked.id,
                    version: Some(1),
                },
                start: start.plus(15),
                provider: None,
                operatory: None,
                overrides: Default::default(),
            })),
        )
        .await;
    let moved = world.appointment(moved);
    assert_eq!((moved.version, moved.span.start()), (2, start.plus(15)));
    assert_eq!(moved.operatory, booked.operatory, "stays in its chair");

    let stale = world
        .engine
        .execute(world.request(Command::Cancel(engine::command::Cancel {
            appointment: Target {
                id: booked.id,
                version: Some(1),
            },
            reason: String::new(),
            code: None,
        })))
        .await;
    assert_eq!(
        stale.unwrap_err(),
        Refusal::Rejected(Rejection::Stale { seen: 1 })
    );

    let cancelled = world
        .engine
        .execute(world.request(Command::Cancel(engine::command::Cancel {
            appointment: Target {
                id: booked.id,
                version: Some(2),
            },
            reason: "flu".into(),
            code: None,
        })))
        .await;
    assert_eq!(world.appointment(cancelled).status, Status::Cancelled);
    world.book_now(1, 0, start.plus(15)).await;
    world.assert_clean().await;
}

#[actix_rt::test]
async fn a_key_takes_effect_once() {
    let world = World::new(SIZE).await;
    let start = world.at(1, 9, 0);
    let mut request = world.request(Command::Book(world.book(0, 0, start)));
    request.key = Some("once".into());
    let answers = join_all((0..10).map(|_| world.engine.execute(request.clone()))).await;
    let replies: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(replies.iter().filter(|reply| !reply.replay).count(), 1);
    assert!(replies.iter().all(|reply| reply.done == replies[0].done));
    assert!(
        replies
            .iter()
            .all(|reply| reply.positions == replies[0].positions)
    );

    let mut other = world.request(Command::Book(world.book(1, 0, start.plus(120))));
    other.key = Some("once".into());
    let refused = world.engine.execute(other).await;
    assert_eq!(code(refused.unwrap_err()), "idempotency_mismatch");
    world.assert_clean().await;
}

#[actix_rt::test]
async fn two_engines_on_one_database_never_overbook() {
    let world = World::new(SIZE).await;
    let other = world.another_engine().await;
    for round in 0..5 {
        let start = world.at(1 + round, 9, 0);
        let asks = (0..40).map(|n| {
            let engine = if n % 2 == 0 { &world.engine } else { &other };
            engine.execute(world.request(Command::Book(world.book(n, 0, start))))
        });
        let won = join_all(asks)
            .await
            .iter()
            .filter(|answer| answer.is_ok())
            .count();
        assert_eq!(won, 1, "round {round}");
    }
    other.stop().await;
    world.assert_clean().await;
}

#[actix_rt::test]
async fn a_dead_actor_is_replaced() {
    let world = World::new(SIZE).await;
    let start = world.at(1, 9, 0);
    world.book_now(0, 0, start).await;
    for calendar in [
        world.practice.dentists[0].1,
        world.practice.operatories[0].1,
    ] {
        world.engine.break_actor(calendar);
    }
    let again = world
        .engine
        .execute(world.request(Command::Book(world.book(1, 0, start))))
        .await;
    assert_eq!(code(again.unwrap_err()), "slot_taken");
    world.book_now(1, 0, start.plus(60)).await;
    world.assert_clean().await;
}

#[actix_rt::test]
async fn another_tenants_appointment_is_not_there() {
    let world = World::new(SIZE).await;
    let neighbour = Practice::seed_sharing(&world.db, &world.practice, 1).await;
    let booked = world.book_now(0, 0, world.at(1, 9, 0)).await;
    let mut request = world.request(Command::Cancel(engine::command::Cancel {
        appointment: Target {
            id: booked.id,
            version: None,
        },
        reason: String::new(),
        code: None,
    }));
    request.tenant = neighbour.tenant;
    assert_eq!(
        code(world.engine.execute(request).await.unwrap_err()),
        "not_found"
    );
    world.assert_clean().await;
}
