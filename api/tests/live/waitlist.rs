//! The waitlist from outside: entries, candidates, offers by token.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::World;

fn iso(at: chrono::DateTime<chrono::Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

async fn waits(world: &World, patient: usize, priority: i64) -> String {
    let body = json!({
        "patientId": world.patient(patient),
        "treatmentId": world.practice.short,
        "dentistIds": [world.dentist(0)],
        "fromTime": "08:30", "toTime": "12:00",
        "priority": priority,
    });
    let entry = world.post("/waitlist", &body).await.expect(201);
    assert_eq!(entry["status"], "waiting");
    entry["id"].as_str().unwrap().to_owned()
}

async fn entries(world: &World, query: &str) -> Vec<Value> {
    let list = world.get(&format!("/waitlist{query}")).await.expect(200);
    list["items"].as_array().unwrap().clone()
}

#[actix_web::test]
async fn freed_time_is_offered_and_taken_by_token() {
    let world = World::new().await;
    let start = world.at(3, 9, 0);
    let booked = world
        .post("/appointments", &world.booking(9, 0, start))
        .await;
    let booked = booked.expect(201);
    let second = waits(&world, 0, 0).await;
    let first = waits(&world, 1, 5).await;

    let candidates = world
        .get(&format!(
            "/waitlist/candidates?from={}&to={}&dentist={}",
            iso(world.at(3, 10, 0)),
            iso(world.at(3, 11, 0)),
            world.dentist(0)
        ))
        .await
        .expect(200);
    let order: Vec<&str> = candidates["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["entryId"].as_str().unwrap())
        .collect();
    assert_eq!(order, [&first, &second]);

    let cancel = format!("/appointments/{}/cancel", booked["id"].as_str().unwrap());
    world
        .post(&cancel, &json!({ "reason": "ill" }))
        .await
        .expect(200);
    let open = format!("waitlist_offers WHERE entry_id = '{first}' AND status = 'open'");
    world.until_rows(&open, 1).await;
    let shown = entries(&world, "?status=offered").await;
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0]["offer"]["start"], json!(start));

    // Its token is told to whoever passes it on; asking again tells the same.
    let around = json!({ "from": start, "to": world.at(3, 9, 30) });
    let offer = world
        .post(&format!("/waitlist/{first}/offer"), &around)
        .await;
    let offer = offer.expect(200);
    let token = offer["token"].as_str().unwrap();
    let declined = world
        .send(Method::POST, &format!("/offers/{token}/decline"), None)
        .await;
    assert_eq!(declined.status, 204);
    let open = format!("waitlist_offers WHERE entry_id = '{second}' AND status = 'open'");
    world.until_rows(&open, 1).await;
    let offer = world
        .post(&format!("/waitlist/{second}/offer"), &around)
        .await;
    let token = offer.expect(200)["token"].as_str().unwrap().to_owned();
    let accept = format!("/offers/{token}/accept");
    let accepts = join_all((0..10).map(|_| world.send(Method::POST, &accept, None))).await;
    let won: Vec<_> = accepts.iter().filter(|one| one.status == 201).collect();
    assert_eq!(won.len(), 1);
    for late in accepts.iter().filter(|one| one.status != 201) {
        assert_eq!((late.status, late.code()), (422, "hold_expired"));
    }
    let manage = won[0].body["manageToken"].as_str().unwrap();
    let visit = world.get(&format!("/public/appointments/{manage}")).await;
    assert_eq!(visit.expect(200)["start"], json!(start));
    assert_eq!(entries(&world, "?status=booked").await.len(), 1);

    let gone = world
        .send(Method::DELETE, &format!("/waitlist/{first}"), None)
        .await;
    assert_eq!(gone.status, 204);
    assert_eq!(entries(&world, "").await.len(), 0);
    assert_eq!(
        world
            .send(Method::POST, "/offers/nonsense/accept", None)
            .await
            .status,
        404
    );
    world.end().await;
}

