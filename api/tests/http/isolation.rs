//! What is not yours is not there.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use schema::schema::patient_dentists;
use serde_json::json;

use super::support::Server;

#[actix_web::test]
async fn another_practices_patients_are_not_found() {
    let server = Server::start().await;
    let (_, ours) = server.practice("sol").await;
    let (_, theirs) = server.practice("luna").await;
    let body = json!({ "firstName": "Ana", "lastName": "Mora" });
    let patient = server.post("/patients", &ours, &body).await.ok();
    let path = format!("/patients/{}", patient["id"].as_str().unwrap());
    server.get(&path, &ours).await.ok();
    server.get(&path, &theirs).await.problem(404, "not_found");
    server
        .patch(&path, &theirs, &json!({ "firstName": "Eva" }))
        .await
        .problem(404, "not_found");
    server
        .get(&format!("{path}/history"), &theirs)
        .await
        .problem(404, "not_found");
    for query in ["", "?q=mora"] {
        let list = server.get(&format!("/patients{query}"), &theirs).await.ok();
        assert_eq!(list["items"], json!([]));
    }
    assert_eq!(server.get(&path, &ours).await.ok(), patient);
    server.stop().await;
}

#[actix_web::test]
async fn a_patient_is_seen_while_the_relation_lasts() {
    let server = Server::start().await;
    let (tenant, token) = server.practice("sol").await;
    let body = json!({ "firstName": "Ana", "lastName": "Mora" });
    let patient = server.post("/patients", &token, &body).await.ok();
    server
        .with_database(&[tenant], async |connection| {
            diesel::update(patient_dentists::table)
                .set(patient_dentists::status.eq("ended"))
                .execute(connection)
                .await
        })
        .await;
    let path = format!("/patients/{}", patient["id"].as_str().unwrap());
    server.get(&path, &token).await.problem(404, "not_found");
    server.stop().await;
}

#[actix_web::test]
async fn another_practices_catalogue_is_not_listed() {
    let server = Server::start().await;
    let (sol, ours) = server.practice("sol").await;
    let (luna, theirs) = server.practice("luna").await;
    let (provider, operatory) = server.dentist(sol, "Dra. Sol").await;
    server.dentist(luna, "Dra. Luna").await;
    for (path, field, id) in [
        ("/providers", "id", provider.to_string()),
        ("/operatories", "id", operatory.to_string()),
        ("/assignments", "dentistId", provider.to_string()),
        ("/clinics", "name", "Clínica de Dra. Sol".to_owned()),
    ] {
        let mine = server.get(path, &ours).await.ok();
        assert_eq!(mine["items"].as_array().unwrap().len(), 1, "{path}");
        assert_eq!(mine["items"][0][field], id, "{path}");
        let other = server.get(path, &theirs).await.ok();
        assert_eq!(other["items"].as_array().unwrap().len(), 1, "{path}");
        assert_ne!(other["items"][0][field], id, "{path}");
    }
    server.stop().await;
}
