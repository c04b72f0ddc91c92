//! Closures and extra hours, and bookings that are under way while they come.

use reqwest::Method;
use schema::test_db::practice::{Practice, Size};
use serde_json::{Value, json};

use super::{Desk, date, every_day, id, ids, span_of_starts};
use crate::world::World;

#[actix_web::test]
async fn closures_and_extra_hours_hold_at_once() {
    let world = World::new().await;
    let owner = Desk::owner(&world);
    let day = date(&world, 5);
    let visit = world
        .post("/appointments", &world.booking(0, 0, world.at(5, 9, 0)))
        .await
        .expect(201);
    world
        .post("/appointments", &world.booking(1, 1, world.at(5, 10, 0)))
        .await
        .expect(201);

    // A part of the day, of one dentist.
    let body = json!({ "kind": "closed", "dentistId": world.dentist(0), "fromDate": day,
        "from": "08:00", "to": "12:00", "nameEs": "Congreso", "nameEn": "Congress" });
    let closed = owner.add("/exceptions", &body).await;
    assert_eq!(
        (&closed["scope"], &closed["toDate"], &closed["name"]),
        (&json!("provider"), &json!(day), &json!("Congreso"))
    );
    assert_eq!(ids(&closed["appointmentsOutside"]), [id(&visit)]);
    assert_eq!(
        closed["appointmentsOutside"][0]["patientId"],
        json!(world.patient(0))
    );
    assert_eq!(span_of_starts(&world, 5).await.unwrap().0, "12:00");
    assert_eq!(span_of_starts(&world, 6).await.unwrap().0, "08:00");
    let refused = world
        .post("/appointments", &world.booking(2, 0, world.at(5, 10, 0)))
        .await;
    assert_eq!(refused.code(), "outside_hours");

    // The rest of it too; the visit was outside before, and is not told again.
    let path = format!("/exceptions/{}", id(&closed));
    let whole = json!({ "from": null, "to": null });
    let changed = owner.patch(&path, &whole).await.expect(200);
    assert_eq!(changed["appointmentsOutsideCount"], 0);
    assert_eq!(span_of_starts(&world, 5).await, None);
    assert_eq!(owner.get(&path).await["from"], Value::Null);
    owner.delete(&path).await.expect(200);
    assert_eq!(owner.delete(&path).await.status, 404);
    assert_eq!(span_of_starts(&world, 5).await.unwrap().0, "08:00");

    // Everybody's holiday leaves both out, and extra hours open an evening.
    let body = json!({ "kind": "closed", "fromDate": day, "name": "Fiesta" });
    let holiday = owner.add("/exceptions", &body).await;
    assert_eq!(holiday["appointmentsOutsideCount"], 2);
    assert_eq!(holiday["scope"], "tenant");
    let body = json!({ "kind": "extra", "fromDate": day, "from": "20:00", "to": "21:00" });
    owner.add("/exceptions", &body).await;
    assert_eq!(
        span_of_starts(&world, 5).await.unwrap(),
        ("20:00".to_owned(), "20:30".to_owned(), 3)
    );

    let good = json!({ "kind": "closed", "fromDate": "2027-06-01", "toDate": "2027-06-03" });
    let with = |changes: Value| {
        let mut body = good.clone();
        body.as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        body
    };
    let size = Size {
        dentists: 1,
        operatories: 1,
        patients: 0,
    };
    let other = Practice::seed(&world.db, size).await;
    let path = "/exceptions";
    owner
        .refused(
            &Method::POST,
            &[
                (
                    path,
                    with(json!({ "toDate": "2027-05-31" })),
                    422,
                    "validation",
                ),
                (
                    path,
                    with(json!({ "toDate": "2035-05-31" })),
                    422,
                    "validation",
                ),
                (
                    path,
                    with(json!({ "fromDate": "9999-01-01" })),
                    422,
                    "validation",
                ),
                (path, with(json!({ "from": "09:00" })), 422, "validation"),
                (
                    path,
                    with(json!({ "from": "10:00", "to": "09:00" })),
                    422,
                    "validation",
                ),
                (path, with(json!({ "kind": "extra" })), 422, "validation"),
                (path, with(json!({ "kind": "open" })), 422, "validation"),
                (
                    path,
                    with(json!({ "dentistId": other.dentists[0].0 })),
                    404,
                    "not_found",
                ),
                (
                    path,
                    with(json!({ "clinicId": world.practice.clinic })),
                    403,
                    "forbidden",
                ),
                (path, json!([]), 422, "validation"),
            ],
        )
        .await;
    let strangers = Desk::of(&world, other.owner);
    let path = format!("/exceptions/{}", id(&holiday));
    assert_eq!(strangers.send(Method::GET, &path, None).await.status, 404);
    assert_eq!(strangers.patch(&path, &whole).await.status, 404);
    assert_eq!(strangers.delete(&path).await.status, 404);
    assert_eq!(owner.get(&path).await["name"], "Fiesta");
    world.end().await;
}

