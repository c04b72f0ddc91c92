//! Every error that a client sees, as RFC 9457 `application/problem+json`. What went wrong inside
//! is kept for the log and never sent.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::request;

/// What RFC 9457 calls the media type.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// An answer that is not what was asked for. A pointer: results that carry one stay small.
#[derive(Debug, Clone)]
pub struct Problem(Box<Document>);

/// What a problem says.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Problem)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// Names the kind of problem; the same for every problem of one `code`.
    #[serde(rename = "type")]
    #[schema(example = "urn:denticloud:problem:slot_taken")]
    kind: String,
    /// The HTTP status in words.
    title: String,
    #[schema(example = 409)]
    status: u16,
    /// What happened, for people.
    detail: String,
    /// What happened, for programs.
    #[schema(example = "slot_taken")]
    pub code: String,
    /// Find it in the log by this; also in the header `X-Request-Id`.
    #[serde(skip_serializing_if = "String::is_empty")]
    request_id: String,
    /// The fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The time that stands in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conflict: Option<Conflict>,
    /// The assignment that has an operatory at that time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignment: Option<LentTime>,
    /// Of a command about several visits: each that cannot be where it should.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
    /// Slots that could be booked instead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub alternatives: Vec<serde_json::Value>,
    /// Patients of the practice who may be the same person.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub candidates: Vec<serde_json::Value>,
    #[serde(skip)]
    retry_after: Option<u64>,
    /// For the log only.
    #[serde(skip)]
    cause: Option<String>,
}

/// A field of the request that cannot be taken as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Its path in the body, or the parameter's name.
    #[schema(example = "email")]
    pub field: String,
    pub message: String,
}

/// The time that an assignment has, in the clinic's zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LentTime {
    pub assignment_id: Uuid,
    pub dentist_id: Uuid,
    pub tenant_id: Uuid,
    pub shared: bool,
    /// ISO 8601: Monday is 1.
    pub weekday: u32,
    #[schema(example = "09:00")]
    pub from: String,
    #[schema(example = "13:00")]
    pub to: String,
    /// The first date of it.
    pub date: NaiveDate,
}

/// Time that is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Conflict {
    pub calendar_id: Uuid,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
}

/// One visit that a command about several could not place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// Of a visit that is there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appointment_id: Option<Uuid>,
    /// When it is, or should have been.
    pub start: DateTime<Utc>,
    #[schema(example = "slot_taken")]
    pub code: String,
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conflict: Option<Conflict>,
}

impl std::ops::Deref for Problem {
    type Target = Document;

    fn deref(&self) -> &Document {
        &self.0
    }
}

