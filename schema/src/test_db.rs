//! Databases for tests: each test gets its own, copied from a migrated template, on the server
//! that `DATABASE_URL` names. Needs a login that may create databases and roles.

pub mod practice;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use uuid::Uuid;

use crate::migrate;

/// A database that is dropped with this value.
#[derive(Debug)]
pub struct TestDb {
    /// Address with the owner's login.
    pub url: String,
    server: String,
    name: String,
}

#[derive(QueryableByName)]
struct Exists {
    #[diesel(sql_type = Bool)]
    exists: bool,
}

/// Serialises the making of the template among test processes.
const TEMPLATE_LOCK: i64 = 0x6465_6e74;

impl TestDb {
    /// A new, migrated, empty database.
    ///
    /// # Panics
    /// When there is no server: a test that cannot run must not pass.
    #[allow(clippy::unwrap_used, clippy::expect_used)]
    pub async fn new() -> Self {
        let server = std::env::var("DATABASE_URL")
            .expect("tests need DATABASE_URL, a Postgres they may create databases on: make test");
        let template = ensure_template(&server).await;
        let name = format!("test_{}", Uuid::new_v4().simple());
        let mut admin = AsyncPgConnection::establish(&server).await.unwrap();
        admin
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}"))
            .await
            .unwrap();
        Self {
            url: with_database(&server, &name),
            server,
            name,
        }
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // A runtime of its own: the test's may be ending.
        let dropped = std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
            else {
                return;
            };
            runtime.block_on(async {
                if let Ok(mut admin) = AsyncPgConnection::establish(&server).await {
                    let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                    let _ = admin.batch_execute(&drop).await;
                }
            });
        });
        let _ = dropped.join();
    }
}

/// The template's name carries the migrations' digest: a changed schema makes a new one.
#[allow(clippy::unwrap_used)]
async fn ensure_template(server: &str) -> String {
    let name = format!("template_{:016x}", migrate::fingerprint());
    let mut admin = AsyncPgConnection::establish(server).await.unwrap();
    diesel::sql_query("SELECT pg_advisory_lock($1)")
        .bind::<BigInt, _>(TEMPLATE_LOCK)
        .execute(&mut admin)
        .await
        .unwrap();
    let found: Exists =
        diesel::sql_query("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1) AS exists")
            .bind::<Text, _>(&name)
            .get_result(&mut admin)
            .await
            .unwrap();
    if !found.exists {
        // Under another name until it is whole: a test run that dies half-way leaves no template.
        let unfinished = format!("{name}_unfinished");
        admin
            .batch_execute(&format!(
                "DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)"
            ))
            .await
            .unwrap();
        admin
            .batch_execute(&format!("CREATE DATABASE {unfinished}"))
            .await
            .unwrap();
        migrate::migrate(&with_database(server, &unfinished))
            .await
            .unwrap();
        admin
            .batch_execute(&format!("ALTER DATABASE {unfinished} RENAME TO {name}"))
            .await
            .unwrap();
    }
    name
}

/// The same login on another database: replaces the path of the URL.
fn with_database(server: &str, name: &str) -> String {
    let (address, query) = server.split_once('?').map_or((server, ""), |(a, q)| (a, q));
    let base = match address.match_indices('/').nth(2) {
        Some((slash, _)) => &address[..slash],
        None => address,
    };
    if query.is_empty() {
        format!("{base}/{name}")
    } else {
        format!("{base}/{name}?{query}")
    }
}
