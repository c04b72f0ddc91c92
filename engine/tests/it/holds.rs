//! Holds: whoever has one always gets the time until its expiry is an event, and nobody has more of
//! them than they may.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use engine::Engine;
use engine::clock::Clock;
use engine::command::hold::{Abandon, Confirm, Hold, HoldLimits, HoldState};
use engine::command::{Command, Done, PatientRef, Reply};
use engine::failure::Refusal;
use engine::scheduling::placement::Asker;
use engine::settings::Settings;
use futures_util::future::join_all;
use schema::ids::{AppointmentId, HoldId};
use schema::models::appointment::Appointment;
use schema::models::hold::Ended;
use schema::span::Minute;
use schema::test_db::practice::Size;

use super::session::{count, until};
use super::support::{World, code, settings};

const SIZE: Size = Size {
    dentists: 2,
    operatories: 2,
    patients: 60,
};

pub fn wish(world: &World, dentist: usize, start: Minute) -> Hold {
    Hold {
        id: HoldId::new(),
        token_hash: vec![7; 32],
        provider: world.practice.dentists[dentist].0,
        treatment: world.practice.short,
        start,
        operatory: None,
        duration: None,
        patient: None,
        overrides: Default::default(),
        owner: "user:test".into(),
        address: None,
        limits: HoldLimits::default(),
        offer: None,
    }
}

fn state(reply: Result<Reply, Refusal>) -> HoldState {
    match reply.unwrap().done {
        Done::Hold(hold) => *hold,
        other => panic!("not a hold: {other:?}"),
    }
}

async fn hold(world: &World, engine: &Engine, dentist: usize, start: Minute) -> HoldState {
    let command = Command::Hold(wish(world, dentist, start));
    state(engine.execute(world.request(command)).await)
}

fn confirmation(world: &World, hold: HoldId, patient: usize) -> Command {
    let (id, calendar) = world.practice.patients[patient];
    Command::Confirm(Confirm {
        hold,
        appointment: AppointmentId::new(),
        patient: Some(PatientRef { id, calendar }),
        applicant: id.to_string(),
        notes: None,
    })
}

async fn confirm(world: &World, engine: &Engine, hold: HoldId) -> Result<Appointment, Refusal> {
    let reply = engine
        .execute(world.request(confirmation(world, hold, 0)))
        .await?;
    match reply.done {
        Done::Appointment(appointment) => Ok(*appointment),
        other => panic!("not an appointment: {other:?}"),
    }
}

/// Without a reaper: only what needs the time ends a hold. Nor does it offer what comes free: by a
/// clock that is behind, an offer is over as soon as it is made.
fn no_reaper() -> Settings {
    Settings {
        reap_every: Duration::from_secs(3600),
        waitlist_every: Duration::from_secs(3600),
        ..settings()
    }
}

/// An engine whose clock is `minutes` off: what it holds for five minutes is over by the database's
/// clock when it is ten behind.
pub async fn engine_off_by(world: &World, minutes: i64) -> Engine {
    let clock = Clock::of(move || Utc::now() + TimeDelta::minutes(minutes));
    Engine::start(&world.db.url, no_reaper(), clock)
        .await
        .unwrap()
}

#[actix_rt::test]
async fn a_hold_keeps_its_time_and_becomes_an_appointment_in_one_commit() {
    let world = World::new(SIZE).await;
    let start = world.at(1, 9, 0);
    let held = hold(&world, &world.engine, 0, start).await;
    assert_eq!(held.ended, None);
    let taken = world
        .engine
        .execute(world.request(Command::Book(world.book(1, 0, start))))
        .await;
    assert_eq!(code(taken.unwrap_err()), "slot_taken");

    let booked = confirm(&world, &world.engine, held.id).await.unwrap();
    assert_eq!((booked.span, booked.operatory), (held.span, held.operatory));
    let again = confirm(&world, &world.engine, held.id).await;
    assert_eq!(code(again.unwrap_err()), "hold_expired");
    let stored = world.engine.find_hold(world.practice.tenant, held.id).await;
    assert_eq!(stored.unwrap().unwrap().ended, Some(Ended::Confirmed));
    // One event on each of its calendars: dentist and chair have the hold's and this one.
    let calendar = world.practice.dentists[0].1;
    let events = world.engine.events_after(calendar, 0, 10).await.unwrap();
    assert_eq!(events.len(), 2);

    let released = hold(&world, &world.engine, 0, start.plus(60)).await;
    let release = Command::Release { hold: released.id };
    let gone = state(world.engine.execute(world.request(release.clone())).await);
    assert_eq!(gone.ended, Some(Ended::Released));
    state(world.engine.execute(world.request(release)).await);
    world.book_now(2, 0, start.plus(60)).await;
    world.assert_clean().await;
}

