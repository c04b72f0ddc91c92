//! Who looks at a calendar, and moves something on it: told to colleagues, to nobody else.

use schema::test_db::practice::Practice;
use serde_json::{Value, json};

use crate::world::World;

fn subscribe(world: &World) -> Value {
    let range = json!({ "from": world.at(0, 0, 0), "to": world.at(40, 0, 0) });
    json!({ "type": "subscribe", "calendar": world.practice.operatories[0].1, "range": range })
}

#[actix_web::test]
async fn colleagues_see_who_drags_what() {
    let world = World::new().await;
    let neighbour = Practice::seed_sharing(&world.db, &world.practice, 1).await;
    let (mut ana, mut luis) = (world.socket().await, world.socket().await);
    let mut stranger = world.bare_socket().await;
    let token = world.token_of(neighbour.owner);
    stranger
        .ask(json!({ "type": "connect", "token": token }))
        .await;
    let calendar = world.practice.operatories[0].1;
    let span = json!({ "start": world.at(1, 9, 0), "end": world.at(1, 10, 0) });
    let dragging =
        json!({ "type": "presence", "calendar": calendar, "state": "dragging", "span": span });

    let early = ana.ask(dragging.clone()).await;
    assert_eq!(early["code"], "validation", "it follows nothing: {early}");
    for socket in [&mut ana, &mut luis, &mut stranger] {
        assert_eq!(socket.ask(subscribe(&world)).await["type"], "snapshot");
    }
    assert_eq!(ana.ask(dragging.clone()).await["type"], "ok");
    let seen = luis.next_of("presence").await;
    assert_eq!((&seen["state"], &seen["span"]), (&json!("dragging"), &span));
    assert_eq!(seen["calendar"], json!(calendar));
    assert_eq!(
        seen["who"],
        json!({ "id": world.practice.owner, "name": "Owner" })
    );

    // Whoever comes later hears of it too, but not of themselves.
    let mut late = world.socket().await;
    assert_eq!(late.ask(subscribe(&world)).await["type"], "snapshot");
    assert_eq!(late.next_of("presence").await, seen);
    let mut wrong = dragging.clone();
    wrong["state"] = json!("gone");
    assert_eq!(ana.ask(wrong).await["code"], "bad_request");

    drop(ana);
    let gone = luis.next_of("presence").await;
    assert_eq!(
        (&gone["state"], &gone["session"]),
        (&json!("gone"), &seen["session"])
    );
    // Another practice in the same operatory hears nothing of all this: the next frame that it
    // gets is the answer to what it asks now.
    let answer = stranger.ask(subscribe(&world)).await;
    assert_eq!(answer["type"], "snapshot");
    assert_eq!(stranger.kept(), 0);

    let mut visitor = world.visitor().await;
    let refused = visitor.ask(dragging).await;
    assert_eq!(refused["type"], "error", "{refused}");
    world.end().await;
}

#[actix_web::test]
async fn what_one_drags_and_another_holds_is_told_apart_and_taken_back() {
    let world = World::new().await;
    let (mut ana, mut luis) = (world.socket().await, world.socket().await);
    for socket in [&mut ana, &mut luis] {
        assert_eq!(socket.ask(subscribe(&world)).await["type"], "snapshot");
    }
    let calendar = world.practice.operatories[0].1;
    let span = |hour| json!({ "start": world.at(1, hour, 0), "end": world.at(1, hour + 1, 0) });
    let says = |state: &str, span: Value| json!({ "type": "presence", "calendar": calendar, "state": state, "span": span });
    // Both at once, each hears of the other only.
    for (state, hour) in [("dragging", 9), ("dragging", 10), ("viewing", 0)] {
        let place = if hour == 0 { Value::Null } else { span(hour) };
        assert_eq!(ana.ask(says(state, place.clone())).await["type"], "ok");
        let heard = luis.next_of("presence").await;
        assert_eq!((&heard["state"], &heard["span"]), (&json!(state), &place));
        let held = says("holding", span(15));
        assert_eq!(luis.ask(held).await["type"], "ok");
        let heard = ana.next_of("presence").await;
        assert_eq!(heard["state"], "holding");
        assert_eq!(heard["span"]["start"], json!(world.at(1, 15, 0)));
    }
    // Whoever comes sees the last word of each, and not what was before it.
    let mut late = world.socket().await;
    assert_eq!(late.ask(subscribe(&world)).await["type"], "snapshot");
    let first = late.next_of("presence").await;
    let second = late.next_of("presence").await;
    let mut states = [first["state"].clone(), second["state"].clone()];
    states.sort_by_key(ToString::to_string);
    assert_eq!(states, [json!("holding"), json!("viewing")]);
    assert_ne!(first["session"], second["session"]);
    assert_eq!(first["who"], second["who"], "one person, two windows");

    // Presence is no part of the calendar's state: nothing of it has a version. Whoever begins anew is told of the
    // others again, not of themselves.
    let state = ana.ask(subscribe(&world)).await;
    assert_eq!(
        (&state["version"], &state["entries"]),
        (&json!(0), &json!([]))
    );
    assert_eq!(ana.next_of("presence").await["state"], "holding");
    // Whoever follows no longer is gone for the others, at once.
    let leave = json!({ "type": "unsubscribe", "calendar": calendar });
    assert_eq!(luis.ask(leave).await["type"], "ok");
    let gone = ana.next_of("presence").await;
    assert_eq!(
        (&gone["state"], &gone["span"]),
        (&json!("gone"), &Value::Null)
    );
    let wrong = json!({ "type": "presence", "calendar": calendar, "state": "dragging",
        "span": { "start": "soon", "end": "later" } });
    assert_eq!(ana.ask(wrong).await["code"], "bad_request");
    world.end().await;
}
