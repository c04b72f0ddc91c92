//! `Idempotency-Key` on every route that changes rows itself: the same request again changes nothing
//! and is answered as the first time, another one under the same key is refused. The routes are the
//! server's own list; one that is not tried here fails the test.

mod clerk;
mod commands;

use std::collections::BTreeSet;

use api::once::Keeper;
use api::routes;
use serde_json::{Value, json};

use crate::world::World;
use clerk::{Clerk, Others, id, others};

fn every_day() -> Value {
    (1..=7)
        .map(|day| json!({ "weekday": day, "from": "09:00", "to": "13:00" }))
        .collect()
}

async fn the_practice(clerk: &mut Clerk<'_>, people: &Others) {
    let owner = clerk.world.token();
    let owner = Some(owner.as_str());
    let branding = json!({ "branding": { "primaryColor": "#0f766e" } });
    clerk
        .twice(owner, ("patch", "/tenant"), "", Some(branding))
        .await;
    let key = json!({ "name": "Widget", "scopes": ["patients:read"] });
    let key = clerk
        .twice(owner, ("post", "/api-keys"), "", Some(key))
        .await;
    assert!(key["key"].as_str().unwrap().starts_with("dck_"));
    clerk
        .twice(owner, ("delete", "/api-keys/{id}"), &id(&key), None)
        .await;

    let invitation = json!({ "email": "third@x.ec", "role": "staff_billing" });
    let invitation = clerk
        .twice(owner, ("post", "/staff"), "", Some(invitation))
        .await;
    let invitation = id(&invitation);
    // One letter a minute.
    let minutes = "UPDATE invitations SET sent_at = sent_at - interval '2 minutes'";
    clerk.world.sql(minutes).await;
    for route in [
        ("post", "/staff/invitations/{id}/resend"),
        ("delete", "/staff/invitations/{id}"),
    ] {
        clerk.twice(owner, route, &invitation, None).await;
    }
    let newcomer = Some(people.newcomer.as_str());
    for (route, token) in [("accept", "yes"), ("reject", "no")] {
        let route = match route {
            "accept" => ("post", "/invitations/{token}/accept"),
            _ => ("post", "/invitations/{token}/reject"),
        };
        clerk.twice(newcomer, route, token, None).await;
    }
    let role = json!({ "role": "staff_assistant" });
    let colleague = people.colleague.as_str();
    clerk
        .twice(owner, ("patch", "/staff/{id}"), colleague, Some(role))
        .await;
    clerk
        .twice(owner, ("delete", "/staff/{id}"), colleague, None)
        .await;

    let things = [
        (
            ["/providers", "/providers/{id}", "/providers/{id}/hours"],
            json!({ "name": "Dra. Nueva", "role": "dentist" }),
        ),
        (
            ["/equipment", "/equipment/{id}", "/equipment/{id}/hours"],
            json!({ "name": "Escáner" }),
        ),
        (
            ["/treatments", "/treatments/{id}", ""],
            json!({ "code": "D9999", "name": "Otra", "durationMin": 30 }),
        ),
        (
            ["/exceptions", "/exceptions/{id}", ""],
            json!({ "kind": "closed", "fromDate": "2027-12-24", "name": "Fiesta" }),
        ),
    ];
    for ([all, one, hours], body) in things {
        let made = clerk.twice(owner, ("post", all), "", Some(body)).await;
        let made = id(&made);
        let name = json!({ "name": "De otro modo" });
        clerk.twice(owner, ("patch", one), &made, Some(name)).await;
        if !hours.is_empty() {
            let week = json!({ "hours": every_day() });
            clerk.twice(owner, ("put", hours), &made, Some(week)).await;
        }
        clerk.twice(owner, ("delete", one), &made, None).await;
    }
}

async fn the_super_admin(clerk: &mut Clerk<'_>, people: &Others) {
    let admin = Some(people.admin.as_str());
    let tenant = people.other.tenant.to_string();
    for route in [
        ("post", "/admin/tenants/{id}/suspend"),
        ("post", "/admin/tenants/{id}/activate"),
    ] {
        clerk.twice(admin, route, &tenant, None).await;
    }
    let name = json!({ "name": "De otro modo" });
    let clinic = json!({ "name": "Norte", "zone": "America/Guayaquil" });
    let clinic = clerk
        .twice(admin, ("post", "/admin/clinics"), "", Some(clinic))
        .await;
    let clinic = id(&clinic);
    let chair = json!({ "clinicId": clinic, "name": "Sillón 1" });
    let chair = clerk
        .twice(admin, ("post", "/admin/operatories"), "", Some(chair))
        .await;
    let chair = id(&chair);
    let lent = json!({ "dentistId": clerk.world.dentist(0), "operatoryId": chair,
        "validFrom": "2027-03-01", "hours": every_day() });
    let lent = clerk
        .twice(admin, ("post", "/admin/assignments"), "", Some(lent))
        .await;
    let closed = json!({ "kind": "closed", "clinicId": clinic, "fromDate": "2027-12-24" });
    let closed = clerk
        .twice(admin, ("post", "/admin/exceptions"), "", Some(closed))
        .await;
    let shared = json!({ "validTo": "2027-06-30" });
    for (route, row, change) in [
        ("/admin/exceptions/{id}", id(&closed), name.clone()),
        ("/admin/assignments/{id}", id(&lent), shared),
        ("/admin/operatories/{id}", chair, name.clone()),
        ("/admin/clinics/{id}", clinic, name),
    ] {
        clerk
            .twice(admin, ("patch", route), &row, Some(change))
            .await;
        clerk.twice(admin, ("delete", route), &row, None).await;
    }
}

