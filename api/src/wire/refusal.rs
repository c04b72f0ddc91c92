//! The engine's refusals as problems: one table for every way in.

use actix_web::http::StatusCode;
use engine::failure::{Failure, Refusal};
use engine::scheduling::rejection::{self, Rejection};

use crate::problem::{Conflict, Problem, Refused};

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Rejected(rejection) => rejection.into(),
            Refusal::Failed(failure) => failure.into(),
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Busy => Self::busy(),
            Failure::Unavailable => Self::busy().with_cause("the database cannot be reached"),
            Failure::OutcomeUnknown => Self::outcome_unknown(),
            Failure::Internal => Self::internal("the engine failed"),
        }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        // Of several, the first says what it is; the rest is told beside it.
        let (one, all) = match &rejection {
            Rejection::Invalid { field, message } => return Self::invalid(field, message),
            Rejection::Several(all) => (all.first().map_or(&rejection, |first| &first.why), &**all),
            one => (one, [].as_slice()),
        };
        let status = match one {
            Rejection::SlotTaken(_)
            | Rejection::PatientBusy
            | Rejection::PatientsOverlap(_)
            | Rejection::WrongStatus => StatusCode::CONFLICT,
            Rejection::Stale { .. } => StatusCode::PRECONDITION_FAILED,
            Rejection::NotFound(_) => StatusCode::NOT_FOUND,
            Rejection::OutsideHours
            | Rejection::DailyCap { .. }
            | Rejection::TooSoon { .. }
            | Rejection::BeyondHorizon { .. }
            | Rejection::InThePast
            | Rejection::OffGrid { .. }
            | Rejection::NoAssignment
            | Rejection::NotOffered
            | Rejection::NotYourPatient
            | Rejection::HoldExpired
            | Rejection::HoldLimit
            | Rejection::IdempotencyMismatch
            | Rejection::BadDuration
            | Rejection::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Rejection::Several(_) => StatusCode::CONFLICT,
        };
        let text = sentence(&rejection.to_string());
        let problem = Self::new(status, one.code(), text).with_refused(all);
        match conflict(one) {
            Some(conflict) => problem.with_conflict(conflict),
            None => problem,
        }
    }
}

/// The time that is in the way, if that is why.
pub(crate) fn conflict(rejection: &Rejection) -> Option<Conflict> {
    match rejection {
        Rejection::SlotTaken(conflict) | Rejection::PatientsOverlap(conflict) => Some(Conflict {
            calendar_id: conflict.calendar.0,
            start: conflict.span.start().to_utc(),
            end: conflict.span.end().to_utc(),
        }),
        _ => None,
    }
}

impl Refused {
    /// One of several visits, and why it cannot be.
    #[must_use]
    pub fn new(refused: &rejection::Refused) -> Self {
        Self {
            appointment_id: refused.appointment.map(|id| id.0),
            start: refused.start.to_utc(),
            code: refused.why.code().to_owned(),
            detail: sentence(&refused.why.to_string()),
            conflict: conflict(&refused.why),
        }
    }
}

/// A refusal's text as a sentence.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}
