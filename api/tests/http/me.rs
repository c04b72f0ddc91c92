//! A patient's own side, from the practice's record to the cancelled visit.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use reqwest::{Method, header};
use schema::schema::tenants;
use serde_json::{Value, json};

use super::support::{Answer, PASSWORD, Server, send};

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// A practice that can be booked, with its owner's token.
struct Practice {
    token: String,
    tenant: String,
    dentist: Value,
    treatment: Value,
}

async fn practice(server: &Server, name: &str) -> Practice {
    let body = json!({ "email": format!("{name}@test.ec"), "password": PASSWORD, "name": name,
        "practiceName": name, "zone": "America/Guayaquil", "locale": "es" });
    let session = server.open("/auth/register", &body).await.ok();
    let token = text(&session["accessToken"]).to_owned();
    let providers = server.get("/providers", &token).await.ok();
    let treatments = server.get("/treatments", &token).await.ok();
    Practice {
        tenant: text(&session["workspaces"][0]["tenantId"]).to_owned(),
        dentist: providers["items"][0]["id"].clone(),
        treatment: treatments["items"][0]["id"].clone(),
        token,
    }
}

impl Practice {
    async fn patient(&self, server: &Server, email: &str, born: &str) -> String {
        let body = json!({ "firstName": "José", "lastName": "Mora", "email": email,
            "dateOfBirth": born, "allowDuplicate": true });
        let made = server.post("/patients", &self.token, &body).await.ok();
        text(&made["id"]).to_owned()
    }

    /// Books the first free time at least `hours` from now.
    async fn book(&self, server: &Server, patient: &str, hours: i64) -> Value {
        let from = Utc::now() + TimeDelta::hours(hours);
        let query = format!(
            "/availability?treatment={}&dentist={}&from={}&to={}&limit=1",
            text(&self.treatment),
            text(&self.dentist),
            from.format("%Y-%m-%dT%H:%M:00Z"),
            (from + TimeDelta::days(7)).format("%Y-%m-%dT%H:%M:00Z"),
        );
        let slots = server.get(&query, &self.token).await.ok();
        let body = json!({ "patientId": patient, "dentistId": self.dentist,
            "treatmentId": self.treatment, "start": slots["slots"][0]["start"],
            "notes": "nervous" });
        server.post("/appointments", &self.token, &body).await.ok()
    }
}

async fn register(server: &Server, email: &str, born: &str) {
    let body = json!({ "role": "patient", "email": email, "password": PASSWORD,
        "firstName": "José", "lastName": "Mora", "dateOfBirth": born });
    assert_eq!(server.open("/auth/register", &body).await.status, 202);
}

/// A patient's token, after they have followed the link in their mail.
async fn confirmed(server: &Server, email: &str) -> String {
    let token = server.mail(email).await.last().unwrap().token();
    let body = json!({ "token": token });
    assert_eq!(server.open("/auth/verify-email", &body).await.status, 204);
    server.token(email).await
}

async fn act(server: &Server, token: &str, id: &Value, what: &str, key: &str) -> Answer {
    let path = format!("/me/appointments/{}/{what}", text(id));
    let request = server
        .request(Method::POST, &path)
        .bearer_auth(token)
        .json(&json!({}));
    match key {
        "" => send(request).await,
        key => send(request.header("Idempotency-Key", key)).await,
    }
}

