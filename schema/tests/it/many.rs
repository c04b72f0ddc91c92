//! Changes with many visits or many claims: one event for each calendar, and all or nothing.

use std::slice::from_ref;

use schema::commit::{Change, Label, Occurrence};
use schema::ids::{AppointmentId, BlockId, ClaimId, SeriesId};
use schema::models::appointment::Appointment;
use schema::models::block::{Block, BlockKind};
use schema::models::claim::{Claim, ClaimKind, Op};
use schema::models::series::{Series, SeriesPolicy};
use schema::span::{DAY, Minute, Span};
use schema::test_db::practice::Practice;

use super::bookings::{NINE, booking, commit_now, names, nothing, positions, put};
use super::commit::{assert_clean, everything};
use super::support::{count, engine, lines, owner, practice};

/// `visits` weekly visits of one patient.
pub fn series(
    practice: &Practice,
    dentist: usize,
    chair: usize,
    patient: usize,
    start: Minute,
    visits: i64,
) -> Change {
    let first = booking(practice, dentist, chair, patient, start);
    let model = &first.appointments[0];
    let local = |week: i64| start.plus(week * 7 * DAY).to_utc().naive_utc();
    let series = Series {
        id: SeriesId::new(),
        tenant: practice.tenant,
        version: 1,
        patient: model.patient,
        provider: model.provider,
        treatment: model.treatment,
        operatory: Some(model.operatory),
        rrule: Some(format!("FREQ=WEEKLY;COUNT={visits}")),
        first_start: local(0),
        zone: "UTC".into(),
        rdates: vec![local(1)],
        exdates: Vec::new(),
        policy: SeriesPolicy::Nearest,
        window_min: Some(120),
        duration_min: None,
        created_by: None,
    };
    let mut change = nothing(practice, "series.booked", series.id.0);
    for week in 0..visits {
        let visit = Appointment {
            id: AppointmentId::new(),
            span: Span::lasting(start.plus(week * 7 * DAY), 30).unwrap(),
            series: Some(series.id),
            occurrence: Some(local(week)),
            ..model.clone()
        };
        put(&mut change, &visit);
        change.appointments.push(visit);
    }
    change.series.push(series);
    change
}

/// Three days of half an hour each, as one block.
pub fn block(practice: &Practice, dentist: usize, start: Minute) -> Change {
    let calendar = practice.dentists[dentist].1;
    let first = start.to_utc().naive_utc();
    let block = Block {
        id: BlockId::new(),
        tenant: practice.tenant,
        version: 1,
        calendar,
        kind: BlockKind::Meeting,
        first_start: first,
        first_end: first + chrono::TimeDelta::minutes(30),
        zone: "UTC".into(),
        rrule: Some("FREQ=DAILY;COUNT=3".into()),
        rdates: Vec::new(),
        exdates: Vec::new(),
        created_by: None,
    };
    let mut change = nothing(practice, "block.added", block.id.0);
    for day in 0..3 {
        let at = start.plus(day * DAY);
        let claim = Claim {
            id: ClaimId::new(),
            tenant: practice.tenant,
            span: Span::lasting(at, 30).unwrap(),
            kind: ClaimKind::Block,
        };
        let label = Label {
            title: Some("Team".into()),
            source: None,
            block: Some(Occurrence {
                block: block.id,
                at: at.to_utc().naive_utc(),
                detached: day == 2,
            }),
        };
        change.labels.insert(claim.id, label);
        let ops = change.ops.entry(calendar).or_default();
        ops.push(Op::Put(claim.clone()));
        change.claims_put.push((calendar, claim));
    }
    change.blocks_put.push(block);
    change
}

#[tokio::test]
async fn a_year_of_weekly_visits_is_one_event_for_each_calendar() {
    let (db, practice) = practice().await;
    let mut engine = engine(&db).await;
    let mut change = series(&practice, 0, 0, 0, NINE, 52);
    // Two more calendars: a second dentist and a second chair.
    for visit in &mut change.appointments {
        for extra in [practice.dentists[1].1, practice.operatories[1].1] {
            let placed = schema::models::pattern::Placed {
                calendar_id: extra,
                ..visit.pattern[0]
            };
            visit.pattern.push(placed);
        }
    }
    change.ops.clear();
    change.claims_put.clear();
    for visit in change.appointments.clone() {
        put(&mut change, &visit);
    }
    let committed = commit_now(&mut engine, &practice, from_ref(&change))
        .await
        .unwrap();
    let positions = positions(&committed.verdicts[0]);
    assert_eq!(positions.len(), 5);
    assert!(positions.values().all(|version| *version == 1));
    let mut owner = owner(&db).await;
    for (rows, expected) in [
        ("calendar_events", 5),
        ("claims", 52 * 5),
        ("appointments WHERE occurrence IS NOT NULL", 52),
        ("series", 1),
        ("outbox", 1),
        ("calendars WHERE version = 1", 5),
    ] {
        assert_eq!(count(&mut owner, rows).await, expected, "{rows}");
    }
    let ops = "SELECT DISTINCT jsonb_array_length(operations)::text AS line FROM calendar_events";
    assert_eq!(lines(&mut owner, ops).await, ["52"]);
    assert_clean(&db).await;
}

