//! The audit bites: each way of spoiling a good database is found, by the check that it is about
//! and by no other.

use schema::audit;
use schema::commit::holds::NewOffer;
use schema::ids::{EntryId, OfferId};
use schema::test_db::TestDb;

use super::bookings::{NINE, booking, commit_now, hold, key, moved};
use super::many::{block, series};
use super::support::{engine, owner, practice, run};

const OVERLAP: &str = "no two bookings of a calendar overlap";
const CONSTRAINT: &str = "the exclusion constraint is there and valid";
const NUMBERS: &str = "each calendar's events are numbered without a gap";
const PATTERN: &str = "every appointment has exactly the claims of its pattern";
const TENANT: &str = "a claim belongs to its appointment's tenant";
const HOLDS: &str = "every live hold has exactly the claims of its pattern";
const OFFERS: &str = "an open offer has a live hold, and nobody has two";
const SERIES: &str = "a series' visits are its patient's, and it has some";
const BLOCKS: &str = "a block's claims are on its calendar, and it has some";
const KEYS: &str = "the answer kept for a key points at what was committed";
const OUTBOX: &str = "every command has told the outbox";
const FOLD: &str = "folding each calendar's events gives its state";

/// Visits, one of them moved, a hold that is offered to somebody, and a key: something for every check.
async fn good() -> TestDb {
    let (db, practice) = practice().await;
    let mut engine = engine(&db).await;
    let mut first = booking(&practice, 0, 0, 0, NINE);
    first.key = key(&practice, "once", 1);
    let second = booking(&practice, 0, 0, 1, NINE.plus(30));
    let mut held = hold(&practice, 1, NINE);
    let entry = EntryId::new();
    let (tenant, patient) = (practice.tenant, practice.patients[0].0);
    let waits = format!(
        "INSERT INTO waitlist_entries (id, tenant_id, patient_id, treatment_id)
         VALUES ('{entry}', '{tenant}', '{patient}', '{}')",
        practice.short
    );
    run(&mut owner(&db).await, &waits).await;
    let kept = &held.holds.put[0];
    held.holds.offered.push(NewOffer {
        id: OfferId::new(),
        entry,
        hold: kept.id,
        token_hash: vec![2],
        expires_at: kept.expires_at,
        provider: kept.provider,
        operatory: kept.operatory,
        span: kept.span,
    });
    let changes = [first, second.clone(), held];
    commit_now(&mut engine, &practice, &changes).await.unwrap();
    let third = moved(&practice, &second, NINE.plus(60));
    commit_now(&mut engine, &practice, &[third]).await.unwrap();
    let repeated = [
        series(&practice, 1, 1, 2, NINE.plus(120), 2),
        block(&practice, 1, NINE.plus(600)),
    ];
    commit_now(&mut engine, &practice, &repeated).await.unwrap();
    db
}

async fn broken(db: &TestDb) -> Vec<&'static str> {
    let report = audit::run(&db.url).await.unwrap();
    let broken = report.0.iter().filter(|finding| finding.breaches > 0);
    broken.map(|finding| finding.promise).collect()
}

#[tokio::test]
async fn a_good_database_passes_every_check() {
    let db = good().await;
    let report = audit::run(&db.url).await.unwrap();
    assert!(report.is_clean(), "{report}");
    let mut promises: Vec<&str> = report.0.iter().map(|finding| finding.promise).collect();
    let mut all = vec![
        OVERLAP, CONSTRAINT, NUMBERS, PATTERN, TENANT, HOLDS, SERIES, BLOCKS, OFFERS, KEYS, OUTBOX,
        FOLD,
    ];
    promises.sort_unstable();
    all.sort_unstable();
    assert_eq!(promises, all, "a check without a test of its bite");
    for finding in &report.0 {
        assert!(finding.checked > 0, "{} looked at nothing", finding.promise);
    }
    assert_eq!(report.to_string().matches("ok  ").count(), all.len());
}

/// Spoils a good database without its triggers and keys, and says which checks find it.
async fn spoilt(sql: &str) -> Vec<&'static str> {
    let db = good().await;
    let mut owner = owner(&db).await;
    run(&mut owner, "SET session_replication_role = 'replica'").await;
    let before = super::commit::everything(&db).await;
    run(&mut owner, sql).await;
    let same = super::commit::everything(&db).await == before;
    assert!(
        !same || sql.contains("CONSTRAINT"),
        "this spoils nothing: {sql}"
    );
    broken(&db).await
}

