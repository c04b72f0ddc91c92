//! What a practice is made of, on the wire.

use chrono::NaiveDate;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use reqwest::Method;
use schema::schema::{assignment_hours, assignments, schedule_exceptions, treatments};
use serde_json::json;
use uuid::Uuid;

use super::support::{Server, send};

#[actix_web::test]
async fn treatments_have_a_price_and_the_readers_language() {
    let server = Server::start().await;
    let (tenant, token) = server.practice("sol").await;
    let pattern = json!([{ "role": "operatory", "from": 0, "to": 45 }]);
    server
        .with_database(&[tenant], async |connection| {
            diesel::insert_into(treatments::table)
                .values((
                    treatments::id.eq(Uuid::now_v7()),
                    treatments::tenant_id.eq(tenant),
                    treatments::code.eq("D1110"),
                    treatments::name_es.eq("Profilaxis"),
                    treatments::name_en.eq("Prophylaxis"),
                    treatments::duration_min.eq(45),
                    treatments::pattern.eq(&pattern),
                    treatments::price_cents.eq(4_505),
                ))
                .execute(connection)
                .await
        })
        .await;
    let list = server.get("/treatments", &token).await.ok();
    let treatment = &list["items"][0];
    assert_eq!(treatment["name"], "Profilaxis");
    assert_eq!(treatment["price"], "45.05");
    assert_eq!(treatment["durationMin"], 45);
    assert_eq!(treatment["pattern"], pattern);
    assert_eq!(treatment["onlineBookable"], false);
    let request = server
        .request(Method::GET, "/treatments")
        .bearer_auth(&token);
    let english = send(request.header("Accept-Language", "en-GB,en;q=0.9"))
        .await
        .ok();
    assert_eq!(english["items"][0]["name"], "Prophylaxis");
    assert_eq!(english["items"][0]["nameEs"], "Profilaxis");
    server.stop().await;
}

#[actix_web::test]
async fn assignments_carry_their_split_shifts() {
    let server = Server::start().await;
    let (tenant, token) = server.practice("sol").await;
    server.dentist(tenant, "Dra. Sol").await;
    server
        .with_database(&[tenant], async |connection| {
            let id: Uuid = assignments::table
                .select(assignments::id)
                .first(connection)
                .await?;
            for (weekday, from, to) in [(1, 900, 1440), (1, 510, 780), (3, 540, 780)] {
                diesel::insert_into(assignment_hours::table)
                    .values((
                        assignment_hours::tenant_id.eq(tenant),
                        assignment_hours::assignment_id.eq(id),
                        assignment_hours::weekday.eq(weekday),
                        assignment_hours::from_minute.eq(from),
                        assignment_hours::to_minute.eq(to),
                    ))
                    .execute(connection)
                    .await?;
            }
            Ok(())
        })
        .await;
    let list = server.get("/assignments", &token).await.ok();
    assert_eq!(
        list["items"][0]["hours"],
        json!([
            { "weekday": 1, "from": "08:30", "to": "13:00" },
            { "weekday": 1, "from": "15:00", "to": "24:00" },
            { "weekday": 3, "from": "09:00", "to": "13:00" },
        ])
    );
    assert_eq!(list["items"][0]["validFrom"], "2026-01-01");
    server.stop().await;
}

#[actix_web::test]
async fn exceptions_are_found_by_date() {
    let server = Server::start().await;
    let (tenant, token) = server.practice("sol").await;
    server
        .with_database(&[tenant], async |connection| {
            for day in [1, 15, 30] {
                let date = NaiveDate::from_ymd_opt(2027, 6, day).unwrap();
                diesel::insert_into(schedule_exceptions::table)
                    .values((
                        schedule_exceptions::id.eq(Uuid::now_v7()),
                        schedule_exceptions::scope.eq("tenant"),
                        schedule_exceptions::tenant_id.eq(tenant),
                        schedule_exceptions::kind.eq("closed"),
                        schedule_exceptions::from_date.eq(date),
                        schedule_exceptions::to_date.eq(date),
                        schedule_exceptions::name_es.eq("Vacaciones"),
                    ))
                    .execute(connection)
                    .await?;
            }
            Ok(())
        })
        .await;
    let path = "/exceptions?from=2027-06-02&to=2027-06-30&limit=1";
    let first = server.get(path, &token).await.ok();
    assert_eq!(first["items"][0]["fromDate"], "2027-06-15");
    assert_eq!(first["items"][0]["name"], "Vacaciones");
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = server
        .get(&format!("{path}&cursor={cursor}"), &token)
        .await
        .ok();
    assert_eq!(second["items"][0]["fromDate"], "2027-06-30");
    assert_eq!(second["nextCursor"], json!(null));
    server
        .get("/exceptions?from=2027-13-01", &token)
        .await
        .problem(400, "bad_request");
    server.stop().await;
}