#[actix_web::test]
async fn a_patient_sees_all_their_dentists_each_apart() {
    let server = Server::start().await;
    let (sol, luna) = (
        practice(&server, "sol").await,
        practice(&server, "luna").await,
    );
    let at_sol = sol.patient(&server, "pepe@test.ec", "1990-05-17").await;
    let at_luna = luna.patient(&server, "pepe@test.ec", "1990-05-17").await;
    // The same address, another person of the family; and somebody else.
    let child = sol.patient(&server, "pepe@test.ec", "2019-01-02").await;
    let other = luna.patient(&server, "eva@test.ec", "1990-05-17").await;
    let first = sol.book(&server, &at_sol, 24 * 10).await;
    let second = luna.book(&server, &at_luna, 24 * 20).await;
    sol.book(&server, &child, 24 * 12).await;
    luna.book(&server, &other, 24 * 12).await;

    register(&server, "pepe@test.ec", "1990-05-17").await;
    let pepe = confirmed(&server, "pepe@test.ec").await;
    let dentists = server.get("/me/dentists", &pepe).await.ok();
    let dentists = dentists["items"].as_array().unwrap();
    let of: Vec<_> = dentists
        .iter()
        .map(|one| {
            (
                text(&one["tenantId"]),
                text(&one["patientId"]),
                text(&one["status"]),
            )
        })
        .collect();
    assert_eq!(
        of,
        [
            (luna.tenant.as_str(), at_luna.as_str(), "active"),
            (sol.tenant.as_str(), at_sol.as_str(), "active"),
        ]
    );
    assert_eq!(dentists[0]["dentists"][0]["name"], "luna");
    let visits = server.get("/me/appointments", &pepe).await.ok();
    let visits = visits["items"].as_array().unwrap();
    let ids: Vec<_> = visits.iter().map(|visit| &visit["id"]).collect();
    assert_eq!(ids, [&second["id"], &first["id"]], "the latest first");
    assert!(visits[0].get("notes").is_none(), "{visits:?}");
    assert_eq!(visits[0]["practiceName"], "luna");
    // In pages, and of a range.
    let page = server.get("/me/appointments?limit=1", &pepe).await.ok();
    let next = format!(
        "/me/appointments?limit=1&cursor={}",
        text(&page["nextCursor"])
    );
    let next = server.get(&next, &pepe).await.ok();
    assert_eq!(next["items"][0]["id"], first["id"]);
    assert!(next["nextCursor"].is_null());
    let early = format!("/me/appointments?to={}", text(&second["start"]));
    let early = server.get(&early, &pepe).await.ok();
    assert_eq!(early["items"].as_array().unwrap().len(), 1);
    server
        .get("/me/appointments?from=2027-01-01T00:00:00", &pepe)
        .await
        .problem(422, "validation");

    // No member, no stranger, no key.
    for path in ["/me/dentists", "/me/appointments", "/me/profile"] {
        server.get(path, &sol.token).await.problem(403, "forbidden");
    }
    server
        .get("/patients", &pepe)
        .await
        .problem(403, "forbidden");
    server.stop().await;
}

#[actix_web::test]
async fn neither_the_address_nor_the_birth_date_alone_finds_a_record() {
    let server = Server::start().await;
    let sol = practice(&server, "sol").await;
    sol.patient(&server, "pepe@test.ec", "1990-05-17").await;
    register(&server, "pepe@test.ec", "1991-05-17").await;
    register(&server, "eva@test.ec", "1990-05-17").await;
    for email in ["pepe@test.ec", "eva@test.ec"] {
        let token = confirmed(&server, email).await;
        let dentists = server.get("/me/dentists", &token).await.ok();
        assert_eq!(dentists["items"], json!([]), "{email}");
        // And the birth date is not for trying.
        let change = json!({ "dateOfBirth": "1990-05-18" });
        server
            .patch("/me/profile", &token, &change)
            .await
            .problem(422, "validation");
    }
    server.stop().await;
}

#[actix_web::test]
async fn an_invitation_links_the_record_to_whoever_reads_its_mail() {
    let server = Server::start().await;
    let (sol, luna) = (
        practice(&server, "sol").await,
        practice(&server, "luna").await,
    );
    let patient = sol
        .patient(&server, "old-address@test.ec", "1990-05-17")
        .await;
    let path = format!("/patients/{patient}/invitation");
    let none = json!({});
    server
        .post(&path, &luna.token, &none)
        .await
        .problem(404, "not_found");
    assert_eq!(server.post(&path, &sol.token, &none).await.status, 202);
    let first = server.mail("old-address@test.ec").await.remove(0).token();
    assert_eq!(server.post(&path, &sol.token, &none).await.status, 202);
    // Files of one moment have no order: it is the one that was not there before.
    let mail = server.mail("old-address@test.ec").await;
    let mail = mail.iter().find(|mail| mail.token() != first).unwrap();
    assert!(mail.body.contains("sol le invita"), "{mail:?}");
    register(&server, "pepe@test.ec", "1970-01-01").await;
    let pepe = confirmed(&server, "pepe@test.ec").await;
    server.user("eva@test.ec").await;
    let eva = server.token("eva@test.ec").await;
    let link = |token: String| json!({ "token": token });
    for worthless in ["x".to_owned(), first] {
        server
            .post("/me/link", &pepe, &link(worthless))
            .await
            .problem(422, "validation");
    }
    let token = mail.token();
    assert_eq!(
        server
            .post("/me/link", &pepe, &link(token.clone()))
            .await
            .status,
        204
    );
    let dentists = server.get("/me/dentists", &pepe).await.ok();
    assert_eq!(dentists["items"][0]["patientId"], patient.as_str());
    server
        .post("/me/link", &eva, &link(token))
        .await
        .problem(422, "validation");
    server
        .post(&path, &sol.token, &none)
        .await
        .problem(409, "already_linked");
    server.stop().await;
}

