//! Access tokens as the server issues them (HS256, claims `sub`, `iat`, `exp`, `jti`, `roles`), made
//! here with its secret: a swarm that signs in with passwords would measure Argon2.

use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use uuid::Uuid;

use crate::Outcome;

/// Longer than any run.
const SECONDS: i64 = 24 * 3600;

#[derive(Serialize)]
struct Claims {
    sub: Uuid,
    exp: i64,
    iat: i64,
    jti: Uuid,
    roles: Vec<String>,
}

/// A token for `user`.
///
/// # Errors
/// When it cannot be signed.
pub fn issue(secret: &str, user: Uuid) -> Outcome<String> {
    let now = Utc::now().timestamp();
    let claims = Claims {
        sub: user,
        exp: now + SECONDS,
        iat: now,
        jti: Uuid::new_v4(),
        roles: vec!["dentist".to_owned()],
    };
    let key = EncodingKey::from_secret(secret.as_bytes());
    Ok(jsonwebtoken::encode(
        &Header::new(Algorithm::HS256),
        &claims,
        &key,
    )?)
}
