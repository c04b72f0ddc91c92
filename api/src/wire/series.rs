//! Series and the commands on them, as bodies and answers.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use engine::command::series::{Occurrence, OccurrenceVerdict, SeriesEdited, SeriesState};
use garde::Validate;
use schema::ids::{AppointmentId, OperatoryId, PatientId, ProviderId, SeriesId, TreatmentId};
use schema::models::appointment::{Appointment, CancelCode};
use schema::models::series::{Series, SeriesPolicy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::appointment::{AppointmentView, NOTES_CHARS_MAX, REASON_CHARS_MAX};
use super::refusal;
use crate::problem::Conflict;
use crate::rest::input::nullable;

/// Visits of one series.
const VISITS_MAX: usize = engine::scheduling::repetition::VISITS_MAX;

fn all_or_nothing() -> SeriesPolicy {
    SeriesPolicy::AllOrNothing
}

/// A new series. `start` is its first visit.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewSeries {
    #[garde(skip)]
    #[schema(value_type = Uuid)]
    pub patient_id: PatientId,
    /// A provider's id: a dentist's, or whoever leads the visits.
    #[garde(skip)]
    #[schema(value_type = Uuid)]
    pub dentist_id: ProviderId,
    #[garde(skip)]
    #[schema(value_type = Uuid)]
    pub treatment_id: TreatmentId,
    #[garde(skip)]
    pub start: DateTime<Utc>,
    /// RFC 5545, in the practice's zone: `FREQ=WEEKLY;INTERVAL=2;COUNT=6`. At most 104 visits in
    /// three years.
    #[garde(length(bytes, max = 2000))]
    pub rrule: Option<String>,
    /// More starts.
    #[garde(length(max = VISITS_MAX))]
    #[serde(default)]
    pub rdates: Vec<DateTime<Utc>>,
    /// Starts that are left out.
    #[garde(length(max = 400))]
    #[serde(default)]
    pub exdates: Vec<DateTime<Utc>>,
    #[garde(skip)]
    #[schema(value_type = Option<Uuid>)]
    pub operatory_id: Option<OperatoryId>,
    /// Minutes; the treatment's own without.
    #[garde(range(min = 1, max = 1440))]
    pub duration: Option<i64>,
    #[garde(length(chars, max = NOTES_CHARS_MAX))]
    pub notes: Option<String>,
    /// What to do about a visit whose time is taken: `all_or_nothing`, `skip` or `nearest`.
    #[garde(skip)]
    #[serde(default = "all_or_nothing")]
    #[schema(value_type = String, default = "all_or_nothing")]
    pub policy: SeriesPolicy,
    /// Of `nearest`: minutes to either side; 120 without.
    #[garde(range(min = 1, max = 1440))]
    pub window_minutes: Option<i64>,
    #[garde(skip)]
    #[serde(default, rename = "override")]
    pub overrides: Vec<String>,
}

/// What to change of a series' visits; what is not named stays.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeriesEdit {
    /// Of the named visit, or else the first; the others move as far, by the clock on the wall.
    #[garde(skip)]
    pub start: Option<DateTime<Utc>>,
    #[garde(skip)]
    #[schema(value_type = Option<Uuid>)]
    pub dentist_id: Option<ProviderId>,
    #[garde(skip)]
    #[schema(value_type = Option<Uuid>)]
    pub operatory_id: Option<OperatoryId>,
    #[garde(range(min = 1, max = 1440))]
    pub duration: Option<i64>,
    /// `null` removes them.
    #[garde(inner(inner(length(chars, max = NOTES_CHARS_MAX))))]
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub notes: Option<Option<String>>,
    #[garde(skip)]
    #[serde(default, rename = "override")]
    pub overrides: Vec<String>,
}

/// Why visits of a series are cancelled.
#[derive(Clone, Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SeriesCancellation {
    #[garde(length(chars, max = REASON_CHARS_MAX))]
    pub reason: String,
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    pub reason_code: Option<CancelCode>,
}

/// A series.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeriesView {
    /// Absent in a preview.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub id: Option<SeriesId>,
    /// Its ETag.
    pub version: i64,
    /// Absent for those who may not see patients.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub patient_id: Option<PatientId>,
    #[schema(value_type = Uuid)]
    pub dentist_id: ProviderId,
    #[schema(value_type = Uuid)]
    pub treatment_id: TreatmentId,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub operatory_id: Option<OperatoryId>,
    /// How it was asked for; edits change the visits, not this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rrule: Option<String>,
    /// The first start, as the wall shows it in `zone`; so are the dates.
    pub first_start: NaiveDateTime,
    pub zone: String,
    pub rdates: Vec<NaiveDateTime>,
    pub exdates: Vec<NaiveDateTime>,
    #[schema(value_type = String)]
    pub policy: SeriesPolicy,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_minutes: Option<i16>,
    /// What became, or would become, of each occurrence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurrences: Option<Vec<OccurrenceView>>,
    /// Its visits as they are now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appointments: Option<Vec<AppointmentView>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub positions: BTreeMap<Uuid, i64>,
}

