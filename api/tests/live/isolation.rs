//! The five scenarios that every practice asks about before it trusts one database with everybody's
//! patients.

use reqwest::Method;
use schema::ids::UserId;
use schema::test_db::practice::Practice;
use serde_json::{Value, json};

use crate::world::World;

/// Two practices that work in the same chairs; the patients are each one's own.
async fn two() -> (World, Practice, String) {
    let world = World::new().await;
    let mut other = Practice::seed_sharing(&world.db, &world.practice, 1).await;
    world
        .sql(&format!(
            "DELETE FROM patient_dentists WHERE tenant_id = '{}'",
            other.tenant
        ))
        .await;
    other.patients.clear();
    let token = world.token_of(other.owner);
    (world, other, token)
}

fn ids(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .filter_map(|item| item["id"].as_str())
        .collect()
}

#[actix_web::test]
async fn a_dentist_does_not_know_another_dentists_patients() {
    let (world, other, theirs) = two().await;
    let patient = world.patient(0).to_string();
    let listed = world.get("/patients?limit=200").await.expect(200);
    assert!(ids(&listed).contains(&patient.as_str()));
    let listed = world
        .send_as(&theirs, Method::GET, "/patients?limit=200", None)
        .await
        .expect(200);
    assert_eq!(ids(&listed), Vec::<&str>::new());
    for path in ["", "/history", "/medical", "/relation"] {
        let path = format!("/patients/{patient}{path}");
        let hidden = world.send_as(&theirs, Method::GET, &path, None).await;
        assert_eq!((hidden.status, hidden.code()), (404, "not_found"), "{path}");
    }
    let mut booking = world.booking(0, 0, world.at(2, 9, 0));
    booking["dentistId"] = json!(other.dentists[0].0);
    booking["treatmentId"] = json!(other.short);
    let refused = world
        .send_as(&theirs, Method::POST, "/appointments", Some(&booking))
        .await;
    assert_eq!(refused.code(), "not_your_patient", "{refused:?}");
    world.end().await;
}

#[actix_web::test]
async fn staff_of_one_practice_do_not_see_anothers_data() {
    let (world, other, _) = two().await;
    let staff = UserId::new();
    world
        .sql(&format!(
            "INSERT INTO users (id, email, name) VALUES ('{staff}', '{staff}@x.ec', 'Eva');
             INSERT INTO memberships (tenant_id, user_id, role, permissions) VALUES
                 ('{}', '{staff}', 'staff_receptionist', '{{canViewPatients,canManageAppointments}}')",
            other.tenant
        ))
        .await;
    let eva = world.token_of(staff);
    let body = world.booking(0, 0, world.at(2, 9, 0));
    let visit = world.post("/appointments", &body).await.expect(201);
    let visit = visit["id"].as_str().unwrap();
    let (dentist, calendar) = world.practice.dentists[0];
    let range = format!(
        "from={}&to={}",
        world.at(2, 0, 0).format("%Y-%m-%dT%H:%M:%SZ"),
        world.at(3, 0, 0).format("%Y-%m-%dT%H:%M:%SZ")
    );
    for path in [
        format!("/appointments/{visit}"),
        format!("/calendars/{calendar}?{range}"),
        format!("/providers/{dentist}"),
    ] {
        let hidden = world.send_as(&eva, Method::GET, &path, None).await;
        assert_eq!((hidden.status, hidden.code()), (404, "not_found"), "{path}");
    }
    let cancel = format!("/appointments/{visit}/cancel");
    let reason = json!({ "reason": "not mine" });
    let hidden = world
        .send_as(&eva, Method::POST, &cancel, Some(&reason))
        .await;
    assert_eq!((hidden.status, hidden.code()), (404, "not_found"));
    let listed = format!("/appointments?{range}");
    let listed = world
        .send_as(&eva, Method::GET, &listed, None)
        .await
        .expect(200);
    assert_eq!(ids(&listed), Vec::<&str>::new());
    let both = format!(
        "/calendars?tenants={},{}",
        other.tenant, world.practice.tenant
    );
    let refused = world.send_as(&eva, Method::GET, &both, None).await;
    assert_eq!(refused.code(), "forbidden");
    world.end().await;
}

