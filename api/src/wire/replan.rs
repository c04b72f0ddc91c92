//! Swaps and replanned days, as bodies and answers.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use engine::command::replan::Replanned;
use garde::Validate;
use schema::ids::{AppointmentId, OperatoryId, PatientId, ProviderId};
use schema::models::appointment::{Appointment, CancelCode, Status};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::appointment::{AppointmentView, REASON_CHARS_MAX};
use super::refusal;
use super::series::PlaceView;
use crate::problem::Conflict;

/// Two appointments that change places: times, and providers and operatories where the rules let
/// them.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewSwap {
    /// Two.
    #[garde(length(equal = 2))]
    #[schema(value_type = Vec<Uuid>, min_items = 2, max_items = 2)]
    pub appointment_ids: Vec<AppointmentId>,
    /// The versions that the client has seen, in the same order.
    #[garde(inner(length(equal = 2)))]
    pub versions: Option<Vec<i64>>,
    #[garde(skip)]
    #[serde(default, rename = "override")]
    pub overrides: Vec<String>,
}

/// What to do with a day's visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DayAction {
    /// Everything `minutes` later, or earlier when negative.
    Shift,
    /// To other `dates` or `windows`, as close to the same time of day as can be.
    Move,
    /// To another dentist at the same times.
    Reassign,
    Cancel,
}

/// What to do when some of the visits cannot be placed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplanPolicy {
    /// Nothing at all.
    #[default]
    AllOrNothing,
    /// Leave those where they are.
    Skip,
}

/// A day to be replanned: either a dentist's day with an `action`, or a `plan` that says it of each
/// visit, as a preview has answered it.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewReplan {
    #[garde(skip)]
    #[schema(value_type = Option<Uuid>)]
    pub dentist_id: Option<ProviderId>,
    /// A local date; or `from` and `to`.
    #[garde(skip)]
    pub date: Option<NaiveDate>,
    #[garde(skip)]
    pub from: Option<DateTime<Utc>>,
    #[garde(skip)]
    pub to: Option<DateTime<Utc>>,
    /// Only these of the day's.
    #[garde(inner(length(min = 1, max = 200)))]
    #[schema(value_type = Option<Vec<Uuid>>)]
    pub appointment_ids: Option<Vec<AppointmentId>>,
    #[garde(skip)]
    pub action: Option<DayAction>,
    /// Of `shift`.
    #[garde(range(min = -43200, max = 43200))]
    pub minutes: Option<i64>,
    /// Of `move`: local dates, the first ones first.
    #[garde(length(max = 31))]
    #[serde(default)]
    pub dates: Vec<NaiveDate>,
    /// Of `move`, after the dates.
    #[garde(length(max = 31))]
    #[serde(default)]
    pub windows: Vec<Window>,
    /// Of `reassign`.
    #[garde(skip)]
    #[schema(value_type = Option<Uuid>)]
    pub to_dentist_id: Option<ProviderId>,
    /// Of those that are cancelled.
    #[garde(length(chars, max = REASON_CHARS_MAX))]
    #[serde(default)]
    pub reason: String,
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    pub reason_code: Option<CancelCode>,
    /// What to do with each visit, instead of all the above.
    #[garde(inner(length(min = 1, max = 200)))]
    pub plan: Option<Vec<NewStep>>,
    #[garde(skip)]
    #[serde(default)]
    pub policy: ReplanPolicy,
    #[garde(skip)]
    #[serde(default, rename = "override")]
    pub overrides: Vec<String>,
}

/// A span of time.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
pub struct Window {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

/// What to do with one visit: another place, or `cancel`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewStep {
    #[schema(value_type = Uuid)]
    pub appointment_id: AppointmentId,
    /// The version that the client has seen.
    pub version: Option<i64>,
    pub start: Option<DateTime<Utc>>,
    #[schema(value_type = Option<Uuid>)]
    pub dentist_id: Option<ProviderId>,
    #[schema(value_type = Option<Uuid>)]
    pub operatory_id: Option<OperatoryId>,
    #[serde(default)]
    pub cancel: bool,
}

