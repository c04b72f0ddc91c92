//! Puts away what is not needed any more, now and then; of many processes one does it.

use std::time::Duration;

use schema::connection::{Role, connect};
use schema::retention::{self, Keep};
use tokio::sync::watch;

pub(crate) struct Housekeeper {
    pub url: String,
    pub keep: Keep,
    pub every: Duration,
    pub stopping: watch::Receiver<bool>,
}

impl Housekeeper {
    /// Comes round until the engine stops; the first time after one interval, so that restarts
    /// cost nothing.
    pub(crate) async fn run(mut self) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.every) => {}
                changed = self.stopping.changed() => {
                    if changed.is_err() || *self.stopping.borrow() {
                        return;
                    }
                }
            }
            let mut stopping = self.stopping.clone();
            tokio::select! {
                () = self.once() => {}
                // Each of its transactions leaves everything true: it may end between two.
                _ = stopping.wait_for(|stopping| *stopping) => return,
            }
        }
    }

    async fn once(&self) {
        // A connection of its own: the lock that makes it the only one belongs to it.
        let mut connection = match connect(&self.url, Role::Engine).await {
            Ok(connection) => connection,
            Err(error) => return tracing::warn!(%error, "no housekeeping without a database"),
        };
        match retention::run(&mut connection, self.keep).await {
            Ok(Some(done)) => tracing::info!(?done, "housekeeping"),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "housekeeping was cut short"),
        }
    }
}
