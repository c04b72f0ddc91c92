//! A sign-in service: discovery, keys, the page that people see (it says yes at once), and tokens
//! (OpenID Connect Core 1.0). It checks its clients as a real one does, and lies when told to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::Utc;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub const CLIENT: &str = "denticloud-test";
pub const SECRET: &str = "a client's secret";
/// Keys of tests: they protect nothing.
const KEY: &[u8] = include_bytes!("issuer.pem");
const STRANGERS_KEY: &[u8] = include_bytes!("stranger.pem");
pub const CLIENT_KEY: &str = include_str!("client.pem");
const CLIENT_KEY_PUBLIC: &[u8] = include_bytes!("client.pub.pem");
/// The modulus of `issuer.pem`.
const MODULUS: &str = "oTDOs9__3qhllbcPJ9zoEt52-QwTA0doPzOtTO8fINmPyh4_yIy4SwfMFzQLKlOT9ZBRm6jY-OYtScXF5jPP_1-3kgrF0wKqJGfBnFSgOArcWgp2qD1MGUJyWvvVNSASFWG7-gjTh0NK-QLaoZ7zNEEQtmUH46H5MaxDuFGmVxGNkb-WKa21Rw0clvq5PxpQBeQxJtGENSxGHZ9XByVLe9WMZUFPF9InS6FyhYjIWPw6qPFq_NqNsdIJSv7PXgFoGmxh2BZPWtO-x8kR6r2H8R3f0rhX2yy57lr3zSMdnqU5ZXW5WOsSFuPWmzsd9e9hDDYgTLZtVITW2UnlmNv9DQ";

/// What a token of the issuer is wrong about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    None,
    Nonce,
    Audience,
    Issuer,
    Expired,
    /// Signed by somebody else with our key's name.
    Key,
    /// Signed with the public key as if it were a secret.
    PublicKeyAsSecret,
    Unsigned,
    Absent,
}

/// Who signs in next, and how honestly.
#[derive(Clone, Debug)]
pub struct Next {
    pub subject: String,
    pub email: Option<String>,
    pub verified: Value,
    pub lie: Lie,
}

struct Asked {
    nonce: String,
    challenge: String,
    redirect: String,
}

struct State {
    url: String,
    /// Wants secrets as Apple does: posted, and signed.
    like_apple: bool,
    next: Mutex<Next>,
    codes: Mutex<HashMap<String, Asked>>,
}

pub struct Issuer {
    pub url: String,
    state: Arc<State>,
    handle: ServerHandle,
}

impl Issuer {
    pub async fn start(like_apple: bool) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            url: url.clone(),
            like_apple,
            next: Mutex::new(Next {
                subject: "subject-1".to_owned(),
                email: Some("Eva@Test.ec".to_owned()),
                verified: json!(true),
                lie: Lie::None,
            }),
            codes: Mutex::default(),
        });
        let shared = web::Data::from(Arc::clone(&state));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .route(
                    "/.well-known/openid-configuration",
                    web::get().to(discovery),
                )
                .route("/keys", web::get().to(keys))
                .route("/authorize", web::get().to(authorize))
                .route("/token", web::post().to(token))
        })
        .workers(1)
        .disable_signals()
        .listen(listener)
        .unwrap()
        .run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { url, state, handle }
    }

    pub fn next(&self, change: impl FnOnce(&mut Next)) {
        change(&mut self.state.next.lock().unwrap());
    }

    pub async fn stop(self) {
        self.handle.stop(false).await;
    }
}

async fn discovery(state: web::Data<State>) -> HttpResponse {
    let url = &state.url;
    let method = if state.like_apple {
        "client_secret_post"
    } else {
        "client_secret_basic"
    };
    HttpResponse::Ok().json(json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": [method],
    }))
}

async fn keys() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "keys": [{
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "one", "n": MODULUS, "e": "AQAB",
    }]}))
}

