//! What a request asks: the same question twice has the same digest.

use std::collections::BTreeMap;

use actix_web::dev::ServiceRequest;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Method, path and query: what is asked, but for the body.
pub(super) fn asked(request: &ServiceRequest) -> Sha256 {
    let mut digest = Sha256::new();
    for part in [
        request.method().as_str(),
        request.path(),
        request.query_string(),
    ] {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    digest
}

/// JSON in one order and spacing; anything else as it is.
pub(super) fn canonical(body: &[u8]) -> Vec<u8> {
    fn sorted(value: Value) -> Value {
        match value {
            Value::Object(map) => {
                let map = map.into_iter().map(|(name, value)| (name, sorted(value)));
                let map: BTreeMap<String, Value> = map.collect();
                Value::Object(map.into_iter().collect())
            }
            Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
            other => other,
        }
    }
    serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|value| serde_json::to_vec(&sorted(value)).ok())
        .unwrap_or_else(|| body.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_json_is_the_same_question() {
        let same = [
            r#"{"b":[{"y":1,"x":null}],"a":"é"}"#,
            "{ \"a\": \"\\u00e9\",\n \"b\": [ {\"x\": null, \"y\": 1} ] }",
        ];
        assert_eq!(canonical(same[0].as_bytes()), canonical(same[1].as_bytes()));
        let other = r#"{"b":[{"y":2,"x":null}],"a":"é"}"#;
        assert_ne!(canonical(same[0].as_bytes()), canonical(other.as_bytes()));
        assert_eq!(canonical(b"a,b\n"), b"a,b\n");
        assert_eq!(canonical(b""), b"");
    }
}
