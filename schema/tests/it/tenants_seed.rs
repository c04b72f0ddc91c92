//! Rows of two practices in every table, so that an empty answer means something.

use schema::test_db::TestDb;
use schema::test_db::practice::{Practice, Size};

use super::support::{owner, run};

/// Two strangers: nothing is shared.
pub async fn two_practices(db: &TestDb) -> [Practice; 2] {
    let size = Size {
        dentists: 1,
        operatories: 1,
        patients: 1,
    };
    let practices = [
        Practice::seed(db, size).await,
        Practice::seed(db, size).await,
    ];
    for practice in &practices {
        run(&mut owner(db).await, &rest(practice)).await;
    }
    practices
}

/// The tables that [`Practice::seed`] leaves empty.
fn rest(practice: &Practice) -> String {
    let names = [
        ("$tenant", practice.tenant.to_string()),
        ("$owner", practice.owner.to_string()),
        ("$clinic", practice.clinic.to_string()),
        ("$chair", practice.operatories[0].0.to_string()),
        ("$provider", practice.dentists[0].0.to_string()),
        ("$calendar", practice.dentists[0].1.to_string()),
        ("$patient", practice.patients[0].0.to_string()),
        ("$treatment", practice.short.to_string()),
        ("$visit", uuid::Uuid::new_v4().to_string()),
        ("$hold", uuid::Uuid::new_v4().to_string()),
        ("$entry", uuid::Uuid::new_v4().to_string()),
        ("$machine", uuid::Uuid::new_v4().to_string()),
        ("$machines", uuid::Uuid::new_v4().to_string()),
    ];
    let mut sql = REST.to_owned();
    // The longest first: one name begins with another.
    let mut names = names.to_vec();
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    for (name, value) in names {
        sql = sql.replace(name, &value);
    }
    sql
}

const REST: &str = "
INSERT INTO refresh_tokens (id, user_id, family, token_hash, expires_at)
    VALUES (gen_random_uuid(), '$owner', gen_random_uuid(), '$tenant', now());
INSERT INTO calendars (id, kind, tenant_id) VALUES ('$machines', 'equipment', '$tenant');
INSERT INTO equipment (id, tenant_id, name, calendar_id)
    VALUES ('$machine', '$tenant', 'Scanner', '$machines');
INSERT INTO calendar_hours (tenant_id, calendar_id, weekday, from_minute, to_minute)
    VALUES ('$tenant', '$machines', 1, 480, 1200);
INSERT INTO schedule_exceptions (id, scope, tenant_id, kind, from_date, to_date)
    VALUES (gen_random_uuid(), 'tenant', '$tenant', 'closed', '2027-12-25', '2027-12-25');
INSERT INTO schedule_exceptions (id, scope, clinic_id, kind, from_date, to_date)
    VALUES (gen_random_uuid(), 'clinic', '$clinic', 'closed', '2028-01-01', '2028-01-01');
INSERT INTO treatment_providers VALUES ('$tenant', '$treatment', '$provider');
INSERT INTO treatment_operatories VALUES ('$tenant', '$treatment', '$chair');
INSERT INTO treatment_equipment VALUES ('$tenant', '$treatment', '$machine');
INSERT INTO series (id, tenant_id, patient_id, provider_id, treatment_id, rrule, first_start, zone, policy)
    VALUES (gen_random_uuid(), '$tenant', '$patient', '$provider', '$treatment', 'FREQ=WEEKLY;COUNT=2',
        '2027-03-01 09:00', 'America/Guayaquil', 'skip');
INSERT INTO appointments (id, tenant_id, status, start_at, end_at, patient_id, provider_id,
        operatory_id, treatment_id, pattern)
    VALUES ('$visit', '$tenant', 'scheduled', '2027-03-01 09:00Z', '2027-03-01 09:30Z', '$patient',
        '$provider', '$chair', '$treatment', '[]');
INSERT INTO holds (id, tenant_id, token_hash, start_at, end_at, provider_id, operatory_id,
        treatment_id, pattern, owner, expires_at, renewable_until)
    VALUES ('$hold', '$tenant', '', '2027-03-01 10:00Z', '2027-03-01 10:30Z', '$provider', '$chair',
        '$treatment', '[]', 'test', now(), now());
