//! Appointments and the commands on them, as bodies and answers.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDateTime, Utc};
use engine::command::{Done, Reply};
use engine::scheduling::rejection::Override;
use garde::Validate;
use schema::ids::{AppointmentId, OperatoryId, PatientId, ProviderId, SeriesId, TreatmentId};
use schema::models::appointment::{Appointment, CancelCode, Status};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::problem::Problem;

/// Longer notes belong into the record.
pub const NOTES_CHARS_MAX: usize = 4000;
/// A reason is a sentence or two.
pub(super) const REASON_CHARS_MAX: usize = 500;

/// A new appointment.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewAppointment {
    #[garde(skip)]
    #[schema(value_type = Uuid)]
    pub patient_id: PatientId,
    /// A provider's id: a dentist's, or whoever leads the visit.
    #[garde(skip)]
    #[schema(value_type = Uuid)]
    pub dentist_id: ProviderId,
    #[garde(skip)]
    #[schema(value_type = Uuid)]
    pub treatment_id: TreatmentId,
    /// With an offset, in whole minutes.
    #[garde(skip)]
    pub start: DateTime<Utc>,
    /// Without, any that the provider may use and that is free.
    #[garde(skip)]
    #[schema(value_type = Option<Uuid>)]
    pub operatory_id: Option<OperatoryId>,
    /// Minutes; the treatment's own without.
    #[garde(range(min = 1, max = 1440))]
    pub duration: Option<i64>,
    #[garde(length(chars, max = NOTES_CHARS_MAX))]
    pub notes: Option<String>,
    /// Codes of rules that may be broken, such as `outside_hours`; overlap never is.
    #[garde(skip)]
    #[serde(default, rename = "override")]
    pub overrides: Vec<String>,
}

/// Another time for an appointment, perhaps with another provider or operatory.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewTime {
    #[garde(skip)]
    pub start: DateTime<Utc>,
    #[garde(skip)]
    #[schema(value_type = Option<Uuid>)]
    pub dentist_id: Option<ProviderId>,
    #[garde(skip)]
    #[schema(value_type = Option<Uuid>)]
    pub operatory_id: Option<OperatoryId>,
    #[garde(skip)]
    #[serde(default, rename = "override")]
    pub overrides: Vec<String>,
}

/// Another length for an appointment.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
pub struct NewLength {
    /// Minutes.
    #[garde(range(min = 1, max = 1440))]
    pub duration: i64,
    #[garde(skip)]
    #[serde(default, rename = "override")]
    pub overrides: Vec<String>,
}

/// Why an appointment is cancelled.
#[derive(Clone, Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cancellation {
    /// In words.
    #[garde(length(chars, max = REASON_CHARS_MAX))]
    #[serde(default)]
    pub reason: String,
    /// For counting: `patient_request`, `patient_ill`, `provider_ill`, `practice`, `no_answer`,
    /// `duplicate` or `other`.
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    pub reason_code: Option<CancelCode>,
}

/// Another status for an appointment.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
pub struct NewStatus {
    /// `scheduled`, `confirmed`, `arrived`, `in_chair`, `completed`, `cancelled` or `no_show`.
    #[garde(skip)]
    #[schema(value_type = String)]
    pub status: Status,
    /// Of the rules that a cancelled visit is booked anew by.
    #[garde(skip)]
    #[serde(default, rename = "override")]
    pub overrides: Vec<String>,
}

/// What may be changed of an appointment without moving it.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
pub struct NewNotes {
    /// `null` removes them.
    #[garde(length(chars, max = NOTES_CHARS_MAX))]
    pub notes: Option<String>,
}

/// The rules that codes name.
///
/// # Errors
/// 422 for a code that no override has.
pub fn overrides(codes: &[String]) -> Result<BTreeSet<Override>, Problem> {
    codes
        .iter()
        .map(|code| {
            Override::parse(code).ok_or_else(|| {
                let text = match code.as_str() {
                    "slot_taken" | "patient_busy" => {
                        "nobody may overbook: time that is taken cannot be overridden"
                    }
                    _ => "only codes of rules that can be overridden",
                };
                Problem::invalid("override", text)
            })
        })
        .collect()
}

/// An appointment as clients see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppointmentView {
    #[schema(value_type = Uuid)]
    pub id: AppointmentId,
    /// Its ETag.
    pub version: i64,
    #[schema(value_type = String)]
    pub status: Status,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    /// Absent for those who may not see patients.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub patient_id: Option<PatientId>,
    #[schema(value_type = Uuid)]
    pub dentist_id: ProviderId,
    #[schema(value_type = Uuid)]
    pub operatory_id: OperatoryId,
    #[schema(value_type = Uuid)]
    pub treatment_id: TreatmentId,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub series_id: Option<SeriesId>,
    /// Of a series' visit: the local start that the rule gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurrence: Option<NaiveDateTime>,
    /// Of a series' visit: moved on its own, so that edits of the series leave it alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub detached: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub cancel_reason_code: Option<CancelCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed_via: Option<String>,
    /// After a command: the version that it gave each calendar. Wait for these to read your own
    /// write.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub positions: BTreeMap<Uuid, i64>,
}

impl AppointmentView {
    /// An appointment as a member of its practice sees it.
    #[must_use]
    pub fn new(appointment: Appointment, sees_patients: bool) -> Self {
        Self {
            id: appointment.id,
            version: appointment.version,
            status: appointment.status,
            start: appointment.span.start().to_utc(),
            end: appointment.span.end().to_utc(),
            patient_id: sees_patients.then_some(appointment.patient),
            dentist_id: appointment.provider,
            operatory_id: appointment.operatory,
            treatment_id: appointment.treatment,
            series_id: appointment.series,
            occurrence: appointment.occurrence,
            detached: appointment.detached,
            notes: appointment.notes.filter(|_| sees_patients),
            cancel_reason: appointment.cancel_reason.filter(|_| sees_patients),
            cancel_reason_code: appointment.cancel_code,
            confirmed_via: appointment.confirmed_via,
            positions: BTreeMap::new(),
        }
    }

    /// The appointment that a command has left.
    ///
    /// # Errors
    /// 500 for the answer of a command that is not about an appointment.
    pub fn of(reply: &Reply, sees_patients: bool) -> Result<Self, Problem> {
        match &reply.done {
            Done::Appointment(appointment) => Ok(Self {
                positions: reply
                    .positions
                    .iter()
                    .map(|(id, version)| (id.0, *version))
                    .collect(),
                ..Self::new((**appointment).clone(), sees_patients)
            }),
            _ => Err(Problem::internal("not the answer of an appointment")),
        }
    }
}
