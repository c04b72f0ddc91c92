//! Several nodes over one database, each a process of its own: killed, stopped, started again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use diesel::QueryDsl;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::Outcome;
use crate::database::Database;
use crate::follower::Versions;
use crate::ledger::Ledger;
use crate::proxy::Proxy;
use crate::seed::Size;
use crate::server::{Program, Server};
use crate::stage::{Setup, Site, lenient};
use crate::verdict::Verdict;

/// A node: its process, and what clients know of it.
#[derive(Debug)]
pub struct Node {
    pub site: Arc<Site>,
    /// Between it and the database, where that is to fail.
    pub proxy: Option<Proxy>,
    program: Program,
    server: Option<Server>,
}

/// Running nodes, a database of their own. Dropping it kills the nodes and drops the database.
#[derive(Debug)]
pub struct Cluster {
    pub nodes: Vec<Node>,
    database: Database,
}

impl Cluster {
    /// Makes a database, seeds it, starts `count` nodes; `proxied`: through a proxy each.
    ///
    /// # Errors
    /// When any of it fails.
    pub async fn raise(setup: &Setup, size: Size, count: usize, proxied: bool) -> Outcome<Self> {
        let database = Database::create(&setup.database_url, setup.keep).await?;
        let today = Utc::now();
        let mut cluster = Self {
            nodes: Vec::new(),
            database,
        };
        for number in 0..count {
            let proxy = match proxied {
                true => Some(Proxy::new(&cluster.database.url).await?),
                false => None,
            };
            let url = proxy.as_ref().map(|proxy| &proxy.url);
            let program = Program {
                binary: setup.server_binary.clone(),
                database_url: url.unwrap_or(&cluster.database.url).clone(),
                jwt_secret: setup.jwt_secret.clone(),
                environment: lenient().chain(setup.environment.iter().cloned()).collect(),
            };
            if number == 0 {
                program.migrate().await?;
                size.write(&mut cluster.database.connect().await?).await?;
            }
            let server = program.serve().await?;
            let site = Site::new(server.address, size, today, setup.jwt_secret.clone());
            cluster.nodes.push(Node {
                site: Arc::new(site),
                proxy,
                program,
                server: Some(server),
            });
        }
        Ok(cluster)
    }

    /// A connection of the superuser's.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn connect(&self) -> Outcome<AsyncPgConnection> {
        self.database.connect().await
    }

    /// What the database has all calendars at.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn versions(&self) -> Outcome<Versions> {
        use schema::schema::calendars;
        let rows: Vec<(schema::ids::CalendarId, i64)> = calendars::table
            .select((calendars::id, calendars::version))
            .load(&mut self.connect().await?)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(id, version)| (id.0, version))
            .collect())
    }

    /// Stops the nodes and holds what the database has against `ledger` and every promise.
    ///
    /// # Errors
    /// When a node does not stop by itself, or the database cannot be read.
    pub async fn close(mut self, ledger: &Ledger, missed: u64) -> Outcome<Verdict> {
        for node in &mut self.nodes {
            if let Some(server) = node.server.take() {
                server.stop().await?;
            }
        }
        let balance = ledger.compare(&mut self.database.connect().await?).await?;
        let report = schema::audit::run(&self.database.url).await?;
        Ok(Verdict::new(&report, balance, missed, ledger.faults()))
    }
}

impl Node {
    fn running(&self) -> Outcome<&Server> {
        Ok(self.server.as_ref().ok_or("the node does not run")?)
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// When it had ended by itself.
    pub async fn kill(&mut self) -> Outcome<()> {
        self.site.is_up(false);
        match self.server.take() {
            Some(server) => server.kill().await,
            None => Err("there is no node to kill".into()),
        }
    }

    /// Starts it again on its port; answers how long it took until it was ready.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn restart(&mut self) -> Outcome<Duration> {
        let server = self.program.serve_on(self.site.address.port()).await?;
        let ready_after = server.ready_after;
        self.server = Some(server);
        self.site.is_up(true);
        Ok(ready_after)
    }

    /// `kill -STOP`: it stands still in whatever it does. Nobody is told.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn pause(&self) -> Outcome<()> {
        self.running()?.signal("STOP").await
    }

    /// `kill -CONT`: it goes on as if nothing had been.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn resume(&self) -> Outcome<()> {
        self.running()?.signal("CONT").await
    }

    /// Its own counts, those without labels.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn metrics(&self) -> Outcome<BTreeMap<String, f64>> {
        self.site.metrics().await
    }
}