async fn the_patients(clerk: &mut Clerk<'_>, people: &Others) {
    let world = clerk.world;
    let token = world.token();
    let owner = Some(token.as_str());
    let ana = json!({ "firstName": "Ana", "lastName": "Paz", "email": "ana@x.ec" });
    let ana = clerk
        .twice(owner, ("post", "/patients"), "", Some(ana))
        .await;
    let ana = id(&ana);
    let known = json!({ "email": "known@x.ec", "dateOfBirth": "1990-02-28" });
    clerk
        .twice(owner, ("post", "/patients/link"), "", Some(known))
        .await;
    let email = json!({ "email": "somebody@x.ec" });
    clerk
        .twice(owner, ("post", "/patients/link-requests"), "", Some(email))
        .await;
    clerk
        .twice(
            None,
            ("post", "/patients/link-requests/{token}/accept"),
            "asked-0",
            None,
        )
        .await;
    clerk
        .twice(
            None,
            ("post", "/patients/link-requests/{token}/decline"),
            "asked-1",
            None,
        )
        .await;
    let csv = json!("nombres,apellidos\nEva,Luna\nJosé,Sol\n");
    let report = clerk
        .twice(owner, ("post", "/patients/import"), "", Some(csv))
        .await;
    assert_eq!(report["created"], 2);
    let invited = world.patient(51).to_string();
    clerk
        .twice(owner, ("post", "/patients/{id}/invitation"), &invited, None)
        .await;
    for (route, body) in [
        (
            ("patch", "/patients/{id}"),
            Some(json!({ "phone": "+593991234567" })),
        ),
        (
            ("patch", "/patients/{id}/relation"),
            Some(json!({ "notes": "likes mornings" })),
        ),
        (
            ("put", "/patients/{id}/medical"),
            Some(json!({ "allergies": ["latex"] })),
        ),
        (("post", "/patients/{id}/archive"), None),
        (("post", "/patients/{id}/restore"), None),
        (
            ("post", "/patients/{id}/transfer"),
            Some(json!({ "toTenantId": people.other.tenant })),
        ),
    ] {
        clerk.twice(owner, route, &ana, body).await;
    }
    let merge = json!({ "keep": world.patient(1), "remove": world.patient(2) });
    clerk
        .twice(owner, ("post", "/patients/merge"), "", Some(merge))
        .await;

    let patient = Some(people.patient.as_str());
    let name = json!({ "firstName": "Otra" });
    clerk
        .twice(patient, ("patch", "/me/profile"), "", Some(name))
        .await;
    for (route, question) in [
        ("/me/link-requests/{id}/accept", &people.questions[2]),
        ("/me/link-requests/{id}/decline", &people.questions[3]),
    ] {
        clerk.twice(patient, ("post", route), question, None).await;
    }
    let link = json!({ "token": "my-link" });
    clerk
        .twice(patient, ("post", "/me/link"), "", Some(link))
        .await;

    let waits = json!({ "patientId": world.patient(3), "treatmentId": world.practice.short });
    let waits = clerk
        .twice(owner, ("post", "/waitlist"), "", Some(waits))
        .await;
    let free = json!({ "from": world.at(3, 9, 0), "to": world.at(3, 12, 0) });
    let offer = ("post", "/waitlist/{id}/offer");
    let made = clerk.twice(owner, offer, &id(&waits), Some(free)).await;
    assert!(made["token"].is_string(), "{made}");
    clerk
        .twice(owner, ("delete", "/waitlist/{id}"), &id(&waits), None)
        .await;
}

