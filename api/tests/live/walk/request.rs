//! A request for each route, made from its OpenAPI document: the stranger's ids wherever an id
//! goes, and values that are read without complaint everywhere else.

use std::sync::LazyLock;

use api::routes::Route;
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::people::People;

/// A route with everything filled in.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    /// With its query.
    pub path: String,
    /// Content type and text.
    pub body: Option<(String, String)>,
}

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(api::openapi::build()).unwrap());

/// Ten in the morning of the practices' zone, in two days.
pub fn start() -> DateTime<Utc> {
    let day = Utc::now().date_naive() + TimeDelta::days(2);
    day.and_time(NaiveTime::from_hms_opt(15, 0, 0).unwrap())
        .and_utc()
}

/// What cannot be guessed from the document: query or body of a route.
fn special(route: &Route, people: &People) -> Option<Value> {
    Some(match (route.method, route.path) {
        ("get", "/calendars/{id}/events") => json!({ "after": 0 }),
        ("post", "/staff") => json!({ "email": "new@example.com", "role": "staff_billing" }),
        ("post", "/appointments/{id}/status") => json!({ "status": "confirmed" }),
        ("post", "/treatments") => json!({ "code": "D9999", "name": "Walk", "durationMin": 30 }),
        ("post", "/patients/link") => {
            json!({ "email": "walk@example.com", "dateOfBirth": "1990-02-28" })
        }
        // Whose patient it is comes before where to.
        ("post", "/patients/{id}/transfer") => json!({ "toTenantId": people.own.tenant }),
        ("post", "/patients/merge") => json!({
            "keep": people.stranger.practice.patients[0].0,
            "remove": Uuid::new_v4(),
        }),
        ("post", "/appointments/swap") => swap(people),
        ("post", "/blocks") => block(people),
        ("post", "/series" | "/series/preview") => series(people),
        ("post", "/replan" | "/replan/preview") => replan(people),
        _ => return None,
    })
}

/// The stranger's visit against another.
pub fn swap(people: &People) -> Value {
    json!({ "appointmentIds": [people.stranger.appointment, Uuid::new_v4()] })
}

/// A meeting in the stranger's day.
pub fn block(people: &People) -> Value {
    json!({
        "calendarId": people.stranger.practice.dentists[0].1,
        "kind": "meeting",
        "start": start(),
        "end": start() + TimeDelta::hours(1),
    })
}

/// The stranger's patient, again and again.
pub fn series(people: &People) -> Value {
    let practice = &people.stranger.practice;
    json!({
        "patientId": practice.patients[0].0,
        "dentistId": practice.dentists[0].0,
        "treatmentId": practice.short,
        "start": start(),
        "rrule": "FREQ=WEEKLY;COUNT=3",
    })
}

/// The stranger's day, gone.
pub fn replan(people: &People) -> Value {
    json!({
        "dentistId": people.stranger.practice.dentists[0].0,
        "date": start().date_naive(),
        "action": "cancel",
    })
}

/// The request, with the stranger's ids.
pub fn of(route: &Route, people: &People) -> Request {
    Filling {
        route,
        people,
        harmless: false,
    }
    .request()
}

/// The request, with ids of nothing.
pub fn harmless(route: &Route, people: &People) -> Request {
    Filling {
        route,
        people,
        harmless: true,
    }
    .request()
}

struct Filling<'a> {
    route: &'a Route,
    people: &'a People,
    harmless: bool,
}

