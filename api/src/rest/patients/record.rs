//! A patient's record on the wire, and what makes one acceptable.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use garde::Validate;
use schema::ids::{CalendarId, PatientId};
use schema::patients::Likeness;
use schema::schema::{patient_dentists, patients};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::rest::checks::unprintable;
use crate::rest::input::nullable;
use crate::rest::patients::phone::{self, Country};

/// A person who is treated.
#[derive(Clone, Debug, Serialize, Queryable, Selectable, ToSchema)]
#[diesel(table_name = patients)]
#[serde(rename_all = "camelCase")]
pub struct Patient {
    #[schema(value_type = Uuid)]
    pub(super) id: PatientId,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) email: Option<String>,
    /// E.164.
    #[schema(example = "+593991234567")]
    pub(super) phone: Option<String>,
    pub(super) date_of_birth: Option<NaiveDate>,
    /// Since when they are out of the practice's lists.
    #[diesel(
        select_expression = patient_dentists::archived_at,
        select_expression_type = patient_dentists::archived_at
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) archived_at: Option<DateTime<Utc>>,
}

/// A patient to be added.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewPatient {
    #[garde(custom(check_name))]
    pub(super) first_name: String,
    #[garde(custom(check_name))]
    pub(super) last_name: String,
    #[serde(default)]
    #[garde(inner(custom(check_email)))]
    pub(super) email: Option<String>,
    /// International, with `+` and the country's code, or as it is dialled in the practice's
    /// country; spaces, dots, dashes and brackets may stand between the digits. Kept as E.164.
    #[serde(default)]
    #[garde(inner(custom(check_phone)))]
    #[schema(example = "+593 99 123 4567")]
    pub(super) phone: Option<String>,
    #[serde(default)]
    #[garde(inner(custom(check_date_of_birth)))]
    pub(super) date_of_birth: Option<NaiveDate>,
    /// Add them also where the practice has somebody of that e-mail address, phone number, or name
    /// and birth date: families share them.
    #[serde(default)]
    #[garde(skip)]
    pub(super) allow_duplicate: bool,
}

/// What changes; fields that are left out stay.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PatientChange {
    #[serde(default)]
    #[garde(inner(custom(check_name)))]
    first_name: Option<String>,
    #[serde(default)]
    #[garde(inner(custom(check_name)))]
    last_name: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[garde(inner(inner(custom(check_email))))]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[garde(inner(inner(custom(check_phone))))]
    #[schema(value_type = Option<String>)]
    phone: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[garde(inner(inner(custom(check_date_of_birth))))]
    #[schema(value_type = Option<NaiveDate>)]
    date_of_birth: Option<Option<NaiveDate>>,
}

#[derive(Insertable)]
#[diesel(table_name = patients)]
pub(super) struct NewRow {
    pub(super) id: PatientId,
    pub(super) calendar_id: CalendarId,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) email: Option<String>,
    pub(super) phone: Option<String>,
    pub(super) date_of_birth: Option<NaiveDate>,
}

#[derive(AsChangeset, Default, PartialEq)]
#[diesel(table_name = patients)]
pub(super) struct Changes {
    first_name: Option<String>,
    last_name: Option<String>,
    email: Option<Option<String>>,
    phone: Option<Option<String>>,
    date_of_birth: Option<Option<NaiveDate>>,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl NewPatient {
    pub(super) fn into_row(
        self,
        id: PatientId,
        calendar_id: CalendarId,
        country: Option<Country>,
    ) -> Result<NewRow, Problem> {
        Ok(NewRow {
            id,
            calendar_id,
            first_name: tidy(&self.first_name),
            last_name: tidy(&self.last_name),
            email: self.email.as_deref().map(lower_email),
            phone: self
                .phone
                .as_deref()
                .map(|phone| e164(phone, country))
                .transpose()?,
            date_of_birth: self.date_of_birth,
        })
    }
}

impl NewRow {
    /// What is compared with other records.
    pub(super) fn likeness(&self) -> Likeness<'_> {
        Likeness {
            first_name: &self.first_name,
            last_name: &self.last_name,
            email: self.email.as_deref(),
            phone: self.phone.as_deref(),
            date_of_birth: self.date_of_birth,
        }
    }
}

