//! Clinics, operatories, and who may use them when.

use reqwest::Method;
use schema::ids::UserId;
use schema::test_db::practice::{Practice, Size};
use serde_json::{Value, json};

use super::{Desk, every_day, id, ids, span_of_starts, window};
use crate::world::World;

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

async fn chair(admin: &Desk<'_>, zone: &str) -> (String, String) {
    let clinic = json!({ "name": " Clínica  Norte ", "zone": zone, "city": "Quito" });
    let clinic = admin.add("/admin/clinics", &clinic).await;
    assert_eq!(clinic["name"], "Clínica Norte");
    let operatory = json!({ "clinicId": id(&clinic), "name": "Sillón 1" });
    let operatory = admin.add("/admin/operatories", &operatory).await;
    (id(&clinic), id(&operatory))
}

#[actix_web::test]
async fn an_operatory_is_lent_to_one_at_a_time() {
    let world = World::new().await;
    let size = Size {
        dentists: 1,
        operatories: 1,
        patients: 0,
    };
    let other = Practice::seed(&world.db, size).await;
    let admin = Desk::admin(&world).await;
    let (_, operatory) = chair(&admin, "America/New_York").await;
    let path = "/admin/assignments";
    let lend = |dentist: String, hours: Value| {
        json!({ "dentistId": dentist, "operatoryId": operatory, "validFrom": "2027-03-01",
            "hours": hours })
    };
    let mine = || world.dentist(0).to_string();
    let theirs = || other.dentists[0].0.to_string();

    // Split shifts on Mondays.
    let hours = json!([window(1, "15:00", "18:00"), window(1, "09:00", "13:00")]);
    let first = admin.add(path, &lend(mine(), hours)).await;
    assert_eq!(first["tenantId"], json!(world.practice.tenant));
    assert_eq!(
        first["hours"],
        json!([window(1, "09:00", "13:00"), window(1, "15:00", "18:00")])
    );

    let overlapping = lend(theirs(), json!([window(1, "12:00", "16:00")]));
    let refused = admin.post(path, &overlapping).await;
    assert_eq!(
        (refused.status, refused.code()),
        (409, "assignment_overlap")
    );
    let named = &refused.body["assignment"];
    assert_eq!(named["assignmentId"], first["id"]);
    assert_eq!(
        (&named["weekday"], &named["from"], &named["to"]),
        (&json!(1), &json!("12:00"), &json!("13:00"))
    );
    assert_eq!(named["date"], "2027-03-01");
    // Noon of that Monday in New York, where it is still winter.
    assert_eq!(refused.body["conflict"]["start"], "2027-03-01T17:00:00Z");

    // In between, on other days and on other dates there is room.
    let between = admin
        .add(path, &lend(theirs(), json!([window(1, "13:00", "15:00")])))
        .await;
    admin
        .add(path, &lend(theirs(), json!([window(2, "09:00", "13:00")])))
        .await;
    let mut earlier = overlapping.clone();
    (earlier["validFrom"], earlier["validTo"]) = (json!("2026-01-01"), json!("2027-02-28"));
    let earlier = admin.add(path, &earlier).await;
    let longer = json!({ "validTo": "2027-03-01" });
    let refused = admin
        .patch(&format!("{path}/{}", id(&earlier)), &longer)
        .await;
    assert_eq!(refused.code(), "assignment_overlap");
    let until = json!({ "validTo": null, "hours": [window(7, "09:00", "10:00")] });
    admin
        .patch(&format!("{path}/{}", id(&earlier)), &until)
        .await
        .expect(200);

    // Only where both are shared they may meet, and then neither may become anybody's own.
    let mut shared = overlapping.clone();
    shared["shared"] = json!(true);
    assert_eq!(admin.post(path, &shared).await.code(), "assignment_overlap");
    for row in [&first, &between] {
        let share = json!({ "shared": true });
        admin
            .patch(&format!("{path}/{}", id(row)), &share)
            .await
            .expect(200);
    }
    let third = admin.add(path, &shared).await;
    let alone = json!({ "shared": false });
    let refused = admin.patch(&format!("{path}/{}", id(&third)), &alone).await;
    assert_eq!(refused.code(), "assignment_overlap");
    let all = admin.get(&format!("{path}/conflicts")).await;
    assert_eq!(all["items"], json!([]));
    let all = admin
        .get(&format!(
            "{path}/conflicts?includeShared=true&operatoryId={operatory}"
        ))
        .await;
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
    world
        .sql(&format!(
            "UPDATE assignments SET shared = false WHERE id = '{}'",
            id(&third)
        ))
        .await;
    let found = admin.get(&format!("{path}/conflicts")).await;
    let found = found["items"].as_array().unwrap().clone();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0]["operatoryId"], json!(operatory));
    assert!(
        found
            .iter()
            .any(|row| row["from"] == "13:00" && row["to"] == "15:00")
    );

    let of_clinic = admin
        .get(&format!(
            "{path}?dentistId={}&operatoryId={operatory}",
            mine()
        ))
        .await;
    assert_eq!(ids(&of_clinic["items"]), [id(&first)]);
    let good = lend(mine(), json!([window(3, "09:00", "10:00")]));
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    admin
        .refused(
            &Method::POST,
            &[
                (path, with("hours", json!([])), 422, "validation"),
                (
                    path,
                    with("hours", json!([window(8, "09:00", "10:00")])),
                    422,
                    "validation",
                ),
                (
                    path,
                    with("hours", json!([window(1, "10:00", "09:00")])),
                    422,
                    "validation",
                ),
                (
                    path,
                    with(
                        "hours",
                        json!([window(1, "09:00", "11:00"), window(1, "10:00", "12:00")]),
                    ),
                    422,
                    "validation",
                ),
                (
                    path,
                    with(
                        "hours",
                        json!([{ "weekday": "Monday", "from": "09:00", "to": "10:00" }]),
                    ),
                    422,
                    "validation",
                ),
                (
                    path,
                    with("validTo", json!("2027-02-28")),
                    422,
                    "validation",
                ),
                (
                    path,
                    with("validFrom", json!("+200000-01-01")),
                    422,
                    "validation",
                ),
                (path, with("validFrom", json!("soon")), 422, "validation"),
                (path, with("dentistId", json!(NOBODY)), 404, "not_found"),
                (path, with("operatoryId", json!(NOBODY)), 404, "not_found"),
                (path, with("operatoryId", json!(7)), 422, "validation"),
                (
                    "/admin/operatories",
                    json!({ "clinicId": NOBODY, "name": "x" }),
                    404,
                    "not_found",
                ),
                (
                    "/admin/clinics",
                    json!({ "name": "x", "zone": "Mars/Olympus" }),
                    422,
                    "validation",
                ),
                (
                    "/admin/clinics",
                    json!({ "name": " ", "zone": "UTC" }),
                    422,
                    "validation",
                ),
            ],
        )
        .await;
    // Lending is for super admins.
    let owner = Desk::owner(&world);
    owner
        .refused(
            &Method::POST,
            &[
                (path, good.clone(), 403, "forbidden"),
                ("/admin/clinics", json!({}), 403, "forbidden"),
                ("/admin/operatories", json!({}), 403, "forbidden"),
            ],
        )
        .await;
    assert_eq!(
        owner.delete(&format!("{path}/{}", id(&first))).await.status,
        403
    );
    admin
        .delete(&format!("{path}/{}", id(&first)))
        .await
        .expect(200);
    assert_eq!(
        admin.delete(&format!("{path}/{}", id(&first))).await.status,
        404
    );
    world.end().await;
}

