//! A practice's public side: guests hold and book, and learn nothing of who is a patient.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Answer, World};

fn wish(world: &World, start: chrono::DateTime<chrono::Utc>) -> Value {
    json!({
        "treatmentId": world.practice.short,
        "dentistId": world.dentist(0),
        "start": start,
    })
}

fn path(world: &World, rest: &str) -> String {
    format!("/public/{}{rest}", world.practice.subdomain)
}

async fn hold(world: &World, session: &str, start: chrono::DateTime<chrono::Utc>) -> Answer {
    let headers = [("x-session-id", session)];
    let holds = path(world, "/holds");
    world
        .send_with(Method::POST, &holds, Some(&wish(world, start)), &headers)
        .await
}

/// Books a time for somebody; answers the booking.
async fn book(world: &World, start: chrono::DateTime<chrono::Utc>, who: &Value) -> Answer {
    let held = hold(world, &start.to_rfc3339(), start).await.expect(201);
    let confirm = path(
        world,
        &format!("/holds/{}/confirm", held["id"].as_str().unwrap()),
    );
    let body = json!({ "patient": who, "holdToken": held["holdToken"] });
    world.post(&confirm, &body).await
}

fn ana() -> Value {
    json!({ "firstName": "Ana", "lastName": "Paz", "email": "Ana@example.com",
        "phone": "+593 99 123 4567" })
}

#[actix_web::test]
async fn a_guest_holds_books_moves_and_cancels() {
    let world = World::new().await;
    let practice = world.get(&path(&world, "")).await.expect(200);
    assert_eq!(practice["zone"], "America/Guayaquil");
    assert_eq!(practice["treatments"].as_array().unwrap().len(), 2);
    assert_eq!(practice["dentists"].as_array().unwrap().len(), 2);
    assert_eq!(practice["policy"]["holdMin"], 5);
    assert_eq!(practice["branding"], json!({}));
    let looks = json!({ "locale": "en", "branding": { "primaryColor": "#0f766e",
        "accentColor": "#f59e0b", "logo": "https://example.com/l.png" } });
    world
        .send(Method::PATCH, "/tenant", Some(&looks))
        .await
        .expect(200);
    let practice = world.get(&path(&world, "")).await.expect(200);
    assert_eq!(practice["branding"], looks["branding"]);
    assert_eq!(practice["locale"], "en");
    assert_eq!(practice["treatments"][0]["name"], "Short");
    let start = world.at(2, 9, 0);
    let search = path(
        &world,
        &format!(
            "/availability?treatment={}&from={}&to={}",
            world.practice.short,
            start.format("%Y-%m-%dT%H:%M:%SZ"),
            world.at(2, 9, 15).format("%Y-%m-%dT%H:%M:%SZ"),
        ),
    );
    let free = world.get(&search).await.expect(200);
    assert_eq!(free["slots"].as_array().unwrap().len(), 2);

    let held = hold(&world, "one", start).await.expect(201);
    assert_eq!(held.get("positions"), None);
    let holds = path(&world, &format!("/holds/{}", held["id"].as_str().unwrap()));
    let token = held["holdToken"].as_str().unwrap();
    let taken = hold(&world, "two", start).await;
    assert_eq!((taken.status, taken.code()), (409, "slot_taken"));
    assert_eq!(taken.body.get("conflict"), None);
    // Not the session's name, the token makes the holder.
    let unproven = [("x-session-id", "one")];
    let refused = world
        .send_with(Method::POST, &format!("{holds}/renew"), None, &unproven)
        .await;
    assert_eq!((refused.status, refused.code()), (404, "not_found"));
    let proven = json!({ "holdToken": token });
    world
        .post(&format!("{holds}/renew"), &proven)
        .await
        .expect(200);
    let confirm = format!("{holds}/confirm");
    let nobody =
        json!({ "patient": { "firstName": "Ana", "lastName": "Paz" }, "holdToken": token });
    let unreachable = world.post(&confirm, &nobody).await;
    assert_eq!(
        (unreachable.status, unreachable.code()),
        (422, "validation")
    );

    let body = json!({ "patient": ana(), "holdToken": token });
    let key = [("idempotency-key", "k")];
    let booked = world
        .send_with(Method::POST, &confirm, Some(&body), &key)
        .await
        .expect(201);
    assert_eq!(booked["dentistName"], "Dentist 0");
    assert_eq!(booked.get("patientId"), None);
    let again = world
        .send_with(Method::POST, &confirm, Some(&body), &key)
        .await;
    assert_eq!(again.headers["idempotent-replay"], "true");
    assert_eq!(again.expect(201), booked);

    let manage = format!(
        "/public/appointments/{}",
        booked["manageToken"].as_str().unwrap()
    );
    let seen = world.get(&manage).await.expect(200);
    assert_eq!(
        (&seen["id"], &seen["status"]),
        (&booked["id"], &json!("scheduled"))
    );
    assert_eq!(
        (&seen["changeable"], seen.get("manageToken")),
        (&json!(true), None)
    );
    let moved = world
        .post(
            &format!("{manage}/reschedule"),
            &json!({ "start": world.at(2, 10, 0) }),
        )
        .await
        .expect(200);
    assert_eq!(moved["start"], json!(world.at(2, 10, 0)));
    let off_grid = world
        .post(
            &format!("{manage}/reschedule"),
            &json!({ "start": world.at(2, 10, 5) }),
        )
        .await;
    assert_eq!(off_grid.code(), "off_grid");
    let cancelled = world
        .post(&format!("{manage}/cancel"), &json!({ "reason": "ill" }))
        .await
        .expect(200);
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(world.get("/public/appointments/nonsense").await.status, 404);

    // Inside the window nothing is changed without calling.
    let soon = book(&world, world.at(1, 8, 0), &ana()).await.expect(201);
    world
        .sql("UPDATE tenants SET policy = '{\"cancellationMin\": 100000}', rules_version = rules_version + 1")
        .await;
    world
        .running_app()
        .engine
        .rules_changed(world.practice.tenant);
    let manage = format!(
        "/public/appointments/{}",
        soon["manageToken"].as_str().unwrap()
    );
    let late = world.post(&format!("{manage}/cancel"), &json!({})).await;
    assert_eq!((late.status, late.code()), (422, "too_soon"));
    world.end().await;
}

