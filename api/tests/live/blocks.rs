//! Blocks: time off, meetings and cleaning, once and again and again.

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::World;

fn occurrences(block: &Value) -> &Vec<Value> {
    block["occurrences"].as_array().unwrap()
}

fn starts(block: &Value) -> Vec<&str> {
    let starts = occurrences(block).iter();
    starts.map(|one| one["start"].as_str().unwrap()).collect()
}

fn iso(at: chrono::DateTime<chrono::Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[actix_web::test]
async fn nothing_is_blocked_over_a_booking_unless_that_is_wanted() {
    let world = World::new().await;
    let dentist = world.practice.dentists[0];
    let nine = world.at(1, 9, 0);
    let visit = world
        .post("/appointments", &world.booking(0, 0, nine))
        .await;
    let visit = visit.expect(201);
    let mut body = json!({
        "dentistId": dentist.0, "kind": "meeting", "title": "Team",
        "start": world.at(1, 8, 0), "end": world.at(1, 10, 0),
    });
    let refused = world.post("/blocks", &body).await;
    assert_eq!((refused.status, refused.code()), (409, "slot_taken"));
    assert_eq!(refused.body["conflict"]["start"], visit["start"]);
    assert_eq!(refused.body["refused"][0]["appointmentId"], visit["id"]);

    body["allowClashes"] = json!(true);
    let key = [("idempotency-key", "block-1")];
    let made = world
        .send_with(Method::POST, "/blocks", Some(&body), &key)
        .await;
    let again = world
        .send_with(Method::POST, "/blocks", Some(&body), &key)
        .await;
    assert_eq!(again.headers["idempotent-replay"], "true");
    assert_eq!(again.body, made.body);
    assert_eq!(made.headers["etag"], "\"1\"");
    let block = made.expect(201);
    assert_eq!(block["clashes"][0]["appointmentId"], visit["id"]);
    assert_eq!(block["positions"].as_object().unwrap().len(), 1);
    // The visit stays where it is; nothing more is booked there.
    let taken = world
        .post("/appointments", &world.booking(1, 0, world.at(1, 9, 30)))
        .await;
    assert_eq!((taken.status, taken.code()), (409, "slot_taken"));

    let path = format!("/calendars/{}", dentist.1);
    let query = format!(
        "{path}?from={}&to={}",
        iso(world.at(1, 0, 0)),
        iso(world.at(2, 0, 0))
    );
    let entries = world.get(&query).await.expect(200);
    let entry = entries["entries"].as_array().unwrap().iter();
    let entry = entry.clone().find(|one| one["kind"] == "block").unwrap();
    assert_eq!(
        (&entry["title"], &entry["blockId"], &entry["blockKind"]),
        (&json!("Team"), &block["id"], &json!("meeting"))
    );

    let id = block["id"].as_str().unwrap();
    let gone = world
        .send(Method::DELETE, &format!("/blocks/{id}"), None)
        .await
        .expect(200);
    assert_eq!(gone["removed"], json!([entry["id"]]));
    assert_eq!(world.get(&format!("/blocks/{id}")).await.status, 404);
    world
        .post("/appointments", &world.booking(1, 0, world.at(1, 9, 30)))
        .await
        .expect(201);
    world.end().await;
}

#[actix_web::test]
async fn a_block_that_repeats_is_changed_once_from_here_on_or_wholly() {
    let world = World::new().await;
    let body = json!({
        "operatoryId": world.practice.operatories[0].0, "kind": "cleaning",
        "start": world.at(1, 12, 0), "end": world.at(1, 12, 30), "rrule": "FREQ=DAILY;COUNT=5",
        "exdates": [world.at(3, 12, 0)],
    });
    let block = world.post("/blocks", &body).await.expect(201);
    let days = [1, 2, 4, 5];
    let noon: Vec<String> = days.iter().map(|day| iso(world.at(*day, 12, 0))).collect();
    assert_eq!(starts(&block), noon);
    let path = format!("/blocks/{}", block["id"].as_str().unwrap());

    // The second on its own, an hour later.
    let second = occurrences(&block)[1]["id"].as_str().unwrap();
    let moved = world
        .send(
            Method::PATCH,
            &format!("{path}?scope=this&occurrence={second}"),
            Some(&json!({ "start": world.at(2, 13, 0) })),
        )
        .await
        .expect(200);
    assert_eq!(starts(&moved)[1], iso(world.at(2, 13, 0)));
    assert_eq!(occurrences(&moved)[1]["detached"], true);
    assert_eq!(occurrences(&moved)[1]["end"], json!(world.at(2, 13, 30)));

    // All half an hour earlier, and renamed: the second stays.
    let stale = world
        .send_with(
            Method::PATCH,
            &path,
            Some(&json!({ "title": "Late" })),
            &[("if-match", "\"1\"")],
        )
        .await;
    assert_eq!((stale.status, stale.code()), (412, "stale"));
    let all = world
        .send(
            Method::PATCH,
            &format!("{path}?scope=all"),
            Some(&json!({
                "start": world.at(1, 11, 30), "end": world.at(1, 12, 30), "title": "Deep clean",
                "kind": "other",
            })),
        )
        .await
        .expect(200);
    let expected = [(1, 11, 30), (2, 13, 0), (4, 11, 30), (5, 11, 30)];
    let expected = expected.map(|(day, hour, minute)| iso(world.at(day, hour, minute)));
    assert_eq!(starts(&all), expected);
    assert_eq!(all["kind"], "other");
    assert_eq!(occurrences(&all)[0]["end"], json!(world.at(1, 12, 30)));
    let titles: Vec<&Value> = occurrences(&all).iter().map(|one| &one["title"]).collect();
    assert_eq!(titles[0], "Deep clean");
    assert_eq!(titles[1], &Value::Null);

    // From the fourth on nothing.
    let from = iso(world.at(4, 11, 30));
    let gone = world
        .send(
            Method::DELETE,
            &format!("{path}?scope=following&occurrence={from}"),
            None,
        )
        .await
        .expect(200);
    assert_eq!(gone["removed"].as_array().unwrap().len(), 2);
    let list = format!(
        "/blocks?from={}&to={}",
        iso(world.at(0, 0, 0)),
        iso(world.at(9, 0, 0))
    );
    let list = world.get(&list).await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(starts(&list["items"][0]).len(), 2);
    world.send(Method::DELETE, &path, None).await.expect(200);
    world.end().await;
}

#[actix_web::test]
async fn what_cannot_be_blocked_says_why() {
    let world = World::new().await;
    let good = json!({
        "operatoryId": world.practice.operatories[0].0, "kind": "cleaning",
        "start": world.at(1, 12, 0), "end": world.at(1, 12, 30),
    });
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let nobody = uuid::Uuid::new_v4();
    let patient = world.practice.patients[0].1;
    let mut of_a_patient = good.clone();
    of_a_patient["operatoryId"] = Value::Null;
    of_a_patient["calendarId"] = json!(patient);
    for (body, status, code) in [
        (
            with("start", json!(world.at(1, 5, 0))),
            422,
            "outside_hours",
        ),
        (with("end", json!(world.at(1, 12, 0))), 422, "validation"),
        (with("end", json!(world.at(900, 12, 0))), 422, "validation"),
        (with("kind", json!("party")), 422, "validation"),
        (with("rrule", json!("FREQ=HOURLY")), 422, "validation"),
        (with("rrule", json!("FREQ=DAILY")), 422, "validation"),
        (with("operatoryId", json!(nobody)), 404, "not_found"),
        (with("dentistId", json!(nobody)), 422, "validation"),
        (of_a_patient, 404, "not_found"),
        (json!({}), 422, "validation"),
    ] {
        let refused = world.post("/blocks", &body).await;
        assert_eq!(
            (refused.status, refused.code()),
            (status, code),
            "{body}: {refused:?}"
        );
    }
    let mut early = with("start", json!(world.at(1, 5, 0)));
    early["override"] = json!(["outside_hours"]);
    world.post("/blocks", &early).await.expect(201);
    for path in [
        format!("/blocks/{nobody}"),
        format!("/blocks/{nobody}?scope=all"),
    ] {
        let refused = world.send(Method::DELETE, &path, None).await;
        assert_eq!(refused.status, 404, "{path}");
    }
    world.end().await;
}

#[actix_web::test]
async fn frames_block_and_unblock_as_requests_do() {
    let world = World::new().await;
    let mut socket = world.socket().await;
    let calendar = world.practice.dentists[0].1;
    let range = json!({ "from": world.at(0, 0, 0), "to": world.at(9, 0, 0) });
    socket
        .ask(json!({ "type": "subscribe", "calendar": calendar, "range": range }))
        .await;
    let block = json!({
        "calendarId": calendar, "kind": "time_off", "start": world.at(1, 0, 0),
        "end": world.at(3, 0, 0),
    });
    let made = socket.ask(json!({ "type": "block", "block": block })).await;
    assert_eq!(made["type"], "ok", "{made}");
    let delta = socket.next_of("delta").await;
    assert_eq!(delta["ops"][0]["put"]["blockKind"], "time_off", "{delta}");
    assert_eq!(made["positions"][calendar.to_string()], delta["version"]);
    let mut flat = block.clone();
    flat["type"] = json!("block");
    flat["start"] = json!(world.at(5, 0, 0));
    flat["end"] = json!(world.at(5, 1, 0));
    let flat = socket.ask(flat).await;
    assert_eq!(flat["type"], "ok", "{flat}");

    let id = made["result"]["id"].clone();
    let gone = socket
        .ask(json!({ "type": "unblock", "blockId": id }))
        .await;
    assert_eq!(gone["type"], "ok", "{gone}");
    let missing = socket
        .ask(json!({ "type": "unblock", "blockId": id }))
        .await;
    assert_eq!(missing["code"], "not_found");
    world.end().await;
}
