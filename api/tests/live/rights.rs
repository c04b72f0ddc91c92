//! What changes in a speaker's rights is felt at once, whoever changed it and on whatever node.

use serde_json::{Value, json};

use crate::socket::Socket;
use crate::world::World;

fn subscribe(world: &World) -> Value {
    let range = json!({ "from": world.at(0, 0, 0), "to": world.at(40, 0, 0) });
    json!({ "type": "subscribe", "calendar": world.practice.dentists[0].1, "range": range })
}

/// Rights are remembered for long: only being told makes a session look again.
async fn world() -> World {
    World::with(|config| api::config::Config {
        membership_cache_ms: 3_600_000,
        rights_poll_ms: 20,
        ..config
    })
    .await
}

#[actix_web::test]
async fn an_ended_membership_ends_the_feed_and_nothing_else() {
    let world = world().await;
    let mut socket = world.socket().await;
    let mut visitor = world.visitor().await;
    assert_eq!(socket.ask(subscribe(&world)).await["type"], "snapshot");
    world.sql("UPDATE memberships SET status = 'ended'").await;
    let reset = socket.next_of("reset").await;
    assert_eq!(
        (&reset["calendar"], &reset["reason"]),
        (&json!(world.practice.dentists[0].1), &json!("forbidden"))
    );
    assert_eq!(socket.ask(subscribe(&world)).await["code"], "forbidden");
    let search = json!({
        "type": "availability", "treatment": world.practice.short,
        "from": world.at(2, 0, 0), "to": world.at(3, 0, 0),
    });
    assert_eq!(visitor.ask(search).await["type"], "ok");
    world.end().await;
}

#[actix_web::test]
async fn another_view_of_patients_is_another_state() {
    let world = world().await;
    let mut socket = world.socket().await;
    let body = world.booking(0, 0, world.at(1, 9, 0));
    let booked = socket
        .ask(json!({ "type": "book", "appointment": body }))
        .await;
    assert_eq!(booked["type"], "ok", "{booked}");
    let before = socket.ask(subscribe(&world)).await;
    assert!(before["entries"][0]["appointment"]["patientName"].is_string());
    world
        .sql("UPDATE memberships SET role = 'staff_billing', permissions = '{}'")
        .await;
    let reset = socket.next_of("reset").await;
    assert_eq!(reset["reason"], "forbidden");
    let mut again = subscribe(&world);
    again["since"] = json!({ "epoch": before["epoch"], "version": before["version"] });
    let after = socket.ask(again).await;
    assert_eq!(
        after["type"], "snapshot",
        "what was seen before is not continued"
    );
    let appointment = &after["entries"][0]["appointment"];
    assert_eq!(appointment.get("patientName"), None, "{after}");
    world.end().await;
}

#[actix_web::test]
async fn an_ended_sign_in_closes_its_sockets_and_no_others() {
    let world = world().await;
    let (token, refresh) = world.sign_in().await;
    let mut signed_in = world.bare_socket().await;
    let connect = json!({ "type": "connect", "token": token });
    assert_eq!(signed_in.ask(connect).await["type"], "connected");
    let mut other = world.socket().await;
    let out = json!({ "refreshToken": refresh });
    world.post("/auth/logout", &out).await.expect(204);
    assert_eq!(signed_in.closed().await, 4001);
    assert_eq!(other.ask(subscribe(&world)).await["type"], "snapshot");
    world.end().await;
}

#[actix_web::test]
async fn a_removed_account_and_a_suspended_practice_close_their_sessions() {
    let world = world().await;
    let (mut socket, mut visitor) = (world.socket().await, world.visitor().await);
    world.sql("UPDATE tenants SET status = 'suspended'").await;
    assert_eq!(visitor.closed().await, 4003);
    assert_eq!(
        socket.ask(subscribe(&world)).await["type"],
        "snapshot",
        "members may read on"
    );
    world
        .sql("DELETE FROM memberships; DELETE FROM users")
        .await;
    assert_eq!(socket.closed().await, 4001);
    world.end().await;
}

/// Id and secret of a new key.
async fn key(world: &World) -> (String, String) {
    let body = json!({ "name": "Web site", "scopes": ["patients:read"] });
    let made = world.post("/api-keys", &body).await.expect(201);
    let text = |field: &str| made[field].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

async fn follow(world: &World, key: &str) -> Socket {
    let mut socket = world.bare_socket().await;
    let connected = socket.ask(json!({ "type": "connect", "token": key })).await;
    assert_eq!(connected["type"], "connected", "{connected}");
    let first = socket.ask(subscribe(world)).await;
    assert_eq!(first["type"], "snapshot", "{first}");
    socket
}

#[actix_web::test]
async fn a_revoked_key_closes_its_sockets_and_no_others() {
    let world = world().await;
    let (revoked, first) = key(&world).await;
    let (elsewhere, second) = key(&world).await;
    let (narrowed, third) = key(&world).await;
    let mut one = follow(&world, &first).await;
    let mut same = follow(&world, &first).await;
    let mut other = follow(&world, &second).await;
    let mut less = follow(&world, &third).await;
    let path = format!("/api-keys/{revoked}");
    let answer = world.send(reqwest::Method::DELETE, &path, None).await;
    answer.expect(204);
    assert_eq!((one.closed().await, same.closed().await), (4001, 4001));
    assert_eq!(other.ask(subscribe(&world)).await["type"], "snapshot");

    // Another node, or somebody at the database.
    world
        .sql(&format!(
            "UPDATE api_keys SET revoked_at = now() WHERE id = '{elsewhere}'"
        ))
        .await;
    assert_eq!(other.closed().await, 4001);

    // With fewer scopes it goes on, and sees less from that moment.
    world
        .sql(&format!(
            "UPDATE api_keys SET scopes = '{{}}' WHERE id = '{narrowed}'"
        ))
        .await;
    let reset = less.next_of("reset").await;
    assert_eq!(reset["calendar"], json!(world.practice.dentists[0].1));
    assert_eq!(less.ask(subscribe(&world)).await["type"], "snapshot");
    world.end().await;
}

#[actix_web::test]
async fn what_another_process_changes_of_a_patient_is_heard_of() {
    let world = world().await;
    let body = world.booking(0, 0, world.at(1, 9, 0));
    world.post("/appointments", &body).await.expect(201);
    let patient = world.patient(0);
    world
        .sql(&format!(
            "UPDATE patients SET last_name = 'Renamed' WHERE id = '{patient}'"
        ))
        .await;
    // Remembered for minutes: asked until the change has been heard of.
    let calendar = world.practice.dentists[0].1;
    let range = format!(
        "/calendars/{calendar}?from={}&to={}",
        world.at(0, 0, 0).format("%FT%TZ"),
        world.at(40, 0, 0).format("%FT%TZ")
    );
    loop {
        let state = world.get(&range).await.expect(200);
        let shown = &state["entries"][0]["appointment"]["patientName"];
        if shown.as_str().is_some_and(|name| name.ends_with("Renamed")) {
            break;
        }
    }
    world
        .sql(&format!(
            "UPDATE patient_dentists SET archived_at = now() WHERE patient_id = '{patient}'"
        ))
        .await;
    loop {
        let refused = world.post("/appointments", &body).await;
        if refused.code() == "not_your_patient" {
            break;
        }
        assert_eq!(refused.code(), "slot_taken");
    }
    world.end().await;
}
