//! Asking a service over HTTPS. Follows no redirects: a service that sends us elsewhere could send
//! us to ourselves.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use openidconnect::{HttpRequest, HttpResponse};

/// A service that does not answer within this long is away.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// No service says more: keys and tokens are a few kilobytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Why a service could not be asked. None of them tells what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("{0}")]
    Client(#[from] hyper_util::client::legacy::Error),
    #[error("its answer broke off, or is too long: {0}")]
    Answer(Box<dyn std::error::Error + Send + Sync>),
    #[error("it took longer than {} s", ANSWER_WITHIN.as_secs())]
    Slow,
}

/// A client that trusts the system's authorities.
#[derive(Clone, Debug)]
pub(super) struct Asker(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Asker {
    /// Connects to nobody yet.
    pub(super) fn new() -> Result<Self, rustls::Error> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    pub(super) async fn ask(self, request: HttpRequest) -> Result<HttpResponse, AskError> {
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let asking = async {
            let (head, body) = self.0.request(request).await?.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX)
                .collect()
                .await
                .map_err(AskError::Answer)?;
            Ok(HttpResponse::from_parts(head, body.to_bytes().to_vec()))
        };
        tokio::time::timeout(ANSWER_WITHIN, asking)
            .await
            .map_err(|_| AskError::Slow)?
    }
}