#[tokio::test]
async fn an_overlap_is_found() {
    // A twin of a hold's claim: overlapping bookings, and a constraint that is not there.
    let twin = "ALTER TABLE claims DROP CONSTRAINT claims_no_overbooking;
        INSERT INTO claims (id, calendar_id, tenant_id, kind, during, hold_id)
        SELECT gen_random_uuid(), calendar_id, tenant_id, kind,
            tstzrange(lower(during) + interval '10 minutes', upper(during)), hold_id
        FROM claims WHERE kind = 'hold'";
    assert_eq!(spoilt(twin).await, [OVERLAP, CONSTRAINT, FOLD]);
    // One that lies wholly in another, behind a short one: neighbours are not enough.
    let nested = "ALTER TABLE claims DROP CONSTRAINT claims_no_overbooking;
        INSERT INTO claims (id, calendar_id, tenant_id, kind, during, hold_id)
        SELECT gen_random_uuid(), calendar_id, tenant_id, kind, span, hold_id
        FROM claims, unnest(ARRAY[
            tstzrange('2027-03-02 09:00Z', '2027-03-02 12:00Z'),
            tstzrange('2027-03-02 12:00Z', '2027-03-02 13:00Z'),
            tstzrange('2027-03-02 12:59Z', '2027-03-02 14:00Z')]) span
        WHERE kind = 'hold'";
    assert_eq!(spoilt(nested).await, [OVERLAP, CONSTRAINT, HOLDS, FOLD]);
}

#[tokio::test]
async fn a_constraint_that_is_gone_or_another_is_found() {
    let gone = "ALTER TABLE claims DROP CONSTRAINT claims_no_overbooking";
    assert_eq!(spoilt(gone).await, [CONSTRAINT]);
    let other = "ALTER TABLE claims DROP CONSTRAINT claims_no_overbooking;
        ALTER TABLE claims ADD CONSTRAINT claims_no_overbooking UNIQUE (id, calendar_id)";
    assert_eq!(spoilt(other).await, [CONSTRAINT]);
    let elsewhere = "ALTER TABLE claims DROP CONSTRAINT claims_no_overbooking;
        ALTER TABLE claims_past ADD CONSTRAINT claims_no_overbooking
            EXCLUDE USING gist (calendar_id WITH =, during WITH &&)";
    assert_eq!(spoilt(elsewhere).await, [CONSTRAINT]);
    let weaker = "ALTER TABLE claims DROP CONSTRAINT claims_no_overbooking;
        ALTER TABLE claims ADD CONSTRAINT claims_no_overbooking
            EXCLUDE USING gist (calendar_id WITH =, during WITH &&) WHERE (kind = 'hold')";
    assert_eq!(spoilt(weaker).await, [CONSTRAINT]);
}

#[tokio::test]
async fn a_gap_in_the_numbers_is_found() {
    let first = "DELETE FROM calendar_events WHERE version = 1 AND calendar_id =
        (SELECT calendar_id FROM calendar_events WHERE version = 3 LIMIT 1)";
    assert_eq!(spoilt(first).await, [NUMBERS, KEYS, FOLD]);
    // What it put was taken away again by the third: the state alone would not tell.
    let middle = first.replace("version = 1", "version = 2");
    assert_eq!(spoilt(&middle).await, [NUMBERS]);
    let last = "DELETE FROM calendar_events WHERE version = 3";
    assert_eq!(spoilt(last).await, [NUMBERS, FOLD]);
    let never = "UPDATE calendars SET version = version + 1 WHERE kind = 'patient'";
    assert_eq!(spoilt(never).await, [NUMBERS]);
    let ahead = "UPDATE calendar_events SET version = 9 WHERE version = 3";
    assert_eq!(spoilt(ahead).await, [NUMBERS]);
}

#[tokio::test]
async fn claims_that_are_not_the_patterns_are_found() {
    let shorter =
        "UPDATE claims SET during = tstzrange(lower(during), upper(during) - interval '1 minute')
        WHERE id = (SELECT id FROM claims WHERE kind = 'appointment' LIMIT 1)";
    assert_eq!(spoilt(shorter).await, [PATTERN, FOLD]);
    let missing =
        "DELETE FROM claims WHERE id = (SELECT id FROM claims WHERE kind = 'appointment' LIMIT 1)";
    assert_eq!(spoilt(missing).await, [PATTERN, FOLD]);
    let elsewhere =
        "UPDATE claims SET calendar_id = (SELECT id FROM calendars WHERE version = 0 LIMIT 1)
        WHERE id = (SELECT id FROM claims WHERE kind = 'appointment' LIMIT 1)";
    assert_eq!(spoilt(elsewhere).await, [PATTERN, FOLD]);
    let cancelled = "UPDATE appointments SET status = 'cancelled' WHERE version = 1";
    assert_eq!(spoilt(cancelled).await, [PATTERN, FOLD]);
    let later =
        "UPDATE appointments SET pattern = jsonb_set(pattern, '{0,to}', '25') WHERE version = 1";
    assert_eq!(spoilt(later).await, [PATTERN]);
}

#[tokio::test]
async fn a_claim_of_another_tenant_is_found() {
    let stranger = "UPDATE claims SET tenant_id = gen_random_uuid()
        WHERE id = (SELECT id FROM claims WHERE kind = 'appointment' LIMIT 1)";
    assert_eq!(spoilt(stranger).await, [TENANT, FOLD]);
}

