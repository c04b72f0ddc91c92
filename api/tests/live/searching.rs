//! Searching in every combination, and what is said of times that cannot be booked.

use reqwest::Method;
use schema::test_db::practice::Practice;
use serde_json::{Value, json};

use crate::world::{Answer, World};

/// The query of a search on the local day after tomorrow.
fn day(world: &World, more: &str) -> String {
    let text = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    format!(
        "treatment={}&from={}&to={}&limit=200{more}",
        world.practice.short,
        text(world.at(2, 0, 0)),
        text(world.at(3, 0, 0)),
    )
}

async fn slots(world: &World, more: &str) -> Vec<Value> {
    let path = format!("/availability?{}", day(world, more));
    let found = world.get(&path).await.expect(200);
    found["slots"].as_array().unwrap().clone()
}

fn distinct<'a>(slots: &'a [Value], field: &str) -> Vec<&'a str> {
    let mut found: Vec<&str> = slots
        .iter()
        .map(|one| one[field].as_str().unwrap())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[actix_web::test]
async fn any_combination_and_by_score() {
    let world = World::new().await;
    let [first, second] = [world.dentist(0), world.dentist(1)];
    let chair = world.practice.operatories[1].0;
    let clinic = world.practice.clinic;
    assert_eq!(distinct(&slots(&world, "").await, "dentistId").len(), 2);
    for both in [
        format!("&dentist={first}&dentist={second}"),
        format!("&dentist={first},{second}&clinic={clinic}"),
    ] {
        assert_eq!(distinct(&slots(&world, &both).await, "dentistId").len(), 2);
    }
    let narrow = slots(
        &world,
        &format!("&dentist={second}&operatory={chair}&duration=45"),
    )
    .await;
    assert_eq!(distinct(&narrow, "dentistId"), [second.to_string()]);
    assert_eq!(distinct(&narrow, "operatoryId"), [chair.to_string()]);
    assert_eq!(narrow.len(), 46, "08:00 to 19:15");
    assert!(narrow[0].get("score").is_none());

    // 09:00 to 09:30 is taken: the best one near 10:00 leaves nothing useless beside it.
    let booked = world.booking(0, 0, world.at(2, 9, 0));
    world.post("/appointments", &booked).await.expect(201);
    let near = world.at(2, 9, 45).format("%Y-%m-%dT%H:%M:%SZ");
    let best = slots(&world, &format!("&dentist={first}&order=best&near={near}")).await;
    assert_eq!(best[0]["start"], json!(world.at(2, 9, 30)), "{:?}", best[0]);
    let scores: Vec<u64> = best
        .iter()
        .map(|one| one["score"].as_u64().unwrap())
        .collect();
    assert!(scores.is_sorted_by(|a, b| a >= b) && scores[0] <= 100);
    let path = |more: &str| format!("/availability?{}", day(&world, more));
    for (more, status) in [
        ("&order=latest".to_owned(), 400),
        ("&dentist=7".to_owned(), 400),
        (format!("&dentist={first},{clinic}"), 404),
        (format!("&clinic={chair}"), 404),
        ("&order=best&near=tomorrow".to_owned(), 422),
        ("&duration=0".to_owned(), 422),
        (format!("&tenants={clinic}"), 403),
    ] {
        let refused = world.get(&path(&more)).await;
        assert_eq!(refused.status, status, "{more}: {refused:?}");
    }

    // Another practice of the same owner, in the same operatories, with the same treatment.
    let other = Practice::seed_sharing(&world.db, &world.practice, 1).await;
    let [mine, theirs] = [world.practice.tenant, other.tenant];
    let own = &world.practice.owner;
    world
        .sql(&format!(
            "INSERT INTO memberships (tenant_id, user_id, role) VALUES ('{theirs}', '{own}', 'admin')"
        ))
        .await;
    let several = format!("{}&tenants={mine},{theirs}", path(""));
    let here = [("X-Tenant-Id", mine.to_string())];
    let here = here.each_ref().map(|(name, value)| (*name, value.as_str()));
    let several = world.send_with(Method::GET, &several, None, &here).await;
    let several = several.expect(200);
    let several = several["slots"].as_array().unwrap();
    assert_eq!(distinct(several, "tenantId").len(), 2);
    assert_eq!(distinct(several, "treatmentId").len(), 2);
    assert_eq!(distinct(several, "dentistId").len(), 3);
    assert!(several.is_sorted_by_key(|one| one["start"].as_str().unwrap().to_owned()));
    world.end().await;
}

