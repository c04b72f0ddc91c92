//! Series: visits that repeat, in one commit, and what becomes of them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::World;

fn series(world: &World, rrule: &str) -> Value {
    json!({
        "patientId": world.patient(0), "dentistId": world.dentist(0),
        "treatmentId": world.practice.short, "operatoryId": world.practice.operatories[0].0,
        "start": world.at(1, 9, 0), "rrule": rrule,
    })
}

fn verdicts(body: &Value) -> Vec<&str> {
    let all = body["occurrences"].as_array().unwrap().iter();
    all.map(|one| one["verdict"].as_str().unwrap()).collect()
}

fn iso(at: chrono::DateTime<chrono::Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn starts(visits: &Value) -> Vec<String> {
    let mut starts: Vec<String> = visits
        .as_array()
        .unwrap()
        .iter()
        .filter(|visit| visit["status"] != "cancelled")
        .map(|visit| visit["start"].as_str().unwrap().to_owned())
        .collect();
    starts.sort();
    starts
}

#[actix_web::test]
async fn each_policy_does_what_its_preview_says() {
    let world = World::new().await;
    // The third of four weeks is taken.
    let taken = world.at(15, 9, 0);
    world
        .post("/appointments", &world.booking(1, 0, taken))
        .await
        .expect(201);
    let mut body = series(&world, "FREQ=WEEKLY;COUNT=4");
    let preview = world.post("/series/preview", &body).await.expect(200);
    assert_eq!(verdicts(&preview), ["ok", "ok", "refused", "ok"]);
    assert_eq!(preview["id"], Value::Null);
    let refused = &preview["occurrences"][2];
    assert_eq!(
        (&refused["code"], &refused["conflict"]["start"]),
        (&json!("slot_taken"), &json!(taken))
    );

    let whole = world.post("/series", &body).await;
    assert_eq!((whole.status, whole.code()), (409, "slot_taken"));
    assert_eq!(whole.body["refused"].as_array().unwrap().len(), 1);
    assert_eq!(whole.body["refused"][0]["start"], json!(taken));

    body["policy"] = json!("skip");
    let skipped = world.post("/series", &body).await.expect(201);
    assert_eq!(verdicts(&skipped), ["ok", "ok", "refused", "ok"]);
    // The dentist's, the chair's and the patient's calendar, one version each.
    let positions = skipped["positions"].as_object().unwrap();
    assert_eq!(positions.len(), 3);
    assert_eq!(positions[&world.practice.patients[0].1.to_string()], 1);

    body["patientId"] = json!(world.patient(2));
    body["policy"] = json!("nearest");
    body["windowMinutes"] = json!(45);
    let key = [("idempotency-key", "series-1")];
    let nearest = world
        .send_with(Method::POST, "/series", Some(&body), &key)
        .await;
    let again = world
        .send_with(Method::POST, "/series", Some(&body), &key)
        .await;
    assert_eq!(again.headers["idempotent-replay"], "true");
    assert_eq!(again.body, nearest.body);
    let nearest = nearest.expect(201);
    assert_eq!(verdicts(&nearest), ["alternative"; 4]);
    for (week, one) in nearest["occurrences"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        // The later of two that are as near, and in the named chair.
        let expected = world.at(1 + 7 * week as u64, 9, 30);
        assert_eq!(one["slot"]["start"], json!(expected), "{one}");
        assert_eq!(one["slot"]["operatoryId"], body["operatoryId"]);
    }
    let id = nearest["id"].as_str().unwrap();
    let read = world.get(&format!("/series/{id}")).await;
    assert_eq!(read.headers["etag"], "\"1\"");
    let read = read.expect(200);
    assert_eq!(read["appointments"].as_array().unwrap().len(), 4);
    let list = format!(
        "/appointments?from={}&to={}&series={id}",
        iso(world.at(0, 0, 0)),
        iso(world.at(60, 0, 0))
    );
    let list = world.get(&list).await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 4);
    world.end().await;
}

