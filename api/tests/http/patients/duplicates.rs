//! Nobody is added twice by mistake, and nobody learns whom others treat.

use serde_json::{Value, json};

use crate::support::Server;

fn ana() -> Value {
    json!({ "firstName": "Ana María", "lastName": "Núñez", "email": "ana@correo.ec",
        "phone": "+593991234567", "dateOfBirth": "1990-02-28" })
}

#[actix_web::test]
async fn the_same_person_is_told_and_may_be_added_all_the_same() {
    let server = Server::start().await;
    let (_, token) = server.practice("sol").await;
    let first = server.post("/patients", &token, &ana()).await.ok();
    for same in [
        json!({ "firstName": "Otra", "lastName": "Persona", "email": "ANA@correo.ec " }),
        json!({ "firstName": "Otra", "lastName": "Persona", "phone": "099 123 4567" }),
        json!({ "firstName": "Ana Maria", "lastName": "Nunez", "dateOfBirth": "1990-02-28" }),
        json!({ "firstName": "Anna Maria", "lastName": "Nuñes", "dateOfBirth": "1990-02-28" }),
        json!({ "firstName": "Núñez", "lastName": "Ana María", "dateOfBirth": "1990-02-28" }),
    ] {
        let refused = server.post("/patients", &token, &same).await;
        refused.problem(409, "duplicate_patient");
        assert_eq!(refused.body["candidates"], json!([first]), "{same}");
    }
    for other in [
        json!({ "firstName": "Ana María", "lastName": "Núñez", "dateOfBirth": "1991-02-28" }),
        json!({ "firstName": "Pedro", "lastName": "Loor", "dateOfBirth": "1990-02-28" }),
        json!({ "firstName": "Ana María", "lastName": "Núñez" }),
    ] {
        server.post("/patients", &token, &other).await.ok();
    }
    // A child with the mother's address.
    let child = json!({ "firstName": "Eva", "lastName": "Núñez", "email": "ana@correo.ec",
        "allowDuplicate": true });
    let added = server.post("/patients", &token, &child).await;
    assert_eq!(added.status, 201);
    assert_eq!(added.body["email"], "ana@correo.ec");
    server.stop().await;
}

#[actix_web::test]
async fn others_patients_are_no_candidates() {
    let server = Server::start().await;
    let (_, ours) = server.practice("sol").await;
    let (_, theirs) = server.practice("luna").await;
    server.post("/patients", &ours, &ana()).await.ok();
    let added = server.post("/patients", &theirs, &ana()).await;
    assert_eq!(added.status, 201);
    server.stop().await;
}

#[actix_web::test]
async fn of_two_who_add_the_same_person_at_once_one_is_refused() {
    let server = Server::start().await;
    let (_, token) = server.practice("sol").await;
    let body = ana();
    let asks = (0..4).map(|_| server.post("/patients", &token, &body));
    let answers = futures_util::future::join_all(asks).await;
    let added = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(added, 1, "{answers:?}");
    server.stop().await;
}

#[actix_web::test]
async fn a_plan_has_room_for_so_many() {
    let server = Server::start().await;
    let (tenant, token) = server.practice("sol").await;
    let first = server.post("/patients", &token, &ana()).await.ok();
    let mut owner = server.owner().await;
    let fill = format!(
        "UPDATE tenants SET plan = 'basic';
         CREATE TEMP TABLE new AS SELECT gen_random_uuid() AS id, n FROM generate_series(1, 4999) n;
         INSERT INTO calendars (id, kind) SELECT id, 'patient' FROM new;
         INSERT INTO patients (id, first_name, last_name, calendar_id) SELECT id, 'P', n::text, id FROM new;
         INSERT INTO patient_dentists (tenant_id, patient_id) SELECT '{tenant}', id FROM new;"
    );
    diesel_async::SimpleAsyncConnection::batch_execute(&mut owner, &fill)
        .await
        .unwrap();
    let other = json!({ "firstName": "Eva", "lastName": "Paz" });
    server
        .post("/patients", &token, &other)
        .await
        .problem(422, "plan_limit");
    // The archived do not count; taking one back does.
    let path = format!("/patients/{}", first["id"].as_str().unwrap());
    server
        .post(&format!("{path}/archive"), &token, &json!({}))
        .await
        .ok();
    server.post("/patients", &token, &other).await.ok();
    server
        .post(&format!("{path}/restore"), &token, &json!({}))
        .await
        .problem(422, "plan_limit");
    server.stop().await;
}
