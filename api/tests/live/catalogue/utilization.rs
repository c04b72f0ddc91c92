//! How much operatories are used, counted by hand over a change of the clocks.

use reqwest::Method;
use schema::test_db::practice::{Practice, Size};
use serde_json::{Value, json};

use super::{Desk, id, window};
use crate::world::World;

fn row<'a>(answer: &'a Value, operatory: &str) -> &'a Value {
    let mut rows = answer["items"].as_array().unwrap().iter();
    rows.find(|row| row["operatoryId"] == operatory).unwrap()
}

#[actix_web::test]
async fn open_and_booked_minutes_are_counted_over_clock_changes() {
    let world = World::new().await;
    let admin = Desk::admin(&world).await;
    let size = Size {
        dentists: 1,
        operatories: 1,
        patients: 0,
    };
    let other = Practice::seed(&world.db, size).await;
    let clinic = json!({ "name": "Madrid", "zone": "Europe/Madrid" });
    let clinic = id(&admin.add("/admin/clinics", &clinic).await);
    let chair = json!({ "clinicId": clinic, "name": "Uno" });
    let chair = id(&admin.add("/admin/operatories", &chair).await);
    let lend = |dentist: String, from: &str, to: &str| {
        json!({ "dentistId": dentist, "operatoryId": chair, "shared": true, "validFrom": "2026-01-01",
            "hours": [window(7, from, to)] })
    };
    // Sundays; from 00:00 to 06:00 there is the night of the change.
    let mine = lend(world.dentist(0).to_string(), "00:00", "06:00");
    admin.add("/admin/assignments", &mine).await;
    let theirs = lend(other.dentists[0].0.to_string(), "05:00", "08:00");
    admin.add("/admin/assignments", &theirs).await;
    // 28 March 2027 has 23 hours in Madrid, 31 October 25; an ordinary Sunday has 24.
    for (day, night, all) in [
        ("2027-03-28", 300, 420),
        ("2027-10-31", 420, 540),
        ("2027-06-06", 360, 480),
    ] {
        let query =
            format!("/analytics/operatory-utilization?from={day}&to={day}&operatoryId={chair}");
        let seen = admin.get(&query).await;
        let seen = row(&seen, &chair);
        assert_eq!(seen["openMinutes"], all, "{day}");
        assert_eq!(
            (&seen["bookedMinutes"], &seen["share"]),
            (&json!(0), &json!(0.0))
        );
        let parts = seen["byPractice"].as_array().unwrap();
        let part = parts
            .iter()
            .find(|part| part["tenantId"] == json!(world.practice.tenant))
            .unwrap();
        assert_eq!(part["openMinutes"], night, "{day}");
        let own = Desk::owner(&world).get(&query).await;
        assert_eq!(row(&own, &chair)["openMinutes"], night, "{day}");
        assert_eq!(row(&own, &chair).get("byPractice"), None);
    }
    let closed = json!({ "kind": "closed", "clinicId": clinic, "fromDate": "2027-06-06", "from": "01:00", "to": "02:30" });
    admin.add("/admin/exceptions", &closed).await;
    let query =
        format!("/analytics/operatory-utilization?from=2027-06-01&to=2027-06-30&clinicId={clinic}");
    // Four Sundays, ninety minutes less.
    assert_eq!(
        row(&admin.get(&query).await, &chair)["openMinutes"],
        4 * 480 - 90
    );

    // Booked time, with its buffers, of each practice; a part of a visit that the range cuts.
    let booked = "2026-12-20T06:00:00+01:00";
    let start: chrono::DateTime<chrono::Utc> = booked.parse().unwrap();
    let sql = format!(
        "INSERT INTO patient_dentists (tenant_id, patient_id) VALUES ('{tenant}', '{patient}');
         INSERT INTO appointments (id, tenant_id, status, start_at, end_at, patient_id, provider_id, operatory_id, treatment_id, pattern)
         VALUES ('{visit}', '{tenant}', 'scheduled', '{start}', '{start}'::timestamptz + interval '40 min', '{patient}', '{dentist}', '{chair}', '{treatment}', '[]');
         INSERT INTO claims (id, calendar_id, tenant_id, kind, during, appointment_id)
         SELECT gen_random_uuid(), calendar_id, '{tenant}', 'appointment', tstzrange('{start}', '{start}'::timestamptz + interval '40 min'), '{visit}'
         FROM operatories WHERE id = '{chair}';
         INSERT INTO claims_past (id, calendar_id, tenant_id, kind, during)
         SELECT gen_random_uuid(), calendar_id, '{mine}', kind, tstzrange('{start}'::timestamptz - interval '2 hours', '{start}'::timestamptz - interval '90 min')
         FROM operatories, unnest(ARRAY['appointment', 'block']) kind WHERE id = '{chair}';",
        tenant = other.tenant, mine = world.practice.tenant, patient = world.patient(0), dentist = other.dentists[0].0,
        treatment = other.short, visit = world.practice.tenant,
    );
    world.sql(&sql).await;
    let query = format!(
        "/analytics/operatory-utilization?operatoryId={chair}&from=2026-12-20&to=2026-12-20"
    );
    let seen = admin.get(&query).await;
    let seen = row(&seen, &chair);
    assert_eq!(
        (&seen["openMinutes"], &seen["bookedMinutes"], &seen["share"]),
        (&json!(480), &json!(70), &json!(0.1458))
    );
    let owner = Desk::owner(&world);
    let own = owner.get(&query).await;
    let own = row(&own, &chair);
    assert_eq!(
        (&own["bookedMinutes"], &own["othersBookedMinutes"]),
        (&json!(30), &json!(40))
    );
    let cut = format!(
        "/analytics/operatory-utilization?operatoryId={chair}&from=2026-12-20T05:20:00Z&to=2026-12-20T06:00:00Z"
    );
    assert_eq!(row(&admin.get(&cut).await, &chair)["bookedMinutes"], 20);

    // A practice sees its own chairs only; nobody without the permission sees any.
    let all = admin
        .get("/analytics/operatory-utilization?from=2026-12-20&to=2026-12-20")
        .await;
    assert_eq!(all["items"].as_array().unwrap().len(), 4);
    let own = owner
        .get("/analytics/operatory-utilization?from=2026-12-20&to=2026-12-20")
        .await;
    assert_eq!(own["items"].as_array().unwrap().len(), 3);
    let bad = [
        "from=2026-12-20",
        "from=2026-12-20&to=2026-12-19",
        "from=2020-01-01&to=2026-12-19",
        "from=2026-12-20T00:00:00&to=2026-12-21T00:00:00",
        "from=yesterday&to=today",
        "from=-9999-01-01&to=-9999-01-02",
    ];
    for query in bad {
        let path = format!("/analytics/operatory-utilization?{query}");
        let status = admin.send(Method::GET, &path, None).await.status;
        assert!([400, 422].contains(&status), "{query}: {status}");
    }
    world
        .sql("UPDATE memberships SET role = 'staff_receptionist', permissions = '{}'")
        .await;
    let path = "/analytics/operatory-utilization?from=2026-12-20&to=2026-12-20";
    assert_eq!(
        owner.send(Method::GET, path, None).await.code(),
        "forbidden"
    );
    world.stop().await;
}
