//! What is put away leaves everything true, whenever it is stopped, and nothing that is needed goes.

use diesel_async::AsyncPgConnection;
use schema::audit;
use schema::models::appointment::Status;
use schema::retention::{self, Done, Keep};
use schema::test_db::TestDb;
use schema::test_db::practice::Practice;

use super::bookings::{NINE, booking, commit_now, key, moved};
use super::support::{count, engine, is_forbidden, lines, owner, practice, run, touched, tried};

/// Four visits; two of them moved, one with a key.
async fn busy() -> (TestDb, Practice, AsyncPgConnection) {
    let (db, practice) = practice().await;
    let mut engine = engine(&db).await;
    let mut visits = Vec::new();
    for number in 0..4 {
        let start = NINE.plus(i64::from(number) * 30);
        let mut visit = booking(&practice, 0, 0, number as usize % 2, start);
        if number == 0 {
            visit.key = key(&practice, "once", 1);
        }
        commit_now(&mut engine, &practice, std::slice::from_ref(&visit))
            .await
            .unwrap();
        visits.push(visit);
    }
    for (number, visit) in visits.iter().take(2).enumerate() {
        let later = NINE.plus(300 + 30 * number as i64);
        let change = moved(&practice, visit, later);
        commit_now(&mut engine, &practice, &[change]).await.unwrap();
    }
    (db, practice, engine)
}

async fn is_clean(db: &TestDb) {
    let report = audit::run(&db.url).await.unwrap();
    assert!(report.is_clean(), "{report}");
}

async fn tidy(engine: &mut AsyncPgConnection) -> Done {
    retention::run(engine, Keep::default())
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn old_events_are_folded_and_young_ones_stay() {
    let (db, practice, mut engine) = busy().await;
    let mut owner = owner(&db).await;
    assert_eq!(tidy(&mut engine).await, Done::default(), "nothing is old");
    // The first four of the dentist's six are old.
    let dentist = practice.dentists[0].1;
    run(
        &mut owner,
        &format!(
            "UPDATE calendar_events SET at = at - interval '31 days' WHERE tx IN (SELECT tx
                 FROM calendar_events WHERE calendar_id = '{dentist}' AND version <= 4);
             UPDATE outbox SET created_at = created_at - interval '33 days' WHERE tx IN (SELECT tx
                 FROM calendar_events WHERE at < now() - interval '1 day');
             UPDATE idempotency_results SET created_at = created_at - interval '49 hours'"
        ),
    )
    .await;
    let done = tidy(&mut engine).await;
    assert!(done.events_folded >= 4, "{done:?}");
    assert_eq!((done.answers_forgotten, done.claims_settled), (1, 0));
    is_clean(&db).await;
    let left = format!(
        "SELECT format('%s %s', c.base_version, string_agg(e.version::text, ',' ORDER BY e.version))
         AS line FROM calendars c JOIN calendar_events e ON e.calendar_id = c.id
         WHERE c.id = '{dentist}' GROUP BY 1"
    );
    let left = lines(
        &mut owner,
        &left.replace("GROUP BY 1", "GROUP BY c.base_version"),
    )
    .await;
    assert_eq!(left, ["4 5,6"]);
    assert_eq!(tidy(&mut engine).await, Done::default(), "once is enough");

    // Seven days stay whatever is set.
    run(
        &mut owner,
        "UPDATE calendar_events SET at = now() - interval '6 days'",
    )
    .await;
    let nothing = Keep {
        events_days: 0,
        answers_hours: 0,
        settled_months: 0,
    };
    let done = retention::run(&mut engine, nothing).await.unwrap().unwrap();
    assert_eq!(done.events_folded, 0);
}

#[tokio::test]
async fn the_database_lets_nothing_go_that_the_base_does_not_have() {
    let (db, practice, mut engine) = busy().await;
    let dentist = practice.dentists[0].1;
    let all = format!("DELETE FROM calendar_events WHERE calendar_id = '{dentist}'");
    assert_eq!(touched(&mut engine, &all).await.unwrap(), 0);
    run(
        &mut owner(&db).await,
        &format!("UPDATE calendars SET base_version = 2 WHERE id = '{dentist}'"),
    )
    .await;
    assert_eq!(touched(&mut engine, &all).await.unwrap(), 2);
    let error = tried(&mut engine, "DELETE FROM refresh_tokens").await;
    assert!(is_forbidden(&error.unwrap_err()));
}

#[tokio::test]
async fn settled_visits_leave_the_constraint_alone_and_are_still_accounted_for() {
    let (db, practice, mut engine) = busy().await;
    let mut owner = owner(&db).await;
    // All of it happened two years ago; one visit has no end yet.
    let completed = Status::Completed.name();
    run(
        &mut owner,
        &format!(
            "UPDATE claims SET during = tstzrange(lower(during) - interval '104 weeks',
                 upper(during) - interval '104 weeks');
             UPDATE appointments SET start_at = start_at - interval '104 weeks',
                 end_at = end_at - interval '104 weeks';
             UPDATE appointments SET status = '{completed}' WHERE id IN (
                 SELECT id FROM appointments ORDER BY id LIMIT 3);"
        ),
    )
    .await;
    let before = count(&mut owner, "claims").await;
    let done = tidy(&mut engine).await;
    assert!(
        done.claims_settled > 0 && done.claims_settled < before,
        "{done:?}"
    );
    assert_eq!(count(&mut owner, "claims_past").await, done.claims_settled);
    assert_eq!(
        count(&mut owner, "claims").await,
        before - done.claims_settled
    );
    // (The events were not moved in time with the claims, so the fold is not asked for here.)
    let report = audit::run(&db.url).await.unwrap();
    let broken: Vec<&str> = report
        .0
        .iter()
        .filter(|finding| finding.breaches > 0)
        .map(|finding| finding.promise)
        .collect();
    assert_eq!(broken, ["folding each calendar's events gives its state"]);
    assert_eq!(practice.dentists.len(), 2);
}

#[tokio::test]
async fn one_process_does_it_at_a_time() {
    let (db, _, mut engine) = busy().await;
    let mut other = super::support::engine(&db).await;
    let lock = format!("SELECT pg_advisory_lock({})", retention::LOCK);
    run(&mut other, &lock).await;
    assert_eq!(
        retention::run(&mut engine, Keep::default()).await.unwrap(),
        None
    );
    drop(other);
    // The lock ends with whoever held it; how soon, the server says.
    loop {
        if let Some(done) = retention::run(&mut engine, Keep::default()).await.unwrap() {
            assert_eq!(done, Done::default());
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn sign_ins_that_ended_long_ago_are_forgotten() {
    let (db, practice, mut engine) = busy().await;
    let mut owner = owner(&db).await;
    let user = practice.owner;
    run(
        &mut owner,
        &format!(
            "INSERT INTO refresh_tokens (id, user_id, family, token_hash, expires_at, revoked_at) VALUES
             (gen_random_uuid(), '{user}', gen_random_uuid(), 'a', now() - interval '8 days', NULL),
             (gen_random_uuid(), '{user}', gen_random_uuid(), 'b', now() + interval '8 days', now() - interval '8 days'),
             (gen_random_uuid(), '{user}', gen_random_uuid(), 'c', now() - interval '1 day', NULL),
             (gen_random_uuid(), '{user}', gen_random_uuid(), 'd', now() + interval '8 days', NULL)"
        ),
    )
    .await;
    assert_eq!(tidy(&mut engine).await.sign_ins_forgotten, 2);
    assert_eq!(count(&mut owner, "refresh_tokens").await, 2);
}
