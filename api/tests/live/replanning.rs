//! Swaps, replanned days, the status flow and what staff may override.

use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use reqwest::Method;
use schema::schema::audit_log;
use serde_json::{Value, json};

use crate::world::World;

async fn booked(
    world: &World,
    patient: usize,
    dentist: usize,
    chair: usize,
    at: (u64, u32, u32),
) -> Value {
    let mut booking = world.booking(patient, dentist, world.at(at.0, at.1, at.2));
    booking["operatoryId"] = json!(world.practice.operatories[chair].0);
    world.post("/appointments", &booking).await.expect(201)
}

fn path(appointment: &Value, what: &str) -> String {
    format!(
        "/appointments/{}{what}",
        appointment["id"].as_str().unwrap()
    )
}

#[actix_web::test]
async fn two_visits_change_places_at_once_or_not_at_all() {
    let world = World::new().await;
    let first = booked(&world, 0, 0, 0, (1, 9, 0)).await;
    let second = booked(&world, 1, 1, 1, (2, 15, 0)).await;
    let ids = json!([first["id"], second["id"]]);
    let stale = json!({ "appointmentIds": ids, "versions": [1, 7] });
    let stale = world.post("/appointments/swap", &stale).await;
    assert_eq!((stale.status, stale.code()), (412, "stale"));
    let body = json!({ "appointmentIds": ids, "versions": [1, 1] });
    let swapped = world.post("/appointments/swap", &body).await.expect(200);
    let [one, other] = [&swapped["appointments"][0], &swapped["appointments"][1]];
    for field in ["start", "dentistId", "operatoryId"] {
        assert_eq!(one[field], second[field], "{field}");
        assert_eq!(other[field], first[field], "{field}");
    }
    assert_eq!(
        (&one["version"], &one["patientId"]),
        (&json!(2), &first["patientId"])
    );
    assert_eq!(swapped["positions"].as_object().unwrap().len(), 6);

    // A neighbour in the same chair: times alone, and the two overlap each other's old ones.
    let mut long = world.booking(2, 0, world.at(3, 9, 0));
    long["duration"] = json!(60);
    let long = world.post("/appointments", &long).await.expect(201);
    let next = booked(&world, 3, 0, 0, (3, 10, 0)).await;
    let third = booked(&world, 4, 0, 0, (3, 10, 30)).await;
    let body = json!({ "appointmentIds": [long["id"], next["id"]] });
    let refused = world.post("/appointments/swap", &body).await;
    assert_eq!((refused.status, refused.code()), (409, "slot_taken"));
    assert_eq!(refused.body["refused"][0]["appointmentId"], long["id"]);
    world
        .post(&path(&third, "/cancel"), &json!({}))
        .await
        .expect(200);
    let mut socket = world.socket().await;
    let over = socket
        .ask(json!({ "type": "swap", "appointmentIds": [long["id"], next["id"]] }))
        .await;
    assert_eq!(over["type"], "ok", "{over}");

    for body in [
        json!({ "appointmentIds": [long["id"], long["id"]] }),
        json!({ "appointmentIds": [long["id"]] }),
        json!({}),
    ] {
        let refused = world.post("/appointments/swap", &body).await;
        assert_eq!(refused.status, 422, "{body}");
    }
    let wrong = json!({ "appointmentIds": [third["id"], next["id"]] });
    let wrong = world.post("/appointments/swap", &wrong).await;
    assert_eq!((wrong.status, wrong.code()), (409, "wrong_status"));
    world.end().await;
}

#[actix_web::test]
async fn a_move_that_overlaps_itself_takes_another_chair_and_keeps_the_patients_time() {
    let world = World::new().await;
    let visit = booked(&world, 0, 0, 0, (1, 9, 0)).await;
    booked(&world, 1, 1, 0, (1, 9, 30)).await;
    let patient = world.practice.patients[0].1.to_string();
    // The chair is taken from 09:30 on: the other one, a quarter of an hour later.
    let moved = world
        .post(
            &path(&visit, "/reschedule"),
            &json!({ "start": world.at(1, 9, 15), "operatoryId": world.practice.operatories[1].0 }),
        )
        .await
        .expect(200);
    assert_eq!(moved["operatoryId"], json!(world.practice.operatories[1].0));
    // Dentist, both chairs, patient.
    assert_eq!(moved["positions"].as_object().unwrap().len(), 4);
    assert_eq!(moved["positions"][&patient], 2);
    // The patient's old quarter is free, the new one is not.
    let mut early = world.booking(0, 1, world.at(1, 8, 45));
    early["operatoryId"] = json!(world.practice.operatories[0].0);
    world.post("/appointments", &early).await.expect(201);
    let mut late = early.clone();
    late["start"] = json!(world.at(1, 9, 40));
    late["operatoryId"] = json!(world.practice.operatories[1].0);
    late["dentistId"] = json!(world.dentist(1));
    let busy = world.post("/appointments", &late).await;
    assert!(
        ["patient_busy", "slot_taken"].contains(&busy.code()),
        "{busy:?}"
    );
    world.end().await;
}

