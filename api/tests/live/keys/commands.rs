//! The same for the routes that give the engine a command: it knows the key there, and the route says
//! that the answer is not new.

use std::collections::BTreeSet;

use api::once::Keeper;
use api::routes;
use serde_json::{Value, json};

use super::clerk::{Clerk, Others, id, others};
use crate::world::World;

async fn the_visits(clerk: &mut Clerk<'_>) {
    let world = clerk.world;
    let token = world.token();
    let owner = Some(token.as_str());
    let booking = world.booking(0, 0, world.at(2, 9, 0));
    let visit = clerk
        .twice(owner, ("post", "/appointments"), "", Some(booking))
        .await;
    let visit = id(&visit);
    for (route, body) in [
        (
            ("patch", "/appointments/{id}"),
            json!({ "notes": "nervous" }),
        ),
        (
            ("post", "/appointments/{id}/reschedule"),
            json!({ "start": world.at(2, 10, 0) }),
        ),
        (
            ("post", "/appointments/{id}/resize"),
            json!({ "duration": 45 }),
        ),
        (
            ("post", "/appointments/{id}/status"),
            json!({ "status": "confirmed" }),
        ),
    ] {
        clerk.twice(owner, route, &visit, Some(body)).await;
    }
    let mut other = world.booking(1, 1, world.at(2, 10, 0));
    other["operatoryId"] = json!(world.practice.operatories[1].0);
    other["duration"] = json!(45);
    let other = world.post("/appointments", &other).await.expect(201);
    let swap = json!({ "appointmentIds": [visit, other["id"]] });
    clerk
        .twice(owner, ("post", "/appointments/swap"), "", Some(swap))
        .await;
    let reason = json!({ "reason": "ill" });
    clerk
        .twice(
            owner,
            ("post", "/appointments/{id}/cancel"),
            &visit,
            Some(reason),
        )
        .await;

    let series = json!({ "patientId": world.patient(2), "dentistId": world.dentist(0),
        "treatmentId": world.practice.short, "operatoryId": world.practice.operatories[0].0,
        "start": world.at(3, 9, 0), "rrule": "FREQ=WEEKLY;COUNT=3" });
    let series = clerk
        .twice(owner, ("post", "/series"), "", Some(series))
        .await;
    let series = id(&series);
    let notes = json!({ "notes": "all of them" });
    clerk
        .twice(owner, ("patch", "/series/{id}"), &series, Some(notes))
        .await;
    clerk
        .twice(owner, ("delete", "/series/{id}"), &series, None)
        .await;

    let block = json!({ "calendarId": world.practice.dentists[0].1, "kind": "meeting",
        "start": world.at(4, 9, 0), "end": world.at(4, 10, 0) });
    let block = clerk
        .twice(owner, ("post", "/blocks"), "", Some(block))
        .await;
    let block = id(&block);
    let title = json!({ "title": "Reunión" });
    clerk
        .twice(owner, ("patch", "/blocks/{id}"), &block, Some(title))
        .await;
    clerk
        .twice(owner, ("delete", "/blocks/{id}"), &block, None)
        .await;

    world
        .post("/appointments", &world.booking(3, 0, world.at(5, 9, 0)))
        .await
        .expect(201);
    let date = world.at(5, 9, 0).date_naive();
    let replan = json!({ "dentistId": world.dentist(0), "date": date, "action": "cancel" });
    clerk
        .twice(owner, ("post", "/replan"), "", Some(replan))
        .await;
}