#[actix_web::test]
async fn rules_for_the_public_and_what_guests_may_not() {
    let world = World::new().await;
    let good = wish(&world, world.at(2, 9, 0));
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let unknown = uuid::Uuid::new_v4();
    for (body, status, code) in [
        (with("start", json!(world.at(2, 9, 5))), 422, "off_grid"),
        (
            with("start", json!(world.at(2, 7, 0))),
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
        (with("dentistId", json!(unknown)), 404, "not_found"),
        (with("treatmentId", json!(unknown)), 404, "not_found"),
    ] {
        let refused = world.post(&path(&world, "/holds"), &body).await;
        assert_eq!((refused.status, refused.code()), (status, code), "{body}");
    }
    let nowhere = world.get("/public/nowhere").await;
    assert_eq!((nowhere.status, nowhere.code()), (404, "not_found"));
    world
        .sql(&format!(
            "UPDATE treatments SET online_bookable = false WHERE id = '{}';
             UPDATE tenants SET rules_version = rules_version + 1",
            world.practice.short
        ))
        .await;
    world
        .running_app()
        .engine
        .rules_changed(world.practice.tenant);
    let offline = world.post(&path(&world, "/holds"), &good).await;
    assert_eq!((offline.status, offline.code()), (422, "not_offered"));
    let booking = {
        let body = with("treatmentId", json!(world.practice.long));
        world.post(&path(&world, "/holds"), &body).await.expect(201)
    };
    world.sql("UPDATE tenants SET status = 'suspended'").await;
    for (method, rest) in [
        (Method::GET, String::new()),
        (Method::POST, "/holds".to_owned()),
        (
            Method::POST,
            format!("/holds/{}/renew", booking["id"].as_str().unwrap()),
        ),
    ] {
        let refused = world.send(method, &path(&world, &rest), Some(&good)).await;
        assert_eq!(
            (refused.status, refused.code()),
            (403, "suspended"),
            "{rest}"
        );
    }
    world.end().await;
}

#[actix_web::test]
async fn limits_hold_however_guests_ask() {
    let world = World::new().await;
    let same = join_all((0..6).map(|n| hold(&world, "same", world.at(2 + n, 9, 0)))).await;
    let won = |answers: &[Answer]| answers.iter().filter(|one| one.status == 201).count();
    assert_eq!(won(&same), 2, "of one session");
    let names: Vec<String> = (0..6).map(|n| format!("other {n}")).collect();
    let many =
        join_all((0..6).map(|n| hold(&world, &names[n], world.at(10 + n as u64, 9, 0)))).await;
    assert_eq!(won(&many), 1, "the network has three");
    for refused in same.iter().chain(&many).filter(|one| one.status != 201) {
        assert_eq!((refused.status, refused.code()), (422, "hold_limit"));
    }
    world.end().await;

    let world = World::with(|config| api::config::Config {
        public_changes_per_minute: 3,
        ..config
    })
    .await;
    let mut refused = None;
    for n in 0..4 {
        refused = Some(hold(&world, "x", world.at(2 + n, 9, 0)).await);
    }
    let refused = refused.unwrap();
    assert_eq!((refused.status, refused.code()), (429, "rate_limited"));
    assert!(
        refused.headers["retry-after"]
            .to_str()
            .unwrap()
            .parse::<u64>()
            .unwrap()
            > 0
    );
    world.end().await;
}

/// What the practice's own staff see.
async fn patients(world: &World) -> Vec<Value> {
    let list = world.get("/patients?q=Paz").await.expect(200);
    list["items"].as_array().unwrap().clone()
}

#[actix_web::test]
async fn whoever_books_cannot_tell_whether_they_are_known() {
    let world = World::new().await;
    let known = world.post("/patients", &ana()).await.expect(201);
    let first = book(&world, world.at(2, 9, 0), &ana()).await.expect(201);
    let mut stranger = ana();
    stranger["lastName"] = json!("Paz Mora");
    stranger["email"] = json!("mora@example.com");
    stranger["phone"] = json!("+593 99 765 4321");
    let second = book(&world, world.at(3, 9, 0), &stranger).await.expect(201);
    let shape =
        |answer: &Value| -> Vec<String> { answer.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(shape(&first), shape(&second));
    let records = patients(&world).await;
    assert_eq!(
        records.len(),
        2,
        "the known one and the stranger: {records:?}"
    );
    let visits = world
        .get(&format!(
            "/patients/{}/history",
            known["id"].as_str().unwrap()
        ))
        .await;
    let visits = visits.expect(200);
    assert!(
        visits.to_string().contains(first["id"].as_str().unwrap()),
        "{visits}"
    );

    // Somebody who is known and has another visit then hears nothing of it.
    world
        .sql("UPDATE appointments SET status = 'confirmed', version = version")
        .await;
    let mut busy = world.booking(0, 1, world.at(4, 9, 0));
    busy["patientId"] = known["id"].clone();
    busy["operatoryId"] = json!(world.practice.operatories[1].0);
    world.post("/appointments", &busy).await.expect(201);
    let same_time = book(&world, world.at(4, 9, 0), &ana()).await.expect(201);
    assert_eq!(shape(&same_time), shape(&first));
    world
        .sql("UPDATE appointments SET status = 'scheduled' WHERE status = 'confirmed'")
        .await;
    world.end().await;
}

#[actix_web::test]
async fn two_unverified_bookings_for_an_address_or_number() {
    let world = World::with(|config| api::config::Config {
        public_holds_per_address: 20,
        ..config
    })
    .await;
    let people = |n: usize| {
        let mut who = ana();
        who["firstName"] = json!(format!("Ana {n}"));
        match n % 2 {
            0 => who["phone"] = Value::Null,
            _ => who["email"] = Value::Null,
        }
        who
    };
    let books = (0..8).map(|n| {
        let (world, who) = (&world, people(n));
        async move { book(world, world.at(2 + n as u64, 9, 0), &who).await }
    });
    let answers = join_all(books).await;
    let won = answers.iter().filter(|one| one.status == 201).count();
    assert_eq!(won, 4, "two by mail, two by phone: {answers:?}");
    for refused in answers.iter().filter(|one| one.status != 201) {
        assert_eq!((refused.status, refused.code()), (422, "hold_limit"));
    }
    // Who was refused is not left behind as a patient.
    let names = world.get("/patients?q=Paz").await.expect(200);
    assert_eq!(names["items"].as_array().unwrap().len(), 4, "{names}");
    world.end().await;
}

#[actix_web::test]
async fn a_visitors_socket_holds_and_books_like_a_route() {
    let world = World::new().await;
    let mut visitor = world.visitor().await;
    let start = world.at(2, 9, 0);
    let made = visitor
        .ask(json!({ "type": "hold", "hold": wish(&world, start) }))
        .await;
    assert_eq!(made["type"], "ok", "{made}");
    let mut stranger = world.visitor().await;
    let id = made["result"]["id"].clone();
    let theirs = stranger.ask(json!({ "type": "renew", "holdId": id })).await;
    assert_eq!(theirs["code"], "not_found", "{theirs}");
    let token = made["result"]["holdToken"].clone();
    let shown = stranger
        .ask(json!({ "type": "renew", "holdId": id, "holdToken": token }))
        .await;
    assert_eq!(shown["type"], "ok", "{shown}");
    for n in 1..3 {
        let more = visitor
            .ask(json!({ "type": "hold", "hold": wish(&world, world.at(2 + n, 9, 0)) }))
            .await;
        let expected = if n == 1 { "ok" } else { "error" };
        assert_eq!(more["type"], expected, "{more}");
    }
    let nameless = visitor
        .ask(json!({ "type": "confirm", "holdId": id }))
        .await;
    assert_eq!(nameless["code"], "validation", "{nameless}");
    let booked = visitor
        .ask(json!({ "type": "confirm", "holdId": id, "patient": ana() }))
        .await;
    assert_eq!(booked["type"], "ok", "{booked}");
    assert!(booked["result"]["manageToken"].is_string());
    world.end().await;
}

#[actix_web::test]
async fn a_full_plan_takes_no_guests_known_or_not() {
    let world = World::new().await;
    let start = |hour| world.at(3, hour, 0);
    book(&world, start(9), &ana()).await.expect(201);
    world
        .sql(
            "CREATE OR REPLACE FUNCTION plan_patients_max(plan text) RETURNS integer
             LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT 61'",
        )
        .await;
    let eva = json!({ "firstName": "Eva", "lastName": "Luna", "email": "eva@example.com" });
    for (hour, who) in [(10, &ana()), (11, &eva)] {
        let refused = book(&world, start(hour), who).await;
        assert_eq!((refused.status, refused.code()), (422, "plan_limit"));
    }
    world
        .until_rows("patients WHERE first_name = 'Ana'", 1)
        .await;
    // Room again: the hold that was refused still counts.
    let archive = format!("/patients/{}/archive", world.patient(7));
    world.post(&archive, &json!({})).await.expect(200);
    book(&world, start(12), &eva).await.expect(201);
    world.end().await;
}
