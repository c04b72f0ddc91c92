//! What a commit says in the audit log: who and from where, what was there before and what is now.

use std::slice::from_ref;

use schema::audit_log::Origin;
use serde_json::{Value, json};

use super::bookings::{NINE, booking, commit_now, hold, moved};
use super::support::{engine, lines, owner, practice};

#[tokio::test]
async fn a_commit_tells_the_visit_before_and_after_but_not_its_notes() {
    let (db, practice) = practice().await;
    let mut engine = engine(&db).await;
    let mut booked = booking(&practice, 0, 0, 0, NINE);
    booked.appointments[0].notes = Some("allergic to penicillin".into());
    booked.origin = Origin {
        role: Some("dentist".into()),
        address: Some("192.0.2.7".into()),
        request_id: Some("request-1".into()),
    };
    commit_now(&mut engine, &practice, from_ref(&booked))
        .await
        .unwrap();
    let moved = moved(&practice, &booked, NINE.plus(60));
    let held = hold(&practice, 1, NINE);
    commit_now(&mut engine, &practice, &[moved, held])
        .await
        .unwrap();

    let rows = lines(
        &mut owner(&db).await,
        "SELECT to_jsonb(a)::text AS line FROM audit_log a ORDER BY id",
    )
    .await;
    assert!(!rows.concat().contains("penicillin"), "{rows:?}");
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| serde_json::from_str(row).unwrap())
        .collect();
    let [booked, moved, held] = rows.as_slice() else {
        panic!("{rows:?}");
    };
    assert_eq!(booked["before"], Value::Null);
    assert_eq!(booked["after"]["appointment"]["hasNotes"], true);
    assert_eq!(
        booked["after"]["appointment"]["start"],
        "2027-03-01T09:00:00Z"
    );
    assert_eq!(
        [&booked["role"], &booked["address"], &booked["request_id"]],
        ["dentist", "192.0.2.7", "request-1"]
    );
    let mut expected = booked["after"].clone();
    assert_eq!(moved["before"], expected);
    expected["appointment"]["version"] = json!(2);
    expected["appointment"]["start"] = json!("2027-03-01T10:00:00Z");
    expected["appointment"]["end"] = json!("2027-03-01T10:30:00Z");
    assert_eq!(moved["after"], expected);
    assert_eq!(moved["address"], Value::Null);
    assert_eq!(held["after"]["hold"]["start"], "2027-03-01T09:00:00Z");
    assert_eq!(held["before"], Value::Null);
}