#[actix_web::test]
async fn what_is_in_the_way_is_told_to_those_who_may_know() {
    let world = World::new().await;
    let start = world.at(2, 9, 0);
    let booked = world.booking(0, 0, start);
    world.post("/appointments", &booked).await.expect(201);
    let (dentist, calendar) = world.practice.dentists[0];
    let ask = |at: chrono::DateTime<chrono::Utc>| {
        let at = at.format("%Y-%m-%dT%H:%M:%SZ");
        let treatment = world.practice.short;
        format!("/availability/explain?treatment={treatment}&dentist={dentist}&start={at}")
    };
    let free = world.get(&ask(world.at(2, 10, 0))).await.expect(200);
    assert_eq!(free["reasons"], json!([]));
    let taken = world.get(&ask(start)).await.expect(200);
    let reasons = taken["reasons"].as_array().unwrap();
    // The other operatory is free: only the dentist is in the way.
    assert_eq!(reasons.len(), 1, "{taken}");
    assert_eq!(reasons[0]["code"], "slot_taken");
    assert_eq!(reasons[0]["calendarId"], json!(calendar));
    assert_eq!(reasons[0]["start"], json!(start));
    assert!(
        reasons[0]["detail"]
            .as_str()
            .unwrap()
            .contains("appointment")
    );
    let early = world.get(&ask(world.at(2, 7, 0))).await.expect(200);
    assert!(distinct(early["reasons"].as_array().unwrap(), "code").contains(&"outside_hours"));
    let unknown = world
        .get(&format!(
            "{}&operatory={}",
            ask(start),
            world.practice.clinic
        ))
        .await;
    assert_eq!(unknown.code(), "not_found");

    // The same of staff over the socket; the public learns that it is taken, and no more.
    let frame = json!({ "type": "explain", "treatment": world.practice.short,
        "dentist": dentist, "start": start });
    let mut socket = world.socket().await;
    let told = socket.ask(frame.clone()).await;
    assert_eq!(told["result"]["reasons"], taken["reasons"], "{told}");
    let mut visitor = world.visitor().await;
    let told = visitor.ask(frame).await;
    let reason = &told["result"]["reasons"][0];
    assert_eq!(reason["code"], "slot_taken", "{told}");
    for hidden in ["calendarId", "start", "end"] {
        assert!(reason.get(hidden).is_none(), "{told}");
    }
    assert!(!reason["detail"].as_str().unwrap().contains("appointment"));

    world.end().await;
}

