//! What a scenario plays on: a database of its own, seeded practices, a running server.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use diesel::QueryDsl;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use tokio::sync::watch;
use uuid::Uuid;

use crate::client::{Client, Protocol, Rest, Socket};
use crate::database::Database;
use crate::diary::Diary;
use crate::ledger::Ledger;
use crate::seed::{Practice, Size};
use crate::server::{Program, Server};
use crate::verdict::Verdict;
use crate::{Outcome, token};

/// Between two tries of a client to connect.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a client tries: as long as a database may take to start again on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where to play.
#[derive(Clone, Debug)]
pub struct Setup {
    /// A Postgres login that may create databases and passes row-level security: a superuser.
    pub database_url: String,
    pub server_binary: PathBuf,
    pub jwt_secret: String,
    /// More variables for the server.
    pub environment: Vec<(String, String)>,
    /// Whether the database stays.
    pub keep: bool,
}

/// What clients know: where the server is, whether it is up, who they are.
#[derive(Debug)]
pub struct Site {
    pub address: SocketAddr,
    pub size: Size,
    /// When the run began: slots are counted from here.
    pub today: DateTime<Utc>,
    secret: String,
    up: watch::Sender<bool>,
}

impl Site {
    /// Of a server that runs.
    #[must_use]
    pub fn new(address: SocketAddr, size: Size, today: DateTime<Utc>, secret: String) -> Self {
        Self {
            address,
            size,
            today,
            secret,
            up: watch::Sender::new(true),
        }
    }

    /// The server's own counts, those without labels.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn metrics(&self) -> Outcome<BTreeMap<String, f64>> {
        let http = crate::http::client().build()?;
        let url = format!("http://{}/metrics", self.address);
        let text = http.get(url).send().await?.text().await?;
        let values = text.lines().filter_map(|line| {
            let (name, value) = line.split_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Ok(values.collect())
    }

    /// Tells clients whether to wait with connecting.
    pub fn is_up(&self, up: bool) {
        self.up.send_replace(up);
    }

    /// The token of a practice's owner.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn token(&self, practice: Practice) -> Outcome<String> {
        token::issue(&self.secret, practice.owner())
    }

    /// The free slots of a practice.
    #[must_use]
    pub fn diary(&self, practice: Practice) -> Diary {
        Diary::new(practice, self.size.dentists, self.size.patients, self.today)
    }