#[tokio::test]
async fn a_hold_without_claims_is_found() {
    let idle = "DELETE FROM claims WHERE kind = 'hold'";
    assert_eq!(spoilt(idle).await, [HOLDS, FOLD]);
}

#[tokio::test]
async fn an_offer_without_its_hold_or_its_taker_is_found() {
    let ended = "UPDATE holds SET ended = 'released', ended_at = now()";
    assert_eq!(spoilt(ended).await, [HOLDS, OFFERS]);
    let closed = "UPDATE waitlist_offers SET status = 'declined', closed_at = now()";
    assert_eq!(spoilt(closed).await, [OFFERS]);
    let waiting = "UPDATE waitlist_entries SET status = 'waiting'";
    assert_eq!(spoilt(waiting).await, [OFFERS]);
}

#[tokio::test]
async fn an_answer_that_points_nowhere_is_found() {
    let version =
        "UPDATE idempotency_results SET result = replace(result::text, ': 1', ': 7')::jsonb";
    assert_eq!(spoilt(version).await, [KEYS]);
    let command = "UPDATE idempotency_results SET tx = gen_random_uuid()";
    assert_eq!(spoilt(command).await, [KEYS]);
    let visit = "UPDATE idempotency_results
        SET result = jsonb_set(result, '{result,id}', to_jsonb(gen_random_uuid()))";
    assert_eq!(spoilt(visit).await, [KEYS]);
    let tenant = "UPDATE idempotency_results SET tenant_id = gen_random_uuid()";
    assert_eq!(spoilt(tenant).await, [KEYS]);
}

#[tokio::test]
async fn a_command_that_told_nobody_is_found() {
    let silent = "DELETE FROM outbox WHERE id = (SELECT min(id) FROM outbox)";
    assert_eq!(spoilt(silent).await, [OUTBOX]);
}

#[tokio::test]
async fn a_log_that_tells_another_story_is_found() {
    let edited = "UPDATE calendar_events SET operations = '[]' WHERE version = 1
        AND calendar_id = (SELECT calendar_id FROM claims WHERE kind = 'hold')";
    assert_eq!(spoilt(edited).await, [FOLD]);
    let minute = "UPDATE calendar_events SET operations = replace(operations::text,
        '\"status\": \"scheduled\"', '\"status\": \"arrived\"')::jsonb WHERE version = 3";
    assert_eq!(spoilt(minute).await, [FOLD]);
    // Nor may the base hold what the log tells already.
    let base = "UPDATE calendars SET base = '[{\"id\": \"00000000-0000-0000-0000-000000000001\",
        \"tenant\": \"00000000-0000-0000-0000-000000000002\", \"kind\": \"block\",
        \"span\": {\"start\": 30000000, \"end\": 30000060}}]' WHERE version = 3";
    assert_eq!(spoilt(base).await, [FOLD]);
    let unlisted = "INSERT INTO claims (id, calendar_id, tenant_id, kind, during)
        SELECT gen_random_uuid(), calendar_id, tenant_id, 'block', '[2027-03-03 09:00Z,2027-03-03 10:00Z)'
        FROM claims WHERE kind = 'hold'";
    assert_eq!(spoilt(unlisted).await, [FOLD]);
}

#[tokio::test]
async fn a_series_or_a_block_with_nothing_or_with_what_is_not_its_own_is_found() {
    let stranger = "UPDATE series SET patient_id = gen_random_uuid()";
    assert_eq!(spoilt_rows("series", stranger).await, [SERIES]);
    let forgotten = "INSERT INTO series (id, tenant_id, patient_id, provider_id, treatment_id,
            first_start, zone, policy)
        SELECT gen_random_uuid(), tenant_id, patient_id, provider_id, treatment_id, first_start,
            zone, 'skip' FROM series";
    assert_eq!(spoilt_rows("series", forgotten).await, [SERIES]);
    let elsewhere = "UPDATE blocks SET calendar_id = gen_random_uuid()";
    assert_eq!(spoilt_rows("blocks", elsewhere).await, [BLOCKS]);
    let empty =
        "INSERT INTO blocks (id, tenant_id, calendar_id, kind, first_start, first_end, zone)
        SELECT gen_random_uuid(), tenant_id, calendar_id, kind, first_start, first_end, zone
        FROM blocks";
    assert_eq!(spoilt_rows("blocks", empty).await, [BLOCKS]);
}

/// As [`spoilt`], of a table that [`super::commit::everything`] does not show.
async fn spoilt_rows(table: &str, sql: &str) -> Vec<&'static str> {
    let db = good().await;
    let mut owner = owner(&db).await;
    run(&mut owner, "SET session_replication_role = 'replica'").await;
    let touched = super::support::touched(&mut owner, sql).await.unwrap();
    assert!(touched > 0, "this spoils nothing in {table}: {sql}");
    broken(&db).await
}