/// Answers what a browser would be sent back with.
async fn authorize(
    state: web::Data<State>,
    query: web::Query<HashMap<String, String>>,
) -> HttpResponse {
    assert_eq!(query["client_id"], CLIENT);
    assert_eq!(query["response_type"], "code");
    assert_eq!(query["code_challenge_method"], "S256");
    assert!(query["scope"].split(' ').any(|scope| scope == "openid"));
    assert_eq!(query.contains_key("response_mode"), state.like_apple);
    let code = uuid::Uuid::new_v4().to_string();
    state.codes.lock().unwrap().insert(
        code.clone(),
        Asked {
            nonce: query["nonce"].clone(),
            challenge: query["code_challenge"].clone(),
            redirect: query["redirect_uri"].clone(),
        },
    );
    HttpResponse::Ok().json(json!({ "code": code, "state": query["state"],
        "redirect": query["redirect_uri"] }))
}

async fn token(
    state: web::Data<State>,
    request: HttpRequest,
    form: web::Form<HashMap<String, String>>,
) -> HttpResponse {
    if !client_is_right(&state, &request, &form) {
        return HttpResponse::Unauthorized().json(json!({ "error": "invalid_client" }));
    }
    let asked = state.codes.lock().unwrap().remove(&form["code"]);
    let verifier = Sha256::digest(&form["code_verifier"]);
    let Some(asked) = asked.filter(|asked| {
        asked.challenge == URL_SAFE_NO_PAD.encode(verifier)
            && asked.redirect == form["redirect_uri"]
    }) else {
        return HttpResponse::BadRequest().json(json!({ "error": "invalid_grant" }));
    };
    let next = state.next.lock().unwrap().clone();
    let mut answer = json!({ "access_token": "unused", "token_type": "Bearer" });
    if next.lie != Lie::Absent {
        answer["id_token"] = json!(id_token(&state.url, &next, asked.nonce));
    }
    HttpResponse::Ok().json(answer)
}

fn client_is_right(state: &State, request: &HttpRequest, form: &HashMap<String, String>) -> bool {
    if state.like_apple {
        let mut wanted = Validation::new(Algorithm::ES256);
        wanted.set_audience(&[&state.url]);
        wanted.set_issuer(&["TEAM"]);
        wanted.sub = Some(CLIENT.to_owned());
        let key = DecodingKey::from_ec_pem(CLIENT_KEY_PUBLIC).unwrap();
        let secret = jsonwebtoken::decode::<Value>(&form["client_secret"], &key, &wanted);
        return secret.is_ok_and(|secret| secret.header.kid.as_deref() == Some("KEY"));
    }
    let encoded = SECRET.replace(' ', "+").replace('\'', "%27");
    let basic = STANDARD.encode(format!("{CLIENT}:{encoded}"));
    let given = request.headers().get("authorization").unwrap();
    given.to_str().unwrap() == format!("Basic {basic}")
}

fn id_token(url: &str, next: &Next, nonce: String) -> String {
    let now = Utc::now().timestamp();
    let lies = |lie| next.lie == lie;
    let pick = |lie, wrong: &str, right: &str| if lies(lie) { wrong } else { right }.to_owned();
    let mut claims = json!({
        "iss": pick(Lie::Issuer, "https://elsewhere.example", url),
        "aud": pick(Lie::Audience, "somebody else", CLIENT),
        "sub": next.subject,
        "iat": now,
        "exp": if lies(Lie::Expired) { now - 60 } else { now + 300 },
        "nonce": if lies(Lie::Nonce) { "another".to_owned() } else { nonce },
        "name": "Eva Luna",
        "email_verified": next.verified,
    });
    if let Some(email) = &next.email {
        claims["email"] = json!(email);
    }
    let header = |algorithm| Header {
        kid: Some("one".to_owned()),
        ..Header::new(algorithm)
    };
    match next.lie {
        Lie::Unsigned => format!(
            "{}.{}.",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"one"}"#),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        ),
        Lie::PublicKeyAsSecret => {
            let key = EncodingKey::from_secret(&URL_SAFE_NO_PAD.decode(MODULUS).unwrap());
            jsonwebtoken::encode(&header(Algorithm::HS256), &claims, &key).unwrap()
        }
        lie => {
            let key = if lie == Lie::Key { STRANGERS_KEY } else { KEY };
            let key = EncodingKey::from_rsa_pem(key).unwrap();
            jsonwebtoken::encode(&header(Algorithm::RS256), &claims, &key).unwrap()
        }
    }
}