#[actix_web::test]
async fn what_would_be_overridden_is_told_as_booking_would_take_it() {
    let world = World::new().await;
    let noon = world.at(2, 12, 0);
    let booked = world.booking(0, 0, noon);
    world.post("/appointments", &booked).await.expect(201);
    let (dentist, _) = world.practice.dentists[0];
    let treatment = world.practice.short;
    let ask = |at: chrono::DateTime<chrono::Utc>, overrides: &str| {
        let at = at.format("%Y-%m-%dT%H:%M:%SZ");
        format!(
            "/availability/explain?treatment={treatment}&dentist={dentist}&start={at}{overrides}"
        )
    };
    // What is explained is what a booking with the same overrides meets.
    let cases = [
        (world.at(2, 10, 0), vec![], vec![], true),
        (
            world.at(2, 6, 0),
            vec![],
            vec![("outside_hours", false)],
            false,
        ),
        (
            world.at(2, 6, 0),
            vec!["outside_hours", "daily_cap"],
            vec![("outside_hours", true)],
            true,
        ),
        (
            world.at(500, 6, 0),
            vec!["outside_hours"],
            vec![("beyond_horizon", false), ("outside_hours", true)],
            false,
        ),
        (
            world.at(500, 6, 0),
            vec!["beyond_horizon", "outside_hours"],
            vec![("beyond_horizon", true), ("outside_hours", true)],
            true,
        ),
        (
            noon,
            vec!["outside_hours"],
            vec![("slot_taken", false)],
            false,
        ),
    ];
    let mut socket = world.socket().await;
    for (at, overrides, expected, bookable) in cases {
        let query: String = overrides
            .iter()
            .map(|code| format!("&override={code}"))
            .collect();
        let told = world.get(&ask(at, &query)).await.expect(200);
        let mut reasons: Vec<(&str, bool)> = told["reasons"]
            .as_array()
            .unwrap()
            .iter()
            .map(|reason| {
                let overridden = reason.get("overridden").is_some_and(|it| it == true);
                (reason["code"].as_str().unwrap(), overridden)
            })
            .collect();
        reasons.dedup();
        assert_eq!(reasons, expected, "{told}");
        assert_eq!(told["bookable"], bookable, "{told}");
        let frame = json!({ "type": "explain", "treatment": treatment, "dentist": dentist,
            "start": at, "override": overrides });
        assert_eq!(socket.ask(frame).await["result"], told);
        let mut booking = world.booking(1, 0, at);
        booking["override"] = json!(overrides);
        let answer = world.post("/appointments", &booking).await;
        assert_eq!(answer.status == 201, bookable, "{answer:?}");
        if bookable {
            let path = format!(
                "/appointments/{}/cancel",
                answer.body["id"].as_str().unwrap()
            );
            world.post(&path, &json!({})).await.expect(200);
        }
    }

    let never = world.get(&ask(noon, "&override=slot_taken")).await;
    assert_eq!((never.status, never.code()), (422, "validation"));
    // Whoever may not override is not told as if they might.
    let colleague = schema::ids::UserId(uuid::Uuid::new_v4());
    let tenant = world.practice.tenant;
    world
        .sql(&format!(
            "INSERT INTO users (id, email, name) VALUES ('{colleague}', 'c@example.com', 'C');
             INSERT INTO memberships (tenant_id, user_id, role, permissions)
                 VALUES ('{tenant}', '{colleague}', 'staff_assistant', '{{canManageAppointments}}')"
        ))
        .await;
    let token = world.token_of(colleague);
    let path = ask(noon, "&override=outside_hours");
    let refused = world.send_as(&token, Method::GET, &path, None).await;
    assert_eq!((refused.status, refused.code()), (403, "forbidden"));
    let path = ask(noon, "");
    let told = world.send_as(&token, Method::GET, &path, None).await;
    assert_eq!(told.expect(200)["bookable"], false);
    let mut visitor = world.visitor().await;
    let frame = json!({ "type": "explain", "treatment": treatment, "dentist": dentist,
        "start": noon, "override": ["outside_hours"] });
    assert_eq!(visitor.ask(frame).await["code"], "forbidden");
    world.end().await;
}

#[actix_web::test]
async fn who_is_refused_hears_what_is_free_instead() {
    let world = World::new().await;
    let start = world.at(2, 9, 0);
    let first = world.booking(0, 0, start);
    world.post("/appointments", &first).await.expect(201);
    let next = world.booking(2, 0, world.at(2, 12, 30));
    world.post("/appointments", &next).await.expect(201);
    let mine = world.booking(1, 0, world.at(2, 12, 0));
    let mine = world.post("/appointments", &mine).await.expect(201);
    let path = |end: &str| format!("/appointments/{}/{end}", mine["id"].as_str().unwrap());
    let instead = |refused: &Answer, code: &str| -> Vec<Value> {
        assert_eq!((refused.status, refused.code()), (409, code), "{refused:?}");
        let slots = refused.body["alternatives"].as_array().unwrap();
        assert_eq!(slots.len(), 3, "{refused:?}");
        slots.iter().map(|slot| slot["start"].clone()).collect()
    };

    let taken = world
        .post("/appointments", &world.booking(1, 0, start))
        .await;
    assert_eq!(instead(&taken, "slot_taken")[0], json!(world.at(2, 9, 30)));
    let held = json!({ "dentistId": world.practice.dentists[0].0,
        "treatmentId": world.practice.short, "start": start });
    let held = world.post("/holds", &held).await;
    assert_eq!(instead(&held, "slot_taken")[0], json!(world.at(2, 9, 30)));
    let moved = world
        .post(&path("reschedule"), &json!({ "start": start }))
        .await;
    assert_eq!(instead(&moved, "slot_taken")[0], json!(world.at(2, 9, 30)));
    // Its own time counts as free, the next one's does not.
    let longer = world
        .post(&path("resize"), &json!({ "duration": 60 }))
        .await;
    assert_eq!(instead(&longer, "slot_taken")[0], json!(world.at(2, 13, 0)));
    // Only times at which the patient can come.
    let mut busy = world.booking(1, 1, world.at(2, 12, 0));
    busy["operatoryId"] = json!(world.practice.operatories[1].0);
    let busy = world.post("/appointments", &busy).await;
    assert_eq!(
        instead(&busy, "patient_busy")[0],
        json!(world.at(2, 12, 30))
    );
    world.end().await;
}
