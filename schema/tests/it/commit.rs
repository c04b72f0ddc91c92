//! One change in a commit: what it is judged by, and that it happens wholly or not at all.

use std::slice::from_ref;

use diesel_async::AsyncPgConnection;
use schema::audit;
use schema::commit::{CommitError, Verdict, commit};
use schema::ids::TenantId;
use schema::tenancy::{self, Access};
use schema::test_db::TestDb;
use uuid::Uuid;

use super::bookings::{NINE, booking, commit_now, fence, hold, key, moved, names, positions};
use super::support::{app, count, engine, lines, owner, practice, run};

/// Every row that a commit may write, as text.
pub async fn everything(db: &TestDb) -> Vec<String> {
    let mut owner = owner(db).await;
    let mut rows = Vec::new();
    for table in [
        "appointments",
        "audit_log",
        "calendar_events",
        "calendars",
        "claims",
        "holds",
        "waitlist_entries",
        "waitlist_offers",
        "idempotency_results",
        "outbox",
    ] {
        let sql =
            format!("SELECT '{table} ' || to_jsonb(t)::text AS line FROM {table} t ORDER BY 1");
        rows.extend(lines(&mut owner, &sql).await);
    }
    rows
}

pub async fn assert_clean(db: &TestDb) {
    let report = audit::run(&db.url).await.unwrap();
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn a_booking_is_a_row_three_claims_three_events_and_a_message() {
    let (db, practice) = practice().await;
    let mut engine = engine(&db).await;
    let mut change = booking(&practice, 0, 0, 0, NINE);
    change.overrides = vec!["outside_hours".into(), "off_grid".into()];
    let committed = commit_now(&mut engine, &practice, from_ref(&change))
        .await
        .unwrap();
    let positions = positions(&committed.verdicts[0]);
    assert_eq!(positions.len(), 3);
    assert!(positions.values().all(|version| *version == 1));
    let mut owner = owner(&db).await;
    let tx = change.tx;
    for (rows, expected) in [
        (
            "appointments WHERE version = 1 AND status = 'scheduled'".to_owned(),
            1,
        ),
        (
            "claims WHERE upper(during) - lower(during) = interval '30 minutes'".to_owned(),
            3,
        ),
        (
            format!("calendar_events WHERE tx = '{tx}' AND version = 1"),
            3,
        ),
        (
            format!("calendar_events WHERE at = '{}'", committed.at.to_rfc3339()),
            3,
        ),
        (
            format!("outbox WHERE tx = '{tx}' AND kind = 'appointment.booked'"),
            1,
        ),
        (
            format!(
                "audit_log WHERE tx = '{tx}' AND overrides = '{{outside_hours,off_grid}}' AND subject = 'appointment'"
            ),
            1,
        ),
        ("calendars WHERE version = 1".to_owned(), 3),
    ] {
        assert_eq!(count(&mut owner, &rows).await, expected, "{rows}");
    }
    assert_clean(&db).await;
}

#[tokio::test]
async fn a_change_decided_on_an_old_version_is_left_out() {
    let (db, practice) = practice().await;
    let mut engine = engine(&db).await;
    let seen = fence(&mut engine, &practice).await;
    commit_now(&mut engine, &practice, &[booking(&practice, 0, 0, 0, NINE)])
        .await
        .unwrap();
    let before = everything(&db).await;
    // Free as far as the constraint goes; but decided before the booking above was known.
    let late = booking(&practice, 0, 1, 1, NINE.plus(60));
    let committed = commit(&mut engine, Uuid::new_v4(), &seen, from_ref(&late))
        .await
        .unwrap();
    match &committed.verdicts[0] {
        Verdict::Stale { calendars } => assert_eq!(calendars, &[practice.dentists[0].1]),
        other => panic!("{other:?}"),
    }
    // A fence that lacks a calendar is no fence, and neither is one from the future.
    for version in [None, Some(2)] {
        let mut odd = fence(&mut engine, &practice).await;
        match version {
            Some(version) => odd.insert(practice.dentists[0].1, version),
            None => odd.remove(&practice.dentists[0].1),
        };
        let committed = commit(&mut engine, Uuid::new_v4(), &odd, from_ref(&late))
            .await
            .unwrap();
        assert_eq!(names(&committed), ["stale"], "{version:?}");
    }
    assert_eq!(everything(&db).await, before, "nothing was written");
}

#[tokio::test]
async fn a_change_decided_by_old_rules_is_left_out() {
    let (db, practice) = practice().await;
    let mut engine = engine(&db).await;
    let mut change = booking(&practice, 0, 0, 0, NINE);
    change.rules.tenants.insert(practice.tenant, 1);
    change.rules.clinics.insert(practice.clinic, 1);

    let mut app = app(&db).await;
    let member = Access::member(practice.owner, practice.tenant);
    let admin = Access {
        super_admin: true,
        ..Access::default()
    };
    let (tenant, clinic) = (practice.tenant, practice.clinic);
    for (access, sql, undone) in [
        (
            member,
            format!("SELECT tenant_rules_changed('{tenant}')"),
            "UPDATE tenants SET rules_version = 1",
        ),
        (
            admin,
            format!("SELECT clinic_rules_changed('{clinic}')"),
            "UPDATE clinics SET rules_version = 1",
        ),
    ] {
        let work = async |app: &mut AsyncPgConnection| {
            run(app, &sql).await;
            Ok::<_, diesel::result::Error>(())
        };
        tenancy::begin(&mut app, &access, work).await.unwrap();
        let before = everything(&db).await;
        let committed = commit_now(&mut engine, &practice, from_ref(&change))
            .await
            .unwrap();
        assert_eq!(names(&committed), ["stale rules"], "{sql}");
        assert_eq!(everything(&db).await, before, "nothing was written");
        run(&mut owner(&db).await, undone).await;
    }
    // Rules of a tenant that is not there have not stayed as they were.
    let mut strange = change.clone();
    strange.rules.tenants.insert(TenantId::new(), 1);
    let committed = commit_now(&mut engine, &practice, &[strange, change])
        .await
        .unwrap();
    assert_eq!(names(&committed), ["stale rules", "committed"]);
    assert_clean(&db).await;
}

#[tokio::test]
async fn a_key_that_was_used_gets_the_first_answer() {
    let (db, practice) = practice().await;
    let mut engine = engine(&db).await;
    let mut first = booking(&practice, 0, 0, 0, NINE);
    first.key = key(&practice, "once", 1);
    let committed = commit_now(&mut engine, &practice, from_ref(&first))
        .await
        .unwrap();
    let given = positions(&committed.verdicts[0]).clone();
    let before = everything(&db).await;

    // Another command with the key, even one that is stale or would overlap.
    let mut second = booking(&practice, 0, 0, 1, NINE);
    second.key = key(&practice, "once", 2);
    let committed = commit(&mut engine, Uuid::new_v4(), &Default::default(), &[second])
        .await
        .unwrap();
    match &committed.verdicts[0] {
        Verdict::Replayed {
            answer,
            fingerprint,
        } => {
            assert_eq!(answer.result, first.result);
            assert_eq!(answer.positions, given);
            assert_eq!(
                fingerprint,
                &[1],
                "the caller tells whether it was the same command"
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(everything(&db).await, before, "nothing was written");

    // The key belongs to who used it.
    let mut other = booking(&practice, 1, 1, 1, NINE);
    other.key = key(&practice, "once", 1).map(|key| schema::commit::Key {
        principal: "user:other".into(),
        ..key
    });
    let committed = commit_now(&mut engine, &practice, &[other]).await.unwrap();
    assert_eq!(names(&committed), ["committed"]);
    assert_clean(&db).await;
}

#[tokio::test]
async fn a_row_that_is_not_as_decided_is_a_conflict() {
    let (db, practice) = practice().await;
    let mut engine = engine(&db).await;
    let booked = booking(&practice, 0, 0, 0, NINE);
    commit_now(&mut engine, &practice, from_ref(&booked))
        .await
        .unwrap();
    let before = everything(&db).await;

    let mut ahead = moved(&practice, &booked, NINE.plus(60));
    ahead.appointments[0].version = 3;
    let mut again = moved(&practice, &booked, NINE.plus(60));
    again.appointments[0].version = 1;
    let mut stranger = moved(&practice, &booked, NINE.plus(60));
    stranger.appointments[0].tenant = TenantId::new();
    let mut gone = moved(&practice, &booked, NINE.plus(60));
    gone.claims_del[0] = schema::ids::ClaimId::new();
    let mut unknown_patient = booking(&practice, 1, 1, 1, NINE);
    unknown_patient.appointments[0].patient = schema::ids::PatientId::new();
    for (name, change) in [
        ("ahead", ahead),
        ("again", again),
        ("stranger", stranger),
        ("gone", gone),
        ("unknown patient", unknown_patient),
    ] {
        // A neighbour in the batch shares its fate: the writer tries one by one then.
        let neighbour = booking(&practice, 1, 1, 2, NINE.plus(300));
        let error = commit_now(&mut engine, &practice, &[neighbour, change])
            .await
            .unwrap_err();
        assert!(
            matches!(error, CommitError::Conflict(_)),
            "{name}: {error:?}"
        );
        assert_eq!(everything(&db).await, before, "{name} wrote something");
    }
    let right = moved(&practice, &booked, NINE.plus(60));
    let committed = commit_now(&mut engine, &practice, &[right]).await.unwrap();
    assert_eq!(
        names(&committed),
        ["committed"],
        "the connection is as good as new"
    );
    assert_clean(&db).await;
}

#[tokio::test]
async fn a_failed_statement_leaves_nothing() {
    let (db, practice) = practice().await;
    let mut engine = engine(&db).await;
    let mut owner = owner(&db).await;
    let before = everything(&db).await;
    // The last of the statements: everything else has been written by then.
    run(
        &mut owner,
        "REVOKE INSERT ON audit_log FROM denticloud_engine",
    )
    .await;
    let change = booking(&practice, 0, 0, 0, NINE);
    let error = commit_now(&mut engine, &practice, from_ref(&change))
        .await
        .unwrap_err();
    assert!(matches!(error, CommitError::Failed(_)), "{error:?}");
    assert_eq!(everything(&db).await, before);
    run(&mut owner, "GRANT INSERT ON audit_log TO denticloud_engine").await;
    commit_now(&mut engine, &practice, &[change]).await.unwrap();
    assert_clean(&db).await;
}

#[tokio::test]
async fn a_deferred_key_that_refuses_at_commit_is_a_conflict() {
    let (db, practice) = practice().await;
    let mut engine = engine(&db).await;
    let before = everything(&db).await;
    let mut orphan = hold(&practice, 0, NINE);
    // Its claim without its row: found out by COMMIT itself.
    orphan.holds.put.clear();
    let error = commit_now(&mut engine, &practice, &[orphan])
        .await
        .unwrap_err();
    assert!(matches!(error, CommitError::Conflict(_)), "{error:?}");
    assert_eq!(everything(&db).await, before);
    commit_now(&mut engine, &practice, &[hold(&practice, 0, NINE)])
        .await
        .unwrap();
    assert_clean(&db).await;
}
