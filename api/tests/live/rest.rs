//! Appointments over REST, as the API's page promises them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::World;

#[actix_web::test]
async fn an_appointments_life() {
    let world = World::new().await;
    let start = world.at(1, 9, 0);
    let booking = world.booking(0, 0, start);
    let created = world.post("/appointments", &booking).await;
    assert_eq!(created.headers["etag"], "\"1\"");
    let appointment = created.expect(201);
    assert_eq!(appointment["positions"].as_object().unwrap().len(), 3);
    assert_eq!(appointment["status"], "scheduled");
    let path = format!("/appointments/{}", appointment["id"].as_str().unwrap());

    let noted = world
        .send_with(
            Method::PATCH,
            &path,
            Some(&json!({ "notes": "calls back" })),
            &[("if-match", "\"1\"")],
        )
        .await
        .expect(200);
    assert_eq!(
        (&noted["version"], &noted["notes"]),
        (&json!(2), &json!("calls back"))
    );
    let stale = [("if-match", "\"1\"")];
    let late = json!({ "start": world.at(1, 10, 0) });
    let refused = world
        .send_with(
            Method::POST,
            &format!("{path}/reschedule"),
            Some(&late),
            &stale,
        )
        .await;
    assert_eq!((refused.status, refused.code()), (412, "stale"));

    let moved = world
        .post(&format!("{path}/reschedule"), &late)
        .await
        .expect(200);
    assert_eq!(
        (&moved["version"], &moved["start"]),
        (&json!(3), &late["start"])
    );
    let longer = world
        .post(&format!("{path}/resize"), &json!({ "duration": 45 }))
        .await
        .expect(200);
    assert_eq!(longer["end"], json!(world.at(1, 10, 45)));
    let taken = world
        .post("/appointments", &world.booking(1, 0, world.at(1, 10, 30)))
        .await;
    assert_eq!((taken.status, taken.code()), (409, "slot_taken"));
    assert_eq!(taken.body["conflict"]["start"], late["start"]);

    for status in ["confirmed", "arrived", "in_chair", "completed"] {
        let body = json!({ "status": status });
        let now = world
            .post(&format!("{path}/status"), &body)
            .await
            .expect(200);
        assert_eq!(now["status"], status);
    }
    let wrong = world
        .post(&format!("{path}/cancel"), &json!({ "reason": "late" }))
        .await;
    assert_eq!((wrong.status, wrong.code()), (409, "wrong_status"));
    let read = world.get(&path).await.expect(200);
    assert_eq!(
        (&read["status"], &read["version"]),
        (&json!("completed"), &json!(8))
    );

    let query = format!(
        "/appointments?from={}&to={}",
        iso(&world, 0),
        iso(&world, 3)
    );
    let list = world.get(&query).await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    world.end().await;
}

fn iso(world: &World, days: u64) -> String {
    world
        .at(days, 0, 0)
        .format("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

#[actix_web::test]
async fn a_repeated_key_gets_the_first_answer() {
    let world = World::new().await;
    let booking = world.booking(0, 0, world.at(1, 9, 0));
    let key = [("idempotency-key", "abc")];
    let first = world
        .send_with(Method::POST, "/appointments", Some(&booking), &key)
        .await;
    assert_eq!(first.headers.get("idempotent-replay"), None);
    let again = world
        .send_with(Method::POST, "/appointments", Some(&booking), &key)
        .await;
    assert_eq!(again.headers["idempotent-replay"], "true");
    assert_eq!(first.body, again.body);
    let mut socket = world.socket().await;
    let over_socket = socket
        .ask(json!({ "type": "book", "idempotencyKey": "abc", "appointment": booking }))
        .await;
    assert_eq!(over_socket["replay"], true, "{over_socket}");
    assert_eq!(over_socket["result"]["id"], first.body["id"]);
    let other = world.booking(1, 0, world.at(2, 9, 0));
    let mismatch = world
        .send_with(Method::POST, "/appointments", Some(&other), &key)
        .await;
    assert_eq!(
        (mismatch.status, mismatch.code()),
        (422, "idempotency_mismatch")
    );
    world.end().await;
}

#[actix_web::test]
async fn what_cannot_be_booked_says_why() {
    let world = World::new().await;
    let nobody = uuid::Uuid::new_v4();
    let good = world.booking(0, 0, world.at(1, 9, 0));
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    for (body, status, code) in [
        (
            with("start", json!(world.at(1, 7, 0))),
            422,
            "outside_hours",
        ),
        (
            with("start", json!(world.at(1, 19, 45))),
            422,
            "outside_hours",
        ),
        (
            with("start", json!(world.at(500, 9, 0))),
            422,
            "beyond_horizon",
        ),
        (
            with("start", json!("2020-01-01T09:00:00-05:00")),
            422,
            "in_the_past",
        ),
        (
            with("start", json!("2027-01-01T09:00:00")),
            422,
            "validation",
        ),
        (
            with(
                "start",
                json!(world.at(1, 9, 0) + chrono::TimeDelta::seconds(1)),
            ),
            422,
            "validation",
        ),
        (with("duration", json!(0)), 422, "validation"),
        (with("override", json!(["slot_taken"])), 422, "validation"),
        (with("patientId", json!(nobody)), 422, "not_your_patient"),
        (with("dentistId", json!(nobody)), 404, "not_found"),
        (with("treatmentId", json!(nobody)), 404, "not_found"),
        (with("operatoryId", json!(nobody)), 404, "not_found"),
        (with("patientId", json!(7)), 422, "validation"),
        (json!([]), 422, "validation"),
    ] {
        let refused = world.post("/appointments", &body).await;
        assert_eq!(
            (refused.status, refused.code()),
            (status, code),
            "{body}: {refused:?}"
        );
    }
    let early = with("start", json!(world.at(1, 7, 0)));
    let mut overridden = early.clone();
    overridden["override"] = json!(["outside_hours"]);
    world.post("/appointments", &overridden).await.expect(201);
    world.end().await;
}

#[actix_web::test]
async fn availability_offers_what_can_be_booked() {
    let world = World::new().await;
    world
        .post("/appointments", &world.booking(0, 0, world.at(1, 9, 0)))
        .await
        .expect(201);
    let query = format!(
        "/availability?treatment={}&dentist={}&from={}&to={}&limit=200",
        world.practice.short,
        world.dentist(0),
        iso(&world, 1),
        iso(&world, 2),
    );
    let slots = world.get(&query).await.expect(200);
    let slots = slots["slots"].as_array().unwrap();
    let starts: Vec<&str> = slots
        .iter()
        .map(|slot| slot["start"].as_str().unwrap())
        .collect();
    let has = |hour, minute| {
        let wanted = world
            .at(1, hour, minute)
            .format("%Y-%m-%dT%H:%M:%SZ")
            .to_string();
        starts.contains(&wanted.as_str())
    };
    // 08:00 to 20:00, every 15 minutes, 30 minutes long; 08:45 to 09:15 would overlap.
    assert!(has(8, 0) && has(8, 30) && has(9, 30) && has(19, 30));
    assert!(!has(8, 45) && !has(9, 0) && !has(9, 15) && !has(19, 45));
    assert_eq!(starts.len(), 47 - 3);
    assert_eq!(slots[0]["alternatives"].as_array().unwrap().len(), 1);
    world.end().await;
}
