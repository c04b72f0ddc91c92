//! Hears on the bus what other nodes have committed. What is lost there the poller finds.

use std::sync::Arc;

use diesel::QueryResult;
use schema::ids::{ClinicId, TenantId};
use schema::models::claim::Event;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};

use crate::bus::{Bus, Heard, Topic};
use crate::directory::{Applied, Directory, Origin};
use crate::rules_cache::RulesCache;

/// Whose rules have changed, as nodes tell each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RulesOf {
    Tenant(TenantId),
    Clinic(ClinicId),
}

pub(crate) struct Listener {
    pub bus: Arc<Bus>,
    pub directory: Arc<Directory>,
    pub rules: Arc<RulesCache>,
    /// Has the poller look at once.
    pub look: Arc<Notify>,
    pub stopping: watch::Receiver<bool>,
}

impl Listener {
    /// Listens until the engine stops.
    pub(crate) async fn run(mut self) {
        let mut events = self.bus.listen::<Vec<Event>>(Topic::Events);
        let mut rules = self.bus.listen::<RulesOf>(Topic::Rules);
        loop {
            tokio::select! {
                // In this order, so that simulated runs are the same each time; what is rare comes first.
                biased;
                changed = self.stopping.changed() => {
                    if changed.is_err() || *self.stopping.borrow() {
                        return;
                    }
                }
                Some(heard) = rules.hear() => match heard {
                    Heard::Said(RulesOf::Tenant(tenant)) => self.rules.forget(tenant),
                    Heard::Said(RulesOf::Clinic(clinic)) => self.rules.forget_clinic(clinic),
                    Heard::Missed => self.look.notify_one(),
                },
                Some(heard) = events.hear() => match heard {
                    Heard::Said(events) => {
                        if let Err(error) = hear(&self.directory, events).await {
                            tracing::warn!(%error, "cannot read what was missed");
                            self.look.notify_one();
                        }
                    }
                    Heard::Missed => self.look.notify_one(),
                },
            }
        }
    }
}

/// Applies what others have committed, in whatever order it comes.
///
/// # Errors
/// When the log cannot be read where something is missing.
pub(crate) async fn hear(directory: &Directory, events: Vec<Event>) -> QueryResult<()> {
    for event in events {
        let calendar = event.calendar;
        if directory.apply(event, Origin::Elsewhere) == Applied::Gap {
            metrics::counter!("denticloud_feed_gaps_total").increment(1);
            directory.catch_up(calendar).await?;
        }
    }
    Ok(())
}
