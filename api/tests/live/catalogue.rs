//! Changing what decides when something may be booked, and what that does at once.

mod equipment;
mod exceptions;
mod lending;
mod treatments;
mod utilization;

use reqwest::Method;
use schema::ids::{TreatmentId, UserId};
use serde_json::{Value, json};

use crate::world::{Answer, World};

/// Somebody who changes things.
pub struct Desk<'a> {
    world: &'a World,
    token: String,
}

impl<'a> Desk<'a> {
    pub fn owner(world: &'a World) -> Self {
        let token = world.token();
        Self { world, token }
    }

    pub fn of(world: &'a World, user: UserId) -> Self {
        let token = world.token_of(user);
        Self { world, token }
    }

    /// A new super admin, who works for no practice.
    pub async fn admin(world: &'a World) -> Self {
        let user = UserId::new();
        world
            .sql(&format!(
                "INSERT INTO users (id, email, name, is_super_admin)
                 VALUES ('{user}', '{user}@example.com', 'Admin', true)"
            ))
            .await;
        Self::of(world, user)
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.world.send_as(&self.token, method, path, body).await
    }

    pub async fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, None).await.expect(200)
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    pub async fn add(&self, path: &str, body: &Value) -> Value {
        self.post(path, body).await.expect(201)
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// Each of `cases` is refused with its status and code.
    pub async fn refused(&self, method: &Method, cases: &[(&str, Value, u16, &str)]) {
        for (path, body, status, code) in cases {
            let answer = self.send(method.clone(), path, Some(body)).await;
            let said = (answer.status, answer.code());
            assert_eq!(said, (*status, *code), "{method} {path} {body}: {answer:?}");
        }
    }
}

pub fn id(row: &Value) -> String {
    row["id"].as_str().unwrap().to_owned()
}

/// The ids in a list of rows.
pub fn ids(rows: &Value) -> Vec<String> {
    rows.as_array().unwrap().iter().map(id).collect()
}

/// The local times of the free starts of a day, `days` from today, as `HH:MM`.
pub async fn starts(world: &World, treatment: TreatmentId, days: u64) -> Vec<String> {
    let query = format!(
        "/availability?treatment={treatment}&dentist={}&from={}&to={}&limit=200",
        world.dentist(0),
        world.at(days, 0, 0).format("%Y-%m-%dT%H:%M:%SZ"),
        world.at(days + 1, 0, 0).format("%Y-%m-%dT%H:%M:%SZ"),
    );
    let slots = world.get(&query).await.expect(200);
    let slots = slots["slots"].as_array().unwrap();
    let zone = chrono_tz::America::Guayaquil;
    let local = slots.iter().map(|slot| {
        let start: chrono::DateTime<chrono::Utc> = slot["start"].as_str().unwrap().parse().unwrap();
        start.with_timezone(&zone).format("%H:%M").to_string()
    });
    local.collect()
}

/// First and last of the free starts of a day, and how many.
pub async fn span_of_starts(world: &World, days: u64) -> Option<(String, String, usize)> {
    let starts = starts(world, world.practice.short, days).await;
    Some((
        starts.first()?.clone(),
        starts.last()?.clone(),
        starts.len(),
    ))
}

/// The local date, `days` from today.
pub fn date(world: &World, days: u64) -> String {
    world
        .at(days, 12, 0)
        .with_timezone(&chrono_tz::America::Guayaquil)
        .date_naive()
        .to_string()
}

pub fn window(weekday: u8, from: &str, to: &str) -> Value {
    json!({ "weekday": weekday, "from": from, "to": to })
}

/// The same window every day.
pub fn every_day(from: &str, to: &str) -> Value {
    (1..=7).map(|day| window(day, from, to)).collect()
}
