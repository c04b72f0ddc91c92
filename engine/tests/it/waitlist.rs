//! The waitlist: time that comes free is offered to the first who fits, then to the next, to one at
//! a time, whichever process looks.

use engine::Engine;
use engine::command::hold::Confirm;
use engine::command::{Cancel, Command, Done, Target};
use engine::failure::Refusal;
use futures_util::future::join_all;
use schema::audit_log::Origin;
use schema::ids::{AppointmentId, EntryId, HoldId};
use schema::models::hold::Ended;
use schema::test_db::practice::Size;

use super::session::{count, run, until};
use super::support::{World, code};

const SIZE: Size = Size {
    dentists: 1,
    operatories: 1,
    patients: 10,
};

/// Adds somebody; later ones have waited less.
async fn waits(world: &World, patient: usize, priority: i16) -> EntryId {
    let id = EntryId::new();
    let (tenant, treatment) = (world.practice.tenant, world.practice.short);
    let patient = world.practice.patients[patient].0;
    let sql = format!(
        "INSERT INTO waitlist_entries (id, tenant_id, patient_id, treatment_id, priority) \
         VALUES ('{id}', '{tenant}', '{patient}', '{treatment}', {priority})"
    );
    run(&mut world.owner().await, &sql).await;
    id
}

async fn cancel(world: &World, engine: &Engine, appointment: AppointmentId) {
    let command = Command::Cancel(Cancel {
        appointment: Target {
            id: appointment,
            version: None,
        },
        reason: String::new(),
        code: None,
    });
    engine.execute(world.request(command)).await.unwrap();
}

/// The hold behind the open offer to somebody, once there is one.
async fn offered(world: &World, entry: EntryId) -> HoldId {
    let mut owner = world.owner().await;
    let open = format!("waitlist_offers WHERE entry_id = '{entry}' AND status = 'open'");
    until(&mut owner, &open, 1).await;
    let offer = world
        .engine
        .latest_offer(world.practice.tenant, entry)
        .await;
    offer.unwrap().unwrap().hold
}

fn accept(hold: HoldId) -> Command {
    Command::Confirm(Confirm {
        hold,
        appointment: AppointmentId::new(),
        patient: None,
        applicant: "offer".into(),
        notes: None,
    })
}

#[actix_rt::test]
async fn freed_time_goes_from_one_to_the_next_until_somebody_takes_it() {
    let world = World::new(SIZE).await;
    let other = world.another_engine().await;
    let start = world.at(3, 9, 0);
    let booked = world.book_now(9, 0, start).await;
    let second = waits(&world, 0, 0).await;
    let first = waits(&world, 1, 5).await;
    let third = waits(&world, 2, -1).await;
    cancel(&world, &world.engine, booked.id).await;

    let hold = offered(&world, first).await;
    let mut owner = world.owner().await;
    let open = "waitlist_offers WHERE status = 'open'";
    assert_eq!(count(&mut owner, open).await, 1, "one at a time");
    let taken = other
        .execute(world.request(Command::Book(world.book(3, 0, start))))
        .await;
    assert_eq!(code(taken.unwrap_err()), "slot_taken");
    // Declined: the next one has it, and the first is not asked again for the same time.
    let decline = Command::Release { hold };
    other.execute(world.request(decline)).await.unwrap();
    let hold = offered(&world, second).await;
    // Many accept at once, on two nodes: one of them has it.
    let accepts = (0..10).map(|n| {
        let engine = if n % 2 == 0 { &world.engine } else { &other };
        engine.execute(world.request(accept(hold)))
    });
    let answers = join_all(accepts).await;
    let won: Vec<_> = answers
        .iter()
        .filter_map(|answer| answer.as_ref().ok())
        .collect();
    assert_eq!(won.len(), 1);
    match &won[0].done {
        Done::Appointment(visit) => {
            assert_eq!(visit.patient, world.practice.patients[0].0);
            assert_eq!(visit.span.start(), start);
        }
        other => panic!("not an appointment: {other:?}"),
    }
    for refusal in answers.into_iter().filter_map(Result::err) {
        assert_eq!(code(refusal), "hold_expired");
    }
    let states = |entry: EntryId, status: &str| {
        format!("waitlist_entries WHERE id = '{entry}' AND status = '{status}'")
    };
    for (entry, status) in [(first, "waiting"), (second, "booked"), (third, "waiting")] {
        assert_eq!(
            count(&mut owner, &states(entry, status)).await,
            1,
            "{status}"
        );
    }
    until(
        &mut owner,
        "(SELECT 1 WHERE NOT EXISTS (SELECT FROM freed_times)) x",
        1,
    )
    .await;
    let closed =
        "waitlist_offers WHERE status IN ('accepted', 'declined') AND closed_at IS NOT NULL";
    assert_eq!(count(&mut owner, closed).await, 2);
    other.stop().await;
    world.assert_clean().await;
}

#[actix_rt::test]
async fn an_offer_that_nobody_answers_goes_to_the_next() {
    let world = World::new(SIZE).await;
    // The deadline is over at once: the practice's own policy, a minute, on a clock that is behind.
    let tenant = world.practice.tenant;
    let sql = format!(
        "UPDATE tenants SET policy = '{{\"offerMin\": 1}}', rules_version = rules_version + 1
         WHERE id = '{tenant}'"
    );
    run(&mut world.owner().await, &sql).await;
    let start = world.at(3, 9, 0);
    let first = waits(&world, 0, 1).await;
    let second = waits(&world, 1, 0).await;
    let slow = super::holds::engine_off_by(&world, -2).await;
    let slot = slow
        .waitlist_candidates(
            tenant,
            schema::span::Span::lasting(start, 30).unwrap(),
            &[world.practice.dentists[0].0],
        )
        .await
        .unwrap();
    assert_eq!(slot[0].entry, first);
    let made = slow
        .offer(tenant, first, &slot[0].slot, "user:test", Origin::default())
        .await
        .unwrap();
    let again = slow
        .offer(tenant, first, &slot[0].slot, "user:test", Origin::default())
        .await;
    assert_eq!(
        code(again.unwrap_err()),
        "not_found",
        "they do not wait any more"
    );
    let hold = offered(&world, second).await;
    assert_ne!(hold, made.hold.id);
    let ended = world
        .engine
        .find_hold(tenant, made.hold.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ended.ended, Some(Ended::Expired));
    let late: Refusal = world
        .engine
        .execute(world.request(accept(made.hold.id)))
        .await
        .unwrap_err();
    assert_eq!(code(late), "hold_expired");
    slow.stop().await;
    world.assert_clean().await;
}
