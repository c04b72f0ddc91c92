//! What every handler shares.

use std::sync::Arc;
use std::time::Duration;

use engine::Engine;
use engine::bus::Topic;
use schema::connection::{self, ConnectionPool, Role};
use schema::ids::{TenantId, UserId};
use uuid::Uuid;

use crate::auth::api_keys::{self, ApiKeys};
use crate::auth::oidc::Oidc;
use crate::auth::password::Passwords;
use crate::auth::principal::{Accounts, accounts};
use crate::auth::throttle::Throttle;
use crate::auth::tokens::Tokens;
use crate::config::{Config, ConfigError};
use crate::connections::Connections;
use crate::mail::{MailError, Mailer};
use crate::names::PatientCards;
use crate::once::FirstAnswers;
use crate::public::limits::PublicLimits;
use crate::rest::patients::link::throttle::LinkThrottle;
use crate::ws::hub::Hubs;
use crate::ws::rights::RightsOf;
use crate::ws::sessions::{Group, Sessions};
use crate::ws::slots::SlotFeeds;

/// The state behind the routes: `web::Data<App>` in a handler.
pub struct App {
    pub config: Config,
    /// Serves requests, under row-level security.
    pub app_pool: ConnectionPool,
    pub tokens: Tokens,
    pub passwords: Passwords,
    pub throttle: Throttle,
    pub accounts: Accounts,
    pub api_keys: ApiKeys,
    pub mail: Mailer,
    /// Other services to sign in with.
    pub oidc: Oidc,
    /// Everything that is booked goes through it.
    pub engine: Engine,
    pub patients: PatientCards,
    pub links: LinkThrottle,
    pub hubs: Hubs,
    pub slot_feeds: SlotFeeds,
    pub sessions: Sessions,
    pub public_limits: PublicLimits,
    pub connections: Connections,
    pub first_answers: FirstAnswers,
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
    #[error("sign-in services: {0}")]
    Oidc(String),
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
    /// To be called after this process has changed what an account may do, or ended a session of
    /// it: remembered rights are forgotten and open sockets look again, here and on other nodes.
    pub fn rights_changed(&self, user: UserId) {
        self.tell_rights(RightsOf::User(user));
    }

    /// To be called after this process has revoked an API key.
    pub fn key_changed(&self, key: Uuid) {
        self.tell_rights(RightsOf::Key(key));
    }

    /// To be called after this process has suspended a practice or let it work again.
    pub fn practice_changed(&self, tenant: TenantId) {
        self.tell_rights(RightsOf::Practice(tenant));
    }

    fn tell_rights(&self, whose: RightsOf) {
        self.look_again(whose);
        self.engine.bus().say(Topic::Rights, &whose);
    }

    /// Rights have changed, by whomever: what this process remembers of them is forgotten, and its
    /// sockets look again.
    pub fn look_again(&self, whose: RightsOf) {
        match whose {
            RightsOf::User(user) => {
                self.accounts.forget(user);
                self.sessions.rights_changed(Group::User(user));
            }
            RightsOf::Key(key) => {
                self.api_keys.forget(key);
                self.sessions.rights_changed(Group::Key(key));
            }
            RightsOf::Practice(tenant) => {
                self.accounts.forget_all();
                self.api_keys.forget_all();
                self.sessions.rights_changed(Group::Visitors(tenant));
            }
        }
    }

    /// Nobody knows whose rights have changed: everybody's are looked at again.
    pub fn everybody_looks_again(&self) {
        self.accounts.forget_all();
        self.api_keys.forget_all();
        self.patients.forget_all();
        self.sessions.everybody_looks_again();
    }

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
            throttle: Throttle::new(&config, Arc::clone(engine.bus())),
            accounts: accounts(Duration::from_millis(config.membership_cache_ms)),
            api_keys: api_keys::remembered(Duration::from_millis(config.membership_cache_ms)),
            mail: Mailer::new(&config)?,
            oidc: Oidc::new(&config)?,
            patients: PatientCards::default(),
            links: LinkThrottle::new(Arc::clone(engine.bus())),
            hubs: Hubs::default(),
            slot_feeds: SlotFeeds::default(),
            sessions: Sessions::default(),
            public_limits: PublicLimits::new(&config, engine.bus().is_wired()),
            connections: Connections::new(Duration::from_millis(config.tcp_stuck_ms.into())),
            first_answers: FirstAnswers::new(config.jwt_secret()?),
            config,
            engine,
        })
    }
}
