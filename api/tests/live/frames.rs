//! Whatever a client sends, it gets an answer and harms nothing.

use serde_json::json;

use crate::world::World;

#[actix_web::test]
async fn broken_frames_are_answered_and_the_socket_stays_open() {
    let world = World::new().await;
    let mut socket = world.socket().await;
    for text in ["", "nonsense", "[1]", "{}", r#"{"id":"one","type":"book"}"#] {
        socket.send_text(text).await;
        let error = socket.wait_for(|frame| frame["type"] == "error").await;
        assert_eq!(error.get("id"), None, "{error}");
    }
    for frame in [
        json!({ "type": "fly" }),
        json!({ "type": "book" }),
        json!({ "type": "book", "appointment": { "start": "2027-01-01T09:00:00" } }),
        json!({ "type": "subscribe", "calendar": "x", "range": {} }),
        json!({ "type": "cancel", "appointmentId": 7 }),
        json!({ "type": "connect", "token": "again" }),
    ] {
        let answer = socket.ask(frame).await;
        assert_eq!(answer["type"], "error", "{answer}");
    }
    let body = world.booking(0, 0, world.at(1, 9, 0));
    let booked = socket
        .ask(json!({ "type": "book", "appointment": body }))
        .await;
    assert_eq!(booked["type"], "ok", "{booked}");
    world.end().await;
}

#[actix_web::test]
async fn the_close_code_says_what_was_wrong() {
    let world = World::new().await;
    let mut forged = world.bare_socket().await;
    let refused = forged
        .ask(json!({ "type": "connect", "token": "a.b.c" }))
        .await;
    assert_eq!(refused["code"], "unauthorized");
    assert_eq!(forged.closed().await, 4001);

    let mut silent = world.bare_socket().await;
    assert_eq!(silent.closed().await, 4001, "no connect in time");

    let mut noisy = world.socket().await;
    for _ in 0..20 {
        noisy.send_text("noise").await;
    }
    assert_eq!(noisy.closed().await, 4008);

    let mut early = world.bare_socket().await;
    let unknown = early
        .ask(json!({ "type": "cancel", "appointmentId": world.practice.tenant }))
        .await;
    assert_eq!(unknown["type"], "error");

    let mut open = world.socket().await;
    let draining = tokio::task::spawn_local(async move { open.closed().await });
    world.end().await;
    assert_eq!(draining.await.unwrap(), 4201);
}
