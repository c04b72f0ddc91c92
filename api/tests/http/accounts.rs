//! Accounts from the first registration to a forgotten password.

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use reqwest::{Method, header};
use serde_json::{Value, json};

use super::support::{Answer, PASSWORD, Server, config, send};

const NEW_PASSWORD: &str = "Another-one-9";

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn dentist(email: &str, practice: &str) -> Value {
    json!({ "role": "dentist", "email": email, "password": PASSWORD, "name": "Eva Luna",
        "practiceName": practice, "zone": "America/Bogota", "locale": "es" })
}

fn patient(email: &str) -> Value {
    json!({ "role": "patient", "email": email, "password": PASSWORD, "firstName": "José",
        "lastName": "Ñaupari", "phone": "+593 99 123 4567", "dateOfBirth": "1990-05-17" })
}

async fn register(server: &Server, body: &Value) -> Answer {
    server.open("/auth/register", body).await
}

async fn reset(server: &Server, token: &str, password: &str) -> Answer {
    let body = json!({ "token": token, "password": password });
    server.open("/auth/reset-password", &body).await
}

async fn change(server: &Server, token: &str, current: &str, new: &str) -> Answer {
    let body = json!({ "currentPassword": current, "newPassword": new });
    server.post("/auth/change-password", token, &body).await
}

async fn as_owner(server: &Server, sql: &str) {
    let mut owner = AsyncPgConnection::establish(&server.db.url).await.unwrap();
    owner.batch_execute(sql).await.unwrap();
}

async fn verify(server: &Server, email: &str) {
    let token = server.mail(email).await.last().unwrap().token();
    let verified = server
        .open("/auth/verify-email", &json!({ "token": token }))
        .await;
    assert_eq!(verified.status, 204, "{verified:?}");
}

#[actix_web::test]
async fn a_new_dentist_can_be_booked_at_once() {
    let server = Server::start().await;
    let answer = register(&server, &dentist("Eva@Test.ec", "Clínica Peñafiel")).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let session = answer.body;
    assert_eq!(session["user"]["email"], "eva@test.ec");
    assert_eq!(session["user"]["roles"], json!(["dentist"]));
    assert_eq!(session["user"]["emailVerified"], false);
    let workspace = &session["workspaces"][0];
    assert_eq!(workspace["subdomain"], "clinica-penafiel");
    assert_eq!(workspace["zone"], "America/Bogota");
    let token = text(&session["accessToken"]);
    let tenant = server.get("/tenant", token).await.ok();
    assert_eq!(tenant["plan"], "trial");
    let ends: chrono::DateTime<chrono::Utc> = text(&tenant["trialEndsAt"]).parse().unwrap();
    let days = (ends - chrono::Utc::now()).num_hours() as f64 / 24.0;
    assert!((29.9..=30.0).contains(&days), "{days}");

    let providers = server.get("/providers", token).await.ok();
    let provider = &providers["items"][0];
    assert_eq!(
        (&provider["name"], &provider["role"]),
        (&json!("Eva Luna"), &json!("dentist"))
    );
    let treatments = server.get("/treatments", token).await.ok();
    let treatments = treatments["items"].as_array().unwrap();
    assert_eq!(treatments.len(), 10);
    let created = server
        .post(
            "/patients",
            token,
            &json!({ "firstName": "Ana", "lastName": "Mora" }),
        )
        .await
        .ok();
    for treatment in treatments {
        let from = chrono::Utc::now() + chrono::TimeDelta::days(2);
        let query = format!(
            "/availability?treatment={}&dentist={}&from={}&to={}&limit=1",
            text(&treatment["id"]),
            text(&provider["id"]),
            from.format("%Y-%m-%dT%H:%M:00Z"),
            (from + chrono::TimeDelta::days(7)).format("%Y-%m-%dT%H:%M:00Z"),
        );
        let slots = server.get(&query, token).await.ok();
        let start = &slots["slots"][0]["start"];
        let booking = json!({ "patientId": created["id"], "dentistId": provider["id"],
            "treatmentId": treatment["id"], "start": start });
        let booked = server.post("/appointments", token, &booking).await;
        assert_eq!(booked.status, 201, "{treatment} at {start}: {booked:?}");
    }

    verify(&server, "eva@test.ec").await;
    let me = server.get("/auth/me", token).await.ok();
    assert_eq!(me["user"]["emailVerified"], true);
    server.login("eva@test.ec", PASSWORD).await.ok();
    server.stop().await;
}

