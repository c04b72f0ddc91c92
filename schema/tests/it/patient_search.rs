//! Finding a practice's patients: by pages, as one slow and obvious statement finds them.

use schema::ids::{PatientId, TenantId};
use schema::patients::{Found, Search, State, cards_alone, find};

use super::support::{app, count, lines, owner, practice, run};
use super::tenants_seed::two_practices;
use schema::test_db::TestDb;

/// Patients of the practice: more than a search reads of a list before it looks by letters.
const PATIENTS: usize = 2_500;
/// Of a page.
const PAGE: i64 = 400;

/// Every fourth is a Mora, every hundredth has it within their name, one is called Xu; names repeat.
fn rows(tenant: TenantId) -> String {
    format!(
        "CREATE TEMP TABLE people AS SELECT n, gen_random_uuid() AS id, gen_random_uuid() AS calendar_id,
             CASE WHEN n % 4 = 0 THEN 'Mora' WHEN n % 100 = 7 THEN 'Zamora' WHEN n = 2222 THEN 'Xu'
                 ELSE 'Abad' END || ' N' || n % 50 AS last_name
             FROM generate_series(1, {PATIENTS}) n;
         INSERT INTO calendars (id, kind) SELECT calendar_id, 'patient' FROM people;
         INSERT INTO patients (id, first_name, last_name, phone, calendar_id)
             SELECT id, 'José', last_name, '+59399' || lpad(n::text, 7, '0'), calendar_id FROM people;
         INSERT INTO patient_dentists (tenant_id, patient_id, archived_at)
             SELECT '{tenant}', id, CASE WHEN n % 10 = 0 THEN now() END FROM people;"
    )
}

/// What is to be found, in order: the patient's id, the rank and the name.
fn obvious(tenant: TenantId, words: &[&str]) -> String {
    let all = |before: &str| {
        let like: Vec<String> = words
            .iter()
            .map(|word| format!("search LIKE '%{before}{word}%'"))
            .collect();
        like.join(" AND ")
    };
    format!(
        "SELECT patient_id::text AS line FROM patient_dentists
         WHERE tenant_id = '{tenant}' AND status = 'active' AND archived_at IS NULL AND {}
         ORDER BY CASE WHEN {} THEN 0 ELSE 1 END, sort_name, patient_id",
        all(""),
        all(" ")
    )
}

#[tokio::test]
async fn pages_of_a_search_are_what_the_obvious_statement_finds() {
    let (db, practice) = practice().await;
    let mut owner = owner(&db).await;
    run(&mut owner, &rows(practice.tenant)).await;
    let mut app = app(&db).await;
    for (query, words) in [
        ("mora", vec!["mora"]),
        ("JOSÉ mora", vec!["jose", "mora"]),
        ("amora", vec!["amora"]),
        ("xu", vec![" xu"]),
        ("abad n7", vec!["abad", "n7"]),
        ("0990002222", vec!["990002222"]),
        ("nobody", vec!["nobody"]),
    ] {
        let expected = lines(&mut owner, &obvious(practice.tenant, &words)).await;
        assert_eq!(expected.is_empty(), query == "nobody", "{query}");
        let mut found: Vec<Found> = Vec::new();
        loop {
            run(
                &mut app,
                &format!(
                    "BEGIN; SELECT set_config('app.tenants', '{}', true)",
                    practice.tenant
                ),
            )
            .await;
            let search = Search {
                tenant: practice.tenant,
                query,
                state: State::Active,
                nearest: false,
                after: found.last(),
                limit: PAGE,
            };
            let page = find(&mut app, &search).await.unwrap();
            run(&mut app, "COMMIT").await;
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        let ids: Vec<String> = found
            .iter()
            .map(|one| PatientId::to_string(&one.patient_id))
            .collect();
        assert_eq!(ids, expected, "{query}");
        assert!(found.is_sorted_by_key(|one| one.rank), "{query}");
    }
}

#[tokio::test]
async fn a_card_is_told_to_its_own_practice_and_the_statement_leaves_no_rights_behind() {
    let db = TestDb::new().await;
    let [mine, theirs] = two_practices(&db).await;
    let mut app = app(&db).await;
    let [ours, stranger] = [&mine, &theirs].map(|practice| practice.patients[0].0);
    // Of two practices at once, each pair by itself.
    let (tenants, wanted) = (
        [mine.tenant, mine.tenant, theirs.tenant],
        [ours, stranger, stranger],
    );
    for _ in 0..8 {
        let cards = cards_alone(&mut app, &tenants, &wanted).await.unwrap();
        let mut told: Vec<_> = cards
            .iter()
            .map(|card| (card.tenant_id, card.patient_id))
            .collect();
        told.sort();
        let mut expected = vec![(mine.tenant, ours), (theirs.tenant, stranger)];
        expected.sort();
        assert_eq!(told, expected);
        assert_eq!(count(&mut app, "patients").await, 0);
        assert_eq!(count(&mut app, "patient_dentists").await, 0);
    }
}
