//! Patients' records and what is booked for them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::World;

async fn book(world: &World, patient: usize, dentist: usize, hour: u32) -> Value {
    let booking = world.booking(patient, dentist, world.at(1, hour, 0));
    world.post("/appointments", &booking).await.expect(201)
}

fn record(world: &World, patient: usize) -> String {
    format!("/patients/{}", world.patient(patient))
}

fn merge(world: &World, keep: usize, remove: usize) -> Value {
    json!({ "keep": world.patient(keep), "remove": world.patient(remove) })
}

async fn visits(world: &World, patient: usize) -> Vec<Value> {
    let history = format!("{}/history", record(world, patient));
    let history = world.get(&history).await.expect(200);
    history["items"].as_array().unwrap().clone()
}

#[actix_web::test]
async fn two_records_become_one_with_all_their_visits() {
    let world = World::new().await;
    let kept = book(&world, 0, 0, 9).await;
    let moved = book(&world, 1, 1, 11).await;
    let gone = book(&world, 1, 0, 15).await;
    let cancel = format!("/appointments/{}/cancel", gone["id"].as_str().unwrap());
    world
        .post(&cancel, &json!({ "reason": "late" }))
        .await
        .expect(200);
    let edit = json!({ "email": "ana@correo.ec", "phone": "+593991234567" });
    world
        .send(Method::PATCH, &record(&world, 1), Some(&edit))
        .await
        .expect(200);
    for (patient, facts) in [
        (0, json!({ "allergies": ["latex"], "history": "asthma" })),
        (1, json!({ "allergies": ["penicillin", "latex"] })),
    ] {
        let path = format!("{}/medical", record(&world, patient));
        world
            .send(Method::PUT, &path, Some(&facts))
            .await
            .expect(200);
        let path = format!("{}/relation", record(&world, patient));
        let notes = json!({ "notes": format!("of {patient}") });
        world
            .send(Method::PATCH, &path, Some(&notes))
            .await
            .expect(200);
    }

    let key = [("idempotency-key", "merge")];
    let body = merge(&world, 0, 1);
    let done = world
        .send_with(Method::POST, "/patients/merge", Some(&body), &key)
        .await
        .expect(200);
    assert_eq!(done["movedAppointments"], 2);
    assert_eq!(done["patient"]["email"], "ana@correo.ec");
    let again = world
        .send_with(Method::POST, "/patients/merge", Some(&body), &key)
        .await;
    assert_eq!(again.headers["idempotent-replay"], "true");
    assert_eq!(again.expect(200), done);
    // Without the key it is said as it is now.
    let again = world.post("/patients/merge", &body).await.expect(200);
    assert_eq!(
        (&again["patient"], &again["movedAppointments"]),
        (&done["patient"], &json!(0))
    );

    assert_eq!(world.get(&record(&world, 1)).await.status, 404);
    let ids: Vec<Value> = visits(&world, 0)
        .await
        .iter()
        .map(|visit| visit["id"].clone())
        .collect();
    for visit in [&kept, &moved, &gone] {
        assert!(ids.contains(&visit["id"]), "{ids:?}");
    }
    let path = format!("/appointments/{}", moved["id"].as_str().unwrap());
    let now = world.get(&path).await.expect(200);
    assert_eq!(
        (&now["patientId"], &now["version"]),
        (&json!(world.patient(0)), &json!(2))
    );
    let medical = format!("{}/medical", record(&world, 0));
    let medical = world.get(&medical).await.expect(200);
    assert_eq!(medical["allergies"], json!(["latex", "penicillin"]));
    assert_eq!(
        (&medical["history"], &medical["revision"]),
        (&json!("asthma"), &json!(3))
    );
    let relation = format!("{}/relation", record(&world, 0));
    let relation = world.get(&relation).await.expect(200);
    assert_eq!(relation["notes"], "of 0\nof 1");

    // The time is the kept one's now; nothing can be booked for the other.
    let mut clash = world.booking(0, 0, world.at(1, 11, 0));
    clash["operatoryId"] = json!(world.practice.operatories[1].0);
    let refused = world.post("/appointments", &clash).await;
    assert_eq!((refused.status, refused.code()), (409, "patient_busy"));
    let removed = world.booking(1, 0, world.at(1, 17, 0));
    let refused = world.post("/appointments", &removed).await;
    assert_eq!((refused.status, refused.code()), (422, "not_your_patient"));
    world.end().await;
}

