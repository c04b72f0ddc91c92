//! Access tokens: JWTs (RFC 7519) signed with HS256 and nothing else. They name the user; what the
//! user may do is looked up, so a token never outlives a right by more than a moment.

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use schema::ids::UserId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::config::{Config, ConfigError};
use crate::problem::Problem;

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    pub sub: UserId,
    /// Seconds since 1970.
    pub exp: i64,
    pub iat: i64,
    pub jti: Uuid,
    /// For clients to show; never trusted here.
    pub roles: Vec<String>,
    /// The session, with which the token ends; absent in tokens that are nobody's session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Uuid>,
}

/// Signs and checks access tokens.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    /// Life of a token.
    pub seconds: u32,
}

impl Tokens {
    /// With the secret of `config`.
    ///
    /// # Errors
    /// When it has none, or too short a one.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let secret = config.jwt_secret()?;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp", "sub"]);
        validation.leeway = 0;
        Ok(Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
            seconds: config.access_token_seconds,
        })
    }

    /// A token for `user` from `now` on, that ends with `session`.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn issue(
        &self,
        user: UserId,
        roles: Vec<String>,
        session: Option<Uuid>,
        now: DateTime<Utc>,
    ) -> Result<String, Problem> {
        let claims = Claims {
            sub: user,
            iat: now.timestamp(),
            exp: now.timestamp() + i64::from(self.seconds),
            jti: Uuid::new_v4(),
            roles,
            sid: session,
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .map_err(|error| Problem::internal(error.to_string()))
    }

    /// What a token says, if it is ours and has not ended.
    ///
    /// # Errors
    /// 401 otherwise.
    pub fn check(&self, token: &str) -> Result<Claims, Problem> {
        jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation)
            .map(|token| token.claims)
            .map_err(|_| Problem::unauthorised("The token is not valid, or no longer."))
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn tokens(secret: &str) -> Tokens {
        Tokens::new(&Config {
            jwt_secret: Some(secret.to_owned().into()),
            ..Config::default()
        })
        .unwrap()
    }

    #[test]
    fn a_token_counts_until_it_ends() {
        let tokens = tokens(&"k".repeat(32));
        let user = UserId::new();
        let now = Utc::now();
        let token = tokens
            .issue(user, vec!["dentist".to_owned()], None, now)
            .unwrap();
        let claims = tokens.check(&token).unwrap();
        assert_eq!((claims.sub, claims.exp - claims.iat), (user, 900));
        let old = tokens
            .issue(user, Vec::new(), None, now - TimeDelta::seconds(901))
            .unwrap();
        assert!(tokens.check(&old).is_err());
    }

    #[test]
    fn another_key_or_algorithm_is_refused() {
        let ours = tokens(&"k".repeat(32));
        let claims = Claims {
            sub: UserId::new(),
            exp: Utc::now().timestamp() + 60,
            iat: 0,
            jti: Uuid::new_v4(),
            roles: Vec::new(),
            sid: None,
        };
        let theirs = tokens(&"x".repeat(32)).issue(claims.sub, Vec::new(), None, Utc::now());
        assert!(ours.check(&theirs.unwrap()).is_err());
        let longer = jsonwebtoken::encode(&Header::new(Algorithm::HS512), &claims, &ours.encoding);
        assert!(ours.check(&longer.unwrap()).is_err());
    }
}