#[actix_web::test]
async fn a_dentist_is_told_what_stands_in_the_way() {
    let server = Server::start().await;
    register(&server, &dentist("eva@test.ec", "Sol")).await.ok();
    register(&server, &dentist("EVA@test.ec", "Luna"))
        .await
        .problem(409, "email_taken");
    let second = register(&server, &dentist("ada@test.ec", "Sol")).await.ok();
    let subdomain = text(&second["workspaces"][0]["subdomain"]);
    assert!(subdomain.starts_with("sol-"), "{subdomain}");
    let with = |field: &str, value: Value| {
        let mut body = dentist("ines@test.ec", "Mar");
        body[field] = value;
        body
    };
    register(&server, &with("subdomain", json!("sol")))
        .await
        .problem(409, "subdomain_taken");
    for (field, value) in [
        ("subdomain", json!("S l")),
        ("subdomain", json!("www")),
        ("zone", json!("Mars/Olympus")),
        ("locale", json!("fr")),
        ("role", json!("super_admin")),
        ("email", json!("nobody")),
        ("name", json!("  ")),
        ("name", Value::Null),
        ("practiceName", json!("x".repeat(200))),
        ("password", json!("short")),
        ("password", json!("ines@test.ec")),
    ] {
        let refused = register(&server, &with(field, value.clone())).await;
        refused.problem(422, "validation");
        assert_eq!(refused.body["errors"][0]["field"], field, "{value}");
    }
    // None of the refused ones has left anything.
    register(&server, &with("subdomain", json!("mar")))
        .await
        .ok();
    server.stop().await;
}

#[actix_web::test]
async fn nobody_learns_who_is_a_patient() {
    let server = Server::start().await;
    server.practice("sol").await;
    // The owner of sol@test.ec has an account, pepe@test.ec has none.
    let fresh = register(&server, &patient("pepe@test.ec")).await;
    let known = register(&server, &patient("sol@test.ec")).await;
    assert_eq!((fresh.status.as_u16(), &fresh.body), (202, &known.body));
    assert_eq!(known.status, fresh.status);
    assert_eq!(server.mail("sol@test.ec").await.len(), 1);
    assert!(!server.mail("sol@test.ec").await[0].body.contains("token="));
    for path in ["/auth/forgot-password", "/auth/resend-verification"] {
        let fresh = server.open(path, &json!({ "email": "no@test.ec" })).await;
        let known = server.open(path, &json!({ "email": "pepe@test.ec" })).await;
        assert_eq!((fresh.status.as_u16(), &fresh.body), (202, &known.body));
        assert_eq!(known.status, fresh.status);
    }
    assert!(server.mail("no@test.ec").await.is_empty());
    // Signing in tells nothing before the address is confirmed: right, wrong and unknown are one.
    let answers = [
        server.login("pepe@test.ec", PASSWORD).await,
        server.login("pepe@test.ec", "wrong password").await,
        server.login("no@test.ec", PASSWORD).await,
    ];
    for answer in &answers {
        answer.problem(401, "unauthorized");
        assert_eq!(answer.body["detail"], answers[0].body["detail"]);
    }
    server.login("sol@test.ec", PASSWORD).await.ok();
    server.stop().await;
}

