//! The rule books of the tenants that are in use, as of the last change that was heard of.

use std::sync::Arc;

use dashmap::DashMap;
use schema::connection::ConnectionPool;
use schema::ids::{ClinicId, TenantId};
use schema::rules;
use schema::tenancy::unavailable;

use crate::failure::Failure;
use crate::scheduling::rulebook::RuleBook;

pub(crate) struct RulesCache {
    books: DashMap<TenantId, Arc<RuleBook>>,
    pool: ConnectionPool,
}

impl RulesCache {
    pub(crate) fn new(pool: ConnectionPool) -> Self {
        Self {
            books: DashMap::new(),
            pool,
        }
    }

    /// The book of a tenant; `None` for an unknown one. An old book is found out by the commit,
    /// which compares its versions.
    pub(crate) async fn get(&self, tenant: TenantId) -> Result<Option<Arc<RuleBook>>, Failure> {
        if let Some(book) = self.books.get(&tenant) {
            return Ok(Some(Arc::clone(&book)));
        }
        let mut connection = self
            .pool
            .get()
            .await
            .map_err(|error| unavailable(error.to_string()))?;
        let Some(rows) = rules::load(&mut connection, tenant).await? else {
            return Ok(None);
        };
        let book = Arc::new(RuleBook::new(rows).map_err(|error| {
            tracing::error!(%error, "bad rules");
            Failure::Internal
        })?);
        // Two that load at once may have seen different versions: the newer one stays.
        let mut entry = self
            .books
            .entry(tenant)
            .or_insert_with(|| Arc::clone(&book));
        if entry.is_older_than(&book) {
            *entry = book;
        }
        Ok(Some(Arc::clone(&entry)))
    }

    pub(crate) fn forget(&self, tenant: TenantId) {
        self.books.remove(&tenant);
    }

    /// A tenant's rules are at `version` now.
    pub(crate) fn tenant_changed(&self, tenant: TenantId, version: i64) {
        self.books.remove_if(&tenant, |_, book| {
            book.seen
                .tenants
                .get(&tenant)
                .is_none_or(|seen| *seen < version)
        });
    }

    /// A clinic's rules are at `version` now: of concern to every tenant that works there.
    pub(crate) fn clinic_changed(&self, clinic: ClinicId, version: i64) {
        self.books.retain(|_, book| {
            book.seen
                .clinics
                .get(&clinic)
                .is_none_or(|seen| *seen >= version)
        });
    }
}
