//! What fails: nodes, the bus, the database, the network between.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;

use crate::Outcome;
use crate::cluster::Cluster;
use crate::postgres::Postgres;
use crate::proxy::Cut;
use crate::redis::Redis;
use crate::report::Fact;

/// For how long Redis is away.
const REDIS_AWAY: Duration = Duration::from_secs(2);
/// Connections cut at one fault.
const CUTS: usize = 4;

/// Something that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9` of a node, and a restart.
    KillNode(usize),
    /// A node stands still, longer than everything waits, and goes on.
    StopNode(usize),
    KillRedis,
    FlushRedis,
    /// Redis closes every connection.
    DisconnectRedis,
    /// `pg_terminate_backend` of all sessions.
    EndSessions,
    /// PostgreSQL ends as by a crash, and starts again.
    CrashPostgres,
    /// Connections of a node are cut between COMMIT and its answer.
    LoseAnswers(usize),
}

/// Every fault once, in an order that `seed` decides.
pub(super) fn all(redis: bool, seed: u64) -> Vec<Fault> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut node = || random.random_range(0..2);
    let mut faults = vec![
        Fault::KillNode(node()),
        Fault::StopNode(node()),
        Fault::EndSessions,
        Fault::CrashPostgres,
        Fault::LoseAnswers(node()),
    ];
    if redis {
        faults.extend([Fault::KillRedis, Fault::FlushRedis, Fault::DisconnectRedis]);
    }
    faults.shuffle(&mut random);
    faults
}

/// What can be made to fail.
pub(super) struct Stand {
    pub cluster: Cluster,
    pub postgres: Option<Postgres>,
    pub redis: Option<Redis>,
    /// How long a node is stopped.
    pub stopped: Duration,
}

/// Makes the faults, with a pause before each and after the last.
///
/// # Errors
/// When one cannot be made, or a client gives up.
pub(super) async fn make(
    stand: &mut Stand,
    faults: &[Fault],
    pause: Duration,
    working: &mut JoinSet<Outcome<()>>,
) -> Outcome<()> {
    let making = async {
        for fault in faults {
            tokio::time::sleep(pause).await;
            eprintln!("  {fault:?}");
            stand.fail(*fault).await?;
        }
        tokio::time::sleep(pause).await;
        Outcome::Ok(())
    };
    tokio::select! {
        made = making => made,
        // They go on until they are told: this one cannot.
        Some(done) = working.join_next() => {
            done??;
            Err("a client has ended too early".into())
        }
    }
}

impl Stand {
    async fn fail(&mut self, fault: Fault) -> Outcome<()> {
        match fault {
            Fault::KillNode(node) => {
                self.cluster.nodes[node].kill().await?;
                self.cluster.nodes[node].restart().await?;
            }
            Fault::StopNode(node) => {
                self.cluster.nodes[node].pause().await?;
                tokio::time::sleep(self.stopped).await;
                self.cluster.nodes[node].resume().await?;
            }
            Fault::KillRedis => {
                let redis = self.redis.as_mut().ok_or("there is no Redis")?;
                redis.kill().await?;
                tokio::time::sleep(REDIS_AWAY).await;
                redis.restart().await?;
            }
            Fault::FlushRedis => {
                let redis = self.redis.as_ref().ok_or("there is no Redis")?;
                redis.flush().await?;
            }
            Fault::DisconnectRedis => {
                let redis = self.redis.as_ref().ok_or("there is no Redis")?;
                redis.disconnect_all().await?;
            }
            Fault::EndSessions => {
                let mut database = self.cluster.connect().await?;
                let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                    WHERE datname = current_database() AND pid <> pg_backend_pid()";
                database.batch_execute(end).await?;
            }
            Fault::CrashPostgres => {
                let postgres = self.postgres.as_ref().ok_or("the Postgres is not ours")?;
                postgres.crash().await?;
            }
            Fault::LoseAnswers(node) => {
                let proxy = self.cluster.nodes[node].proxy.as_ref();
                let proxy = proxy.ok_or("there is no proxy")?;
                proxy.cut([Cut::After, Cut::Unheard].into_iter().cycle().take(CUTS));
            }
        }
        Ok(())
    }

    /// What the nodes say of the bus, and of deciding again.
    pub async fn bus(&self) -> Outcome<Vec<Fact>> {
        let mut decided_again = 0.0;
        let mut gaps = 0.0;
        let mut cuts = 0;
        for node in &self.cluster.nodes {
            let counts = node.metrics().await?;
            let count = |name: &str| counts.get(name).copied().unwrap_or_default();
            decided_again += count("denticloud_refusals_reconsidered_total");
            gaps += count("denticloud_feed_gaps_total");
            cuts += node.proxy.as_ref().map_or(0, |proxy| proxy.cuts());
        }
        Ok(vec![
            ("refusals decided again", decided_again),
            ("gaps filled from the log", gaps),
            ("answers of COMMIT lost", cuts as f64),
        ])
    }
}