#[actix_web::test]
async fn a_patient_signs_in_once_the_address_is_confirmed() {
    let server = Server::start().await;
    register(&server, &patient("pepe@test.ec")).await.ok();
    let mail = server.mail("pepe@test.ec").await;
    let first = mail[0].token();
    // The last registration counts: its password, and only its link.
    let mut again = patient("pepe@test.ec");
    again["password"] = json!(NEW_PASSWORD);
    register(&server, &again).await.ok();
    for token in [first.as_str(), "no-such-token", ""] {
        server
            .open("/auth/verify-email", &json!({ "token": token }))
            .await
            .problem(422, "validation");
    }
    let token = server.mail("pepe@test.ec").await[1].token();
    let bodies = json!({ "token": token });
    let answers =
        futures_util::future::join_all((0..4).map(|_| server.open("/auth/verify-email", &bodies)))
            .await;
    let won = answers.iter().filter(|answer| answer.status == 204);
    assert_eq!(won.count(), 1, "{answers:?}");
    server
        .login("pepe@test.ec", PASSWORD)
        .await
        .problem(401, "unauthorized");
    let session = server.login("pepe@test.ec", NEW_PASSWORD).await.ok();
    assert_eq!(session["user"]["roles"], json!(["patient"]));
    assert_eq!(session["workspaces"], json!([]));
    // Confirmed: nothing to send again.
    let sent = server.mail("pepe@test.ec").await.len();
    server
        .open(
            "/auth/resend-verification",
            &json!({ "email": "pepe@test.ec" }),
        )
        .await
        .ok();
    assert_eq!(server.mail("pepe@test.ec").await.len(), sent);
    server.stop().await;
}

#[actix_web::test]
async fn a_forgotten_password_is_replaced_once_and_ends_all_sessions() {
    let server = Server::start().await;
    server.practice("sol").await;
    let before = server.login("sol@test.ec", PASSWORD).await.ok();
    let forgot = json!({ "email": " SOL@test.ec" });
    server.open("/auth/forgot-password", &forgot).await.ok();
    let token = server.mail("sol@test.ec").await[0].token();
    // A password that is refused does not use the link up.
    reset(&server, &token, "short")
        .await
        .problem(422, "validation");
    reset(&server, "x", NEW_PASSWORD)
        .await
        .problem(422, "validation");
    assert_eq!(reset(&server, &token, NEW_PASSWORD).await.status, 204);
    reset(&server, &token, PASSWORD)
        .await
        .problem(422, "validation");
    server
        .login("sol@test.ec", PASSWORD)
        .await
        .problem(401, "unauthorized");
    server.login("sol@test.ec", NEW_PASSWORD).await.ok();
    let old = json!({ "refreshToken": before["refreshToken"] });
    server
        .open("/auth/refresh", &old)
        .await
        .problem(401, "unauthorized");
    // Access tokens end with their session, not at their time.
    server
        .get("/auth/me", text(&before["accessToken"]))
        .await
        .problem(401, "unauthorized");
    let told = server.mail("sol@test.ec").await;
    assert!(told[1].body.contains("acaba de cambiar"), "{told:?}");
    // An hour later a link is worthless, and a newer one makes an older worthless.
    server.open("/auth/forgot-password", &forgot).await.ok();
    let late = server.mail("sol@test.ec").await[2].token();
    as_owner(
        &server,
        "UPDATE account_tokens SET expires_at = expires_at - interval '61 minutes'",
    )
    .await;
    reset(&server, &late, PASSWORD)
        .await
        .problem(422, "validation");
    server.open("/auth/forgot-password", &forgot).await.ok();
    server.open("/auth/forgot-password", &forgot).await.ok();
    let mail = server.mail("sol@test.ec").await;
    reset(&server, &mail[3].token(), PASSWORD)
        .await
        .problem(422, "validation");
    // A link to confirm an address is no link for a password.
    let verify = json!({ "token": mail[4].token() });
    server
        .open("/auth/verify-email", &verify)
        .await
        .problem(422, "validation");
    assert_eq!(reset(&server, &mail[4].token(), PASSWORD).await.status, 204);
    server.stop().await;
}

