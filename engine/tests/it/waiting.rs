//! Bookings that wait for what becomes of another's: nobody is refused for one that did not happen.
//!
//! The test's own session holds a calendar's row, so that a commit hangs on it; what it changes
//! meanwhile decides whether that commit then fails.

use std::time::Duration;

use diesel_async::AsyncPgConnection;
use engine::command::{Book, Command, Reschedule, Target};
use engine::settings::Settings;
use futures_util::poll;
use schema::span::Minute;
use schema::test_db::practice::Size;

use super::session::{HELD_UP, count, run, until};
use super::support::{World, code, settings};

const SIZE: Size = Size {
    dentists: 2,
    operatories: 2,
    patients: 6,
};

/// Dentist, operatory and patient of a visit, by number.
type Who = (usize, usize, usize);

struct Scene {
    world: World,
    /// Holds up and spoils commits.
    session: AsyncPgConnection,
    watch: AsyncPgConnection,
    nine: Minute,
}

impl Scene {
    async fn new() -> Self {
        // On one thread, commands reach the calendars in the order in which they were asked.
        let world = World::with(
            SIZE,
            Settings {
                arbiters: 1,
                reserve_deadline: Duration::from_secs(30),
                ..settings()
            },
        )
        .await;
        world.load_everything().await;
        Self {
            session: world.owner().await,
            watch: world.owner().await,
            nine: world.at(1, 9, 0),
            world,
        }
    }

    fn book(&self, (dentist, chair, patient): Who, start: Minute) -> engine::command::Request {
        self.world.request(Command::Book(Book {
            operatory: Some(self.world.practice.operatories[chair].0),
            ..self.world.book(patient, dentist, start)
        }))
    }

    /// From now on every commit hangs.
    async fn hold_up(&mut self) {
        run(&mut self.session, "BEGIN; SELECT FROM calendars FOR UPDATE").await;
    }

    async fn until_one_hangs(&mut self) {
        until(&mut self.watch, HELD_UP, 1).await;
    }

    /// The first visit's commit will be refused by a foreign key.
    async fn forget_patient(&mut self, patient: usize) {
        let id = self.world.practice.patients[patient].0;
        let sql = format!("DELETE FROM patient_dentists WHERE patient_id = '{id}'");
        run(&mut self.session, &sql).await;
    }

    async fn let_go(&mut self) {
        run(&mut self.session, "COMMIT").await;
    }
}

#[actix_rt::test]
async fn the_waiter_gets_the_time_of_a_booking_that_fails() {
    // What both want: the operatory, the dentist, the patient.
    let cases: [(Who, Who, &str); 3] = [
        ((0, 0, 0), (1, 0, 1), "slot_taken"),
        ((0, 0, 0), (0, 1, 1), "slot_taken"),
        ((0, 0, 0), (1, 1, 0), "patient_busy"),
    ];
    for (first, second, at_eleven) in cases {
        let mut scene = Scene::new().await;
        let eleven = scene.nine.plus(120);
        let (_, _, patient) = second;
        // At eleven the very same calendar is taken for good.
        let taken = scene.book((first.0, first.1, patient.max(5)), eleven);
        let taken = if at_eleven == "patient_busy" {
            scene.book((0, 0, patient), eleven)
        } else {
            taken
        };
        scene.world.engine.execute(taken).await.unwrap();

        scene.hold_up().await;
        let engine = scene.world.engine.clone();
        let asked = scene.book(first, scene.nine);
        let failing = actix_rt::spawn(async move { engine.execute(asked).await });
        scene.until_one_hangs().await;

        let engine = scene.world.engine.clone();
        let mut waiting = Box::pin(engine.execute(scene.book(second, scene.nine.plus(15))));
        assert!(poll!(&mut waiting).is_pending());
        // Asked after it, and refused at once, for what is there: so the one before it waits.
        let refused = engine.execute(scene.book(second, eleven)).await;
        assert_eq!(code(refused.unwrap_err()), at_eleven);
        assert!(poll!(&mut waiting).is_pending(), "{second:?} did not wait");

        if first.2 == second.2 {
            // The patient must stay for the second: the dentist of the first goes.
            let dentist = scene.world.practice.dentists[first.0].0;
            let sql = format!(
                "INSERT INTO schedule_exceptions (id, scope, tenant_id, provider_id, kind, from_date, to_date)
                     SELECT gen_random_uuid(), 'provider', tenant_id, id, 'closed', '2000-01-01', '2999-01-01'
                     FROM providers WHERE id = '{dentist}';
                 UPDATE tenants SET rules_version = rules_version + 1;"
            );
            run(&mut scene.session, &sql).await;
        } else {
            scene.forget_patient(first.2).await;
        }
        scene.let_go().await;

        let granted = scene.world.appointment(waiting.await);
        assert_eq!(granted.span.start(), scene.nine.plus(15));
        let failed = failing.await.unwrap().map_err(code).unwrap_err();
        // By then the second visit is there, or the rule is what refuses.
        assert!(
            ["slot_taken", "outside_hours"].contains(&failed),
            "{failed}"
        );
        let rows = format!("appointments WHERE id = '{}'", granted.id);
        assert_eq!(count(&mut scene.watch, &rows).await, 1);
        assert_eq!(count(&mut scene.watch, "appointments").await, 2);
        scene.world.assert_clean().await;
    }
}