async fn the_holds(clerk: &mut Clerk<'_>) {
    let world = clerk.world;
    let token = world.token();
    let owner = Some(token.as_str());
    let wish = |hour| {
        json!({ "treatmentId": world.practice.short, "dentistId": world.dentist(0),
            "start": world.at(6, hour, 0) })
    };
    let route = ("post", "/holds");
    let held = clerk.twice(owner, route, "", Some(wish(9))).await;
    let proof = json!({ "holdToken": held["holdToken"] });
    let renew = ("post", "/holds/{id}/renew");
    clerk
        .twice(owner, renew, &id(&held), Some(proof.clone()))
        .await;
    let confirm = json!({ "holdToken": held["holdToken"], "patientId": world.patient(4) });
    let route = ("post", "/holds/{id}/confirm");
    clerk.twice(owner, route, &id(&held), Some(confirm)).await;
    let held = world.post("/holds", &wish(10)).await.expect(201);
    let gone = format!("{}?holdToken={}", id(&held), text(&held["holdToken"]));
    clerk
        .twice(owner, ("delete", "/holds/{id}"), &gone, None)
        .await;

    let public = format!("/public/{}", world.practice.subdomain);
    let holds = format!("{public}/holds");
    let route = ("post", "/public/{subdomain}/holds");
    let held = clerk.twice_at(None, route, &holds, Some(wish(11))).await;
    let own = format!("{holds}/{}", id(&held));
    let proof = json!({ "holdToken": held["holdToken"] });
    let route = ("post", "/public/{subdomain}/holds/{id}/renew");
    let path = format!("{own}/renew");
    clerk.twice_at(None, route, &path, Some(proof)).await;
    let ana = json!({ "firstName": "Ana", "lastName": "Paz", "email": "ana@example.com" });
    let confirm = json!({ "holdToken": held["holdToken"], "patient": ana });
    let route = ("post", "/public/{subdomain}/holds/{id}/confirm");
    let path = format!("{own}/confirm");
    let booked = clerk.twice_at(None, route, &path, Some(confirm)).await;
    let held = world.post(&holds, &wish(12)).await.expect(201);
    let path = format!("{holds}/{}", id(&held));
    let proof = json!({ "holdToken": held["holdToken"] });
    let route = ("delete", "/public/{subdomain}/holds/{id}");
    clerk.twice_at(None, route, &path, Some(proof)).await;

    let manage = text(&booked["manageToken"]);
    let time = json!({ "start": world.at(6, 15, 0) });
    let route = ("post", "/public/appointments/{manageToken}/reschedule");
    clerk.twice(None, route, &manage, Some(time)).await;
    let reason = json!({ "reason": "away" });
    let route = ("post", "/public/appointments/{manageToken}/cancel");
    clerk.twice(None, route, &manage, Some(reason)).await;
}

async fn the_patient(clerk: &mut Clerk<'_>, people: &Others) {
    let world = clerk.world;
    let patient = Some(people.patient.as_str());
    let booking = world.booking(50, 0, world.at(8, 9, 0));
    let visit = id(&world.post("/appointments", &booking).await.expect(201));
    let route = ("post", "/me/appointments/{id}/confirm");
    clerk.twice(patient, route, &visit, None).await;
    let route = ("post", "/me/appointments/{id}/cancel");
    let reason = json!({ "reason": "away" });
    clerk.twice(patient, route, &visit, Some(reason)).await;

    for (patient, route) in [
        (5, ("post", "/offers/{token}/decline")),
        (6, ("post", "/offers/{token}/accept")),
    ] {
        let waits = json!({ "patientId": world.patient(patient),
            "treatmentId": world.practice.short });
        let waits = id(&world.post("/waitlist", &waits).await.expect(201));
        let free = json!({ "from": world.at(9, 9, 0), "to": world.at(9, 12, 0) });
        let offer = format!("/waitlist/{waits}/offer");
        let offer = world.post(&offer, &free).await.expect(201);
        clerk.twice(None, route, &text(&offer["token"]), None).await;
        // Or it would be offered the next time that comes free.
        world
            .send(reqwest::Method::DELETE, &format!("/waitlist/{waits}"), None)
            .await;
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn every_command_takes_effect_once() {
    let world = World::new().await;
    let people = others(&world).await;
    let mut clerk = Clerk::of(&world);
    the_visits(&mut clerk).await;
    the_holds(&mut clerk).await;
    the_patient(&mut clerk, &people).await;
    let commands = routes::ALL
        .iter()
        .filter(|route| route.keeper == Keeper::Engine)
        .map(|route| (route.method, route.path));
    let commands: BTreeSet<_> = commands.collect();
    let missing: Vec<_> = commands.difference(&clerk.tried).collect();
    assert!(missing.is_empty(), "not tried: {missing:?}");
    world.end().await;
}

/// Who changes nothing needs no key; every other route has somebody who keeps it, and the document
/// says so.
#[test]
fn no_change_is_without_a_key() {
    let document = serde_json::to_value(api::openapi::build()).unwrap();
    let mut without = Vec::new();
    for route in routes::ALL.iter().filter(|route| route.method != "get") {
        let parameters = &document["paths"][route.path][route.method]["parameters"];
        let told = parameters.to_string().contains("Idempotency-Key");
        assert_eq!(told, route.keeper != Keeper::Nobody, "{route:?}");
        if route.keeper == Keeper::Nobody && !route.path.starts_with("/auth/") {
            without.push(route.path);
        }
    }
    assert_eq!(without, ["/series/preview", "/replan/preview"]);
}
