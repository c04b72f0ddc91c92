//! A treatment as somebody gives it: checked, and made a row.

use engine::scheduling::pattern::{Fault, LONGEST_VISIT, faults, stretch};
use garde::Validate;
use schema::ids::{OperatoryId, ProviderId, TenantId, TreatmentId};
use schema::models::catalogue::Treatment as Row;
use schema::models::pattern::{Role, Segment};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::problem::{FieldError, Problem};
use crate::rest::checks::{self, tidy};
use crate::rest::input::nullable;

/// Parts of a pattern at most.
const SEGMENTS_MAX: usize = 24;
/// Ids of one list at most.
const IDS_MAX: usize = 500;
/// The interface's own.
const DEFAULT_COLOR: &str = "#0f766e";

/// Everything that a treatment has; what is left out of a change stays, of a new one it has a
/// default. Only `code`, a name and `durationMin` must be given.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TreatmentFields {
    /// CDT code (American Dental Association) or the practice's own; unlike its others.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 40), custom(checks::text)))]
    code: Option<String>,
    /// For `nameEs` and `nameEn` at once.
    #[serde(default)]
    #[garde(inner(custom(checks::name)))]
    name: Option<String>,
    #[serde(default)]
    #[garde(inner(custom(checks::text)))]
    name_es: Option<String>,
    #[serde(default)]
    #[garde(inner(custom(checks::text)))]
    name_en: Option<String>,
    #[serde(default)]
    #[garde(inner(range(min = 1, max = LONGEST_VISIT)))]
    duration_min: Option<i64>,
    /// `[{role, from, to, bufferBefore, bufferAfter}]` in minutes from the visit's start; roles are
    /// `dentist`, `hygienist`, `assistant`, `operatory`, `equipment`. Without: dentist and operatory
    /// for the whole visit. With another `durationMin` and no pattern, the parts that end with the
    /// visit still do.
    #[serde(default)]
    #[garde(inner(length(min = 1, max = SEGMENTS_MAX)))]
    #[schema(value_type = Option<Vec<Object>>)]
    pattern: Option<Vec<Segment>>,
    /// `#rrggbb`
    #[serde(default)]
    #[garde(inner(custom(checks::color)))]
    color: Option<String>,
    /// US dollars: `"45.00"`, or a number.
    #[serde(default, deserialize_with = "cents")]
    #[garde(skip)]
    #[schema(value_type = Option<String>, example = "45.00")]
    price: Option<i32>,
    #[serde(default)]
    #[garde(skip)]
    online_bookable: Option<bool>,
    /// `null`: the practice's policy.
    #[serde(default, deserialize_with = "nullable")]
    #[garde(inner(inner(range(min = 0, max = 527_040))))]
    #[schema(value_type = Option<i32>)]
    min_notice_min: Option<Option<i32>>,
    /// `null`: the practice's policy.
    #[serde(default, deserialize_with = "nullable")]
    #[garde(inner(inner(range(min = 1, max = 1100))))]
    #[schema(value_type = Option<i16>)]
    horizon_days: Option<Option<i16>>,
    /// `null`: the practice's policy.
    #[serde(default, deserialize_with = "nullable")]
    #[garde(inner(inner(range(min = 1, max = 1440))))]
    #[schema(value_type = Option<i16>)]
    slot_interval_min: Option<Option<i16>>,
    /// Visits of it by provider and day; `null`: any number.
    #[serde(default, deserialize_with = "nullable")]
    #[garde(inner(inner(range(min = 1))))]
    #[schema(value_type = Option<i16>)]
    daily_cap: Option<Option<i16>>,
    #[serde(default)]
    #[garde(skip)]
    active: Option<bool>,
    /// Who offers it; empty: everybody of the role that leads it.
    #[serde(default, alias = "providerIds")]
    #[garde(inner(length(max = IDS_MAX)))]
    #[schema(value_type = Option<Vec<Uuid>>)]
    pub dentist_ids: Option<Vec<ProviderId>>,
    /// Where it can be done; empty: anywhere. Operatories that are lent to the practice.
    #[serde(default)]
    #[garde(inner(length(max = IDS_MAX)))]
    #[schema(value_type = Option<Vec<Uuid>>)]
    pub operatory_ids: Option<Vec<OperatoryId>>,
    /// What its equipment part needs: one of these.
    #[serde(default)]
    #[garde(inner(length(max = IDS_MAX)))]
    pub equipment_ids: Option<Vec<Uuid>>,
}

