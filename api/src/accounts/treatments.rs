//! What a new practice offers: the commonest visits, for a dentist who works alone. Codes are CDT
//! (American Dental Association); the prices are to be set. The practice changes all of it.

use diesel::QueryResult;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use schema::ids::{TenantId, TreatmentId};
use schema::models::pattern::{Role, Segment};
use schema::schema::treatments;

/// Minutes to clean the chair after a visit.
const TURNOVER: i64 = 5;

struct Default {
    code: &'static str,
    spanish: &'static str,
    english: &'static str,
    minutes: i16,
    /// The dentist's part, from and to: while an anaesthetic works they may be elsewhere.
    dentist: (i64, i64),
    color: &'static str,
    online: bool,
}

const fn visit(
    code: &'static str,
    spanish: &'static str,
    english: &'static str,
    minutes: i16,
    dentist: (i64, i64),
    color: &'static str,
    online: bool,
) -> Default {
    Default {
        code,
        spanish,
        english,
        minutes,
        dentist,
        color,
        online,
    }
}

#[rustfmt::skip]
const ALL: [Default; 10] = [
    visit("D0120", "Examen oral periódico", "Periodic oral evaluation", 20, (0, 20), "#0284c7", true),
    visit("D0140", "Examen limitado, urgencia", "Limited evaluation, problem focused", 30, (0, 30), "#dc2626", true),
    visit("D0150", "Examen completo, paciente nuevo", "Comprehensive evaluation, new patient", 45, (0, 45), "#0369a1", true),
    visit("D0210", "Serie radiográfica completa", "Complete series of radiographs", 30, (0, 30), "#475569", false),
    visit("D1110", "Limpieza dental, adulto", "Prophylaxis, adult", 45, (0, 45), "#0f766e", true),
    visit("D1120", "Limpieza dental, niño", "Prophylaxis, child", 30, (0, 30), "#14b8a6", true),
    visit("D2391", "Resina de una superficie", "Resin composite, one surface", 60, (10, 60), "#7c3aed", false),
    visit("D2740", "Corona de porcelana", "Crown, porcelain", 90, (10, 90), "#9333ea", false),
    visit("D3310", "Endodoncia, diente anterior", "Root canal, anterior tooth", 90, (10, 90), "#b45309", false),
    visit("D7140", "Extracción simple", "Simple extraction", 45, (10, 45), "#be123c", false),
];

impl Default {
    fn pattern(&self) -> [Segment; 2] {
        let segment = |role, from, to, buffer_after| Segment {
            role,
            from,
            to,
            buffer_before: 0,
            buffer_after,
        };
        [
            segment(Role::Operatory, 0, i64::from(self.minutes), TURNOVER),
            segment(Role::Dentist, self.dentist.0, self.dentist.1, 0),
        ]
    }
}

/// Gives a practice its first treatments.
pub(super) async fn insert(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
) -> QueryResult<()> {
    let rows = ALL
        .iter()
        .map(|one| {
            let pattern = serde_json::to_value(one.pattern())
                .map_err(|error| diesel::result::Error::SerializationError(Box::new(error)))?;
            Ok((
                treatments::id.eq(TreatmentId::new()),
                treatments::tenant_id.eq(tenant),
                treatments::code.eq(one.code),
                treatments::name_es.eq(one.spanish),
                treatments::name_en.eq(one.english),
                treatments::duration_min.eq(one.minutes),
                treatments::pattern.eq(pattern),
                treatments::color.eq(one.color),
                treatments::online_bookable.eq(one.online),
            ))
        })
        .collect::<QueryResult<Vec<_>>>()?;
    diesel::insert_into(treatments::table)
        .values(rows)
        .execute(connection)
        .await
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_lies_within_its_visit() {
        for one in &ALL {
            let length = i64::from(one.minutes);
            for segment in one.pattern() {
                assert!(
                    0 <= segment.from && segment.from < segment.to && segment.to <= length,
                    "{}",
                    one.code
                );
            }
        }
    }
}
