//! Short versions of the load tests: the real program as a process of its own, killed and started
//! again, and everybody at one slot. The long ones are `make load`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod nodes;

use std::path::PathBuf;

use load_tests::pace::Rate;
use load_tests::report::Summary;
use load_tests::scenario::load::{Load, Speed, Swarm};
use load_tests::scenario::{faults, kill, rush, soak, steady};
use load_tests::stage::Setup;

fn setup() -> Setup {
    Setup {
        database_url: std::env::var("DATABASE_URL")
            .expect("tests need DATABASE_URL, a Postgres they may create databases on: make test"),
        server_binary: PathBuf::from(env!("CARGO_BIN_EXE_denticloud")),
        jwt_secret: "a secret for tests, long enough for HS256".to_owned(),
        // Many tests share the database's connections.
        environment: [
            ("DENTICLOUD_APP_POOL_SIZE", "4"),
            ("DENTICLOUD_ENGINE_POOL_SIZE", "2"),
            ("DENTICLOUD_WORKERS", "2"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into(),
        keep: false,
    }
}

/// Everything that people do in a day has been done, and nothing was refused.
fn was_a_day(summary: &Summary) {
    assert!(summary.verdict.is_clean(), "{summary}");
    assert!(summary.errors.is_empty(), "{summary}");
    let kinds: Vec<&str> = summary.kinds.keys().copied().collect();
    let wanted = [
        "availability",
        "booking",
        "calendar",
        "cancellation",
        "confirmation",
        "reschedule",
    ];
    assert_eq!(kinds, wanted, "{summary}");
    let counts: Vec<u64> = summary.kinds.values().map(|kind| kind.done).collect();
    assert!(counts.iter().all(|count| *count > 0), "{summary}");
    assert_eq!(counts.iter().sum::<u64>(), summary.done, "{summary}");
}

#[tokio::test]
async fn a_day_of_a_city_over_rest_has_no_error() {
    let options = steady::Options {
        load: Load {
            tenants: 4,
            warm_up: 1,
            ..Load::default()
        },
        swarm: Swarm {
            clients: 8,
            rest: true,
            keys: true,
            ..Swarm::default()
        },
        seconds: 3,
        ..steady::Options::default()
    };
    let rate = Rate::PerSecond(150.0);
    let summary = steady::play(&setup(), &options, rate, rand::random()).await;
    was_a_day(&summary.unwrap());
}

#[tokio::test]
async fn a_city_over_sockets_in_which_everybody_has_all_the_visits_that_they_may() {
    let options = soak::Options {
        load: Load {
            tenants: 4,
            warm_up: 1,
            rate: Speed::At(Rate::PerSecond(150.0)),
            ..Load::default()
        },
        swarm: Swarm {
            clients: 8,
            ..Swarm::default()
        },
        minutes: 0.05,
        visits: 4,
    };
    let mut told = Vec::new();
    soak::run(&setup(), &options, rand::random(), |summary| {
        told.push(summary);
    })
    .await
    .unwrap();
    let [summary] = told.as_slice() else {
        panic!("one summary: {told:?}")
    };
    was_a_day(summary);
    let fact = |name: &str| {
        let fact = summary.facts.iter().find(|(known, _)| *known == name);
        fact.unwrap_or_else(|| panic!("{name}: {summary}")).1
    };
    for moment in ["at the start", "half-way", "at the end"] {
        assert!(fact(&format!("server's memory {moment}, MiB")) > 1.0);
    }
    let visits = fact("visits booked at the end");
    assert!(visits > 0.0 && visits <= 32.0, "{summary}");
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let options = kill::Options {
        bookings: 300,
        clients: 16,
        kills: 2,
        followers: 2,
    };
    let seed = rand::random();
    let played = kill::run(&setup(), &options, seed).await.unwrap();
    let summary = &played.summary;
    assert!(summary.verdict.is_clean(), "{summary}");
    assert_eq!(played.acknowledged, options.bookings, "{summary}");
    assert_eq!(played.killed_at.len(), 2, "{summary}");
    // Two dentists and two chairs for each follower: a state at first, and never again.
    let calendars = options.followers * 4;
    assert_eq!(played.seen.snapshots, calendars, "{summary}");
    assert!(played.seen.resumed >= calendars, "{summary}");
}

#[tokio::test]
async fn cut_connections_kills_and_slow_readers_cost_no_version() {
    let options = faults::Options {
        clients: 30,
        kills: 1,
        seconds: 4,
    };
    let played = faults::run(&setup(), &options, rand::random())
        .await
        .unwrap();
    let (summary, seen) = (&played.summary, &played.seen);
    assert!(summary.verdict.is_clean(), "{summary}");
    assert!(seen.cuts > 0 && seen.resumed > 0, "{summary}");
    assert!(seen.deltas > 0, "{summary}");
}

#[tokio::test]
async fn of_all_who_want_one_slot_one_gets_it() {
    let options = rush::Options {
        clients: 50,
        rounds: 4,
    };
    let summary = rush::run(&setup(), &options).await.unwrap();
    assert!(summary.verdict.is_clean(), "{summary}");
    assert_eq!(summary.done, 2 * options.rounds, "{summary}");
    let refused = 2 * options.rounds * (options.clients - 1);
    assert_eq!(
        summary.errors.get("slot_taken"),
        Some(&refused),
        "{summary}"
    );
    assert_eq!(summary.errors.len(), 1, "{summary}");
}
