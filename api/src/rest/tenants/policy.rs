//! A practice's policy as JSON: what it says itself, over the engine's defaults. Which keys there are
//! is the engine's to say ([`Policy`]); here is how far each may go.

use engine::scheduling::policy::Policy;
use serde_json::{Map, Value};

use crate::problem::{FieldError, Problem};

/// Smallest and largest value of a number, by its place.
const BOUNDS: [(&str, i64, i64); 7] = [
    ("slotIntervalMin", 5, 240),
    ("minNoticeMin", 0, 365 * 24 * 60),
    ("horizonDays", 1, 3 * 365),
    ("holdMin", 1, 60),
    ("offerMin", 5, 7 * 24 * 60),
    ("cancellationMin", 0, 60 * 24 * 60),
    ("scoring", 0, 1000),
];
/// Of any other number.
const BOUNDS_OTHERS: (i64, i64) = (0, 1_000_000);

/// What holds: the defaults, and over them what the practice has said.
pub(super) fn with_defaults(stored: Value) -> Value {
    let mut policy = defaults();
    overlay(&mut policy, stored);
    policy
}

fn defaults() -> Value {
    // Numbers, truths and objects of them: writing them as JSON cannot fail.
    serde_json::to_value(Policy::default()).unwrap_or_default()
}

fn overlay(target: &mut Value, given: Value) {
    match (target, given) {
        (Value::Object(target), Value::Object(given)) => {
            for (key, value) in given {
                overlay(target.entry(key).or_insert(Value::Null), value);
            }
        }
        (target, given) => *target = given,
    }
}

/// What the practice says once `change` is merged in (RFC 7396).
///
/// # Errors
/// 422 that names each key that there is not, that has the wrong type, or goes too far.
pub(super) fn merged(stored: Value, change: Map<String, Value>) -> Result<Value, Problem> {
    let mut errors = Vec::new();
    check(
        "policy",
        "",
        &Value::Object(change.clone()),
        &defaults(),
        &mut errors,
    );
    if !errors.is_empty() {
        return Err(Problem::validation(errors));
    }
    let mut policy = match stored {
        Value::Object(stored) => Value::Object(stored),
        _ => Value::Object(Map::new()),
    };
    merge(&mut policy, Value::Object(change));
    // The engine reads it: whatever it could not read must not be kept.
    serde_json::from_value::<Policy>(with_defaults(policy.clone()))
        .map_err(|error| Problem::invalid("policy", error.to_string()))?;
    Ok(policy)
}

fn merge(target: &mut Value, change: Value) {
    let Value::Object(change) = change else {
        *target = change;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(target) = target {
        for (key, value) in change {
            if value.is_null() {
                target.remove(&key);
            } else {
                merge(target.entry(key).or_insert(Value::Null), value);
            }
        }
    }
}

fn check(path: &str, name: &str, given: &Value, known: &Value, errors: &mut Vec<FieldError>) {
    let mut wrong = |message: String| {
        errors.push(FieldError {
            field: path.to_owned(),
            message,
        });
    };
    match (given, known) {
        (Value::Null, _) => {}
        (Value::Object(given), Value::Object(known)) => {
            for (key, value) in given {
                let path = format!("{path}.{key}");
                let name = if name.is_empty() { key } else { name };
                match known.get(key) {
                    Some(known) => check(&path, name, value, known, errors),
                    None => errors.push(FieldError {
                        field: path,
                        message: "is no key of a policy".to_owned(),
                    }),
                }
            }
        }
        (Value::Number(given), Value::Number(_)) => {
            let bounds = BOUNDS.iter().find(|(known, ..)| *known == name);
            let (from, to) = bounds.map_or(BOUNDS_OTHERS, |(_, from, to)| (*from, *to));
            if !given
                .as_i64()
                .is_some_and(|given| (from..=to).contains(&given))
            {
                wrong(format!("is not a whole number from {from} to {to}"));
            }
        }
        (Value::Bool(_), Value::Bool(_)) | (Value::String(_), Value::String(_)) => {}
        (_, Value::Object(_)) => wrong("is not an object".to_owned()),
        (_, Value::Bool(_)) => wrong("is not true or false".to_owned()),
        (_, Value::Number(_)) => wrong("is not a number".to_owned()),
        _ => wrong("has the wrong type".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(stored: Value, change: Value) -> Result<Value, Vec<String>> {
        let Value::Object(change) = change else {
            panic!("{change}");
        };
        merged(stored, change)
            .map_err(|problem| problem.errors.iter().map(|e| e.field.clone()).collect())
    }

    #[test]
    fn a_change_is_merged_and_null_takes_the_default_again() {
        let stored = json!({ "holdMin": 7, "slotIntervalMin": 20, "somebodysKey": [1] });
        let policy = change(stored, json!({ "holdMin": null, "horizonDays": 90 })).unwrap();
        assert_eq!(
            policy,
            json!({ "slotIntervalMin": 20, "somebodysKey": [1], "horizonDays": 90 })
        );
        let whole = with_defaults(policy);
        assert_eq!(whole["holdMin"], json!(Policy::default().hold_min));
        assert_eq!(whole["horizonDays"], 90);
    }

    #[test]
    fn what_a_policy_cannot_say_is_named() {
        for (wrong, fields) in [
            (json!({ "holdMin": 0 }), vec!["policy.holdMin"]),
            (json!({ "holdMin": 2.5 }), vec!["policy.holdMin"]),
            (
                json!({ "slotIntervalMin": "15" }),
                vec!["policy.slotIntervalMin"],
            ),
            (
                json!({ "slotIntervalMin": 1_000_000_000_000_i64 }),
                vec!["policy.slotIntervalMin"],
            ),
            (json!({ "colour": "red" }), vec!["policy.colour"]),
            (
                json!({ "horizonDays": {}, "minNoticeMin": -1 }),
                vec!["policy.horizonDays", "policy.minNoticeMin"],
            ),
        ] {
            assert_eq!(
                change(json!({}), wrong.clone()).unwrap_err(),
                fields,
                "{wrong}"
            );
        }
    }
}
