//! Connections in one of the program's roles, and pools of them.
//!
//! The server logs in with one address and gives up the login's rights at once: every connection
//! takes its role before anybody can use it.

use std::time::Duration;

use ::deadpool::managed::QueueMode;
use diesel::{ConnectionError, ConnectionResult};
use diesel_async::pooled_connection::deadpool::{self, BuildError, Pool};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use futures_util::FutureExt;

/// What a connection may see and do; see the migrations for the rights of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Serves requests under row-level security, see [`crate::tenancy`].
    App,
    /// Loads, commits and audits the scheduling tables.
    Engine,
    /// Sends the e-mails that are queued, and knows nothing else.
    Mail,
}

impl Role {
    /// How long a transaction may stand still before the server ends it, in milliseconds; 0 is for
    /// ever. A process that is stopped in the middle of one has rows locked that everybody else
    /// needs. Mail is sent within a transaction, and locks nothing but the letter.
    fn standstill_ms(self) -> u32 {
        match self {
            Self::App => 10_000,
            Self::Engine => 2_000,
            Self::Mail => 0,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Role::App => "denticloud_app",
            Role::Engine => "denticloud_engine",
            Role::Mail => "denticloud_mail",
        }
    }
}

/// A pool of connections in one role.
pub type ConnectionPool = Pool<AsyncPgConnection>;
/// A connection out of a pool.
pub type PooledConnection = deadpool::Object<AsyncPgConnection>;

/// How long a request waits for a free connection, and for a new one to be made.
const POOL_WAIT: Duration = Duration::from_secs(3);

/// Connects and takes `role`.
///
/// # Errors
/// When the database cannot be reached or the login may not take the role.
pub async fn connect(url: &str, role: Role) -> ConnectionResult<AsyncPgConnection> {
    let mut connection = AsyncPgConnection::establish(url).await?;
    connection
        .batch_execute(&format!(
            "SET ROLE {}; SET jit = off; SET idle_in_transaction_session_timeout = {}",
            role.name(),
            role.standstill_ms()
        ))
        .await
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// Connects in the engine's role, for the commit: everything in it is found by its key, and every
/// statement is prepared. To plan each anew, for the length of its arrays, takes as long as to run it.
///
/// # Errors
/// As [`connect`].
pub async fn connect_to_commit(url: &str) -> ConnectionResult<AsyncPgConnection> {
    let mut connection = connect(url, Role::Engine).await?;
    connection
        .batch_execute("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off")
        .await
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// A pool of at most `size` connections in `role`; none is opened before the first use.
///
/// # Errors
/// When the pool's settings are wrong.
pub fn pool(url: &str, role: Role, size: usize) -> Result<ConnectionPool, BuildError> {
    let mut config = ManagerConfig::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |url| {
        let url = url.to_owned();
        async move { connect(&url, role).await }.boxed()
    });
    Pool::builder(AsyncDieselConnectionManager::new_with_config(url, config))
        .max_size(size)
        // Whoever was used last: its process in the database has plans and pages at hand.
        .queue_mode(QueueMode::Lifo)
        .wait_timeout(Some(POOL_WAIT))
        .create_timeout(Some(POOL_WAIT))
        .runtime(::deadpool::Runtime::Tokio1)
        .build()
}
