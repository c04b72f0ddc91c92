//! Signing in with another service: the authorization code flow of OpenID Connect Core 1.0, with
//! state, nonce and PKCE (RFC 7636). What began a sign-in stays in a signed cookie of the browser,
//! so nobody can make another person's browser finish theirs, and no process has to remember it.

mod ask;
pub mod provider;
mod secret;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use chrono::Utc;
use dashmap::DashMap;
use futures_util::future::BoxFuture;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreProviderMetadata};
use openidconnect::{
    AuthType, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse,
    IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::app::StartError;
use crate::config::Config;
use crate::problem::Problem;

use ask::{AskError, Asker};
pub use provider::{OidcProvider, OidcProviders};

/// How long somebody may take to sign in over there.
pub const FLOW_SECONDS: i64 = 600;
/// What a service says of itself is asked anew after this long.
const KNOWN_FOR: Duration = Duration::from_hours(1);

/// A sign-in that has begun, as the browser carries it.
#[derive(Clone, Serialize, Deserialize)]
#[allow(missing_debug_implementations)] // secrets: nothing shall print them
pub struct Flow {
    pub provider: String,
    state: String,
    nonce: String,
    verifier: String,
    /// Where the browser goes with the tokens: a path of ours.
    pub back: Option<String>,
    exp: i64,
}

/// Who signed in over there, as the service says.
#[allow(missing_debug_implementations)] // a person
pub struct Identity {
    pub issuer: String,
    pub subject: String,
    /// In lower case; only one that the service vouches for.
    pub email: Option<String>,
    pub name: Option<String>,
}

/// Where a browser is sent, and what it takes along.
#[allow(missing_debug_implementations)] // secrets: nothing shall print them
pub struct Begun {
    pub location: String,
    pub cookie: String,
    /// Whether the service comes back with a POST from its own page.
    pub form_post: bool,
}

/// The services that accounts may sign in with.
pub struct Oidc {
    providers: BTreeMap<String, OidcProvider>,
    public_url: String,
    asker: Asker,
    known: DashMap<String, (Instant, Arc<CoreProviderMetadata>)>,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl Oidc {
    /// With the services of `config`; asks none of them yet.
    ///
    /// # Errors
    /// When a setting is missing or impossible.
    pub fn new(config: &Config) -> Result<Self, StartError> {
        // A key of its own: a cookie is no access token, and no access token is a cookie.
        let key = Sha256::new()
            .chain_update(b"oidc flow ")
            .chain_update(config.jwt_secret()?)
            .finalize();
        Ok(Self {
            providers: config.oidc.0.clone(),
            public_url: config.public_url.clone(),
            asker: Asker::new().map_err(|error| StartError::Oidc(error.to_string()))?,
            known: DashMap::new(),
            encoding: EncodingKey::from_secret(&key),
            decoding: DecodingKey::from_secret(&key),
        })
    }

    /// The names of the services.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.providers.keys().map(String::as_str)
    }

    fn provider(&self, name: &str) -> Result<&OidcProvider, Problem> {
        self.providers.get(name).ok_or_else(Problem::not_found)
    }

    /// Whether the service comes back with a POST from its own page.
    #[must_use]
    pub fn posts(&self, name: &str) -> bool {
        self.providers
            .get(name)
            .is_some_and(|provider| provider.form_post)
    }

    fn redirect(&self, name: &str) -> Result<RedirectUrl, Problem> {
        RedirectUrl::new(format!("{}/auth/oidc/{name}/callback", self.public_url))
            .map_err(|error| Problem::internal(format!("DENTICLOUD_PUBLIC_URL: {error}")))
    }

    /// Begins a sign-in.
    ///
    /// # Errors
    /// 404 for a service that is not configured, 503 for one that does not answer.
    pub async fn begin(&self, name: &str, back: Option<String>) -> Result<Begun, Problem> {
        let provider = self.provider(name)?;
        let metadata = self.metadata(name, provider).await?;
        let client = CoreClient::from_provider_metadata(
            (*metadata).clone(),
            ClientId::new(provider.client_id.clone()),
            None,
        )
        .set_redirect_uri(self.redirect(name)?);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut asking = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .set_pkce_challenge(challenge);
        for scope in provider.scopes() {
            asking = asking.add_scope(Scope::new(scope.to_owned()));
        }
        if provider.form_post {
            asking = asking.add_extra_param("response_mode", "form_post");
        }
        let (url, state, nonce) = asking.url();
        let flow = Flow {
            provider: name.to_owned(),
            state: state.secret().clone(),
            nonce: nonce.secret().clone(),
            verifier: verifier.secret().clone(),
            back,
            exp: Utc::now().timestamp() + FLOW_SECONDS,
        };
        let cookie = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &flow, &self.encoding)
            .map_err(|error| Problem::internal(error.to_string()))?;
        Ok(Begun {
            location: url.into(),
            cookie,
            form_post: provider.form_post,
        })
    }

    /// The flow that a browser carries, if it is the one that `state` belongs to.
    ///
    /// # Errors
    /// 400 `oidc_state` otherwise.
    pub fn flow(&self, cookie: Option<&str>, name: &str, state: &str) -> Result<Flow, Problem> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        cookie
            .and_then(|cookie| {
                jsonwebtoken::decode::<Flow>(cookie, &self.decoding, &validation).ok()
            })
            .map(|token| token.claims)
            .filter(|flow| flow.provider == name && same(&flow.state, state))
            .ok_or_else(|| {
                Problem::new(
                    StatusCode::BAD_REQUEST,
                    "oidc_state",
                    "This sign-in was not begun here, or too long ago: begin again.",
                )
            })
    }

    /// Exchanges the code that the service gave for who signed in.
    ///
    /// # Errors
    /// 401 `oidc_failed` for anything about it that is not right; 503 for a service that is away.
    pub async fn finish(&self, flow: Flow, code: String) -> Result<Identity, Problem> {
        let name = flow.provider.as_str();
        let provider = self.provider(name)?;
        let metadata = self.metadata(name, provider).await?;
        let posts_secret = metadata
            .token_endpoint_auth_methods_supported()
            .is_some_and(|methods| {
                use openidconnect::core::CoreClientAuthMethod::ClientSecretBasic;
                !methods.contains(&ClientSecretBasic)
            });
        let secret = provider.secret(metadata.issuer().as_str(), Utc::now())?;
        let client = CoreClient::from_provider_metadata(
            (*metadata).clone(),
            ClientId::new(provider.client_id.clone()),
            secret.map(ClientSecret::new),
        )
        .set_auth_type(if posts_secret {
            AuthType::RequestBody
        } else {
            AuthType::BasicAuth
        })
        .set_redirect_uri(self.redirect(name)?);
        let http = self.asking();
        let answer = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| failed(error.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(flow.verifier))
            .request_async(&http)
            .await
            // The errors tell what the service said of the request, not what was in it.
            .map_err(|error| failed(error.to_string()))?;
        let token: &CoreIdToken = answer
            .id_token()
            .ok_or_else(|| failed("there is no ID token".to_owned()))?;
        let nonce = Nonce::new(flow.nonce);
        let claims = match token.claims(&client.id_token_verifier(), &nonce) {
            Ok(claims) => claims,
            Err(error) => {
                // Its keys may be new: the next sign-in asks for them.
                self.known.remove(name);
                return Err(failed(error.to_string()));
            }
        };
        let vouched = claims.email_verified() == Some(true) || provider.trust_email;
        Ok(Identity {
            issuer: claims.issuer().to_string(),
            subject: claims.subject().to_string(),
            email: claims
                .email()
                .filter(|_| vouched)
                .map(|email| email.trim().to_lowercase()),
            name: claims
                .name()
                .and_then(|name| name.get(None))
                .map(|name| name.to_string()),
        })
    }

    /// What the service says of itself, with its keys.
    async fn metadata(
        &self,
        name: &str,
        provider: &OidcProvider,
    ) -> Result<Arc<CoreProviderMetadata>, Problem> {
        if let Some(known) = self.known.get(name)
            && known.0.elapsed() < KNOWN_FOR
        {
            return Ok(Arc::clone(&known.1));
        }
        let issuer = IssuerUrl::new(provider.issuer.clone())
            .map_err(|error| Problem::internal(format!("oidc.{name}.issuer: {error}")))?;
        let http = self.asking();
        let found = CoreProviderMetadata::discover_async(issuer, &http)
            .await
            .map_err(|error| Problem::busy().with_cause(format!("oidc.{name}: {error}")))?;
        let found = Arc::new(found);
        self.known
            .insert(name.to_owned(), (Instant::now(), Arc::clone(&found)));
        Ok(found)
    }

    fn asking(&self) -> impl Fn(HttpRequest) -> BoxFuture<'static, Result<HttpResponse, AskError>> {
        let asker = self.asker.clone();
        move |request| Box::pin(asker.clone().ask(request))
    }
}

fn same(one: &str, other: &str) -> bool {
    use subtle::ConstantTimeEq;
    bool::from(one.as_bytes().ct_eq(other.as_bytes()))
}

fn failed(cause: String) -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "oidc_failed",
        "The sign-in did not succeed: begin again.",
    )
    .with_cause(cause)
}

impl std::fmt::Debug for Oidc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Oidc")
            .field("providers", &self.providers.keys())
            .finish_non_exhaustive()
    }
}
