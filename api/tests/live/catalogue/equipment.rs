//! People and equipment: who and what there is, and when.

use reqwest::Method;
use schema::test_db::practice::{Practice, Size};
use serde_json::{Value, json};

use super::{Desk, date, every_day, id, ids, span_of_starts, starts};
use crate::world::World;

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

#[actix_web::test]
async fn people_come_work_their_hours_and_leave() {
    let world = World::new().await;
    let (owner, admin) = (Desk::owner(&world), Desk::admin(&world).await);
    let body = json!({ "name": "Dra. Nueva", "role": "dentist", "color": "#0F766E", "userId": world.practice.owner });
    let dentist = owner.add("/providers", &body).await;
    assert_eq!(dentist["color"], "#0f766e");
    assert_eq!(dentist["userId"], json!(world.practice.owner));
    let path = format!("/providers/{}", id(&dentist));
    assert_eq!(owner.get(&path).await, dentist);
    let query = |day: u64| {
        format!(
            "/availability?treatment={}&dentist={}&from={}&to={}",
            world.practice.short,
            id(&dentist),
            world.at(day, 0, 0).format("%Y-%m-%dT%H:%M:%SZ"),
            world.at(day + 1, 0, 0).format("%Y-%m-%dT%H:%M:%SZ")
        )
    };
    assert_eq!(
        owner.get(&query(4)).await["slots"],
        json!([]),
        "no chair yet"
    );
    let lent = json!({ "dentistId": id(&dentist), "operatoryId": world.practice.operatories[0].0,
        "shared": true, "hours": every_day("08:00", "20:00") });
    admin.add("/admin/assignments", &lent).await;
    assert_ne!(owner.get(&query(4)).await["slots"], json!([]));
    // Their calendar is there: it can be booked and read.
    let mut booking = world.booking(0, 0, world.at(4, 9, 0));
    booking["dentistId"] = dentist["id"].clone();
    let visit = owner.add("/appointments", &booking).await;
    let calendars = owner.get("/calendars").await;
    assert!(
        calendars["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["id"] == dentist["calendarId"])
    );

    // Their own hours narrow what is lent.
    let hours = json!({ "hours": every_day("10:00", "12:00") });
    let set = owner
        .put(&format!("{path}/hours"), &hours)
        .await
        .expect(200);
    assert_eq!(ids(&set["appointmentsOutside"]), [id(&visit)]);
    assert_eq!(set["hours"], hours["hours"]);
    let slots = owner.get(&query(4)).await;
    assert_eq!(
        slots["slots"].as_array().unwrap().len(),
        7,
        "10:00 to 11:30"
    );
    let later = json!({ "hours": [{ "weekday": 1, "from": "10:00", "to": "12:00", "validTo": date(&world, 2) }] });
    owner
        .put(&format!("{path}/hours"), &later)
        .await
        .expect(200);
    assert_eq!(owner.get(&query(4)).await["slots"], json!([]));
    assert_eq!(owner.get(&format!("{path}/hours")).await, later);
    owner
        .put(&format!("{path}/hours"), &json!({ "hours": [] }))
        .await
        .expect(200);

    let left = owner.delete(&path).await.expect(200);
    assert_eq!(left["active"], false);
    assert_eq!(ids(&left["appointmentsOutside"]), [id(&visit)]);
    assert_eq!(
        owner.post("/appointments", &booking).await.code(),
        "not_offered"
    );
    let listed = owner.get("/providers").await;
    assert!(!ids(&listed["items"]).contains(&id(&dentist)));
    let listed = owner.get("/providers?includeInactive=true").await;
    assert!(ids(&listed["items"]).contains(&id(&dentist)));
    let back = json!({ "active": true, "name": "Dra. Otra Vez", "userId": null });
    let back = owner.patch(&path, &back).await.expect(200);
    assert_eq!(
        (&back["name"], &back["userId"]),
        (&json!("Dra. Otra Vez"), &Value::Null)
    );

    let size = Size {
        dentists: 1,
        operatories: 1,
        patients: 0,
    };
    let other = Practice::seed(&world.db, size).await;
    let theirs = format!("/providers/{}", other.dentists[0].0);
    let theirs_hours = format!("{theirs}/hours");
    let overlapping = json!({ "hours": [
        { "weekday": 1, "from": "08:00", "to": "12:00" },
        { "weekday": 1, "from": "11:00", "to": "13:00" },
    ] });
    owner
        .refused(
            &Method::POST,
            &[
                ("/providers", json!({ "name": "x" }), 422, "validation"),
                (
                    "/providers",
                    json!({ "name": "x", "role": "patient" }),
                    422,
                    "validation",
                ),
                (
                    "/providers",
                    json!({ "name": "x", "role": "dentist", "color": "red" }),
                    422,
                    "validation",
                ),
                (
                    "/providers",
                    json!({ "name": "x", "role": "dentist", "userId": other.owner }),
                    404,
                    "not_found",
                ),
            ],
        )
        .await;
    owner
        .refused(
            &Method::PUT,
            &[
                (&theirs_hours, hours.clone(), 404, "not_found"),
                (&format!("{path}/hours"), overlapping, 422, "validation"),
                (&format!("{path}/hours"), json!({}), 422, "validation"),
                (&format!("{path}/hours"), json!({ "hours": [{ "weekday": 1, "from": "08:00", "to": "09:00", "validFrom": "2027-03-02", "validTo": "2027-03-01" }] }), 422, "validation"),
            ],
        )
        .await;
    owner
        .refused(
            &Method::PATCH,
            &[(&theirs, json!({ "name": "x" }), 404, "not_found")],
        )
        .await;
    assert_eq!(owner.delete(&theirs).await.status, 404);
    let billing = json!({});
    world
        .sql(&format!(
            "UPDATE memberships SET role = 'staff_billing' WHERE user_id = '{}'",
            world.practice.owner
        ))
        .await;
    owner
        .refused(&Method::POST, &[("/providers", billing, 403, "forbidden")])
        .await;
    world.end().await;
}

#[actix_web::test]
async fn equipment_is_used_where_it_stands_while_it_can_be() {
    let world = World::new().await;
    let owner = Desk::owner(&world);
    let scanner = owner
        .add(
            "/equipment",
            &json!({ "name": "Escáner", "clinicId": world.practice.clinic }),
        )
        .await;
    let path = format!("/equipment/{}", id(&scanner));
    assert_eq!(owner.get(&path).await, scanner);
    let treatment = json!({ "code": "D0360", "name": "Tomografía", "durationMin": 30, "equipmentIds": [id(&scanner)] });
    let treatment = owner.add("/treatments", &treatment).await;
    let scan = treatment["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(starts(&world, scan, 4).await.len(), 47);

    let hours = json!({ "hours": every_day("09:00", "11:00") });
    owner
        .put(&format!("{path}/hours"), &hours)
        .await
        .expect(200);
    let free = starts(&world, scan, 4).await;
    assert_eq!(
        (
            free.first().unwrap().as_str(),
            free.last().unwrap().as_str()
        ),
        ("09:00", "10:30")
    );
    assert_eq!(
        span_of_starts(&world, 4).await.unwrap().2,
        47,
        "others need no scanner"
    );

    // Two dentists, one scanner.
    let mut booking = world.booking(0, 0, world.at(4, 9, 0));
    booking["treatmentId"] = treatment["id"].clone();
    let visit = owner.add("/appointments", &booking).await;
    assert!(
        visit["positions"]
            .get(scanner["calendarId"].as_str().unwrap())
            .is_some()
    );
    let mut second = world.booking(1, 1, world.at(4, 9, 0));
    second["treatmentId"] = treatment["id"].clone();
    second["operatoryId"] = json!(world.practice.operatories[1].0);
    let refused = owner.post("/appointments", &second).await;
    assert_eq!((refused.status, refused.code()), (409, "slot_taken"));
    second["start"] = json!(world.at(4, 12, 0));
    assert_eq!(
        owner.post("/appointments", &second).await.code(),
        "outside_hours"
    );

    let later = json!({ "hours": every_day("10:00", "11:00") });
    let set = owner
        .put(&format!("{path}/hours"), &later)
        .await
        .expect(200);
    assert_eq!(ids(&set["appointmentsOutside"]), [id(&visit)]);
    owner
        .put(&format!("{path}/hours"), &json!({ "hours": [] }))
        .await
        .expect(200);
    let retired = owner.delete(&path).await.expect(200);
    assert_eq!(ids(&retired["appointmentsOutside"]), [id(&visit)]);
    assert_eq!(
        owner.post("/appointments", &second).await.code(),
        "not_offered"
    );
    assert_eq!(owner.get("/equipment").await["items"], json!([]));
    assert_eq!(
        ids(&owner.get("/equipment?includeInactive=true").await["items"]),
        [id(&scanner)]
    );
    owner
        .patch(&path, &json!({ "active": true, "clinicId": null }))
        .await
        .expect(200);
    second["start"] = json!(world.at(4, 12, 0));
    owner.add("/appointments", &second).await;

    let size = Size {
        dentists: 1,
        operatories: 1,
        patients: 0,
    };
    let other = Practice::seed(&world.db, size).await;
    let strangers = Desk::of(&world, other.owner);
    assert_eq!(strangers.send(Method::GET, &path, None).await.status, 404);
    assert_eq!(strangers.delete(&path).await.status, 404);
    owner
        .refused(
            &Method::POST,
            &[
                (
                    "/equipment",
                    json!({ "name": "x", "clinicId": other.clinic }),
                    404,
                    "not_found",
                ),
                (
                    "/equipment",
                    json!({ "name": "x", "clinicId": NOBODY }),
                    404,
                    "not_found",
                ),
                ("/equipment", json!({ "name": "" }), 422, "validation"),
            ],
        )
        .await;
    world.end().await;
}
