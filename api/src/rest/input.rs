//! What a request brings, read and checked before a handler sees it; everything that is wrong with
//! it is a problem document.

use actix_web::dev::Payload;
use actix_web::error::{JsonPayloadError, PathError, QueryPayloadError};
use actix_web::http::{StatusCode, header};
use actix_web::web::{self, JsonConfig, PathConfig, PayloadConfig, QueryConfig, ServiceConfig};
use actix_web::{FromRequest, HttpRequest, ResponseError};
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
        .app_data(
            JsonConfig::default()
                .limit(BODY_BYTES_MAX)
                .error_handler(|error, _| json_problem(&error).into()),
        )
        .app_data(QueryConfig::default().error_handler(|error, _| query_problem(&error).into()))
        .app_data(PathConfig::default().error_handler(|error, _| path_problem(&error).into()));
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
        let body = web::Json::<T>::from_request(request, payload);
        Box::pin(async move {
            let body = body.await?.into_inner();
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
        let bytes = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            let bytes = bytes.await?;
            if bytes.is_empty() {
                return Ok(Self(None));
            }
            let body: T = serde_json::from_slice(&bytes)
                .map_err(|error| json_problem(&JsonPayloadError::Deserialize(error)))?;
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
    let body: T = serde_json::from_slice(body)
        .map_err(|error| json_problem(&JsonPayloadError::Deserialize(error)))?;
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

fn json_problem(error: &JsonPayloadError) -> Problem {
    match error {
        JsonPayloadError::Deserialize(error) if error.is_data() => {
            let text = error.to_string();
            Problem::invalid(named_field(&text), text.clone())
        }
        JsonPayloadError::Deserialize(error) => {
            Problem::bad_request(format!("The body is not JSON: {error}"))
        }
        JsonPayloadError::ContentType => Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Send Content-Type: application/json.",
        ),
        error => match error.status_code() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "payload_too_large",
                format!("A body has at most {BODY_BYTES_MAX} bytes."),
            ),
            _ => Problem::bad_request("The body could not be read."),
        },
    }
}

/// The field in serde's messages "missing field `x` …" and "unknown field `x` …".
fn named_field(message: &str) -> &str {
    ["missing field `", "unknown field `"]
        .into_iter()
        .find_map(|start| message.strip_prefix(start)?.split_once('`'))
        .map_or("", |(field, _)| field)
}

fn query_problem(error: &QueryPayloadError) -> Problem {
    Problem::bad_request(format!("The query cannot be read: {error}"))
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
        let missing = "missing field `firstName` at line 1 column 2";
        assert_eq!(named_field(missing), "firstName");
        assert_eq!(named_field("invalid type: null"), "");
    }
}
