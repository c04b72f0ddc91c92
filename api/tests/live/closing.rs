//! Why sockets are closed, each reason with its code; and that a closed one is gone, whatever its
//! peer does.

use serde_json::{Value, json};

use crate::socket::Socket;
use crate::world::World;

fn subscribe(world: &World) -> Value {
    let range = json!({ "from": world.at(0, 0, 0), "to": world.at(40, 0, 0) });
    json!({ "type": "subscribe", "calendar": world.practice.dentists[0].1, "range": range })
}

#[actix_web::test]
async fn a_token_that_does_not_count_or_no_longer_is_4001() {
    let world = World::with(|config| api::config::Config {
        access_token_seconds: 2,
        ws_token_grace_ms: 100,
        ws_connect_ms: 200,
        ..config
    })
    .await;
    let mut forged = world.bare_socket().await;
    let connect = json!({ "type": "connect", "token": "a.b.c" });
    assert_eq!(forged.ask(connect).await["code"], "unauthorized");
    assert_eq!(forged.closed().await, 4001);

    let mut early = world.bare_socket().await;
    let refused = early.ask(json!({ "type": "cancel" })).await;
    assert_eq!(refused["type"], "error");
    assert_eq!(early.closed().await, 4001, "no connect in time");

    let mut ending = world.socket().await;
    assert_eq!(ending.ask(subscribe(&world)).await["type"], "snapshot");
    assert_eq!(ending.closed().await, 4001, "the token has ended");
    world.end().await;
}

#[actix_web::test]
async fn noise_and_floods_are_4008() {
    let world = World::with(|config| api::config::Config {
        ws_frames_per_second: 1,
        ..config
    })
    .await;
    let mut noisy = world.bare_socket().await;
    for _ in 0..20 {
        noisy.send_text("noise").await;
    }
    assert_eq!(noisy.closed().await, 4008);

    let mut hasty = world.socket().await;
    let mut last = 0;
    for _ in 0..29 {
        let unsubscribe = json!({ "type": "unsubscribe", "calendar": world.practice.tenant });
        last = hasty.say(unsubscribe).await;
    }
    let heard = hasty.answer(5).await;
    assert_eq!(heard["type"], "ok", "a burst is fine: {heard}");
    assert_eq!(hasty.answer(last).await["code"], "rate_limited");
    for _ in 0..20 {
        hasty.say(json!({ "type": "unsubscribe" })).await;
    }
    assert_eq!(hasty.closed().await, 4008);

    let mut huge = world.bare_socket().await;
    huge.send_text(&"x".repeat(65 * 1024)).await;
    assert_eq!(huge.next_of("error").await["code"], "bad_request");
    assert_eq!(huge.closed().await, 4008);
    world.end().await;
}

#[actix_web::test]
async fn too_many_sessions_are_4101() {
    let world = World::with(|config| api::config::Config {
        ws_sessions: 4,
        ws_sessions_per_user: 2,
        ws_sessions_per_address: 1,
        ..config
    })
    .await;
    let (first, mut second) = (world.socket().await, world.socket().await);
    let mut third = world.bare_socket().await;
    let connect = json!({ "type": "connect", "token": world.token() });
    let refused = third.ask(connect).await;
    assert_eq!(
        (&refused["code"], &refused["retryable"]),
        (&json!("rate_limited"), &json!(true))
    );
    assert_eq!(third.closed().await, 4101);
    drop(first);
    world
        .until("two sessions left", |app| app.sessions.len() == 1)
        .await;
    let _again = world.socket().await;

    let _visitor = world.visitor().await;
    let mut another = world.bare_socket().await;
    let connect = json!({ "type": "connect", "practice": world.practice.subdomain });
    assert_eq!(another.ask(connect).await["code"], "rate_limited");
    assert_eq!(another.closed().await, 4101);
    world
        .until("three sessions left", |app| app.sessions.len() == 3)
        .await;

    let _fourth = world.bare_socket().await;
    let mut fifth = world.bare_socket().await;
    assert_eq!(
        fifth.closed().await,
        4101,
        "of everybody's there are enough"
    );
    assert_eq!(second.ask(subscribe(&world)).await["type"], "snapshot");
    world.end().await;
}

