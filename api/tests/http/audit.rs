//! Who did what: written by everything, read by the owner for the practice and by super admins for
//! all.

use serde_json::{Value, json};

use super::support::Server;

fn actions(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|line| line["action"].as_str().unwrap())
        .collect()
}

#[actix_web::test]
async fn the_log_tells_who_what_and_from_where() {
    let server = Server::start().await;
    let (_, owner) = server.practice("sol").await;
    let (_, other) = server.practice("luna").await;
    server
        .login("sol@test.ec", "not the password")
        .await
        .problem(401, "unauthorized");
    let change = json!({ "policy": { "holdMin": 9 } });
    let request = server
        .request(reqwest::Method::PATCH, "/tenant")
        .bearer_auth(&owner)
        .header("X-Request-Id", "my-request");
    super::support::send(request.json(&change)).await.ok();

    let log = server.get("/audit", &owner).await.ok();
    assert_eq!(
        actions(&log),
        ["tenant.changed", "session.refused", "session.started"]
    );
    let changed = &log["items"][0];
    assert_eq!(changed["requestId"], "my-request");
    assert_eq!(changed["address"], "127.0.0.1");
    assert_eq!(changed["role"], "dentist");
    assert_eq!(changed["actorName"], "sol@test.ec");
    assert_eq!(changed["before"]["policy"], json!({}));
    assert_eq!(changed["after"]["policy"]["holdMin"], 9);
    assert_eq!(log["items"][1]["actor"], "anonymous");
    // Nothing of it is another practice's to read.
    let theirs = server.get("/audit", &other).await.ok();
    assert_eq!(actions(&theirs), ["session.started"]);
    assert!(!theirs.to_string().contains("sol@test.ec"), "{theirs}");

    let actor = changed["actor"].as_str().unwrap();
    for (query, found) in [
        (format!("actor={actor}"), 2),
        (format!("actor={}", &actor[5..]), 2),
        ("action=session.refused".to_owned(), 1),
        ("subject=session".to_owned(), 2),
        ("subject=patient".to_owned(), 0),
        (
            format!("subject={}", changed["subjectId"].as_str().unwrap()),
            1,
        ),
        ("requestId=my-request".to_owned(), 1),
        ("from=2020-01-01T00:00:00Z".to_owned(), 3),
        ("to=2020-01-01T00:00:00Z".to_owned(), 0),
    ] {
        let log = server.get(&format!("/audit?{query}"), &owner).await.ok();
        assert_eq!(actions(&log).len(), found, "{query}");
    }
    server
        .get("/audit?from=2020-01-01T00:00:00", &owner)
        .await
        .problem(400, "bad_request");
    server.stop().await;
}

#[actix_web::test]
async fn the_log_can_be_taken_away_and_that_is_logged() {
    let server = Server::start().await;
    let (sol, owner) = server.practice("sol").await;
    let (_, other) = server.practice("luna").await;
    // More lines than are read at a time.
    let sql = format!(
        "INSERT INTO audit_log (tenant_id, actor, action, subject, after)
         SELECT '{sol}', 'test', 'test.made', 'test', jsonb_build_object('say', 'a, \"b\"', 'n', n)
         FROM generate_series(1, 2500) n"
    );
    server
        .with_database(&[sol], async |connection| {
            diesel_async::SimpleAsyncConnection::batch_execute(connection, &sql).await
        })
        .await;
    let answer = server.get("/audit/export?action=test.made", &owner).await;
    assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8");
    let csv = answer.body.as_str().unwrap();
    let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 2501);
    assert!(lines[0].starts_with("id,at,tenantId,actor,"));
    assert!(
        lines[1].contains(r#""{""n"":2500,""say"":""a, \""b\""""}""#),
        "{}",
        lines[1]
    );
    assert!(lines[2500].contains(r#"""n"":1,"#), "{}", lines[2500]);
    let log = server.get("/audit?limit=1", &owner).await.ok();
    assert_eq!(actions(&log), ["audit.exported"]);
    let theirs = server.get("/audit/export", &other).await;
    assert!(!theirs.body.as_str().unwrap().contains("test.made"));

    let root = server.super_admin().await;
    let all = server.get("/admin/audit/export", &root).await;
    assert!(all.body.as_str().unwrap().contains("test.made"));
    let path = format!("/admin/audit?tenant={sol}&subject=audit");
    let one = server.get(&path, &root).await.ok();
    assert_eq!(actions(&one), ["audit.exported"]);
    server.stop().await;
}

#[actix_web::test]
async fn the_address_is_what_the_trusted_proxy_says() {
    let server = Server::start_with(|db| api::config::Config {
        trusted_proxies: 1,
        ..super::support::config(db)
    })
    .await;
    server.practice("sol").await;
    let sign_in = async |password: &str| {
        let body = json!({ "email": "sol@test.ec", "password": password });
        let request = server.request(reqwest::Method::POST, "/auth/login");
        // The first is the client's own word; the last is the proxy's.
        let request = request.header("X-Forwarded-For", "198.51.100.1, 203.0.113.7");
        super::support::send(request.json(&body)).await
    };
    sign_in("not the password")
        .await
        .problem(401, "unauthorized");
    let session = sign_in(super::support::PASSWORD).await.ok();
    let owner = session["accessToken"].as_str().unwrap();
    let change = server
        .request(reqwest::Method::PATCH, "/tenant")
        .bearer_auth(owner)
        .header("X-Forwarded-For", "2001:db8::7")
        .json(&json!({ "policy": { "holdMin": 9 } }));
    super::support::send(change).await.ok();
    let log = server.get("/audit?limit=3", owner).await.ok();
    let told: Vec<_> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["action"].as_str().unwrap(), line["address"].as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("tenant.changed", Some("2001:db8::7")),
            ("session.started", Some("203.0.113.7")),
            ("session.refused", Some("203.0.113.7")),
        ]
    );
    let sessions = server.get("/auth/sessions", owner).await.ok();
    assert!(sessions.to_string().contains("203.0.113.7"), "{sessions}");
    server.stop().await;
}
