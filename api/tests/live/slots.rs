//! Feeds of free slots: what a booking page shows, computed once for all who look.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use engine::clock::Clock;
use serde_json::{Value, json};

use crate::socket::Socket;
use crate::world::World;

/// The month of a day some days from today, and the frame that follows it.
fn subscribe(world: &World, days: u64, dentist: Option<usize>) -> Value {
    let zone = chrono_tz::America::Guayaquil;
    let month = world.at(days, 12, 0).with_timezone(&zone).format("%Y-%m");
    let dentist = dentist.map(|number| world.dentist(number));
    json!({
        "type": "subscribeSlots", "practice": world.practice.subdomain,
        "treatment": world.practice.short, "dentist": dentist, "month": month.to_string(),
    })
}

/// The slots of a feed by the client's rule.
#[derive(Debug, Default, PartialEq)]
struct Slots(BTreeSet<(String, String)>);

impl Slots {
    fn of(frame: &Value) -> Self {
        let mut slots = Self::default();
        slots.add(&frame["slots"]);
        slots
    }

    fn keys(list: &Value) -> impl Iterator<Item = (String, String)> {
        list.as_array().unwrap().iter().map(|slot| {
            let text = |field: &str| slot[field].as_str().unwrap().to_owned();
            (text("start"), text("dentistId"))
        })
    }

    fn add(&mut self, list: &Value) {
        self.0.extend(Self::keys(list));
    }

    fn apply(&mut self, delta: &Value) {
        for key in Self::keys(&delta["removed"]) {
            assert!(self.0.remove(&key), "{key:?} was not there");
        }
        self.add(&delta["added"]);
    }

    fn has(&self, start: DateTime<Utc>, dentist: impl ToString) -> bool {
        let start = json!(start).as_str().unwrap().to_owned();
        self.0.contains(&(start, dentist.to_string()))
    }
}

async fn begin(socket: &mut Socket, frame: Value) -> (Value, Slots) {
    let answer = socket.ask(frame).await;
    assert_eq!(answer["type"], "slots", "{answer}");
    let slots = Slots::of(&answer);
    (answer["feed"].clone(), slots)
}

#[actix_web::test]
async fn a_booked_slot_goes_and_a_cancelled_one_comes_back_for_everybody() {
    let world = World::new().await;
    let mut visitors = Vec::new();
    for _ in 0..20 {
        let mut visitor = world.visitor().await;
        let (feed, slots) = begin(&mut visitor, subscribe(&world, 3, Some(0))).await;
        visitors.push((visitor, feed, slots));
    }
    // Somebody else's feed: of any dentist.
    let mut any = world.socket().await;
    let (_, mut all) = begin(&mut any, subscribe(&world, 3, None)).await;
    let (start, dentist) = (world.at(3, 9, 0), world.dentist(0));
    assert!(visitors[0].2.has(start, dentist) && all.has(start, world.dentist(1)));
    assert_eq!(world.running_app().slot_feeds.len(), 2);
    let before = world.running_app().slot_feeds.computations();

    let mut reception = world.socket().await;
    let booking = world.booking(0, 0, start);
    let booked = reception
        .ask(json!({ "type": "book", "appointment": booking }))
        .await;
    assert_eq!(booked["type"], "ok", "{booked}");
    for (visitor, feed, slots) in &mut visitors {
        let delta = visitor.next_of("slotsDelta").await;
        assert_eq!(&delta["feed"], feed);
        slots.apply(&delta);
        assert!(!slots.has(start, dentist));
        assert!(
            !slots.has(world.at(3, 8, 45), dentist),
            "it would reach into the visit"
        );
        assert!(slots.has(world.at(3, 8, 30), dentist) && slots.has(world.at(3, 9, 30), dentist));
    }
    all.apply(&any.next_of("slotsDelta").await);
    assert!(!all.has(start, dentist));
    assert!(
        all.has(start, world.dentist(1)),
        "another one is free in another chair"
    );
    let computed = world.running_app().slot_feeds.computations() - before;
    assert!(
        (2..=6).contains(&computed),
        "{computed} for two feeds, not for 21 followers"
    );

    let cancel = json!({ "type": "cancel", "appointmentId": booked["result"]["id"] });
    assert_eq!(reception.ask(cancel).await["type"], "ok");
    for (visitor, _, slots) in &mut visitors {
        slots.apply(&visitor.next_of("slotsDelta").await);
        assert!(slots.has(start, dentist));
    }
    // What was followed from the start is what somebody new sees.
    let mut late = world.visitor().await;
    let (_, fresh) = begin(&mut late, subscribe(&world, 3, Some(0))).await;
    assert_eq!(fresh, visitors[0].2);

    let (mut leaving, feed, _) = visitors.remove(0);
    let unsubscribe = json!({ "type": "unsubscribeSlots", "feed": feed });
    assert_eq!(leaving.ask(unsubscribe).await["type"], "ok");
    drop((visitors, late, any));
    world
        .until("nobody follows", |app| app.slot_feeds.is_empty())
        .await;
    world.end().await;
}

