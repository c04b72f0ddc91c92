//! What the rules refuse, and rules that change under a decision.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use engine::Engine;
use engine::clock::Clock;
use engine::command::{Book, Command, Request};
use engine::scheduling::placement::Asker;
use engine::scheduling::rejection::Override;
use engine::settings::Settings;
use schema::connection::{Role, connect};
use schema::ids::{OperatoryId, ProviderId, TreatmentId};
use schema::test_db::TestDb;
use schema::test_db::practice::{Practice, Size};

use super::session::{HELD_UP, count, run, until};
use super::support::{World, code, settings};

const SIZE: Size = Size {
    dentists: 2,
    operatories: 2,
    patients: 40,
};

/// A session of the role that serves requests, at work for the practice or for all clinics.
async fn app(world: &World) -> AsyncPgConnection {
    let mut app = connect(&world.db.url, Role::App).await.unwrap();
    let tenant = world.practice.tenant;
    let settings = format!(
        "SELECT set_config('app.tenants', '{tenant}', false), set_config('app.super_admin', 'true', false)"
    );
    run(&mut app, &settings).await;
    app
}

#[actix_rt::test]
async fn a_decision_by_rules_that_have_changed_is_made_again() {
    let changes = [
        (
            "'tenant', '$tenant', NULL, NULL",
            "tenant_rules_changed('$tenant')",
        ),
        (
            "'provider', '$tenant', NULL, '$provider'",
            "tenant_rules_changed('$tenant')",
        ),
        (
            "'clinic', NULL, '$clinic', NULL",
            "clinic_rules_changed('$clinic')",
        ),
    ];
    for (of, tell) in changes {
        // Nobody tells the engine: its commit finds out.
        let world = World::with(
            SIZE,
            Settings {
                poll_every: Duration::from_secs(3600),
                ..settings()
            },
        )
        .await;
        let mut watch = world.owner().await;
        world.load_everything().await;
        let start = world.at(1, 9, 0);
        let date = start.to_utc().date_naive();
        let mut app = app(&world).await;
        let sql = format!(
            "BEGIN;
             INSERT INTO schedule_exceptions (id, kind, from_date, to_date, scope, tenant_id, clinic_id, provider_id)
                 VALUES (gen_random_uuid(), 'closed', '{date}', '{date}', {of});
             SELECT {tell};"
        );
        let sql = sql
            .replace("$tenant", &world.practice.tenant.to_string())
            .replace("$clinic", &world.practice.clinic.to_string())
            .replace("$provider", &world.practice.dentists[0].0.to_string());
        run(&mut app, &sql).await;

        // By the rules that are in force, this is open; its commit meets the change.
        let engine = world.engine.clone();
        let request = world.request(Command::Book(world.book(0, 0, start)));
        let booking = actix_rt::spawn(async move { engine.execute(request).await });
        until(&mut watch, HELD_UP, 1).await;
        run(&mut app, "COMMIT").await;
        let refusal = booking.await.unwrap().unwrap_err();
        assert_eq!(code(refusal), "outside_hours", "{of}");
        assert_eq!(count(&mut watch, "appointments").await, 0, "{of}");
        // The next day is open as before.
        world.book_now(0, 0, start.plus(24 * 60)).await;
        world.assert_clean().await;
    }
}

#[actix_rt::test]
async fn a_change_that_is_taken_back_refuses_nothing() {
    let world = World::new(SIZE).await;
    let mut watch = world.owner().await;
    let start = world.at(1, 9, 0);
    let mut app = app(&world).await;
    let tenant = world.practice.tenant;
    run(
        &mut app,
        &format!("BEGIN; SELECT tenant_rules_changed('{tenant}')"),
    )
    .await;
    let engine = world.engine.clone();
    let request = world.request(Command::Book(world.book(0, 0, start)));
    let booking = actix_rt::spawn(async move { engine.execute(request).await });
    until(&mut watch, HELD_UP, 1).await;
    run(&mut app, "ROLLBACK").await;
    booking.await.unwrap().unwrap();
    world.assert_clean().await;
}

