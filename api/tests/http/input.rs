//! What cannot be read is refused by name, whoever sends it, and costs nobody else anything.

use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Server, send};

#[actix_web::test]
async fn a_field_that_does_not_fit_is_named_with_its_path() {
    let server = Server::start().await;
    let (_, owner) = server.practice("sol").await;
    for (path, body, field, message) in [
        (
            "/auth/register",
            json!({ "email": "eva@test.ec" }),
            "password",
            "missing field `password`",
        ),
        (
            "/patients",
            json!({ "firstName": 7, "lastName": "Paz" }),
            "firstName",
            "invalid type: integer `7`, expected a string",
        ),
        (
            "/treatments",
            json!({ "pattern": [{ "role": "dentist", "from": 0, "to": "ten" }] }),
            "pattern[0].to",
            "invalid type: string \"ten\", expected",
        ),
        (
            "/tenant",
            json!({ "branding": { "colour": "#000000" } }),
            "branding.colour",
            "unknown field `colour`",
        ),
    ] {
        let method = if path == "/tenant" {
            Method::PATCH
        } else {
            Method::POST
        };
        let request = server.request(method, path).bearer_auth(&owner);
        let refused = send(request.json(&body)).await;
        let errors = &refused.problem(422, "validation").body["errors"];
        assert_eq!(errors[0]["field"], field, "{refused:?}");
        let said = errors[0]["message"].as_str().unwrap();
        assert!(said.starts_with(message), "{said}");
        assert!(!said.contains(" at line "), "{said}");
    }
    for (query, said) in [
        ("/patients?limit=x", "limit: "),
        ("/audit?from=yesterday", "from: "),
        ("/availability?dentist=x", "dentist"),
    ] {
        let refused = server.get(query, &owner).await;
        let detail = &refused.problem(400, "bad_request").body["detail"];
        assert!(detail.as_str().unwrap().contains(said), "{query}: {detail}");
    }
    server.stop().await;
}

#[actix_web::test]
async fn a_text_that_the_database_cannot_keep_does_not_reach_it() {
    let server = Server::start().await;
    let (_, owner) = server.practice("sol").await;
    let added = server
        .post(
            "/patients",
            &owner,
            &json!({ "firstName": "Eva", "lastName": "Paz" }),
        )
        .await
        .ok();
    let medical = format!("/patients/{}/medical", added["id"].as_str().unwrap());
    let put = |body: &Value| {
        let request = server.request(Method::PUT, &medical).bearer_auth(&owner);
        send(request.json(body))
    };
    let login = json!({ "email": "a\0b", "password": "x" });
    server
        .open("/auth/login", &login)
        .await
        .problem(400, "bad_request");
    let forgotten = json!({ "email": "a\0b" });
    server
        .open("/auth/forgot-password", &forgotten)
        .await
        .problem(400, "bad_request");
    put(&json!({ "history": "a\0b" }))
        .await
        .problem(400, "bad_request");
    for path in ["/audit?actor=%00", "/audit/export?action=a%00b", "/%00"] {
        let refused = server.get(path, &owner).await;
        assert!(refused.status.is_client_error(), "{path} {refused:?}");
    }
    // A backslash before it makes it five letters, which are nobody's business.
    let history = r"C:\u0000";
    let kept = put(&json!({ "history": history })).await.ok();
    assert_eq!(kept["history"], history);
    server.stop().await;
}

#[actix_web::test]
async fn a_name_shows_as_what_it_is() {
    let server = Server::start().await;
    let (_, owner) = server.practice("sol").await;
    for turned in ["Eva\u{202e}zaP", "\u{2066}Eva"] {
        let patient = json!({ "firstName": turned, "lastName": "Paz" });
        let refused = server.post("/patients", &owner, &patient).await;
        refused.problem(422, "validation");
        let equipment = json!({ "name": turned });
        let refused = server.post("/equipment", &owner, &equipment).await;
        refused.problem(422, "validation");
    }
    let patient = json!({ "firstName": "עדה", "lastName": "בן דוד" });
    server.post("/patients", &owner, &patient).await.ok();
    server.stop().await;
}

#[actix_web::test]
async fn scripts_of_other_sites_may_ask_what_is_public_and_nothing_else() {
    let server = Server::start().await;
    let (_, owner) = server.practice("sol").await;
    let from_elsewhere = |method, path: &str| {
        let request = server.request(method, path);
        send(request.header("Origin", "https://sol.example"))
    };
    let asked = |path| {
        let request = server.request(Method::OPTIONS, path);
        let request = request.header("Origin", "https://sol.example");
        let request = request.header("Access-Control-Request-Method", "POST");
        send(request.header("Access-Control-Request-Headers", "content-type"))
    };
    let may = |answer: &super::support::Answer| {
        let allowed = answer.headers.get("access-control-allow-origin");
        allowed.is_some_and(|origin| origin == "*")
    };
    for path in ["/public/sol", "/public/nobody", "/public/appointments/x"] {
        let answer = from_elsewhere(Method::GET, path).await;
        assert!(may(&answer), "{path} {answer:?}");
    }
    let holds = asked("/public/sol/holds").await;
    assert_eq!(holds.status, 204);
    assert!(may(&holds));
    assert_eq!(holds.headers["access-control-allow-methods"], "POST");
    let allowed = holds.headers["access-control-allow-headers"]
        .to_str()
        .unwrap();
    assert!(allowed.contains("Content-Type") && !allowed.contains("Authorization"));
    for path in ["/patients", "/auth/login", "/tenant"] {
        assert!(!may(&asked(path).await), "{path}");
        let request = server.request(Method::GET, path).bearer_auth(&owner);
        let answer = send(request.header("Origin", "https://sol.example")).await;
        assert!(!may(&answer), "{path}");
    }
    server.stop().await;
}