/// Dollars as text or number, kept as cents.
fn cents<'de, D: Deserializer<'de>>(given: D) -> Result<Option<i32>, D::Error> {
    let text = match Value::deserialize(given)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    read_cents(&text)
        .map(Some)
        .ok_or_else(|| serde::de::Error::custom("dollars such as \"45.00\", 0 to 20000000"))
}

fn read_cents(text: &str) -> Option<i32> {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if whole.is_empty() || !digits(whole) || fraction.is_empty() || !digits(fraction) {
        return None;
    }
    // 45.50 and 45.5 are one price; 45.505 is none.
    let fraction = fraction.trim_end_matches('0');
    let hundredths: i32 = match fraction.len() {
        0 => 0,
        1 => fraction.parse::<i32>().ok()? * 10,
        2 => fraction.parse().ok()?,
        _ => return None,
    };
    let dollars: i32 = whole.parse().ok().filter(|whole| *whole <= 20_000_000)?;
    dollars.checked_mul(100)?.checked_add(hundredths)
}

/// The pattern of a treatment that names none.
fn whole_visit(duration: i64, equipment: bool) -> Vec<Segment> {
    let part = |role| Segment {
        role,
        from: 0,
        to: duration,
        buffer_before: 0,
        buffer_after: 0,
    };
    let mut parts = vec![part(Role::Operatory), part(Role::Dentist)];
    parts.extend(equipment.then(|| part(Role::Equipment)));
    parts
}

impl TreatmentFields {
    /// A new treatment.
    ///
    /// # Errors
    /// 422 for what is missing or does not fit together.
    pub fn new_row(&self, tenant: TenantId) -> Result<Row, Problem> {
        let missing = |field: &str| Problem::invalid(field, "must be given");
        let code = self.code.as_deref().ok_or_else(|| missing("code"))?;
        let duration = self.duration_min.ok_or_else(|| missing("durationMin"))?;
        let names = [&self.name_es, &self.name_en];
        let mut names = names.map(|own| own.clone().or_else(|| self.name.clone()));
        if names.iter().flatten().all(|name| name.trim().is_empty()) {
            return Err(missing("name"));
        }
        let [name_es, name_en] = [0, 1].map(|at| tidy(&names[at].take().unwrap_or_default()));
        let equipment = self
            .equipment_ids
            .as_ref()
            .is_some_and(|ids| !ids.is_empty());
        let pattern = self.pattern.clone();
        let pattern = pattern.unwrap_or_else(|| whole_visit(duration, equipment));
        check(&pattern, duration, equipment)?;
        let mut row = Row {
            id: TreatmentId::new(),
            tenant_id: tenant,
            code: tidy(code),
            name_es,
            name_en,
            duration_min: i16::try_from(duration).unwrap_or(i16::MAX),
            pattern: json(&pattern)?,
            color: DEFAULT_COLOR.to_owned(),
            price_cents: 0,
            online_bookable: false,
            min_notice_min: None,
            horizon_days: None,
            slot_interval_min: None,
            daily_cap: None,
            active: true,
        };
        self.put_rest(&mut row);
        Ok(row)
    }

