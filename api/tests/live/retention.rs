//! What the log no longer has, clients hear: a snapshot over the socket, 410 over REST.

use schema::connection::{Role, connect};
use schema::retention::{self, Keep};
use serde_json::{Value, json};

use crate::world::World;

fn subscribe(world: &World, since: &Value) -> Value {
    json!({
        "type": "subscribe", "calendar": world.practice.dentists[0].1, "since": since,
        "range": { "from": world.at(0, 0, 0), "to": world.at(40, 0, 0) },
    })
}

#[actix_web::test]
async fn an_older_position_starts_from_a_snapshot() {
    let world = World::new().await;
    let calendar = world.practice.dentists[0].1;
    let mut socket = world.socket().await;
    let epoch = socket.ask(subscribe(&world, &Value::Null)).await["epoch"].clone();
    for number in 0..6 {
        let body = world.booking(number, 0, world.at(1 + number as u64, 9, 0));
        let booked = socket
            .ask(json!({ "type": "book", "appointment": body }))
            .await;
        assert_eq!(booked["type"], "ok", "{booked}");
    }
    world
        .sql(&format!(
            "UPDATE calendar_events SET at = at - interval '31 days' WHERE tx IN (SELECT tx
                 FROM calendar_events WHERE calendar_id = '{calendar}' AND version <= 4);
             UPDATE outbox SET created_at = created_at - interval '33 days' WHERE tx IN (SELECT tx
                 FROM calendar_events WHERE at < now() - interval '1 day')"
        ))
        .await;
    let mut engine = connect(&world.db.url, Role::Engine).await.unwrap();
    let done = retention::run(&mut engine, Keep::default()).await.unwrap();
    assert!(done.unwrap().events_folded >= 4);

    let since = |version: i64| json!({ "epoch": epoch, "version": version });
    for (version, answer) in [(3, "snapshot"), (4, "resumed"), (6, "resumed")] {
        let first = socket.ask(subscribe(&world, &since(version))).await;
        assert_eq!(first["type"], answer, "from {version}: {first}");
        assert_eq!(first["version"], 6);
    }
    let after = async |version: i64| {
        let path = format!("/calendars/{calendar}/events?after={version}");
        world.get(&path).await
    };
    let gone = after(3).await;
    assert_eq!((gone.status, gone.code()), (410, "position_gone"));
    let log = after(4).await.expect(200);
    assert_eq!(log["items"].as_array().unwrap().len(), 2);
    world.end().await;
}

#[actix_web::test]
async fn a_long_absence_is_told_as_one_change() {
    let world = World::new().await;
    let mut socket = world.socket().await;
    let before = socket.ask(subscribe(&world, &Value::Null)).await;
    for number in 0..10 {
        let body = world.booking(
            number,
            0,
            world.at(1, 8, 0) + chrono::TimeDelta::minutes(30 * number as i64),
        );
        let booked = socket
            .ask(json!({ "type": "book", "appointment": body }))
            .await;
        assert_eq!(booked["type"], "ok", "{booked}");
        if number == 0 {
            let cancel = json!({ "type": "cancel", "appointmentId": booked["result"]["id"] });
            assert_eq!(socket.ask(cancel).await["type"], "ok");
        }
    }
    let mut back = world.socket().await;
    let since = json!({ "epoch": before["epoch"], "version": 0 });
    let resumed = back.ask(subscribe(&world, &since)).await;
    assert_eq!(
        (&resumed["type"], &resumed["version"]),
        (&json!("resumed"), &json!(11))
    );
    let delta = back.next_of("delta").await;
    assert_eq!((&delta["prev"], &delta["version"]), (&json!(0), &json!(11)));
    assert_eq!(delta.get("tx"), None, "it is several commands'");
    let ops = delta["ops"].as_array().unwrap();
    let puts = ops.iter().filter(|op| op["put"].is_object()).count();
    assert_eq!((puts, ops.len()), (9, 10), "one came and went: {delta}");
    world.end().await;
}