#[actix_web::test]
async fn a_patient_sees_their_history_with_all_their_dentists() {
    let (world, other, theirs) = two().await;
    let (patient, account) = (world.patient(0), UserId::new());
    world
        .sql(&format!(
            "INSERT INTO users (id, email, name, email_verified_at)
                 VALUES ('{account}', '{account}@x.ec', 'Ana', now());
             UPDATE patients SET user_id = '{account}' WHERE id = '{patient}';
             INSERT INTO patient_dentists (tenant_id, patient_id) VALUES ('{}', '{patient}')",
            other.tenant
        ))
        .await;
    let body = world.booking(0, 0, world.at(2, 9, 0));
    let first = world.post("/appointments", &body).await.expect(201);
    let mut body = world.booking(0, 0, world.at(3, 9, 0));
    body["dentistId"] = json!(other.dentists[0].0);
    body["treatmentId"] = json!(other.short);
    let second = world
        .send_as(&theirs, Method::POST, "/appointments", Some(&body))
        .await
        .expect(201);
    let ana = world.token_of(account);
    let own = world
        .send_as(&ana, Method::GET, "/me/appointments", None)
        .await
        .expect(200);
    let mut seen = ids(&own);
    seen.sort_unstable();
    let mut booked = [&first, &second].map(|visit| visit["id"].as_str().unwrap());
    booked.sort_unstable();
    assert_eq!(seen, booked);
    let dentists = world
        .send_as(&ana, Method::GET, "/me/dentists", None)
        .await
        .expect(200);
    assert_eq!(dentists["items"].as_array().unwrap().len(), 2, "{dentists}");
    // Each dentist still sees only their own part.
    let history = format!("/patients/{patient}/history");
    for (token, visit) in [(&world.token(), &first), (&theirs, &second)] {
        let page = world
            .send_as(token, Method::GET, &history, None)
            .await
            .expect(200);
        assert_eq!(ids(&page), [visit["id"].as_str().unwrap()]);
    }
    // Whoever is no patient has no such page, and a patient no practice.
    let refused = world
        .send_as(&theirs, Method::GET, "/me/appointments", None)
        .await;
    assert_eq!((refused.status, refused.code()), (403, "forbidden"));
    let refused = world.send_as(&ana, Method::GET, "/patients", None).await;
    assert_eq!((refused.status, refused.code()), (403, "forbidden"));
    world.end().await;
}

#[actix_web::test]
async fn a_transfer_ends_one_relation_and_begins_the_other() {
    let (world, other, theirs) = two().await;
    let path = format!("/patients/{}", world.patient(0));
    let to = json!({ "toSubdomain": other.subdomain });
    world
        .post(&format!("{path}/transfer"), &to)
        .await
        .expect(200);
    let gone = world.get(&path).await;
    assert_eq!((gone.status, gone.code()), (404, "not_found"));
    let come = world
        .send_as(&theirs, Method::GET, &path, None)
        .await
        .expect(200);
    assert_eq!(come["id"], world.patient(0).to_string());
    world.end().await;
}

#[actix_web::test]
async fn in_a_shared_operatory_another_practice_is_busy_and_no_more() {
    let (world, other, theirs) = two().await;
    let start = world.at(2, 9, 0);
    let mut body = world.booking(0, 0, start);
    body["notes"] = json!("zq7secret");
    let visit = world.post("/appointments", &body).await.expect(201);
    let chair = world.practice.operatories[0].1;
    let path = format!(
        "/calendars/{chair}?from={}&to={}",
        world.at(2, 0, 0).format("%Y-%m-%dT%H:%M:%SZ"),
        world.at(3, 0, 0).format("%Y-%m-%dT%H:%M:%SZ")
    );
    let own = world.get(&path).await.expect(200);
    assert_eq!(own["entries"][0]["appointment"]["id"], visit["id"]);
    let seen = world
        .send_as(&theirs, Method::GET, &path, None)
        .await
        .expect(200);
    let entry = seen["entries"][0].as_object().unwrap();
    assert_eq!(entry["kind"], "busy");
    let fields: Vec<&str> = entry.keys().map(String::as_str).collect();
    assert_eq!(fields, ["end", "id", "kind", "start"], "{seen}");

    // They cannot book over it, and are told no more than when.
    let patient = json!({ "firstName": "Ana", "lastName": "Mora" });
    let patient = world
        .send_as(&theirs, Method::POST, "/patients", Some(&patient))
        .await
        .expect(201);
    let booking = json!({
        "patientId": patient["id"],
        "dentistId": other.dentists[0].0,
        "treatmentId": other.short,
        "operatoryId": world.practice.operatories[0].0,
        "start": start,
    });
    let taken = world
        .send_as(&theirs, Method::POST, "/appointments", Some(&booking))
        .await;
    assert_eq!((taken.status, taken.code()), (409, "slot_taken"));
    let text = taken.body.to_string();
    for secret in [
        "zq7secret",
        visit["id"].as_str().unwrap(),
        &world.patient(0).to_string(),
    ] {
        assert!(!text.contains(secret), "{text}");
    }
    world.end().await;
}
