//! A calendar's claims as entries, by what the reader may see.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use engine::scheduling::rulebook::RuleBook;
use schema::ids::{
    AppointmentId, BlockId, ClaimId, OperatoryId, PatientId, ProviderId, TenantId, TreatmentId,
};
use schema::models::appointment::Status;
use schema::models::claim::{Claim, ClaimKind};
use serde::Serialize;
use utoipa::ToSchema;

/// What a reader sees of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// Everything: the owner's members.
    Full,
    /// Everything but who the patient is: the owner's members without `canViewPatients`.
    WithoutPatient,
    /// That the time is taken.
    Busy,
}

/// A reader of a calendar: a member of one practice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reader {
    pub tenant: TenantId,
    pub sees_patients: bool,
}

impl Reader {
    /// What this reader sees of a claim.
    #[must_use]
    pub fn sees(self, claim: &Claim) -> Visibility {
        match (claim.tenant == self.tenant, self.sees_patients) {
            (true, true) => Visibility::Full,
            (true, false) => Visibility::WithoutPatient,
            (false, _) => Visibility::Busy,
        }
    }
}

/// The names behind ids, which events do not carry.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pub patients: HashMap<PatientId, String>,
    pub treatments: HashMap<TreatmentId, String>,
    /// Titles of blocks and external times.
    pub titles: HashMap<ClaimId, String>,
    /// Blocks behind claims, and what kind they are.
    pub blocks: HashMap<ClaimId, (BlockId, String)>,
}

impl Names {
    /// With the practice's own names of its treatments.
    pub fn add_treatments(&mut self, rules: &RuleBook) {
        for (id, treatment) in &rules.treatments {
            let (own, other) = match rules.locale.as_str() {
                "en" => (&treatment.name_en, &treatment.name_es),
                _ => (&treatment.name_es, &treatment.name_en),
            };
            let name = if own.is_empty() { other } else { own };
            self.treatments.insert(*id, name.clone());
        }
    }
}

/// A span of a calendar that is taken, as its reader sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    #[schema(value_type = Uuid)]
    pub id: ClaimId,
    /// `appointment`, `hold`, `block`, `external`, or `busy` for what is another practice's.
    pub kind: &'static str,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    /// Of a hold: that the reader holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mine: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Of a block's occurrence: the block.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub block_id: Option<BlockId>,
    /// `time_off`, `meeting`, `cleaning` or `other`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appointment: Option<EntryAppointment>,
}

/// The visit behind an entry.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntryAppointment {
    #[schema(value_type = Uuid)]
    pub id: AppointmentId,
    pub version: i64,
    #[schema(value_type = String)]
    pub status: Status,
    /// Of the visit; the entry may be a part of it, or longer by buffers.
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub patient_id: Option<PatientId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient_name: Option<String>,
    #[schema(value_type = Uuid)]
    pub treatment_id: TreatmentId,
    pub treatment_name: String,
    #[schema(value_type = Uuid)]
    pub dentist_id: ProviderId,
    #[schema(value_type = Uuid)]
    pub operatory_id: OperatoryId,
}

impl Entry {
    /// A claim as somebody sees it; `actor` is who reads ([`crate::auth::principal::Member::actor`]).
    #[must_use]
    pub fn of(claim: &Claim, visibility: Visibility, names: &Names, actor: Option<&str>) -> Self {
        let bare = Self {
            id: claim.id,
            kind: "busy",
            start: claim.span.start().to_utc(),
            end: claim.span.end().to_utc(),
            mine: None,
            title: None,
            block_id: None,
            block_kind: None,
            appointment: None,
        };
        if visibility == Visibility::Busy {
            return bare;
        }
        let appointment = match &claim.kind {
            ClaimKind::Appointment { visit } => {
                let patient = (visibility == Visibility::Full).then_some(visit.patient);
                Some(EntryAppointment {
                    id: visit.id,
                    version: visit.version,
                    status: visit.status,
                    start: visit.span.start().to_utc(),
                    end: visit.span.end().to_utc(),
                    patient_id: patient,
                    patient_name: patient.and_then(|id| names.patients.get(&id).cloned()),
                    treatment_id: visit.treatment,
                    treatment_name: names
                        .treatments
                        .get(&visit.treatment)
                        .cloned()
                        .unwrap_or_default(),
                    dentist_id: visit.provider,
                    operatory_id: visit.operatory,
                })
            }
            ClaimKind::Hold { .. } | ClaimKind::Block | ClaimKind::External => None,
        };
        let block = names.blocks.get(&claim.id);
        Self {
            kind: claim.kind.name(),
            mine: (actor.is_some() && claim.holder() == actor).then_some(true),
            title: names.titles.get(&claim.id).cloned(),
            block_id: block.map(|(id, _)| *id),
            block_kind: block.map(|(_, kind)| kind.clone()),
            appointment,
            ..bare
        }
    }
}
