//! Two nodes over one database, with a Redis between them. They read the database once an hour
//! here: what one tells of the other's changes it has heard on the bus.

use api::config::Config;
use load_tests::redis::Redis;
use reqwest::Method;
use serde_json::{Value, json};

use crate::socket::Socket;
use crate::world::World;

const AN_HOUR: u64 = 3_600_000;

async fn pair(settings: impl FnOnce(Config) -> Config) -> (Redis, World, World) {
    let redis = Redis::start().await.unwrap();
    let world = World::with(|config| {
        settings(Config {
            redis_url: Some(redis.url().into()),
            poll_ms: AN_HOUR,
            poll_with_redis_ms: AN_HOUR,
            rights_poll_ms: AN_HOUR,
            membership_cache_ms: AN_HOUR,
            ..config
        })
    })
    .await;
    let other = world.neighbour().await;
    for node in [&world, &other] {
        node.until("the bus", |app| app.engine.bus().is_up()).await;
    }
    (redis, world, other)
}

fn subscribe(world: &World) -> Value {
    let range = json!({ "from": world.at(0, 0, 0), "to": world.at(40, 0, 0) });
    json!({ "type": "subscribe", "calendar": world.practice.operatories[0].1, "range": range })
}

async fn book(socket: &mut Socket, world: &World, patient: usize, hour: u32) -> Value {
    let body = world.booking(patient, 0, world.at(3, hour, 0));
    let book = json!({ "type": "book", "appointment": body });
    let booked = socket.ask(book).await;
    assert_eq!(booked["type"], "ok", "{booked}");
    booked
}

#[actix_web::test]
async fn what_is_booked_on_one_node_goes_from_the_pages_of_the_other() {
    let (_redis, world, other) = pair(|config| config).await;
    let (mut here, mut there) = (world.socket().await, other.socket().await);
    assert_eq!(there.ask(subscribe(&world)).await["type"], "snapshot");
    let mut visitor = other.visitor().await;
    let zone = chrono_tz::America::Guayaquil;
    let month = world.at(3, 12, 0).with_timezone(&zone).format("%Y-%m");
    let slots = visitor
        .ask(json!({
            "type": "subscribeSlots", "practice": world.practice.subdomain,
            "treatment": world.practice.short, "dentist": world.dentist(0),
            "month": month.to_string(),
        }))
        .await;
    assert_eq!(slots["type"], "slots", "{slots}");

    let booked = book(&mut here, &world, 0, 9).await;
    let delta = there.next_of("delta").await;
    let put = &delta["ops"][0]["put"]["appointment"]["id"];
    assert_eq!(put, &booked["result"]["id"], "{delta}");
    assert_eq!((&delta["prev"], &delta["version"]), (&json!(0), &json!(1)));
    let gone = visitor.next_of("slotsDelta").await;
    let start = json!(world.at(3, 9, 0));
    let has = |list: &Value| list.as_array().unwrap().iter().any(|s| s["start"] == start);
    assert!(has(&gone["removed"]), "{gone}");

    // And back, by the node that has only heard of it.
    let cancel = json!({ "type": "cancel", "appointmentId": booked["result"]["id"] });
    assert_eq!(here.ask(subscribe(&world)).await["type"], "snapshot");
    assert_eq!(there.ask(cancel).await["type"], "ok");
    assert_eq!(here.next_of("delta").await["version"], 2);
    assert!(has(&visitor.next_of("slotsDelta").await["added"]));

    // Rules: the treatment is not offered online any more.
    let path = format!("/treatments/{}", world.practice.short);
    let offline = json!({ "onlineBookable": false });
    world
        .send(Method::PATCH, &path, Some(&offline))
        .await
        .expect(200);
    let nothing = visitor.next_of("slotsDelta").await;
    assert_eq!(nothing["added"], json!([]));
    assert!(nothing["removed"].as_array().unwrap().len() > 10);
    other.stop().await;
    world.end().await;
}