impl Filling<'_> {
    fn request(&self) -> Request {
        let operation = &DOCUMENT["paths"][self.route.path][self.route.method];
        let special = special(self.route, self.people).and_then(|value| match value {
            Value::Object(map) => Some(map),
            _ => None,
        });
        let mut path = self.path();
        let query = match (&special, self.route.method) {
            (Some(query), "get" | "delete") => query.clone(),
            _ => self.query(operation),
        };
        let query: Vec<String> = query
            .iter()
            .map(|(name, value)| {
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                format!("{name}={}", value.replace('+', "%2B"))
            })
            .collect();
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        let body = match special {
            Some(body) if !["get", "delete"].contains(&self.route.method) => Some((
                "application/json".to_owned(),
                Value::Object(body).to_string(),
            )),
            _ => self.body(operation),
        };
        Request {
            method: super::method(self.route),
            path,
            body,
        }
    }

    /// `/patients/{id}` with a patient's id.
    fn path(&self) -> String {
        let mut kind = "";
        let parts = self.route.path.split('/').map(|part| {
            match part
                .strip_prefix('{')
                .and_then(|part| part.strip_suffix('}'))
            {
                Some("id") => self.id(kind),
                Some("subdomain") => self.people.own.subdomain.clone(),
                Some(name) if name.ends_with("oken") => "no-such-token".to_owned(),
                Some(name) => self.id(name),
                None => {
                    kind = part;
                    part.to_owned()
                }
            }
        });
        parts.collect::<Vec<_>>().join("/")
    }

    fn query(&self, operation: &Value) -> Map<String, Value> {
        let parameters = operation["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        parameters
            .iter()
            .filter(|parameter| parameter["in"] == "query" && parameter["required"] == true)
            .map(|parameter| {
                let name = parameter["name"].as_str().unwrap();
                (name.to_owned(), self.value(&parameter["schema"], name))
            })
            .collect()
    }

    fn body(&self, operation: &Value) -> Option<(String, String)> {
        let content = operation["requestBody"]["content"].as_object()?;
        if let Some(json) = content.get("application/json") {
            let body = self.value(&json["schema"], "");
            return Some(("application/json".to_owned(), body.to_string()));
        }
        let kind = content.keys().next()?;
        Some((kind.clone(), "firstName,lastName\nWalk,Walk\n".to_owned()))
    }

    /// A value that the schema allows.
    fn value(&self, schema: &Value, name: &str) -> Value {
        if let Some(reference) = schema["$ref"].as_str() {
            let schema = DOCUMENT.pointer(reference.strip_prefix('#').unwrap());
            return self.value(schema.unwrap(), name);
        }
        for choice in ["oneOf", "anyOf", "allOf"] {
            let first = schema[choice]
                .as_array()
                .and_then(|choices| choices.iter().find(|choice| choice["type"] != "null"));
            if let Some(first) = first {
                return self.value(first, name);
            }
        }
        if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
            return first.clone();
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").cloned(),
            kind => Some(kind.clone()),
        };
        match kind.as_ref().and_then(Value::as_str) {
            Some("string") => self.text(schema, name),
            Some("integer" | "number") => match schema["example"].as_i64() {
                Some(example) => example.into(),
                None => schema["minimum"].as_i64().unwrap_or(30).max(1).into(),
            },
            Some("boolean") => false.into(),
            Some("array") => json!([self.value(&schema["items"], singular(name))]),
            _ => {
                let required: Vec<&str> = schema["required"]
                    .as_array()
                    .map(|names| names.iter().filter_map(Value::as_str).collect())
                    .unwrap_or_default();
                let properties = schema["properties"]
                    .as_object()
                    .cloned()
                    .unwrap_or_default();
                let filled = properties
                    .iter()
                    .filter(|(name, _)| required.contains(&name.as_str()));
                let filled = filled.map(|(name, schema)| (name.clone(), self.value(schema, name)));
                Value::Object(filled.collect())
            }
        }
    }

    fn text(&self, schema: &Value, name: &str) -> Value {
        let lower = name.to_lowercase();
        let text = match schema["format"].as_str() {
            Some("uuid") => self.id(name),
            Some("date-time") if lower.starts_with("to") || lower.starts_with("end") => {
                (start() + TimeDelta::days(1)).to_rfc3339()
            }
            Some("date-time") => start().to_rfc3339(),
            Some("date") if lower.contains("birth") => "1990-01-01".to_owned(),
            Some("date") => start().date_naive().to_string(),
            _ => {
                let known = [
                    "patient",
                    "dentist",
                    "treatment",
                    "operatory",
                    "clinic",
                    "calendar",
                ];
                if let Some(example) = schema["example"].as_str() {
                    example.to_owned()
                } else if known.contains(&lower.as_str()) || lower.ends_with("id") {
                    self.id(name)
                } else if ["from", "start", "at"].contains(&lower.as_str()) {
                    start().to_rfc3339()
                } else if ["to", "end"].contains(&lower.as_str()) {
                    (start() + TimeDelta::days(1)).to_rfc3339()
                } else if lower.contains("email") {
                    "nobody@example.com".to_owned()
                } else if lower.contains("zone") {
                    "America/Guayaquil".to_owned()
                } else {
                    "sample".to_owned()
                }
            }
        };
        text.into()
    }

    /// The stranger's row of the kind that a parameter, a field or a part of a path names.
    pub fn id(&self, name: &str) -> String {
        let practice = &self.people.stranger.practice;
        let name = name.to_lowercase();
        let id = match name.trim_end_matches("id").trim_end_matches('s') {
            _ if self.harmless => Uuid::new_v4(),
            "patient" | "survivor" | "duplicate" | "other" => practice.patients[0].0.0,
            "appointment" | "first" | "second" => {
                return self.people.stranger.appointment.clone();
            }
            "dentist" | "provider" => practice.dentists[0].0.0,
            "calendar" => practice.dentists[0].1.0,
            "treatment" => practice.short.0,
            "operatory" | "operatorie" => practice.operatories[0].0.0,
            "clinic" => practice.clinic.0,
            "tenant" => practice.tenant.0,
            "staff" | "user" | "member" => practice.owner.0,
            _ => Uuid::new_v4(),
        };
        id.to_string()
    }
}

fn singular(name: &str) -> &str {
    name.strip_suffix('s').unwrap_or(name)
}
