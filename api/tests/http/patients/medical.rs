//! Medical facts are the person's: seen by whoever treats them, with the author of each change.

use reqwest::Method;
use serde_json::{Value, json};

use super::add;
use crate::support::{Server, send};

#[actix_web::test]
async fn every_change_keeps_its_author() {
    let server = Server::start().await;
    let (tenant, owner) = server.practice("sol").await;
    let nurse = server.user("nurse@sol.ec").await;
    server
        .membership(
            tenant,
            nurse,
            "staff_assistant",
            &["canViewPatients", "canManagePatients"],
        )
        .await;
    let nurse = server.token("nurse@sol.ec").await;
    let patient = add(&server, &owner, "Ana", "Mora").await;
    let path = format!("/patients/{}/medical", patient["id"].as_str().unwrap());
    let nothing = server.get(&path, &owner).await.ok();
    assert_eq!(
        (&nothing["revision"], &nothing["allergies"]),
        (&json!(0), &json!([]))
    );

    let put = |token: &str, body: Value, seen: Option<&str>| {
        let mut request = server
            .request(Method::PUT, &path)
            .bearer_auth(token)
            .json(&body);
        if let Some(seen) = seen {
            request = request.header("If-Match", seen);
        }
        send(request)
    };
    let first = put(&owner, json!({ "allergies": ["penicillin: rash"] }), None).await;
    assert_eq!(first.headers["etag"], "\"1\"");
    let second = json!({ "allergies": ["penicillin: rash", " latex "], "history": "asthma" });
    let second = put(&nurse, second, Some("\"1\"")).await.ok();
    assert_eq!(second["allergies"], json!(["penicillin: rash", "latex"]));
    assert_eq!(second["author"]["name"], "nurse@sol.ec");
    put(&owner, json!({}), Some("\"1\""))
        .await
        .problem(412, "stale");
    for wrong in [
        json!({ "allergies": [""] }),
        json!({ "medications": "warfarin" }),
        json!({ "history": "x".repeat(50_001) }),
        json!({ "allergies": vec!["x"; 201] }),
    ] {
        put(&owner, wrong, None).await.problem(422, "validation");
    }
    assert_eq!(server.get(&path, &nurse).await.ok(), second);

    let revisions = format!("{path}/revisions?limit=1");
    let latest = server.get(&revisions, &owner).await.ok();
    assert_eq!(latest["items"], json!([second]));
    let cursor = latest["nextCursor"].as_str().unwrap();
    let older = server
        .get(&format!("{revisions}&cursor={cursor}"), &owner)
        .await
        .ok();
    assert_eq!(older["items"][0]["revision"], 1);
    assert_eq!(older["items"][0]["author"]["name"], "sol@test.ec");
    assert_eq!(older["nextCursor"], Value::Null);
    server.stop().await;
}

#[actix_web::test]
async fn who_treats_somebody_sees_them_and_nobody_else() {
    let server = Server::start().await;
    let (_, ours) = server.practice("sol").await;
    let (_, theirs) = server.practice("luna").await;
    let body = json!({ "firstName": "Ana", "lastName": "Mora", "email": "ana@correo.ec",
        "dateOfBirth": "1990-02-28" });
    let patient = server.post("/patients", &ours, &body).await.ok();
    let path = format!("/patients/{}/medical", patient["id"].as_str().unwrap());
    let put = |token: &str, body: Value| {
        send(
            server
                .request(Method::PUT, &path)
                .bearer_auth(token)
                .json(&body),
        )
    };
    let written = put(&ours, json!({ "medications": ["warfarin 5 mg"] }))
        .await
        .ok();
    put(&theirs, json!({})).await.problem(404, "not_found");
    for read in [path.clone(), format!("{path}/revisions")] {
        server.get(&read, &theirs).await.problem(404, "not_found");
    }

    let known = json!({ "email": "ana@correo.ec", "dateOfBirth": "1990-02-28" });
    server.post("/patients/link", &theirs, &known).await.ok();
    let seen = server.get(&path, &theirs).await.ok();
    assert_eq!(seen["medications"], written["medications"]);
    // Whose hand it was is no business of another practice's.
    assert_eq!(
        (&seen["author"], &seen["elsewhere"]),
        (&Value::Null, &json!(true))
    );
    put(&theirs, json!({ "medications": [] })).await.ok();
    assert_eq!(server.get(&path, &ours).await.ok()["elsewhere"], true);

    let end = json!({ "status": "ended" });
    let relation = path.replace("medical", "relation");
    server.patch(&relation, &theirs, &end).await.ok();
    server.get(&path, &theirs).await.problem(404, "not_found");
    server.get(&path, &ours).await.ok();
    server.stop().await;
}
