//! What every handler shares.

use std::time::Duration;

use engine::Engine;
use schema::connection::{self, ConnectionPool, Role};

use crate::auth::api_keys::ApiKeys;
use crate::auth::password::Passwords;
use crate::auth::principal::Accounts;
use crate::auth::throttle::LoginThrottle;
use crate::auth::tokens::Tokens;
use crate::config::{Config, ConfigError};
use crate::mail::{MailError, Mailer};
use crate::names::PatientCards;
use crate::ws::hub::Hubs;
use crate::ws::sessions::Sessions;

/// The state behind the routes: `web::Data<App>` in a handler.
pub struct App {
    pub config: Config,
    /// Serves requests, under row-level security.
    pub app_pool: ConnectionPool,
    pub tokens: Tokens,
    pub passwords: Passwords,
    pub throttle: LoginThrottle,
    pub accounts: Accounts,
    pub api_keys: ApiKeys,
    pub mail: Mailer,
    /// Everything that is booked goes through it.
    pub engine: Engine,
    pub patients: PatientCards,
    pub hubs: Hubs,
    pub sessions: Sessions,
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("database pool: {0}")]
    Pool(String),
    #[error(transparent)]
    Engine(#[from] engine::StartError),
    #[error(transparent)]
    Mail(#[from] MailError),
    #[error("the Argon2 cost is not possible: {0}")]
    Argon2(String),
    #[error("cannot listen on {address}: {source}")]
    Listen {
        address: String,
        source: std::io::Error,
    },
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl App {
    /// From its configuration; connects to nothing yet.
    ///
    /// # Errors
    /// When a setting is missing or impossible.
    pub fn new(config: Config, engine: Engine) -> Result<Self, StartError> {
        let app_pool = connection::pool(config.database_url()?, Role::App, config.app_pool_size)
            .map_err(|error| StartError::Pool(error.to_string()))?;
        Ok(Self {
            app_pool,
            tokens: Tokens::new(&config)?,
            passwords: Passwords::new(&config)
                .map_err(|error| StartError::Argon2(error.to_string()))?,
            throttle: LoginThrottle::new(&config),
            accounts: Accounts::new(Duration::from_millis(config.membership_cache_ms)),
            api_keys: ApiKeys::new(Duration::from_millis(config.membership_cache_ms)),
            mail: Mailer::new(&config)?,
            engine,
            patients: PatientCards::default(),
            hubs: Hubs::default(),
            sessions: Sessions::default(),
            config,
        })
    }
}