#[actix_web::test]
async fn a_patient_confirms_and_cancels_their_own_visits_in_time() {
    let server = Server::start().await;
    let sol = practice(&server, "sol").await;
    let patient = sol.patient(&server, "pepe@test.ec", "1990-05-17").await;
    let other = sol.patient(&server, "eva@test.ec", "1991-05-17").await;
    let visit = sol.book(&server, &patient, 24 * 5).await;
    let evas = sol.book(&server, &other, 24 * 5).await;
    register(&server, "pepe@test.ec", "1990-05-17").await;
    let pepe = confirmed(&server, "pepe@test.ec").await;
    for what in ["confirm", "cancel"] {
        act(&server, &pepe, &evas["id"], what, "")
            .await
            .problem(404, "not_found");
    }
    let confirmed = act(&server, &pepe, &visit["id"], "confirm", "").await;
    assert_eq!(confirmed.headers[header::ETAG], "\"2\"");
    let confirmed = confirmed.ok();
    assert_eq!(confirmed["status"], "confirmed");
    assert_eq!(confirmed["confirmedVia"], "patient");
    assert!(confirmed.get("notes").is_none(), "{confirmed}");
    act(&server, &pepe, &visit["id"], "confirm", "")
        .await
        .problem(409, "wrong_status");

    let listed = server.get("/me/appointments", &pepe).await.ok();
    let until: DateTime<Utc> = text(&listed["items"][0]["cancellableUntil"])
        .parse()
        .unwrap();
    let start: DateTime<Utc> = text(&visit["start"]).parse().unwrap();
    assert_eq!(start - until, TimeDelta::hours(24));
    let cancelled = act(&server, &pepe, &visit["id"], "cancel", "once").await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    assert_eq!(cancelled.body["status"], "cancelled");
    let again = act(&server, &pepe, &visit["id"], "cancel", "once").await;
    assert_eq!(again.headers["idempotent-replay"], "true");
    assert_eq!(again.body, cancelled.body);
    act(&server, &pepe, &visit["id"], "cancel", "twice")
        .await
        .problem(409, "wrong_status");
    act(&server, &pepe, &visit["id"], "confirm", "")
        .await
        .problem(409, "wrong_status");

    // The practice sees it, and its time is free again.
    let path = format!("/appointments/{}", text(&visit["id"]));
    let seen = server.get(&path, &sol.token).await.ok();
    assert_eq!(
        (&seen["status"], &seen["notes"]),
        (&json!("cancelled"), &json!("nervous"))
    );
    // The practice wants to know two weeks before.
    server
        .with_database(&[sol.tenant.parse().unwrap()], async |connection| {
            diesel::update(tenants::table)
                .set(tenants::policy.eq(json!({ "cancellationMin": 14 * 24 * 60 })))
                .execute(connection)
                .await
        })
        .await;
    let soon = sol.book(&server, &patient, 24 * 5).await;
    act(&server, &pepe, &soon["id"], "cancel", "")
        .await
        .problem(422, "too_soon");
    let path = format!("/appointments/{}/status", text(&soon["id"]));
    let arrived = json!({ "status": "arrived" });
    server.post(&path, &sol.token, &arrived).await.ok();
    for what in ["confirm", "cancel"] {
        act(&server, &pepe, &soon["id"], what, "")
            .await
            .problem(409, "wrong_status");
    }
    server.stop().await;
}

#[actix_web::test]
async fn a_changed_profile_shows_in_every_practice() {
    let server = Server::start().await;
    let (sol, luna) = (
        practice(&server, "sol").await,
        practice(&server, "luna").await,
    );
    let at_sol = sol.patient(&server, "pepe@test.ec", "1990-05-17").await;
    let at_luna = luna.patient(&server, "pepe@test.ec", "1990-05-17").await;
    register(&server, "pepe@test.ec", "1990-05-17").await;
    let pepe = confirmed(&server, "pepe@test.ec").await;
    let profile = server.get("/me/profile", &pepe).await.ok();
    assert_eq!(profile["dateOfBirth"], "1990-05-17");
    let change = json!({ "lastName": "  Mora  Paz ", "phone": "+593 99 123 4567" });
    let changed = server.patch("/me/profile", &pepe, &change).await.ok();
    assert_eq!(changed["lastName"], "Mora Paz");
    for (practice, patient) in [(&sol, &at_sol), (&luna, &at_luna)] {
        let path = format!("/patients/{patient}");
        let seen = server.get(&path, &practice.token).await.ok();
        assert_eq!(
            (&seen["lastName"], &seen["phone"]),
            (&json!("Mora Paz"), &json!("+593991234567"))
        );
    }
    for (body, field) in [
        (json!({ "phone": "099" }), "phone"),
        (json!({ "firstName": " " }), "firstName"),
    ] {
        let refused = server.patch("/me/profile", &pepe, &body).await;
        refused.problem(422, "validation");
        assert_eq!(refused.body["errors"][0]["field"], field);
    }
    server.stop().await;
}

