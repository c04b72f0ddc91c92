//! The files of `config/demo`, as they are written.

use std::collections::BTreeMap;

use schema::models::pattern::{Role, Segment};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Practices {
    pub clinic: Vec<Clinic>,
    pub practice: Vec<Practice>,
    pub user: Vec<User>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Clinic {
    pub key: String,
    pub name: String,
    pub zone: String,
    pub city: String,
    pub address: String,
    pub phone: String,
    pub local_holidays: Vec<String>,
    /// Key and name of each.
    pub operatories: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Practice {
    pub key: String,
    pub name: String,
    pub subdomain: String,
    pub zone: String,
    pub provider: Vec<Provider>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Provider {
    pub key: String,
    pub role: Role,
    pub name: String,
    pub color: String,
    pub user: Option<String>,
    pub hours: Vec<Hours>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hours {
    pub operatory: Option<String>,
    /// ISO weekdays.
    pub days: Vec<i16>,
    /// `09:00-13:00`
    pub windows: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    pub email: String,
    pub name: String,
    pub password: String,
    #[serde(default)]
    pub super_admin: bool,
    /// Whether the first patient's record is theirs.
    #[serde(default)]
    pub patient: bool,
    #[serde(default)]
    pub works: Vec<Work>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Work {
    pub practice: String,
    pub role: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Treatments {
    pub treatment: Vec<Treatment>,
}

/// Who comes for a treatment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    #[default]
    Everyone,
    Adults,
    Children,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Treatment {
    pub code: String,
    pub es: String,
    pub en: String,
    pub minutes: i16,
    pub cents: i32,
    pub color: String,
    #[serde(default)]
    pub online: bool,
    #[serde(default)]
    pub patients: Audience,
    /// How often the diary has it, against the others' shares.
    pub share: u32,
    pub pattern: Vec<Segment>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct People {
    pub women: Vec<String>,
    pub men: Vec<String>,
    pub surnames: Vec<String>,
}

/// Everything that the files say.
#[derive(Debug)]
pub(super) struct Source {
    pub practices: Practices,
    pub treatments: Vec<Treatment>,
    pub people: People,
}

impl Source {
    /// The files that were compiled in.
    ///
    /// # Errors
    /// When one of them is not what it should be; a test reads them all.
    pub fn read() -> Result<Self, toml::de::Error> {
        let treatments: Treatments =
            toml::from_str(include_str!("../../../config/demo/treatments.toml"))?;
        Ok(Self {
            practices: toml::from_str(include_str!("../../../config/demo/practices.toml"))?,
            treatments: treatments.treatment,
            people: toml::from_str(include_str!("../../../config/demo/people.toml"))?,
        })
    }
}
