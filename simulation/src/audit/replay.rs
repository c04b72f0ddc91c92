//! Folds the log, moment by moment: versions, overlaps, rules, and each command once.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::command::Command;
use engine::scheduling::pattern;
use schema::ids::{CalendarId, ProviderId};
use schema::models::appointment::Appointment;
use schema::models::claim::{Claim, ClaimKind, Op};
use schema::models::hold::Ended;
use schema::models::pattern::Placed;
use schema::span::{Minute, Span};

use super::{Evidence, Replay, Snapshot};
use crate::store::{Commit, Moment};
use crate::world::CAP;

pub(super) fn replay(evidence: &Evidence, broken: &mut Vec<String>) -> Replay {
    let mut replay = Replay::default();
    let mut now = Snapshot::default();
    for (number, moment) in evidence.moments.iter().enumerate() {
        match moment {
            Moment::Rules(rules) => now.rules = Some(Arc::new(rules.clone())),
            Moment::Committed(commit) => {
                let mut reader = Reader {
                    evidence,
                    commit,
                    replay: &mut replay,
                    now: &mut now,
                    broken,
                };
                reader.read(number);
            }
        }
        replay.after.push(now.clone());
    }
    replay
}

struct Reader<'a> {
    evidence: &'a Evidence,
    commit: &'a Commit,
    replay: &'a mut Replay,
    now: &'a mut Snapshot,
    broken: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn fault(&mut self, what: &str) {
        let request = self.commit.change.origin.request_id.clone();
        let name = request.unwrap_or_else(|| self.commit.change.actor.clone());
        let action = self.commit.change.action;
        self.broken.push(format!("{name} ({action}): {what}"));
    }

    fn read(&mut self, number: usize) {
        let change = &self.commit.change;
        if let Some(request) = &change.origin.request_id {
            let mine = self.replay.by_request.entry(request.clone()).or_default();
            mine.push(number);
            let mine = self.replay.by_command.entry(change.actor.clone());
            let mine = mine.or_default();
            mine.push(number);
            if mine.len() > 1 {
                self.fault("took effect twice");
            }
        }
        self.holds();
        let appointments = Arc::make_mut(&mut self.now.appointments);
        for visit in &change.appointments {
            appointments.insert(visit.id, visit.clone());
        }
        let blocks = Arc::make_mut(&mut self.now.blocks);
        for block in &change.blocks_put {
            blocks.insert(block.id, block.version);
        }
        for block in &change.blocks_del {
            blocks.remove(block);
        }
        for (calendar, ops) in &change.ops {
            self.ops(*calendar, ops);
        }
        self.rules();
    }

    fn holds(&mut self) {
        let change = &self.commit.change;
        let mut twice = false;
        let mut early = false;
        let holds = Arc::make_mut(&mut self.now.holds);
        for hold in &change.holds.put {
            holds.entry(hold.id).or_insert(None);
        }
        for end in &change.holds.ended {
            twice |= holds.insert(end.id, Some(end.how)) != Some(None);
            early |= end.how == Ended::Expired && self.commit.at < end.expires_at;
        }
        if twice {
            self.fault("ended a hold that had ended, or never was");
        }
        if early {
            self.fault("expired a hold before its time");
        }
    }

    fn ops(&mut self, calendar: CalendarId, ops: &[Op]) {
        let name = self.evidence.world.name(calendar);
        let before = self.now.claims(calendar).to_vec();
        let mut after = before.clone();
        for op in ops {
            match op {
                Op::Put(claim) => {
                    let maker = self.commit.change.actor.clone();
                    self.replay.makers.entry(claim.id).or_insert(maker);
                    match after.iter_mut().find(|known| known.id == claim.id) {
                        Some(known) => *known = claim.clone(),
                        None => after.push(claim.clone()),
                    }
                }
                Op::Del { id, span } => {
                    let place = after
                        .iter()
                        .position(|known| known.id == *id && known.span == *span);
                    match place {
                        Some(place) => drop(after.remove(place)),
                        None => self.fault(&format!("deleted what was not there on {name}")),
                    }
                }
            }
        }
        for op in ops {
            if let Op::Put(claim) = op {
                self.put(&name, &before, &after, claim);
            }
        }
        self.now.claims.insert(calendar, Arc::new(after));
    }

    /// Whether a claim may be where it is put.
    fn put(&mut self, calendar: &str, before: &[Claim], after: &[Claim], claim: &Claim) {
        let stays = before
            .iter()
            .any(|known| known.id == claim.id && known.span == claim.span);
        let others = || after.iter().filter(|other| other.id != claim.id);
        let over = |other: &&Claim| other.span.overlaps(claim.span);
        if claim.kind.is_booking() {
            if others()
                .filter(|other| other.kind.is_booking())
                .any(|other| over(&other))
            {
                self.fault(&format!("overbooked {calendar} at {:?}", claim.span));
            }
            // What a hold has is its holder's, whatever was stated there since.
            let ended = &self.commit.change.holds.ended;
            let confirms = ended.iter().any(|end| end.how == Ended::Confirmed);
            let facts = || others().filter(|other| !other.kind.is_booking());
            if !stays && !confirms && facts().any(|other| over(&other)) {
                self.fault(&format!(
                    "booked over a block on {calendar} at {:?}",
                    claim.span
                ));
            }
        } else if !stays {
            let bookings = || others().filter(|other| other.kind.is_booking());
            if !self.may_clash() && bookings().any(|other| over(&other)) {
                self.fault(&format!(
                    "blocked over a booking on {calendar} at {:?}",
                    claim.span
                ));
            }
        }
    }

    fn may_clash(&self) -> bool {
        let request = self.commit.change.origin.request_id.as_ref();
        let sent = self.evidence.sent.iter();
        let mut asked = sent.filter(|sent| Some(&sent.name) == request);
        asked.any(|sent| match &sent.request.command {
            Command::Block(block) => block.allow_clashes,
            _ => true,
        })
    }

    /// Whether new times keep to the rules of this very moment.
    fn rules(&mut self) {
        let change = &self.commit.change;
        let anew = match change.action {
            // A confirmed hold re-checks no rule.
            "appointment.booked" => {
                change.holds.put.is_empty()
                    && !(change.holds.ended.iter()).any(|end| end.how == Ended::Confirmed)
            }
            "appointment.rescheduled" | "appointment.rebooked" => true,
            _ => false,
        };
        let mut wanted: Vec<(Span, ProviderId, schema::ids::TreatmentId)> = Vec::new();
        if anew {
            let visits = change.appointments.iter();
            wanted.extend(visits.map(|visit| (visit.span, visit.provider, visit.treatment)));
        }
        if change.action == "hold.placed" {
            let holds = change.holds.put.iter();
            wanted.extend(holds.map(|hold| (hold.span, hold.provider, hold.treatment)));
        }
        let (Some(rules), Some(place)) = (
            self.now.rules.clone(),
            self.evidence.world.place(change.tenant),
        ) else {
            return;
        };
        for (span, _, treatment) in &wanted {
            if !rules.is_open(place, *span) {
                self.fault(&format!(
                    "booked outside the hours of that moment, {span:?}"
                ));
            }
            let practice = &self.evidence.world.practices[place];
            if *treatment == practice.long && !rules.of_tenant[place].long_is_offered {
                self.fault("booked what is not offered at that moment");
            }
        }
        for (_, provider, _) in wanted {
            let count = capped(self.evidence, self.now, provider);
            if count > CAP {
                self.fault(&format!("{count} capped visits in a day"));
            }
        }
    }
}