/// One occurrence of a series that is being booked.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OccurrenceView {
    /// The local start that the rule gives it.
    pub occurrence: NaiveDateTime,
    /// When that is.
    pub start: DateTime<Utc>,
    /// `ok`, `alternative` (another time or operatory) or `refused`.
    pub verdict: &'static str,
    /// Absent in a preview and where refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub appointment_id: Option<AppointmentId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<PlaceView>,
    /// Why it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conflict: Option<Conflict>,
}

/// Where a visit is, or would be.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlaceView {
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    #[schema(value_type = Uuid)]
    pub dentist_id: ProviderId,
    #[schema(value_type = Uuid)]
    pub operatory_id: OperatoryId,
}

impl PlaceView {
    pub(super) fn of(appointment: &Appointment) -> Self {
        Self {
            start: appointment.span.start().to_utc(),
            end: appointment.span.end().to_utc(),
            dentist_id: appointment.provider,
            operatory_id: appointment.operatory,
        }
    }
}

/// A series as an edit has left it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SeriesEditView {
    #[schema(value_type = Uuid)]
    pub id: SeriesId,
    pub version: i64,
    pub changed: Vec<AppointmentView>,
    /// Left as they are: moved or cancelled on their own, begun, or past.
    #[schema(value_type = Vec<Uuid>)]
    pub kept: Vec<AppointmentId>,
    pub positions: BTreeMap<Uuid, i64>,
}

impl SeriesView {
    fn header(series: &Series, sees_patients: bool) -> Self {
        Self {
            id: Some(series.id),
            version: series.version,
            patient_id: sees_patients.then_some(series.patient),
            dentist_id: series.provider,
            treatment_id: series.treatment,
            operatory_id: series.operatory,
            rrule: series.rrule.clone(),
            first_start: series.first_start,
            zone: series.zone.clone(),
            rdates: series.rdates.clone(),
            exdates: series.exdates.clone(),
            policy: series.policy,
            window_minutes: series.window_min,
            occurrences: None,
            appointments: None,
            positions: BTreeMap::new(),
        }
    }

    /// A series with its visits.
    #[must_use]
    pub fn new(series: &Series, visits: Vec<Appointment>, sees_patients: bool) -> Self {
        let visits = visits.into_iter();
        let visits = visits.map(|visit| AppointmentView::new(visit, sees_patients));
        Self {
            appointments: Some(visits.collect()),
            ..Self::header(series, sees_patients)
        }
    }

    /// A series as it was booked.
    #[must_use]
    pub fn booked(
        state: &SeriesState,
        positions: BTreeMap<Uuid, i64>,
        sees_patients: bool,
    ) -> Self {
        let occurrences = state.occurrences.iter();
        Self {
            occurrences: Some(
                occurrences
                    .map(|one| OccurrenceView::of(one, true))
                    .collect(),
            ),
            positions,
            ..Self::header(&state.series, sees_patients)
        }
    }

    /// A series as it would be.
    #[must_use]
    pub fn preview(state: &SeriesState, sees_patients: bool) -> Self {
        let occurrences = state.occurrences.iter();
        Self {
            id: None,
            occurrences: Some(
                occurrences
                    .map(|one| OccurrenceView::of(one, false))
                    .collect(),
            ),
            ..Self::header(&state.series, sees_patients)
        }
    }
}

impl OccurrenceView {
    fn of(one: &Occurrence, booked: bool) -> Self {
        let (verdict, found, why) = match &one.verdict {
            OccurrenceVerdict::Ok(found) => ("ok", Some(found), None),
            OccurrenceVerdict::Alternative(found) => ("alternative", Some(found), None),
            OccurrenceVerdict::Refused(why) => ("refused", None, Some(why)),
        };
        Self {
            occurrence: one.at,
            start: one.start.to_utc(),
            verdict,
            appointment_id: found.filter(|_| booked).map(|found| found.id),
            slot: found.map(|found| PlaceView::of(found)),
            code: why.map(|why| why.code()),
            detail: why.map(|why| refusal::sentence(&why.to_string())),
            conflict: why.and_then(refusal::conflict),
        }
    }
}

impl SeriesEditView {
    /// What an edit has done.
    #[must_use]
    pub fn of(edited: &SeriesEdited, positions: BTreeMap<Uuid, i64>, sees_patients: bool) -> Self {
        let changed = edited.changed.iter().cloned();
        Self {
            id: edited.series.id,
            version: edited.series.version,
            changed: changed
                .map(|visit| AppointmentView::new(visit, sees_patients))
                .collect(),
            kept: edited.kept.clone(),
            positions,
        }
    }
}