#[tokio::test]
async fn one_visit_too_many_and_nothing_of_the_series_is_there() {
    let (db, practice) = practice().await;
    let mut engine = engine(&db).await;
    // The constraint alone refuses: the fence is of now.
    let taken = booking(&practice, 0, 1, 1, NINE.plus(51 * 7 * DAY + 15));
    commit_now(&mut engine, &practice, &[taken]).await.unwrap();
    let before = everything(&db).await;
    let late = series(&practice, 0, 0, 0, NINE, 52);
    commit_now(&mut engine, &practice, &[late])
        .await
        .unwrap_err();
    assert_eq!(everything(&db).await, before);
    let mut owner = owner(&db).await;
    assert_eq!(count(&mut owner, "series").await, 0);
    assert_clean(&db).await;
}

#[tokio::test]
async fn two_edits_of_one_version_do_not_both_happen() {
    let (db, practice) = practice().await;
    let mut engine = engine(&db).await;
    let repeated = series(&practice, 0, 0, 0, NINE, 2);
    let blocked = block(&practice, 1, NINE);
    let made = [repeated.clone(), blocked.clone()];
    commit_now(&mut engine, &practice, &made).await.unwrap();
    let mut edited = nothing(&practice, "series.changed", repeated.series[0].id.0);
    edited.series = vec![Series {
        version: 2,
        ..repeated.series[0].clone()
    }];
    let mut unblocked = nothing(&practice, "block.changed", blocked.blocks_put[0].id.0);
    unblocked.blocks_put = vec![Block {
        version: 2,
        kind: BlockKind::Cleaning,
        ..blocked.blocks_put[0].clone()
    }];
    for change in [edited, unblocked] {
        let first = commit_now(&mut engine, &practice, from_ref(&change)).await;
        assert_eq!(names(&first.unwrap()), ["committed"]);
        let again = commit_now(&mut engine, &practice, from_ref(&change)).await;
        again.unwrap_err();
    }
    let block = &blocked.blocks_put[0];
    let found = schema::blocks::find(&mut engine, practice.tenant, block.id).await;
    assert_eq!(
        found.unwrap().map(|found| found.kind),
        Some(BlockKind::Cleaning)
    );
    let claims = schema::blocks::claims(&mut engine, &[block.id], None)
        .await
        .unwrap();
    let detached: Vec<bool> = claims.iter().map(|claim| claim.detached).collect();
    assert_eq!(detached, [false, false, true]);
    let within = Span::lasting(NINE, 60).unwrap();
    let claims = schema::blocks::claims(&mut engine, &[block.id], Some(within)).await;
    assert_eq!(claims.unwrap().len(), 1);
    let found = schema::series::find(&mut engine, practice.tenant, repeated.series[0].id).await;
    let expected = Series {
        version: 2,
        ..repeated.series[0].clone()
    };
    assert_eq!(found.unwrap(), Some(expected));
    assert_clean(&db).await;
}

#[tokio::test]
async fn a_block_goes_with_its_last_claim_and_not_before() {
    let (db, practice) = practice().await;
    let mut engine = engine(&db).await;
    let made = block(&practice, 0, NINE);
    commit_now(&mut engine, &practice, from_ref(&made))
        .await
        .unwrap();
    let remove = |kept: usize| {
        let mut change = nothing(&practice, "block.removed", made.subject);
        for (calendar, claim) in made.claims_put.iter().skip(kept) {
            change.claims_del.push(claim.id);
            change.ops.entry(*calendar).or_default().push(Op::Del {
                id: claim.id,
                span: claim.span,
            });
        }
        change.blocks_del.push(made.blocks_put[0].id);
        change
    };
    commit_now(&mut engine, &practice, &[remove(1)])
        .await
        .unwrap_err();
    commit_now(&mut engine, &practice, &[remove(0)])
        .await
        .unwrap();
    let mut owner = owner(&db).await;
    assert_eq!(count(&mut owner, "blocks").await, 0);
    assert_eq!(count(&mut owner, "claims").await, 0);
    assert_clean(&db).await;
}