    /// The row after the change; `named` is whether it names equipment.
    ///
    /// # Errors
    /// 422 for what does not fit together.
    pub fn apply(&self, was: &Row, named: bool) -> Result<Row, Problem> {
        let mut row = was.clone();
        if let Some(code) = &self.code {
            row.code = tidy(code);
        }
        for (own, name) in [
            (&self.name_es, &mut row.name_es),
            (&self.name_en, &mut row.name_en),
        ] {
            if let Some(given) = own.as_ref().or(self.name.as_ref()) {
                *name = tidy(given);
            }
        }
        if row.name_es.is_empty() && row.name_en.is_empty() {
            return Err(Problem::invalid(
                "name",
                "one of nameEs and nameEn must be there",
            ));
        }
        let equipment = self
            .equipment_ids
            .as_ref()
            .map_or(named, |ids| !ids.is_empty());
        let before = i64::from(was.duration_min);
        let duration = self.duration_min.unwrap_or(before);
        let kept: Vec<Segment> = serde_json::from_value(was.pattern.clone())
            .map_err(|error| Problem::internal(format!("pattern: {error}")))?;
        let pattern = match &self.pattern {
            Some(pattern) => pattern.clone(),
            None => stretch(&kept, before, duration).ok_or_else(|| {
                Problem::invalid("pattern", "does not fit this duration: give another one")
            })?,
        };
        // What nobody touches may be as it is.
        if self.pattern.is_some() || self.equipment_ids.is_some() || duration != before {
            check(&pattern, duration, equipment)?;
        }
        row.duration_min = i16::try_from(duration).unwrap_or(i16::MAX);
        row.pattern = json(&pattern)?;
        self.put_rest(&mut row);
        Ok(row)
    }

    fn put_rest(&self, row: &mut Row) {
        if let Some(color) = &self.color {
            row.color = color.to_lowercase();
        }
        row.price_cents = self.price.unwrap_or(row.price_cents);
        row.online_bookable = self.online_bookable.unwrap_or(row.online_bookable);
        row.min_notice_min = self.min_notice_min.unwrap_or(row.min_notice_min);
        row.horizon_days = self.horizon_days.unwrap_or(row.horizon_days);
        row.slot_interval_min = self.slot_interval_min.unwrap_or(row.slot_interval_min);
        row.daily_cap = self.daily_cap.unwrap_or(row.daily_cap);
        row.active = self.active.unwrap_or(row.active);
    }
}

fn json(pattern: &[Segment]) -> Result<Value, Problem> {
    serde_json::to_value(pattern).map_err(|error| Problem::internal(format!("pattern: {error}")))
}

/// Everything that is wrong with a pattern, each by its field.
fn check(pattern: &[Segment], duration: i64, names_equipment: bool) -> Result<(), Problem> {
    let mut errors: Vec<FieldError> = faults(pattern, duration)
        .into_iter()
        .map(|fault| FieldError {
            field: match fault {
                Fault::Duration => "durationMin".to_owned(),
                Fault::NobodyLeads => "pattern".to_owned(),
                Fault::Segment { index, .. } => format!("pattern[{index}]"),
            },
            message: fault.to_string(),
        })
        .collect();
    let has_part = pattern.iter().any(|part| part.role == Role::Equipment);
    let unlike = match (has_part, names_equipment) {
        (true, false) => Some((
            "equipmentIds",
            "the pattern has a part for equipment: name some",
        )),
        (false, true) => Some(("pattern", "has no part for the equipment that is named")),
        _ => None,
    };
    errors.extend(unlike.map(|(field, message)| FieldError {
        field: field.to_owned(),
        message: message.to_owned(),
    }));
    match errors.is_empty() {
        true => Ok(()),
        false => Err(Problem::validation(errors)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_dollars_and_cents() {
        for (text, cents) in [
            ("45", Some(4_500)),
            ("45.5", Some(4_550)),
            ("45.05", Some(4_505)),
            ("0.10", Some(10)),
            ("45.050", Some(4_505)),
            ("20000000", Some(2_000_000_000)),
            ("20000001", None),
            ("45.055", None),
            ("-1", None),
            ("1e3", None),
            ("45,00", None),
            (".5", None),
            ("5.", None),
            ("", None),
        ] {
            assert_eq!(read_cents(text), cents, "{text}");
        }
    }
}