#[actix_web::test]
async fn changing_the_password_keeps_this_session_and_no_other() {
    let server = Server::start().await;
    server.practice("sol").await;
    let here = server.login("sol@test.ec", PASSWORD).await.ok();
    let there = server.login("sol@test.ec", PASSWORD).await.ok();
    let token = text(&here["accessToken"]);
    change(&server, token, "wrong password", NEW_PASSWORD)
        .await
        .problem(422, "validation");
    change(&server, token, PASSWORD, "sol@test.ec")
        .await
        .problem(422, "validation");
    assert_eq!(
        change(&server, token, PASSWORD, NEW_PASSWORD).await.status,
        204
    );
    server
        .get("/auth/me", text(&here["accessToken"]))
        .await
        .ok();
    server
        .get("/auth/me", text(&there["accessToken"]))
        .await
        .problem(401, "unauthorized");
    for (session, status) in [(&here, 200), (&there, 401)] {
        let body = json!({ "refreshToken": session["refreshToken"] });
        assert_eq!(server.open("/auth/refresh", &body).await.status, status);
    }
    server.login("sol@test.ec", NEW_PASSWORD).await.ok();
    server.stop().await;
}

#[actix_web::test]
async fn sessions_are_listed_and_ended() {
    let server = Server::start().await;
    server.practice("sol").await;
    server.practice("luna").await;
    let login = server
        .request(Method::POST, "/auth/login")
        .header(header::USER_AGENT, "Desk/1")
        .json(&json!({ "email": "sol@test.ec", "password": PASSWORD }));
    let desk = send(login).await.ok();
    let phone = server.login("sol@test.ec", PASSWORD).await.ok();
    let luna = server.login("luna@test.ec", PASSWORD).await.ok();
    // A session that went on is still one.
    let refresh = json!({ "refreshToken": desk["refreshToken"] });
    let desk = send(
        server
            .request(Method::POST, "/auth/refresh")
            .header(header::USER_AGENT, "Desk/2")
            .json(&refresh),
    )
    .await
    .ok();
    let token = text(&desk["accessToken"]);
    let list = server.get("/auth/sessions", token).await.ok();
    // One more from making the practice.
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 3, "{items:?}");
    let current: Vec<_> = items.iter().filter(|one| one["current"] == true).collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0]["userAgent"], "Desk/2");
    assert_eq!(current[0]["address"], "127.0.0.1");
    let phones = server
        .get("/auth/sessions", text(&phone["accessToken"]))
        .await
        .ok();
    let phone_id = phones["items"].as_array().unwrap().iter();
    let phone_id = phone_id
        .filter(|one| one["current"] == true)
        .map(|one| text(&one["id"]))
        .next()
        .unwrap();
    let path = format!("/auth/sessions/{phone_id}");
    let foreign = server.delete(&path, text(&luna["accessToken"])).await;
    foreign.problem(404, "not_found");
    assert_eq!(server.delete(&path, token).await.status, 204);
    server.delete(&path, token).await.problem(404, "not_found");
    server
        .get("/auth/me", text(&phone["accessToken"]))
        .await
        .problem(401, "unauthorized");
    assert_eq!(server.delete("/auth/sessions", token).await.status, 204);
    server
        .get("/auth/me", token)
        .await
        .problem(401, "unauthorized");
    server
        .get("/auth/me", text(&luna["accessToken"]))
        .await
        .ok();
    server.stop().await;
}