/// Appointments as a command has left them.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AppointmentsView {
    pub appointments: Vec<AppointmentView>,
    pub positions: BTreeMap<Uuid, i64>,
}

/// A day as it was replanned, or would be.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReplanView {
    pub items: Vec<ReplannedView>,
    /// In a preview: what to send as `plan` to have exactly this.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<StepView>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub positions: BTreeMap<Uuid, i64>,
}

/// What became, or would become, of one visit.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplannedView {
    #[schema(value_type = Uuid)]
    pub appointment_id: AppointmentId,
    /// Absent for those who may not see patients.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub patient_id: Option<PatientId>,
    /// `moved`, `cancelled` or `refused`.
    pub verdict: &'static str,
    /// As it is now: after the change where it was made, before it in a preview.
    pub version: i64,
    pub from: PlaceView,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<PlaceView>,
    /// Why it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conflict: Option<Conflict>,
}

/// One step of a plan.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepView {
    #[schema(value_type = Uuid)]
    pub appointment_id: AppointmentId,
    pub version: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub dentist_id: Option<ProviderId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub operatory_id: Option<OperatoryId>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cancel: bool,
}

impl AppointmentsView {
    /// As a member sees them.
    #[must_use]
    pub fn of(
        appointments: &[Appointment],
        positions: BTreeMap<Uuid, i64>,
        sees_patients: bool,
    ) -> Self {
        let appointments = appointments.iter().cloned();
        Self {
            appointments: appointments
                .map(|one| AppointmentView::new(one, sees_patients))
                .collect(),
            positions,
        }
    }
}

impl ReplanView {
    /// What was done.
    #[must_use]
    pub fn of(visits: &[Replanned], positions: BTreeMap<Uuid, i64>, sees_patients: bool) -> Self {
        let item = |one| ReplannedView::of(one, true, sees_patients);
        Self {
            items: visits.iter().map(item).collect(),
            plan: Vec::new(),
            positions,
        }
    }

    /// What would be done.
    #[must_use]
    pub fn preview(visits: &[Replanned], sees_patients: bool) -> Self {
        let item = |one| ReplannedView::of(one, false, sees_patients);
        Self {
            items: visits.iter().map(item).collect(),
            plan: visits.iter().filter_map(StepView::of).collect(),
            positions: BTreeMap::new(),
        }
    }
}

impl ReplannedView {
    fn of(one: &Replanned, done: bool, sees_patients: bool) -> Self {
        let after = one.after.as_ref();
        let why = after.err();
        let cancelled = after.is_ok_and(|after| after.status == Status::Cancelled);
        Self {
            appointment_id: one.before.id,
            patient_id: sees_patients.then_some(one.before.patient),
            verdict: match (why.is_some(), cancelled) {
                (true, _) => "refused",
                (_, true) => "cancelled",
                _ => "moved",
            },
            version: match after {
                Ok(after) if done => after.version,
                _ => one.before.version,
            },
            from: PlaceView::of(&one.before),
            to: after
                .ok()
                .filter(|_| !cancelled)
                .map(|after| PlaceView::of(after)),
            code: why.map(|why| why.code()),
            detail: why.map(|why| refusal::sentence(&why.to_string())),
            conflict: why.and_then(refusal::conflict),
        }
    }
}

impl StepView {
    fn of(one: &Replanned) -> Option<Self> {
        let after = one.after.as_ref().ok()?;
        let moved = after.status != Status::Cancelled;
        Some(Self {
            appointment_id: one.before.id,
            version: one.before.version,
            start: moved.then(|| after.span.start().to_utc()),
            dentist_id: moved.then_some(after.provider),
            operatory_id: moved.then_some(after.operatory),
            cancel: !moved,
        })
    }
}