#[actix_web::test]
async fn records_that_are_no_more_are_nobodys_to_find() {
    let server = Server::start().await;
    let (sol, luna) = (
        practice(&server, "sol").await,
        practice(&server, "luna").await,
    );
    let kept = sol.patient(&server, "pepe@test.ec", "1990-05-17").await;
    let merged = sol.patient(&server, "pepe@test.ec", "1990-05-17").await;
    let archived = luna.patient(&server, "pepe@test.ec", "1990-05-17").await;
    let ended = luna.patient(&server, "pepe@test.ec", "1990-05-17").await;
    let body = json!({ "keep": kept, "remove": merged });
    server.post("/patients/merge", &sol.token, &body).await.ok();
    let path = format!("/patients/{archived}/archive");
    server.post(&path, &luna.token, &json!({})).await.ok();
    let path = format!("/patients/{ended}/relation");
    let end = json!({ "status": "ended" });
    server.patch(&path, &luna.token, &end).await.ok();
    // As an import from elsewhere may leave it: what a record became, and still its address.
    let sql = format!(
        "UPDATE patients SET email = 'pepe@test.ec', date_of_birth = '1990-05-17' WHERE id = '{merged}'"
    );
    let mut owner = server.owner().await;
    diesel_async::SimpleAsyncConnection::batch_execute(&mut owner, &sql)
        .await
        .unwrap();

    register(&server, "pepe@test.ec", "1990-05-17").await;
    let pepe = confirmed(&server, "pepe@test.ec").await;
    let dentists = server.get("/me/dentists", &pepe).await.ok();
    let mut of: Vec<_> = dentists["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (text(&one["patientId"]), text(&one["status"])))
        .collect();
    of.sort_by_key(|(_, status)| *status);
    assert_eq!(of, [(kept.as_str(), "active"), (ended.as_str(), "ended")]);
    #[derive(QueryableByName)]
    struct Number {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        number: i64,
    }
    let count = "SELECT count(*) AS number FROM patients WHERE user_id IS NOT NULL";
    let linked: Number = diesel::sql_query(count)
        .get_result(&mut owner)
        .await
        .unwrap();
    // Their own, and these two.
    assert_eq!(linked.number, 3);
    server.stop().await;
}

#[actix_web::test]
async fn a_suspended_practices_patients_keep_their_visits() {
    let server = Server::start().await;
    let sol = practice(&server, "sol").await;
    let patient = sol.patient(&server, "pepe@test.ec", "1990-05-17").await;
    let kept = sol.book(&server, &patient, 24 * 5).await;
    let gone = sol.book(&server, &patient, 24 * 6).await;
    register(&server, "pepe@test.ec", "1990-05-17").await;
    let pepe = confirmed(&server, "pepe@test.ec").await;
    let root = server.super_admin().await;
    let path = format!("/admin/tenants/{}/suspend", sol.tenant);
    server.post(&path, &root, &json!({})).await.ok();

    let visits = server.get("/me/appointments", &pepe).await.ok();
    assert_eq!(visits["items"].as_array().unwrap().len(), 2);
    let dentists = server.get("/me/dentists", &pepe).await.ok();
    assert_eq!(dentists["items"][0]["suspended"], true);
    for (visit, what) in [(&kept, "confirm"), (&gone, "cancel")] {
        let done = act(&server, &pepe, &visit["id"], what, "").await;
        assert_eq!(done.status, 200, "{what}: {done:?}");
    }
    // Those who work there read, and that is all.
    let path = format!("/appointments/{}", text(&kept["id"]));
    let seen = server.get(&path, &sol.token).await.ok();
    assert_eq!(seen["status"], "confirmed");
    let reason = json!({ "reason": "x" });
    server
        .post(&format!("{path}/cancel"), &sol.token, &reason)
        .await
        .problem(403, "suspended");
    server.stop().await;
}
