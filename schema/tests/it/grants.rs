//! What the roles may do, read from the catalogue: so that a table or function that somebody adds
//! tomorrow is looked at too.

use diesel_async::AsyncPgConnection;
use schema::test_db::TestDb;

use super::support::{app, engine, is_forbidden, lines, owner, run, touched, tried};

/// Tables that belong to no one: which database this is, and which migrations it has.
const NOBODYS: &str = "'database_epoch', '__diesel_schema_migrations'";

/// Tables of people or practices that show their rows to whoever may read the table at all.
async fn unsecured(owner: &mut AsyncPgConnection) -> Vec<String> {
    let sql = format!(
        "SELECT c.relname::text AS line FROM pg_class c
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'f', 'm', 'v')
         AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
         AND (c.relname NOT IN ({NOBODYS}) OR EXISTS (SELECT FROM information_schema.columns i
             WHERE i.table_name = c.relname AND i.column_name = 'tenant_id'))
         AND NOT (c.relrowsecurity AND c.relforcerowsecurity
             AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)) ORDER BY 1"
    );
    lines(owner, &sql).await
}

#[tokio::test]
async fn every_table_has_forced_row_security_and_a_policy() {
    let db = TestDb::new().await;
    let mut owner = owner(&db).await;
    assert_eq!(unsecured(&mut owner).await, Vec::<String>::new());
    let with_tenants = lines(
        &mut owner,
        "SELECT table_name::text AS line FROM information_schema.columns
         WHERE table_schema = 'public' AND column_name = 'tenant_id'",
    )
    .await;
    assert!(with_tenants.len() >= 24, "{with_tenants:?}");

    // What would be found: a table that somebody forgot, half or whole.
    run(
        &mut owner,
        "CREATE TABLE bare (tenant_id uuid);
         CREATE TABLE without_policy (tenant_id uuid);
         ALTER TABLE without_policy ENABLE ROW LEVEL SECURITY;
         ALTER TABLE without_policy FORCE ROW LEVEL SECURITY;
         ALTER TABLE claims NO FORCE ROW LEVEL SECURITY;
         ALTER TABLE outbox DISABLE ROW LEVEL SECURITY;",
    )
    .await;
    let found = unsecured(&mut owner).await;
    assert_eq!(found, ["bare", "claims", "outbox", "without_policy"]);
}

#[tokio::test]
async fn the_roles_have_no_way_past_row_security() {
    let db = TestDb::new().await;
    let mut owner = owner(&db).await;
    let strong = "SELECT rolname::text AS line FROM pg_roles WHERE rolname LIKE 'denticloud\\_%'
        AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication OR rolcanlogin)";
    assert_eq!(lines(&mut owner, strong).await, Vec::<String>::new());
    let roles = "SELECT rolname::text AS line FROM pg_roles WHERE rolname IN
        ('denticloud_app', 'denticloud_engine', 'denticloud_lookup') ORDER BY 1";
    assert_eq!(lines(&mut owner, roles).await.len(), 3);
    let promoted = "SELECT format('%s is %s', member::regrole, roleid::regrole) AS line
        FROM pg_auth_members WHERE member::regrole::text LIKE 'denticloud\\_%'";
    assert_eq!(lines(&mut owner, promoted).await, Vec::<String>::new());
    let owned = "SELECT relname::text AS line FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relowner::regrole::text LIKE 'denticloud\\_%'";
    assert_eq!(lines(&mut owner, owned).await, Vec::<String>::new());
    let creators = "SELECT rolname::text AS line FROM pg_roles WHERE rolname LIKE 'denticloud\\_%'
        AND has_schema_privilege(rolname, 'public', 'CREATE')";
    assert_eq!(lines(&mut owner, creators).await, Vec::<String>::new());
}

/// Functions with another's rights that a caller could lead astray, or that anybody may call.
async fn careless(owner: &mut AsyncPgConnection) -> Vec<String> {
    lines(
        owner,
        "SELECT p.proname::text AS line FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
         WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
         AND (NOT coalesce('search_path=public, pg_temp' = ANY (p.proconfig), false)
             OR EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x
                 WHERE x.grantee = 0)
             OR r.rolsuper OR r.rolbypassrls) ORDER BY 1",
    )
    .await
}

