//! Following calendars: a state, then every change once; again after a break; no more than one may
//! see.

use schema::test_db::practice::Practice;
use serde_json::{Value, json};

use crate::socket::Socket;
use crate::world::World;

fn range(world: &World) -> Value {
    json!({ "from": world.at(0, 0, 0), "to": world.at(40, 0, 0) })
}

fn subscribe(world: &World, calendar: impl serde::Serialize) -> Value {
    json!({ "type": "subscribe", "calendar": calendar, "range": range(world) })
}

#[actix_web::test]
async fn one_books_and_the_other_sees_it() {
    let world = World::new().await;
    let calendar = world.practice.dentists[0].1;
    let (mut reception, mut dentist) = (world.socket().await, world.socket().await);
    let snapshot = dentist.ask(subscribe(&world, calendar)).await;
    assert_eq!(snapshot["type"], "snapshot");
    assert_eq!(
        (&snapshot["version"], &snapshot["entries"]),
        (&json!(0), &json!([]))
    );

    let start = world.at(1, 9, 0);
    let mut body = world.booking(0, 0, start);
    body["notes"] = json!("nervous");
    let booked = reception
        .ask(json!({ "type": "book", "appointment": body }))
        .await;
    assert_eq!(booked["type"], "ok", "{booked}");
    assert_eq!(booked["positions"][calendar.to_string()], 1);
    assert_eq!(booked["result"]["notes"], "nervous");

    let delta = dentist.next_of("delta").await;
    assert_eq!((&delta["prev"], &delta["version"]), (&json!(0), &json!(1)));
    assert_eq!(delta["epoch"], snapshot["epoch"]);
    let entry = &delta["ops"][0]["put"];
    assert_eq!(entry["kind"], "appointment");
    assert_eq!(entry["appointment"]["id"], booked["result"]["id"]);
    assert_eq!(entry["appointment"]["patientName"], "Patient Number 0");
    assert_eq!(entry["appointment"]["treatmentName"], "Corta");

    let id = booked["result"]["id"].clone();
    let later = world.at(1, 9, 15);
    let moved = reception
        .ask(json!({ "type": "reschedule", "appointmentId": id, "version": 1, "start": later }))
        .await;
    assert_eq!(moved["result"]["version"], 2, "{moved}");
    let delta = dentist.next_of("delta").await;
    assert_eq!(delta["ops"][0]["del"], entry["id"]);
    assert_eq!(delta["ops"][1]["put"]["start"], json!(later));

    let gone = reception
        .ask(json!({ "type": "cancel", "appointmentId": id, "reason": "flu" }))
        .await;
    assert_eq!(gone["result"]["status"], "cancelled", "{gone}");
    let delta = dentist.next_of("delta").await;
    assert_eq!(delta["ops"].as_array().unwrap().len(), 1);
    assert!(delta["ops"][0]["del"].is_string());
    world.end().await;
}

/// Applies what a follower hears by the client's rule; ends at `version`.
async fn follow_to(socket: &mut Socket, state: &mut Vec<Value>, mut at: i64, version: i64) -> i64 {
    while at < version {
        let delta = socket.next_of("delta").await;
        assert_eq!(delta["prev"], at, "no version is missed or told twice");
        at = delta["version"].as_i64().unwrap();
        for op in delta["ops"].as_array().unwrap() {
            let id = op["del"].as_str().or(op["put"]["id"].as_str()).unwrap();
            state.retain(|entry| entry["id"] != id);
            state.extend(op.get("put").cloned());
        }
    }
    at
}

