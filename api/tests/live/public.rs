//! The public side of a practice: a session without a token sees what everybody may see.

use serde_json::json;

use crate::world::World;

#[actix_web::test]
async fn a_visitor_searches_and_may_do_nothing_that_members_do() {
    let world = World::new().await;
    let mut visitor = world.visitor().await;
    let search = json!({
        "type": "availability", "treatment": world.practice.short, "limit": 3,
        "from": world.at(2, 0, 0), "to": world.at(3, 0, 0),
    });
    let found = visitor.ask(search.clone()).await;
    assert_eq!(found["type"], "ok", "{found}");
    assert_eq!(
        found["result"]["slots"][0]["start"],
        json!(world.at(2, 8, 0))
    );

    let calendar = world.practice.dentists[0].1;
    let range = json!({ "from": world.at(0, 0, 0), "to": world.at(9, 0, 0) });
    let body = world.booking(0, 0, world.at(2, 9, 0));
    for frame in [
        json!({ "type": "subscribe", "calendar": calendar, "range": range }),
        json!({ "type": "subscribe", "calendar": calendar, "range": range, "tenant": world.practice.tenant }),
        json!({ "type": "book", "appointment": body }),
    ] {
        let refused = visitor.ask(frame).await;
        assert_eq!(refused["code"], "forbidden", "{refused}");
    }
    let refresh = visitor
        .ask(json!({ "type": "refresh", "token": "a.b.c" }))
        .await;
    assert_eq!(refresh["code"], "bad_request");

    world
        .sql("UPDATE treatments SET online_bookable = false; UPDATE tenants SET rules_version = 2")
        .await;
    world
        .running_app()
        .engine
        .rules_changed(world.practice.tenant);
    let hidden = visitor.ask(search.clone()).await;
    assert_eq!(hidden["code"], "not_found", "{hidden}");
    world.sql("UPDATE tenants SET status = 'suspended'").await;
    assert_eq!(visitor.ask(search).await["code"], "suspended");
    world.end().await;
}

#[actix_web::test]
async fn whoever_cannot_connect_hears_why_and_is_closed() {
    let world = World::new().await;
    let practice = &world.practice.subdomain;
    world
        .sql(
            "INSERT INTO tenants (id, name, subdomain, zone, status) VALUES \
             (gen_random_uuid(), 'Closed', 'closed', 'America/Guayaquil', 'suspended')",
        )
        .await;
    for (connect, code, closed) in [
        (json!({ "practice": "nobody" }), "not_found", 4003),
        (json!({ "practice": "closed" }), "suspended", 4003),
        (json!({}), "unauthorized", 4001),
        (json!({ "token": "a.b.c" }), "unauthorized", 4001),
    ] {
        let mut socket = world.bare_socket().await;
        let mut frame = connect;
        frame["type"] = json!("connect");
        assert_eq!(socket.ask(frame).await["code"], code);
        assert_eq!(socket.closed().await, closed);
    }
    let mut undecided = world.bare_socket().await;
    let both = json!({ "type": "connect", "practice": practice, "token": world.token() });
    assert_eq!(undecided.ask(both).await["code"], "bad_request");
    let one = json!({ "type": "connect", "practice": practice });
    assert_eq!(undecided.ask(one).await["type"], "connected");
    world.end().await;
}