#[actix_web::test]
async fn edits_keep_what_was_changed_on_its_own() {
    let world = World::new().await;
    let made = world
        .post("/series", &series(&world, "FREQ=WEEKLY;COUNT=5"))
        .await
        .expect(201);
    let path = format!("/series/{}", made["id"].as_str().unwrap());
    let visit = |number: usize| {
        let id = &made["occurrences"][number]["appointmentId"];
        id.as_str().unwrap().to_owned()
    };
    // The second moves to the afternoon, the third is cancelled.
    let later = json!({ "start": world.at(8, 16, 0) });
    let moved = world
        .post(&format!("/appointments/{}/reschedule", visit(1)), &later)
        .await
        .expect(200);
    assert_eq!(moved["detached"], true);
    world
        .post(&format!("/appointments/{}/cancel", visit(2)), &json!({}))
        .await
        .expect(200);

    // All to 09:30, which overlaps where they were.
    let edited = world
        .send(
            Method::PATCH,
            &format!("{path}?scope=all"),
            Some(&json!({ "start": world.at(1, 9, 30), "notes": "bring the splint" })),
        )
        .await
        .expect(200);
    assert_eq!(edited["changed"].as_array().unwrap().len(), 3);
    assert_eq!(edited["kept"], json!([visit(1), visit(2)]));
    assert_eq!(edited["version"], 2);
    let read = world.get(&path).await.expect(200);
    let expected = [(1, 9, 30), (8, 16, 0), (22, 9, 30), (29, 9, 30)];
    let expected = expected.map(|(day, hour, minute)| iso(world.at(day, hour, minute)));
    assert_eq!(starts(&read["appointments"]), expected);
    let stale = world
        .send_with(
            Method::PATCH,
            &path,
            Some(&json!({ "notes": null })),
            &[("if-match", "\"1\"")],
        )
        .await;
    assert_eq!((stale.status, stale.code()), (412, "stale"));

    // From the fourth on, longer and with the other dentist; named by the rule's start.
    let fourth = iso(world.at(22, 9, 0));
    let following = world
        .send(
            Method::PATCH,
            &format!("{path}?scope=following&occurrence={fourth}"),
            Some(&json!({ "dentistId": world.dentist(1), "duration": 45 })),
        )
        .await
        .expect(200);
    let changed = following["changed"].as_array().unwrap();
    assert_eq!(changed.len(), 2);
    assert_eq!(changed[0]["dentistId"], json!(world.dentist(1)));
    assert_eq!(changed[0]["end"], json!(world.at(22, 10, 15)));

    // This one alone, and it is an exception from then on.
    let first = visit(0);
    world
        .send(
            Method::PATCH,
            &format!("{path}?scope=this&occurrence={first}"),
            Some(&json!({ "start": world.at(1, 11, 0) })),
        )
        .await
        .expect(200);
    let wrong = json!({ "reasonCode": "aliens" });
    let wrong = world.send(Method::DELETE, &path, Some(&wrong)).await;
    assert_eq!((wrong.status, wrong.code()), (422, "validation"));
    let cancelled = world
        .send(
            Method::DELETE,
            &path,
            Some(&json!({ "reason": "moves away", "reasonCode": "patient_request" })),
        )
        .await
        .expect(200);
    assert_eq!(cancelled["changed"].as_array().unwrap().len(), 2);
    assert_eq!(
        cancelled["changed"][0]["cancelReasonCode"],
        "patient_request"
    );
    let read = world.get(&path).await.expect(200);
    let expected = [(1, 11, 0), (8, 16, 0)];
    let expected = expected.map(|(day, hour, minute)| iso(world.at(day, hour, minute)));
    assert_eq!(starts(&read["appointments"]), expected);
    let nothing_left = world
        .send(Method::DELETE, &format!("{path}?scope=all"), None)
        .await;
    assert_eq!(
        (nothing_left.status, nothing_left.code()),
        (409, "wrong_status")
    );
    world.end().await;
}

#[actix_web::test]
async fn an_edit_that_cannot_be_changes_nothing_and_names_every_visit_in_the_way() {
    let world = World::new().await;
    let made = world
        .post("/series", &series(&world, "FREQ=DAILY;COUNT=4"))
        .await
        .expect(201);
    for day in [2, 4] {
        let booking = world.booking(1, 0, world.at(day, 14, 0));
        world.post("/appointments", &booking).await.expect(201);
    }
    let path = format!("/series/{}", made["id"].as_str().unwrap());
    let refused = world
        .send(
            Method::PATCH,
            &format!("{path}?scope=all"),
            Some(&json!({ "start": world.at(1, 14, 0) })),
        )
        .await;
    assert_eq!((refused.status, refused.code()), (409, "slot_taken"));
    let named: Vec<&Value> = refused.body["refused"].as_array().unwrap().iter().collect();
    assert_eq!(named.len(), 2);
    assert_eq!(
        named[0]["appointmentId"],
        made["occurrences"][1]["appointmentId"]
    );
    let read = world.get(&path).await.expect(200);
    assert_eq!(read["version"], 1);
    assert!(
        starts(&read["appointments"])[0].contains("T14:00"),
        "09:00 in Guayaquil"
    );
    world.end().await;
}

