//! Signing in, staying signed in, and tokens that do not count.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{Method, header};
use schema::ids::{TenantId, UserId};
use schema::schema::{memberships, tenants};
use serde_json::{Value, json};

use super::support::{PASSWORD, SECRET, Server, config, send};

async fn refresh(server: &Server, token: &str) -> super::support::Answer {
    let body = json!({ "refreshToken": token });
    send(server.request(Method::POST, "/auth/refresh").json(&body)).await
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[actix_web::test]
async fn login_says_who_and_where() {
    let server = Server::start().await;
    let (tenant, _) = server.practice("sol").await;
    let session = server.login("SOL@test.ec", PASSWORD).await.ok();
    assert_eq!(session["expiresIn"], 900);
    assert_eq!(session["user"]["email"], "sol@test.ec");
    assert_eq!(session["user"]["roles"], json!(["dentist"]));
    let workspace = &session["workspaces"][0];
    assert_eq!(workspace["tenantId"], tenant.to_string());
    assert_eq!(workspace["subdomain"], "sol");
    assert_eq!(workspace["zone"], "America/Guayaquil");
    assert_eq!(workspace["role"], "dentist");
    let permissions = workspace["permissions"].as_array().unwrap();
    assert!(permissions.contains(&json!("canViewPatients")));
    let me = server
        .get("/auth/me", text(&session["accessToken"]))
        .await
        .ok();
    assert_eq!(me["user"], session["user"]);
    assert_eq!(me["workspaces"], session["workspaces"]);
    server.stop().await;
}

#[actix_web::test]
async fn wrong_and_unknown_read_the_same() {
    let server = Server::start().await;
    server.user("ana@test.ec").await;
    let wrong = server.login("ana@test.ec", "Practice123").await;
    wrong.problem(401, "unauthorized");
    let unknown = server.login("eva@test.ec", PASSWORD).await;
    unknown.problem(401, "unauthorized");
    assert_eq!(wrong.body["detail"], unknown.body["detail"]);
    server.login("", PASSWORD).await.problem(422, "validation");
    server.stop().await;
}

#[actix_web::test]
async fn guessing_is_slowed_down() {
    let server = Server::start_with(|db| api::config::Config {
        login_attempts: 3,
        login_wait_seconds: 3600,
        ..config(db)
    })
    .await;
    server.user("ana@test.ec").await;
    server.user("eva@test.ec").await;
    for _ in 0..3 {
        server
            .login("ana@test.ec", "guess")
            .await
            .problem(401, "unauthorized");
    }
    let refused = server.login("ana@test.ec", PASSWORD).await;
    refused.problem(429, "rate_limited");
    let wait: u64 = refused.headers[header::RETRY_AFTER]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=3601).contains(&wait), "{wait}");
    for _ in 0..5 {
        server.login("eva@test.ec", PASSWORD).await.ok();
    }
    server.stop().await;
}

#[actix_web::test]
async fn refresh_tokens_rotate_and_a_copy_ends_the_family() {
    let server = Server::start().await;
    server.practice("sol").await;
    let first = server.login("sol@test.ec", PASSWORD).await.ok();
    let other = server.login("sol@test.ec", PASSWORD).await.ok();
    let second = refresh(&server, text(&first["refreshToken"])).await.ok();
    assert_ne!(first["refreshToken"], second["refreshToken"]);
    assert_eq!(second["workspaces"], first["workspaces"]);
    server
        .get("/auth/me", text(&second["accessToken"]))
        .await
        .ok();
    refresh(&server, text(&first["refreshToken"]))
        .await
        .problem(401, "unauthorized");
    refresh(&server, text(&second["refreshToken"]))
        .await
        .problem(401, "unauthorized");
    refresh(&server, "no such token")
        .await
        .problem(401, "unauthorized");
    // Another sign-in is another family.
    refresh(&server, text(&other["refreshToken"])).await.ok();
    server.stop().await;
}

#[actix_web::test]
async fn of_two_refreshes_at_once_one_wins() {
    let server = Server::start().await;
    server.practice("sol").await;
    let session = server.login("sol@test.ec", PASSWORD).await.ok();
    let token = text(&session["refreshToken"]);
    let answers = futures_util::future::join_all((0..8).map(|_| refresh(&server, token))).await;
    let won = answers.iter().filter(|answer| answer.status == 200);
    assert_eq!(won.count(), 1, "{answers:?}");
    server.stop().await;
}

#[actix_web::test]
async fn logout_ends_the_session() {
    let server = Server::start().await;
    server.practice("sol").await;
    let session = server.login("sol@test.ec", PASSWORD).await.ok();
    let body = json!({ "refreshToken": session["refreshToken"] });
    for _ in 0..2 {
        let logout = send(server.request(Method::POST, "/auth/logout").json(&body)).await;
        assert_eq!(logout.status, 204);
    }
    refresh(&server, text(&session["refreshToken"]))
        .await
        .problem(401, "unauthorized");
    server.stop().await;
}

fn signed(algorithm: Algorithm, key: &str, claims: &Value) -> String {
    let key = EncodingKey::from_secret(key.as_bytes());
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
}

