//! Holds and what is done to them, as bodies and answers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use engine::command::hold::HoldState;
use engine::command::{Done, Reply};
use garde::Validate;
use schema::ids::{HoldId, OperatoryId, PatientId, ProviderId, TreatmentId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::problem::Problem;
use crate::wire::appointment::NOTES_CHARS_MAX;

/// Time to be kept.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewHold {
    #[garde(skip)]
    #[schema(value_type = Uuid)]
    pub treatment_id: TreatmentId,
    #[garde(skip)]
    #[schema(value_type = Uuid)]
    pub dentist_id: ProviderId,
    /// With an offset, in whole minutes.
    #[garde(skip)]
    pub start: DateTime<Utc>,
    /// Without, any that the provider may use and that is free.
    #[garde(skip)]
    #[schema(value_type = Option<Uuid>)]
    pub operatory_id: Option<OperatoryId>,
    /// Members only: the patient's time is kept too.
    #[garde(skip)]
    #[schema(value_type = Option<Uuid>)]
    pub patient_id: Option<PatientId>,
    /// Members only, in minutes; the treatment's own without.
    #[garde(range(min = 1, max = 1440))]
    pub duration: Option<i64>,
    /// Members only: codes of rules that may be broken.
    #[garde(skip)]
    #[serde(default, rename = "override")]
    pub overrides: Vec<String>,
}

/// Proof that a hold is the asker's. It may come in the header `X-Hold-Token` or as the query's
/// `holdToken` instead; members need none for what they hold themselves.
#[derive(Clone, Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoldProof {
    #[garde(length(bytes, max = 200))]
    pub hold_token: Option<String>,
}

/// For whom a member's hold becomes an appointment.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Confirmation {
    /// Not needed where the hold names the patient.
    #[garde(skip)]
    #[schema(value_type = Option<Uuid>)]
    pub patient_id: Option<PatientId>,
    #[garde(length(chars, max = NOTES_CHARS_MAX))]
    pub notes: Option<String>,
    #[garde(length(bytes, max = 200))]
    pub hold_token: Option<String>,
}

/// Time that is kept.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoldView {
    #[schema(value_type = Uuid)]
    pub id: HoldId,
    /// Whoever has it is the holder. Only in the answer to whoever made the hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_token: Option<String>,
    pub expires_at: DateTime<Utc>,
    /// Renewing lasts no longer.
    pub renewable_until: DateTime<Utc>,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    #[schema(value_type = Uuid)]
    pub dentist_id: ProviderId,
    #[schema(value_type = Uuid)]
    pub operatory_id: OperatoryId,
    #[schema(value_type = Uuid)]
    pub treatment_id: TreatmentId,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub patient_id: Option<PatientId>,
    /// The version that the command gave each calendar; for members.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub positions: BTreeMap<Uuid, i64>,
}

impl HoldView {
    fn new(hold: &HoldState) -> Self {
        Self {
            id: hold.id,
            hold_token: None,
            expires_at: hold.expires_at,
            renewable_until: hold.renewable_until,
            start: hold.span.start().to_utc(),
            end: hold.span.end().to_utc(),
            dentist_id: hold.provider,
            operatory_id: hold.operatory,
            treatment_id: hold.treatment,
            patient_id: hold.patient,
            positions: BTreeMap::new(),
        }
    }

    /// The hold that a command has left.
    ///
    /// # Errors
    /// 500 for the answer of a command that is not about a hold.
    pub fn of(reply: &Reply, sees_positions: bool) -> Result<Self, Problem> {
        let Done::Hold(hold) = &reply.done else {
            return Err(Problem::internal("not the answer of a hold"));
        };
        let mut view = Self::new(hold);
        if sees_positions {
            let positions = reply.positions.iter();
            view.positions = positions.map(|(id, version)| (id.0, *version)).collect();
        }
        Ok(view)
    }
}
