//! The client's side of following: what is there, what a frame makes of it, and how that reads.
//! Pure.

use std::collections::BTreeMap;

use serde_json::Value;

/// A calendar as the watcher has it.
#[derive(Debug, Default)]
pub(super) struct State {
    /// `None` before the first snapshot.
    position: Option<(String, i64)>,
    entries: BTreeMap<String, Value>,
}

/// What a frame came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// For people, one change each.
    pub lines: Vec<String>,
    /// What comes next cannot be applied to what is here.
    pub ask_again: bool,
}

impl State {
    /// Epoch and version of what is here.
    pub fn position(&self) -> Option<(String, i64)> {
        self.position.clone()
    }

    /// Takes a frame by the protocol's rule.
    pub fn hear(&mut self, frame: &Value) -> Step {
        match frame["type"].as_str() {
            Some("snapshot") => self.snapshot(frame),
            Some("delta") => self.delta(frame),
            Some("mark") => self.mark(frame),
            Some("reset") => {
                self.position = None;
                Step {
                    lines: vec!["reset: from the start again".to_owned()],
                    ask_again: true,
                }
            }
            _ => Step::default(),
        }
    }

    fn snapshot(&mut self, frame: &Value) -> Step {
        let version = frame["version"].as_i64().unwrap_or_default();
        self.position = Some((string(frame, "epoch"), version));
        self.entries.clear();
        let mut lines = vec![format!("version {version}")];
        for entry in frame["entries"].as_array().into_iter().flatten() {
            self.entries.insert(string(entry, "id"), entry.clone());
        }
        let mut entries: Vec<&Value> = self.entries.values().collect();
        entries.sort_by_key(|entry| string(entry, "start"));
        lines.extend(
            entries
                .into_iter()
                .map(|entry| format!("  {}", line(entry))),
        );
        Step {
            lines,
            ask_again: false,
        }
    }

    fn delta(&mut self, frame: &Value) -> Step {
        let number = |field: &str| frame[field].as_i64().unwrap_or_default();
        let (prev, version) = (number("prev"), number("version"));
        let here = self.position.clone();
        match here {
            Some((epoch, at)) if epoch == string(frame, "epoch") && version <= at => {
                return Step::default();
            }
            Some((epoch, at)) if epoch == string(frame, "epoch") && prev == at => {}
            _ => {
                return Step {
                    lines: Vec::new(),
                    ask_again: true,
                };
            }
        }
        self.position = Some((string(frame, "epoch"), version));
        let mut lines = vec![format!("version {version}  {}", string(frame, "at"))];
        for op in frame["ops"].as_array().into_iter().flatten() {
            if let Some(id) = op["del"].as_str() {
                if let Some(entry) = self.entries.remove(id) {
                    lines.push(format!("- {}", line(&entry)));
                }
            } else if op["put"].is_object() {
                lines.push(format!("+ {}", line(&op["put"])));
                self.entries
                    .insert(string(&op["put"], "id"), op["put"].clone());
            }
        }
        Step {
            lines,
            ask_again: false,
        }
    }

    /// A version that is told and was not heard of.
    fn mark(&self, frame: &Value) -> Step {
        let told = frame["positions"].as_object().into_iter().flatten();
        let told = told.filter_map(|(_, version)| version.as_i64()).max();
        let here = self.position.as_ref().map(|(_, version)| *version);
        Step {
            lines: Vec::new(),
            ask_again: here.is_some() && told > here,
        }
    }
}

fn string(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

/// An entry on one line.
fn line(entry: &Value) -> String {
    let visit = &entry["appointment"];
    let words = [
        string(entry, "start"),
        string(entry, "end"),
        string(entry, "kind"),
        string(visit, "status"),
        string(visit, "patientName"),
        string(visit, "treatmentName"),
        string(entry, "title"),
    ];
    let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).collect();
    words.join("  ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_change_is_told_once_and_a_gap_is_asked_about() {
        let mut state = State::default();
        let early = state.hear(&json!({ "type": "delta", "epoch": "e", "prev": 0, "version": 1 }));
        assert!(early.ask_again, "there is nothing to apply it to");
        let first = state.hear(&json!({
            "type": "snapshot", "epoch": "e", "version": 3,
            "entries": [{ "id": "a", "kind": "busy", "start": "9", "end": "10" }],
        }));
        assert_eq!(first.lines, ["version 3", "  9  10  busy"]);
        let delta = json!({
            "type": "delta", "epoch": "e", "prev": 3, "version": 4, "at": "now",
            "ops": [
                { "del": "a" }, { "del": "unknown" },
                { "put": { "id": "b", "kind": "appointment", "start": "11", "end": "12",
                    "appointment": { "status": "scheduled", "patientName": "Ana" } } },
            ],
        });
        let change = state.hear(&delta);
        assert_eq!(
            change.lines,
            [
                "version 4  now",
                "- 9  10  busy",
                "+ 11  12  appointment  scheduled  Ana"
            ]
        );
        assert_eq!(
            state.hear(&delta),
            Step::default(),
            "the same again is dropped"
        );
        let mut ahead = delta.clone();
        (ahead["prev"], ahead["version"]) = (json!(6), json!(7));
        assert!(state.hear(&ahead).ask_again);
        let mark = |version: i64| json!({ "type": "mark", "positions": { "c": version } });
        assert!(state.hear(&mark(5)).ask_again);
        assert!(!state.hear(&mark(4)).ask_again);
        assert!(state.hear(&json!({ "type": "reset" })).ask_again);
        assert_eq!(state.position(), None);
    }
}