#[actix_web::test]
async fn forged_and_ended_tokens_are_refused() {
    let server = Server::start().await;
    let user = server.user("ana@test.ec").await;
    let claims = |user: UserId, exp: i64| {
        json!({ "sub": user, "exp": Utc::now().timestamp() + exp, "iat": 0,
            "jti": uuid::Uuid::new_v4(), "roles": ["super_admin"] })
    };
    let good = claims(user, 60);
    server
        .get("/auth/me", &signed(Algorithm::HS256, SECRET, &good))
        .await
        .ok();
    let none = format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#),
        URL_SAFE_NO_PAD.encode(good.to_string())
    );
    let mut tampered = signed(Algorithm::HS256, SECRET, &good);
    tampered.replace_range(tampered.len() - 4.., "AAAA");
    for (what, token) in [
        ("alg none", none),
        ("tampered", tampered),
        (
            "another key",
            signed(Algorithm::HS256, &"x".repeat(40), &good),
        ),
        ("another algorithm", signed(Algorithm::HS384, SECRET, &good)),
        ("ended", signed(Algorithm::HS256, SECRET, &claims(user, -1))),
        (
            "nobody's",
            signed(Algorithm::HS256, SECRET, &claims(UserId::new(), 60)),
        ),
        ("no token", "x".to_owned()),
    ] {
        let answer = server.get("/auth/me", &token).await;
        assert_eq!(answer.status, 401, "{what}");
        answer.problem(401, "unauthorized");
        assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
    }
    send(server.request(Method::GET, "/auth/me"))
        .await
        .problem(401, "unauthorized");
    let basic = server
        .request(Method::GET, "/auth/me")
        .basic_auth("a", Some("b"));
    send(basic).await.problem(401, "unauthorized");
    server.stop().await;
}

async fn tenant_of(server: &Server, token: &str, header: Option<&str>) -> super::support::Answer {
    let mut request = server.request(Method::GET, "/tenant").bearer_auth(token);
    if let Some(header) = header {
        request = request.header("X-Tenant-Id", header);
    }
    send(request).await
}

#[actix_web::test]
async fn the_workspace_is_implied_named_or_refused() {
    let server = Server::start().await;
    let (sol, owner) = server.practice("sol").await;
    let (luna, _) = server.practice("luna").await;
    let (mar, _) = server.practice("mar").await;
    let staff = server.user("staff@test.ec").await;
    for tenant in [sol, luna] {
        server
            .membership(tenant, staff, "staff_receptionist", &["canViewPatients"])
            .await;
    }
    let staff = server.token("staff@test.ec").await;
    assert_eq!(
        tenant_of(&server, &owner, None).await.ok()["id"],
        sol.to_string()
    );
    tenant_of(&server, &staff, None)
        .await
        .problem(400, "workspace_required");
    let named = tenant_of(&server, &staff, Some(&luna.to_string()))
        .await
        .ok();
    assert_eq!(named["subdomain"], "luna");
    for foreign in [mar, TenantId::new()] {
        tenant_of(&server, &staff, Some(&foreign.to_string()))
            .await
            .problem(403, "forbidden");
    }
    tenant_of(&server, &staff, Some("luna"))
        .await
        .problem(400, "bad_request");
    let workspaces = server.get("/workspaces", &staff).await.ok();
    assert_eq!(workspaces["items"].as_array().unwrap().len(), 2);
    server.user("nobody@test.ec").await;
    let nobody = server.token("nobody@test.ec").await;
    tenant_of(&server, &nobody, None)
        .await
        .problem(403, "forbidden");
    server.stop().await;
}

#[actix_web::test]
async fn an_ended_membership_ends_at_once() {
    let server = Server::start().await;
    let (tenant, token) = server.practice("sol").await;
    tenant_of(&server, &token, None).await.ok();
    server
        .with_database(&[tenant], async |connection| {
            diesel::update(memberships::table)
                .set(memberships::status.eq("ended"))
                .execute(connection)
                .await
        })
        .await;
    tenant_of(&server, &token, None)
        .await
        .problem(403, "forbidden");
    server.stop().await;
}

#[actix_web::test]
async fn rights_are_needed_and_suspended_practices_only_read() {
    let server = Server::start().await;
    let (tenant, owner) = server.practice("sol").await;
    let billing = server.user("billing@test.ec").await;
    server
        .membership(tenant, billing, "staff_billing", &["canProcessPayments"])
        .await;
    let billing = server.token("billing@test.ec").await;
    server
        .get("/patients", &billing)
        .await
        .problem(403, "forbidden");
    server.get("/treatments", &billing).await.ok();
    let patient = json!({ "firstName": "Ana", "lastName": "Mora" });
    server
        .post("/patients", &billing, &patient)
        .await
        .problem(403, "forbidden");
    server
        .with_database(&[tenant], async |connection| {
            diesel::update(tenants::table)
                .set(tenants::status.eq("suspended"))
                .execute(connection)
                .await
        })
        .await;
    server.get("/patients", &owner).await.ok();
    server
        .post("/patients", &owner, &patient)
        .await
        .problem(403, "suspended");
    server.stop().await;
}
