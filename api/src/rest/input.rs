//! What a request brings, read and checked before a handler sees it; everything that is wrong with
//! it is a problem document.

use std::future::{Ready, ready};
use std::ops::Deref;

use actix_web::body::BoxBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PathError;
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::web::{self, PathConfig, PayloadConfig, ServiceConfig};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::future::LocalBoxFuture;
use garde::Validate;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::problem::{FieldError, Problem};

/// No command of the API is longer.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// The extractors' limits and errors.
pub(crate) fn configure(services: &mut ServiceConfig) {
    services
        .app_data(PayloadConfig::new(BODY_BYTES_MAX))
        .app_data(PathConfig::default().error_handler(|error, _| path_problem(&error).into()));
}

/// What stands behind the `?`. Several of them may read the same query, each what it knows.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<T> Params<T> {
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Params<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned> FromRequest for Params<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pairs = form_urlencoded::parse(request.query_string().as_bytes());
        let read = serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs));
        // With the parameter's name, where it is one that is wrong.
        ready(
            read.map(Self).map_err(|error| {
                Problem::bad_request(format!("The query cannot be read: {error}"))
            }),
        )
    }
}

/// A JSON body that its handler validates.
#[derive(Debug)]
pub struct Unchecked<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Unchecked<T> {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if !is_json(request) {
            let problem = Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "Send Content-Type: application/json.",
            );
            return Box::pin(async { Err(problem.into()) });
        }
        let body = bytes(request, payload);
        Box::pin(async move { Ok(Self(read(&body.await?)?)) })
    }
}

/// A JSON body that has passed its own validation.
#[derive(Debug)]
pub struct Input<T>(pub T);

impl<T> FromRequest for Input<T>
where
    T: DeserializeOwned + Validate<Context = ()> + 'static,
{
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = Unchecked::<T>::from_request(request, payload);
        Box::pin(async move {
            let Unchecked(body) = body.await?;
            body.validate().map_err(|report| invalid(&report))?;
            Ok(Self(body))
        })
    }
}

/// A body that may be left out: then everything in it is as if nothing was said.
#[derive(Debug)]
pub struct OptionalInput<T>(pub T);

impl<T> FromRequest for OptionalInput<T>
where
    T: DeserializeOwned + Validate<Context = ()> + Default + 'static,
{
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let headers = request.headers();
        let length = headers.get(header::CONTENT_LENGTH);
        let empty = length.is_none_or(|length| length == "0")
            && !headers.contains_key(header::TRANSFER_ENCODING);
        if empty {
            return Box::pin(async { Ok(Self(T::default())) });
        }
        let body = Input::<T>::from_request(request, payload);
        Box::pin(async { Ok(Self(body.await?.0)) })
    }
}

/// As [`Input`], where no body at all is fine, too.
#[derive(Debug)]
pub struct MaybeInput<T>(pub Option<T>);

impl<T> FromRequest for MaybeInput<T>
where
    T: DeserializeOwned + Validate<Context = ()> + 'static,
{
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = bytes(request, payload);
        Box::pin(async move {
            let body = body.await?;
            if body.is_empty() {
                return Ok(Self(None));
            }
            let body: T = read(&body)?;
            body.validate().map_err(|report| invalid(&report))?;
            Ok(Self(Some(body)))
        })
    }
}

/// The JSON body of a request that may have none, checked as [`Input`] is.
///
/// # Errors
/// 400 for what is no JSON, 422 for fields that cannot be taken.
pub(crate) fn optional<T>(body: &[u8]) -> Result<T, Problem>
where
    T: DeserializeOwned + Validate<Context = ()> + Default,
{
    if body.trim_ascii().is_empty() {
        return Ok(T::default());
    }
    let body: T = read(body)?;
    body.validate().map_err(|report| invalid(&report))?;
    Ok(body)
}

/// What a body's own validation found.
pub(crate) fn invalid(report: &garde::Report) -> Problem {
    let errors = report.iter().map(|(path, error)| FieldError {
        field: camel_case(&path.to_string()),
        message: error.message().to_owned(),
    });
    Problem::validation(errors.collect())
}

/// Fields are named as on the wire.
fn camel_case(path: &str) -> String {
    let mut name = String::with_capacity(path.len());
    let mut upper = false;
    for letter in path.chars() {
        match letter {
            '_' => upper = true,
            letter if upper => {
                name.push(letter.to_ascii_uppercase());
                upper = false;
            }
            letter => name.push(letter),
        }
    }
    name
}

/// For a field that may be absent (`None`: unchanged), `null` (`Some(None)`: cleared) or set.
///
/// # Errors
/// The value's own.
pub fn nullable<'de, D, T>(value: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(value).map(Some)
}

fn is_json(request: &HttpRequest) -> bool {
    let kind = request.mime_type().ok().flatten();
    kind.is_some_and(|kind| {
        kind.subtype() == "json" || kind.suffix().is_some_and(|suffix| suffix == "json")
    })
}

