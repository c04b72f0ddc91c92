//! What a practice offers.

use reqwest::Method;
use schema::test_db::practice::{Practice, Size};
use serde_json::{Value, json};

use super::{Desk, id, ids, starts};
use crate::world::World;

#[actix_web::test]
async fn a_treatment_has_everything_that_decides_its_time() {
    let world = World::new().await;
    let owner = Desk::owner(&world);
    let pattern = json!([
        { "role": "operatory", "from": 0, "to": 60, "bufferBefore": 0, "bufferAfter": 10 },
        { "role": "dentist", "from": 10, "to": 40, "bufferBefore": 0, "bufferAfter": 0 },
    ]);
    let body = json!({ "code": "D2740", "nameEs": "Corona", "nameEn": "Crown", "durationMin": 60,
        "pattern": pattern, "color": "#AABBCC", "price": "850.50", "onlineBookable": true,
        "minNoticeMin": 120, "horizonDays": 90, "slotIntervalMin": 30, "dailyCap": 2,
        "dentistIds": [world.dentist(0)], "operatoryIds": [world.practice.operatories[1].0] });
    let crown = owner.add("/treatments", &body).await;
    let mut expected = body.clone();
    expected["color"] = json!("#aabbcc");
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&crown[field], value, "{field}");
    }
    let path = format!("/treatments/{}", id(&crown));
    let treatment = crown["id"].as_str().unwrap().parse().unwrap();
    let free = starts(&world, treatment, 4).await;
    assert_eq!(free[..3], ["08:00", "08:30", "09:00"].map(str::to_owned));
    let mut booking = world.booking(0, 0, world.at(4, 9, 0));
    booking["treatmentId"] = crown["id"].clone();
    assert_eq!(
        owner.post("/appointments", &booking).await.code(),
        "not_offered",
        "not in that chair"
    );
    booking["operatoryId"] = json!(world.practice.operatories[1].0);
    let visit = owner.add("/appointments", &booking).await;
    booking["dentistId"] = json!(world.dentist(1));
    assert_eq!(
        owner.post("/appointments", &booking).await.code(),
        "not_offered",
        "not by that dentist"
    );

    // What is left out stays; the part that ends with the visit still does.
    let longer = owner
        .patch(
            &path,
            &json!({ "durationMin": 90, "price": 900, "dailyCap": null }),
        )
        .await
        .expect(200);
    assert_eq!(
        (
            &longer["durationMin"],
            &longer["price"],
            &longer["dailyCap"]
        ),
        (&json!(90), &json!("900.00"), &Value::Null)
    );
    assert_eq!(
        (&longer["pattern"][0]["to"], &longer["pattern"][1]["to"]),
        (&json!(90), &json!(40))
    );
    assert_eq!(longer["operatoryIds"], body["operatoryIds"]);
    let kept = owner.get(&format!("/appointments/{}", id(&visit))).await;
    assert_eq!(
        kept["end"], visit["end"],
        "what is booked keeps its own copy"
    );
    let anybody = owner
        .patch(
            &path,
            &json!({ "dentistIds": [], "operatoryIds": [], "slotIntervalMin": 60 }),
        )
        .await
        .expect(200);
    assert_eq!(anybody["dentistIds"], json!([]));
    let free = starts(&world, treatment, 5).await;
    assert_eq!(free[..2], ["08:00", "09:00"].map(str::to_owned));

    owner.delete(&path).await.expect(200);
    let query = format!(
        "/availability?treatment={}&from={}&to={}",
        id(&crown),
        world.at(4, 0, 0).format("%Y-%m-%dT%H:%M:%SZ"),
        world.at(5, 0, 0).format("%Y-%m-%dT%H:%M:%SZ")
    );
    assert_eq!(world.get(&query).await.status, 404);
    assert!(!ids(&owner.get("/treatments").await["items"]).contains(&id(&crown)));
    assert!(
        ids(&owner.get("/treatments?includeInactive=true").await["items"]).contains(&id(&crown))
    );

    // With nothing but a name it takes the dentist and a chair.
    let plain = owner
        .add(
            "/treatments",
            &json!({ "code": "X1", "name": "Control", "durationMin": 20 }),
        )
        .await;
    assert_eq!(
        (&plain["nameEs"], &plain["nameEn"]),
        (&json!("Control"), &json!("Control"))
    );
    let roles: Vec<&str> = plain["pattern"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["operatory", "dentist"]);
    world.end().await;
}

