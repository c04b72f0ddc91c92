//! One person with several practices: linked with proof or consent, never found by trying.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use reqwest::Method;
use schema::schema::patients;
use serde_json::{Value, json};

use crate::support::{Server, send};

fn ana() -> Value {
    json!({ "firstName": "Ana", "lastName": "Mora", "email": "ana@correo.ec",
        "phone": "+593991234567", "dateOfBirth": "1990-02-28" })
}

#[actix_web::test]
async fn with_an_address_or_number_and_the_birth_date() {
    let server = Server::start().await;
    let (_, ours) = server.practice("sol").await;
    let (_, theirs) = server.practice("luna").await;
    let patient = server.post("/patients", &ours, &ana()).await.ok();
    for nothing in [
        json!({ "email": "ana@correo.ec", "dateOfBirth": "1990-02-27" }),
        json!({ "email": "eva@correo.ec", "dateOfBirth": "1990-02-28" }),
        json!({ "email": "ana@correo.ec", "phone": "+593990000000", "dateOfBirth": "1990-02-28" }),
    ] {
        let refused = server.post("/patients/link", &theirs, &nothing).await;
        refused.problem(404, "not_found");
    }
    for wrong in [
        json!({ "email": "ana@correo.ec" }),
        json!({ "dateOfBirth": "1990-02-28" }),
        json!({ "phone": "12", "dateOfBirth": "1990-02-28" }),
    ] {
        let refused = server.post("/patients/link", &theirs, &wrong).await;
        refused.problem(422, "validation");
    }
    let path = format!("/patients/{}", patient["id"].as_str().unwrap());
    server.get(&path, &theirs).await.problem(404, "not_found");

    let known = json!({ "phone": "099 123 4567", "dateOfBirth": "1990-02-28" });
    let linked = server.post("/patients/link", &theirs, &known).await;
    assert_eq!(
        (linked.status.as_u16(), &linked.body),
        (201, &patient),
        "one record"
    );
    assert_eq!(server.get(&path, &theirs).await.ok(), patient);
    // Notes and history stay apart.
    let notes = json!({ "notes": "ours" });
    server
        .patch(&format!("{path}/relation"), &ours, &notes)
        .await
        .ok();
    let relation = server.get(&format!("{path}/relation"), &theirs).await.ok();
    assert_eq!(relation["notes"], Value::Null);
    server.stop().await;
}

#[actix_web::test]
async fn a_birth_date_cannot_be_guessed() {
    let server = Server::start().await;
    let (_, ours) = server.practice("sol").await;
    let (_, theirs) = server.practice("luna").await;
    let patient = server.post("/patients", &ours, &ana()).await.ok();
    let guess =
        |day: u32| json!({ "email": "ana@correo.ec", "dateOfBirth": format!("1990-02-{day:02}") });
    for day in 1..=5 {
        server
            .post("/patients/link", &theirs, &guess(day))
            .await
            .problem(404, "not_found");
    }
    // Not even by the right one, not by another practice, and not by a file.
    let (_, third) = server.practice("marte").await;
    for token in [&theirs, &third] {
        let refused = server.post("/patients/link", token, &guess(28)).await;
        refused.problem(429, "rate_limited");
        assert!(refused.headers.contains_key("retry-after"));
    }
    let file = "nombre,apellido,correo,nacimiento\nX,Y,ana@correo.ec,1990-02-28\n";
    let request = server.request(Method::POST, "/patients/import");
    let imported = send(
        request
            .bearer_auth(&third)
            .header("content-type", "text/csv")
            .body(file),
    )
    .await
    .ok();
    assert_eq!(
        (&imported["linked"], &imported["created"]),
        (&json!(0), &json!(1))
    );
    let path = format!("/patients/{}", patient["id"].as_str().unwrap());
    server.get(&path, &third).await.problem(404, "not_found");
    server.stop().await;
}

