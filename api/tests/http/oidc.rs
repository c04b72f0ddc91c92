//! Signing in with another service, a real one: it runs beside the server and checks its clients.

mod issuer;

use std::collections::BTreeMap;

use api::auth::oidc::{OidcProvider, OidcProviders, provider::Signing};
use api::config::Config;
use reqwest::{Method, header};
use serde_json::{Value, json};

use super::support::{Answer, PASSWORD, Server, config, send};
use issuer::{CLIENT, CLIENT_KEY, Issuer, Lie, SECRET};

/// A server that knows one service, `test`.
async fn server(issuer: &Issuer, change: impl FnOnce(&mut OidcProvider)) -> Server {
    let mut provider = OidcProvider {
        issuer: issuer.url.clone(),
        client_id: CLIENT.to_owned(),
        client_secret: Some(SECRET.into()),
        scopes: Vec::new(),
        form_post: false,
        trust_email: false,
        signing: None,
    };
    change(&mut provider);
    let providers = BTreeMap::from([("test".to_owned(), provider)]);
    Server::start_with(|db| Config {
        oidc: OidcProviders(providers),
        ..config(db)
    })
    .await
}

/// A browser half-way: it has been to the service and is on its way back.
struct Browser {
    cookie: String,
    code: String,
    state: String,
    redirect: String,
}