#[actix_web::test]
async fn registrations_and_letters_have_limits() {
    let server = Server::start_with(|db| api::config::Config {
        register_address_per_hour: 2,
        letters_per_hour: 2,
        ..config(db)
    })
    .await;
    server.user("ana@test.ec").await;
    for number in 0..2 {
        let body = dentist(&format!("d{number}@test.ec"), "Sol");
        register(&server, &body).await.ok();
    }
    let refused = [
        register(&server, &dentist("d9@test.ec", "Sol")).await,
        register(&server, &patient("p9@test.ec")).await,
    ];
    let forgot = json!({ "email": "ana@test.ec" });
    for _ in 0..2 {
        server.open("/auth/forgot-password", &forgot).await.ok();
    }
    let letters = [
        server.open("/auth/forgot-password", &forgot).await,
        server.open("/auth/resend-verification", &forgot).await,
    ];
    for answer in refused.iter().chain(&letters) {
        answer.problem(429, "rate_limited");
        let wait: u64 = answer.headers[header::RETRY_AFTER]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((1..=1801).contains(&wait), "{wait}");
    }
    server.stop().await;
}

#[actix_web::test]
async fn an_account_moves_to_another_address_once_its_mail_was_read() {
    let server = Server::start().await;
    let (_, token) = server.practice("sol").await;
    server.user("taken@test.ec").await;
    let ask = async |email: &str, password: &str| {
        let body = json!({ "newEmail": email, "currentPassword": password });
        server.post("/auth/change-email", &token, &body).await
    };
    let confirm = async |token: &str| {
        let body = json!({ "token": token });
        server.open("/auth/confirm-email", &body).await
    };
    ask("new@test.ec", "not the password")
        .await
        .problem(422, "validation");
    ask("sol@test.ec", PASSWORD)
        .await
        .problem(422, "validation");
    ask("nonsense", PASSWORD).await.problem(422, "validation");
    // The same answer, and another letter, where somebody has it.
    assert_eq!(ask("taken@test.ec", PASSWORD).await.status, 202);
    let letters = server.mail("taken@test.ec").await;
    assert_eq!(letters.len(), 1);
    assert!(!letters[0].body.contains("token="), "{letters:?}");

    assert_eq!(ask("old-try@test.ec", PASSWORD).await.status, 202);
    assert_eq!(ask("New@Test.ec", PASSWORD).await.status, 202);
    let older = server.mail("old-try@test.ec").await[0].token();
    let newer = server.mail("new@test.ec").await[0].token();
    confirm(&older).await.problem(422, "validation");
    // Nothing has changed so far, also not for the link's sake.
    assert_eq!(server.login("sol@test.ec", PASSWORD).await.status, 200);
    let forgot = json!({ "email": "sol@test.ec" });
    server.open("/auth/forgot-password", &forgot).await;
    let to_the_old = server.mail("sol@test.ec").await[0].token();
    // A secret for one thing is worthless for another.
    let verify = json!({ "token": newer });
    let refused = server.open("/auth/verify-email", &verify).await;
    refused.problem(422, "validation");
    assert_eq!(confirm(&newer).await.status, 204);
    confirm(&newer).await.problem(422, "validation");

    assert_eq!(server.login("sol@test.ec", PASSWORD).await.status, 401);
    let session = server.login("new@test.ec", PASSWORD).await.ok();
    assert_eq!(session["user"]["email"], "new@test.ec");
    assert_eq!(session["user"]["emailVerified"], true);
    let me = server.get("/auth/me", &token).await.ok();
    assert_eq!(me["user"]["email"], "new@test.ec", "{me}");
    let told = server.mail("sol@test.ec").await;
    assert!(told.last().unwrap().body.contains("correo"), "{told:?}");
    reset(&server, &to_the_old, NEW_PASSWORD)
        .await
        .problem(422, "validation");
    let log = server
        .get("/audit?action=account.email_changed", &token)
        .await
        .ok();
    let line = &log["items"][0];
    assert_eq!(
        (&line["before"]["email"], &line["after"]["email"]),
        (&json!("sol@test.ec"), &json!("new@test.ec"))
    );
    server.stop().await;
}
