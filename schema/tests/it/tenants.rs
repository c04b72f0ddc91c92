//! Row-level security at work: a practice sees and changes its own rows, and nobody else's.

use diesel::result::Error as DieselError;
use diesel_async::AsyncPgConnection;
use schema::ids::{TenantId, UserId};
use schema::tenancy::{self, Access};
use schema::test_db::TestDb;
use schema::test_db::practice::Practice;

use super::support::{app, count, is_forbidden, lines, owner, run, touched, tried, try_count};
use super::tenants_seed::two_practices;

/// What anybody may know, by design: where the clinics are, their chairs, and their holidays.
const PUBLIC: [(&str, &str); 3] = [
    ("clinics", "true"),
    ("operatories", "true"),
    ("schedule_exceptions", "tenant_id IS NULL"),
];

/// Which rows are a tenant's, in the tables that say so in another way than by `tenant_id`.
fn rows_of(table: &str, practice: &Practice) -> Option<String> {
    let Practice { tenant, owner, .. } = practice;
    let (patient, patients) = practice.patients[0];
    let (_, chair) = practice.operatories[0];
    Some(match table {
        "tenants" => format!("id = '{tenant}'"),
        "users" => format!("id = '{owner}'"),
        "refresh_tokens" | "account_tokens" | "user_identities" => format!("user_id = '{owner}'"),
        "mail_queue" => format!("recipient = '{owner}@example.com'"),
        "patients" => format!("id = '{patient}'"),
        "calendars" => format!("tenant_id = '{tenant}' OR id IN ('{patients}', '{chair}')"),
        "calendar_events" => {
            format!("calendar_id = '{}'", practice.dentists[0].1)
        }
        "clinics" | "operatories" | "database_epoch" | "__diesel_schema_migrations" => return None,
        _ => format!("tenant_id = '{tenant}'"),
    })
}

struct Two {
    _db: TestDb,
    mine: Practice,
    theirs: Practice,
    owner: AsyncPgConnection,
    app: AsyncPgConnection,
    tables: Vec<String>,
}

impl Two {
    async fn new() -> Self {
        let db = TestDb::new().await;
        let [mine, theirs] = two_practices(&db).await;
        let mut owner = owner(&db).await;
        let tables = lines(
            &mut owner,
            "SELECT relname::text AS line FROM pg_class WHERE relkind = 'r'
             AND relnamespace = 'public'::regnamespace ORDER BY 1",
        )
        .await;
        for table in &tables {
            for practice in [&mine, &theirs] {
                if let Some(rows) = rows_of(table, practice) {
                    let seeded = count(&mut owner, &format!("{table} WHERE {rows}")).await;
                    assert!(seeded > 0, "nothing to hide in {table}: seed it");
                }
            }
        }
        let app = app(&db).await;
        Self {
            _db: db,
            mine,
            theirs,
            owner,
            app,
            tables,
        }
    }

    fn access(&self) -> Access {
        Access::member(self.mine.owner, self.mine.tenant)
    }

    /// What `app` sees of a table now, but for what everybody may; nothing where it may not look.
    async fn visible(&mut self, table: &str) -> i64 {
        let public = PUBLIC.iter().find(|(name, _)| *name == table);
        let but_for = public.map_or("false", |(_, rows)| *rows);
        match try_count(&mut self.app, &format!("{table} WHERE NOT ({but_for})")).await {
            Ok(seen) => seen,
            Err(error) => {
                assert!(is_forbidden(&error), "{table}: {error}");
                0
            }
        }
    }

    async fn assert_blind(&mut self, when: &str) {
        for table in self.tables.clone() {
            assert_eq!(self.visible(&table).await, 0, "{table} {when}");
        }
    }
}

#[tokio::test]
async fn without_a_setting_there_are_no_rows() {
    let mut two = Two::new().await;
    two.assert_blind("before any setting").await;
    for (table, rows) in PUBLIC {
        let what = format!("{table} WHERE {rows}");
        assert!(
            count(&mut two.app, &what).await > 0,
            "{what} is for everybody"
        );
    }
}

#[tokio::test]
async fn the_setting_ends_with_its_transaction() {
    let mut two = Two::new().await;
    let access = two.access();
    let work = async |app: &mut AsyncPgConnection| Ok::<_, DieselError>(count(app, "claims").await);
    let seen = tenancy::begin(&mut two.app, &access, work).await.unwrap();
    assert_eq!(seen, 1, "the transaction sees its own");
    // The same connection, where the setting now reads '' and not NULL.
    two.assert_blind("after a commit").await;
    let fails = async |app: &mut AsyncPgConnection| {
        assert_eq!(count(app, "claims").await, 1);
        Err::<(), _>(DieselError::RollbackTransaction)
    };
    tenancy::begin(&mut two.app, &access, fails)
        .await
        .unwrap_err();
    two.assert_blind("after a rollback").await;
    let breaks = async |app: &mut AsyncPgConnection| touched(app, "SELECT 1 / 0").await.map(drop);
    tenancy::begin(&mut two.app, &access, breaks)
        .await
        .unwrap_err();
    two.assert_blind("after an error").await;
}

