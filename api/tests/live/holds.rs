//! Holds of members, over REST and over sockets.

use reqwest::Method;
use schema::ids::UserId;
use serde_json::{Value, json};

use crate::world::World;

fn wish(world: &World, dentist: usize, start: chrono::DateTime<chrono::Utc>) -> Value {
    json!({
        "treatmentId": world.practice.short,
        "dentistId": world.dentist(dentist),
        "start": start,
    })
}

#[actix_web::test]
async fn a_hold_is_kept_renewed_confirmed_and_let_go() {
    let world = World::new().await;
    let start = world.at(1, 9, 0);
    let key = [("idempotency-key", "once")];
    let body = wish(&world, 0, start);
    let made = world
        .send_with(Method::POST, "/holds", Some(&body), &key)
        .await;
    let hold = made.expect(201);
    let token = hold["holdToken"].as_str().unwrap();
    assert!(token.len() >= 40);
    assert_eq!(hold["end"], json!(world.at(1, 9, 30)));
    let again = world
        .send_with(Method::POST, "/holds", Some(&body), &key)
        .await;
    assert_eq!(again.headers["idempotent-replay"], "true");
    let again = again.expect(201);
    assert_eq!(
        (&again["id"], &again["holdToken"]),
        (&hold["id"], &hold["holdToken"])
    );

    // The time is taken for everybody but its holder.
    let taken = world
        .post("/appointments", &world.booking(1, 0, start))
        .await;
    assert_eq!((taken.status, taken.code()), (409, "slot_taken"));
    let search = format!(
        "/availability?treatment={}&dentist={}&from={}&to={}",
        world.practice.short,
        world.dentist(0),
        start.format("%Y-%m-%dT%H:%M:%SZ"),
        world.at(1, 9, 15).format("%Y-%m-%dT%H:%M:%SZ"),
    );
    let others = world.get(&search).await.expect(200);
    assert_eq!(others["slots"].as_array().unwrap().len(), 0, "{others}");
    let own = [("x-hold-token", token)];
    let mine = world.send_with(Method::GET, &search, None, &own).await;
    let mine = mine.expect(200);
    assert_eq!(mine["slots"][0]["mine"], true, "{mine}");

    let path = format!("/holds/{}", hold["id"].as_str().unwrap());
    let renewed = world
        .send(Method::POST, &format!("{path}/renew"), None)
        .await;
    let renewed = renewed.expect(200);
    assert!(renewed["expiresAt"].as_str() >= hold["expiresAt"].as_str());
    assert_eq!(renewed.get("holdToken"), None);
    let wrong = [("x-hold-token", "nonsense")];
    let refused = world.send_with(Method::DELETE, &path, None, &wrong).await;
    assert_eq!((refused.status, refused.code()), (404, "not_found"));

    let whom = json!({ "patientId": world.patient(0), "notes": "first visit" });
    let confirm = format!("{path}/confirm");
    let booked = world
        .send_with(
            Method::POST,
            &confirm,
            Some(&whom),
            &[("idempotency-key", "c")],
        )
        .await;
    assert_eq!(booked.headers["etag"], "\"1\"");
    let booked = booked.expect(201);
    assert_eq!(booked["start"], json!(start));
    assert_eq!(booked["positions"].as_object().unwrap().len(), 3);
    let replay = world
        .send_with(
            Method::POST,
            &confirm,
            Some(&whom),
            &[("idempotency-key", "c")],
        )
        .await;
    assert_eq!(replay.headers["idempotent-replay"], "true");
    assert_eq!(replay.expect(201)["id"], booked["id"]);
    for (method, path, body) in [
        (Method::POST, confirm.clone(), Some(&whom)),
        (Method::POST, format!("{path}/renew"), None),
        (Method::DELETE, path.clone(), None),
    ] {
        let late = world.send(method, &path, body).await;
        assert_eq!((late.status, late.code()), (422, "hold_expired"), "{path}");
    }

    let other = world
        .post("/holds", &wish(&world, 0, world.at(1, 10, 0)))
        .await;
    let other = format!("/holds/{}", other.expect(201)["id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(world.send(Method::DELETE, &other, None).await.status, 204);
    }
    let nobody = format!("/holds/{}/renew", uuid::Uuid::new_v4());
    assert_eq!(world.send(Method::POST, &nobody, None).await.status, 404);
    world
        .post("/appointments", &world.booking(2, 0, world.at(1, 10, 0)))
        .await
        .expect(201);
    world.end().await;
}

#[actix_web::test]
async fn a_lost_socket_lets_its_holds_go_unless_they_are_used_elsewhere() {
    let world = World::with(|config| api::config::Config {
        hold_grace_ms: 1,
        ..config
    })
    .await;
    let mut socket = world.socket().await;
    let hold = |start| json!({ "type": "hold", "hold": wish(&world, 0, start) });
    let lost = socket.ask(hold(world.at(1, 9, 0))).await;
    assert_eq!(lost["type"], "ok", "{lost}");
    assert!(lost["positions"].as_object().unwrap().len() >= 2);
    let used = socket.ask(hold(world.at(1, 10, 0))).await;
    let used_id = used["result"]["id"].as_str().unwrap();
    // Renewed over REST: its holder is there.
    let renew = format!("/holds/{used_id}/renew");
    world.send(Method::POST, &renew, None).await.expect(200);
    let renewed = socket
        .ask(json!({ "type": "renew", "holdId": lost["result"]["id"] }))
        .await;
    assert_eq!(renewed["type"], "ok", "{renewed}");
    drop(socket);

    let lost_id = lost["result"]["id"].as_str().unwrap();
    let ended = format!("holds WHERE id = '{lost_id}' AND ended = 'expired'");
    world.until_rows(&ended, 1).await;
    let kept = format!("holds WHERE id = '{used_id}' AND ended IS NULL");
    world.until_rows(&kept, 1).await;
    let whom = json!({ "patientId": world.patient(0) });
    let confirm = format!("/holds/{used_id}/confirm");
    world.post(&confirm, &whom).await.expect(201);
    let late = world
        .post(&format!("/holds/{lost_id}/confirm"), &whom)
        .await;
    assert_eq!((late.status, late.code()), (422, "hold_expired"));
    world.end().await;
}

#[actix_web::test]
async fn sockets_confirm_and_release_and_fifty_rivals_get_nothing() {
    let world = World::new().await;
    let mut socket = world.socket().await;
    let start = world.at(2, 9, 0);
    let made = socket
        .ask(json!({ "type": "hold", "hold": wish(&world, 0, start), "idempotencyKey": "h" }))
        .await;
    let id = made["result"]["id"].clone();
    let rivals = (1..50).map(|n| {
        let mut body = world.booking(n, 0, start);
        body["operatoryId"] = made["result"]["operatoryId"].clone();
        let world = &world;
        async move { world.post("/appointments", &body).await }
    });
    let confirm = json!({ "type": "confirm", "holdId": id, "patientId": world.patient(0) });
    let (answers, booked) =
        futures_util::future::join(futures_util::future::join_all(rivals), socket.ask(confirm))
            .await;
    assert_eq!(booked["type"], "ok", "{booked}");
    for answer in answers {
        assert_eq!((answer.status, answer.code()), (409, "slot_taken"));
    }
    let other = socket
        .ask(json!({ "type": "hold", "hold": wish(&world, 1, start) }))
        .await;
    let release = json!({ "type": "release", "holdId": other["result"]["id"] });
    assert_eq!(socket.ask(release).await["type"], "ok");
    let late = socket
        .ask(json!({ "type": "renew", "holdId": other["result"]["id"] }))
        .await;
    assert_eq!(late["code"], "hold_expired", "{late}");
    world.end().await;
}

/// The frame that follows a dentist's calendar.
fn subscribe(world: &World) -> Value {
    let range = json!({ "from": world.at(0, 0, 0), "to": world.at(40, 0, 0) });
    json!({ "type": "subscribe", "calendar": world.practice.dentists[0].1, "range": range })
}

#[actix_web::test]
async fn whoever_holds_sees_it_as_theirs_and_nobody_else_does() {
    let world = World::new().await;
    let colleague = UserId::new();
    world
        .sql(&format!(
            "INSERT INTO users (id, email, name) \
             VALUES ('{colleague}', 'colleague@example.com', 'Ana'); \
             INSERT INTO memberships (tenant_id, user_id, role) \
             VALUES ('{}', '{colleague}', 'admin')",
            world.practice.tenant
        ))
        .await;
    let mut holder = world.socket().await;
    // The same person in another window, and somebody else.
    let mut window = world.socket().await;
    let mut other = world.bare_socket().await;
    let token = world.token_of(colleague);
    let connected = other
        .ask(json!({ "type": "connect", "token": token }))
        .await;
    assert_eq!(connected["type"], "connected", "{connected}");
    let mut since = Vec::new();
    for socket in [&mut holder, &mut window, &mut other] {
        let first = socket.ask(subscribe(&world)).await;
        assert_eq!(first["entries"], json!([]), "{first}");
        since.push(json!({ "epoch": first["epoch"], "version": first["version"] }));
    }
    let mut frame = wish(&world, 0, world.at(1, 9, 0));
    frame["type"] = json!("hold");
    let held = holder.ask(frame).await;
    assert_eq!(held["type"], "ok", "{held}");
    let mine = |entry: &Value| (entry["kind"].clone(), entry["mine"].clone());
    for ((socket, expected), since) in [
        (&mut holder, json!(true)),
        (&mut window, json!(true)),
        (&mut other, Value::Null),
    ]
    .into_iter()
    .zip(since)
    {
        let delta = socket.next_of("delta").await;
        let put = &delta["ops"][0]["put"];
        assert_eq!(mine(put), (json!("hold"), expected.clone()), "{delta}");
        // The same in a state, and from the log.
        let state = socket.ask(subscribe(&world)).await;
        let entry = &state["entries"][0];
        assert_eq!(mine(entry), (json!("hold"), expected.clone()), "{state}");
        let mut again = subscribe(&world);
        again["since"] = since;
        assert_eq!(socket.ask(again).await["type"], "resumed");
        assert_eq!(&socket.next_of("delta").await["ops"][0]["put"], put);
    }
    let path = format!(
        "/calendars/{}?from={}&to={}",
        world.practice.dentists[0].1,
        world.at(1, 0, 0).format("%Y-%m-%dT%H:%M:%SZ"),
        world.at(2, 0, 0).format("%Y-%m-%dT%H:%M:%SZ"),
    );
    let state = world.get(&path).await.expect(200);
    assert_eq!(state["entries"][0]["mine"], true, "{state}");

    // A search over the socket that made it knows it without a token; others have to show the token.
    let search = |token: Option<&Value>| {
        json!({ "type": "availability", "treatment": world.practice.short,
            "dentist": world.dentist(0), "from": world.at(1, 9, 0), "to": world.at(1, 9, 15),
            "holdToken": token })
    };
    let found = holder.ask(search(None)).await;
    assert_eq!(found["result"]["slots"][0]["mine"], true, "{found}");
    let found = other.ask(search(None)).await;
    assert_eq!(found["result"]["slots"], json!([]), "{found}");
    let found = other.ask(search(Some(&held["result"]["holdToken"]))).await;
    assert_eq!(found["result"]["slots"][0]["mine"], true, "{found}");

    // Once it is a visit, it is nobody's in particular.
    let confirm = json!({ "type": "confirm", "holdId": held["result"]["id"],
        "patientId": world.patient(0) });
    assert_eq!(holder.ask(confirm).await["type"], "ok");
    let delta = holder
        .wait_for(|frame| frame["type"] == "delta" && frame["prev"] == 1)
        .await;
    let puts = delta["ops"].as_array().unwrap().iter();
    let put = puts.map(|op| &op["put"]).find(|put| !put.is_null());
    assert_eq!(mine(put.unwrap()), (json!("appointment"), Value::Null));
    world.end().await;
}
