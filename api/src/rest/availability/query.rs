//! What is asked of the search, from a query or from a frame: lists are repeated (`dentist=…&dentist=…`),
//! separated by commas, or arrays.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use schema::ids::{ClinicId, OperatoryId, ProviderId, TenantId, TreatmentId};
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Problem;

/// What is looked for.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AvailabilityQuery {
    #[param(value_type = Uuid)]
    pub treatment: TreatmentId,
    /// RFC 3339 with an offset.
    pub from: String,
    pub to: String,
    /// Any that offers the treatment, without. Repeated or separated by commas for several.
    #[serde(default, deserialize_with = "list")]
    #[param(value_type = Option<Vec<Uuid>>)]
    pub dentist: Vec<ProviderId>,
    #[serde(default, deserialize_with = "list")]
    #[param(value_type = Option<Vec<Uuid>>)]
    pub operatory: Vec<OperatoryId>,
    #[serde(default, deserialize_with = "list")]
    #[param(value_type = Option<Vec<Uuid>>)]
    pub clinic: Vec<ClinicId>,
    /// Several practices that the asker works for, instead of the one. The treatment is that of the
    /// same code in each; slots name their practice and its treatment.
    #[serde(default, deserialize_with = "list")]
    #[param(value_type = Option<Vec<Uuid>>)]
    pub tenants: Vec<TenantId>,
    /// Minutes; the treatment's own without.
    #[serde(default, deserialize_with = "number")]
    pub duration: Option<i64>,
    /// 50 without, at most 200.
    #[serde(default, deserialize_with = "number")]
    pub limit: Option<usize>,
    #[serde(default)]
    #[param(inline)]
    pub order: OrderName,
    /// With `order=best`: the time that would be liked, RFC 3339; the start of the range without.
    #[serde(default)]
    pub near: Option<String>,
    /// Of a hold: its time counts as free for whoever has the token.
    #[serde(rename = "holdToken")]
    #[param(rename = "holdToken")]
    pub hold_token: Option<String>,
}

/// Which slots come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderName {
    #[default]
    Earliest,
    /// By a score of what is left over around a slot, changes of operatory, and closeness to `near`;
    /// the practice's policy has the weights.
    Best,
}

/// What is to be explained.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExplainQuery {
    #[param(value_type = Uuid)]
    pub treatment: TreatmentId,
    #[param(value_type = Uuid)]
    pub dentist: ProviderId,
    /// RFC 3339 with an offset.
    pub start: String,
    /// Any that the dentist may use, without.
    #[param(value_type = Option<Uuid>)]
    pub operatory: Option<OperatoryId>,
    /// Minutes; the treatment's own without.
    #[serde(default, deserialize_with = "number")]
    pub duration: Option<i64>,
    /// Of a hold: its time counts as free for whoever has the token.
    #[serde(rename = "holdToken")]
    #[param(rename = "holdToken")]
    pub hold_token: Option<String>,
    /// Codes of rules that the booking would name as overridden, by staff who may do so. Repeated or
    /// separated by commas for several.
    #[serde(default, rename = "override", deserialize_with = "list")]
    #[param(rename = "override", value_type = Option<Vec<String>>)]
    pub overrides: Vec<String>,
}

/// A query in which parameters may be repeated.
#[derive(Debug)]
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Asked<T> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(read(request.query_string()).map(Self))
    }
}

fn read<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let wrong = |error: &dyn std::fmt::Display| {
        Problem::bad_request(format!("The query cannot be read: {error}"))
    };
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query);
    let mut fields: Map<String, Value> = Map::new();
    for (name, value) in pairs.map_err(|error| wrong(&error))?.into_inner() {
        match fields.get_mut(&name) {
            Some(Value::String(known)) => {
                known.push(',');
                known.push_str(&value);
            }
            _ => {
                fields.insert(name, Value::String(value));
            }
        }
    }
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| wrong(&error))
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<String>),
    One(String),
    None(()),
}

fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Vec<T>, D::Error> {
    let texts = match OneOrMany::deserialize(value)? {
        OneOrMany::Many(texts) => texts,
        OneOrMany::One(text) => vec![text],
        OneOrMany::None(()) => Vec::new(),
    };
    let items = texts.iter().flat_map(|text| text.split(','));
    items
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(|text| T::deserialize(IntoDeserializer::<D::Error>::into_deserializer(text)))
        .collect()
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(i64),
    Text(String),
    None(()),
}

fn number<'de, D, T>(value: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64>,
{
    let wrong = || serde::de::Error::custom("a whole number is expected");
    let number = match NumberOrText::deserialize(value)? {
        NumberOrText::Number(number) => number,
        NumberOrText::Text(text) => text.parse().map_err(|_| wrong())?,
        NumberOrText::None(()) => return Ok(None),
    };
    T::try_from(number).map(Some).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [&str; 2] = [
        "00000000-0000-0000-0000-000000000001",
        "00000000-0000-0000-0000-000000000002",
    ];

    #[test]
    fn lists_are_repeated_or_have_commas() {
        let [one, two] = IDS;
        let rest = format!("treatment={one}&from=a&to=b&limit=3");
        for dentists in [
            format!("dentist={one}&dentist={two}"),
            format!("dentist={one},{two}"),
            format!("dentist={one}%2C%20{two}&dentist="),
        ] {
            let query: AvailabilityQuery = read(&format!("{rest}&{dentists}")).unwrap();
            assert_eq!(query.dentist.len(), 2, "{dentists}");
            assert_eq!((query.limit, query.order), (Some(3), OrderName::Earliest));
        }
        let frame = serde_json::json!({ "treatment": one, "from": "a", "to": "b", "limit": 3,
            "dentist": [one, two], "order": "best", "clinic": null });
        let query: AvailabilityQuery = serde_json::from_value(frame).unwrap();
        assert_eq!((query.dentist.len(), query.clinic.len()), (2, 0));
        let frame = serde_json::json!({ "treatment": one, "dentist": two, "start": "a",
            "override": ["off_grid", "daily_cap"] });
        let query: ExplainQuery = serde_json::from_value(frame).unwrap();
        assert_eq!(query.overrides, ["off_grid", "daily_cap"]);
        for wrong in [
            "limit=-1",
            "limit=x",
            "dentist=7",
            "order=latest",
            "duration=1.5",
        ] {
            let rest = rest.trim_end_matches("&limit=3");
            let query = read::<AvailabilityQuery>(&format!("{rest}&{wrong}"));
            assert!(query.is_err(), "{wrong}");
        }
    }
}
