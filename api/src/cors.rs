//! Cross-origin requests: the public routes may be asked by scripts of any web site, which is where
//! practices put what their patients book with. Nothing here knows a cookie, so no site can act for
//! somebody who is signed in elsewhere (decision 0080). No other route answers other sites' scripts.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse};

/// What such scripts may send beyond what browsers always let them.
const ALLOWED: &str =
    "Content-Type, Idempotency-Key, X-Hold-Token, X-Session-Id, X-Request-Id, Accept-Language";
/// What they may read beyond the body.
const EXPOSED: &str = "ETag, Idempotent-Replay, Location, Retry-After, X-Request-Id";
/// How long a browser need not ask again, in seconds.
const MAX_AGE: &str = "86400";

/// Whether scripts of other sites may ask this path.
#[must_use]
pub fn is_open(path: &str) -> bool {
    path.starts_with("/public/")
}

/// Around the routes of an open path: answers a browser that asks first, and lets it hand on the
/// answer, problems too. `methods`: what there is at this path.
///
/// # Errors
/// The handler's own.
pub async fn open(
    methods: String,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    let asks_first = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if asks_first {
        let answer = HttpResponse::NoContent()
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, methods))
            .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, MAX_AGE))
            .finish();
        request.into_response(answer)
    } else {
        next.call(request).await?
    };
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(EXPOSED),
    );
    Ok(response)
}
