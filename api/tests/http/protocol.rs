//! HTTP as such: errors in one form, request ids, what operators ask, the web app.

use reqwest::{Method, header};
use serde_json::json;

use super::support::{Server, send};

#[actix_web::test]
async fn whatever_is_wrong_is_a_problem() {
    let server = Server::start().await;
    let (_, token) = server.practice("sol").await;
    let post = |body: String| {
        server
            .request(Method::POST, "/patients")
            .bearer_auth(&token)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
    };
    send(post("{".to_owned())).await.problem(400, "bad_request");
    send(post("[]".to_owned())).await.problem(422, "validation");
    let huge = json!({ "firstName": "x".repeat(300_000), "lastName": "y" });
    send(post(huge.to_string()))
        .await
        .problem(413, "payload_too_large");
    let form = server
        .request(Method::POST, "/patients")
        .bearer_auth(&token)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body("firstName=Ana");
    send(form).await.problem(415, "unsupported_media_type");
    server
        .get("/nowhere", &token)
        .await
        .problem(404, "not_found");
    server
        .get("/patients/not-an-id", &token)
        .await
        .problem(400, "bad_request");
    let put = send(server.request(Method::PUT, "/patients")).await;
    put.problem(405, "method_not_allowed");
    assert_eq!(put.headers[header::ALLOW], "GET, POST");
    server.stop().await;
}

#[actix_web::test]
async fn request_ids_come_back() {
    let server = Server::start().await;
    let with = async |id: &str| {
        let request = server.request(Method::GET, "/nowhere");
        let answer = send(request.header("X-Request-Id", id)).await;
        answer.problem(404, "not_found");
        answer.headers["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(with("web-1:a.b_c").await, "web-1:a.b_c");
    for bad in ["a b", "a\"b", "", &"x".repeat(200)] {
        let id = with(bad).await;
        assert!(id.parse::<uuid::Uuid>().is_ok(), "{bad}: {id}");
    }
    let plain = send(server.request(Method::GET, "/healthz")).await;
    assert!(plain.headers.contains_key("x-request-id"));
    server.stop().await;
}

#[actix_web::test]
async fn operators_see_health_and_figures() {
    let server = Server::start().await;
    let (_, token) = server.practice("sol").await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(send(server.request(Method::GET, path)).await.status, 200);
    }
    let id = uuid::Uuid::new_v4();
    server.get(&format!("/patients/{id}"), &token).await;
    let metrics = send(server.request(Method::GET, "/metrics")).await;
    let text = metrics.body.as_str().unwrap();
    let counted = text.lines().any(|line| {
        line.starts_with("http_request_duration_seconds_count")
            && line.contains(r#"route="/patients/{id}""#)
            && line.contains(r#"status="404""#)
    });
    assert!(counted, "{text}");
    assert!(!text.contains(&id.to_string()));
    server.stop().await;
}

#[actix_web::test]
async fn a_database_that_is_away_is_said_so() {
    let server = Server::start().await;
    server.close_database().await;
    let answer = send(server.request(Method::GET, "/readyz")).await;
    answer.problem(503, "busy");
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");
    assert!(!answer.body.to_string().contains("test_"), "{answer:?}");
    assert_eq!(
        send(server.request(Method::GET, "/healthz")).await.status,
        200
    );
    server.stop().await;
}

#[actix_web::test]
async fn answers_are_private_to_their_reader() {
    let server = Server::start().await;
    let (_, token) = server.practice("sol").await;
    let answer = server.get("/patients", &token).await;
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    let root = send(server.request(Method::GET, "/")).await;
    assert_eq!(
        (root.status.as_u16(), &root.headers[header::LOCATION]),
        (302, &"/app/".parse().unwrap())
    );
    server.stop().await;
}

#[actix_web::test]
async fn the_web_app_answers_for_its_pages_or_is_not_built() {
    let server = Server::start().await;
    let page = send(server.request(Method::GET, "/app/")).await;
    let deep = send(server.request(Method::GET, "/app/patients/7")).await;
    let missing = send(server.request(Method::GET, "/app/_app/immutable/no.js")).await;
    missing.problem(404, "not_found");
    if page.status == 404 {
        // A checkout without Node: the API works all the same.
        deep.problem(404, "not_found");
    } else {
        assert_eq!(page.body, deep.body);
        assert_eq!(page.headers[header::CONTENT_TYPE], "text/html");
        assert_eq!(page.headers[header::CACHE_CONTROL], "no-cache");
        let policy = page.headers[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(policy.contains("script-src 'self' 'sha256-"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        let known = server
            .request(Method::GET, "/app/")
            .header(header::IF_NONE_MATCH, &page.headers[header::ETAG]);
        assert_eq!(send(known).await.status, 304);
    }
    server.stop().await;
}
