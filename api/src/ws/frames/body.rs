//! A command's body may stand beside its `type`, or under the name of what it is about: a client
//! that has a `{…}` for REST sends it as it is. Both become one flat body here.

use serde_json::{Map, Value};

/// What commands are about, with the field that names an existing one.
const NOUNS: [(&str, &str); 5] = [
    ("appointment", "appointmentId"),
    ("hold", "holdId"),
    ("block", "blockId"),
    ("series", "seriesId"),
    ("replan", "replanId"),
];

/// `{"hold": {"start": …}}` as `{"start": …}`, `{"appointment": "<id>"}` as
/// `{"appointmentId": "<id>"}`. What stands beside wins over what stands within.
pub(super) fn flat(mut body: Map<String, Value>) -> Map<String, Value> {
    for (noun, named) in NOUNS {
        match body.remove(noun) {
            None => {}
            Some(Value::Object(within)) => {
                for (field, value) in within {
                    let field = if field == "id" { named } else { &field };
                    body.entry(field).or_insert(value);
                }
            }
            Some(id) => {
                body.entry(named).or_insert(id);
            }
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(given: Value, wanted: Value) {
        let Value::Object(given) = given else {
            unreachable!()
        };
        assert_eq!(Value::Object(flat(given)), wanted);
    }

    #[test]
    fn within_a_noun_or_beside_the_type_is_the_same() {
        check(
            json!({ "id": 1, "type": "hold", "hold": { "start": "s", "id": "h" } }),
            json!({ "id": 1, "type": "hold", "start": "s", "holdId": "h" }),
        );
        check(
            json!({ "id": 1, "type": "cancel", "appointment": "a", "reason": "r" }),
            json!({ "id": 1, "type": "cancel", "appointmentId": "a", "reason": "r" }),
        );
        check(
            json!({ "id": 1, "type": "book", "appointment": { "type": "x", "notes": "within" }, "notes": "beside" }),
            json!({ "id": 1, "type": "book", "notes": "beside" }),
        );
    }
}
