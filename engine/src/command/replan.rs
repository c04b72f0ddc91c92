//! Commands that move several appointments at once.

use std::collections::BTreeSet;

use schema::ids::{AppointmentId, OperatoryId, ProviderId};
use schema::models::appointment::{Appointment, CancelCode};
use schema::span::{Minute, Span};
use serde::{Deserialize, Serialize};

use super::Target;
use crate::scheduling::rejection::{Override, Rejection};

/// Two appointments change places.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Swap {
    pub appointments: [Target; 2],
    pub overrides: BTreeSet<Override>,
}

/// Moves or cancels appointments, all in one commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replan {
    pub work: Work,
    /// Leaves out those that cannot be placed, instead of doing nothing.
    pub skip: bool,
    pub reason: String,
    pub code: Option<CancelCode>,
    pub overrides: BTreeSet<Override>,
}

/// What is to be moved, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Each as it is told: what a preview has answered.
    Steps(Vec<Step>),
    /// The visits of a provider that start within `range`, or those of them that are named.
    Day {
        provider: ProviderId,
        range: Span,
        only: Option<BTreeSet<AppointmentId>>,
        action: DayAction,
    },
}

/// What to do with one appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    pub appointment: Target,
    /// `None`: it is cancelled.
    pub to: Option<Destination>,
}

/// What is not named stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Destination {
    pub start: Minute,
    pub provider: Option<ProviderId>,
    pub operatory: Option<OperatoryId>,
}

/// What to do with a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DayAction {
    /// Everything later, or earlier when negative.
    Shift {
        minutes: i64,
    },
    /// To free time of the same provider within these spans, the first ones first, as close to the
    /// same time of day as can be.
    Move {
        to: Vec<Span>,
    },
    /// At the same times, by somebody else.
    Reassign {
        provider: ProviderId,
    },
    Cancel,
}

/// What became, or would become, of one appointment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replanned {
    pub before: Appointment,
    pub after: Result<Box<Appointment>, Rejection>,
}
