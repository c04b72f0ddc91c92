//! Bounds and times of the engine, each with its unit in its name.

use std::time::Duration;

use schema::retention::Keep;
use secrecy::SecretString;

use crate::tokens::HolderTokens;

/// How the engine runs. Every queue has a bound; over it the answer is `busy`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Threads that calendars' actors and commands run on.
    pub arbiters: usize,
    /// Connections that commit; each owns one batch at a time. All are on one more thread.
    pub writers: usize,
    /// Connections for loading and reading, shared.
    pub readers: usize,
    /// Commands in flight, over all callers.
    pub commands_max: usize,
    /// Messages that wait at one calendar's actor.
    pub mailbox_max: usize,
    /// Shards that patients' calendars are spread over.
    pub patient_shards: usize,
    /// Changes in one commit.
    pub batch_count_max: usize,
    /// How long a command waits for time that others have reserved.
    pub reserve_deadline: Duration,
    /// How long a caller waits for a commit before hearing `outcome_unknown`.
    pub commit_deadline: Duration,
    /// Address of a Redis that carries the bus between nodes, if there is one.
    pub redis_url: Option<SecretString>,
    /// How often other processes' changes are read.
    pub poll_every: Duration,
    /// The same while the bus tells of them.
    pub poll_every_with_bus: Duration,
    /// How often holds whose time is over are looked for.
    pub reap_every: Duration,
    /// How often time that came free is looked for, for the waitlist.
    pub waitlist_every: Duration,
    /// How often visits in the chair are looked at that should have ended.
    pub overrun_every: Duration,
    /// How long events, claims and first answers are kept.
    pub keep: Keep,
    /// How often what is not kept any longer is put away.
    pub housekeeping_every: Duration,
    /// A calendar's actor without work sleeps after this long.
    pub idle_after: Duration,
    /// Makes the tokens of holds and offers; the same on every node.
    pub tokens: HolderTokens,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            arbiters: std::thread::available_parallelism()
                .map_or(2, |cores| cores.get().clamp(1, 8)),
            writers: 2,
            readers: 8,
            commands_max: 4096,
            mailbox_max: 1024,
            patient_shards: 16,
            batch_count_max: 64,
            reserve_deadline: Duration::from_secs(2),
            commit_deadline: Duration::from_secs(5),
            redis_url: None,
            poll_every: Duration::from_millis(250),
            poll_every_with_bus: Duration::from_secs(2),
            reap_every: Duration::from_millis(500),
            waitlist_every: Duration::from_secs(1),
            overrun_every: Duration::from_secs(30),
            keep: Keep::default(),
            housekeeping_every: Duration::from_secs(3600),
            idle_after: Duration::from_secs(300),
            tokens: HolderTokens::default(),
        }
    }
}
