//! Hears what other processes have committed, by reading the log. Whatever else tells of changes
//! makes this faster; nothing makes it needless.

use std::sync::Arc;
use std::time::Duration;

use diesel::QueryResult;
use schema::log::Horizon;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use uuid::Uuid;

use crate::bus::Bus;
use crate::directory::Directory;
use crate::listener;
use crate::rules_cache::RulesCache;
use crate::store::{Session, Store};

pub(crate) struct Poller {
    pub store: Arc<dyn Store>,
    pub node: Uuid,
    pub every: Duration,
    /// While the bus tells of most of it.
    pub every_with_bus: Duration,
    pub bus: Arc<Bus>,
    /// Has it look at once.
    pub look: Arc<Notify>,
    pub directory: Arc<Directory>,
    pub rules: Arc<RulesCache>,
    /// Counts how often everything was compared.
    pub compared: watch::Sender<u64>,
    pub stopping: watch::Receiver<bool>,
}

/// A session with the last horizon that was read on it.
type Ear = (Box<dyn Session>, Horizon);

impl Poller {
    /// Polls until the engine stops. `from` is a moment before the first calendar was loaded.
    pub(crate) async fn run(mut self, from: Ear) {
        let mut ear = Some(from);
        let mut last = Instant::now();
        let mut ups = self.bus.ups();
        loop {
            let pause = match *ups.borrow_and_update() {
                true => self.every_with_bus,
                false => self.every,
            };
            tokio::select! {
                // In this order, so that simulated runs are the same each time; what is rare comes first.
                biased;
                changed = self.stopping.changed() => {
                    if changed.is_err() || *self.stopping.borrow() {
                        return;
                    }
                }
                () = tokio::time::sleep(pause) => {}
                // Down: the others are heard by this alone. Up: so they were until now.
                Ok(()) = ups.changed() => {}
                () = self.look.notified() => {}
            }
            let polled = match ear.take() {
                Some(ear) => self.poll(ear).await,
                None => self.begin_again().await,
            };
            match polled {
                Ok(next) => {
                    ear = Some(next);
                    metrics::counter!("denticloud_polls_total").increment(1);
                    metrics::gauge!("denticloud_feed_lag_seconds")
                        .set(last.elapsed().as_secs_f64());
                    last = Instant::now();
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot poll for changes");
                    // Not at once, whoever asks for it.
                    tokio::time::sleep(self.every).await;
                }
            }
        }
    }

    async fn poll(&self, (mut session, since): Ear) -> QueryResult<Ear> {
        let next = session.horizon().await?;
        let news = session.news(since, self.node).await?;
        listener::hear(&self.directory, news.events).await?;
        for (tenant, version) in news.tenants {
            self.rules.tenant_changed(tenant, version);
        }
        for (clinic, version) in news.clinics {
            self.rules.clinic_changed(clinic, version);
        }
        Ok((session, next))
    }

    /// On a new session. The one before may have ended because the server crashed: transactions
    /// that were not committed then leave their numbers to others, which a horizon of before would
    /// hide. So everything that is known here is compared.
    async fn begin_again(&self) -> QueryResult<Ear> {
        let mut session = self.store.session().await?;
        let since = session.horizon().await?;
        self.directory.refresh(&self.directory.ids()).await?;
        self.rules.forget_all();
        self.compared.send_modify(|count| *count += 1);
        Ok((session, since))
    }
}