    /// A client that has just connected for a practice's owner. Waits while the server is down.
    ///
    /// # Errors
    /// When it is up and yet cannot be reached.
    pub async fn client(&self, protocol: Protocol, practice: Practice) -> Outcome<Client> {
        let token = self.token(practice)?;
        let began = Instant::now();
        loop {
            self.up.subscribe().wait_for(|up| *up).await?;
            match Client::open(protocol, self.address, &token).await {
                Ok(client) => return Ok(client),
                Err(lost) if began.elapsed() > PATIENCE => return Err(lost.into()),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// A socket for a practice's owner, otherwise as [`Self::client`].
    ///
    /// # Errors
    /// As [`Self::client`].
    pub async fn socket(&self, practice: Practice) -> Outcome<Socket> {
        match self.client(Protocol::Socket, practice).await? {
            Client::Socket(socket) => Ok(*socket),
            Client::Rest(_) => Err("a socket was asked for".into()),
        }
    }

    /// A reader of a practice's state.
    ///
    /// # Errors
    /// When its token cannot be signed.
    pub fn reader(&self, practice: Practice) -> Outcome<Rest> {
        Ok(Rest::open(self.address, &self.token(practice)?)?)
    }
}

/// Limits that a swarm from one machine, of few accounts, would run into.
pub(crate) fn lenient() -> impl Iterator<Item = (String, String)> {
    [
        "DENTICLOUD_WS_SESSIONS",
        "DENTICLOUD_WS_SESSIONS_PER_USER",
        "DENTICLOUD_WS_SESSIONS_PER_ADDRESS",
        "DENTICLOUD_WS_FRAMES_PER_SECOND",
    ]
    .into_iter()
    .map(|name| (name.to_owned(), "1000000".to_owned()))
}

/// A raised stage. Dropping it kills the server and drops the database.
#[derive(Debug)]
pub struct Stage {
    pub site: Arc<Site>,
    /// From the start of the server's process to the first 200 of `/readyz`.
    pub ready_after: Duration,
    program: Program,
    server: Option<Server>,
    database: Database,
}

impl Stage {
    /// Makes a database, seeds it, starts the server.
    ///
    /// # Errors
    /// When any of it fails.
    pub async fn raise(setup: &Setup, size: Size) -> Outcome<Self> {
        let began = Instant::now();
        let database = Database::create(&setup.database_url, setup.keep).await?;
        let program = Program {
            binary: setup.server_binary.clone(),
            database_url: database.url.clone(),
            jwt_secret: setup.jwt_secret.clone(),
            environment: lenient().chain(setup.environment.iter().cloned()).collect(),
        };
        program.migrate().await?;
        size.write(&mut database.connect().await?).await?;
        let seeded = began.elapsed();
        let server = program.serve().await?;
        eprintln!(
            "{} practices seeded in {:.1} s, server ready after {} ms",
            size.tenants,
            seeded.as_secs_f64(),
            server.ready_after.as_millis()
        );
        let site = Site::new(server.address, size, Utc::now(), setup.jwt_secret.clone());
        Ok(Self {
            site: Arc::new(site),
            ready_after: server.ready_after,
            program,
            server: Some(server),
            database,
        })
    }

    /// Lets the planner know what is in the tables, as the database does by itself once a minute.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn analyse(&self) -> Outcome<()> {
        let mut database = self.database.connect().await?;
        Ok(database.batch_execute("ANALYZE").await?)
    }

    /// A connection of the superuser's, for what only a scenario needs.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn connect(&self) -> Outcome<AsyncPgConnection> {
        self.database.connect().await
    }

    /// Stops the server, where nothing was booked that could be held against anything.
    ///
    /// # Errors
    /// When it does not stop by itself.
    pub async fn stop(mut self) -> Outcome<()> {
        match self.server.take() {
            Some(server) => server.stop().await,
            None => Ok(()),
        }
    }

    /// Memory of the server, in KiB.
    ///
    /// # Errors
    /// When there is no server.
    pub fn resident_kib(&self) -> Outcome<f64> {
        self.server
            .as_ref()
            .ok_or("there is no server")?
            .resident_kib()
    }

    /// The server's own counts, those without labels.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn metrics(&self) -> Outcome<BTreeMap<String, f64>> {
        self.site.metrics().await
    }

    /// Each visit: whose, its start, and when it was committed, by the database's clock.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn booked(&self) -> Outcome<Vec<(Uuid, DateTime<Utc>, DateTime<Utc>)>> {
        use schema::schema::appointments;
        let mut database = self.database.connect().await?;
        let rows: Vec<(schema::ids::ProviderId, DateTime<Utc>, DateTime<Utc>)> =
            appointments::table
                .select((
                    appointments::provider_id,
                    appointments::start_at,
                    appointments::created_at,
                ))
                .load(&mut database)
                .await?;
        Ok(rows
            .into_iter()
            .map(|(id, start, at)| (id.0, start, at))
            .collect())
    }

    /// `kill -9`. Clients that lose their connection wait until the server is up again.
    ///
    /// # Errors
    /// When the server had ended by itself.
    pub async fn kill(&mut self) -> Outcome<()> {
        self.site.is_up(false);
        match self.server.take() {
            Some(server) => server.kill().await,
            None => Err("there is no server to kill".into()),
        }
    }

    /// Stops the server, for those who go to the database themselves; answers its address.
    ///
    /// # Errors
    /// When the server does not stop by itself.
    pub async fn without_server(&mut self) -> Outcome<&str> {
        if let Some(server) = self.server.take() {
            server.stop().await?;
        }
        Ok(&self.database.url)
    }

    /// Starts the server again on its port; answers how long it took until it was ready.
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

    /// Stops the server and holds what the database has against `ledger` and against every promise.
    ///
    /// # Errors
    /// When the server does not stop by itself, or the database cannot be read.
    pub async fn close(mut self, ledger: &Ledger, missed: u64) -> Outcome<Verdict> {
        if let Some(server) = self.server.take() {
            server.stop().await?;
        }
        let balance = ledger.compare(&mut self.database.connect().await?).await?;
        let report = schema::audit::run(&self.database.url).await?;
        Ok(Verdict::new(&report, balance, missed, ledger.faults()))
    }
}