#[actix_rt::test]
async fn another_processes_change_of_rules_is_heard() {
    let world = World::new(SIZE).await;
    let (tenant, clinic) = (world.practice.tenant, world.practice.clinic);
    let seen = world.engine.rules(tenant).await.unwrap().seen.clone();
    let mut app = app(&world).await;
    run(
        &mut app,
        &format!("SELECT tenant_rules_changed('{tenant}')"),
    )
    .await;
    run(
        &mut app,
        &format!("SELECT clinic_rules_changed('{clinic}')"),
    )
    .await;
    loop {
        let now = &world.engine.rules(tenant).await.unwrap().seen;
        if now.tenants[&tenant] > seen.tenants[&tenant]
            && now.clinics[&clinic] > seen.clinics[&clinic]
        {
            break;
        }
        actix_rt::task::yield_now().await;
    }
    world.assert_clean().await;
}

/// What is asked, and what is answered; what a case does not name is in order.
struct Case {
    what: &'static str,
    answer: &'static str,
    days: i64,
    hour: i64,
    minute: i64,
    dentist: ProviderId,
    treatment: TreatmentId,
    operatory: Option<OperatoryId>,
    duration: Option<i64>,
    asker: Asker,
    overrides: &'static [Override],
}

impl Case {
    fn request(&self, world: &World, patient: usize) -> Request {
        let start = world
            .at(0, 0, 0)
            .plus((self.days * 24 + self.hour) * 60 + self.minute);
        let command = Command::Book(Book {
            provider: self.dentist,
            treatment: self.treatment,
            operatory: self.operatory,
            duration: self.duration,
            overrides: self.overrides.iter().copied().collect::<BTreeSet<_>>(),
            ..world.book(patient, 0, start)
        });
        Request {
            asker: self.asker,
            ..world.request(command)
        }
    }
}

/// Monday at ten in the practice's zone, which has no daylight saving time.
fn monday_at_ten() -> DateTime<Utc> {
    "2027-03-01T15:00:00Z".parse().unwrap()
}

/// On that Monday; the second dentist may not use the first chair, nor do the long treatment.
async fn on_monday() -> World {
    let db = TestDb::new().await;
    let practice = Practice::seed(&db, SIZE).await;
    let (second, chair) = (practice.dentists[1].0, practice.operatories[0].0);
    let (tenant, long, first) = (practice.tenant, practice.long, practice.dentists[0].0);
    let sql = format!(
        "DELETE FROM assignments WHERE provider_id = '{second}' AND operatory_id = '{chair}';
         INSERT INTO treatment_providers VALUES ('{tenant}', '{long}', '{first}');"
    );
    // Before the engine reads the rules.
    let mut owner = AsyncPgConnection::establish(&db.url).await.unwrap();
    run(&mut owner, &sql).await;
    let engine = Engine::start(&db.url, settings(), Clock::of(monday_at_ten))
        .await
        .unwrap();
    World {
        engine,
        practice,
        db,
    }
}