INSERT INTO claims (id, calendar_id, tenant_id, kind, during, appointment_id)
    VALUES (gen_random_uuid(), '$calendar', '$tenant', 'appointment',
        '[2027-03-01 09:00Z,2027-03-01 09:30Z)', '$visit');
INSERT INTO blocks (id, tenant_id, calendar_id, kind, first_start, first_end, zone)
    VALUES (gen_random_uuid(), '$tenant', '$calendar', 'meeting', '2027-03-01 12:00',
        '2027-03-01 13:00', 'America/Guayaquil');
INSERT INTO claims_past (id, calendar_id, tenant_id, kind, during)
    VALUES (gen_random_uuid(), '$calendar', '$tenant', 'block', '[2020-03-01 09:00Z,2020-03-01 09:30Z)');
INSERT INTO calendar_events (calendar_id, version, tx, node, operations)
    VALUES ('$calendar', 1, gen_random_uuid(), gen_random_uuid(), '[]');
INSERT INTO idempotency_results VALUES ('$tenant', 'test', 'key', '', gen_random_uuid(), '{}');
INSERT INTO request_answers (request, tenant_id, principal, key, fingerprint, answer, settled)
    VALUES (gen_random_uuid(), '$tenant', 'test', 'key', '', '', true);
INSERT INTO outbox (tenant_id, tx, kind, subject_id)
    VALUES ('$tenant', gen_random_uuid(), 'appointment.booked', '$visit');
INSERT INTO audit_log (tenant_id, actor, action, subject) VALUES ('$tenant', 'test', 'a.b', 'a');
INSERT INTO waitlist_entries (id, tenant_id, patient_id, treatment_id)
    VALUES ('$entry', '$tenant', '$patient', '$treatment');
INSERT INTO waitlist_offers (id, tenant_id, entry_id, hold_id, token_hash, expires_at, provider_id,
        operatory_id, start_at, end_at)
    VALUES (gen_random_uuid(), '$tenant', '$entry', '$hold', '$tenant', now(), '$provider', '$chair',
        '2027-03-01 10:00Z', '2027-03-01 10:30Z');
INSERT INTO public_bookings (appointment_id, tenant_id, manage_token_hash)
    VALUES ('$visit', '$tenant', '$tenant');
INSERT INTO freed_times (tenant_id, calendar_ids, start_at, end_at)
    VALUES ('$tenant', ARRAY['$calendar']::uuid[], '2027-03-01 11:00Z', '2027-03-01 11:30Z');
INSERT INTO patient_medical (tenant_id, patient_id, author, history)
    VALUES ('$tenant', '$patient', 'test', 'none');
INSERT INTO patient_link_requests (id, tenant_id, patient_id, token_hash, expires_at)
    VALUES (gen_random_uuid(), '$tenant', '$patient', '$tenant', now());
INSERT INTO rules_changes (tenant_id, version) VALUES ('$tenant', 2);
INSERT INTO subdomains_past (subdomain, tenant_id) VALUES ('$tenant', '$tenant');
INSERT INTO invitations (id, tenant_id, email, role, permissions, token_hash, invited_by, expires_at)
    VALUES (gen_random_uuid(), '$tenant', 'eva@example.com', 'admin', '{}', '$tenant', '$owner', now());
INSERT INTO access_changes (tenant_id) VALUES ('$tenant');
INSERT INTO mail_queue (id, recipient, locale, letter)
    VALUES (gen_random_uuid(), '$owner@example.com', 'es', '{}');
INSERT INTO api_keys (id, tenant_id, name, secret_hash, scopes)
    VALUES (gen_random_uuid(), '$tenant', 'Widget', '', '{}');
INSERT INTO account_tokens (id, user_id, purpose, token_hash, expires_at)
    VALUES (gen_random_uuid(), '$owner', 'verify_email', '$tenant', now());
INSERT INTO user_identities VALUES ('https://issuer.example', '$owner', '$owner');
INSERT INTO patient_invitations (id, tenant_id, patient_id, token_hash, expires_at)
    VALUES (gen_random_uuid(), '$tenant', '$patient', '$tenant', now());
";