#[actix_web::test]
async fn a_server_that_stops_is_4201() {
    let world = World::new().await;
    let mut open = world.socket().await;
    let draining = tokio::task::spawn_local(async move { open.closed().await });
    world.running_app().sessions.drain();
    let mut late = world.bare_socket().await;
    assert_eq!(late.closed().await, 4201, "accepted just before the end");
    world.end().await;
    assert_eq!(draining.await.unwrap(), 4201);
}

#[actix_web::test]
async fn limits_of_one_session_are_told_and_harm_nothing_else() {
    let world = World::with(|config| api::config::Config {
        ws_subscriptions: 1,
        ws_commands: 0,
        ..config
    })
    .await;
    let mut socket = world.socket().await;
    assert_eq!(socket.ask(subscribe(&world)).await["type"], "snapshot");
    let mut second = subscribe(&world);
    second["calendar"] = json!(world.practice.operatories[0].1);
    assert_eq!(socket.ask(second.clone()).await["code"], "validation");
    assert_eq!(
        socket.ask(subscribe(&world)).await["type"],
        "snapshot",
        "the same again is no more"
    );
    let unsubscribe = json!({ "type": "unsubscribe", "calendar": world.practice.dentists[0].1 });
    assert_eq!(socket.ask(unsubscribe).await["type"], "ok");
    assert_eq!(socket.ask(second).await["type"], "snapshot");

    let body = world.booking(0, 0, world.at(1, 9, 0));
    let busy = socket
        .ask(json!({ "type": "book", "appointment": body }))
        .await;
    assert_eq!(
        (&busy["code"], &busy["retryable"]),
        (&json!("busy"), &json!(true))
    );
    world.end().await;
}

/// All timings short, so that what takes a minute elsewhere takes a second here.
fn impatient(config: api::config::Config) -> api::config::Config {
    api::config::Config {
        membership_cache_ms: 60_000,
        ws_connect_ms: 500,
        ws_ping_ms: 300,
        ws_pong_ms: 300,
        ws_drain_ms: 300,
        ws_close_ms: 300,
        tcp_stuck_ms: 700,
        ws_outbox_bytes: 32 * 1024,
        ws_sessions_per_user: 10_000,
        ..config
    }
}

#[actix_web::test]
async fn a_peer_that_answers_no_ping_is_4203() {
    let world = World::with(impatient).await;
    let (mut silent, mut lively) = (world.socket().await, world.socket().await);
    // A client that reads answers pings; this one does not read for a while.
    let listening = tokio::task::spawn_local(async move {
        let code = lively.closed().await;
        (lively, code)
    });
    world
        .until("one session left", |app| app.sessions.len() == 1)
        .await;
    assert_eq!(silent.closed().await, 4203);
    assert!(!listening.is_finished());
    listening.abort();
    world.end().await;
}

/// Asks for more than the kernel's buffers hold and reads none of it.
async fn gorge(world: &World) -> Socket {
    let mut socket = world.narrow_socket().await;
    let connect = json!({ "type": "connect", "token": world.token() });
    socket.say(connect).await;
    let search = json!({
        "type": "availability", "treatment": world.practice.short, "limit": 200,
        "from": world.at(1, 0, 0), "to": world.at(2, 0, 0),
    });
    for _ in 0..200 {
        if socket.try_say(search.clone()).await.is_none() {
            break; // it is closed already
        }
    }
    socket
}

