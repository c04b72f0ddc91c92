//! The rule books of the tenants that are in use, as of the last change that was heard of.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use schema::connection::{ConnectionPool, PooledConnection};
use schema::ids::{ClinicId, TenantId};
use schema::rules;
use schema::tenancy::unavailable;

use crate::failure::Failure;
use crate::scheduling::rulebook::RuleBook;

pub(crate) struct RulesCache {
    books: DashMap<TenantId, Arc<RuleBook>>,
    /// How many changes were heard of, anybody's. A book that was being loaded meanwhile may have
    /// been read before the change, and is not kept.
    changes: AtomicU64,
    pool: ConnectionPool,
}

impl RulesCache {
    pub(crate) fn new(pool: ConnectionPool) -> Self {
        Self {
            books: DashMap::new(),
            changes: AtomicU64::new(0),
            pool,
        }
    }

    /// The book of a tenant; `None` for an unknown one. An old book is found out by the commit,
    /// which compares its versions.
    pub(crate) async fn get(&self, tenant: TenantId) -> Result<Option<Arc<RuleBook>>, Failure> {
        if let Some(book) = self.books.get(&tenant) {
            return Ok(Some(Arc::clone(&book)));
        }
        let changes = self.changes.load(Ordering::SeqCst);
        let mut connection = self.connection().await?;
        let Some(rows) = rules::load(&mut connection, tenant).await? else {
            return Ok(None);
        };
        let book = RuleBook::new(rows).map_err(|error| {
            tracing::error!(%error, "bad rules");
            Failure::Internal
        })?;
        Ok(Some(self.keep(changes, Arc::new(book))))
    }

    /// Loads the books of the next tenants by id, at most `limit`; answers the last one, or `None`
    /// when there are no more.
    pub(crate) async fn preload(
        &self,
        after: Option<TenantId>,
        limit: i64,
    ) -> Result<Option<TenantId>, Failure> {
        let changes = self.changes.load(Ordering::SeqCst);
        let mut connection = self.connection().await?;
        let tenants = rules::tenants_after(&mut connection, after, limit).await?;
        for rows in rules::load_many(&mut connection, &tenants).await? {
            match RuleBook::new(rows) {
                Ok(book) => drop(self.keep(changes, Arc::new(book))),
                // The others need not wait for the one that is told when it is asked for.
                Err(error) => tracing::error!(%error, "bad rules"),
            }
        }
        Ok(tenants.last().copied())
    }

    async fn connection(&self) -> Result<PooledConnection, Failure> {
        let connection = self.pool.get().await;
        Ok(connection.map_err(|error| unavailable(error.to_string()))?)
    }

    /// Keeps a book that was loaded when `changes` changes had been heard of.
    fn keep(&self, changes: u64, book: Arc<RuleBook>) -> Arc<RuleBook> {
        // The entry is locked meanwhile: whoever forgets it has counted before, or comes after.
        let entry = self.books.entry(book.tenant);
        if self.changes.load(Ordering::SeqCst) != changes {
            return book;
        }
        // Two that load at once may have seen different versions: the newer one stays.
        let mut kept = entry.or_insert_with(|| Arc::clone(&book));
        if kept.is_older_than(&book) {
            *kept = book;
        }
        Arc::clone(&kept)
    }

    fn count_change(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn forget(&self, tenant: TenantId) {
        self.count_change();
        self.books.remove(&tenant);
    }

    /// Forgets every tenant's that works in a clinic.
    pub(crate) fn forget_clinic(&self, clinic: ClinicId) {
        self.count_change();
        self.books
            .retain(|_, book| !book.seen.clinics.contains_key(&clinic));
    }

    /// A tenant's rules are at `version` now.
    pub(crate) fn tenant_changed(&self, tenant: TenantId, version: i64) {
        self.count_change();
        self.books.remove_if(&tenant, |_, book| {
            book.seen
                .tenants
                .get(&tenant)
                .is_none_or(|seen| *seen < version)
        });
    }

    /// A clinic's rules are at `version` now: of concern to every tenant that works there.
    pub(crate) fn clinic_changed(&self, clinic: ClinicId, version: i64) {
        self.count_change();
        self.books.retain(|_, book| {
            book.seen
                .clinics
                .get(&clinic)
                .is_none_or(|seen| *seen >= version)
        });
    }
}
