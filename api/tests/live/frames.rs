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
    let mut body = world.booking(0, 0, world.at(1, 9, 0));
    body["notes"] = json!("a\0b");
    let unkept = socket
        .ask(json!({ "type": "book", "appointment": body }))
        .await;
    assert_eq!(unkept["code"], "bad_request", "{unkept}");
    body["notes"] = json!("ab");
    let booked = socket
        .ask(json!({ "type": "book", "appointment": body }))
        .await;
    assert_eq!(booked["type"], "ok", "{booked}");
    world.end().await;
}
