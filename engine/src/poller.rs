//! Hears what other processes have committed, by reading the log. Whatever else tells of changes
//! makes this faster; nothing makes it needless.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::QueryResult;
use schema::log::Horizon;
use tokio::sync::watch;
use uuid::Uuid;

use crate::directory::{Applied, Directory, Origin};
use crate::rules_cache::RulesCache;
use crate::store::Store;

pub(crate) struct Poller {
    pub store: Arc<dyn Store>,
    pub node: Uuid,
    pub every: Duration,
    pub directory: Arc<Directory>,
    pub rules: Arc<RulesCache>,
    pub stopping: watch::Receiver<bool>,
}

impl Poller {
    /// Polls until the engine stops. `from` is a moment before the first calendar was loaded.
    pub(crate) async fn run(mut self, from: Horizon) {
        let mut since = from;
        let mut last = Instant::now();
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.every) => {}
                changed = self.stopping.changed() => {
                    if changed.is_err() || *self.stopping.borrow() {
                        return;
                    }
                }
            }
            match self.poll(since).await {
                Ok(next) => {
                    since = next;
                    metrics::gauge!("denticloud_feed_lag_seconds")
                        .set(last.elapsed().as_secs_f64());
                    last = Instant::now();
                }
                // The next poll begins where this one did: nothing is skipped.
                Err(error) => tracing::warn!(%error, "cannot poll for changes"),
            }
        }
    }

    async fn poll(&self, since: Horizon) -> QueryResult<Horizon> {
        let next = self.store.horizon().await?;
        self.hear(since).await?;
        Ok(next)
    }

    async fn hear(&self, since: Horizon) -> QueryResult<()> {
        let news = self.store.news(since, self.node).await?;
        for event in news.events {
            let calendar = event.calendar;
            if self.directory.apply(event, Origin::Elsewhere) == Applied::Gap {
                self.directory.catch_up(calendar).await?;
            }
        }
        for (tenant, version) in news.tenants {
            self.rules.tenant_changed(tenant, version);
        }
        for (clinic, version) in news.clinics {
            self.rules.clinic_changed(clinic, version);
        }
        Ok(())
    }
}
