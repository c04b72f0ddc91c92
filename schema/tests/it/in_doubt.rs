//! What is found out about a COMMIT whose answer was lost, and about the present of much at once.

use std::slice::from_ref;

use schema::commit::{Committed, Evidence, InDoubt};
use schema::ids::TxId;
use schema::in_doubt::{Outcome, outcome};
use schema::present::{self, Asked};

use super::bookings::{NINE, booking, commit_now, key, positions};
use super::support::{engine, lines, owner, practice, run};

fn doubt(xid: i64, evidence: Option<Evidence>, at: chrono::DateTime<chrono::Utc>) -> InDoubt {
    let verdicts = Vec::new();
    InDoubt {
        xid,
        evidence,
        committed: Committed { verdicts, at },
    }
}

#[tokio::test]
async fn what_counts_is_whether_the_event_is_there_not_the_number() {
    let (db, practice) = practice().await;
    let mut engine = engine(&db).await;
    let change = booking(&practice, 0, 0, 0, NINE);
    let committed = commit_now(&mut engine, &practice, from_ref(&change))
        .await
        .unwrap();
    let positions = positions(&committed.verdicts[0]);
    let (calendar, version) = positions.first_key_value().unwrap();
    let there = Evidence {
        calendar: *calendar,
        version: *version,
        tx: change.tx,
    };
    let lost = Evidence {
        tx: TxId::new(),
        ..there
    };
    let mut owner = owner(&db).await;
    let xid = "SELECT max(xid::text::bigint)::text AS line FROM calendar_events";
    let xid: i64 = lines(&mut owner, xid).await[0].parse().unwrap();
    // A number that the server has not given to anybody yet: it crashed, and begins again earlier.
    let unknown = xid + 1_000_000;
    for (xid, evidence, expected) in [
        (xid, Some(there), Outcome::Committed),
        // After a crash it is somebody else's.
        (xid, Some(lost), Outcome::Aborted),
        (unknown, Some(lost), Outcome::Aborted),
        (xid, None, Outcome::Committed),
    ] {
        let doubt = doubt(xid, evidence, committed.at);
        assert_eq!(outcome(&mut engine, &doubt).await.unwrap(), expected);
    }
    // While it runs nothing is known.
    run(&mut owner, "BEGIN").await;
    let running = "SELECT pg_current_xact_id()::text AS line";
    let running: i64 = lines(&mut owner, running).await[0].parse().unwrap();
    let running = doubt(running, Some(lost), committed.at);
    let found = outcome(&mut engine, &running).await.unwrap();
    assert_eq!(found, Outcome::InProgress);
    run(&mut owner, "ROLLBACK").await;
    let found = outcome(&mut engine, &running).await.unwrap();
    assert_eq!(found, Outcome::Aborted);
}

#[tokio::test]
async fn the_present_is_told_of_many_things_at_once() {
    let (db, practice) = practice().await;
    let mut engine = engine(&db).await;
    let mut change = booking(&practice, 0, 0, 0, NINE);
    change.key = key(&practice, "one", 1);
    commit_now(&mut engine, &practice, from_ref(&change))
        .await
        .unwrap();
    let (used, free) = (practice.dentists[0].1, practice.dentists[1].1);
    let known = key(&practice, "one", 1).unwrap();
    let unknown = key(&practice, "other", 1).unwrap();
    let asked = Asked {
        calendars: vec![used, free],
        tenants: vec![practice.tenant],
        clinics: vec![practice.clinic],
        keys: vec![known.clone(), unknown.clone()],
    };
    let present = present::read(&mut engine, &asked).await.unwrap();
    assert_eq!((present.versions[&used], present.versions[&free]), (1, 0));
    assert_eq!(present.rules.tenants.len(), 1);
    assert_eq!(present.rules.clinics.len(), 1);
    let (answer, fingerprint) = present.answer(&known).unwrap();
    assert_eq!(
        (&answer.result, fingerprint),
        (&change.result, &known.fingerprint)
    );
    assert!(present.answer(&unknown).is_none());
}
