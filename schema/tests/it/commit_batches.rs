//! Many changes in one commit: neighbours do not hurt each other, and the order is right.

use std::slice::from_ref;

use diesel_async::AsyncPgConnection;
use schema::commit::{Change, CommitError, commit};
use schema::models::claim::Op;
use schema::test_db::TestDb;
use uuid::Uuid;

use super::bookings::{NINE, booking, commit_now, fence, hold, key, moved, names, positions};
use super::commit::{assert_clean, everything};
use super::support::{count, engine, lines, owner, practice, run, touched, tried};

#[tokio::test]
async fn the_neighbours_of_a_stale_change_commit() {
    let (db, practice) = practice().await;
    let mut engine = engine(&db).await;
    commit_now(&mut engine, &practice, &[booking(&practice, 1, 1, 3, NINE)])
        .await
        .unwrap();
    let mut seen = fence(&mut engine, &practice).await;
    // One who has not heard of the booking above.
    seen.insert(practice.dentists[1].1, 0);
    let changes = [
        booking(&practice, 0, 0, 0, NINE),
        booking(&practice, 1, 0, 1, NINE.plus(60)),
        booking(&practice, 0, 0, 2, NINE.plus(120)),
    ];
    let committed = commit(&mut engine, Uuid::new_v4(), &seen, &changes)
        .await
        .unwrap();
    assert_eq!(names(&committed), ["committed", "stale", "committed"]);
    // The one in the middle has taken no number on the calendars that it shares.
    let (dentist, chair) = (practice.dentists[0].1, practice.operatories[0].1);
    assert_eq!(positions(&committed.verdicts[0])[&chair], 1);
    assert_eq!(positions(&committed.verdicts[2])[&chair], 2);
    assert_eq!(positions(&committed.verdicts[2])[&dentist], 2);
    let stale = changes[1].tx;
    let mut owner = owner(&db).await;
    for table in ["calendar_events", "outbox", "audit_log"] {
        let rows = format!("{table} WHERE tx = '{stale}'");
        assert_eq!(count(&mut owner, &rows).await, 0, "{table}");
    }
    assert_clean(&db).await;
}

#[tokio::test]
async fn versions_of_one_calendar_are_contiguous_in_the_order_of_the_batch() {
    let (db, practice) = practice().await;
    let mut engine = engine(&db).await;
    let batch = |from: i64| -> Vec<Change> {
        (0..20)
            .map(|n| booking(&practice, 0, 0, 0, NINE.plus((from + n) * 30)))
            .collect()
    };
    let mut expected = 0;
    for from in [0, 20] {
        let changes = batch(from);
        let committed = commit_now(&mut engine, &practice, &changes).await.unwrap();
        for (change, verdict) in changes.iter().zip(&committed.verdicts) {
            expected += 1;
            for (calendar, version) in positions(verdict) {
                assert_eq!(*version, expected, "{calendar}");
                let events = schema::log::after(&mut engine, *calendar, expected - 1, 1)
                    .await
                    .unwrap();
                assert_eq!((events[0].version, events[0].tx), (expected, change.tx));
                assert_eq!(events[0].ops, change.ops[calendar]);
            }
        }
    }
    let versions = fence(&mut engine, &practice).await;
    assert_eq!(versions[&practice.dentists[0].1], expected);
    assert_clean(&db).await;
}

#[tokio::test]
async fn what_moves_makes_room_first() {
    let (db, practice) = practice().await;
    let mut engine = engine(&db).await;
    let first = booking(&practice, 0, 0, 0, NINE);
    let second = booking(&practice, 0, 0, 1, NINE.plus(30));
    commit_now(&mut engine, &practice, &[first.clone(), second.clone()])
        .await
        .unwrap();
    // On a connection that has inserted but never deleted: the order must not hang on which
    // statements have been prepared. Half of its own old time, then two that change places.
    let third = moved(&practice, &second, NINE.plus(45));
    commit_now(&mut engine, &practice, from_ref(&third))
        .await
        .unwrap();
    let swap = [
        moved(&practice, &first, NINE.plus(45)),
        moved(&practice, &third, NINE),
    ];
    let committed = commit_now(&mut engine, &practice, &swap).await.unwrap();
    assert_eq!(names(&committed), ["committed", "committed"]);
    let mut owner = owner(&db).await;
    assert_eq!(count(&mut owner, "claims").await, 6);
    assert_eq!(
        count(
            &mut owner,
            "appointments WHERE version = 3 AND start_at = '2027-03-01 09:00Z'"
        )
        .await,
        1
    );
    assert_clean(&db).await;
}

#[tokio::test]
async fn a_batch_with_an_overlap_writes_nothing() {
    let (db, practice) = practice().await;
    let mut engine = engine(&db).await;
    commit_now(&mut engine, &practice, &[booking(&practice, 0, 0, 0, NINE)])
        .await
        .unwrap();
    let before = everything(&db).await;
    let good = booking(&practice, 1, 1, 2, NINE);
    for (name, bad) in [
        (
            "over a committed one",
            vec![booking(&practice, 0, 1, 1, NINE.plus(29))],
        ),
        (
            "a hold over a committed one",
            vec![hold(&practice, 0, NINE.plus(15))],
        ),
        (
            "over each other",
            vec![
                booking(&practice, 0, 0, 1, NINE.plus(60)),
                booking(&practice, 0, 1, 3, NINE.plus(75)),
            ],
        ),
    ] {
        let mut batch = vec![good.clone()];
        batch.extend(bad);
        let error = commit_now(&mut engine, &practice, &batch)
            .await
            .unwrap_err();
        assert!(
            matches!(error, CommitError::Conflict(_)),
            "{name}: {error:?}"
        );
        assert_eq!(everything(&db).await, before, "{name}");
    }
    let committed = commit_now(&mut engine, &practice, &[good]).await.unwrap();
    assert_eq!(names(&committed), ["committed"]);
    assert_clean(&db).await;
}

