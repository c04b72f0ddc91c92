//! Brings a database to the schema that this program was built with.

use std::error::Error;

use diesel_async::{AsyncConnection, AsyncMigrationHarness, AsyncPgConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../migrations");

/// What went wrong while migrating; its text names the migration.
pub type MigrationError = Box<dyn Error + Send + Sync>;

async fn with_harness<T: Send + 'static>(
    url: &str,
    run: impl FnOnce(&mut AsyncMigrationHarness<AsyncPgConnection>) -> Result<T, MigrationError>
    + Send
    + 'static,
) -> Result<T, MigrationError> {
    let url = url.to_owned();
    // The harness blocks its thread, and its connection is driven by a runtime that must go on
    // meanwhile: it gets a thread and a runtime of its own, whatever the caller runs on.
    tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let connection = runtime.block_on(AsyncPgConnection::establish(&url))?;
        let _entered = runtime.enter();
        run(&mut AsyncMigrationHarness::new(connection))
    })
    .await?
}

/// Runs what is pending as the owner behind `url`; answers the names of what ran.
///
/// # Errors
/// When the database cannot be reached or a migration fails (that one is rolled back).
pub async fn migrate(url: &str) -> Result<Vec<String>, MigrationError> {
    with_harness(url, |harness| {
        let done = harness.run_pending_migrations(MIGRATIONS)?;
        Ok(done.iter().map(ToString::to_string).collect())
    })
    .await
}

/// Takes back every migration, newest first; for tests of their reversibility.
///
/// # Errors
/// As [`migrate`].
pub async fn revert_all(url: &str) -> Result<usize, MigrationError> {
    with_harness(url, |harness| {
        Ok(harness.revert_all_migrations(MIGRATIONS)?.len())
    })
    .await
}

/// A number that changes with the migrations' texts; names the template of test databases.
#[cfg(feature = "test-db")]
#[must_use]
pub fn fingerprint() -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    env!("MIGRATIONS_DIGEST").hash(&mut hasher);
    hasher.finish()
}
