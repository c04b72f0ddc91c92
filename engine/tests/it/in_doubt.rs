//! Commits whose answer is lost: the caller gets the truth, the command takes effect once.

use engine::Engine;
use engine::command::{Command, Reply, Request};
use engine::failure::Refusal;
use engine::settings::Settings;
use futures_util::future::{join, join_all};
use load_tests::proxy::{Cut, Proxy};
use schema::test_db::TestDb;
use schema::test_db::practice::{Practice, Size};

use super::session::{count, until};
use super::support::{World, settings, start};

const SIZE: Size = Size {
    dentists: 4,
    operatories: 4,
    patients: 60,
};

/// A world whose engine reaches the database through a proxy.
async fn behind_a_proxy(settings: Settings) -> (World, Proxy) {
    let db = TestDb::new().await;
    let practice = Practice::seed(&db, SIZE).await;
    let proxy = Proxy::new(&db.url).await.unwrap();
    let engine = start(&proxy.url, settings).await;
    let world = World {
        engine,
        practice,
        db,
    };
    (world, proxy)
}

fn keyed(world: &World, patient: usize) -> Request {
    // A quarter of the patients at each dentist, one after the other from eight.
    let nth = u32::try_from(patient / 4).unwrap();
    let start = world.at(1, 8 + nth / 2, 30 * (nth % 2));
    Request {
        key: Some(format!("key {patient}")),
        ..world.request(Command::Book(world.book(patient, patient % 4, start)))
    }
}

fn same(one: &Reply, other: &Reply) {
    assert_eq!(one.done, other.done);
    assert_eq!(one.positions, other.positions);
}

#[actix_rt::test]
async fn a_lost_answer_is_found_out() {
    let (world, proxy) = behind_a_proxy(settings()).await;
    let other = world.another_engine().await;
    let mut watch = world.owner().await;
    for (patient, cut) in [Cut::After, Cut::Before, Cut::Unheard]
        .into_iter()
        .enumerate()
    {
        proxy.cut([cut]);
        let request = keyed(&world, patient);
        let reply = insist(&world, &request).await;
        assert_eq!(proxy.cuts(), patient + 1, "{cut:?} was not tried");
        let booked = world.appointment(Ok(reply.clone()));
        let rows = format!("appointments WHERE id = '{}' AND version = 1", booked.id);
        assert_eq!(count(&mut watch, &rows).await, 1, "{cut:?}");
        assert_eq!(count(&mut watch, "appointments").await, patient as i64 + 1);

        for engine in [&world.engine, &other] {
            let again = ask(engine, &request).await;
            assert!(again.replay, "{cut:?}");
            same(&again, &reply);
        }
    }
    other.stop().await;
    world.assert_clean().await;
}

#[actix_rt::test]
async fn a_command_without_a_key_takes_effect_once_too() {
    let (world, proxy) = behind_a_proxy(settings()).await;
    world.load_everything().await;
    let mut watch = world.owner().await;
    // Tried twice in vain, then done, with its answer lost.
    proxy.cut([Cut::Before, Cut::Before, Cut::After]);
    let booked = world.book_now(0, 0, world.at(1, 9, 0)).await;
    assert_eq!(proxy.cuts(), 3);
    let rows = format!("appointments WHERE id = '{}'", booked.id);
    assert_eq!(count(&mut watch, &rows).await, 1);
    assert_eq!(count(&mut watch, "appointments").await, 1);
    assert_eq!(count(&mut watch, "claims").await, 3);
    world.assert_clean().await;
}

#[actix_rt::test]
async fn under_load_nothing_is_lost_or_doubled() {
    let (world, proxy) = behind_a_proxy(Settings {
        // Many commits instead of one.
        batch_count_max: 2,
        ..settings()
    })
    .await;
    let cuts = [Cut::After, Cut::Not, Cut::Before, Cut::Unheard];
    proxy.cut(cuts.into_iter().cycle().take(20));
    let requests: Vec<Request> = (0..SIZE.patients).map(|n| keyed(&world, n)).collect();
    let asked = requests.iter().map(|request| insist(&world, request));
    let replies: Vec<Reply> = join_all(asked).await;
    assert_eq!(proxy.cuts(), 15);
    for (request, reply) in requests.into_iter().zip(&replies) {
        let again = ask(&world.engine, &request).await;
        assert!(again.replay);
        same(&again, reply);
    }
    let mut watch = world.owner().await;
    assert_eq!(
        count(&mut watch, "appointments").await,
        SIZE.patients as i64
    );
    world.assert_clean().await;
}

/// Asks until there is an answer, as a client does.
async fn ask(engine: &Engine, request: &Request) -> Reply {
    loop {
        match engine.execute(request.clone()).await {
            Ok(reply) => return reply,
            Err(Refusal::Failed(_)) => actix_rt::task::yield_now().await,
            Err(refusal) => panic!("{refusal}"),
        }
    }
}

/// As [`ask`], for the first time: what failed until then was not done, as it was said.
async fn insist(world: &World, request: &Request) -> Reply {
    let reply = ask(&world.engine, request).await;
    assert!(!reply.replay, "it was said that nothing had been done");
    reply
}

#[actix_rt::test]
async fn sessions_that_are_ended_cost_nothing_but_time() {
    let world = World::with(
        SIZE,
        Settings {
            batch_count_max: 2,
            ..settings()
        },
    )
    .await;
    let requests: Vec<Request> = (0..SIZE.patients).map(|n| keyed(&world, n)).collect();
    let booking = join_all(requests.iter().map(|request| insist(&world, request)));
    let ending = async {
        let mut watch = world.owner().await;
        let mut ended = 0;
        // Only this test's own database. Each time some more has been committed: so it goes on.
        for progress in [0, 5, 10, 20, 30, 40] {
            until(&mut watch, "appointments", progress).await;
            ended += count(
                &mut watch,
                "(SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()
                  AND backend_type = 'client backend' OFFSET 0) AS ended",
            )
            .await;
        }
        assert!(ended > 0, "nothing was ended");
    };
    let (replies, ()) = join(booking, ending).await;
    assert_eq!(replies.len(), SIZE.patients);
    let mut watch = world.owner().await;
    assert_eq!(
        count(&mut watch, "appointments").await,
        SIZE.patients as i64
    );
    world.assert_clean().await;
}