#[actix_web::test]
async fn of_many_who_want_a_chair_at_once_one_gets_it() {
    let world = World::new().await;
    let admin = Desk::admin(&world).await;
    let (clinic, operatory) = chair(&admin, "America/Guayaquil").await;
    let twice = json!({ "clinicId": clinic, "name": "Sillón 1" });
    assert_eq!(admin.post("/admin/operatories", &twice).await.status, 422);
    let bodies = [0, 1].map(|dentist| {
        json!({ "dentistId": world.dentist(dentist), "operatoryId": operatory,
            "hours": [window(1, "09:00", "13:00")] })
    });
    let asked = (0..8).map(|turn| admin.post("/admin/assignments", &bodies[turn % 2]));
    let answers = futures_util::future::join_all(asked).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    world.end().await;
}

#[actix_web::test]
async fn what_is_lent_is_bookable_at_once_and_what_is_not_is_told() {
    let world = World::new().await;
    let admin = Desk::admin(&world).await;
    // The seed lends from 8 to 20 every day, in both chairs.
    let all = admin.get("/admin/assignments?limit=200").await;
    let lent: Vec<Value> = all["items"].as_array().unwrap().clone();
    let mine = lent
        .iter()
        .filter(|row| row["dentistId"] == json!(world.dentist(0)));
    let mine: Vec<String> = mine.map(id).collect();
    assert_eq!(mine.len(), 2);
    let early = world
        .post("/appointments", &world.booking(0, 0, world.at(3, 8, 0)))
        .await
        .expect(201);
    world
        .post("/appointments", &world.booking(1, 0, world.at(3, 12, 0)))
        .await
        .expect(201);

    let ten_to_two = json!({ "hours": every_day("10:00", "14:00") });
    for (place, assignment) in mine.iter().enumerate() {
        let path = format!("/admin/assignments/{assignment}");
        let changed = admin.patch(&path, &ten_to_two).await.expect(200);
        // One of the two chairs has the visits.
        let told = &changed["appointmentsOutside"];
        assert_eq!(
            changed["appointmentsOutsideCount"],
            told.as_array().unwrap().len()
        );
        if told != &json!([]) {
            assert_eq!(ids(told), [id(&early)], "{place}");
            assert_eq!(
                told[0].get("patientId"),
                None,
                "whose they are is not for super admins"
            );
        }
    }
    let (first, last, _) = span_of_starts(&world, 3).await.unwrap();
    assert_eq!((first.as_str(), last.as_str()), ("10:00", "13:30"));

    // A chair that is given up, and the clinic's other one.
    let chairs = admin.get("/admin/operatories").await;
    let chairs = ids(&chairs["items"]);
    admin
        .delete(&format!("/admin/operatories/{}", chairs[0]))
        .await
        .expect(200);
    let query = format!(
        "/admin/operatories?active=false&clinicId={}",
        world.practice.clinic
    );
    assert_eq!(ids(&admin.get(&query).await["items"]), [chairs[0].clone()]);
    assert!(
        span_of_starts(&world, 3).await.is_some(),
        "one chair is left"
    );
    admin
        .delete(&format!("/admin/clinics/{}", world.practice.clinic))
        .await
        .expect(200);
    assert_eq!(span_of_starts(&world, 3).await, None);
    let back = json!({ "active": true });
    admin
        .patch(&format!("/admin/clinics/{}", world.practice.clinic), &back)
        .await
        .expect(200);
    admin
        .patch(&format!("/admin/operatories/{}", chairs[0]), &back)
        .await
        .expect(200);

    // Ten in Mexico is eleven in Quito, in every season: hours are local to the clinic.
    let moved = json!({ "zone": "America/Mexico_City" });
    let path = format!("/admin/clinics/{}", world.practice.clinic);
    let changed = admin.patch(&path, &moved).await.expect(200);
    assert_eq!(changed["zone"], "America/Mexico_City");
    let (first, last, _) = span_of_starts(&world, 3).await.unwrap();
    assert_eq!((first.as_str(), last.as_str()), ("11:00", "14:30"));
    assert_eq!(
        admin.patch(&path, &json!({ "zone": "Quito" })).await.status,
        422
    );

    for assignment in &mine {
        admin
            .delete(&format!("/admin/assignments/{assignment}"))
            .await
            .expect(200);
    }
    let body = world.booking(2, 0, world.at(3, 12, 0));
    let refused = world.post("/appointments", &body).await;
    assert_eq!((refused.status, refused.code()), (422, "no_assignment"));
    world.end().await;
}

#[actix_web::test]
async fn members_see_and_super_admins_change() {
    let world = World::new().await;
    let stranger = UserId::new();
    world
        .sql(&format!(
            "INSERT INTO users (id, email, name) VALUES ('{stranger}', 's@example.com', 'S')"
        ))
        .await;
    let nobody = Desk::of(&world, stranger);
    for path in [
        "/admin/clinics",
        "/admin/operatories",
        "/admin/assignments",
        "/admin/exceptions",
        "/admin/assignments/conflicts",
        "/providers",
    ] {
        let answer = nobody.send(Method::GET, path, None).await;
        assert_eq!((answer.status, answer.code()), (403, "forbidden"), "{path}");
    }
    world.end().await;
}
