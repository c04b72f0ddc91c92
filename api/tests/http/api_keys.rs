//! API keys: made, used, bounded by their scopes, and revoked.

use chrono::{TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use serde_json::{Value, json};

use super::support::Server;

async fn make(server: &Server, token: &str, scopes: &[&str]) -> (String, String) {
    let body = json!({ "name": "Web site", "scopes": scopes });
    let made = server.post("/api-keys", token, &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let text = |field: &str| made.body[field].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

#[actix_web::test]
async fn a_key_does_what_its_scopes_say_in_its_practice() {
    let server = Server::start().await;
    let (sol, owner) = server.practice("sol").await;
    let (luna, _) = server.practice("luna").await;
    let (id, key) = make(&server, &owner, &["patients:write"]).await;
    assert!(key.starts_with("dck_"), "{key}");
    let patient = json!({ "firstName": "Ana", "lastName": "Mora" });
    server.post("/patients", &key, &patient).await.ok();
    let seen = server.get("/patients", &key).await.ok();
    assert_eq!(seen["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        server.get("/tenant", &key).await.ok()["id"],
        sol.to_string()
    );
    let workspaces = server.get("/workspaces", &key).await.ok();
    assert_eq!(workspaces["items"].as_array().unwrap().len(), 1);
    let other = server
        .request(reqwest::Method::GET, "/tenant")
        .header("X-Tenant-Id", luna.to_string())
        .bearer_auth(&key);
    super::support::send(other).await.problem(403, "forbidden");

    let (_, bare) = make(&server, &owner, &[]).await;
    server.get("/treatments", &bare).await.ok();
    server
        .get("/patients", &bare)
        .await
        .problem(403, "forbidden");
    server
        .post("/patients", &bare, &patient)
        .await
        .problem(403, "forbidden");
    // Never: keys, people's own pages.
    for (path, body) in [
        ("/api-keys", json!({ "name": "More", "scopes": [] })),
        (
            "/auth/change-password",
            json!({ "currentPassword": "a", "newPassword": "Another-one-9" }),
        ),
    ] {
        server
            .post(path, &key, &body)
            .await
            .problem(403, "forbidden");
    }
    for path in ["/auth/me", "/auth/sessions", "/api-keys"] {
        server.get(path, &key).await.problem(403, "forbidden");
    }

    let list = server.get("/api-keys", &owner).await.ok();
    assert!(!list.to_string().contains("dck_"), "{list}");
    let mine = list["items"].as_array().unwrap().iter();
    let mine = mine.filter(|one| one["id"] == id.as_str()).next().unwrap();
    assert_eq!(mine["scopes"], json!(["patients:write"]));
    assert!(!mine["lastUsedAt"].is_null(), "{mine}");
    server.stop().await;
}

#[actix_web::test]
async fn a_key_that_is_wrong_revoked_or_at_its_end_counts_no_more() {
    let server = Server::start().await;
    let (_, owner) = server.practice("sol").await;
    let (_, stranger) = server.practice("luna").await;
    let (id, key) = make(&server, &owner, &["patients:read"]).await;
    let (other, _) = make(&server, &owner, &["patients:read"]).await;
    let secret = key.splitn(3, '_').nth(2).unwrap();
    let end = key.len() - 1;
    let last = if key.ends_with('A') { "E" } else { "A" };
    for wrong in [
        format!("{}{last}", &key[..end]),
        key[..end].to_owned(),
        format!("dck_{}_{secret}", other.replace('-', "")),
        format!("dck_{}_{secret}", uuid::Uuid::new_v4().simple()),
        format!("dck_{id}_{secret}"),
        "dck_".to_owned(),
    ] {
        server
            .get("/treatments", &wrong)
            .await
            .problem(401, "unauthorized");
    }
    let path = format!("/api-keys/{id}");
    server.get("/patients", &key).await.ok();
    server
        .delete(&path, &stranger)
        .await
        .problem(404, "not_found");
    server.get("/patients", &key).await.ok();
    assert_eq!(server.delete(&path, &owner).await.status, 204);
    server
        .get("/patients", &key)
        .await
        .problem(401, "unauthorized");
    server.delete(&path, &owner).await.problem(404, "not_found");

    let body =
        |end: TimeDelta| json!({ "name": "Short", "scopes": [], "expiresAt": Utc::now() + end });
    let past = server
        .post("/api-keys", &owner, &body(TimeDelta::minutes(-1)))
        .await;
    past.problem(422, "validation");
    let made = server
        .post("/api-keys", &owner, &body(TimeDelta::hours(1)))
        .await
        .ok();
    let short = made["key"].as_str().unwrap();
    server.get("/treatments", short).await.ok();
    let mut database = AsyncPgConnection::establish(&server.db.url).await.unwrap();
    database
        .batch_execute("UPDATE api_keys SET expires_at = now() WHERE name = 'Short'")
        .await
        .unwrap();
    server
        .get("/treatments", short)
        .await
        .problem(401, "unauthorized");
    let unknown: Value = json!({ "name": "x", "scopes": ["staff:write"] });
    server
        .post("/api-keys", &owner, &unknown)
        .await
        .problem(422, "validation");
    server.stop().await;
}
