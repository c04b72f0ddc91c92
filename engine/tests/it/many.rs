//! A search over so many dentists that account is kept of their gaps sees every change: by this
//! process at once, by others when they are heard of, and other hours.

use engine::Engine;
use engine::command::{Cancel, Command, Target};
use engine::scheduling::availability::Search;
use engine::scheduling::diary::Own;
use engine::scheduling::gaps::WORTHWHILE;
use engine::scheduling::placement::Asker;
use schema::ids::HoldId;
use schema::models::appointment::Appointment;
use schema::span::{Minute, Span};
use schema::test_db::TestDb;
use schema::test_db::practice::{Practice, Size};

use super::holds::wish;
use super::session::run;
use super::support::{World, settings, start};

const SIZE: Size = Size {
    dentists: WORTHWHILE,
    operatories: 1,
    patients: 4,
};

/// Everybody shares one chair, from eight to nine: two visits fill the day.
async fn an_hour_a_day() -> World {
    let db = TestDb::new().await;
    let practice = Practice::seed(&db, SIZE).await;
    let engine = start(&db.url, settings()).await;
    let world = World {
        engine,
        practice,
        db,
    };
    open_until(&world, 9 * 60).await;
    world
}

async fn open_until(world: &World, minute: i16) {
    let tenant = world.practice.tenant;
    let sql = format!(
        "UPDATE assignment_hours SET to_minute = {minute} WHERE tenant_id = '{tenant}';
         UPDATE tenants SET rules_version = rules_version + 1 WHERE id = '{tenant}'"
    );
    run(&mut world.owner().await, &sql).await;
    world.engine.rules_changed(tenant);
}

/// The first start of tomorrow at anybody.
async fn first(world: &World, engine: &Engine, own: Own) -> Option<Minute> {
    let book = engine.rules(world.practice.tenant).await.unwrap();
    let treatment = &book.treatments[&world.practice.short];
    let day = Span::new(world.at(1, 0, 0), world.at(2, 0, 0)).unwrap();
    let wanted = Search {
        limit: 1,
        own,
        ..Search::any(treatment, day, Asker::Staff)
    };
    assert_eq!(book.who_offers(treatment).count(), WORTHWHILE);
    let slots = engine.availability(&book, &wanted).await.unwrap();
    slots.first().map(|slot| slot.span.start())
}

fn cancel(visit: &Appointment) -> Command {
    Command::Cancel(Cancel {
        appointment: Target {
            id: visit.id,
            version: None,
        },
        reason: String::new(),
        code: None,
    })
}

#[actix_rt::test]
async fn a_search_over_many_sees_each_change() {
    let world = an_hour_a_day().await;
    let engine = &world.engine;
    let elsewhere = world.another_engine().await;
    let free = async |own: Own| first(&world, engine, own).await;
    let (eight, half_past) = (world.at(1, 8, 0), world.at(1, 8, 30));
    assert_eq!(free(Own::default()).await, Some(eight));
    assert_eq!(first(&world, &elsewhere, Own::default()).await, Some(eight));

    let early = world.book_now(0, 0, eight).await;
    assert_eq!(free(Own::default()).await, Some(half_past));
    let late = world.book_now(1, 5, half_past).await;
    assert_eq!(free(Own::default()).await, None);
    // Whoever moves a visit may leave it where it is.
    let moved = Own::appointment(late.id);
    assert_eq!(free(moved).await, Some(half_past));

    let cancelled = engine.execute(world.request(cancel(&late))).await;
    cancelled.unwrap();
    assert_eq!(free(Own::default()).await, Some(half_past));
    let held = wish(&world, 7, half_past);
    let hold: HoldId = held.id;
    let kept = engine.execute(world.request(Command::Hold(held))).await;
    kept.unwrap();
    assert_eq!(free(Own::default()).await, None);
    assert_eq!(free(Own::holds([hold])).await, Some(half_past));

    // Another process: it answers when it has committed, and this one hears of it.
    while first(&world, &elsewhere, Own::default()).await.is_some() {
        actix_rt::task::yield_now().await;
    }
    let cancelled = elsewhere.execute(world.request(cancel(&early))).await;
    cancelled.unwrap();
    assert_eq!(first(&world, &elsewhere, Own::default()).await, Some(eight));
    while free(Own::default()).await != Some(eight) {
        actix_rt::task::yield_now().await;
    }

    world.book_now(2, 63, eight).await;
    assert_eq!(free(Own::default()).await, None);
    open_until(&world, 9 * 60 + 30).await;
    assert_eq!(free(Own::default()).await, Some(world.at(1, 9, 0)));
    elsewhere.stop().await;
    world.assert_clean().await;
}