#[actix_web::test]
async fn entries_are_checked_and_a_withdrawn_ones_offer_ends() {
    let world = World::new().await;
    let good = json!({ "patientId": world.patient(0), "treatmentId": world.practice.short });
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let unknown = uuid::Uuid::new_v4();
    for (body, status, code) in [
        (with("patientId", json!(unknown)), 422, "not_your_patient"),
        (with("treatmentId", json!(unknown)), 404, "not_found"),
        (with("dentistIds", json!([unknown])), 404, "not_found"),
        (with("weekdays", json!([8])), 422, "validation"),
        (with("fromTime", json!("9am")), 422, "validation"),
        (with("toTime", json!("00:00")), 422, "validation"),
        (with("priority", json!(1000)), 422, "validation"),
    ] {
        let refused = world.post("/waitlist", &body).await;
        assert_eq!((refused.status, refused.code()), (status, code), "{body}");
    }
    let entry = waits(&world, 0, 0).await;
    let around = json!({ "from": world.at(2, 9, 0), "to": world.at(2, 10, 0) });
    let offer = format!("/waitlist/{entry}/offer");
    let made = world.post(&offer, &around).await.expect(201);
    let again = world.post(&offer, &around).await.expect(200);
    assert_eq!(made["token"], again["token"]);
    let taken = world
        .post("/appointments", &world.booking(3, 0, world.at(2, 9, 0)))
        .await;
    assert_eq!((taken.status, taken.code()), (409, "slot_taken"));
    let evening = json!({ "from": world.at(2, 18, 0), "to": world.at(2, 19, 0) });
    let other = waits(&world, 1, 0).await;
    let never = world
        .post(&format!("/waitlist/{other}/offer"), &evening)
        .await;
    assert_eq!((never.status, never.code()), (422, "not_offered"));
    let gone = world
        .send(Method::DELETE, &format!("/waitlist/{entry}"), None)
        .await;
    assert_eq!(gone.status, 204);
    let late = format!("/offers/{}/accept", made["token"].as_str().unwrap());
    let late = world.send(Method::POST, &late, None).await;
    assert_eq!((late.status, late.code()), (422, "hold_expired"));
    world.end().await;
}

#[actix_web::test]
async fn whoever_is_offered_a_time_has_mail() {
    let world = World::new().await;
    let edit = json!({ "firstName": "Ana", "email": "ana@example.com" });
    let record = format!("/patients/{}", world.patient(0));
    world
        .send(Method::PATCH, &record, Some(&edit))
        .await
        .expect(200);
    let entry = waits(&world, 0, 0).await;
    let silent = waits(&world, 1, 0).await;
    let around = json!({ "from": world.at(2, 9, 0), "to": world.at(2, 10, 0) });
    for entry in [&silent, &entry] {
        let made = world
            .post(&format!("/waitlist/{entry}/offer"), &around)
            .await;
        made.expect(201);
    }
    // The server's own job may have been quicker: then nothing is left to write.
    let app = world.running_app();
    api::mail::offers::write_due(app).await.unwrap();
    world
        .until_rows("waitlist_offers WHERE told_at IS NOT NULL", 2)
        .await;
    app.mail.deliver_due().await.unwrap();
    let folder = std::fs::read_dir(&app.config.mail_folder).unwrap();
    let letters: Vec<String> = folder
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    assert_eq!(letters.len(), 1, "{letters:?}");
    let letter = letters[0].replace("=\r\n", "").replace("=3D", "=");
    assert!(letter.contains("To: ana@example.com"), "{letter}");
    let (_, token) = letter.split_once("/my/offers#token=").unwrap();
    let token = token.split_whitespace().next().unwrap();
    let taken = world
        .send(Method::POST, &format!("/offers/{token}/accept"), None)
        .await;
    assert_eq!(taken.status, 201, "{taken:?}");
    assert_eq!(api::mail::offers::write_due(app).await.unwrap(), 0);
    world.end().await;
}
