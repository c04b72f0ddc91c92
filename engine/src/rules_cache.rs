//! The rule books of the tenants that are in use, as of the last change that was heard of.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use schema::ids::{ClinicId, TenantId};
use tokio::sync::watch;

use crate::failure::Failure;
use crate::scheduling::rulebook::RuleBook;
use crate::store::Store;

pub(crate) struct RulesCache {
    books: DashMap<TenantId, Arc<RuleBook>>,
    /// How many changes were heard of, anybody's. A book that was being loaded meanwhile may have
    /// been read before the change, and is not kept.
    changes: AtomicU64,
    /// Wakes those who watch for changes.
    told: watch::Sender<()>,
    store: Arc<dyn Store>,
}

impl RulesCache {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            books: DashMap::new(),
            changes: AtomicU64::new(0),
            told: watch::Sender::new(()),
            store,
        }
    }

    /// The book of a tenant; `None` for an unknown one. An old book is found out by the commit,
    /// which compares its versions.
    pub(crate) async fn get(&self, tenant: TenantId) -> Result<Option<Arc<RuleBook>>, Failure> {
        if let Some(book) = self.books.get(&tenant) {
            return Ok(Some(Arc::clone(&book)));
        }
        let changes = self.changes.load(Ordering::SeqCst);
        let Some(rows) = self.store.rules(&[tenant]).await?.pop() else {
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
        let tenants = self.store.tenants_after(after, limit).await?;
        for rows in self.store.rules(&tenants).await? {
            match RuleBook::new(rows) {
                Ok(book) => drop(self.keep(changes, Arc::new(book))),
                // The others need not wait for the one that is told when it is asked for.
                Err(error) => tracing::error!(%error, "bad rules"),
            }
        }
        Ok(tenants.last().copied())
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
        self.told.send_replace(());
    }

    /// Forgets every tenant's.
    pub(crate) fn forget_all(&self) {
        self.count_change();
        self.books.clear();
        self.told.send_replace(());
    }

    /// Wakes whenever books may have been forgotten.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.told.subscribe()
    }

    /// Forgets every tenant's that works in a clinic.
    pub(crate) fn forget_clinic(&self, clinic: ClinicId) {
        self.count_change();
        self.books
            .retain(|_, book| !book.seen.clinics.contains_key(&clinic));
        self.told.send_replace(());
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
        self.told.send_replace(());
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
        self.told.send_replace(());
    }
}