#[actix_web::test]
async fn by_the_persons_consent() {
    let server = Server::start().await;
    let (_, ours) = server.practice("sol").await;
    let (_, theirs) = server.practice("luna").await;
    let patient = server.post("/patients", &ours, &ana()).await.ok();
    let path = format!("/patients/{}", patient["id"].as_str().unwrap());
    let ask = |email: &str| json!({ "email": email });
    let asked = server
        .post("/patients/link-requests", &theirs, &ask("ANA@correo.ec"))
        .await;
    let nobody = server
        .post("/patients/link-requests", &theirs, &ask("nobody@correo.ec"))
        .await;
    assert_eq!(
        (asked.status, nobody.status),
        (202.try_into().unwrap(), 202.try_into().unwrap())
    );
    let fields = |body: &Value| {
        body.as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(fields(&asked.body), fields(&nobody.body));
    server.get(&path, &theirs).await.problem(404, "not_found");

    let mails = server.mail("ana@correo.ec").await;
    let token = mails.last().unwrap().token();
    assert!(server.mail("nobody@correo.ec").await.is_empty());
    let question = format!("/patients/link-requests/{token}");
    let read = send(server.request(Method::GET, &question)).await.ok();
    assert_eq!(
        (&read["practice"], &read["status"]),
        (&json!("Consultorio luna"), &json!("open"))
    );
    let answer = |what: &str| send(server.request(Method::POST, &format!("{question}/{what}")));
    assert_eq!(answer("accept").await.ok(), json!({ "status": "accepted" }));
    assert_eq!(answer("accept").await.ok(), json!({ "status": "accepted" }));
    answer("decline").await.problem(409, "answered");
    assert_eq!(server.get(&path, &theirs).await.ok(), patient);
    let wrong = send(server.request(Method::POST, "/patients/link-requests/nonsense/accept")).await;
    wrong.problem(404, "not_found");
    server.stop().await;
}

#[actix_web::test]
async fn by_the_persons_own_account() {
    let server = Server::start().await;
    let (sol, ours) = server.practice("sol").await;
    let (_, theirs) = server.practice("luna").await;
    let patient = server.post("/patients", &ours, &ana()).await.ok();
    let user = server.user("ana@correo.ec").await;
    server
        .with_database(&[sol], async |connection| {
            diesel::update(patients::table)
                .set(patients::user_id.eq(user))
                .execute(connection)
                .await
        })
        .await;
    let own = server.token("ana@correo.ec").await;
    let stranger = server.token("sol@test.ec").await;
    server
        .post(
            "/patients/link-requests",
            &theirs,
            &json!({ "email": "ana@correo.ec" }),
        )
        .await
        .ok();
    let list = server.get("/me/link-requests", &own).await.ok();
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "{list}");
    let path = format!(
        "/me/link-requests/{}",
        list["items"][0]["id"].as_str().unwrap()
    );
    let other = server
        .post(&format!("{path}/accept"), &stranger, &json!({}))
        .await;
    assert!(other.status.is_client_error(), "{other:?}");
    let declined = server
        .post(&format!("{path}/decline"), &own, &json!({}))
        .await
        .ok();
    assert_eq!(declined["status"], "declined");
    let list = server.get("/me/link-requests", &own).await.ok();
    assert_eq!(list["items"], json!([]));
    let record = format!("/patients/{}", patient["id"].as_str().unwrap());
    server.get(&record, &theirs).await.problem(404, "not_found");
    server.stop().await;
}

#[actix_web::test]
async fn a_transfer_updates_both_relations() {
    let server = Server::start().await;
    let (_, ours) = server.practice("sol").await;
    let (luna, theirs) = server.practice("luna").await;
    let patient = server.post("/patients", &ours, &ana()).await.ok();
    let path = format!("/patients/{}", patient["id"].as_str().unwrap());
    let transfer = format!("{path}/transfer");
    for (body, field) in [
        (json!({}), "toTenantId"),
        (json!({ "toTenantId": uuid::Uuid::new_v4() }), "toTenantId"),
        (json!({ "toSubdomain": "nowhere" }), "toTenantId"),
        (json!({ "toSubdomain": "sol" }), "toTenantId"),
    ] {
        let refused = server.post(&transfer, &ours, &body).await;
        refused.problem(422, "validation");
        assert_eq!(refused.body["errors"][0]["field"], field, "{body}");
    }
    let to = json!({ "toTenantId": luna });
    server
        .post(&transfer, &theirs, &to)
        .await
        .problem(404, "not_found");
    let done = server.post(&transfer, &ours, &to).await.ok();
    assert_eq!(done["relation"]["status"], "ended");
    assert!(done["relation"]["endedOn"].is_string());
    server.get(&path, &ours).await.problem(404, "not_found");
    assert_eq!(server.get(&path, &theirs).await.ok(), patient);
    server
        .post(&transfer, &ours, &to)
        .await
        .problem(404, "not_found");

    // A second opinion: both treat them.
    let back = json!({ "toSubdomain": "sol", "keepRelation": true });
    let done = server.post(&transfer, &theirs, &back).await.ok();
    assert_eq!(done["relation"]["status"], "active");
    for token in [&ours, &theirs] {
        assert_eq!(server.get(&path, token).await.ok(), patient);
    }
    server.stop().await;
}
