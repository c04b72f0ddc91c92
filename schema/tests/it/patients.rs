//! One person's record with several practices: what the database lets each of them do.

use schema::ids::{PatientId, TenantId};
use schema::test_db::TestDb;
use schema::test_db::practice::Practice;

use super::support::{app, count, engine, is_forbidden, lines, owner, run, tried};
use super::tenants_seed::two_practices;

fn acting(tenant: TenantId) -> String {
    format!("SELECT set_config('app.tenants', '{tenant}', true);")
}

fn patient(practice: &Practice) -> PatientId {
    practice.patients[0].0
}

#[tokio::test]
async fn a_record_is_not_taken_on_by_knowing_its_id() {
    let db = TestDb::new().await;
    let [mine, theirs] = two_practices(&db).await;
    let mut app = app(&db).await;
    let (tenant, stranger) = (mine.tenant, patient(&theirs));
    for sql in [
        format!(
            "INSERT INTO patient_dentists (tenant_id, patient_id) VALUES ('{tenant}', '{stranger}')"
        ),
        format!("UPDATE patient_dentists SET patient_id = '{stranger}'"),
        "DELETE FROM patient_dentists".to_owned(),
        format!(
            "UPDATE patients SET calendar_id = '{}'",
            theirs.patients[0].1
        ),
        format!("UPDATE patients SET merged_into = '{stranger}'"),
        format!("SELECT relate_patient('{tenant}', '{stranger}')"),
        format!(
            "SELECT merge_patients('{tenant}', '{}', '{stranger}', gen_random_uuid(), 'x', NULL)",
            patient(&mine)
        ),
        format!(
            "INSERT INTO patient_medical (tenant_id, patient_id, author) VALUES ('{tenant}', '{stranger}', 'x')"
        ),
        "UPDATE patient_medical SET history = ''".to_owned(),
        "DELETE FROM patient_medical".to_owned(),
        "SELECT FROM patient_link_requests".to_owned(),
    ] {
        let error = tried(&mut app, &format!("{} {sql}", acting(tenant)))
            .await
            .expect_err(&sql);
        assert!(is_forbidden(&error), "{sql}: {error}");
    }
}

#[tokio::test]
async fn the_functions_act_for_the_transactions_own_practice() {
    let db = TestDb::new().await;
    let [mine, theirs] = two_practices(&db).await;
    let mut owner = owner(&db).await;
    run(
        &mut owner,
        &format!(
            "UPDATE patients SET email = 'a@x.ec', phone = '+593991234567', date_of_birth = '1990-01-01'
             WHERE id = '{}'",
            patient(&theirs)
        ),
    )
    .await;
    let mut app = app(&db).await;
    let (ours, other) = (mine.tenant, theirs.tenant);
    let stranger = patient(&theirs);
    run(&mut app, &format!("BEGIN; {}", acting(ours))).await;
    for found in [
        format!("find_patients('{other}', '', 'all', false, NULL, NULL, NULL, 9)"),
        format!("find_patients('{other}', 'number', 'all', true, NULL, NULL, NULL, 9)"),
        format!("find_patients('{ours}', 'a@x.ec', 'all', false, NULL, NULL, NULL, 9)"),
        format!(
            "patient_duplicates('{other}', 'Patient', 'Number 0', 'a@x.ec', NULL, '1990-01-01')"
        ),
        format!(
            "patient_duplicates('{ours}', 'Patient', 'Number 0', 'a@x.ec', NULL, '1990-01-01')"
        ),
        format!("patient_candidates('{other}', '{{a@x.ec}}', '{{}}', '{{}}')"),
        format!("patient_candidates('{ours}', '{{a@x.ec}}', '{{}}', '{{}}')"),
        format!("patient_cards('{{{other}}}', '{{{stranger}}}')"),
        format!("patient_cards('{{{ours}}}', '{{{stranger}}}')"),
        format!("link_patients('{other}', '{{a@x.ec}}', '{{NULL}}', '{{1990-01-01}}')"),
        format!("link_patients('{ours}', '{{a@x.ec}}', '{{NULL}}', '{{1990-01-02}}')"),
        format!(
            "request_patient_links('{other}', 'a@x.ec', ARRAY[gen_random_uuid()], ARRAY['x'::bytea], now())"
        ),
        "my_patient_link_requests()".to_owned(),
    ] {
        assert_eq!(count(&mut app, &found).await, 0, "{found}");
    }
    for answer in [
        format!("link_patient('{other}', 'a@x.ec', NULL, '1990-01-01')"),
        format!("link_patient('{ours}', 'a@x.ec', '+593990000000', '1990-01-01')"),
        format!("link_patient('{ours}', NULL, NULL, '1990-01-01')"),
        format!("nullif(transfer_patient('{other}', '{ours}', '{stranger}', true), 'no_patient')"),
        format!("nullif(transfer_patient('{ours}', '{other}', '{stranger}', true), 'no_patient')"),
        format!(
            "nullif(patient_merge_obstacle('{other}', '{stranger}', '{stranger}'), 'not_found')"
        ),
        "answer_patient_link('no such token', NULL, true)".to_owned(),
    ] {
        let line = lines(
            &mut app,
            &format!("SELECT coalesce({answer}::text, 'nothing') AS line"),
        )
        .await;
        assert_eq!(line, ["nothing"], "{answer}");
    }
    assert_eq!(
        count(&mut app, &format!("patients WHERE id = '{stranger}'")).await,
        0
    );
    // And with the truth, it is done.
    let linked =
        format!("SELECT link_patient('{ours}', 'a@x.ec', NULL, '1990-01-01')::text AS line");
    assert_eq!(lines(&mut app, &linked).await, [stranger.to_string()]);
    assert_eq!(
        count(&mut app, &format!("patients WHERE id = '{stranger}'")).await,
        1
    );
    run(&mut app, "ROLLBACK").await;
}

