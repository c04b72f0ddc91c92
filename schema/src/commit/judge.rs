//! Which members of a batch are accepted: pure, by what the transaction has found under its locks.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::{Answer, Change, RulesSeen, Verdict, holds};
use crate::ids::{CalendarId, TenantId};

/// What changes are judged by, as of a moment at which nobody else changes it.
#[derive(Clone, Debug, Default)]
pub struct Grounds {
    /// The database's clock.
    pub at: DateTime<Utc>,
    /// Of the calendars that exist.
    pub versions: HashMap<CalendarId, i64>,
    pub rules: RulesSeen,
    /// The keys that have been used, by tenant, principal and key: fingerprint and answer.
    pub keys: HashMap<(TenantId, String, String), (Vec<u8>, Answer)>,
    pub holds: holds::Counts,
}

/// A verdict for each change, in order. A change that is not accepted takes no number, so those
/// behind it stay contiguous.
#[must_use]
pub fn judge(
    changes: &[Change],
    fence: &HashMap<CalendarId, i64>,
    grounds: &Grounds,
) -> Vec<Verdict> {
    let mut next = grounds.versions.clone();
    let mut counts = grounds.holds.clone();
    changes
        .iter()
        .map(|change| judge_one(change, fence, grounds, &mut next, &mut counts))
        .collect()
}

/// Accepts a change and numbers its events, or says why not.
fn judge_one(
    change: &Change,
    fence: &HashMap<CalendarId, i64>,
    grounds: &Grounds,
    next: &mut HashMap<CalendarId, i64>,
    counts: &mut holds::Counts,
) -> Verdict {
    if let Some(key) = &change.key {
        let name = (key.tenant, key.principal.clone(), key.key.clone());
        if let Some((fingerprint, answer)) = grounds.keys.get(&name) {
            return Verdict::Replayed {
                answer: answer.clone(),
                fingerprint: fingerprint.clone(),
            };
        }
    }
    let versions = &grounds.versions;
    let stale: Vec<CalendarId> = change
        .ops
        .keys()
        .filter(|id| !versions.contains_key(id) || versions.get(id) != fence.get(id))
        .copied()
        .collect();
    if !stale.is_empty() {
        return Verdict::Stale { calendars: stale };
    }
    let moved = |seen: Option<&i64>, now: i64| seen.is_none_or(|seen| *seen != now);
    let seen = &change.rules;
    let mut tenants = seen.tenants.iter();
    let mut clinics = seen.clinics.iter();
    if tenants.any(|(id, seen)| moved(grounds.rules.tenants.get(id), *seen))
        || clinics.any(|(id, seen)| moved(grounds.rules.clinics.get(id), *seen))
    {
        return Verdict::StaleRules;
    }
    if let Some(refused) = holds::judge(change, grounds.at, counts) {
        return refused;
    }
    let positions: BTreeMap<CalendarId, i64> = change
        .ops
        .keys()
        .map(|id| {
            let version = next.entry(*id).or_default();
            *version += 1;
            (*id, *version)
        })
        .collect();
    Verdict::Committed { positions }
}
