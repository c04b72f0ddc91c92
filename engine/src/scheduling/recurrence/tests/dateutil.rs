//! Held against python-dateutil: the rules of the RFC's examples, and generated ones. Its Python is
//! put aside by `scripts/install dateutil`; without it the test fails, it does not skip.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::json;

use super::*;

/// How many rules are drawn.
const RULES: usize = 2_500;
/// The seed that they are drawn with; `SEED=…` draws others.
const SEED: u64 = 20_261_125;

/// A rule, its start, and what part of its occurrences is compared.
struct Asked {
    rule: String,
    start: NaiveDateTime,
    from: NaiveDateTime,
    to: NaiveDateTime,
}

fn python() -> PathBuf {
    let own = std::env::var_os("DATEUTIL_PYTHON").map(PathBuf::from);
    let place =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../.denticloud/tools/dateutil/bin/python");
    let python = own.unwrap_or(place);
    assert!(
        python.exists(),
        "{} is missing: run scripts/install dateutil",
        python.display()
    );
    python
}

/// What dateutil makes of them.
fn theirs(asked: &[Asked]) -> Vec<Vec<NaiveDateTime>> {
    let mut child = Command::new(python())
        .args(["-c", include_str!("expand_with_dateutil.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = String::new();
    for one in asked {
        let line = json!({ "rule": one.rule, "start": one.start, "from": one.from, "to": one.to });
        lines += &format!("{line}\n");
    }
    let mut input = child.stdin.take().unwrap();
    // Beside reading: neither side waits for the other to make room.
    let writing = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success());
    let lists: Vec<Vec<NaiveDateTime>> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lists.len(), asked.len());
    lists
}

fn ours(asked: &Asked) -> Vec<NaiveDateTime> {
    let minute = |at: NaiveDateTime| Minute(at.and_utc().timestamp() / 60);
    let range = Span::new(minute(asked.from), minute(asked.to)).unwrap();
    let found = Recurrence::parse(&asked.rule, asked.start, Zone::UTC, vec![], &[]).unwrap();
    let found = found.occurrences(range, usize::MAX);
    found.starts.into_iter().map(|(at, _)| at).collect()
}

fn compare(asked: &[Asked]) -> usize {
    let mut occurrences = 0;
    for (one, theirs) in asked.iter().zip(theirs(asked)) {
        let ours = ours(one);
        assert_eq!(ours, theirs, "{} from {}", one.rule, one.start);
        occurrences += ours.len();
    }
    occurrences
}

#[test]
fn agrees_with_dateutil_on_generated_rules() {
    let seed = std::env::var("SEED").map_or(SEED, |seed| seed.parse().unwrap());
    println!("SEED={seed}");
    let mut runner = TestRunner::new(Config {
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    });
    let drawn = (others::rules(), 0..1500i64, 0..24u32, -100..1500i64);
    let asked: Vec<Asked> = (0..RULES)
        .map(|_| {
            let (rule, day, hour, skip) = drawn.new_tree(&mut runner).unwrap().current();
            let start = NaiveDate::from_ymd_opt(2023, 1, 1).unwrap() + chrono::TimeDelta::days(day);
            let start = start.and_hms_opt(hour, 30, 0).unwrap();
            let from = start + chrono::TimeDelta::days(skip);
            Asked {
                rule,
                start,
                from,
                to: from + chrono::TimeDelta::days(800),
            }
        })
        .collect();
    let occurrences = compare(&asked);
    assert!(
        occurrences > RULES * 10,
        "{occurrences} occurrences say little"
    );
}

#[test]
fn agrees_with_dateutil_on_the_examples_of_the_rfc() {
    let asked: Vec<Asked> = rfc::EXAMPLES
        .iter()
        // dateutil wants an UNTIL without `Z` where the start has no zone; the same moment here.
        .map(|(rule, start, _, _)| (rule.replace('Z', ""), local(start)))
        .map(|(rule, start)| Asked {
            rule,
            start,
            from: start,
            to: start + chrono::TimeDelta::days(366 * 12),
        })
        .collect();
    compare(&asked);
}