#[actix_web::test]
async fn what_cannot_repeat_says_why() {
    let world = World::new().await;
    let good = series(&world, "FREQ=WEEKLY;COUNT=4");
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    for (body, status, code) in [
        (with("rrule", json!("FREQ=WEEKLY")), 422, "validation"),
        (
            with("rrule", json!("FREQ=WEEKLY;COUNT=105")),
            422,
            "validation",
        ),
        (
            with("rrule", json!("FREQ=YEARLY;COUNT=6")),
            422,
            "validation",
        ),
        (
            with("rrule", json!("FREQ=MINUTELY;COUNT=2")),
            422,
            "validation",
        ),
        (with("rrule", json!("every day")), 422, "validation"),
        (
            with(
                "exdates",
                json!([
                    world.at(1, 9, 0),
                    world.at(8, 9, 0),
                    world.at(15, 9, 0),
                    world.at(22, 9, 0)
                ]),
            ),
            422,
            "validation",
        ),
        (with("policy", json!("maybe")), 422, "validation"),
        (with("windowMinutes", json!(0)), 422, "validation"),
        (with("duration", json!(0)), 422, "validation"),
        (
            with("start", json!(world.at(1, 6, 0))),
            422,
            "outside_hours",
        ),
        (
            with("patientId", json!(uuid::Uuid::new_v4())),
            422,
            "not_your_patient",
        ),
        (
            with("treatmentId", json!(uuid::Uuid::new_v4())),
            404,
            "not_found",
        ),
        // Visits that would overlap each other.
        (
            with("rdates", json!([world.at(1, 9, 15)])),
            409,
            "patient_busy",
        ),
    ] {
        for path in ["/series", "/series/preview"] {
            let refused = world.post(path, &body).await;
            let single = matches!(code, "outside_hours" | "patient_busy");
            if single && path == "/series/preview" {
                assert_eq!(refused.status, 200, "{body}: {refused:?}");
                continue;
            }
            let busy = ["patient_busy", "slot_taken"];
            let same = refused.code() == code
                || (code == "patient_busy" && busy.contains(&refused.code()));
            assert!(
                refused.status == status && same,
                "{path} {body}: {refused:?}"
            );
        }
    }
    let nobody = format!("/series/{}", uuid::Uuid::new_v4());
    assert_eq!(world.get(&nobody).await.status, 404);
    let made = world.post("/series", &good).await.expect(201);
    let path = format!("/series/{}", made["id"].as_str().unwrap());
    for (query, status) in [
        ("scope=this", 422),
        ("scope=some", 422),
        ("scope=this&occurrence=x", 422),
        ("scope=this&occurrence=2020-01-01T09:00:00Z", 404),
    ] {
        let body = json!({ "notes": "x" });
        let refused = world
            .send(Method::PATCH, &format!("{path}?{query}"), Some(&body))
            .await;
        assert_eq!(refused.status, status, "{query}: {refused:?}");
    }
    world.end().await;
}

#[actix_web::test]
async fn frames_book_and_change_series_as_requests_do() {
    let world = World::new().await;
    let mut socket = world.socket().await;
    let calendar = world.practice.dentists[0].1;
    let range = json!({ "from": world.at(0, 0, 0), "to": world.at(60, 0, 0) });
    socket
        .ask(json!({ "type": "subscribe", "calendar": calendar, "range": range }))
        .await;
    let body = series(&world, "RRULE:FREQ=WEEKLY;COUNT=6");
    let preview = socket
        .ask(json!({ "type": "series.preview", "series": body }))
        .await;
    assert_eq!(verdicts(&preview["result"]), ["ok"; 6], "{preview}");
    let made = socket
        .ask(json!({ "type": "series.book", "idempotencyKey": "s", "series": body }))
        .await;
    assert_eq!(made["type"], "ok", "{made}");
    // Six visits are one event.
    let delta = socket.next_of("delta").await;
    assert_eq!(delta["ops"].as_array().unwrap().len(), 6);
    assert_eq!(made["positions"][calendar.to_string()], delta["version"]);
    let again = socket
        .ask(json!({ "type": "series.book", "idempotencyKey": "s", "series": body }))
        .await;
    assert_eq!(
        (&again["replay"], &again["result"]),
        (&json!(true), &made["result"])
    );
    let taken = socket
        .ask(json!({ "type": "series.book", "series": body }))
        .await;
    assert_eq!(taken["type"], "error", "{taken}");
    assert_eq!(taken["refused"].as_array().unwrap().len(), 6);

    let id = made["result"]["id"].clone();
    let edited = socket
        .ask(
            json!({ "type": "series.edit", "seriesId": id, "scope": "all", "version": 1,
            "start": world.at(1, 10, 0) }),
        )
        .await;
    assert_eq!(edited["type"], "ok", "{edited}");
    let delta = socket.next_of("delta").await;
    assert_eq!(
        delta["ops"].as_array().unwrap().len(),
        12,
        "six go, six come"
    );
    let cancelled = socket
        .ask(json!({ "type": "series.cancel", "seriesId": id, "reason": "all well" }))
        .await;
    assert_eq!(cancelled["type"], "ok", "{cancelled}");
    world.end().await;
}
