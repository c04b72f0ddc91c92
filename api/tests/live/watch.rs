//! `denticloud watch`: somebody at a terminal sees what happens on a calendar.

use std::process::Stdio;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::world::World;

fn watch(world: &World, token: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_denticloud"));
    command
        .arg("watch")
        .args(["--calendar", &world.practice.dentists[0].1.to_string()])
        .args(["--url", &world.url()])
        .args(["--token", token])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

#[actix_web::test]
async fn changes_are_printed_as_they_come() {
    let world = World::new().await;
    let mut child = watch(&world, &world.token()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = async || lines.next_line().await.unwrap().expect("it goes on");
    assert_eq!(next().await, "version 0");

    let mut reception = world.socket().await;
    let start = world.at(1, 9, 0);
    let body = world.booking(0, 0, start);
    let booked = reception
        .ask(json!({ "type": "book", "appointment": body }))
        .await;
    assert!(next().await.starts_with("version 1  "));
    let added = next().await;
    let start = json!(start).as_str().unwrap().to_owned();
    assert!(added.starts_with(&format!("+ {start}")), "{added}");
    assert!(
        added.ends_with("scheduled  Patient Number 0  Corta"),
        "{added}"
    );

    let cancel = json!({ "type": "cancel", "appointmentId": booked["result"]["id"] });
    assert_eq!(reception.ask(cancel).await["type"], "ok");
    assert!(next().await.starts_with("version 2  "));
    assert_eq!(next().await, added.replacen('+', "-", 1));
    child.kill().await.unwrap();
    world.end().await;
}

#[actix_web::test]
async fn whoever_may_not_look_is_told_and_it_ends() {
    let world = World::new().await;
    let refused = watch(&world, "a.b.c").output().await.unwrap();
    assert!(!refused.status.success());
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.starts_with("denticloud: unauthorized: "), "{text}");
    world.end().await;
}
