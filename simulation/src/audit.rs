//! Holds a history against every promise, without trusting the engine: from what the database has
//! committed, moment by moment, and what everybody was told.

mod answers;
mod nodes;
mod reasons;
mod replay;

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::scheduling::timeline::Timeline;
use schema::ids::{AppointmentId, BlockId, CalendarId, ClaimId, HoldId};
use schema::models::appointment::Appointment;
use schema::models::claim::Claim;
use schema::models::hold::Ended;

use crate::records::Sent;
use crate::store::{Moment, Tables};
use crate::world::{Rules, World};

/// What is looked at.
#[derive(Debug)]
pub struct Evidence {
    pub world: Arc<World>,
    pub moments: Vec<Moment>,
    /// The rows at the end.
    pub tables: Tables,
    pub sent: Vec<Sent>,
    /// How often only the database's constraint kept two bookings apart.
    pub overlaps_refused: usize,
    /// Whether actors panicked: only then may that have been.
    pub panics: bool,
    /// Whether nothing went wrong: then nobody may be told that something did.
    pub calm: bool,
    pub nodes: Vec<NodeEvidence>,
}

/// A node at the end.
#[derive(Debug)]
pub struct NodeEvidence {
    pub name: String,
    /// Whether it runs; the others were killed, or have stopped.
    pub runs: bool,
    /// Reservations and waiters that its actors still have.
    pub unsettled: usize,
    /// What it has published.
    pub published: Vec<(CalendarId, Arc<Timeline>)>,
    pub followed: Vec<Followed>,
}

/// What a follower was told of a calendar.
#[derive(Debug)]
pub struct Followed {
    pub calendar: CalendarId,
    pub first: Arc<Timeline>,
    pub heard: Vec<Arc<engine::feed::Delta>>,
}

/// Everything as it was after one moment.
#[derive(Clone, Debug, Default)]
struct Snapshot {
    rules: Option<Arc<Rules>>,
    claims: BTreeMap<CalendarId, Arc<Vec<Claim>>>,
    appointments: Arc<BTreeMap<AppointmentId, Appointment>>,
    holds: Arc<BTreeMap<HoldId, Option<Ended>>>,
    blocks: Arc<BTreeMap<BlockId, i64>>,
}

impl Snapshot {
    fn claims(&self, calendar: CalendarId) -> &[Claim] {
        let found = self.claims.get(&calendar);
        found.map(|claims| claims.as_slice()).unwrap_or_default()
    }
}

/// The history as the log tells it.
#[derive(Debug, Default)]
struct Replay {
    /// As many as moments.
    after: Vec<Snapshot>,
    /// Whose command put a claim there first.
    makers: BTreeMap<ClaimId, String>,
    /// Which moments are commits of a request.
    by_request: BTreeMap<String, Vec<usize>>,
    /// And of a command, however often it was sent.
    by_command: BTreeMap<String, Vec<usize>>,
}

/// Every promise that was not kept, in words; none is how it should be.
#[must_use]
pub fn audit(evidence: &Evidence) -> Vec<String> {
    let mut broken = Vec::new();
    let replay = replay::replay(evidence, &mut broken);
    replay::compare(evidence, &replay, &mut broken);
    answers::check(evidence, &replay, &mut broken);
    nodes::check(evidence, &mut broken);
    if evidence.overlaps_refused > 0 && !evidence.panics {
        broken.push(format!(
            "two bookings overlapped in the commit {} times: only the constraint kept them apart",
            evidence.overlaps_refused
        ));
    }
    broken
}
