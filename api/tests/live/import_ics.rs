//! `denticloud import-ics` as its user runs it, beside a running server.

use std::process::{Command, Output};

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::world::World;

fn event(uid: &str, start: DateTime<Utc>, minutes: i64) -> String {
    let stamp = |at: DateTime<Utc>| at.format("%Y%m%dT%H%M%SZ").to_string();
    let end = start + chrono::TimeDelta::minutes(minutes);
    format!(
        "BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:{}\r\nDTEND:{}\r\n\
         SUMMARY:Private\r\nEND:VEVENT\r\n",
        stamp(start),
        stamp(end)
    )
}

fn file(events: &[String]) -> String {
    let events = events.concat();
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Test//EN\r\n{events}END:VCALENDAR\r\n")
}

/// Runs the program.
fn run(world: &World, text: &str) -> Output {
    let folder = std::env::temp_dir().join(format!("ics-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("holiday plans.ics");
    std::fs::write(&path, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_denticloud"))
        .args([
            "import-ics",
            "--calendar",
            &world.practice.dentists[0].1.to_string(),
        ])
        .arg(&path)
        .env("DATABASE_URL", &world.db.url)
        .output()
        .unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    output
}

/// What the program prints when it succeeds.
fn import(world: &World, text: &str) -> String {
    let output = run(world, text);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[actix_web::test]
async fn imported_times_are_taken_live_and_importing_again_changes_nothing() {
    let world = World::new().await;
    let calendar = world.practice.dentists[0].1;
    let mut follower = world.socket().await;
    let subscribe = json!({
        "type": "subscribe",
        "calendar": calendar,
        "range": { "from": world.at(0, 0, 0), "to": world.at(10, 0, 0) },
    });
    follower.ask(subscribe).await;
    world
        .post("/appointments", &world.booking(0, 0, world.at(2, 9, 0)))
        .await
        .expect(201);
    follower.next_of("delta").await;

    let both = file(&[
        event("a", world.at(1, 9, 0), 60),
        event("b", world.at(2, 8, 0), 120),
    ]);
    let told = import(&world, &both);
    assert!(
        told.contains("2 busy times added, 0 removed, 0 unchanged"),
        "{told}"
    );
    assert_eq!(told.matches("clash:").count(), 1, "{told}");
    let delta = follower.next_of("delta").await;
    assert_eq!(delta["ops"].as_array().unwrap().len(), 2);
    assert_eq!(delta["ops"][0]["put"]["kind"], "external");
    assert_eq!(delta["ops"][0]["put"]["title"], "Private");

    let told = import(&world, &both);
    assert!(
        told.contains("0 busy times added, 0 removed, 2 unchanged"),
        "{told}"
    );
    let taken = world
        .post("/appointments", &world.booking(1, 0, world.at(1, 9, 30)))
        .await;
    assert_eq!((taken.status, taken.code()), (409, "slot_taken"));

    let moved = file(&[event("a", world.at(1, 15, 0), 60), "BEGIN:VEVENT\r\nUID:c\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20270101T090000Z\r\nDTEND:20270101T100000Z\r\nTRANSP:TRANSPARENT\r\nEND:VEVENT\r\n".to_owned()]);
    let told = import(&world, &moved);
    assert!(
        told.contains("1 busy times added, 2 removed, 0 unchanged"),
        "{told}"
    );
    assert!(told.contains("(c): shown as free"), "{told}");
    follower.next_of("delta").await;
    world
        .post("/appointments", &world.booking(1, 0, world.at(1, 9, 30)))
        .await
        .expect(201);
    let other = run(&world, "not a calendar");
    assert_eq!(other.status.code(), Some(1), "{other:?}");
    world.end().await;
}
