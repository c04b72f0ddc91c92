//! The engine's refusals as problems: one table for every way in.

use actix_web::http::StatusCode;
use engine::failure::{Failure, Refusal};
use engine::scheduling::rejection::Rejection;

use crate::problem::{Conflict, Problem};

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
        let status = match &rejection {
            Rejection::SlotTaken(_) | Rejection::PatientBusy | Rejection::WrongStatus => {
                StatusCode::CONFLICT
            }
            Rejection::Stale { .. } => StatusCode::PRECONDITION_FAILED,
            Rejection::NotFound(_) => StatusCode::NOT_FOUND,
            Rejection::OutsideHours
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
            | Rejection::BadDuration => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let problem = Self::new(status, rejection.code(), sentence(&rejection.to_string()));
        match rejection {
            Rejection::SlotTaken(conflict) => problem.with_conflict(Conflict {
                calendar_id: conflict.calendar.0,
                start: conflict.span.start().to_utc(),
                end: conflict.span.end().to_utc(),
            }),
            _ => problem,
        }
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}