impl Problem {
    /// A problem with a code of its own.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(Document {
            kind: format!("urn:denticloud:problem:{code}"),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            code: code.to_owned(),
            request_id: String::new(),
            errors: Vec::new(),
            conflict: None,
            assignment: None,
            refused: Vec::new(),
            alternatives: Vec::new(),
            candidates: Vec::new(),
            retry_after: None,
            cause: None,
        }))
    }

    /// 400: the request cannot be read.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    /// 400: somebody with several workspaces has to name one.
    #[must_use]
    pub fn workspace_required() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "workspace_required",
            "You work in several practices: name one in X-Tenant-Id.",
        )
    }

    /// 401: no token, or none that counts.
    pub fn unauthorised(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    /// 403.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// 403: the practice is read-only.
    #[must_use]
    pub fn suspended() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "suspended",
            "This practice is suspended: it can be read, not changed.",
        )
    }

    /// 404: there is nothing, or nothing that the asker may know of.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "There is nothing here for you.",
        )
    }

    /// 422: some fields are wrong.
    #[must_use]
    pub fn validation(errors: Vec<FieldError>) -> Self {
        let mut problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "validation",
            "Some fields are not right.",
        );
        problem.0.errors = errors;
        problem
    }

    /// 422 for a single field.
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::validation(vec![FieldError {
            field: field.to_owned(),
            message: message.into(),
        }])
    }

    /// 429, to be tried again after `seconds`.
    #[must_use]
    pub fn too_many(seconds: u64) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limited",
            "Too many attempts: wait a little.",
        )
        .with_retry_after(seconds.max(1))
    }

    /// 503: nothing was done; try again in a moment.
    #[must_use]
    pub fn busy() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "Too busy at this moment; nothing was changed.",
        )
        .with_retry_after(1)
    }

    /// 503: whether it was done is not known yet; the same idempotency key will tell.
    #[must_use]
    pub fn outcome_unknown() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "outcome_unknown",
            "The answer was lost: ask again with the same idempotency key.",
        )
        .with_retry_after(2)
    }

    /// 500. `cause` goes to the log and nowhere else.
    pub fn internal(cause: impl Into<String>) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side.",
        )
        .with_cause(cause)
    }

    /// The problem that an answer without a body of ours stands for.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::not_found(),
            StatusCode::UNAUTHORIZED => Self::unauthorised("Sign in first."),
            StatusCode::FORBIDDEN => Self::forbidden("You may not do this."),
            StatusCode::SERVICE_UNAVAILABLE => Self::busy(),
            status if status.is_server_error() => Self::internal(status.to_string()),
            status => {
                let reason = status.canonical_reason().unwrap_or("Error");
                let code = reason.to_lowercase().replace([' ', '-'], "_");
                Self::new(status, &code, format!("{reason}."))
            }
        }
    }

    /// With the time that stands in the way.
    #[must_use]
    pub fn with_conflict(mut self, conflict: Conflict) -> Self {
        self.0.conflict = Some(conflict);
        self
    }

    /// With the assignment that has the operatory.
    #[must_use]
    pub fn with_lent_time(mut self, time: LentTime) -> Self {
        self.0.assignment = Some(time);
        self
    }

    /// With what refuses a command about several visits.
    #[must_use]
    pub fn with_refused(mut self, refused: &[engine::scheduling::rejection::Refused]) -> Self {
        self.0.refused = refused.iter().map(Refused::new).collect();
        self
    }

    /// Without naming what is in the way: for those who may not know the practice's calendars.
    #[must_use]
    pub fn without_conflict(mut self) -> Self {
        self.0.conflict = None;
        self
    }

    /// With what could be booked instead.
    #[must_use]
    pub fn with_alternatives(mut self, slots: Vec<serde_json::Value>) -> Self {
        self.0.alternatives = slots;
        self
    }

    /// With the records that may be the same person's.
    #[must_use]
    pub fn with_candidates(mut self, patients: Vec<serde_json::Value>) -> Self {
        self.0.candidates = patients;
        self
    }

    fn with_retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// With what the log shall say; never sent.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<String>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// What happened, for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// What the log shall say of it, if anything.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// Whether the same request may succeed a little later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        self.retry_after.is_some()
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.status, self.code)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status_code());
        answer.insert_header((header::CONTENT_TYPE, MEDIA_TYPE));
        if let Some(seconds) = self.retry_after {
            answer.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            answer.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        let body = Document {
            request_id: request::current_id().unwrap_or_default(),
            ..Document::clone(self)
        };
        // Strings and numbers only: writing them as JSON cannot fail.
        answer.body(serde_json::to_string(&body).unwrap_or_default())
    }
}

impl From<DieselError> for Problem {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::NotFound => Self::not_found(),
            DieselError::DatabaseError(
                DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::UnableToSendCommand
                | DatabaseErrorKind::SerializationFailure,
                information,
            ) => Self::busy().with_cause(format!("database: {}", information.message())),
            // A database that shuts down says so on open connections, without a kind of its own.
            DieselError::DatabaseError(DatabaseErrorKind::Unknown, information)
                if information.message().starts_with("terminating connection") =>
            {
                Self::busy().with_cause(format!("database: {}", information.message()))
            }
            DieselError::DatabaseError(kind, information) => Self::internal(format!(
                "database: {kind:?} {} {}",
                information.constraint_name().unwrap_or_default(),
                information.message()
            )),
            error => Self::internal(format!("database: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(problem: &Problem, expected: &expect_test::Expect) {
        expected.assert_eq(&serde_json::to_string(&**problem).unwrap());
    }

    #[test]
    fn problems_carry_what_they_have_and_no_cause() {
        check(
            &Problem::internal("relation \"secrets\" does not exist"),
            &expect_test::expect![[
                r#"{"type":"urn:denticloud:problem:internal","title":"Internal Server Error","status":500,"detail":"Something went wrong on our side.","code":"internal"}"#
            ]],
        );
        check(
            &Problem::invalid("email", "not an address"),
            &expect_test::expect![[
                r#"{"type":"urn:denticloud:problem:validation","title":"Unprocessable Entity","status":422,"detail":"Some fields are not right.","code":"validation","errors":[{"field":"email","message":"not an address"}]}"#
            ]],
        );
    }

    #[test]
    fn a_status_without_a_body_gets_a_code() {
        let code = |status| Problem::of_status(status).code.clone();
        assert_eq!(code(StatusCode::METHOD_NOT_ALLOWED), "method_not_allowed");
        assert_eq!(code(StatusCode::PAYLOAD_TOO_LARGE), "payload_too_large");
        assert_eq!(code(StatusCode::BAD_GATEWAY), "internal");
    }
}
