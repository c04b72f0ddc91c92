//! Whether every node has come to the same, every follower was told every version once, and nothing
//! is left reserved.

use std::collections::BTreeMap;

use engine::scheduling::timeline::Timeline;
use schema::ids::CalendarId;
use schema::models::claim::{Claim, Event, Op};

use super::{Evidence, Followed, NodeEvidence};
use crate::store::Moment;

pub(super) fn check(evidence: &Evidence, broken: &mut Vec<String>) {
    let log = log(evidence);
    for node in &evidence.nodes {
        for followed in &node.followed {
            let name = evidence.world.name(followed.calendar);
            let events = log.get(&followed.calendar);
            let events = events.map(Vec::as_slice).unwrap_or_default();
            if let Some(what) = told(node, followed, events) {
                broken.push(format!("{}'s follower of {name} {what}", node.name));
            }
        }
        if !node.runs {
            continue;
        }
        if node.unsettled > 0 {
            broken.push(format!(
                "{} has {} reservations left behind",
                node.name, node.unsettled
            ));
        }
        for (calendar, timeline) in &node.published {
            let name = evidence.world.name(*calendar);
            let row = evidence.tables.calendars.get(calendar);
            let version = row.map_or(0, |row| row.version);
            if timeline.version() != version {
                broken.push(format!(
                    "{} has {name} at {} and not at {version}",
                    node.name,
                    timeline.version()
                ));
            } else if sorted(timeline) != rows(evidence, *calendar) {
                broken.push(format!("{} has other claims on {name}", node.name));
            }
        }
    }
}

fn log(evidence: &Evidence) -> BTreeMap<CalendarId, Vec<Event>> {
    let mut log: BTreeMap<CalendarId, Vec<Event>> = BTreeMap::new();
    for moment in &evidence.moments {
        let Moment::Committed(commit) = moment else {
            continue;
        };
        for (calendar, version) in &commit.positions {
            log.entry(*calendar).or_default().push(Event {
                calendar: *calendar,
                version: *version,
                tx: commit.change.tx,
                at: commit.at,
                ops: commit.change.ops.get(calendar).cloned().unwrap_or_default(),
            });
        }
    }
    log
}

fn sorted(timeline: &Timeline) -> Vec<Claim> {
    let mut claims: Vec<Claim> = timeline.claims().map(|claim| (**claim).clone()).collect();
    claims.sort_by_key(|claim| claim.id);
    claims
}

fn rows(evidence: &Evidence, calendar: CalendarId) -> Vec<Claim> {
    let mut claims = evidence.tables.claims_of(calendar);
    claims.sort_by_key(|claim| claim.id);
    claims
}

/// What is wrong with what a follower was told.
fn told(node: &NodeEvidence, followed: &Followed, events: &[Event]) -> Option<String> {
    let first = followed.first.version();
    let mut claims: BTreeMap<_, Claim> = BTreeMap::new();
    let before = usize::try_from(first).ok()?;
    let begins = events.get(..before).unwrap_or_default();
    for op in begins.iter().flat_map(|event| &event.ops) {
        fold(&mut claims, op);
    }
    if claims.values().cloned().collect::<Vec<_>>() != sorted(&followed.first) {
        return Some(format!("began with something else than version {first}"));
    }
    for (number, delta) in followed.heard.iter().enumerate() {
        let expected = first + 1 + i64::try_from(number).ok()?;
        if delta.version != expected || delta.prev != expected - 1 {
            return Some(format!("was told {} instead of {expected}", delta.version));
        }
        let event = events.get(before + number);
        if event.is_none_or(|event| event.ops != delta.ops || Some(event.tx) != delta.tx) {
            return Some(format!("was told something else of version {expected}"));
        }
    }
    let last = before + followed.heard.len();
    if node.runs && last != events.len() {
        return Some(format!("was told {last} of {} versions", events.len()));
    }
    None
}

fn fold(claims: &mut BTreeMap<schema::ids::ClaimId, Claim>, op: &Op) {
    match op {
        Op::Put(claim) => drop(claims.insert(claim.id, claim.clone())),
        Op::Del { id, .. } => drop(claims.remove(id)),
    }
}
