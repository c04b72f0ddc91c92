//! Changes as the engine would make them, so that a committed one leaves a database without fault.

use std::collections::{BTreeMap, HashMap};

use diesel_async::AsyncPgConnection;
use schema::audit_log::Origin;
use schema::commit::{Change, CommitError, Committed, Key, RulesSeen, Verdict, commit};
use schema::ids::{AppointmentId, CalendarId, ClaimId, HoldId, TxId};
use schema::models::appointment::{Appointment, Status};
use schema::models::claim::{Claim, ClaimKind, HoldRef, Op, Visit};
use schema::models::hold::Hold;
use schema::models::pattern::{Placed, Role, Segment};
use schema::span::{Minute, Span};
use schema::test_db::practice::Practice;
use serde_json::json;
use uuid::Uuid;

/// 2027-03-01T09:00Z
pub const NINE: Minute = Minute(30_064_860);

pub type Fence = HashMap<CalendarId, i64>;

/// A visit of 30 minutes at dentist, chair and patient of those numbers.
pub fn booking(
    practice: &Practice,
    dentist: usize,
    chair: usize,
    patient: usize,
    start: Minute,
) -> Change {
    let (provider, dentist) = practice.dentists[dentist];
    let (operatory, chair) = practice.operatories[chair];
    let (patient, patients) = practice.patients[patient];
    let part = |role, calendar_id| Placed {
        segment: Segment {
            role,
            from: 0,
            to: 30,
            buffer_before: 0,
            buffer_after: 0,
        },
        calendar_id,
    };
    let appointment = Appointment {
        id: AppointmentId::new(),
        tenant: practice.tenant,
        version: 1,
        status: Status::Scheduled,
        span: Span::lasting(start, 30).unwrap(),
        patient,
        provider,
        operatory,
        treatment: practice.short,
        pattern: vec![
            part(Role::Dentist, dentist),
            part(Role::Operatory, chair),
            part(Role::Patient, patients),
        ],
        series: None,
        notes: None,
        cancel_reason: None,
        confirmed_via: None,
        created_by: None,
    };
    let mut change = nothing(practice, "appointment.booked", appointment.id.0);
    put(&mut change, &appointment);
    change.result = json!({ "done": "appointment", "id": appointment.id });
    change.appointments.push(appointment);
    change
}

/// The visit of `earlier` at another time.
pub fn moved(practice: &Practice, earlier: &Change, start: Minute) -> Change {
    let before = &earlier.appointments[0];
    let after = Appointment {
        version: before.version + 1,
        span: Span::lasting(start, 30).unwrap(),
        ..before.clone()
    };
    let mut change = nothing(practice, "appointment.rescheduled", after.id.0);
    for (calendar, claim) in &earlier.claims_put {
        change.claims_del.push(claim.id);
        change.ops.entry(*calendar).or_default().push(Op::Del {
            id: claim.id,
            span: claim.span,
        });
    }
    put(&mut change, &after);
    change.appointments.push(after);
    change
}

/// Half an hour of a dentist that is kept for somebody.
pub fn hold(practice: &Practice, dentist: usize, start: Minute) -> Change {
    let (provider, calendar) = practice.dentists[dentist];
    let at = start.to_utc();
    let span = Span::lasting(start, 30).unwrap();
    let hold = Hold {
        id: HoldId::new(),
        tenant: practice.tenant,
        token_hash: vec![1],
        span,
        provider,
        operatory: practice.operatories[0].0,
        treatment: practice.short,
        patient: None,
        pattern: Vec::new(),
        owner: "session:test".into(),
        address: None,
        expires_at: at,
        renewable_until: at,
    };
    let claim = Claim {
        id: ClaimId::new(),
        tenant: practice.tenant,
        span,
        kind: ClaimKind::Hold {
            hold: HoldRef {
                id: hold.id,
                expires_at: at,
            },
        },
    };
    let mut change = nothing(practice, "hold.placed", hold.id.0);
    change.ops.insert(calendar, vec![Op::Put(claim.clone())]);
    change.claims_put.push((calendar, claim));
    change.holds_put.push(hold);
    change
}

fn nothing(practice: &Practice, action: &'static str, subject: Uuid) -> Change {
    Change {
        tx: TxId::new(),
        tenant: practice.tenant,
        actor: "user:test".into(),
        origin: Origin::default(),
        action,
        subject,
        overrides: Vec::new(),
        ops: BTreeMap::new(),
        claims_put: Vec::new(),
        claims_del: Vec::new(),
        labels: HashMap::new(),
        appointments: Vec::new(),
        holds_put: Vec::new(),
        holds_del: Vec::new(),
        rules: RulesSeen::default(),
        key: None,
        result: json!({}),
    }
}

fn put(change: &mut Change, appointment: &Appointment) {
    for placed in &appointment.pattern {
        let claim = Claim {
            id: ClaimId::new(),
            tenant: appointment.tenant,
            span: appointment.span,
            kind: ClaimKind::Appointment {
                visit: Visit {
                    id: appointment.id,
                    version: appointment.version,
                    status: appointment.status,
                    span: appointment.span,
                    patient: appointment.patient,
                    provider: appointment.provider,
                    operatory: appointment.operatory,
                    treatment: appointment.treatment,
                    series: appointment.series,
                },
            },
        };
        let ops = change.ops.entry(placed.calendar_id).or_default();
        ops.push(Op::Put(claim.clone()));
        change.claims_put.push((placed.calendar_id, claim));
    }
}

pub fn key(practice: &Practice, key: &str, fingerprint: u8) -> Option<Key> {
    Some(Key {
        tenant: practice.tenant,
        principal: "user:test".into(),
        key: key.into(),
        fingerprint: vec![fingerprint],
    })
}

/// What all calendars of the practice are at now.
pub async fn fence(connection: &mut AsyncPgConnection, practice: &Practice) -> Fence {
    let dentists = practice.dentists.iter().map(|(_, calendar)| *calendar);
    let chairs = practice.operatories.iter().map(|(_, calendar)| *calendar);
    let patients = practice.patients.iter().map(|(_, calendar)| *calendar);
    let ids: Vec<CalendarId> = dentists.chain(chairs).chain(patients).collect();
    let versions = schema::calendars::versions(connection, &ids).await.unwrap();
    versions.into_iter().collect()
}

/// Commits what was decided on the state of now.
pub async fn commit_now(
    connection: &mut AsyncPgConnection,
    practice: &Practice,
    changes: &[Change],
) -> Result<Committed, CommitError> {
    let fence = fence(connection, practice).await;
    commit(connection, Uuid::new_v4(), &fence, changes).await
}

/// `committed`, `replayed`, `stale` or `stale rules` for each change.
pub fn names(committed: &Committed) -> Vec<&'static str> {
    let name = |verdict: &Verdict| match verdict {
        Verdict::Committed { .. } => "committed",
        Verdict::Replayed { .. } => "replayed",
        Verdict::Stale { .. } => "stale",
        Verdict::StaleRules => "stale rules",
    };
    committed.verdicts.iter().map(name).collect()
}

pub fn positions(verdict: &Verdict) -> &BTreeMap<CalendarId, i64> {
    match verdict {
        Verdict::Committed { positions } => positions,
        other => panic!("not committed: {other:?}"),
    }
}