#[tokio::test]
async fn a_practice_sees_its_own_rows_and_no_others() {
    let mut two = Two::new().await;
    let set = setting(two.mine.tenant, two.mine.owner);
    let mut own = Vec::new();
    for table in two.tables.clone() {
        let (Some(mine), Some(theirs)) = (rows_of(&table, &two.mine), rows_of(&table, &two.theirs))
        else {
            continue;
        };
        run(&mut two.app, &format!("BEGIN; {set}")).await;
        match try_count(&mut two.app, &format!("{table} WHERE {theirs}")).await {
            Ok(seen) => {
                assert_eq!(seen, 0, "{table} shows a stranger's rows");
                if count(&mut two.app, &format!("{table} WHERE {mine}")).await > 0 {
                    own.push(table.clone());
                }
            }
            Err(error) => assert!(is_forbidden(&error), "{table}: {error}"),
        }
        run(&mut two.app, "ROLLBACK").await;
    }
    // Or else it would be easy: the practice does see what is its own.
    let hidden: Vec<&String> = two.tables.iter().filter(|t| !own.contains(t)).collect();
    let expected = [
        "__diesel_schema_migrations",
        "access_changes",
        "calendar_events",
        "clinics",
        "database_epoch",
        "freed_times",
        "idempotency_results",
        "mail_queue",
        "operatories",
        "outbox",
        "patient_link_requests",
        "request_answers",
        "rules_changes",
    ];
    assert_eq!(hidden, expected);
}

#[tokio::test]
async fn a_strangers_rows_cannot_be_changed() {
    let mut two = Two::new().await;
    let set = setting(two.mine.tenant, two.mine.owner);
    let (mine, theirs) = (two.mine.tenant, two.theirs.tenant);
    let with_tenant = lines(
        &mut two.owner,
        "SELECT table_name::text AS line FROM information_schema.columns
         WHERE table_schema = 'public' AND column_name = 'tenant_id' ORDER BY 1",
    )
    .await;
    for table in with_tenant {
        let row = lines(
            &mut two.owner,
            &format!("SELECT to_jsonb(t)::text AS line FROM {table} t WHERE tenant_id = '{theirs}' LIMIT 1"),
        )
        .await
        .remove(0)
        .replace('\'', "''");
        // A row for them.
        let insert = format!(
            "INSERT INTO {table} OVERRIDING SYSTEM VALUE
             SELECT (jsonb_populate_record(NULL::{table}, '{row}')).*"
        );
        let error = tried(&mut two.app, &format!("{set} {insert}"))
            .await
            .expect_err(&insert);
        assert!(is_forbidden(&error), "{insert}: {error}");
        // One of ours given to them, unless a practice may change none of these; one of theirs taken.
        for sql in [
            format!("UPDATE {table} SET tenant_id = '{theirs}' WHERE tenant_id = '{mine}'"),
            format!("UPDATE {table} SET tenant_id = '{mine}' WHERE tenant_id = '{theirs}'"),
            format!("DELETE FROM {table} WHERE tenant_id = '{theirs}'"),
        ] {
            run(&mut two.app, &format!("BEGIN; {set}")).await;
            match touched(&mut two.app, &sql).await {
                Ok(rows) => assert_eq!(rows, 0, "{sql}"),
                Err(error) => assert!(is_forbidden(&error), "{sql}: {error}"),
            }
            run(&mut two.app, "ROLLBACK").await;
        }
    }
}

#[tokio::test]
async fn strangers_people_and_calendars_cannot_be_changed() {
    let mut two = Two::new().await;
    let set = setting(two.mine.tenant, two.mine.owner);
    let Practice {
        tenant,
        owner: user,
        patients,
        clinic,
        ..
    } = two.theirs.clone();
    let patient = patients[0].0;
    for sql in [
        format!("UPDATE tenants SET name = 'Mine' WHERE id = '{tenant}'"),
        format!("UPDATE users SET name = 'Me' WHERE id = '{user}'"),
        format!("UPDATE patients SET phone = NULL WHERE id = '{patient}'"),
        format!("UPDATE refresh_tokens SET revoked_at = now() WHERE user_id = '{user}'"),
        format!("UPDATE clinics SET zone = 'Europe/Madrid' WHERE id = '{clinic}'"),
    ] {
        run(&mut two.app, &format!("BEGIN; {set}")).await;
        assert_eq!(touched(&mut two.app, &sql).await.unwrap(), 0, "{sql}");
        run(&mut two.app, "ROLLBACK").await;
    }
    for sql in [
        format!(
            "INSERT INTO calendars (id, kind, tenant_id) VALUES (gen_random_uuid(), 'staff', '{tenant}')"
        ),
        "INSERT INTO calendars (id, kind) VALUES (gen_random_uuid(), 'operatory')".to_owned(),
        "INSERT INTO clinics (id, name, zone) VALUES (gen_random_uuid(), 'x', 'UTC')".to_owned(),
        "UPDATE calendars SET version = version + 1".to_owned(),
        "INSERT INTO users (id, email, name) VALUES (gen_random_uuid(), 'x@example.com', 'x')"
            .to_owned(),
        format!("SELECT tenant_rules_changed('{tenant}')"),
        format!("SELECT clinic_rules_changed('{clinic}')"),
    ] {
        let error = tried(&mut two.app, &format!("{set} {sql}"))
            .await
            .expect_err(&sql);
        let refused = is_forbidden(&error)
            || error
                .to_string()
                .contains("not a tenant of this transaction")
            || error.to_string().contains("changed by super admins");
        assert!(refused, "{sql}: {error}");
    }
}

