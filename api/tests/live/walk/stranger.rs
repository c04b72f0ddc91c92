//! The practice whose data nobody else may see: everything private in it carries a mark.

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use schema::test_db::TestDb;
use schema::test_db::practice::{Practice, Size};

/// In every private text of the stranger's.
pub const MARK: &str = "zq7secret";
/// In what is the patients': not even super admins see it.
pub const PATIENTS_MARK: &str = "zq7secret-patient";

pub struct Stranger {
    pub practice: Practice,
    /// The owner's.
    pub token: String,
    /// A visit, with notes.
    pub appointment: String,
}

pub async fn seed(db: &TestDb) -> Practice {
    let size = Size {
        dentists: 1,
        operatories: 1,
        patients: 3,
    };
    let practice = Practice::seed(db, size).await;
    let Practice { tenant, owner, .. } = &practice;
    let sql = format!(
        "UPDATE patients SET first_name = '{PATIENTS_MARK}', last_name = '{PATIENTS_MARK}',
             email = '{PATIENTS_MARK}' || id || '@example.com', phone = '+593991234567';
         UPDATE patient_dentists SET notes = '{PATIENTS_MARK}' WHERE tenant_id = '{tenant}';
         UPDATE users SET name = '{MARK}', email = '{MARK}' || '@example.com'
             WHERE id = '{owner}';
         UPDATE providers SET name = '{MARK}' WHERE tenant_id = '{tenant}';
         UPDATE treatments SET name_es = '{MARK}', name_en = '{MARK}', online_bookable = false
             WHERE tenant_id = '{tenant}';
         UPDATE tenants SET name = '{MARK}' WHERE id = '{tenant}';
         INSERT INTO audit_log (tenant_id, actor, action, subject, after)
             VALUES ('{tenant}', '{MARK}', 'a.b', 'a', '\"{MARK}\"');
         INSERT INTO invitations
             (id, tenant_id, email, role, permissions, token_hash, invited_by, expires_at)
             VALUES (gen_random_uuid(), '{tenant}', '{MARK}' || '@x.ec', 'admin', '{{}}',
                 'x', '{owner}', now() + interval '1 day');"
    );
    run(db, &sql).await;
    practice
}

/// As the database's owner, whom nothing is hidden from.
pub async fn run(db: &TestDb, sql: &str) {
    let mut owner = AsyncPgConnection::establish(&db.url).await.unwrap();
    owner.batch_execute(sql).await.unwrap();
}