#[actix_rt::test]
async fn confirming_never_loses_to_those_who_want_the_time() {
    let world = World::new(SIZE).await;
    let other = world.another_engine().await;
    for round in 0..5 {
        let start = world.at(1 + round, 9, 0);
        let held = hold(&world, &world.engine, 0, start).await;
        let chair = held.operatory;
        let rivals = (1..50).map(|n| {
            let engine = if n % 2 == 0 { &world.engine } else { &other };
            let booking = engine::command::Book {
                operatory: Some(chair),
                ..world.book(n, 0, start.plus([0, 10, 15, 20][n % 4]))
            };
            engine.execute(world.request(Command::Book(booking)))
        });
        let (rivals, booked) =
            futures_util::future::join(join_all(rivals), confirm(&world, &other, held.id)).await;
        assert_eq!(booked.unwrap().span, held.span, "round {round}");
        for refusal in rivals {
            assert_eq!(code(refusal.unwrap_err()), "slot_taken");
        }
    }
    other.stop().await;
    world.assert_clean().await;
}

#[actix_rt::test]
async fn an_expired_hold_makes_room_in_the_commit_that_needs_it() {
    let world = World::with(SIZE, no_reaper()).await;
    let behind = engine_off_by(&world, -10).await;
    let start = world.at(1, 9, 0);
    let held = hold(&world, &behind, 0, start).await;
    let confirmed = hold(&world, &behind, 0, start.plus(60)).await;
    assert!(held.expires_at < Utc::now() && confirmed.expires_at < Utc::now());

    // Over, but nobody needed the time yet: it still is its holder's.
    confirm(&world, &world.engine, confirmed.id).await.unwrap();
    let asks = (1..20).map(|n| {
        let booking = engine::command::Book {
            operatory: Some(held.operatory),
            ..world.book(n, 0, start)
        };
        world.engine.execute(world.request(Command::Book(booking)))
    });
    let answers = join_all(asks).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    let late = confirm(&world, &world.engine, held.id).await;
    assert_eq!(code(late.unwrap_err()), "hold_expired");
    let mut owner = world.owner().await;
    let lines = "outbox WHERE kind = 'hold.expired'";
    assert_eq!(count(&mut owner, lines).await, 1);
    let one_commit = "calendar_events e JOIN outbox o USING (tx) WHERE o.kind = 'hold.expired' \
        AND EXISTS (SELECT FROM outbox b WHERE b.tx = o.tx AND b.kind = 'appointment.booked')";
    assert!(count(&mut owner, one_commit).await >= 2);
    behind.stop().await;
    world.assert_clean().await;
}

#[actix_rt::test]
async fn nothing_expires_before_its_time_by_the_databases_clock() {
    let world = World::with(SIZE, no_reaper()).await;
    let start = world.at(1, 9, 0);
    let held = hold(&world, &world.engine, 0, start).await;
    let ahead = engine_off_by(&world, 10).await;
    let early = ahead
        .execute(world.request(Command::Book(world.book(1, 0, start))))
        .await;
    assert_eq!(code(early.unwrap_err()), "slot_taken");
    let kept = ahead
        .execute(world.request(Command::Expire { hold: held.id }))
        .await;
    assert_eq!(state(kept).ended, None);
    confirm(&world, &world.engine, held.id).await.unwrap();
    ahead.stop().await;
    world.assert_clean().await;
}

#[actix_rt::test]
async fn what_expired_while_nobody_ran_is_ended_at_the_start_by_any_number_of_nodes() {
    let world = World::with(SIZE, no_reaper()).await;
    let behind = engine_off_by(&world, -10).await;
    for n in 0..8 {
        hold(&world, &behind, 0, world.at(1 + n, 9, 0)).await;
    }
    behind.stop().await;
    let first = world.another_engine().await;
    let second = world.another_engine().await;
    let mut owner = world.owner().await;
    until(&mut owner, "holds WHERE ended = 'expired'", 8).await;
    assert_eq!(count(&mut owner, "claims WHERE kind = 'hold'").await, 0);
    let events = "outbox WHERE kind = 'hold.expired'";
    assert_eq!(count(&mut owner, events).await, 8, "each once");
    first.stop().await;
    second.stop().await;
    world.assert_clean().await;
}

#[actix_rt::test]
async fn renewing_and_being_left_alone_move_the_expiry() {
    let world = World::with(SIZE, no_reaper()).await;
    let behind = engine_off_by(&world, -4).await;
    let mut request = world.request(Command::Hold(wish(&world, 0, world.at(1, 9, 0))));
    request.asker = Asker::Public;
    let held = state(behind.execute(request).await);
    let renewed = world
        .engine
        .execute(world.request(Command::Renew { hold: held.id }))
        .await;
    let renewed = state(renewed);
    assert!(renewed.expires_at > held.expires_at + TimeDelta::minutes(3));
    let minutes = (held.renewable_until - held.expires_at).num_minutes();
    assert_eq!(minutes, 10, "fifteen in all");

    // The connection that made it knew the first expiry only: its holder is elsewhere.
    let abandon = |seen: DateTime<Utc>| {
        world.request(Command::Abandon(Abandon {
            hold: held.id,
            seen,
            grace_ms: 60_000,
        }))
    };
    let kept = state(world.engine.execute(abandon(held.expires_at)).await);
    assert_eq!(kept.expires_at, renewed.expires_at);
    let left = state(world.engine.execute(abandon(renewed.expires_at)).await);
    assert!(left.expires_at < Utc::now() + TimeDelta::seconds(61));
    confirm(&world, &world.engine, held.id).await.unwrap();

    // As long as it may: fifteen minutes later it is not renewed any more.
    let old = engine_off_by(&world, -16).await;
    let mut request = world.request(Command::Hold(wish(&world, 1, world.at(1, 9, 0))));
    request.asker = Asker::Public;
    let aged = state(old.execute(request).await);
    let refused = world
        .engine
        .execute(world.request(Command::Renew { hold: aged.id }))
        .await;
    assert_eq!(code(refused.unwrap_err()), "hold_limit");
    behind.stop().await;
    old.stop().await;
    world.assert_clean().await;
}