/// How many visits and holds of a capped treatment a dentist has on the day.
pub(super) fn capped(evidence: &Evidence, now: &Snapshot, wanted: ProviderId) -> usize {
    let practices = &evidence.world.practices;
    let mut of = practices.iter().filter_map(|practice| {
        let mut dentists = practice.dentists.iter();
        let (_, calendar) = dentists.find(|(id, _)| *id == wanted)?;
        Some((*calendar, practice.capped))
    });
    let Some((calendar, treatment)) = of.next() else {
        return 0;
    };
    let counted = now
        .claims(calendar)
        .iter()
        .filter_map(|claim| match &claim.kind {
            ClaimKind::Appointment { visit } => {
                (visit.provider == wanted && visit.treatment == treatment).then_some(visit.id.0)
            }
            ClaimKind::Hold { hold } => {
                let visit = hold.visit?;
                (visit.provider == wanted && visit.treatment == treatment).then_some(hold.id.0)
            }
            ClaimKind::Block | ClaimKind::External => None,
        });
    counted.collect::<BTreeSet<_>>().len()
}

/// Whether the rows at the end are what the log comes to, and everything has all of its time.
pub(super) fn compare(evidence: &Evidence, replay: &Replay, broken: &mut Vec<String>) {
    let Some(end) = replay.after.last() else {
        return;
    };
    for (id, row) in &evidence.tables.calendars {
        let name = evidence.world.name(*id);
        let events = evidence.moments.iter().filter_map(|moment| match moment {
            Moment::Committed(commit) => commit.positions.get(id).copied(),
            Moment::Rules(_) => None,
        });
        let versions: Vec<i64> = events.collect();
        let expected: Vec<i64> = (1..=row.version).collect();
        if versions != expected {
            broken.push(format!(
                "{name} has versions {versions:?}, and is at {}",
                row.version
            ));
        }
        let mut folded = end.claims(*id).to_vec();
        let mut rows = evidence.tables.claims_of(*id);
        folded.sort_by_key(|claim| claim.id);
        rows.sort_by_key(|claim| claim.id);
        if folded != rows {
            broken.push(format!("{name}'s log does not come to its claims"));
        }
    }
    for visit in evidence.tables.appointments.values() {
        let belongs = |claim: &Claim| claim.belongs_to(visit.id);
        let takes_time = visit.status.takes_time();
        let wanted = if takes_time {
            visit.pattern.as_slice()
        } else {
            &[]
        };
        check_time(
            end,
            wanted,
            visit.span.start(),
            &belongs,
            &named(evidence, visit),
            broken,
        );
    }
    for stored in evidence.tables.holds.values() {
        let hold = &stored.hold;
        let belongs =
            |claim: &Claim| matches!(&claim.kind, ClaimKind::Hold { hold: of } if of.id == hold.id);
        let lives = stored.ended.is_none();
        let wanted = if lives { hold.pattern.as_slice() } else { &[] };
        let name = format!("a hold at {:?}", hold.span);
        check_time(end, wanted, hold.span.start(), &belongs, &name, broken);
        if lives {
            broken.push(format!("{name} has not been ended long after its time"));
        }
    }
}