#[actix_web::test]
async fn every_change_takes_effect_once() {
    let world = World::new().await;
    let people = others(&world).await;
    let mut clerk = Clerk::of(&world);
    the_practice(&mut clerk, &people).await;
    the_patients(&mut clerk, &people).await;
    the_super_admin(&mut clerk, &people).await;
    let kept = routes::ALL
        .iter()
        .filter(|route| {
            matches!(
                route.keeper,
                Keeper::Answers | Keeper::Both | Keeper::Stream
            )
        })
        .map(|route| (route.method, route.path));
    let kept: BTreeSet<_> = kept.collect();
    let missing: Vec<_> = kept.difference(&clerk.tried).collect();
    assert!(missing.is_empty(), "not tried: {missing:?}");
    assert!(kept.len() > 50, "{}", kept.len());
    // Also what functions of the database have written tells from where.
    for action in ["patient.removed", "patient.received", "patient.linked"] {
        let so = format!("action = '{action}' AND address = '127.0.0.1'");
        assert!(clerk.lines(&so).await > 0, "{action}");
    }
    let silent = "address IS NULL OR request_id IS NULL";
    assert_eq!(clerk.lines(silent).await, 0, "{silent}");
    world.end().await;
}

#[actix_web::test]
async fn a_key_is_one_principals_for_one_change() {
    let world = World::new().await;
    let people = others(&world).await;
    let clerk = Clerk::of(&world);
    let token = world.token();
    let owner = Some(token.as_str());
    let patients = ("post", "/patients");
    let eva = json!({ "firstName": "Eva", "lastName": "Luna", "email": "eva@x.ec" });

    // At once: one record, and everybody hears of it.
    let asked = (0..4).map(|_| clerk.send(owner, patients, Some(&eva), Some("k")));
    let heard = futures_util::future::join_all(asked).await;
    assert!(
        heard.iter().all(|answer| answer.status == 201
            && answer.text == heard[0].text
            && answer.location == heard[0].location),
        "{heard:?}"
    );
    let new = heard.iter().filter(|answer| !answer.replayed).count();
    assert_eq!(new, 1, "{heard:?}");

    // The same in another order and spacing is the same; another value is not.
    let respelt = json!({ "email": "eva@x.ec", "lastName": "Luna", "firstName": "Eva" });
    let again = clerk.send(owner, patients, Some(&respelt), Some("k")).await;
    assert_eq!((again.status, again.replayed), (201, true));
    let other = json!({ "firstName": "Eva", "lastName": "Luna", "email": "other@x.ec" });
    let other = clerk.send(owner, patients, Some(&other), Some("k")).await;
    assert_eq!(
        (other.status, other.code().as_str()),
        (422, "idempotency_mismatch")
    );

    // A refusal uses no key up: what is right then is done.
    let refused = clerk
        .send(owner, patients, Some(&eva), Some("second"))
        .await;
    assert_eq!(refused.code(), "duplicate_patient");
    let allowed = json!({ "firstName": "Eva", "lastName": "Luna", "email": "eva@x.ec",
        "allowDuplicate": true });
    let allowed = clerk
        .send(owner, patients, Some(&allowed), Some("second"))
        .await;
    assert_eq!((allowed.status, allowed.replayed), (201, false));

    // Commands and changes share a principal's keys, either way round.
    let booking = world.booking(0, 0, world.at(3, 9, 0));
    let book = ("post", "/appointments");
    let booked = clerk.send(owner, book, Some(&booking), Some("k")).await;
    assert_eq!(booked.code(), "idempotency_mismatch");
    let booked = clerk.send(owner, book, Some(&booking), Some("b")).await;
    assert_eq!(booked.status, 201);
    let late = clerk.send(owner, patients, Some(&respelt), Some("b")).await;
    assert_eq!(late.code(), "idempotency_mismatch");

    // Another's key of the same name is another key; without the right there is no replay either.
    let profile = json!({ "firstName": "Otra" });
    let patient = Some(people.patient.as_str());
    let theirs = clerk
        .send(patient, ("patch", "/me/profile"), Some(&profile), Some("k"))
        .await;
    assert_eq!((theirs.status, theirs.replayed), (200, false));
    let stranger = clerk.send(patient, patients, Some(&eva), Some("k")).await;
    assert_eq!(stranger.code(), "forbidden");

    for key in ["", &"x".repeat(256)] {
        let refused = clerk.send(owner, patients, Some(&eva), Some(key)).await;
        assert_eq!(refused.code(), "validation", "{key}");
    }

    // Its answer was lost: what is known of the change is said, and nothing is done.
    world
        .sql("UPDATE request_answers SET settled = false WHERE key = 'k' AND tenant_id IS NOT NULL")
        .await;
    let lost = clerk.send(owner, patients, Some(&eva), Some("k")).await;
    assert_eq!(
        (lost.status, lost.code().as_str()),
        (503, "outcome_unknown")
    );
    world
        .sql("UPDATE request_answers SET created_at = now() - interval '2 minutes'")
        .await;
    let lost = clerk.send(owner, patients, Some(&eva), Some("k")).await;
    assert_eq!((lost.status, lost.replayed), (201, true));
    world.end().await;
}