impl PatientChange {
    pub(super) fn into_changes(self, country: Option<Country>) -> Result<Changes, Problem> {
        Ok(Changes {
            first_name: self.first_name.as_deref().map(tidy),
            last_name: self.last_name.as_deref().map(tidy),
            email: self.email.map(|email| email.as_deref().map(lower_email)),
            phone: self
                .phone
                .map(|phone| {
                    let phone = phone.as_deref();
                    phone.map(|phone| e164(phone, country)).transpose()
                })
                .transpose()?,
            date_of_birth: self.date_of_birth,
        })
    }
}

const NAME_LETTERS_MAX: usize = 100;
/// RFC 5321, 4.5.3.1.3, without the brackets.
const EMAIL_BYTES_MAX: usize = 254;
/// Nobody lives longer.
const AGE_YEARS_MAX: i32 = 130;

pub(crate) fn tidy(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(crate) fn lower_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Of a number that somebody of no known country gives.
pub(crate) fn international(given: &str) -> Result<String, Problem> {
    e164(given, None)
}

pub(crate) fn e164(given: &str, country: Option<Country>) -> Result<String, Problem> {
    phone::e164(given, country).map_err(|message| Problem::invalid("phone", message))
}

pub(crate) fn check_name(name: &str, (): &()) -> garde::Result {
    let letters = tidy(name).chars().count();
    if letters == 0 {
        return Err(garde::Error::new("is empty"));
    }
    if letters > NAME_LETTERS_MAX || name.chars().any(unprintable) {
        return Err(garde::Error::new("is too long or has control characters"));
    }
    Ok(())
}

pub(crate) fn check_email(email: &str, (): &()) -> garde::Result {
    let email = email.trim();
    if email.len() > EMAIL_BYTES_MAX {
        return Err(garde::Error::new("is too long"));
    }
    garde::rules::email::apply(&email, ())
}

pub(crate) fn check_phone(given: &str, (): &()) -> garde::Result {
    phone::check(given).map_err(garde::Error::new)
}

pub(crate) fn check_date_of_birth(date: &NaiveDate, (): &()) -> garde::Result {
    // Tomorrow in UTC may be today somewhere.
    let tomorrow = Utc::now().date_naive() + chrono::Days::new(1);
    if *date > tomorrow
        || tomorrow
            .years_since(*date)
            .is_none_or(|age| age as i32 > AGE_YEARS_MAX)
    {
        return Err(garde::Error::new("is not a date of birth"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_patient_may_look_like() {
        let problems = |json: &str| -> Vec<String> {
            let given: NewPatient = serde_json::from_str(json).unwrap();
            let report = given.validate().err();
            let report = report.into_iter().flat_map(garde::Report::into_inner);
            report.map(|(path, _)| path.to_string()).collect()
        };
        let none: [&str; 0] = [];
        assert_eq!(problems(r#"{"firstName":"José","lastName":"Ñ"}"#), none);
        assert_eq!(
            problems(
                r#"{"firstName":" ","lastName":"Ñ","email":"nobody","phone":"1",
                "dateOfBirth":"1850-01-01"}"#
            ),
            ["date_of_birth", "email", "first_name", "phone"]
        );
    }

    #[test]
    fn a_change_knows_absent_from_null() {
        let change = |json: &str| -> Changes {
            serde_json::from_str::<PatientChange>(json)
                .unwrap()
                .into_changes(None)
                .unwrap()
        };
        assert!(change("{}").is_empty());
        assert_eq!(change(r#"{"email":null}"#).email, Some(None));
        assert_eq!(
            change(r#"{"email":"Ana@X.ec"}"#).email,
            Some(Some("ana@x.ec".to_owned()))
        );
    }
}