fn bytes(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<web::Bytes, Problem>> + use<> {
    let bytes = web::Bytes::from_request(request, payload);
    async {
        bytes
            .await
            .map_err(|error| match error.as_response_error().status_code() {
                StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "payload_too_large",
                    format!("A body has at most {BODY_BYTES_MAX} bytes."),
                ),
                _ => Problem::bad_request("The body could not be read."),
            })
    }
}

/// PostgreSQL keeps no text with a NUL in it, so nobody gets that far with one: a member of a batch
/// that the database refuses would cost its neighbours time.
///
/// # Errors
/// 400 for JSON that has one.
pub(crate) fn without_nul(json: &[u8]) -> Result<(), Problem> {
    let escape = br"\u0000";
    let escaped = |at: usize| {
        let before = json.get(..at).unwrap_or_default();
        before
            .iter()
            .rev()
            .take_while(|byte| **byte == b'\\')
            .count()
            % 2
            == 1
    };
    let found = json
        .windows(escape.len())
        .enumerate()
        .any(|(at, window)| window == escape && !escaped(at));
    if found { Err(nul()) } else { Ok(()) }
}

fn nul() -> Problem {
    Problem::bad_request("Texts have no NUL characters.")
}

/// The same for paths and queries.
pub(crate) async fn plain_address(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, actix_web::Error> {
    let uri = request.uri();
    let has_nul = |part: &str| part.contains("%00");
    if has_nul(uri.path()) || uri.query().is_some_and(has_nul) {
        return Ok(request.error_response(nul()));
    }
    next.call(request).await
}

/// JSON as a `T`; what does not fit is told with the path of its field.
///
/// # Errors
/// 400 for what is no JSON, 422 for JSON of another shape.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    without_nul(body)?;
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| unreadable(&error.path().to_string(), error.inner()))?;
    reader.end().map_err(|error| unreadable(ROOT, &error))?;
    Ok(read)
}

/// The path of a whole body.
const ROOT: &str = ".";

fn unreadable(path: &str, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    if !error.is_data() {
        return Problem::bad_request(format!("The body is not JSON: {text}"));
    }
    let (message, _place) = text.rsplit_once(" at line ").unwrap_or((&text, ""));
    let field = match (path, named_field(message)) {
        (ROOT, field) => field.to_owned(),
        (path, "") => path.to_owned(),
        // An unknown field's path has its name already.
        (path, field) if path == field || path.ends_with(&format!(".{field}")) => path.to_owned(),
        (path, field) => format!("{path}.{field}"),
    };
    Problem::invalid(&field, message)
}

/// The field in serde's messages "missing field `x`" and "unknown field `x` …".
fn named_field(message: &str) -> &str {
    ["missing field `", "unknown field `"]
        .into_iter()
        .find_map(|start| message.strip_prefix(start)?.split_once('`'))
        .map_or("", |(field, _)| field)
}

fn path_problem(_: &PathError) -> Problem {
    Problem::bad_request("The path names no id.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_their_names_on_the_wire() {
        for (path, field) in [
            ("first_name", "firstName"),
            ("hours[0].valid_from", "hours[0].validFrom"),
            ("email", "email"),
        ] {
            assert_eq!(camel_case(path), field);
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code)] // only read
        struct Inner {
            start: u8,
        }
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        #[allow(dead_code)] // only read
        struct Outer {
            first_name: String,
            #[serde(default)]
            hours: Vec<Inner>,
        }
        let named = |body: &str| match read::<Outer>(body.as_bytes()) {
            Ok(_) => "fits".to_owned(),
            Err(problem) => match problem.errors.first() {
                Some(error) => format!("{}: {}", error.field, error.message),
                None => problem.code.clone(),
            },
        };
        for (body, wanted) in [
            (r#"{"firstName":"Eva","hours":[{"start":7}]}"#, "fits"),
            ("{}", "firstName: missing field `firstName`"),
            (
                r#"{"firstName":7}"#,
                "firstName: invalid type: integer `7`, expected a string",
            ),
            (
                r#"{"firstName":"Eva","hours":[{"start":7},{"start":-1}]}"#,
                "hours[1].start: invalid value: integer `-1`, expected u8",
            ),
            (
                r#"{"firstName":"Eva","hours":[{}]}"#,
                "hours[0].start: missing field `start`",
            ),
            (
                r#"{"firstName":"Eva","hours":[{"end":1}]}"#,
                "hours[0].end: unknown field `end`, expected `start`",
            ),
            (
                "[]",
                ": invalid length 0, expected struct Outer with 2 elements",
            ),
            (r#"{"firstName":"Eva"} x"#, "bad_request"),
            (r#"{"firstName":"Eva\u0000"}"#, "bad_request"),
            (r#"{"firstName":"Eva\\\u0000"}"#, "bad_request"),
            (r#"{"firstName":"Eva\\u0000"}"#, "fits"),
            (r#"{"firstName":"Eva""#, "bad_request"),
        ] {
            assert_eq!(named(body), wanted, "{body}");
        }
    }
}