#[actix_web::test]
async fn changed_rules_change_the_slots() {
    let world = World::new().await;
    let mut visitor = world.visitor().await;
    let (_, mut slots) = begin(&mut visitor, subscribe(&world, 3, None)).await;
    assert!(slots.has(world.at(3, 8, 0), world.dentist(0)));
    let closed = world.at(3, 12, 0).format("%Y-%m-%d").to_string();
    world
        .sql(&format!(
            "SET app.super_admin = 'true';
             INSERT INTO schedule_exceptions (id, scope, tenant_id, kind, from_date, to_date) VALUES
                 (gen_random_uuid(), 'tenant', '{tenant}', 'closed', '{closed}', '{closed}');
             SELECT tenant_rules_changed('{tenant}')",
            tenant = world.practice.tenant
        ))
        .await;
    slots.apply(&visitor.next_of("slotsDelta").await);
    assert!(!slots.has(world.at(3, 8, 0), world.dentist(0)));
    assert!(
        slots.has(world.at(4, 8, 0), world.dentist(0)) || world.at(4, 0, 0) > month_end(&world)
    );

    world
        .sql(&format!(
            "SET app.super_admin = 'true'; UPDATE treatments SET online_bookable = false;
             SELECT tenant_rules_changed('{}')",
            world.practice.tenant
        ))
        .await;
    slots.apply(&visitor.next_of("slotsDelta").await);
    assert_eq!(slots, Slots::default());
    let refused = visitor.ask(subscribe(&world, 3, None)).await;
    assert_eq!(refused["code"], "not_found");
    world.end().await;
}

fn month_end(world: &World) -> DateTime<Utc> {
    use chrono::Datelike;
    let zone = chrono_tz::America::Guayaquil;
    let (today, fourth) = (world.at(3, 0, 0), world.at(4, 0, 0));
    let month = |at: DateTime<Utc>| at.with_timezone(&zone).month();
    if month(today) == month(fourth) {
        DateTime::<Utc>::MAX_UTC
    } else {
        fourth
    }
}

#[actix_web::test]
async fn time_that_passes_takes_slots_with_it() {
    let ahead = Arc::new(AtomicI64::new(0));
    let read = Arc::clone(&ahead);
    let world = World::at_time(Clock::of(move || {
        Utc::now() + TimeDelta::milliseconds(read.load(Ordering::SeqCst))
    }))
    .await;
    // Visits are booked an hour ahead: the one at ten until the minute of nine is over.
    let (ten, dentist) = (world.at(2, 10, 0), world.dentist(0));
    let over = world.at(2, 9, 1);
    let mut visitor = world.visitor().await;
    let (feed, mut slots) = loop {
        let now = over - TimeDelta::seconds(2);
        ahead.store((now - Utc::now()).num_milliseconds(), Ordering::SeqCst);
        let (feed, slots) = begin(&mut visitor, subscribe(&world, 2, Some(0))).await;
        if slots.has(ten, dentist) {
            break (feed, slots);
        }
        // It took so long that the minute was over already.
        let unsubscribe = json!({ "type": "unsubscribeSlots", "feed": feed });
        assert_eq!(visitor.ask(unsubscribe).await["type"], "ok");
        world
            .until("the feed ends", |app| app.slot_feeds.is_empty())
            .await;
    };
    let delta = visitor.next_of("slotsDelta").await;
    assert_eq!((&delta["feed"], &delta["added"]), (&feed, &json!([])));
    slots.apply(&delta);
    assert!(!slots.has(ten, dentist) && slots.has(world.at(2, 10, 15), dentist));
    world.end().await;
}