#[actix_web::test]
async fn what_cannot_be_a_treatment_is_told_by_field() {
    let world = World::new().await;
    let owner = Desk::owner(&world);
    let size = Size {
        dentists: 1,
        operatories: 1,
        patients: 0,
    };
    let other = Practice::seed(&world.db, size).await;
    let good = json!({ "code": "N1", "name": "Nueva", "durationMin": 60 });
    let part = |role: &str, from: i64, to: i64| json!({ "role": role, "from": from, "to": to });
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    for (body, field) in [
        (json!({ "code": "N1", "name": "x" }), "durationMin"),
        (json!({ "code": "N1", "durationMin": 60 }), "name"),
        (json!({ "name": "x", "durationMin": 60 }), "code"),
        (with("code", json!("D0140")), "code"),
        (with("code", json!("")), "code"),
        (with("durationMin", json!(0)), "durationMin"),
        (with("durationMin", json!(1441)), "durationMin"),
        (
            with("pattern", json!([part("operatory", 0, 60)])),
            "pattern",
        ),
        (
            with("pattern", json!([part("dentist", 0, 61)])),
            "pattern[0]",
        ),
        (
            with(
                "pattern",
                json!([part("dentist", 0, 60), part("assistant", 20, 10)]),
            ),
            "pattern[1]",
        ),
        (
            with(
                "pattern",
                json!([part("dentist", 0, 60), part("equipment", 0, 10)]),
            ),
            "equipmentIds",
        ),
        (with("price", json!(-1)), "price"),
        (with("price", json!("1,50")), "price"),
        (with("color", json!("blue")), "color"),
        (with("slotIntervalMin", json!(0)), "slotIntervalMin"),
        (with("horizonDays", json!(1101)), "horizonDays"),
        (with("minNoticeMin", json!(-1)), "minNoticeMin"),
        (with("dailyCap", json!(0)), "dailyCap"),
    ] {
        let refused = owner.post("/treatments", &body).await;
        assert_eq!(
            (refused.status, refused.code()),
            (422, "validation"),
            "{body}: {refused:?}"
        );
        assert_eq!(
            refused.body["errors"][0]["field"], field,
            "{body}: {refused:?}"
        );
    }
    let path = "/treatments";
    owner
        .refused(
            &Method::POST,
            &[
                (
                    path,
                    with("pattern", json!([part("surgeon", 0, 60)])),
                    422,
                    "validation",
                ),
                (path, with("pattern", json!("all")), 422, "validation"),
                (path, with("dailyCap", json!(70000)), 422, "validation"),
                (
                    path,
                    with("dentistIds", json!([other.dentists[0].0])),
                    404,
                    "not_found",
                ),
                (
                    path,
                    with("operatoryIds", json!([other.operatories[0].0])),
                    404,
                    "not_found",
                ),
                (path, with("dentistIds", json!("all")), 422, "validation"),
            ],
        )
        .await;
    let mut with_machine = with(
        "pattern",
        json!([part("dentist", 0, 60), part("equipment", 0, 60)]),
    );
    with_machine["equipmentIds"] = json!([other.short]);
    owner
        .refused(&Method::POST, &[(path, with_machine, 404, "not_found")])
        .await;
    assert_eq!(
        owner.get(path).await["items"].as_array().unwrap().len(),
        2,
        "nothing was added"
    );

    let theirs = format!("/treatments/{}", other.short);
    assert_eq!(owner.send(Method::GET, &theirs, None).await.status, 404);
    owner
        .refused(
            &Method::PATCH,
            &[(&theirs, json!({ "name": "x" }), 404, "not_found")],
        )
        .await;
    assert_eq!(owner.delete(&theirs).await.status, 404);
    // Too short for the dentist's part of the long one.
    let long = format!("/treatments/{}", world.practice.long);
    owner
        .refused(
            &Method::PATCH,
            &[(&long, json!({ "durationMin": 30 }), 422, "validation")],
        )
        .await;
    world.end().await;
}