#[actix_rt::test]
async fn only_a_busy_patient_refuses_a_confirmation_and_the_hold_stays() {
    let world = World::new(SIZE).await;
    let start = world.at(1, 9, 0);
    let held = hold(&world, &world.engine, 0, start).await;
    world.book_now(0, 1, start).await;
    let busy = confirm(&world, &world.engine, held.id).await;
    assert_eq!(code(busy.unwrap_err()), "patient_busy");
    let command = confirmation(&world, held.id, 1);
    world.engine.execute(world.request(command)).await.unwrap();

    // With the patient's time kept, another patient's is taken and theirs comes free.
    let (id, calendar) = world.practice.patients[2];
    let for_patient = Hold {
        patient: Some(PatientRef { id, calendar }),
        ..wish(&world, 0, start.plus(60))
    };
    let held = state(
        world
            .engine
            .execute(world.request(Command::Hold(for_patient)))
            .await,
    );
    let busy = world
        .engine
        .execute(world.request(Command::Book(world.book(2, 1, start.plus(60)))))
        .await;
    assert_eq!(code(busy.unwrap_err()), "patient_busy");
    let command = confirmation(&world, held.id, 3);
    world.engine.execute(world.request(command)).await.unwrap();
    world.book_now(2, 1, start.plus(60)).await;
    world.assert_clean().await;
}

#[actix_rt::test]
async fn nobody_has_more_holds_than_they_may_however_they_ask() {
    let world = World::new(SIZE).await;
    let other = world.another_engine().await;
    let limited = |n: u64, owner: String, limits: HoldLimits| {
        let wanted = Hold {
            owner,
            address: Some("203.0.113.0/24".into()),
            limits,
            ..wish(
                &world,
                (n % 2) as usize,
                world.at(1 + n / 4, 9 + (n % 4) as u32, 0),
            )
        };
        let engine = if n.is_multiple_of(2) {
            &world.engine
        } else {
            &other
        };
        let mut request = world.request(Command::Hold(wanted));
        request.asker = Asker::Public;
        engine.execute(request)
    };
    let two_each = HoldLimits {
        per_owner: Some(2),
        ..HoldLimits::default()
    };
    let one = join_all((0..20).map(|n| limited(n, "session:one".into(), two_each))).await;
    assert_eq!(one.iter().filter(|answer| answer.is_ok()).count(), 2);
    for refusal in one.into_iter().filter_map(Result::err) {
        assert_eq!(code(refusal), "hold_limit");
    }
    // Three of the network: one more, whatever the session is called.
    let three = HoldLimits {
        per_address: Some(3),
        ..two_each
    };
    let many = join_all((20..40).map(|n| limited(n, format!("session:{n}"), three))).await;
    assert_eq!(many.iter().filter(|answer| answer.is_ok()).count(), 1);

    // A fifth of the day: 08:00 to 20:00 has 47 starts of half an hour, so 9 holds.
    let a_fifth = HoldLimits {
        percent_of_day: Some(20),
        ..HoldLimits::default()
    };
    let day = (0..20u32).map(|n| {
        let wanted = Hold {
            owner: format!("session:day {n}"),
            address: Some(format!("198.51.{n}.0/24")),
            limits: a_fifth,
            ..wish(&world, 0, world.at(30, 9 + n / 2, 30 * (n % 2)))
        };
        let engine = if n % 2 == 0 { &world.engine } else { &other };
        let mut request = world.request(Command::Hold(wanted));
        request.asker = Asker::Public;
        engine.execute(request)
    });
    let won = join_all(day).await;
    assert_eq!(won.iter().filter(|answer| answer.is_ok()).count(), 9);
    other.stop().await;
    world.assert_clean().await;
}

#[actix_rt::test]
async fn a_key_gives_the_first_hold_again() {
    let world = World::new(SIZE).await;
    let ask = || {
        let mut request = world.request(Command::Hold(wish(&world, 0, world.at(1, 9, 0))));
        request.key = Some("once".into());
        world.engine.execute(request)
    };
    let first = ask().await.unwrap();
    let again = ask().await.unwrap();
    assert!(again.replay);
    assert_eq!(first.done, again.done);
    world.assert_clean().await;
}