#[actix_rt::test]
async fn those_who_wait_are_served_in_the_order_in_which_they_came() {
    let mut scene = Scene::new().await;
    scene.hold_up().await;
    let engine = scene.world.engine.clone();
    let asked = scene.book((0, 0, 0), scene.nine);
    let failing = actix_rt::spawn(async move { engine.execute(asked).await });
    scene.until_one_hangs().await;

    let engine = scene.world.engine.clone();
    let mut waiting: Vec<_> = (1..5)
        .map(|patient| Box::pin(engine.execute(scene.book((0, 0, patient), scene.nine))))
        .collect();
    for one in &mut waiting {
        assert!(poll!(one).is_pending());
    }
    scene.forget_patient(0).await;
    scene.let_go().await;

    let answers = futures_util::future::join_all(waiting).await;
    let mut answers = answers.into_iter();
    let first = scene.world.appointment(answers.next().unwrap());
    assert_eq!(first.patient, scene.world.practice.patients[1].0);
    for later in answers {
        assert_eq!(code(later.unwrap_err()), "slot_taken");
    }
    assert_eq!(code(failing.await.unwrap().unwrap_err()), "slot_taken");
    assert_eq!(count(&mut scene.watch, "appointments").await, 1);
    scene.world.assert_clean().await;
}

#[actix_rt::test]
async fn time_that_a_move_would_free_is_waited_for() {
    for succeeds in [true, false] {
        let mut scene = Scene::new().await;
        let booked = scene
            .world
            .engine
            .execute(scene.book((0, 0, 0), scene.nine))
            .await;
        let booked = scene.world.appointment(booked);
        scene.hold_up().await;
        let engine = scene.world.engine.clone();
        let tomorrow = scene.nine.plus(24 * 60);
        let moving = scene.world.request(Command::Reschedule(Reschedule {
            appointment: Target {
                id: booked.id,
                version: Some(1),
            },
            start: tomorrow,
            provider: None,
            operatory: None,
            overrides: Default::default(),
        }));
        let moving = actix_rt::spawn(async move { engine.execute(moving).await });
        scene.until_one_hangs().await;

        let engine = scene.world.engine.clone();
        let mut waiting = Box::pin(engine.execute(scene.book((0, 0, 1), scene.nine)));
        assert!(poll!(&mut waiting).is_pending());
        // The new time is reserved too: it is not refused before it is taken.
        let mut after = Box::pin(engine.execute(scene.book((0, 0, 2), tomorrow)));
        assert!(poll!(&mut after).is_pending());
        if !succeeds {
            let date = tomorrow.to_utc().date_naive();
            let sql = format!(
                "INSERT INTO schedule_exceptions (id, scope, tenant_id, kind, from_date, to_date)
                     SELECT gen_random_uuid(), 'tenant', id, 'closed', '{date}', '{date}' FROM tenants;
                 UPDATE tenants SET rules_version = rules_version + 1;"
            );
            run(&mut scene.session, &sql).await;
        }
        scene.let_go().await;
        let moved = moving.await.unwrap();
        let (waiting, after) = (waiting.await, after.await);
        if succeeds {
            assert_eq!(scene.world.appointment(moved).span.start(), tomorrow);
            assert_eq!(scene.world.appointment(waiting).span.start(), scene.nine);
            assert_eq!(code(after.unwrap_err()), "slot_taken");
        } else {
            assert_eq!(code(moved.unwrap_err()), "outside_hours");
            assert_eq!(code(waiting.unwrap_err()), "slot_taken");
            assert_eq!(code(after.unwrap_err()), "outside_hours");
        }
        scene.world.assert_clean().await;
    }
}