#[actix_web::test]
async fn a_clinics_holiday_is_everybodys_who_works_there() {
    let world = World::new().await;
    let other = Practice::seed_sharing(&world.db, &world.practice, 1).await;
    let admin = Desk::admin(&world).await;
    let day = date(&world, 5);
    let visit = world
        .post("/appointments", &world.booking(0, 0, world.at(5, 9, 0)))
        .await
        .expect(201);
    let theirs = Desk::of(&world, other.owner);
    let body = json!({ "patientId": world.patient(1), "dentistId": other.dentists[0].0,
        "treatmentId": other.short, "operatoryId": world.practice.operatories[1].0, "start": world.at(5, 9, 0) });
    let their_visit = theirs.add("/appointments", &body).await;

    let body = json!({ "kind": "closed", "clinicId": world.practice.clinic, "fromDate": day });
    let closed = admin.add("/admin/exceptions", &body).await;
    let mut told = ids(&closed["appointmentsOutside"]);
    let mut expected = [id(&visit), id(&their_visit)];
    told.sort_unstable();
    expected.sort_unstable();
    assert_eq!(told, expected);
    assert_eq!(span_of_starts(&world, 5).await, None);
    let listed = theirs.get("/exceptions").await;
    assert_eq!(ids(&listed["items"]), [id(&closed)]);
    // It is theirs to see and nobody's but the super admins' to change.
    let path = format!("/exceptions/{}", id(&closed));
    theirs.get(&path).await;
    assert_eq!(theirs.delete(&path).await.status, 404);
    let path = format!("/admin{path}");
    let morning = json!({ "from": "08:00", "to": "12:00" });
    admin.patch(&path, &morning).await.expect(200);
    assert_eq!(span_of_starts(&world, 5).await.unwrap().0, "12:00");
    admin.delete(&path).await.expect(200);
    assert_eq!(span_of_starts(&world, 5).await.unwrap().0, "08:00");

    // One chair of the two.
    let chair = world.practice.operatories[0].0;
    let body = json!({ "kind": "closed", "operatoryId": chair, "fromDate": day });
    let closed = admin.add("/admin/exceptions", &body).await;
    assert_eq!(ids(&closed["appointmentsOutside"]), [id(&visit)]);
    let neither = json!({ "kind": "closed", "fromDate": day });
    assert_eq!(admin.post("/admin/exceptions", &neither).await.status, 422);
    let nowhere = json!({ "kind": "closed", "fromDate": day, "clinicId": world.practice.tenant });
    assert_eq!(admin.post("/admin/exceptions", &nowhere).await.status, 404);
    world.end().await;
}

/// Bookings run against changes of the hours: whatever was booked lay within the hours of a moment
/// between its asking and its answer, so none is answered that a change before it had excluded.
#[actix_web::test]
async fn bookings_under_way_are_decided_by_the_hours_that_hold() {
    let world = World::new().await;
    let admin = Desk::admin(&world).await;
    let all = admin.get("/admin/assignments?limit=200").await;
    let mine: Vec<String> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["dentistId"] == json!(world.dentist(0)))
        .map(id)
        .collect();
    for day in 3..8u64 {
        // Five bookings of the evening race the change that ends the day at noon.
        let bookings = (0..5u32).map(|turn| {
            let at = world.at(day, 14 + turn, 0);
            let patient = usize::try_from(day * 5 + u64::from(turn)).unwrap();
            let body = world.booking(patient, 0, at);
            let world = &world;
            async move { world.post("/appointments", &body).await }
        });
        let noon = json!({ "hours": every_day("08:00", "12:00") });
        let change = async {
            for assignment in &mine {
                let path = format!("/admin/assignments/{assignment}");
                admin.patch(&path, &noon).await.expect(200);
            }
        };
        let (answers, ()) = futures_util::join!(futures_util::future::join_all(bookings), change);
        for answer in answers {
            let said = (answer.status, answer.code().to_owned());
            let fine = [(201, String::new()), (422, "outside_hours".to_owned())];
            assert!(fine.contains(&said), "{answer:?}");
        }
        // The change has been answered: from here on nothing is booked there.
        let late = world.booking(59, 0, world.at(day, 19, 0));
        let refused = world.post("/appointments", &late).await;
        assert_eq!((refused.status, refused.code()), (422, "outside_hours"));
        assert_eq!(span_of_starts(&world, day).await.unwrap().1, "11:30");
        let evening = json!({ "hours": every_day("08:00", "20:00") });
        for assignment in &mine {
            let path = format!("/admin/assignments/{assignment}");
            admin.patch(&path, &evening).await.expect(200);
        }
        assert_eq!(span_of_starts(&world, day).await.unwrap().1, "19:30");
    }
    world.end().await;
}
