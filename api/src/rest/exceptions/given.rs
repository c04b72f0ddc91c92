//! A closure or extra hours as somebody gives them: checked, and made a row.

use chrono::NaiveDate;
use garde::Validate;
use schema::ids::{ClinicId, ExceptionId, OperatoryId, ProviderId, TenantId};
use schema::models::catalogue::ScheduleException as Row;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::rest::checks::{self, tidy};
use crate::rest::input::nullable;
use crate::rest::wall_clock;

/// Dates at most, first to last: longer ones are two.
const DAYS_MAX: i64 = 1100;

/// What happens to the hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A holiday, time off.
    Closed,
    /// Open although the week says otherwise.
    Extra,
}

/// Dates that differ from the week. With neither `dentistId` nor, for super admins, `clinicId` or
/// `operatoryId`, they are the whole practice's.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[garde(allow_unvalidated)]
pub struct NewException {
    kind: Kind,
    #[garde(custom(checks::date))]
    from_date: NaiveDate,
    /// The last day; `fromDate` without.
    #[serde(default)]
    #[garde(inner(custom(checks::date)))]
    to_date: Option<NaiveDate>,
    /// The part of each of the dates, in local time; the whole day without. Extra hours need one.
    #[serde(default)]
    #[schema(example = "09:00")]
    from: Option<String>,
    #[serde(default)]
    #[schema(example = "13:00")]
    to: Option<String>,
    /// For whom reads Spanish or English; where only one is given, it is for both.
    #[serde(default)]
    #[garde(custom(checks::text))]
    name_es: String,
    #[serde(default)]
    #[garde(custom(checks::text))]
    name_en: String,
    /// For `nameEs` and `nameEn` at once.
    #[serde(default)]
    #[garde(custom(checks::text))]
    name: String,
    /// A provider of the practice; the practice's own routes only.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    pub dentist_id: Option<ProviderId>,
    /// Super admins' routes only.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    pub clinic_id: Option<ClinicId>,
    /// Super admins' routes only.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    pub operatory_id: Option<OperatoryId>,
}

/// What changes; fields that are left out stay. Whom it is for does not change.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[garde(allow_unvalidated)]
pub struct ExceptionChange {
    #[serde(default)]
    kind: Option<Kind>,
    #[serde(default)]
    #[garde(inner(custom(checks::date)))]
    from_date: Option<NaiveDate>,
    #[serde(default)]
    #[garde(inner(custom(checks::date)))]
    to_date: Option<NaiveDate>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    from: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    to: Option<Option<String>>,
    #[serde(default)]
    #[garde(inner(custom(checks::text)))]
    name_es: Option<String>,
    #[serde(default)]
    #[garde(inner(custom(checks::text)))]
    name_en: Option<String>,
}

/// Whom it is for.
#[derive(Clone, Copy, Debug)]
pub enum Scope {
    Tenant(TenantId),
    Provider(TenantId, ProviderId),
    Clinic(ClinicId),
    Operatory(OperatoryId),
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Extra => "extra",
        }
    }
}

impl NewException {
    /// As a row of `scope`.
    ///
    /// # Errors
    /// 422 for dates or times that are not in order.
    pub fn into_row(self, scope: Scope) -> Result<Row, Problem> {
        let (name, tenant_id, clinic_id, operatory_id, provider_id) = match scope {
            Scope::Tenant(tenant) => ("tenant", Some(tenant), None, None, None),
            Scope::Provider(tenant, id) => ("provider", Some(tenant), None, None, Some(id)),
            Scope::Clinic(id) => ("clinic", None, Some(id), None, None),
            Scope::Operatory(id) => ("operatory", None, None, Some(id), None),
        };
        let [name_es, name_en] = [self.name_es, self.name_en].map(|own| match own.is_empty() {
            true => tidy(&self.name),
            false => tidy(&own),
        });
        let row = Row {
            id: ExceptionId::new(),
            scope: name.to_owned(),
            tenant_id,
            clinic_id,
            operatory_id,
            provider_id,
            kind: self.kind.name().to_owned(),
            from_date: self.from_date,
            to_date: self.to_date.unwrap_or(self.from_date),
            from_minute: minute("from", self.from.as_deref())?,
            to_minute: minute("to", self.to.as_deref())?,
            name_es,
            name_en,
        };
        check(&row)?;
        Ok(row)
    }
}

impl ExceptionChange {
    /// The row after the change.
    ///
    /// # Errors
    /// 422 for dates or times that are not in order.
    pub fn apply(self, was: Row) -> Result<Row, Problem> {
        let mut row = was;
        if let Some(kind) = self.kind {
            kind.name().clone_into(&mut row.kind);
        }
        row.from_date = self.from_date.unwrap_or(row.from_date);
        row.to_date = self.to_date.unwrap_or(row.to_date);
        if let Some(from) = self.from {
            row.from_minute = minute("from", from.as_deref())?;
        }
        if let Some(to) = self.to {
            row.to_minute = minute("to", to.as_deref())?;
        }
        row.name_es = self.name_es.map_or(row.name_es, |name| tidy(&name));
        row.name_en = self.name_en.map_or(row.name_en, |name| tidy(&name));
        check(&row)?;
        Ok(row)
    }
}

fn minute(field: &str, text: Option<&str>) -> Result<Option<i16>, Problem> {
    text.map(|text| wall_clock::parse(field, text)).transpose()
}

fn check(row: &Row) -> Result<(), Problem> {
    if row.to_date < row.from_date {
        return Err(Problem::invalid("toDate", "not before fromDate"));
    }
    if (row.to_date - row.from_date).num_days() > DAYS_MAX {
        let message = format!("at most {DAYS_MAX} days after fromDate");
        return Err(Problem::invalid("toDate", message));
    }
    match (row.from_minute, row.to_minute) {
        (None, None) if row.kind == "extra" => Err(Problem::invalid(
            "from",
            "extra hours need their times: from and to",
        )),
        (None, None) => Ok(()),
        (Some(from), Some(to)) if from < to => Ok(()),
        (Some(_), Some(_)) => Err(Problem::invalid("to", "later than from")),
        (None, Some(_)) => Err(Problem::invalid("from", "goes with to")),
        (Some(_), None) => Err(Problem::invalid("to", "goes with from")),
    }
}