#[actix_web::test]
async fn a_thousand_sockets_that_read_nothing_are_given_back() {
    let world = World::with(impatient).await;
    let mut peers = Vec::new();
    for number in 0..1000 {
        let mut peer = world.bare_socket().await;
        // Some say nothing, some connect, some follow as well.
        if number % 3 > 0 {
            peer.say(json!({ "type": "connect", "token": world.token() }))
                .await;
        }
        if number % 3 > 1 {
            peer.say(subscribe(&world)).await;
        }
        peers.push(peer);
    }
    for _ in 0..4 {
        peers.push(gorge(&world).await);
    }
    world
        .until("no session is left", |app| app.sessions.is_empty())
        .await;
    world
        .until("no connection is left", |app| app.connections.open() == 0)
        .await;
    let mut codes = std::collections::BTreeMap::new();
    for mut peer in peers {
        *codes.entry(peer.closed().await).or_insert(0) += 1;
    }
    // Whoever said nothing, whoever answered no ping; those with a stuck socket hear nothing more.
    assert!(codes[&4001] >= 300 && codes[&4203] >= 600, "{codes:?}");
    let mut after = world.socket().await;
    assert_eq!(after.ask(subscribe(&world)).await["type"], "snapshot");
    world.end().await;
}

/// The value of a counter, as whoever scrapes it sees it; 0 before it first counts.
async fn counted(world: &World, name: &str) -> f64 {
    let metrics = world.get("/metrics").await.body;
    let mut lines = metrics.as_str().unwrap().lines();
    let value = lines.find_map(|line| line.strip_prefix(name));
    value.map_or(0.0, |value| value.trim().parse().unwrap())
}

#[actix_web::test]
async fn a_reader_that_is_too_slow_is_4102_and_costs_nobody_anything() {
    let world = World::with(|config| api::config::Config {
        ws_drain_ms: 100,
        ws_close_ms: 30_000,
        ..config
    })
    .await;
    // It follows what its colleagues follow, asks for far more than is kept for it, and reads nothing.
    let mut slow = world.narrow_socket().await;
    slow.say(json!({ "type": "connect", "token": world.token() }))
        .await;
    slow.say(subscribe(&world)).await;
    let search = json!({
        "type": "availability", "treatment": world.practice.short, "limit": 200,
        "from": world.at(1, 0, 0), "to": world.at(20, 0, 0),
    });
    for _ in 0..24 {
        slow.say(search.clone()).await;
    }
    let mut quick = world.socket().await;
    let begins = quick.ask(subscribe(&world)).await;
    let mut version = begins["version"].as_i64().unwrap();
    let mut reception = world.socket().await;
    let booking = world.booking(0, 0, world.at(1, 9, 0));
    let closings = "denticloud_ws_closings_total{code=\"4102\"}";
    let dropped = "denticloud_ws_deltas_dropped_total";
    let mut rounds = 0;
    while counted(&world, closings).await < 1.0 {
        rounds += 1;
        assert!(rounds < 1000, "it is never closed");
        // Only until its changes go: it is closed because it does not drain, not because it asks on.
        if counted(&world, dropped).await < 1.0 {
            slow.say(search.clone()).await;
        }
        let book = json!({ "type": "book", "appointment": booking });
        let booked = reception.ask(book).await;
        assert_eq!(booked["type"], "ok", "{booked}");
        let cancel = json!({ "type": "cancel", "appointmentId": booked["result"]["id"] });
        assert_eq!(reception.ask(cancel).await["type"], "ok");
        for _ in 0..2 {
            let delta = quick.next_of("delta").await;
            assert_eq!(delta["prev"], version, "nothing is missing: {delta}");
            version += 1;
            assert_eq!(delta["version"], version);
        }
    }
    assert!(counted(&world, dropped).await >= 1.0);
    assert_eq!(slow.closed().await, 4102);
    drop(slow);
    world
        .until("two sessions left", |app| app.sessions.len() == 2)
        .await;
    assert_eq!(quick.ask(subscribe(&world)).await["version"], version);
    world.end().await;
}
