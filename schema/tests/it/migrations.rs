//! Every migration can be taken back, and made again to the same effect.

use schema::migrate::{migrate, revert_all};
use schema::test_db::TestDb;

use super::support::{lines, owner};

/// What a dump of the schema would tell, a line for each fact.
const CATALOGUE: &str = "
    WITH mine AS (SELECT * FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND relname NOT LIKE '\\_\\_diesel%'),
    functions AS (SELECT p.* FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')),
    rights AS (
        SELECT 'schema public' AS of, nspacl AS acl FROM pg_namespace WHERE nspname = 'public'
        UNION ALL SELECT 'function ' || oid::regprocedure,
            coalesce(proacl, acldefault('f', proowner)) FROM functions
        UNION ALL SELECT 'relation ' || relname,
            coalesce(relacl, acldefault('r', relowner)) FROM mine WHERE relkind IN ('r', 'S')
        UNION ALL SELECT 'column ' || relname || '.' || attname, attacl
            FROM mine JOIN pg_attribute ON attrelid = mine.oid WHERE attacl IS NOT NULL)
    SELECT line FROM (
        SELECT format('%s %s owner=%s secured=%s forced=%s', relkind, relname,
            relowner::regrole, relrowsecurity, relforcerowsecurity) AS line FROM mine
        UNION ALL SELECT format('column %s.%s %s %s notnull=%s default=%s identity=%s', relname,
            attname, attnum, format_type(atttypid, atttypmod), attnotnull,
            pg_get_expr(adbin, adrelid), attidentity)
            FROM mine JOIN pg_attribute a ON attrelid = mine.oid
            LEFT JOIN pg_attrdef d ON d.adrelid = mine.oid AND d.adnum = a.attnum
            WHERE attnum > 0 AND relkind = 'r'
        UNION ALL SELECT format('constraint %s %s %s %s', conrelid::regclass, conname,
            pg_get_constraintdef(oid), convalidated) FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT format('index %s', pg_get_indexdef(indexrelid))
            FROM pg_index JOIN mine ON mine.oid = indrelid
        UNION ALL SELECT format('policy %s', p) FROM pg_policies p WHERE schemaname = 'public'
        UNION ALL SELECT format('function owner=%s %s', proowner::regrole, pg_get_functiondef(oid))
            FROM functions
        UNION ALL SELECT format('extension %s', extname) FROM pg_extension
        UNION ALL SELECT format('right %s: %s to %s', of, x.privilege_type,
            CASE x.grantee WHEN 0 THEN 'public' ELSE x.grantee::regrole::text END)
            FROM rights, aclexplode(acl) x
    ) AS facts ORDER BY line";

#[tokio::test]
async fn down_and_up_again_gives_the_same_schema() {
    let db = TestDb::new().await;
    let mut owner = owner(&db).await;
    let before = lines(&mut owner, CATALOGUE).await;
    assert!(
        before.len() > 300,
        "a schema has more than {}",
        before.len()
    );
    for round in 1..=2 {
        let taken_back = revert_all(&db.url).await.unwrap();
        let left = lines(&mut owner, CATALOGUE).await;
        let strange: Vec<&String> = left
            .iter()
            .filter(|line| line.contains("denticloud") || !is_of_a_new_database(line))
            .collect();
        assert!(strange.is_empty(), "round {round} leaves {strange:#?}");

        let made = migrate(&db.url).await.unwrap();
        assert_eq!(made.len(), taken_back);
        let after = lines(&mut owner, CATALOGUE).await;
        let lost: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
        let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
        assert!(
            lost.is_empty() && new.is_empty(),
            "round {round} loses {lost:#?} and adds {new:#?}"
        );
    }
}

fn is_of_a_new_database(line: &str) -> bool {
    line == "extension plpgsql"
        || line.starts_with("right schema public:")
        || line.starts_with("constraint __diesel")
}

#[tokio::test]
async fn migrating_a_migrated_database_does_nothing() {
    let db = TestDb::new().await;
    assert_eq!(migrate(&db.url).await.unwrap(), Vec::<String>::new());
}