#[actix_web::test]
async fn a_held_slot_is_taken_for_all_but_its_holder() {
    let world = World::new().await;
    let (mut holder, mut other) = (world.visitor().await, world.visitor().await);
    let (_, mut own) = begin(&mut holder, subscribe(&world, 3, Some(0))).await;
    let (_, mut theirs) = begin(&mut other, subscribe(&world, 3, Some(0))).await;
    let (start, dentist) = (world.at(3, 9, 0), world.dentist(0));
    let wish = json!({
        "type": "hold", "treatmentId": world.practice.short, "dentistId": dentist, "start": start,
    });
    let held = holder.ask(wish).await;
    assert_eq!(held["type"], "ok", "{held}");
    theirs.apply(&other.next_of("slotsDelta").await);
    assert!(!theirs.has(start, dentist));
    // The holder hears of its own slot, and of the ones beside it that are gone, in some order.
    let mut mine = false;
    while !mine || own.has(world.at(3, 8, 45), dentist) {
        let delta = holder.next_of("slotsDelta").await;
        for slot in delta["added"].as_array().unwrap() {
            assert_eq!(
                (&slot["start"], &slot["mine"]),
                (&json!(start), &json!(true))
            );
            mine = true;
        }
        // A slot that was there is replaced.
        own.apply(&delta);
    }
    assert!(own.has(start, dentist));
    let again = holder.ask(subscribe(&world, 3, None)).await;
    let slot = again["slots"]
        .as_array()
        .unwrap()
        .iter()
        .find(|slot| slot["start"] == json!(start) && slot["dentistId"] == json!(dentist));
    assert_eq!(slot.unwrap()["mine"], true);

    let release = json!({ "type": "release", "holdId": held["result"]["id"] });
    assert_eq!(holder.ask(release).await["type"], "ok");
    theirs.apply(&other.next_of("slotsDelta").await);
    assert!(theirs.has(start, dentist));
    world.end().await;
}

#[actix_web::test]
async fn what_cannot_be_followed_says_why() {
    let world = World::new().await;
    let mut visitor = world.visitor().await;
    for (field, wrong, code) in [
        ("practice", json!("nobody"), "not_found"),
        ("treatment", json!(world.practice.tenant), "not_found"),
        ("dentist", json!(world.practice.tenant), "not_found"),
        ("month", json!("2027-3"), "validation"),
        ("treatment", json!(7), "bad_request"),
    ] {
        let mut frame = subscribe(&world, 3, None);
        frame[field] = wrong;
        let refused = visitor.ask(frame).await;
        assert_eq!(refused["code"], code, "{field}: {refused}");
    }
    let mut own = subscribe(&world, 3, None);
    own["practice"] = Value::Null;
    assert_eq!(
        visitor.ask(own).await["type"],
        "slots",
        "a visitor is in a practice"
    );
    for month in ["2027-01", "2027-02", "2027-03"] {
        let mut frame = subscribe(&world, 3, None);
        frame["month"] = json!(month);
        assert_eq!(visitor.ask(frame).await["type"], "slots");
    }
    let fifth = visitor.ask(subscribe(&world, 3, Some(1))).await;
    assert_eq!(fifth["code"], "validation", "four at a time: {fifth}");
    world.end().await;
}