#[actix_web::test]
async fn a_reconnect_resumes_where_it_was() {
    let world = World::new().await;
    let calendar = world.practice.dentists[0].1;
    let mut reception = world.socket().await;
    let mut dentist = world.socket().await;
    let snapshot = dentist.ask(subscribe(&world, calendar)).await;
    let mut state: Vec<Value> = Vec::new();
    let book = |n: usize| json!({ "type": "book", "appointment": world.booking(n, 0, world.at(1 + n as u64, 9, 0)) });
    for n in 0..3 {
        assert_eq!(reception.ask(book(n)).await["type"], "ok");
    }
    let at = follow_to(&mut dentist, &mut state, 0, 3).await;
    drop(dentist);
    for n in 3..8 {
        assert_eq!(reception.ask(book(n)).await["type"], "ok");
    }

    let mut dentist = world.socket().await;
    let mut again = subscribe(&world, calendar);
    again["since"] = json!({ "epoch": snapshot["epoch"], "version": at });
    let resumed = dentist.ask(again.clone()).await;
    assert_eq!(
        (&resumed["type"], &resumed["version"]),
        (&json!("resumed"), &json!(8))
    );
    follow_to(&mut dentist, &mut state, at, 8).await;

    let now = world
        .get(&format!(
            "/calendars/{calendar}?from={}&to={}",
            text(&world, 0),
            text(&world, 40)
        ))
        .await
        .expect(200);
    assert_eq!(now["version"], 8);
    let sorted = |entries: &[Value]| {
        let mut sorted = entries.to_vec();
        sorted.sort_by_key(|entry| entry["id"].to_string());
        sorted
    };
    assert_eq!(sorted(&state), sorted(now["entries"].as_array().unwrap()));

    for since in [
        json!({ "epoch": "another", "version": at }),
        json!({ "epoch": snapshot["epoch"], "version": 99 }),
    ] {
        again["since"] = since;
        assert_eq!(dentist.ask(again.clone()).await["type"], "snapshot");
    }
    let log = world
        .get(&format!("/calendars/{calendar}/events?after=3"))
        .await
        .expect(200);
    assert_eq!(log["items"].as_array().unwrap().len(), 5);
    assert_eq!(
        world
            .get(&format!("/calendars/{calendar}/events?after=99"))
            .await
            .code(),
        "position_gone"
    );
    world.end().await;
}

fn text(world: &World, days: u64) -> String {
    world
        .at(days, 0, 0)
        .format("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

#[actix_web::test]
async fn another_practice_sees_busy_in_the_shared_operatory_and_nothing_else() {
    let world = World::new().await;
    let neighbour = Practice::seed_sharing(&world.db, &world.practice, 1).await;
    let (dentist, chair) = (
        world.practice.dentists[0].1,
        world.practice.operatories[0].1,
    );
    let mut theirs = world.bare_socket().await;
    let token = world.token_of(neighbour.owner);
    theirs
        .ask(json!({ "type": "connect", "token": token }))
        .await;

    let hidden = theirs.ask(subscribe(&world, dentist)).await;
    assert_eq!(
        (&hidden["type"], &hidden["code"]),
        (&json!("error"), &json!("not_found"))
    );
    let patient = world.practice.patients[0].1;
    assert_eq!(
        theirs.ask(subscribe(&world, patient)).await["code"],
        "not_found"
    );
    assert_eq!(
        theirs.ask(subscribe(&world, chair)).await["type"],
        "snapshot"
    );

    let mut ours = world.socket().await;
    let book = json!({ "type": "book", "appointment": world.booking(0, 0, world.at(1, 9, 0)) });
    let booked = ours.ask(book).await;
    assert_eq!(booked["type"], "ok");
    let delta = theirs.next_of("delta").await;
    assert_eq!(delta.get("tx"), None);
    let entry = delta["ops"][0]["put"].as_object().unwrap();
    let mut fields: Vec<&str> = entry.keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["end", "id", "kind", "start"]);
    assert_eq!(entry["kind"], "busy");

    let id = &booked["result"]["id"];
    let cancelled = theirs
        .ask(json!({ "type": "cancel", "appointmentId": id }))
        .await;
    assert_eq!(cancelled["code"], "not_found");
    let not_a_member = json!({ "type": "subscribe", "calendar": chair, "range": range(&world), "tenant": world.practice.tenant });
    assert_eq!(theirs.ask(not_a_member).await["code"], "forbidden");
    world.end().await;
}

#[actix_web::test]
async fn an_ended_membership_ends_the_feed() {
    let world = World::new().await;
    let calendar = world.practice.dentists[0].1;
    let mut socket = world.socket().await;
    assert_eq!(
        socket.ask(subscribe(&world, calendar)).await["type"],
        "snapshot"
    );
    world.sql("UPDATE memberships SET status = 'ended'").await;
    let refresh = json!({ "type": "refresh", "token": world.token() });
    assert_eq!(socket.ask(refresh).await["type"], "connected");
    let reset = socket.next_of("reset").await;
    assert_eq!(
        (&reset["calendar"], &reset["reason"]),
        (&json!(calendar), &json!("forbidden"))
    );
    let body = world.booking(0, 0, world.at(1, 9, 0));
    let refused = socket
        .ask(json!({ "type": "book", "appointment": body }))
        .await;
    assert_eq!(refused["code"], "forbidden");
    world.end().await;
}
