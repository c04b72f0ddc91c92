//! The settings of a sign-in service. In the file a table of its own:
//!
//! ```toml
//! [oidc.google]
//! issuer = "https://accounts.google.com"
//! client_id = "…"
//! client_secret = "…"
//! ```
//!
//! In `DENTICLOUD_OIDC` the same as JSON: `{"google": {"issuer": …}}`.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

/// Asked for without other wishes.
const SCOPES: [&str; 2] = ["email", "profile"];

/// One service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcProvider {
    /// Its address, as its tokens name it.
    pub issuer: String,
    pub client_id: String,
    /// Absent for public clients, and where the secret is made of a key.
    pub client_secret: Option<SecretString>,
    /// Beyond `openid`; `email` and `profile` without.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Whether it comes back with a POST from its own page: Apple does when asked for scopes.
    #[serde(default)]
    pub form_post: bool,
    /// Whether every address that it tells is its account's, though it does not say so in each
    /// token. Never for services where anybody may put in an address (decision 0027).
    #[serde(default)]
    pub trust_email: bool,
    /// For Apple, whose secret is a token signed with a key of the team.
    pub signing: Option<Signing>,
}

/// A key that client secrets are signed with (ES256).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signing {
    pub team_id: String,
    pub key_id: String,
    /// The text of the `.p8` file.
    pub private_key: SecretString,
}

impl OidcProvider {
    pub(super) fn scopes(&self) -> Vec<&str> {
        if self.scopes.is_empty() {
            return SCOPES.to_vec();
        }
        let given = self.scopes.iter().map(String::as_str);
        given.filter(|scope| *scope != "openid").collect()
    }
}

/// All services, by the name in their addresses.
#[derive(Clone, Debug, Default)]
pub struct OidcProviders(pub BTreeMap<String, OidcProvider>);

impl<'de> Deserialize<'de> for OidcProviders {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            /// Of the environment.
            Json(String),
            Table(BTreeMap<String, serde_json::Value>),
        }
        let wrong = serde::de::Error::custom::<String>;
        let table = match Form::deserialize(value)? {
            Form::Json(text) => {
                serde_json::from_str(&text).map_err(|error| wrong(format!("oidc: {error}")))?
            }
            Form::Table(table) => table,
        };
        let mut providers = BTreeMap::new();
        for (name, settings) in table {
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            if name.is_empty() || !name.bytes().all(plain) {
                return Err(wrong(format!(
                    "oidc.{name}: names are small letters, digits, dashes"
                )));
            }
            let provider = serde_json::from_value(settings)
                .map_err(|error| wrong(format!("oidc.{name}: {error}")))?;
            providers.insert(name, provider);
        }
        Ok(Self(providers))
    }
}