#[actix_web::test]
async fn rights_that_end_on_one_node_end_on_the_other() {
    let (_redis, world, other) = pair(|config| config).await;
    let (token, refresh) = world.sign_in().await;
    let mut signed_in = other.bare_socket().await;
    let connect = json!({ "type": "connect", "token": token });
    assert_eq!(signed_in.ask(connect).await["type"], "connected");
    let colleague = uuid::Uuid::new_v4();
    let tenant = world.practice.tenant;
    world
        .sql(&format!(
            "INSERT INTO users (id, email, name) VALUES ('{colleague}', 'eva@test.ec', 'Eva');
             INSERT INTO memberships (tenant_id, user_id, role)
                 VALUES ('{tenant}', '{colleague}', 'staff_receptionist')"
        ))
        .await;
    let mut eva = other.bare_socket().await;
    let token = other.token_of(schema::ids::UserId(colleague));
    let connect = json!({ "type": "connect", "token": token });
    assert_eq!(eva.ask(connect).await["type"], "connected");
    assert_eq!(eva.ask(subscribe(&world)).await["type"], "snapshot");

    let removed = world
        .send(Method::DELETE, &format!("/staff/{colleague}"), None)
        .await;
    assert_eq!(removed.status, 204, "{removed:?}");
    assert_eq!(eva.next_of("reset").await["reason"], "forbidden");
    let out = json!({ "refreshToken": refresh });
    world.post("/auth/logout", &out).await.expect(204);
    assert_eq!(signed_in.closed().await, 4001);
    other.stop().await;
    world.end().await;
}

#[actix_web::test]
async fn colleagues_on_two_nodes_see_each_other() {
    let (_redis, world, other) = pair(|config| config).await;
    let (mut ana, mut luis) = (world.socket().await, other.socket().await);
    let span = json!({ "start": world.at(1, 9, 0), "end": world.at(1, 10, 0) });
    let dragging = json!({
        "type": "presence", "calendar": world.practice.operatories[0].1,
        "state": "dragging", "span": span,
    });
    assert_eq!(ana.ask(subscribe(&world)).await["type"], "snapshot");
    assert_eq!(ana.ask(dragging.clone()).await["type"], "ok");
    // Who comes later, where nobody had looked at the calendar yet, hears of it.
    assert_eq!(luis.ask(subscribe(&world)).await["type"], "snapshot");
    let seen = luis.next_of("presence").await;
    assert_eq!((&seen["state"], &seen["span"]), (&json!("dragging"), &span));
    assert_eq!(
        seen["who"],
        json!({ "id": world.practice.owner, "name": "Owner" })
    );
    assert_eq!(luis.ask(dragging).await["type"], "ok");
    assert_eq!(ana.next_of("presence").await["state"], "dragging");
    drop(ana);
    // Asked and told at the same moment, it may have been told twice.
    let gone = luis
        .wait_for(|frame| frame["type"] == "presence" && frame["state"] == "gone")
        .await;
    assert_eq!(gone["session"], seen["session"]);
    other.stop().await;
    world.end().await;
}

#[actix_web::test]
async fn guesses_at_one_node_count_at_the_other() {
    let (_redis, world, other) = pair(|config| Config {
        login_attempts: 2,
        login_wait_seconds: 3600,
        ..config
    })
    .await;
    let mut there = other.socket().await;
    assert_eq!(there.ask(subscribe(&world)).await["type"], "snapshot");
    let guess = json!({ "email": "sol@test.ec", "password": "Practice123?" });
    for _ in 0..2 {
        assert_eq!(world.post("/auth/login", &guess).await.status, 401);
    }
    // Said later on the same bus: what was said before has been heard when this has.
    book(&mut world.socket().await, &world, 0, 9).await;
    there.next_of("delta").await;
    assert_eq!(other.post("/auth/login", &guess).await.status, 429);
    other.stop().await;
    world.end().await;
}

#[actix_web::test]
async fn without_redis_nodes_poll_as_often_as_they_would_without_one() {
    let (mut redis, world, other) = pair(|config| Config {
        poll_ms: 20,
        ..config
    })
    .await;
    let (mut here, mut there) = (world.socket().await, other.socket().await);
    assert_eq!(there.ask(subscribe(&world)).await["type"], "snapshot");
    book(&mut here, &world, 0, 9).await;
    assert_eq!(there.next_of("delta").await["version"], 1);
    redis.flush().await.unwrap();
    book(&mut here, &world, 1, 10).await;
    assert_eq!(there.next_of("delta").await["version"], 2);

    redis.kill().await.unwrap();
    book(&mut here, &world, 2, 11).await;
    assert_eq!(there.next_of("delta").await["version"], 3);
    for node in [&world, &other] {
        node.until("it is noticed", |app| !app.engine.bus().is_up())
            .await;
    }
    redis.restart().await.unwrap();
    for node in [&world, &other] {
        node.until("the bus again", |app| app.engine.bus().is_up())
            .await;
    }
    book(&mut here, &world, 3, 12).await;
    assert_eq!(there.next_of("delta").await["version"], 4);
    other.stop().await;
    world.end().await;
}