/// Ends once a session of this database waits for another one.
async fn until_somebody_waits(owner: &mut AsyncPgConnection) {
    let waiting =
        "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while count(owner, waiting).await == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn two_nodes_with_one_key_commit_it_once() {
    let (db, practice) = practice().await;
    let (mut one, mut two, mut owner) = (engine(&db).await, engine(&db).await, owner(&db).await);
    // No calendar in common: only the key itself stands between them.
    let mut first = booking(&practice, 0, 0, 0, NINE);
    let mut second = booking(&practice, 1, 1, 1, NINE);
    first.key = key(&practice, "once", 1);
    second.key = key(&practice, "once", 1);
    // The first has written the key and does not get to its end: its turn at the outbox, the
    // statement after the key's, is held up.
    run(
        &mut owner,
        "BEGIN; LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE",
    )
    .await;
    let changes = [first.clone()];
    let racing = commit_now(&mut one, &practice, &changes);
    let mut watcher = super::support::owner(&db).await;
    let both = async {
        until_somebody_waits(&mut watcher).await;
        let changes = [second];
        let late = commit_now(&mut two, &practice, &changes);
        let release = async {
            let waiting = "pg_stat_activity WHERE datname = current_database()
                AND wait_event_type = 'Lock' AND wait_event = 'transactionid'";
            while count(&mut watcher, waiting).await == 0 {
                tokio::task::yield_now().await;
            }
            run(&mut owner, "COMMIT").await;
        };
        futures_util::join!(late, release).0
    };
    let (won, lost) = futures_util::join!(racing, both);
    assert_eq!(names(&won.unwrap()), ["committed"]);
    assert!(matches!(lost.unwrap_err(), CommitError::Conflict(_)));
    // Asked again, it gets the first answer.
    let mut again = booking(&practice, 1, 1, 1, NINE);
    again.key = key(&practice, "once", 1);
    let committed = commit_now(&mut two, &practice, &[again]).await.unwrap();
    assert_eq!(names(&committed), ["replayed"]);
    assert_eq!(count(&mut watcher, "appointments").await, 1);
    assert_clean(&db).await;
}

#[tokio::test]
async fn two_nodes_with_one_calendar_take_turns() {
    let (db, practice) = practice().await;
    let (mut one, mut two, mut owner) = (engine(&db).await, engine(&db).await, owner(&db).await);
    let seen = fence(&mut one, &practice).await;
    run(&mut owner, "BEGIN; SELECT FROM calendars FOR UPDATE").await;
    let (first, second) = (
        [booking(&practice, 0, 0, 0, NINE)],
        [booking(&practice, 0, 1, 1, NINE)],
    );
    let mut watcher = super::support::owner(&db).await;
    let release = async {
        let waiting =
            "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while count(&mut watcher, waiting).await < 2 {
            tokio::task::yield_now().await;
        }
        run(&mut owner, "COMMIT").await;
    };
    let node = Uuid::new_v4();
    let (a, b, ()) = futures_util::join!(
        commit(&mut one, node, &seen, &first),
        commit(&mut two, node, &seen, &second),
        release
    );
    let (a, b) = (a.unwrap(), b.unwrap());
    let mut outcomes = [names(&a)[0], names(&b)[0]];
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["committed", "stale"]);
    assert_clean(&db).await;
}

#[tokio::test]
async fn events_carry_no_names_and_no_notes() {
    let (db, practice) = practice().await;
    let mut engine = engine(&db).await;
    let mut change = booking(&practice, 0, 0, 0, NINE);
    change.appointments[0].notes = Some("allergic".into());
    commit_now(&mut engine, &practice, from_ref(&change))
        .await
        .unwrap();
    assert!(
        change
            .ops
            .values()
            .flatten()
            .all(|op| matches!(op, Op::Put(_)))
    );
    assert_eq!(texts_with(&db, "calendar_events", "allergic").await, 0);
    assert_eq!(texts_with(&db, "outbox", "allergic").await, 0);
    assert_eq!(texts_with(&db, "appointments", "allergic").await, 1);
}

async fn texts_with(db: &TestDb, table: &str, word: &str) -> usize {
    let sql = format!("SELECT to_jsonb(t)::text AS line FROM {table} t");
    let rows = lines(&mut owner(db).await, &sql).await;
    rows.iter().filter(|row| row.contains(word)).count()
}

#[tokio::test]
async fn a_batch_is_written_in_the_transaction_that_was_judged_and_in_no_other() {
    let db = TestDb::new().await;
    let (mut owner, mut engine) = (owner(&db).await, engine(&db).await);
    // A batch without rows, whatever columns there are.
    let call =
        "SELECT string_agg(format('%L::%s', '{}', format_type(t, NULL)), ', ' ORDER BY n) AS line
        FROM pg_proc, unnest(proargtypes::oid[]) WITH ORDINALITY AS argument(t, n)
        WHERE proname = 'write_batch' AND n > 1";
    let rows = lines(&mut owner, call).await.remove(0);
    let own = "pg_current_xact_id()::text::bigint";
    tried(&mut engine, &format!("SELECT write_batch({own}, {rows})"))
        .await
        .unwrap();
    // As if COMMIT had overtaken it: the number is that of the transaction before.
    let before = lines(&mut engine, &format!("SELECT ({own})::text AS line")).await;
    let late = format!("SELECT write_batch({}, {rows})", before[0]);
    let error = touched(&mut engine, &late).await.unwrap_err();
    assert!(error.to_string().contains("outside of its transaction"));
}