#[actix_web::test]
async fn not_while_their_visits_overlap() {
    let world = World::new().await;
    book(&world, 0, 0, 9).await;
    let second = json!({ "patientId": world.patient(1), "dentistId": world.dentist(1),
        "treatmentId": world.practice.short, "operatoryId": world.practice.operatories[1].0,
        "start": world.at(1, 9, 15) });
    let second = world.post("/appointments", &second).await.expect(201);
    let refused = world.post("/patients/merge", &merge(&world, 0, 1)).await;
    assert_eq!((refused.status, refused.code()), (409, "patient_busy"));
    assert_eq!(refused.body["conflict"]["start"], json!(world.at(1, 9, 0)));
    assert_eq!(visits(&world, 1).await.len(), 1);
    world.get(&record(&world, 1)).await.expect(200);

    let cancel = format!("/appointments/{}/cancel", second["id"].as_str().unwrap());
    world
        .post(&cancel, &json!({ "reason": "twice" }))
        .await
        .expect(200);
    world
        .post("/patients/merge", &merge(&world, 0, 1))
        .await
        .expect(200);
    assert_eq!(visits(&world, 0).await.len(), 2);
    world.end().await;
}

#[actix_web::test]
async fn records_without_visits_merge_and_strange_ones_do_not() {
    let world = World::new().await;
    world
        .post("/patients/merge", &merge(&world, 2, 3))
        .await
        .expect(200);
    let nobody = json!({ "keep": world.patient(2), "remove": uuid::Uuid::new_v4() });
    assert_eq!(world.post("/patients/merge", &nobody).await.status, 404);
    let refused = world.post("/patients/merge", &merge(&world, 2, 2)).await;
    assert_eq!((refused.status, refused.code()), (422, "validation"));

    // Another practice's too, or with an account that would see more than its own.
    let other =
        schema::test_db::practice::Practice::seed_sharing(&world.db, &world.practice, 1).await;
    let shared = world.post("/patients/merge", &merge(&world, 4, 5)).await;
    assert_eq!((shared.status, shared.code()), (409, "shared_record"));
    world
        .sql(&format!(
            "DELETE FROM patient_dentists WHERE tenant_id = '{}' AND patient_id = '{}';
             UPDATE patients SET user_id = '{}' WHERE id = '{}';",
            other.tenant,
            world.patient(5),
            other.owner,
            world.patient(5)
        ))
        .await;
    let account = world.post("/patients/merge", &merge(&world, 4, 5)).await;
    assert_eq!((account.status, account.code()), (409, "account"));
    world
        .sql(&format!(
            "DELETE FROM patient_dentists WHERE tenant_id = '{}' AND patient_id = '{}';",
            other.tenant,
            world.patient(4)
        ))
        .await;
    world
        .post("/patients/merge", &merge(&world, 4, 5))
        .await
        .expect(200);
    world.end().await;
}

#[actix_web::test]
async fn whoever_has_visits_to_come_is_not_let_go_by_mistake() {
    let world = World::new().await;
    book(&world, 0, 0, 9).await;
    let visit = book(&world, 1, 1, 10).await;
    let archive = format!("{}/archive", record(&world, 0));
    let relation = format!("{}/relation", record(&world, 0));
    let end = json!({ "status": "ended" });
    for refused in [
        world.post(&archive, &json!({})).await,
        world.send(Method::PATCH, &relation, Some(&end)).await,
    ] {
        assert_eq!(
            (refused.status, refused.code()),
            (409, "future_appointments")
        );
    }
    let keep = json!({ "keepAppointments": true });
    world.post(&archive, &keep).await.expect(200);
    let again = world.booking(0, 0, world.at(2, 9, 0));
    let refused = world.post("/appointments", &again).await;
    assert_eq!((refused.status, refused.code()), (422, "not_your_patient"));
    let end = json!({ "status": "ended", "keepAppointments": true });
    world
        .send(Method::PATCH, &relation, Some(&end))
        .await
        .expect(200);
    assert_eq!(visits(&world, 0).await.len(), 1);

    // Handed over, with what was booked or without.
    let other = schema::test_db::practice::Practice::seed(&world.db, crate::world::SIZE).await;
    let transfer = format!("{}/transfer", record(&world, 1));
    let to = json!({ "toTenantId": other.tenant, "cancelAppointments": true,
        "keepRelation": true, "reason": "moves away" });
    let done = world.post(&transfer, &to).await.expect(200);
    assert_eq!(
        (&done["cancelled"], &done["kept"]),
        (&json!([visit["id"]]), &json!([]))
    );
    let visit = book(&world, 1, 1, 10).await;
    let to = json!({ "toTenantId": other.tenant });
    let done = world.post(&transfer, &to).await.expect(200);
    assert_eq!(
        (&done["cancelled"], &done["kept"]),
        (&json!([]), &json!([visit["id"]]))
    );
    // The calendar still says who comes.
    let calendar = format!(
        "/calendars/{}?from={}&to={}",
        world.practice.dentists[1].1,
        world.at(1, 0, 0).format("%Y-%m-%dT%H:%M:%SZ"),
        world.at(2, 0, 0).format("%Y-%m-%dT%H:%M:%SZ")
    );
    let entries = world.get(&calendar).await.expect(200);
    assert!(
        entries.to_string().contains("Patient Number 1"),
        "{entries}"
    );
    world.end().await;
}
