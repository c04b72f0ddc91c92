//! Bytes on a WebSocket's connection: the handshake, and frames in every shape (RFC 6455).

mod raw;

use std::collections::VecDeque;

use serde_json::json;

use self::raw::{CLOSE, CONTINUATION, LAST, PING, PONG, Raw, TEXT, frame, head, request};
use crate::world::World;

/// The longest frame that is read.
const LONGEST: usize = 64 * 1024;

fn connect(world: &World) -> Vec<u8> {
    let connect = json!({ "id": 1, "type": "connect", "token": world.token() });
    connect.to_string().into_bytes()
}

#[actix_web::test]
async fn a_handshake_is_answered_to_the_letter() {
    let world = World::new().await;
    let mut raw = Raw::connect(world.address()).await;
    let id = "X-Request-Id: opening-1\r\n";
    raw.send(request("GET /ws", "", id).as_bytes()).await;
    let answer = raw.head().await;
    let mut lines: Vec<&str> = answer.trim_end().split("\r\n").collect();
    assert_eq!(lines.remove(0), "HTTP/1.1 101 Switching Protocols");
    lines.retain(|line| !line.starts_with("date: "));
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "cache-control: no-store",
            "connection: upgrade",
            "content-security-policy: default-src 'none'; frame-ancestors 'none'",
            "referrer-policy: no-referrer",
            "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            "sec-websocket-protocol: denticloud.v1",
            "upgrade: websocket",
            "x-content-type-options: nosniff",
            "x-request-id: opening-1",
        ]
    );

    let mut without = Raw::connect(world.address()).await;
    let none = request("GET /ws", "Sec-WebSocket-Protocol", "");
    without.send(none.as_bytes()).await;
    let answer = without.head().await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(!answer.contains("sec-websocket-protocol"), "{answer}");
    world.end().await;
}

#[actix_web::test]
async fn what_opens_no_websocket_is_answered_as_http() {
    let world = World::new().await;
    let version = "Sec-WebSocket-Version";
    let key = "Sec-WebSocket-Key";
    let long = "Content-Length: 2\r\n";
    for (target, without, with, expected) in [
        ("GET /ws", key, "", "400 Bad Request"),
        (
            "GET /ws",
            key,
            "Sec-WebSocket-Key: short\r\n",
            "400 Bad Request",
        ),
        ("GET /ws", version, "", "400 Bad Request"),
        (
            "GET /ws",
            version,
            "Sec-WebSocket-Version: 12\r\n",
            "426 Upgrade Required",
        ),
        ("GET /ws", "Connection", "", "400 Bad Request"),
        ("GET /ws", "Upgrade", "", "400 Bad Request"),
        ("GET /ws", "Upgrade", long, "400 Bad Request"),
        ("POST /ws", "", "", "405 Method Not Allowed"),
        ("GET /nowhere", "", "", "404 Not Found"),
        ("GET /healthz", "", "", "200 OK"),
        ("CONNECT localhost:80", "Upgrade", "", "404 Not Found"),
    ] {
        let mut raw = Raw::connect(world.address()).await;
        raw.send(request(target, without, with).as_bytes()).await;
        let answer = raw.head().await;
        let status = answer.strip_prefix("HTTP/1.1 ").unwrap_or_default();
        assert!(
            status.starts_with(expected),
            "{target} {without} {with}: {answer}"
        );
        assert!(answer.contains("x-request-id: "), "{answer}");
        let upgrades = without != "Upgrade" || target.starts_with("CONNECT");
        if upgrades && without != "Connection" {
            // Nobody knows what comes next on such a connection.
            assert!(answer.contains("connection: close"), "{answer}");
            let body = String::from_utf8(raw.rest().await).unwrap();
            let status: u16 = expected[..3].parse().unwrap();
            assert!(
                status == 200 || body.contains(&format!("\"status\":{status}")),
                "{body}"
            );
        }
    }
    assert_eq!(
        world.get("/ws").await.status,
        400,
        "on a connection that goes on"
    );
    world
        .until("no connection is left open", |app| app.sessions.is_empty())
        .await;
    world.end().await;
}

#[actix_web::test]
async fn the_first_frames_may_come_with_the_request() {
    let world = World::new().await;
    let mut raw = Raw::connect(world.address()).await;
    let mut bytes = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec();
    bytes.extend(request("GET /ws", "", "").into_bytes());
    bytes.extend(frame(LAST | TEXT, &connect(&world)));
    let half = frame(LAST | PING, b"half");
    bytes.extend(&half[..5]);
    raw.send(&bytes).await;
    let healthy = raw.head().await;
    assert!(healthy.starts_with("HTTP/1.1 200 "), "{healthy}");
    let length = healthy.split("content-length: ").nth(1);
    let length = length.and_then(|text| text.lines().next()).unwrap();
    raw.skip(length.parse().unwrap()).await;
    let opened = raw.head().await;
    assert!(opened.starts_with("HTTP/1.1 101 "), "{opened}");
    assert_eq!(raw.text().await["type"], "connected");
    raw.send(&half[5..]).await;
    assert_eq!(raw.frame().await, (LAST | PONG, b"half".to_vec()));
    world.end().await;
}