#[tokio::test]
async fn whatever_names_a_patient_is_known_to_a_merge() {
    let db = TestDb::new().await;
    let mut owner = owner(&db).await;
    let named = lines(
        &mut owner,
        "SELECT table_name::text AS line FROM information_schema.columns
         WHERE table_schema = 'public' AND column_name = 'patient_id' ORDER BY 1",
    )
    .await;
    // appointments: by the engine, with their claims; the others: by merge_patients. A table that is
    // new here must be moved by one of the two. (access_changes only tells of what has been.)
    let moved = [
        "access_changes",
        "appointments",
        "holds",
        "patient_dentists",
        "patient_invitations",
        "patient_link_requests",
        "patient_medical",
        "series",
        "waitlist_entries",
    ];
    assert_eq!(named, moved);
}

#[tokio::test]
async fn a_merge_looks_again_before_it_moves_anything() {
    let db = TestDb::new().await;
    let [mine, theirs] = two_practices(&db).await;
    let mut owner = owner(&db).await;
    let second = PatientId::new();
    run(
        &mut owner,
        &format!(
            "INSERT INTO calendars (id, kind) VALUES ('{second}', 'patient');
             INSERT INTO patients (id, first_name, last_name, calendar_id)
                 VALUES ('{second}', 'Ana', 'Mora', '{second}');
             INSERT INTO patient_dentists (tenant_id, patient_id)
                 VALUES ('{0}', '{second}'), ('{1}', '{second}');",
            mine.tenant, theirs.tenant
        ),
    )
    .await;
    let mut engine = engine(&db).await;
    let merge = |tenant: TenantId, kept: PatientId, removed: PatientId| {
        format!(
            "SELECT merge_patients('{tenant}', '{kept}', '{removed}', gen_random_uuid(), 'x', NULL)"
        )
    };
    for (tenant, kept, removed) in [
        (mine.tenant, patient(&mine), second), // another practice's too
        (mine.tenant, patient(&mine), patient(&theirs)),
        (mine.tenant, second, second),
    ] {
        let error = tried(&mut engine, &merge(tenant, kept, removed))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("cannot be merged"), "{error}");
    }
    // Visits, series and waiting-list entries of the removed one would stand in the way of its end.
    run(
        &mut owner,
        &format!(
            "UPDATE appointments SET patient_id = '{second}' WHERE tenant_id = '{}'",
            mine.tenant
        ),
    )
    .await;
    run(&mut engine, &merge(mine.tenant, second, patient(&mine))).await;
    for table in [
        "series",
        "waitlist_entries",
        "patient_medical",
        "appointments",
    ] {
        let of = |patient: PatientId| format!("{table} WHERE patient_id = '{patient}'");
        assert_eq!(count(&mut owner, &of(patient(&mine))).await, 0, "{table}");
        assert_eq!(count(&mut owner, &of(second)).await, 1, "{table}");
    }
    let left = format!("patient_dentists WHERE patient_id = '{}'", patient(&mine));
    assert_eq!(count(&mut owner, &left).await, 0);
}

#[tokio::test]
async fn what_a_search_looks_through_follows_the_record() {
    let db = TestDb::new().await;
    let [mine, _] = two_practices(&db).await;
    let mut app = app(&db).await;
    run(
        &mut app,
        &format!(
            "BEGIN; {} UPDATE patients SET first_name = 'José', last_name = 'Ñáñez', email = 'j@x.ec'",
            acting(mine.tenant)
        ),
    )
    .await;
    let found = lines(
        &mut app,
        "SELECT search || '|' || replace(sort_name, chr(1), '/') AS line FROM patient_dentists",
    )
    .await;
    assert_eq!(found, [" jose nanez j@x.ec|nanez/jose"]);
    run(&mut app, "ROLLBACK").await;
}

#[tokio::test]
async fn a_relation_begins_on_the_practices_own_day() {
    let db = TestDb::new().await;
    let [one, other] = two_practices(&db).await;
    let mut owner = owner(&db).await;
    // More than a day apart: at no moment can both have the date of the database's session.
    for (tenant, patient, zone) in [
        (one.tenant, patient(&other), "Etc/GMT+12"),
        (other.tenant, patient(&one), "Pacific/Kiritimati"),
    ] {
        run(
            &mut owner,
            &format!(
                "UPDATE tenants SET zone = '{zone}' WHERE id = '{tenant}';
                 INSERT INTO patient_dentists (tenant_id, patient_id) VALUES ('{tenant}', '{patient}')"
            ),
        )
        .await;
        let today = format!(
            "patient_dentists WHERE tenant_id = '{tenant}' AND patient_id = '{patient}'
             AND started_on = (now() AT TIME ZONE '{zone}')::date"
        );
        assert_eq!(count(&mut owner, &today).await, 1, "{zone}");
    }
}