#[tokio::test]
async fn keys_do_not_reach_across_tenants() {
    // Foreign keys are checked without policies, so a key that leaves the tenant out would let a
    // practice name a stranger's rows, and learn that they exist.
    let mut two = Two::new().await;
    let set = setting(two.mine.tenant, two.mine.owner);
    let (mine, theirs) = (two.mine.clone(), two.theirs.clone());
    let (tenant, treatment) = (mine.tenant, mine.long);
    let (provider, calendar) = theirs.dentists[0];
    for sql in [
        format!("INSERT INTO treatment_providers VALUES ('{tenant}', '{treatment}', '{provider}')"),
        format!(
            "INSERT INTO treatment_providers VALUES ('{tenant}', '{}', '{}')",
            theirs.long, mine.dentists[0].0
        ),
        format!(
            "INSERT INTO providers (id, tenant_id, role, name, calendar_id) VALUES (gen_random_uuid(), '{tenant}', 'dentist', 'x', '{calendar}')"
        ),
        format!(
            "INSERT INTO calendar_hours (tenant_id, calendar_id, weekday, from_minute, to_minute) VALUES ('{tenant}', '{calendar}', 1, 0, 60)"
        ),
        format!(
            "INSERT INTO waitlist_entries (id, tenant_id, patient_id, treatment_id) VALUES (gen_random_uuid(), '{tenant}', '{}', '{treatment}')",
            theirs.patients[0].0
        ),
        format!(
            "INSERT INTO schedule_exceptions (id, scope, tenant_id, provider_id, kind, from_date, to_date) VALUES (gen_random_uuid(), 'provider', '{tenant}', '{provider}', 'closed', '2027-01-01', '2027-01-01')"
        ),
    ] {
        let error = tried(&mut two.app, &format!("{set} {sql}"))
            .await
            .expect_err(&sql);
        let text = error.to_string();
        assert!(
            text.contains("violates foreign key") || text.contains("providers_calendar_id_key"),
            "{sql}: {error}"
        );
    }
}

fn setting(tenant: TenantId, user: UserId) -> String {
    format!(
        "SELECT set_config('app.tenants', '{tenant}', true), set_config('app.user', '{user}', true);"
    )
}

#[tokio::test]
async fn what_is_lent_to_a_practice_is_not_its_to_change() {
    let mut two = Two::new().await;
    let Practice { tenant, owner, .. } = two.mine.clone();
    let member = setting(tenant, owner);
    let admin = "SELECT set_config('app.super_admin', 'true', true);";
    let sqls = [
        "DELETE FROM assignments",
        "UPDATE assignments SET valid_to = NULL",
        "UPDATE assignment_hours SET to_minute = 1440",
        "DELETE FROM assignment_hours",
    ];
    for (set, who) in [(member.as_str(), "member"), (admin, "super admin")] {
        for sql in sqls {
            run(&mut two.app, &format!("BEGIN; {set}")).await;
            let rows = touched(&mut two.app, sql).await.unwrap();
            assert_eq!(rows > 0, who == "super admin", "{who}: {sql}");
            run(&mut two.app, "ROLLBACK").await;
        }
    }
    let insert = format!(
        "{member} INSERT INTO assignment_hours SELECT tenant_id, id, 1, 0, 60 FROM assignments"
    );
    let error = tried(&mut two.app, &insert).await.expect_err(&insert);
    assert!(is_forbidden(&error), "{error}");

    // Of others' bookings in a shared chair a practice learns minutes, of no chair but its own.
    let booked = |chair: &str, whose: &str| {
        format!(
            "SELECT * FROM operatory_booked(ARRAY['{chair}']::uuid[], ARRAY['2027-01-01Z']::timestamptz[],
                ARRAY['2028-01-01Z']::timestamptz[], {whose})"
        )
    };
    let theirs = two.theirs.clone();
    let chair = theirs.operatories[0].0.to_string();
    let strange = format!("({}) AS x", booked(&chair, &format!("'{tenant}'")));
    run(&mut two.app, &format!("BEGIN; {member}")).await;
    assert_eq!(count(&mut two.app, &strange).await, 0);
    run(&mut two.app, "ROLLBACK").await;
    for whose in [format!("'{}'", theirs.tenant), "NULL".to_owned()] {
        let sql = format!("{member} {}", booked(&chair, &whose));
        let error = tried(&mut two.app, &sql).await.expect_err(&sql);
        assert!(
            error
                .to_string()
                .contains("not a tenant of this transaction"),
            "{error}"
        );
    }
}