#[actix_web::test]
async fn a_message_may_come_in_any_pieces() {
    let world = World::new().await;
    let text = connect(&world);
    let mut raw = Raw::open(world.address()).await;
    raw.send(&frame(TEXT, &text[..7])).await;
    raw.send(&frame(LAST | PING, b"there?")).await;
    assert_eq!(raw.frame().await, (LAST | PONG, b"there?".to_vec()));
    raw.send(&frame(CONTINUATION, b"")).await;
    raw.send(&frame(LAST | CONTINUATION, &text[7..])).await;
    assert_eq!(raw.text().await["type"], "connected");

    let mut slow = Raw::open(world.address()).await;
    for byte in frame(LAST | TEXT, &text) {
        slow.send(&[byte]).await;
    }
    assert_eq!(slow.text().await["type"], "connected");

    let mut many = Raw::open(world.address()).await;
    let mut bytes = frame(LAST | TEXT, &text);
    for id in 2..12 {
        let unsubscribe = json!({
            "id": id, "type": "unsubscribe", "calendar": world.practice.tenant,
        });
        bytes.extend(frame(LAST | TEXT, unsubscribe.to_string().as_bytes()));
    }
    many.send(&bytes).await;
    for id in 1..12 {
        assert_eq!(many.text().await["id"], id);
    }
    world.end().await;
}

#[actix_web::test]
async fn what_is_too_long_is_told_by_its_head() {
    let world = World::new().await;
    let mut fits = Raw::open(world.address()).await;
    fits.send(&frame(LAST | TEXT, &vec![b' '; LONGEST])).await;
    assert_eq!(fits.text().await["code"], "bad_request", "it is read");
    fits.send(&frame(LAST | PING, b"")).await;
    assert_eq!(fits.frame().await, (LAST | PONG, vec![]), "it is open");

    // Nobody waits for what would not be read.
    let mut long = Raw::open(world.address()).await;
    long.send(&head(LAST | TEXT, LONGEST as u64 + 1)).await;
    let refused = long.text().await;
    assert_eq!(refused["message"], "A frame has at most 64 KiB.");
    assert_eq!(
        long.closed().await,
        (4008, "too many bad frames".to_owned())
    );

    let mut pieces = Raw::open(world.address()).await;
    pieces.send(&frame(TEXT, &vec![b' '; LONGEST])).await;
    pieces.send(&frame(LAST | CONTINUATION, b" ")).await;
    assert_eq!(pieces.text().await["code"], "bad_request");
    assert_eq!(pieces.closed().await.0, 4008);
    world.end().await;
}

#[actix_web::test]
async fn what_is_not_the_protocol_ends_the_connection() {
    let world = World::new().await;
    let unmasked = [LAST | TEXT, 2, b'{', b'}'].to_vec();
    let alone = frame(LAST | CONTINUATION, b"x");
    let twice = [frame(TEXT, b"x"), frame(TEXT, b"x")].concat();
    for (what, bytes) in [
        ("without a mask", unmasked),
        ("reserved bits", frame(LAST | 0x40 | TEXT, b"x")),
        ("an unknown opcode", frame(LAST | 0x3, b"x")),
        ("a fragment of a ping", frame(PING, b"x")),
        ("a long ping", frame(LAST | PING, &[0; 126])),
        ("a fragment of nothing", alone),
        ("a message in a message", twice),
        ("no UTF-8", frame(LAST | TEXT, b"\xff")),
    ] {
        let mut raw = Raw::open(world.address()).await;
        // What comes after it is not listened to, and does not keep the answer from arriving.
        let mut bytes = bytes;
        bytes.extend(frame(LAST | TEXT, &connect(&world)));
        raw.send(&bytes).await;
        assert_eq!(raw.closed().await, (1000, "bye".to_owned()), "{what}");
    }
    world
        .until("no session is left", |app| app.sessions.is_empty())
        .await;
    world.end().await;
}

#[actix_web::test]
async fn a_peer_that_ends_hears_what_was_said_to_it() {
    let world = World::new().await;
    let mut closing = Raw::open(world.address()).await;
    let mut bytes = frame(LAST | TEXT, &connect(&world));
    bytes.extend(frame(LAST | CLOSE, &1001_u16.to_be_bytes()));
    bytes.extend(frame(LAST | PING, b"too late"));
    closing.send(&bytes).await;
    assert_eq!(closing.text().await["type"], "connected");
    assert_eq!(closing.closed().await, (1000, "bye".to_owned()));

    let mut half = Raw::open(world.address()).await;
    half.send(&frame(LAST | TEXT, &connect(&world))).await;
    half.end().await;
    assert_eq!(half.text().await["type"], "connected");
    assert_eq!(half.closed().await, (1000, "bye".to_owned()));

    let torn = Raw::open(world.address()).await;
    drop(torn);
    world
        .until("no session is left", |app| app.sessions.is_empty())
        .await;
    drop((closing, half));
    world
        .until("no connection is left", |app| app.connections.open() == 0)
        .await;
    world.end().await;
}

#[actix_web::test]
async fn a_socket_is_one_of_the_connections_that_its_worker_may_have() {
    let world = World::with(|config| api::config::Config {
        workers: 1,
        connections_per_worker: 2,
        ..config
    })
    .await;
    let mut open = VecDeque::new();
    for _ in 0..2 {
        open.push_back(Raw::open(world.address()).await);
    }
    let mut waiting = Vec::new();
    for _ in 0..4 {
        let mut raw = Raw::connect(world.address()).await;
        raw.send(request("GET /ws", "", "").as_bytes()).await;
        waiting.push(raw);
    }
    for mut raw in waiting {
        open.pop_front();
        let answer = raw.head().await;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        let app = world.running_app();
        assert!(app.connections.open() <= 2 && app.sessions.len() <= 2);
        open.push_back(raw);
    }
    drop(open);
    world.end().await;
}