#[actix_rt::test]
async fn each_rule_refuses_and_staff_override_what_they_may() {
    use Override::{BeyondHorizon, NoAssignment, OffGrid, OutsideHours, TooSoon};
    let world = on_monday().await;
    let Practice {
        dentists,
        operatories,
        long,
        ..
    } = world.practice.clone();
    let [first, second] = [dentists[0].0, dentists[1].0];
    let (chair, public) = (Some(operatories[0].0), Asker::Public);
    let fine = || Case {
        what: "",
        answer: "booked",
        days: 1,
        hour: 9,
        minute: 0,
        dentist: first,
        treatment: world.practice.short,
        operatory: None,
        duration: None,
        asker: Asker::Staff,
        overrides: &[],
    };
    #[rustfmt::skip]
    let cases = [
        Case { what: "in hours", ..fine() },
        Case { what: "the first half hour", hour: 8, days: 2, ..fine() },
        Case { what: "the last half hour", hour: 19, minute: 30, ..fine() },
        Case { what: "too early", hour: 7, minute: 59, answer: "outside_hours", ..fine() },
        Case { what: "too late by a minute", hour: 19, minute: 31, answer: "outside_hours", ..fine() },
        Case { what: "early, and staff say so", hour: 6, overrides: &[OutsideHours], ..fine() },
        Case { what: "another override helps nothing", hour: 6, minute: 45, overrides: &[TooSoon, OffGrid, NoAssignment], answer: "outside_hours", ..fine() },
        Case { what: "early, and the public says so", hour: 6, asker: public, overrides: &[OutsideHours], answer: "outside_hours", ..fine() },
        Case { what: "a chair that is not theirs", dentist: second, operatory: chair, hour: 10, answer: "no_assignment", ..fine() },
        Case { what: "not theirs, and staff say so", dentist: second, operatory: chair, hour: 10, overrides: &[NoAssignment], ..fine() },
        Case { what: "a chair that is nobody's", operatory: Some(OperatoryId::new()), answer: "not_found", ..fine() },
        Case { what: "a dentist whom nobody knows", dentist: ProviderId::new(), answer: "not_found", ..fine() },
        Case { what: "a treatment that nobody knows", treatment: TreatmentId::new(), answer: "not_found", ..fine() },
        Case { what: "a treatment of the other", dentist: second, treatment: long, hour: 11, answer: "not_offered", ..fine() },
        Case { what: "nor do overrides offer it", dentist: second, treatment: long, hour: 11, overrides: &Override::ALL, answer: "not_offered", ..fine() },
        Case { what: "a treatment of one's own", treatment: long, hour: 11, ..fine() },
        Case { what: "last week, entered late", days: -7, ..fine() },
        Case { what: "too long ago", days: -36, answer: "in_the_past", ..fine() },
        Case { what: "nor do overrides turn back time", days: -36, overrides: &Override::ALL, answer: "in_the_past", ..fine() },
        Case { what: "an hour ago, by the public", days: 0, asker: public, answer: "in_the_past", ..fine() },
        Case { what: "no time at all", duration: Some(0), answer: "bad_duration", ..fine() },
        Case { what: "less than that", duration: Some(-30), answer: "bad_duration", ..fine() },
        Case { what: "more than a day", duration: Some(1441), answer: "bad_duration", ..fine() },
        Case { what: "more than a calendar has", duration: Some(i64::MAX), answer: "bad_duration", ..fine() },
        Case { what: "too short for its pattern", treatment: long, duration: Some(39), answer: "bad_duration", ..fine() },
        Case { what: "as short as its pattern", treatment: long, duration: Some(40), hour: 13, ..fine() },
        Case { what: "a year ahead", days: 365, ..fine() },
        Case { what: "more than a year ahead", days: 366, answer: "beyond_horizon", ..fine() },
        Case { what: "ahead, and staff say so", days: 366, overrides: &[BeyondHorizon], ..fine() },
        Case { what: "by the public within the hour", days: 0, hour: 10, minute: 45, asker: public, answer: "too_soon", ..fine() },
        Case { what: "by the public in an hour", days: 0, hour: 11, asker: public, ..fine() },
        Case { what: "by staff at once", days: 0, hour: 10, ..fine() },
        Case { what: "by the public off the grid", hour: 14, minute: 7, asker: public, answer: "off_grid", ..fine() },
        Case { what: "by staff off the grid", hour: 14, minute: 7, ..fine() },
    ];
    let mut session = world.owner().await;
    for (patient, case) in cases.iter().enumerate() {
        let before = count(&mut session, "appointments").await;
        let answer = world.engine.execute(case.request(&world, patient)).await;
        let booked = answer.is_ok();
        let answer = answer.map_or_else(code, |_| "booked");
        assert_eq!(answer, case.answer, "{}", case.what);
        let now = count(&mut session, "appointments").await;
        assert_eq!(now - before, i64::from(booked), "{}", case.what);
        // What was overridden is on record; what was said without need is not.
        let needed = booked && !case.overrides.is_empty();
        let noted: Vec<&str> = case.overrides.iter().map(|rule| rule.code()).collect();
        if needed {
            let rows = format!("audit_log WHERE overrides = '{{{}}}'", noted.join(","));
            assert_eq!(count(&mut session, &rows).await, 1, "{}", case.what);
        }
    }
    let idle = "audit_log WHERE overrides <> '{}'";
    assert_eq!(count(&mut session, idle).await, 3);
    world.assert_clean().await;
}
