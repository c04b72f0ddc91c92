//! Fifty clients, one time: exactly one gets it, over REST and over the socket, however the wishes
//! overlap.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::world::World;

const CLIENTS: usize = 50;
const ROUNDS: u64 = 20;

/// One 201; everybody else hears a code of `refusals`.
#[track_caller]
fn assert_one_winner(round: u64, answers: &[(u16, String)], refusals: &[&str]) {
    let won = answers.iter().filter(|(status, _)| *status == 201).count();
    assert_eq!(won, 1, "round {round}: {answers:?}");
    for (status, code) in answers.iter().filter(|(status, _)| *status != 201) {
        assert_eq!(*status, 409, "{code}");
        assert!(refusals.contains(&code.as_str()), "{code}");
    }
}

async fn over_rest(world: &World, bodies: Vec<Value>) -> Vec<(u16, String)> {
    let asks = bodies.iter().map(|body| world.post("/appointments", body));
    let answers = join_all(asks).await;
    answers
        .iter()
        .map(|answer| (answer.status, answer.code().to_owned()))
        .collect()
}

async fn over_sockets(world: &World, bodies: Vec<Value>) -> Vec<(u16, String)> {
    let mut sockets = join_all(bodies.iter().map(|_| world.socket())).await;
    let asks = sockets
        .iter_mut()
        .zip(bodies)
        .map(|(socket, body)| socket.ask(json!({ "type": "book", "appointment": body })));
    let answers = join_all(asks).await;
    answers
        .iter()
        .map(|answer| match answer["type"].as_str() {
            Some("ok") => (201, String::new()),
            _ => (409, answer["code"].as_str().unwrap().to_owned()),
        })
        .collect()
}

#[actix_web::test]
async fn the_same_time_over_rest() {
    let world = World::new().await;
    for round in 0..ROUNDS {
        let start = world.at(1 + round, 11, 30);
        let bodies = (0..CLIENTS).map(|n| world.booking(n, 0, start)).collect();
        assert_one_winner(round, &over_rest(&world, bodies).await, &["slot_taken"]);
    }
    world.end().await;
}

#[actix_web::test]
async fn the_same_time_over_sockets() {
    let world = World::new().await;
    for round in 0..ROUNDS {
        let start = world.at(1 + round, 11, 30);
        let bodies = (0..CLIENTS).map(|n| world.booking(n, 0, start)).collect();
        assert_one_winner(round, &over_sockets(&world, bodies).await, &["slot_taken"]);
    }
    world.end().await;
}

#[actix_web::test]
async fn overlapping_starts_and_lengths() {
    let world = World::new().await;
    for round in 0..ROUNDS {
        let start = world.at(1 + round, 11, 30);
        let bodies: Vec<Value> = (0..CLIENTS)
            .map(|n| {
                let late = chrono::TimeDelta::minutes([0, 10, 15, 20][n % 4]);
                let mut body = world.booking(n, 0, start + late);
                if n % 2 == 1 {
                    body["treatmentId"] = json!(world.practice.long);
                }
                body
            })
            .collect();
        let answers = if round % 2 == 0 {
            over_rest(&world, bodies).await
        } else {
            over_sockets(&world, bodies).await
        };
        assert_one_winner(round, &answers, &["slot_taken"]);
    }
    world.end().await;
}

#[actix_web::test]
async fn two_dentists_want_one_operatory() {
    let world = World::new().await;
    for round in 0..ROUNDS {
        let start = world.at(1 + round, 11, 30);
        let bodies = (0..CLIENTS)
            .map(|n| world.booking(n, n % 2, start))
            .collect();
        assert_one_winner(round, &over_rest(&world, bodies).await, &["slot_taken"]);
    }
    world.end().await;
}

#[actix_web::test]
async fn one_patient_at_two_dentists() {
    let world = World::new().await;
    for round in 0..ROUNDS {
        let start = world.at(1 + round, 11, 30);
        let bodies = (0..CLIENTS)
            .map(|n| {
                let mut body = world.booking(0, n % 2, start);
                body["operatoryId"] = json!(world.practice.operatories[n % 2].0);
                body
            })
            .collect();
        let refusals = ["slot_taken", "patient_busy"];
        assert_one_winner(round, &over_rest(&world, bodies).await, &refusals);
    }
    world.end().await;
}

/// Series that overlap in some of their weeks: one has all of its visits, the others have none.
#[actix_web::test]
async fn series_over_the_same_weeks() {
    const WEEKS: u64 = 6;
    let world = World::new().await;
    for round in 0..4 {
        let bodies: Vec<Value> = (0..24)
            .map(|n: u64| {
                json!({
                    "patientId": world.patient(usize::try_from(n).unwrap()),
                    "dentistId": world.dentist(0),
                    "treatmentId": world.practice.short,
                    "start": world.at(1 + 7 * (n % 3), 9 + round, 0),
                    "rrule": format!("FREQ=WEEKLY;COUNT={WEEKS}"),
                })
            })
            .collect();
        let asks = bodies.iter().map(|body| world.post("/series", body));
        let answers: Vec<_> = join_all(asks)
            .await
            .iter()
            .map(|answer| (answer.status, answer.code().to_owned()))
            .collect();
        assert_one_winner(u64::from(round), &answers, &["slot_taken"]);
        let at = |day| world.at(day, 0, 0).format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let calendar = world.practice.dentists[0].1;
        let path = format!("/calendars/{calendar}?from={}&to={}", at(0), at(60));
        let calendar = world.get(&path).await.expect(200);
        let visits = calendar["entries"].as_array().unwrap().len();
        assert_eq!(visits as u64, WEEKS * u64::from(round + 1), "{calendar}");
    }
    world.end().await;
}
