//! Slots as clients see them. Over REST they are written by hand: with serde, writing an answer took
//! several times as long as finding it. A test holds both ways against each other.

use actix_web::body::BoxBody;
use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse, Responder};
use engine::scheduling::availability::Slot;
use schema::ids::{OperatoryId, ProviderId, TenantId, TreatmentId};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Kept;
use crate::wire::time::At;

/// A start that can be booked.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlotView {
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    pub(super) start: At,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    pub(super) end: At,
    #[schema(value_type = Uuid)]
    pub(super) dentist_id: ProviderId,
    #[schema(value_type = Uuid)]
    pub(super) operatory_id: OperatoryId,
    /// Other operatories that are free then.
    #[schema(value_type = Vec<Uuid>)]
    pub(super) alternatives: Vec<OperatoryId>,
    /// 0 to 100, with `order=best`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) score: Option<u8>,
    /// The time that the asker holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mine: Option<bool>,
    /// Whose slot it is and of which treatment, where several practices were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub(super) tenant_id: Option<TenantId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub(super) treatment_id: Option<TreatmentId>,
}

impl From<Slot> for SlotView {
    fn from(slot: Slot) -> Self {
        Self {
            start: At(slot.span.start()),
            end: At(slot.span.end()),
            dentist_id: slot.provider,
            operatory_id: slot.operatory,
            alternatives: slot.alternatives,
            score: slot.score,
            mine: None,
            tenant_id: None,
            treatment_id: None,
        }
    }
}

impl SlotView {
    /// A slot, and whether it is a time that the asker holds.
    pub(super) fn of(slot: Slot, own: &[Kept]) -> Self {
        let mine = |kept: &Kept| kept.span == slot.span && kept.provider == slot.provider;
        let mine = own.iter().any(mine);
        Self {
            mine: mine.then_some(true),
            ..Self::from(slot)
        }
    }
}

/// Slots in the order asked for.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Slots {
    pub slots: Vec<SlotView>,
}

impl Slots {
    /// The answer's body.
    fn json(&self) -> Vec<u8> {
        const SLOT_BYTES: usize = 224;
        let mut out = Vec::with_capacity(16 + self.slots.len() * SLOT_BYTES);
        out.extend_from_slice(b"{\"slots\":[");
        for (number, slot) in self.slots.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            slot.write_json(&mut out);
        }
        out.extend_from_slice(b"]}");
        out
    }
}

impl Responder for Slots {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok()
            .insert_header(ContentType::json())
            .body(self.json())
    }
}

impl SlotView {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"start\":");
        self.start.write_json(out);
        out.extend_from_slice(b",\"end\":");
        self.end.write_json(out);
        out.extend_from_slice(b",\"dentistId\":");
        write_id(self.dentist_id.0, out);
        out.extend_from_slice(b",\"operatoryId\":");
        write_id(self.operatory_id.0, out);
        out.extend_from_slice(b",\"alternatives\":[");
        for (number, operatory) in self.alternatives.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            write_id(operatory.0, out);
        }
        out.push(b']');
        if let Some(score) = self.score {
            out.extend_from_slice(format!(",\"score\":{score}").as_bytes());
        }
        if let Some(mine) = self.mine {
            out.extend_from_slice(format!(",\"mine\":{mine}").as_bytes());
        }
        if let Some(tenant) = self.tenant_id {
            out.extend_from_slice(b",\"tenantId\":");
            write_id(tenant.0, out);
        }
        if let Some(treatment) = self.treatment_id {
            out.extend_from_slice(b",\"treatmentId\":");
            write_id(treatment.0, out);
        }
        out.push(b'}');
    }
}

fn write_id(id: Uuid, out: &mut Vec<u8>) {
    let mut buffer = Uuid::encode_buffer();
    out.push(b'"');
    out.extend_from_slice(id.hyphenated().encode_lower(&mut buffer).as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use schema::span::Minute;

    use super::*;

    #[test]
    fn slots_are_written_as_serde_writes_them() {
        let slot = |number: u128, some: bool| SlotView {
            start: At(Minute(30_064_620 + number as i64)),
            end: At(Minute(30_064_650 + number as i64)),
            dentist_id: ProviderId(Uuid::from_u128(number << 90)),
            operatory_id: OperatoryId(Uuid::from_u128(number)),
            alternatives: (0..number)
                .map(|n| OperatoryId(Uuid::from_u128(n)))
                .collect(),
            score: some.then_some(u8::try_from(number).unwrap() * 20),
            mine: some.then_some(number.is_multiple_of(2)),
            tenant_id: some.then_some(TenantId(Uuid::from_u128(7))),
            treatment_id: some.then_some(TreatmentId(Uuid::from_u128(8))),
        };
        for count in 0..5 {
            let slots = (0..count)
                .flat_map(|number| [slot(number, false), slot(number, true)])
                .collect();
            let slots = Slots { slots };
            let written = String::from_utf8(slots.json()).unwrap();
            assert_eq!(written, serde_json::to_string(&slots).unwrap());
        }
    }
}