fn named(evidence: &Evidence, visit: &Appointment) -> String {
    let patients = evidence.world.patients.iter();
    let mut mine = patients.filter(|(id, _)| *id == visit.patient);
    let patient = mine
        .next()
        .map(|(_, calendar)| evidence.world.name(*calendar));
    format!(
        "the visit of {} at {:?}",
        patient.unwrap_or_default(),
        visit.span
    )
}

/// All calendars or none.
fn check_time(
    end: &Snapshot,
    pattern: &[Placed],
    start: Minute,
    belongs: &dyn Fn(&Claim) -> bool,
    name: &str,
    broken: &mut Vec<String>,
) {
    let wanted: BTreeSet<(CalendarId, Span)> = pattern::claims(pattern, start)
        .into_iter()
        .flat_map(|(calendar, spans)| spans.into_iter().map(move |span| (calendar, span)))
        .collect();
    let has: BTreeSet<(CalendarId, Span)> = end
        .claims
        .iter()
        .flat_map(|(calendar, claims)| claims.iter().map(move |claim| (calendar, claim)))
        .filter(|(_, claim)| belongs(claim))
        .map(|(calendar, claim)| (*calendar, claim.span))
        .collect();
    if wanted != has {
        broken.push(format!("{name} takes {has:?} instead of {wanted:?}"));
    }
}
