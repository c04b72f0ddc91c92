//! A patient's record on the wire, and what makes one acceptable.

use chrono::{NaiveDate, Utc};
use diesel::prelude::*;
use garde::Validate;
use schema::ids::{CalendarId, PatientId};
use schema::schema::patients;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::problem::Problem;
use crate::rest::input::nullable;

/// A person who is treated.
#[derive(Debug, Serialize, Queryable, Selectable, ToSchema)]
#[diesel(table_name = patients)]
#[serde(rename_all = "camelCase")]
pub struct Patient {
    id: Uuid,
    first_name: String,
    last_name: String,
    email: Option<String>,
    /// E.164.
    #[schema(example = "+593991234567")]
    phone: Option<String>,
    date_of_birth: Option<NaiveDate>,
}

impl Patient {
    pub(super) fn id(&self) -> PatientId {
        PatientId(self.id)
    }
}

/// A patient to be added.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewPatient {
    #[garde(custom(check_name))]
    first_name: String,
    #[garde(custom(check_name))]
    last_name: String,
    #[serde(default)]
    #[garde(inner(custom(check_email)))]
    email: Option<String>,
    /// International, with `+` and the country's code; spaces, dots, dashes and brackets may stand
    /// between the digits.
    #[serde(default)]
    #[garde(inner(custom(check_phone)))]
    #[schema(example = "+593 99 123 4567")]
    phone: Option<String>,
    #[serde(default)]
    #[garde(inner(custom(check_date_of_birth)))]
    date_of_birth: Option<NaiveDate>,
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
    id: PatientId,
    calendar_id: CalendarId,
    first_name: String,
    last_name: String,
    email: Option<String>,
    phone: Option<String>,
    date_of_birth: Option<NaiveDate>,
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
    ) -> Result<NewRow, Problem> {
        Ok(NewRow {
            id,
            calendar_id,
            first_name: tidy(&self.first_name),
            last_name: tidy(&self.last_name),
            email: self.email.as_deref().map(lower_email),
            phone: self.phone.as_deref().map(e164).transpose()?,
            date_of_birth: self.date_of_birth,
        })
    }
}

impl PatientChange {
    pub(super) fn into_changes(self) -> Result<Changes, Problem> {
        Ok(Changes {
            first_name: self.first_name.as_deref().map(tidy),
            last_name: self.last_name.as_deref().map(tidy),
            email: self.email.map(|email| email.as_deref().map(lower_email)),
            phone: self
                .phone
                .map(|phone| phone.as_deref().map(e164).transpose())
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

pub(crate) fn e164(given: &str) -> Result<String, Problem> {
    normal_phone(given).map_err(|message| Problem::invalid("phone", message))
}

/// `+` and 7 to 15 digits (ITU-T E.164).
fn normal_phone(given: &str) -> Result<String, &'static str> {
    const WRONG: &str = "is not an international number like +593991234567";
    let phone: String = given
        .chars()
        .filter(|sign| !sign.is_whitespace() && !"-.()".contains(*sign))
        .collect();
    let digits = phone.strip_prefix('+').ok_or(WRONG)?;
    let right = (7..=15).contains(&digits.len())
        && digits.bytes().all(|digit| digit.is_ascii_digit())
        && !digits.starts_with('0');
    if right { Ok(phone) } else { Err(WRONG) }
}

pub(crate) fn check_name(name: &str, (): &()) -> garde::Result {
    let letters = tidy(name).chars().count();
    if letters == 0 {
        return Err(garde::Error::new("is empty"));
    }
    if letters > NAME_LETTERS_MAX || name.chars().any(char::is_control) {
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

pub(crate) fn check_phone(phone: &str, (): &()) -> garde::Result {
    normal_phone(phone).map(drop).map_err(garde::Error::new)
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
    fn phones_become_e164() {
        for (given, phone) in [
            ("+593 99 123-4567", Some("+593991234567")),
            ("+1 (212) 555.0100", Some("+12125550100")),
            ("0991234567", None),
            ("+0991234567", None),
            ("+59399", None),
            ("+5939912345678901", None),
            ("+593991234x67", None),
            ("", None),
        ] {
            assert_eq!(normal_phone(given).ok().as_deref(), phone, "{given}");
        }
    }

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
                .into_changes()
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