#[tokio::test]
async fn functions_with_anothers_rights_are_fixed_and_not_for_everybody() {
    let db = TestDb::new().await;
    let mut owner = owner(&db).await;
    assert_eq!(careless(&mut owner).await, Vec::<String>::new());
    let all = "SELECT proname::text AS line FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND prosecdef";
    assert!(lines(&mut owner, all).await.len() >= 7);

    run(
        &mut owner,
        "CREATE FUNCTION astray() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
         REVOKE ALL ON FUNCTION astray() FROM PUBLIC;
         ALTER FUNCTION astray() OWNER TO denticloud_lookup;
         CREATE FUNCTION strong() RETURNS int LANGUAGE sql SECURITY DEFINER
             SET search_path = public, pg_temp AS 'SELECT 1';
         REVOKE ALL ON FUNCTION strong() FROM PUBLIC;
         GRANT EXECUTE ON FUNCTION lookup_login(text) TO PUBLIC;",
    )
    .await;
    let found = careless(&mut owner).await;
    assert_eq!(found, ["astray", "lookup_login", "strong"]);
}

#[tokio::test]
async fn only_the_engine_changes_the_scheduling_tables() {
    let db = TestDb::new().await;
    let mut owner = owner(&db).await;
    // app reads what it may see and appends to the audit log; the calendars' identities are the
    // app's to make, their versions are nobody's but the commit's.
    let rights = "SELECT format('%s %s', t, p) AS line FROM unnest(ARRAY['series', 'appointments',
            'holds', 'blocks', 'claims', 'claims_past', 'calendar_events', 'idempotency_results', 'outbox',
            'rules_changes', 'waitlist_offers', 'freed_times']) t, unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p
        WHERE has_table_privilege('denticloud_app', t, p)
            OR (p IN ('INSERT', 'UPDATE') AND has_any_column_privilege('denticloud_app', t, p))";
    assert_eq!(lines(&mut owner, rights).await, Vec::<String>::new());
    let calendars = "SELECT p AS line FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE',
            'TRUNCATE']) p WHERE has_table_privilege('denticloud_app', 'calendars', p)
            OR (p = 'UPDATE' AND has_any_column_privilege('denticloud_app', 'calendars', p))";
    assert_eq!(lines(&mut owner, calendars).await, ["SELECT", "INSERT"]);

    let mut app = app(&db).await;
    for table in [
        "claims",
        "appointments",
        "calendar_events",
        "holds",
        "outbox",
    ] {
        for sql in [
            format!("INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM {table}"),
            format!("UPDATE {table} SET tenant_id = tenant_id"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
        ] {
            // calendar_events has no tenant of its own.
            let sql = sql.replace(
                "calendar_events SET tenant_id = tenant_id",
                "calendar_events SET version = version",
            );
            let error = tried(&mut app, &sql).await.expect_err(&sql);
            assert!(is_forbidden(&error), "{sql}: {error}");
        }
    }
}

#[tokio::test]
async fn the_audit_log_is_only_appended_to() {
    let db = TestDb::new().await;
    let mut owner = owner(&db).await;
    run(
        &mut owner,
        "INSERT INTO audit_log (actor, action, subject) VALUES ('test', 'a.b', 'a')",
    )
    .await;
    let mut app = app(&db).await;
    let mut engine = engine(&db).await;
    let everything = "SET LOCAL app.super_admin = 'true';";
    for sql in [
        "UPDATE audit_log SET actor = 'nobody'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
    ] {
        for role in [&mut app, &mut engine] {
            let error = tried(role, &format!("{everything} {sql}"))
                .await
                .expect_err(sql);
            assert!(is_forbidden(&error), "{sql}: {error}");
        }
    }
    let append = "INSERT INTO audit_log (actor, action, subject) VALUES ('test', 'a.b', 'a')";
    for role in [&mut app, &mut engine] {
        assert_eq!(touched(role, append).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn the_engine_knows_no_people_and_keeps_its_log() {
    let db = TestDb::new().await;
    let mut engine = engine(&db).await;
    for table in [
        "patients",
        "users",
        "refresh_tokens",
        "memberships",
        "patient_dentists",
        "audit_log",
    ] {
        let sql = format!("SELECT FROM {table}");
        let error = tried(&mut engine, &sql).await.expect_err(&sql);
        assert!(is_forbidden(&error), "{sql}: {error}");
    }
    for sql in [
        "INSERT INTO calendars (id, kind) VALUES (gen_random_uuid(), 'patient')",
        "DELETE FROM calendars",
        "UPDATE tenants SET name = name",
        "UPDATE clinics SET zone = zone",
        "UPDATE waitlist_entries SET patient_id = patient_id",
        "DELETE FROM waitlist_offers",
        "DELETE FROM treatments",
        "SELECT lookup_login('a@example.com')",
    ] {
        let error = tried(&mut engine, sql).await.expect_err(sql);
        assert!(is_forbidden(&error), "{sql}: {error}");
    }
    // What it may raise, and no more of those tables.
    let raised = touched(
        &mut engine,
        "UPDATE tenants SET rules_version = rules_version",
    )
    .await;
    assert_eq!(raised.unwrap(), 0);
}
