//! What happens to every request around its handler: an id, a span and a line for the log, counts,
//! headers, and a problem document for errors that have none.

use std::net::IpAddr;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};
use schema::audit_log::Origin;
use tracing::Span;
use tracing_actix_web::RootSpanBuilder;
use uuid::Uuid;

use crate::metrics;
use crate::problem::{MEDIA_TYPE, Problem};

/// In and out: which request this is.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longer ones are replaced, they would only fill logs.
const REQUEST_ID_BYTES_MAX: usize = 128;
/// What a JSON answer may do in a browser: nothing.
const NO_CONTENT_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// The id of one request: the client's, where it can be logged safely, or a new one.
#[derive(Clone, Debug)]
pub struct RequestId(String);

impl RequestId {
    fn of(request: &ServiceRequest) -> Self {
        request
            .headers()
            .get(&REQUEST_ID)
            .and_then(|value| value.to_str().ok())
            .filter(|id| acceptable(id))
            .map_or_else(
                || Self(Uuid::now_v7().to_string()),
                |id| Self(id.to_owned()),
            )
    }

    /// As sent in the header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn acceptable(id: &str) -> bool {
    (1..=REQUEST_ID_BYTES_MAX).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

tokio::task_local! {
    /// For problem documents and the audit log, which are written where no request is at hand.
    static CURRENT: (RequestId, Option<IpAddr>);
}

/// The id of the request that this code runs for.
#[must_use]
pub fn current_id() -> Option<String> {
    CURRENT.try_with(|(id, _)| id.0.clone()).ok()
}

/// Where the request that this code runs for comes from, for the audit log. Nobody's role.
#[must_use]
pub fn origin() -> Origin {
    CURRENT
        .try_with(|(id, address)| Origin {
            role: None,
            address: address.map(|address| address.to_string()),
            request_id: Some(id.0.clone()),
        })
        .unwrap_or_default()
}

/// Runs the work of one frame as the work of a request of its own.
pub async fn frame<T>(
    session: Uuid,
    number: u64,
    address: Option<IpAddr>,
    work: impl Future<Output = T>,
) -> T {
    let id = RequestId(format!("{session}:{number}"));
    CURRENT.scope((id, address), work).await
}

/// The outermost middleware.
///
/// # Errors
/// None of its own: errors become answers here.
pub async fn around(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let began = Instant::now();
    let id = RequestId::of(&request);
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();
    let address = request.peer_addr().map(|peer| peer.ip());
    // Some errors leave no response to ask for its request; the route is the same.
    let route = route_of(&request);
    let mut response = CURRENT
        .scope((id.clone(), address), async {
            let response = next.call(request).await?.map_into_boxed_body();
            Ok::<_, Error>(with_problem(response))
        })
        .await?;
    metrics::record_request(
        method.as_str(),
        &route,
        response.status().as_u16(),
        began.elapsed(),
    );
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, value);
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, NO_CONTENT_POLICY),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    Ok(response)
}

/// The pattern, never the path: paths carry ids.
fn route_of(request: &ServiceRequest) -> String {
    request
        .match_pattern()
        .unwrap_or_else(|| "unmatched".to_owned())
}

/// The framework's own errors have no body of ours yet.
fn with_problem(response: ServiceResponse) -> ServiceResponse {
    let status = response.status();
    let ours = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(MEDIA_TYPE.as_bytes()));
    if ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let allow = response.headers().get(header::ALLOW).cloned();
    let mut answer = actix_web::ResponseError::error_response(&Problem::of_status(status));
    if let Some(allow) = allow {
        answer.headers_mut().insert(header::ALLOW, allow);
    }
    response.into_response(answer)
}

/// One span a request, with a line at its end.
#[derive(Debug)]
pub struct Spans;

impl RootSpanBuilder for Spans {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let id = request.extensions().get::<RequestId>().cloned();
        tracing::info_span!(
            "request",
            request_id = id.as_ref().map_or("", RequestId::as_str),
            method = %request.method(),
            route = route_of(request),
            tenant = tracing::field::Empty,
        )
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        let (status, error) = match outcome {
            Ok(response) => (response.status(), response.response().error()),
            Err(error) => (error.as_response_error().status_code(), Some(error)),
        };
        let cause = error
            .and_then(Error::as_error::<Problem>)
            .and_then(Problem::cause);
        span.in_scope(|| {
            let status = status.as_u16();
            if let Some(cause) = cause {
                tracing::error!(status, cause, "request failed");
            }
            tracing::debug!(target: "api::access", status, "answered");
        });
    }
}

#[cfg(test)]
mod tests {
    use super::acceptable;

    #[test]
    fn request_ids_are_short_and_plain() {
        assert!(acceptable("0190c4b2-7c1e.web:1_a"));
        for id in ["", "a b", "a\"b", "é", &"x".repeat(129)] {
            assert!(!acceptable(id), "{id}");
        }
    }
}