async fn begin(server: &Server, back: &str) -> Browser {
    let start = server.request(Method::GET, &format!("/auth/oidc/test/start{back}"));
    let sent = send(start).await;
    assert_eq!(sent.status, 303, "{sent:?}");
    let cookie = sent.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("Path=/auth/oidc"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let page = sent.headers[header::LOCATION].to_str().unwrap();
    let answer: Value = reqwest::get(page).await.unwrap().json().await.unwrap();
    let text = |field: &str| answer[field].as_str().unwrap().to_owned();
    Browser {
        cookie,
        code: text("code"),
        state: text("state"),
        redirect: text("redirect"),
    }
}

async fn come_back(server: &Server, browser: &Browser) -> Answer {
    let path = format!(
        "/auth/oidc/test/callback?code={}&state={}",
        browser.code, browser.state
    );
    send(
        server
            .request(Method::GET, &path)
            .header(header::COOKIE, &browser.cookie),
    )
    .await
}

async fn sign_in(server: &Server) -> Answer {
    come_back(server, &begin(server, "").await).await
}

#[actix_web::test]
async fn a_stranger_gets_an_account_and_finds_it_again() {
    let issuer = Issuer::start(false).await;
    let server = server(&issuer, |_| {}).await;
    let services = send(server.request(Method::GET, "/auth/oidc")).await.ok();
    assert_eq!(services["items"][0]["start"], "/auth/oidc/test/start");
    let first = sign_in(&server).await.ok();
    assert_eq!(first["user"]["email"], "eva@test.ec");
    assert_eq!(first["user"]["name"], "Eva Luna");
    assert_eq!(first["user"]["emailVerified"], true);
    let token = first["accessToken"].as_str().unwrap();
    server.get("/auth/me", token).await.ok();
    // The subject is who it is: the address may change over there, and need not be told.
    issuer.next(|next| {
        next.email = None;
        next.verified = Value::Null;
    });
    let again = sign_in(&server).await.ok();
    assert_eq!(again["user"], first["user"]);
    // Another subject is somebody else.
    issuer.next(|next| {
        next.subject = "subject-2".to_owned();
        next.email = Some("ada@test.ec".to_owned());
        next.verified = json!("true"); // as Apple writes it
    });
    let other = sign_in(&server).await.ok();
    assert_ne!(other["user"]["id"], first["user"]["id"]);
    // There is no password to sign in with.
    server
        .login("eva@test.ec", PASSWORD)
        .await
        .problem(401, "unauthorized");
    // With a page to go back to, the tokens stay behind `#`.
    let back = come_back(&server, &begin(&server, "?return=/app/day").await).await;
    assert_eq!(back.status, 303);
    let location = back.headers[header::LOCATION].to_str().unwrap();
    assert!(location.starts_with("/app/day#accessToken="), "{location}");
    let elsewhere = server.request(Method::GET, "/auth/oidc/test/start?return=//evil.example");
    send(elsewhere).await.problem(422, "validation");
    let unknown = server.request(Method::GET, "/auth/oidc/other/start");
    send(unknown).await.problem(404, "not_found");
    server.stop().await;
    issuer.stop().await;
}

#[actix_web::test]
async fn a_token_that_lies_is_refused() {
    let issuer = Issuer::start(false).await;
    let server = server(&issuer, |_| {}).await;
    for lie in [
        Lie::Nonce,
        Lie::Audience,
        Lie::Issuer,
        Lie::Expired,
        Lie::Key,
        Lie::PublicKeyAsSecret,
        Lie::Unsigned,
        Lie::Absent,
    ] {
        issuer.next(|next| next.lie = lie);
        let refused = sign_in(&server).await;
        assert_eq!(refused.status, 401, "{lie:?}");
        refused.problem(401, "oidc_failed");
    }
    issuer.next(|next| next.lie = Lie::None);
    sign_in(&server).await.ok();
    server.stop().await;
    issuer.stop().await;
}

#[actix_web::test]
async fn a_sign_in_ends_in_the_browser_that_began_it() {
    let issuer = Issuer::start(false).await;
    let server = server(&issuer, |_| {}).await;
    let (mine, theirs) = (begin(&server, "").await, begin(&server, "").await);
    for (cookie, state) in [
        (theirs.cookie.as_str(), mine.state.as_str()),
        (mine.cookie.as_str(), theirs.state.as_str()),
        (mine.cookie.as_str(), ""),
        ("", mine.state.as_str()),
        ("denticloud_oidc=forged", mine.state.as_str()),
    ] {
        let forged = Browser {
            cookie: cookie.to_owned(),
            code: mine.code.clone(),
            state: state.to_owned(),
            redirect: String::new(),
        };
        come_back(&server, &forged).await.problem(400, "oidc_state");
    }
    // A code of another sign-in: its verifier is not ours.
    let crossed = Browser {
        code: theirs.code.clone(),
        cookie: mine.cookie.clone(),
        state: mine.state.clone(),
        redirect: String::new(),
    };
    come_back(&server, &crossed)
        .await
        .problem(401, "oidc_failed");
    assert!(
        mine.redirect.ends_with("/auth/oidc/test/callback"),
        "{}",
        mine.redirect
    );
    come_back(&server, &mine).await.ok();
    // A code counts once.
    come_back(&server, &mine).await.problem(401, "oidc_failed");
    // An access token is no cookie, and the other way round.
    let token = server.user("ana@test.ec").await;
    assert!(!token.0.is_nil());
    let token = server.token("ana@test.ec").await;
    let swapped = Browser {
        cookie: format!("denticloud_oidc={token}"),
        ..begin(&server, "").await
    };
    come_back(&server, &swapped)
        .await
        .problem(400, "oidc_state");
    let (_, flow) = theirs.cookie.split_once('=').unwrap();
    server
        .get("/auth/me", flow)
        .await
        .problem(401, "unauthorized");
    let said_no = server
        .request(
            Method::GET,
            &format!(
                "/auth/oidc/test/callback?error=access_denied&state={}",
                theirs.state
            ),
        )
        .header(header::COOKIE, &theirs.cookie);
    send(said_no).await.problem(401, "oidc_refused");
    server.stop().await;
    issuer.stop().await;
}

#[actix_web::test]
async fn an_account_is_linked_by_an_address_that_the_service_vouches_for() {
    let issuer = Issuer::start(false).await;
    let server = server(&issuer, |_| {}).await;
    let user = server.user("eva@test.ec").await;
    for verified in [json!(false), json!("false"), Value::Null] {
        issuer.next(|next| next.verified = verified);
        sign_in(&server).await.problem(403, "email_unverified");
    }
    issuer.next(|next| next.verified = json!(true));
    let linked = sign_in(&server).await.ok();
    assert_eq!(linked["user"]["id"], user.to_string());
    // A confirmed account keeps its password.
    server.login("eva@test.ec", PASSWORD).await.ok();

    // An account that somebody made with another's address: its owner comes, the stranger is out.
    let squatter = json!({ "role": "dentist", "email": "ada@test.ec", "password": PASSWORD,
        "name": "Not Ada", "practiceName": "Squat" });
    let stranger = server.open("/auth/register", &squatter).await.ok();
    issuer.next(|next| {
        next.subject = "ada".to_owned();
        next.email = Some("ada@test.ec".to_owned());
    });
    let ada = sign_in(&server).await.ok();
    assert_eq!(ada["user"]["id"], stranger["user"]["id"]);
    server
        .login("ada@test.ec", PASSWORD)
        .await
        .problem(401, "unauthorized");
    let old = stranger["accessToken"].as_str().unwrap();
    server
        .get("/auth/me", old)
        .await
        .problem(401, "unauthorized");
    server.stop().await;
    issuer.stop().await;
}

#[actix_web::test]
async fn a_service_like_apple_gets_a_signed_secret_and_posts_back() {
    let issuer = Issuer::start(true).await;
    let server = server(&issuer, |provider| {
        provider.client_secret = None;
        provider.form_post = true;
        provider.signing = Some(Signing {
            team_id: "TEAM".to_owned(),
            key_id: "KEY".to_owned(),
            private_key: CLIENT_KEY.into(),
        });
    })
    .await;
    let browser = begin(&server, "").await;
    let form = [("code", &browser.code), ("state", &browser.state)];
    let posted = server
        .request(Method::POST, "/auth/oidc/test/callback")
        .header(header::COOKIE, &browser.cookie)
        .form(&form);
    let session = send(posted).await.ok();
    assert_eq!(session["user"]["email"], "eva@test.ec");
    server.stop().await;
    issuer.stop().await;
}

#[actix_web::test]
async fn a_service_that_is_away_is_told() {
    let issuer = Issuer::start(false).await;
    let server = server(&issuer, |_| {}).await;
    issuer.stop().await;
    let start = server.request(Method::GET, "/auth/oidc/test/start");
    let answer = send(start).await;
    answer.problem(503, "busy");
    assert!(!answer.body.to_string().contains("127.0.0.1"), "{answer:?}");
    server.stop().await;
}