#[actix_web::test]
async fn a_dentists_day_is_shifted_moved_reassigned_or_cancelled_in_one_moment() {
    let world = World::new().await;
    let date = world.at(1, 0, 0);
    let date = date
        .with_timezone(&chrono_tz::America::Guayaquil)
        .date_naive();
    let day = json!({ "dentistId": world.dentist(0), "date": date });
    let with = |more: Value| {
        let mut body = day.clone();
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let first = booked(&world, 0, 0, 0, (1, 9, 0)).await;
    let second = booked(&world, 1, 0, 0, (1, 9, 30)).await;
    let last = booked(&world, 2, 0, 0, (1, 19, 30)).await;

    // Half an hour late: the last one would end after hours.
    let late = with(json!({ "action": "shift", "minutes": 30 }));
    let preview = world.post("/replan/preview", &late).await.expect(200);
    let verdicts: Vec<&Value> = preview["items"].as_array().unwrap().iter().collect();
    assert_eq!(verdicts[0]["verdict"], "moved");
    assert_eq!(verdicts[1]["to"]["start"], json!(world.at(1, 10, 0)));
    assert_eq!(
        (&verdicts[2]["verdict"], &verdicts[2]["code"]),
        (&json!("refused"), &json!("outside_hours"))
    );
    let refused = world.post("/replan", &late).await;
    assert_eq!((refused.status, refused.code()), (422, "outside_hours"));
    assert_eq!(refused.body["refused"][0]["appointmentId"], last["id"]);
    // The plan that the preview gave leaves that one out.
    let plan = json!({ "plan": preview["plan"] });
    let key = [("idempotency-key", "replan-1")];
    let done = world
        .send_with(Method::POST, "/replan", Some(&plan), &key)
        .await
        .expect(200);
    assert_eq!(done["items"].as_array().unwrap().len(), 2);
    assert_eq!(done["items"][0]["version"], 2);
    assert_eq!(
        done["positions"].as_object().unwrap().len(),
        4,
        "dentist, chair, two patients"
    );
    let replay = world
        .send_with(Method::POST, "/replan", Some(&plan), &key)
        .await;
    assert_eq!(replay.headers["idempotent-replay"], "true");
    let stale = world.post("/replan", &plan).await;
    assert_eq!((stale.status, stale.code()), (412, "stale"));

    // To the other dentist, whose 09:30 is taken.
    booked(&world, 3, 1, 1, (1, 9, 30)).await;
    let ill = with(json!({ "action": "reassign", "toDentistId": world.dentist(1) }));
    let refused = world.post("/replan", &ill).await;
    assert_eq!((refused.status, refused.code()), (409, "slot_taken"));
    assert_eq!(refused.body["refused"].as_array().unwrap().len(), 1);
    let mut skip = ill.clone();
    skip["policy"] = json!("skip");
    let mut socket = world.socket().await;
    skip["type"] = json!("replan.preview");
    let over = socket.ask(skip.clone()).await;
    assert_eq!(
        over["result"]["plan"].as_array().unwrap().len(),
        2,
        "{over}"
    );
    skip["type"] = json!("replan");
    let over = socket.ask(skip).await;
    assert_eq!(over["type"], "ok", "{over}");
    let read = world.get(&path(&first, "")).await.expect(200);
    assert_eq!(
        read["dentistId"],
        json!(world.dentist(0)),
        "the one that was left"
    );
    let read = world.get(&path(&second, "")).await.expect(200);
    assert_eq!(read["dentistId"], json!(world.dentist(1)));

    // What is left moves to another day, to the same hour.
    let other = date.succ_opt().unwrap();
    let moved = with(json!({ "action": "move", "dates": [other] }));
    let moved = world.post("/replan", &moved).await.expect(200);
    assert_eq!(moved["items"][0]["to"]["start"], json!(world.at(2, 9, 30)));

    let gone = json!({
        "dentistId": world.dentist(0), "from": world.at(2, 0, 0), "to": world.at(3, 0, 0),
        "action": "cancel", "reason": "ill", "reasonCode": "provider_ill",
        "appointmentIds": [first["id"]],
    });
    let gone = world.post("/replan", &gone).await.expect(200);
    assert_eq!(gone["items"][0]["verdict"], "cancelled");
    let read = world.get(&path(&first, "")).await.expect(200);
    assert_eq!(
        (&read["status"], &read["cancelReasonCode"]),
        (&json!("cancelled"), &json!("provider_ill"))
    );

    for (body, status) in [
        (json!({}), 422),
        (with(json!({ "action": "shift" })), 422),
        (with(json!({ "action": "move" })), 422),
        (with(json!({ "action": "dance" })), 422),
        (
            with(json!({ "action": "cancel", "appointmentIds": [uuid::Uuid::new_v4()] })),
            404,
        ),
        (
            json!({ "plan": [{ "appointmentId": uuid::Uuid::new_v4(), "cancel": true }] }),
            404,
        ),
        (json!({ "plan": [{ "appointmentId": last["id"] }] }), 422),
        (json!({ "plan": [] }), 422),
    ] {
        let refused = world.post("/replan", &body).await;
        assert_eq!(refused.status, status, "{body}: {refused:?}");
    }
    world.end().await;
}

#[actix_web::test]
async fn a_cancellation_is_undone_only_while_the_time_is_free() {
    let world = World::new().await;
    let visit = booked(&world, 0, 0, 0, (1, 9, 0)).await;
    let body = json!({ "reason": "flu", "reasonCode": "patient_ill" });
    let cancelled = world
        .post(&path(&visit, "/cancel"), &body)
        .await
        .expect(200);
    assert_eq!(cancelled["cancelReasonCode"], "patient_ill");
    // What is noted of it is kept although it takes no time.
    let noted = world
        .send(
            Method::PATCH,
            &path(&visit, ""),
            Some(&json!({ "notes": "call again" })),
        )
        .await
        .expect(200);
    assert_eq!(noted["version"], 3);
    let read = world.get(&path(&visit, "")).await.expect(200);
    assert_eq!(read["notes"], "call again");

    let other = booked(&world, 1, 0, 0, (1, 9, 15)).await;
    let undo = json!({ "status": "confirmed" });
    let taken = world.post(&path(&visit, "/status"), &undo).await;
    assert_eq!((taken.status, taken.code()), (409, "slot_taken"));
    world
        .post(&path(&other, "/cancel"), &json!({}))
        .await
        .expect(200);
    let undone = world
        .post(&path(&visit, "/status"), &undo)
        .await
        .expect(200);
    assert_eq!(
        (
            &undone["status"],
            &undone["cancelReasonCode"],
            &undone["start"]
        ),
        (&json!("confirmed"), &Value::Null, &visit["start"])
    );
    let again = world
        .post("/appointments", &world.booking(1, 0, world.at(1, 9, 0)))
        .await;
    assert_eq!(again.code(), "slot_taken", "the time is taken again");
    let wrong = world.post(&path(&visit, "/status"), &undo).await;
    assert_eq!((wrong.status, wrong.code()), (409, "wrong_status"));
    let unknown = world
        .post(&path(&visit, "/cancel"), &json!({ "reasonCode": "aliens" }))
        .await;
    assert_eq!((unknown.status, unknown.code()), (422, "validation"));
    world.end().await;
}

#[actix_web::test]
async fn overrides_are_named_kept_in_the_log_and_never_of_time_that_is_taken() {
    let world = World::new().await;
    booked(&world, 0, 0, 0, (1, 9, 0)).await;
    let mut over = world.booking(1, 0, world.at(1, 9, 0));
    for code in ["slot_taken", "patient_busy"] {
        over["override"] = json!([code]);
        let refused = world.post("/appointments", &over).await;
        assert_eq!((refused.status, refused.code()), (422, "validation"));
        let text = refused.body["errors"][0]["message"].as_str().unwrap();
        assert!(text.contains("taken"), "{text}");
    }
    // All that may be overridden at once does not free what is taken.
    let all = json!([
        "outside_hours",
        "too_soon",
        "beyond_horizon",
        "daily_cap",
        "no_assignment",
        "off_grid"
    ]);
    over["override"] = all;
    let refused = world.post("/appointments", &over).await;
    assert_eq!((refused.status, refused.code()), (409, "slot_taken"));

    // Two rules in one booking: both are in the log, and only those that were broken.
    let mut far = world.booking(1, 0, world.at(500, 6, 0));
    far["override"] = json!(["outside_hours", "beyond_horizon", "no_assignment"]);
    let far = world.post("/appointments", &far).await.expect(201);
    let id: uuid::Uuid = far["id"].as_str().unwrap().parse().unwrap();
    let mut owner = AsyncPgConnection::establish(&world.db.url).await.unwrap();
    let logged: Vec<Vec<Option<String>>> = audit_log::table
        .filter(audit_log::subject_id.eq(id))
        .select(audit_log::overrides)
        .load(&mut owner)
        .await
        .unwrap();
    let expected = ["outside_hours", "beyond_horizon"].map(|code| Some(code.to_owned()));
    assert_eq!(logged, [expected]);
    world.end().await;
}
