//! A patient's relation to a practice: ended, opened again, archived.

use reqwest::Method;
use serde_json::{Value, json};

use super::{add, names};
use crate::support::{Server, send};

fn path_of(patient: &Value) -> String {
    format!("/patients/{}", patient["id"].as_str().unwrap())
}

async fn listed(server: &Server, token: &str, query: &str) -> Vec<String> {
    let page = server.get(&format!("/patients{query}"), token).await.ok();
    names(&page)
}

#[actix_web::test]
async fn notes_belong_to_the_relation() {
    let server = Server::start().await;
    let (_, token) = server.practice("sol").await;
    let patient = add(&server, &token, "Ana", "Mora").await;
    let path = format!("{}/relation", path_of(&patient));
    let relation = server.get(&path, &token).await.ok();
    assert_eq!(relation["status"], "active");
    assert_eq!(relation["notes"], Value::Null);
    let change = json!({ "notes": "calls in the morning", "startedOn": "2020-05-01" });
    let changed = server.patch(&path, &token, &change).await.ok();
    assert_eq!(changed["notes"], "calls in the morning");
    assert_eq!(changed["startedOn"], "2020-05-01");
    assert_eq!(server.get(&path, &token).await.ok(), changed);
    for (wrong, field) in [
        (json!({ "endedOn": "2021-01-01" }), "endedOn"),
        (
            json!({ "status": "ended", "endedOn": "2019-01-01" }),
            "endedOn",
        ),
        (
            json!({ "status": "ended", "endedOn": "2999-01-01" }),
            "endedOn",
        ),
        (json!({ "startedOn": "2999-01-01" }), "startedOn"),
        (json!({ "notes": "x".repeat(20_001) }), "notes"),
    ] {
        let refused = server.patch(&path, &token, &wrong).await;
        refused.problem(422, "validation");
        assert_eq!(refused.body["errors"][0]["field"], field);
    }
    assert_eq!(server.get(&path, &token).await.ok(), changed);
    let cleared = json!({ "notes": null });
    let changed = server.patch(&path, &token, &cleared).await.ok();
    assert_eq!(changed["notes"], Value::Null);
    server.stop().await;
}

#[actix_web::test]
async fn after_its_end_only_the_name_is_left() {
    let server = Server::start().await;
    let (_, token) = server.practice("sol").await;
    let body = json!({ "firstName": "Ana", "lastName": "Mora", "email": "ana@correo.ec" });
    let patient = server.post("/patients", &token, &body).await.ok();
    let path = path_of(&patient);
    let relation = format!("{path}/relation");
    let ended = json!({ "status": "ended", "endedOn": "2026-01-31", "startedOn": "2025-01-01" });
    let ended = server.patch(&relation, &token, &ended).await.ok();
    assert_eq!(
        (&ended["status"], &ended["endedOn"]),
        (&json!("ended"), &json!("2026-01-31"))
    );
    server.get(&path, &token).await.problem(404, "not_found");
    let rename = json!({ "lastName": "Paz" });
    server
        .patch(&path, &token, &rename)
        .await
        .problem(404, "not_found");
    for action in ["archive", "restore"] {
        server
            .post(&format!("{path}/{action}"), &token, &json!({}))
            .await
            .problem(404, "not_found");
    }
    // What was the practice's own stays.
    server.get(&format!("{path}/history"), &token).await.ok();
    assert_eq!(server.get(&relation, &token).await.ok(), ended);
    assert!(listed(&server, &token, "").await.is_empty());
    let left = server
        .get("/patients?status=ended&q=mora", &token)
        .await
        .ok();
    assert_eq!(names(&left), ["Ana Mora"]);
    assert_eq!(left["items"][0]["email"], Value::Null);
    // Whoever comes again is no duplicate of somebody who cannot be seen.
    server.post("/patients", &token, &body).await.ok();

    let reopened = server
        .patch(&relation, &token, &json!({ "status": "active" }))
        .await
        .ok();
    assert_eq!(
        (&reopened["status"], &reopened["endedOn"]),
        (&json!("active"), &Value::Null)
    );
    assert_eq!(server.get(&path, &token).await.ok(), patient);
    server.stop().await;
}

#[actix_web::test]
async fn the_archived_are_kept_out_of_the_list() {
    let server = Server::start().await;
    let (_, token) = server.practice("sol").await;
    let ana = add(&server, &token, "Ana", "Mora").await;
    add(&server, &token, "Eva", "Paz").await;
    let path = path_of(&ana);
    let archived = send(
        server
            .request(Method::POST, &format!("{path}/archive"))
            .bearer_auth(&token),
    )
    .await
    .ok();
    assert!(archived["archivedAt"].is_string());
    assert_eq!(listed(&server, &token, "").await, ["Eva Paz"]);
    assert!(listed(&server, &token, "?q=mora").await.is_empty());
    assert_eq!(
        listed(&server, &token, "?status=archived").await,
        ["Ana Mora"]
    );
    assert_eq!(
        listed(&server, &token, "?status=all").await,
        ["Ana Mora", "Eva Paz"]
    );
    assert_eq!(server.get(&path, &token).await.ok(), archived);
    let wrong = json!({ "keepAppointments": "yes" });
    server
        .post(&format!("{path}/archive"), &token, &wrong)
        .await
        .problem(422, "validation");
    let restored = server
        .post(&format!("{path}/restore"), &token, &json!({}))
        .await
        .ok();
    assert_eq!(restored, ana);
    assert_eq!(listed(&server, &token, "").await, ["Ana Mora", "Eva Paz"]);
    server.stop().await;
}

#[actix_web::test]
async fn nothing_of_it_is_another_practices() {
    let server = Server::start().await;
    let (_, ours) = server.practice("sol").await;
    let (_, theirs) = server.practice("luna").await;
    let patient = add(&server, &ours, "Ana", "Mora").await;
    let path = path_of(&patient);
    let relation = format!("{path}/relation");
    server
        .get(&relation, &theirs)
        .await
        .problem(404, "not_found");
    for body in [json!({ "notes": "mine" }), json!({ "status": "active" })] {
        server
            .patch(&relation, &theirs, &body)
            .await
            .problem(404, "not_found");
    }
    for action in ["archive", "restore"] {
        server
            .post(&format!("{path}/{action}"), &theirs, &json!({}))
            .await
            .problem(404, "not_found");
    }
    for status in ["active", "archived", "ended", "all"] {
        assert!(
            listed(&server, &theirs, &format!("?status={status}"))
                .await
                .is_empty()
        );
    }
    server.stop().await;
}
