//! Short versions of the load tests: the real program as a process of its own, killed and started
//! again, and everybody at one slot. The long ones are `make load`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod nodes;

use std::path::PathBuf;

use load_tests::scenario::{faults, kill, rush};
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
