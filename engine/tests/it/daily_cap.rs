//! At most so many visits of a treatment for a provider on a local day, whoever books at once.

use std::collections::BTreeSet;

use engine::command::{Book, Command, Reschedule, Target};
use engine::scheduling::rejection::Override;
use futures_util::future::join_all;
use schema::test_db::practice::Size;

use super::session::run;
use super::support::{World, code};

const SIZE: Size = Size {
    dentists: 2,
    operatories: 4,
    patients: 30,
};

/// A practice in which each dentist takes three short visits a day.
async fn world() -> World {
    let world = World::new(SIZE).await;
    let mut owner = world.owner().await;
    let short = world.practice.short;
    run(
        &mut owner,
        // The engine may have read the rules already: it finds out by their version.
        &format!(
            "UPDATE treatments SET daily_cap = 3 WHERE id = '{short}';
             UPDATE tenants SET rules_version = rules_version + 1"
        ),
    )
    .await;
    world
}

#[actix_rt::test]
async fn bookings_at_once_leave_no_day_over_its_cap() {
    let world = world().await;
    world.load_everything().await;
    let elsewhere = world.another_engine().await;
    // Sixteen times that do not overlap, by two processes.
    let asks = (0..16).map(|n| {
        let start = world.at(1, 9, 0).plus(40 * n as i64);
        let request = world.request(Command::Book(world.book(n, 0, start)));
        let engine = [&world.engine, &elsewhere][n % 2];
        engine.execute(request)
    });
    let answers = join_all(asks).await;
    let booked = answers.iter().filter(|answer| answer.is_ok()).count();
    let codes: Vec<_> = answers
        .into_iter()
        .filter_map(Result::err)
        .map(code)
        .collect();
    // Two processes that keep overtaking each other may give up, but never book one too many.
    assert!(booked <= 3, "{booked} booked, {codes:?}");
    for n in 16..19 {
        let start = world.at(1, 9, 0).plus(40 * (n as i64 - 16));
        let command = Command::Book(world.book(n, 0, start));
        let _ = world.engine.execute(world.request(command)).await;
    }
    let full = Command::Book(world.book(20, 0, world.at(1, 19, 30)));
    let refusal = world.engine.execute(world.request(full)).await.unwrap_err();
    assert_eq!(code(refusal), "daily_cap");
    // Another dentist, another day and another treatment are not counted with them.
    world.book_now(21, 1, world.at(1, 19, 30)).await;
    world.book_now(22, 0, world.at(2, 9, 0)).await;
    let long = Book {
        treatment: world.practice.long,
        ..world.book(23, 0, world.at(1, 19, 0))
    };
    let reply = world
        .engine
        .execute(world.request(Command::Book(long)))
        .await;
    world.appointment(reply);
    elsewhere.stop().await;
    world.assert_clean().await;
}

#[actix_rt::test]
async fn one_process_books_exactly_as_many_as_the_day_takes() {
    let world = world().await;
    world.load_everything().await;
    let asks = (0..12).map(|n| {
        let start = world.at(1, 9, 0).plus(40 * n as i64);
        world
            .engine
            .execute(world.request(Command::Book(world.book(n, 0, start))))
    });
    let answers = join_all(asks).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 3);
    for refusal in answers.into_iter().filter_map(Result::err) {
        assert_eq!(code(refusal), "daily_cap");
    }
    world.assert_clean().await;
}

#[actix_rt::test]
async fn a_full_day_takes_what_moves_within_it_and_what_staff_insist_on() {
    let world = world().await;
    let mut first = None;
    for n in 0..3 {
        let start = world.at(1, 9 + n as u32, 0);
        first.get_or_insert(world.book_now(n, 0, start).await);
    }
    // It is one of the three itself.
    let first = first.unwrap();
    let later = Command::Reschedule(Reschedule {
        appointment: Target {
            id: first.id,
            version: None,
        },
        start: world.at(1, 15, 0),
        provider: None,
        operatory: None,
        overrides: BTreeSet::new(),
    });
    let reply = world.engine.execute(world.request(later)).await;
    world.appointment(reply);

    let fourth = |overrides: BTreeSet<Override>| {
        Command::Book(Book {
            overrides,
            ..world.book(4, 0, world.at(1, 17, 0))
        })
    };
    let refusal = world
        .engine
        .execute(world.request(fourth(BTreeSet::new())))
        .await;
    assert_eq!(code(refusal.unwrap_err()), "daily_cap");
    let insisting = fourth([Override::DailyCap].into());
    let reply = world.engine.execute(world.request(insisting)).await;
    world.appointment(reply);
    world.assert_clean().await;
}
