//! Patients: added, found, changed.

mod duplicates;
mod files;
mod links;
mod medical;
mod relation;

use serde_json::{Value, json};

use super::support::Server;

async fn add(server: &Server, token: &str, first: &str, last: &str) -> Value {
    let body = json!({ "firstName": first, "lastName": last });
    server.post("/patients", token, &body).await.ok()
}

fn names(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap();
    let name = |item: &Value| format!("{} {}", item["firstName"], item["lastName"]);
    items
        .iter()
        .map(|item| name(item).replace('"', ""))
        .collect()
}

#[actix_web::test]
async fn a_patient_is_added_read_and_changed() {
    let server = Server::start().await;
    let (_, token) = server.practice("sol").await;
    let given = json!({ "firstName": " María  José ", "lastName": "Núñez",
        "email": "MariaJose@Correo.ec", "phone": "+593 99 123-4567", "dateOfBirth": "1990-02-28",
        "id": "00000000-0000-0000-0000-000000000000" });
    let created = server.post("/patients", &token, &given).await;
    assert_eq!(created.status, 201);
    let path = created.headers["location"].to_str().unwrap().to_owned();
    let mut patient = created.ok();
    let id = patient["id"].as_str().unwrap().to_owned();
    assert_eq!(path, format!("/patients/{id}"));
    assert_ne!(patient["id"], given["id"]);
    assert_eq!(
        patient,
        json!({ "id": id, "firstName": "María José", "lastName": "Núñez",
            "email": "mariajose@correo.ec", "phone": "+593991234567",
            "dateOfBirth": "1990-02-28" })
    );
    assert_eq!(server.get(&path, &token).await.ok(), patient);
    let change = json!({ "lastName": "Núñez Vera", "phone": null });
    patient["lastName"] = json!("Núñez Vera");
    patient["phone"] = Value::Null;
    assert_eq!(server.patch(&path, &token, &change).await.ok(), patient);
    assert_eq!(server.patch(&path, &token, &json!({})).await.ok(), patient);
    assert_eq!(server.get(&path, &token).await.ok(), patient);
    let history = server.get(&format!("{path}/history"), &token).await.ok();
    assert_eq!(history, json!({ "items": [], "nextCursor": null }));
    server.stop().await;
}

#[actix_web::test]
async fn wrong_fields_are_named() {
    let server = Server::start().await;
    let (_, token) = server.practice("sol").await;
    let given = json!({ "firstName": "", "lastName": "Mora", "email": "mora", "phone": "099",
        "dateOfBirth": "2190-01-01" });
    let refused = server.post("/patients", &token, &given).await;
    refused.problem(422, "validation");
    let fields: Vec<_> = refused.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["dateOfBirth", "email", "firstName", "phone"]);
    let missing = server
        .post("/patients", &token, &json!({ "lastName": "Mora" }))
        .await;
    missing.problem(422, "validation");
    assert_eq!(missing.body["errors"][0]["field"], "firstName");
    let none = server.get("/patients", &token).await.ok();
    assert_eq!(none["items"], json!([]));
    server.stop().await;
}

#[actix_web::test]
async fn search_forgives() {
    let server = Server::start().await;
    let (_, token) = server.practice("sol").await;
    add(&server, &token, "José", "Ñáñez Muñoz").await;
    add(&server, &token, "Lucía", "González").await;
    let given = json!({ "firstName": "Iván", "lastName": "Paz", "email": "ivan.paz@correo.ec",
        "phone": "+593991234567" });
    server.post("/patients", &token, &given).await.ok();
    for (query, found) in [
        ("nanez", vec!["José Ñáñez Muñoz"]),
        ("JOSE%20munoz", vec!["José Ñáñez Muñoz"]),
        ("gonsalez", vec!["Lucía González"]),
        ("0991234567", vec!["Iván Paz"]),
        ("099%20123%204567", vec!["Iván Paz"]),
        ("pa", vec!["Iván Paz"]),
        ("az", vec![]),
        ("%2B59399%20123", vec!["Iván Paz"]),
        ("ivan.paz@", vec!["Iván Paz"]),
        ("jose%20paz", vec![]),
        ("100%25", vec![]),
        (
            "%20",
            vec!["Lucía González", "José Ñáñez Muñoz", "Iván Paz"],
        ),
    ] {
        let page = server
            .get(&format!("/patients?q={query}"), &token)
            .await
            .ok();
        assert_eq!(names(&page), found, "{query}");
    }
    server.stop().await;
}

#[actix_web::test]
async fn pages_join_without_gap_or_repetition() {
    let server = Server::start().await;
    let (_, token) = server.practice("sol").await;
    for index in 0..7 {
        // Two share their name: the id decides.
        add(&server, &token, &format!("Ana {}", index / 2), "Mora").await;
    }
    let whole = server.get("/patients", &token).await.ok();
    assert_eq!(whole["nextCursor"], Value::Null);
    let mut joined = Vec::new();
    let mut path = "/patients?limit=3".to_owned();
    let mut pages = 0;
    loop {
        let page = server.get(&path, &token).await.ok();
        joined.extend(page["items"].as_array().unwrap().clone());
        pages += 1;
        let Some(cursor) = page["nextCursor"].as_str() else {
            break;
        };
        path = format!("/patients?limit=3&cursor={cursor}");
    }
    assert_eq!((pages, Value::Array(joined)), (3, whole["items"].clone()));
    for query in ["limit=0", "limit=201", "limit=x", "cursor=x", "cursor=IiI"] {
        server
            .get(&format!("/patients?{query}"), &token)
            .await
            .problem(400, "bad_request");
    }
    server.stop().await;
}
