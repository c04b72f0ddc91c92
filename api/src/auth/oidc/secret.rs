//! What we show a service to prove that we are its client.

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::ExposeSecret;
use serde::Serialize;

use super::provider::OidcProvider;
use crate::problem::Problem;

/// Life of a secret that is made for one exchange.
const SECONDS: i64 = 300;

/// As Apple wants it: "Creating a client secret" in Sign in with Apple's REST API.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    iat: i64,
    exp: i64,
    aud: &'a str,
    sub: &'a str,
}

impl OidcProvider {
    /// The secret for one exchange with `issuer`.
    pub(super) fn secret(
        &self,
        issuer: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<String>, Problem> {
        let Some(signing) = &self.signing else {
            let secret = self.client_secret.as_ref();
            return Ok(secret.map(|secret| secret.expose_secret().to_owned()));
        };
        let key = EncodingKey::from_ec_pem(signing.private_key.expose_secret().as_bytes())
            .map_err(|_| Problem::internal("oidc: signing.private_key is no PKCS #8 EC key"))?;
        let claims = Claims {
            iss: &signing.team_id,
            iat: now.timestamp(),
            exp: now.timestamp() + SECONDS,
            aud: issuer.trim_end_matches('/'),
            sub: &self.client_id,
        };
        let header = Header {
            kid: Some(signing.key_id.clone()),
            ..Header::new(Algorithm::ES256)
        };
        jsonwebtoken::encode(&header, &claims, &key)
            .map(Some)
            .map_err(|error| Problem::internal(error.to_string()))
    }
}
