//! What can be set, in one struct: its defaults, its environment variables and its documentation.
//! `config/default.toml` is written from it (a test compares). Later wins: defaults, the file that
//! `DENTICLOUD_CONFIG` names, the environment. Unknown keys are refused.

mod settings;

use std::path::Path;

use schema::retention::Keep;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::auth::oidc::OidcProviders;
use settings::{Setting, settings};

/// The file with a deployment's settings, optional.
const FILE_VARIABLE: &str = "DENTICLOUD_CONFIG";
/// HS256 wants a key no shorter than its hash (RFC 7518, 3.2).
const JWT_SECRET_BYTES_MIN: usize = 32;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Setting for LogFormat {
    fn toml(&self) -> Option<String> {
        Some(
            match self {
                Self::Text => "\"text\"",
                Self::Json => "\"json\"",
            }
            .to_owned(),
        )
    }
}

impl Setting for OidcProviders {
    fn toml(&self) -> Option<String> {
        None
    }
}

/// Where e-mails go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTransport {
    /// Files in a folder: for a machine on which nobody is to get mail.
    File,
    Smtp,
}

impl Setting for MailTransport {
    fn toml(&self) -> Option<String> {
        Some(
            match self {
                Self::File => "\"file\"",
                Self::Smtp => "\"smtp\"",
            }
            .to_owned(),
        )
    }
}

settings! {
    /// Address of Postgres with a login that may take the program's roles.
    database_url: Option<SecretString> = None, "DATABASE_URL";
    /// Connections that serve requests.
    app_pool_size: usize = 16, "DENTICLOUD_APP_POOL_SIZE";
    /// Connections that load and audit the scheduling tables.
    engine_pool_size: usize = 8, "DENTICLOUD_ENGINE_POOL_SIZE";
    /// Connections that commit bookings, each one batch at a time.
    commit_writers: usize = 2, "DENTICLOUD_COMMIT_WRITERS";
    /// Changes committed together at most. A batch is what has come while the one before it was
    /// being committed: nothing waits for a batch to grow.
    commit_batch_max: usize = 64, "DENTICLOUD_COMMIT_BATCH_MAX";

    /// Address of a Redis over which nodes hear of each other's changes at once, `redis://…` or
    /// `rediss://…`: one that only they reach. Nothing is kept in it. Without it they poll.
    redis_url: Option<SecretString> = None, "REDIS_URL";
    /// How often other nodes' changes are read from the database, in milliseconds.
    poll_ms: u64 = 250, "DENTICLOUD_POLL_MS";
    /// The same while Redis tells of them.
    poll_with_redis_ms: u64 = 2_000, "DENTICLOUD_POLL_WITH_REDIS_MS";

    /// Days for which clients can resume from the log, at least 7; older events are folded.
    keep_events_days: u32 = 30, "DENTICLOUD_KEEP_EVENTS_DAYS";
    /// Hours for which a repeated command gets its first answer, at least 24.
    keep_answers_hours: u32 = 48, "DENTICLOUD_KEEP_ANSWERS_HOURS";
    /// Months after which the time of visits that are over is put away.
    settled_months: u32 = 13, "DENTICLOUD_SETTLED_MONTHS";
    /// How often what is not kept any longer is put away, in minutes.
    housekeeping_minutes: u32 = 60, "DENTICLOUD_HOUSEKEEPING_MINUTES";

    /// Network address to listen on.
    bind: String = "127.0.0.1".to_owned(), "BIND";
    /// Port to listen on; 0 takes a free one.
    port: u16 = 3000, "PORT";
    /// Threads that serve requests; 0 is one per core.
    workers: usize = 0, "DENTICLOUD_WORKERS";
    /// Open connections per worker thread; more wait to be accepted.
    connections_per_worker: usize = 25_000, "DENTICLOUD_CONNECTIONS_PER_WORKER";
    /// Seconds that open requests have after TERM.
    shutdown_seconds: u64 = 20, "DENTICLOUD_SHUTDOWN_SECONDS";

    /// Reverse proxies in front of the server, each of which adds the address that it was asked from to
    /// `X-Forwarded-For`; 0 does not trust that header.
    trusted_proxies: usize = 0, "DENTICLOUD_TRUSTED_PROXIES";
    /// Requests of one network (/24, /56) per minute to the public routes that read.
    public_reads_per_minute: u32 = 1200, "DENTICLOUD_PUBLIC_READS_PER_MINUTE";
    /// The same for those that hold, book or change.
    public_changes_per_minute: u32 = 120, "DENTICLOUD_PUBLIC_CHANGES_PER_MINUTE";
    /// Live holds of one public session in a practice.
    public_holds_per_session: u32 = 2, "DENTICLOUD_PUBLIC_HOLDS_PER_SESSION";
    /// Live holds of one network in a practice.
    public_holds_per_address: u32 = 3, "DENTICLOUD_PUBLIC_HOLDS_PER_ADDRESS";
    /// Of a provider's free starts of a day, the public may hold this share, in percent.
    public_holds_percent_of_day: u32 = 20, "DENTICLOUD_PUBLIC_HOLDS_PERCENT_OF_DAY";
    /// Future bookings from the public page per e-mail address or phone number that nobody has verified.
    public_unverified_bookings: u32 = 2, "DENTICLOUD_PUBLIC_UNVERIFIED_BOOKINGS";
    /// Live holds of one member of a practice.
    staff_holds: u32 = 50, "DENTICLOUD_STAFF_HOLDS";
    /// How long a hold outlives the socket that it was made on, in milliseconds.
    hold_grace_ms: u64 = 60_000, "DENTICLOUD_HOLD_GRACE_MS";

    /// Signs access tokens; at least 32 bytes, the same on every node.
    jwt_secret: Option<SecretString> = None, "DENTICLOUD_JWT_SECRET";
    /// Life of an access token, in seconds.
    access_token_seconds: u32 = 900, "DENTICLOUD_ACCESS_TOKEN_SECONDS";
    /// Life of an unused refresh token, in days.
    refresh_token_days: u32 = 30, "DENTICLOUD_REFRESH_TOKEN_DAYS";
    /// How long a user's memberships are remembered at most, in milliseconds; 0 looks each time.
    /// Changes are heard of sooner.
    membership_cache_ms: u64 = 600_000, "DENTICLOUD_MEMBERSHIP_CACHE_MS";

    /// Memory of one password hash, in KiB (OWASP's second choice for Argon2id).
    argon2_memory_kib: u32 = 19_456, "DENTICLOUD_ARGON2_MEMORY_KIB";
    /// Passes of one password hash.
    argon2_passes: u32 = 2, "DENTICLOUD_ARGON2_PASSES";
    /// Passwords checked at the same time; 0 is one per core.
    argon2_parallel_checks: usize = 0, "DENTICLOUD_ARGON2_PARALLEL_CHECKS";
    /// Failed log-ins of one account from one address before it has to wait.
    login_attempts: u32 = 8, "DENTICLOUD_LOGIN_ATTEMPTS";
    /// Seconds that such an address waits first; each further failure doubles the wait.
    login_wait_seconds: u64 = 15, "DENTICLOUD_LOGIN_WAIT_SECONDS";
    /// The longest such wait, in seconds.
    login_wait_max_seconds: u64 = 900, "DENTICLOUD_LOGIN_WAIT_MAX_SECONDS";
    /// Log-ins of one address per minute, whatever the account.
    login_address_per_minute: u32 = 300, "DENTICLOUD_LOGIN_ADDRESS_PER_MINUTE";
    /// Registrations of one address per hour.
    register_address_per_hour: u32 = 100, "DENTICLOUD_REGISTER_ADDRESS_PER_HOUR";
    /// E-mails per hour that anybody may have sent to one account (a forgotten password, a link to
    /// confirm the address); twenty times as many from one network address.
    letters_per_hour: u32 = 6, "DENTICLOUD_LETTERS_PER_HOUR";

    /// A WebSocket that has not connected after this long is closed, in milliseconds.
    ws_connect_ms: u64 = 5_000, "DENTICLOUD_WS_CONNECT_MS";
    /// Between two pings of a WebSocket, in milliseconds.
    ws_ping_ms: u64 = 25_000, "DENTICLOUD_WS_PING_MS";
    /// Nothing heard for this long after a ping closes a WebSocket, in milliseconds.
    ws_pong_ms: u64 = 8_000, "DENTICLOUD_WS_PONG_MS";
    /// A token may have ended this long before its WebSocket does, in milliseconds.
    ws_token_grace_ms: u64 = 25_000, "DENTICLOUD_WS_TOKEN_GRACE_MS";
    /// How often a WebSocket is told its positions without asking, in milliseconds.
    ws_mark_ms: u64 = 10_000, "DENTICLOUD_WS_MARK_MS";
    /// A reader that has not caught up after this long is closed, in milliseconds.
    ws_drain_ms: u64 = 10_000, "DENTICLOUD_WS_DRAIN_MS";
    /// What a closing WebSocket has not sent after this long is dropped with it, in milliseconds.
    ws_close_ms: u64 = 2_000, "DENTICLOUD_WS_CLOSE_MS";
    /// Text that waits for one WebSocket's reader, in bytes; more is made up for later.
    ws_outbox_bytes: usize = 262_144, "DENTICLOUD_WS_OUTBOX_BYTES";
    /// Open WebSockets of this process; more are told to come back later.
    ws_sessions: usize = 50_000, "DENTICLOUD_WS_SESSIONS";
    /// Open WebSockets of one account.
    ws_sessions_per_user: usize = 100, "DENTICLOUD_WS_SESSIONS_PER_USER";
    /// Open WebSockets without a token from one address.
    ws_sessions_per_address: usize = 500, "DENTICLOUD_WS_SESSIONS_PER_ADDRESS";
    /// Calendars that one WebSocket follows.
    ws_subscriptions: usize = 200, "DENTICLOUD_WS_SUBSCRIPTIONS";
    /// Feeds of free slots that one WebSocket follows.
    ws_slot_feeds: usize = 4, "DENTICLOUD_WS_SLOT_FEEDS";
    /// Frames a second that one WebSocket may send for long; ten times as many at once.
    ws_frames_per_second: u32 = 50, "DENTICLOUD_WS_FRAMES_PER_SECOND";
    /// Commands of one WebSocket that run at the same time.
    ws_commands: usize = 64, "DENTICLOUD_WS_COMMANDS";
    /// How often changed rights are looked for that another process has made, in milliseconds.
    rights_poll_ms: u64 = 500, "DENTICLOUD_RIGHTS_POLL_MS";
    /// A connection that takes nothing of what it is sent for this long is given up, in milliseconds
    /// (Linux: TCP_USER_TIMEOUT).
    tcp_stuck_ms: u32 = 20_000, "DENTICLOUD_TCP_STUCK_MS";
    /// Other services that people sign in with: a table `[oidc.NAME]` each in the file, or all as a
    /// JSON object in the variable. `issuer`, `client_id`, `client_secret`; for the rest see
    /// `api/src/auth/oidc/provider.rs`. They send browsers back to `/auth/oidc/NAME/callback`.
    oidc: OidcProviders = OidcProviders::default(), "DENTICLOUD_OIDC";

    /// Where people reach this server, without a slash at the end: links in e-mails begin with it.
    public_url: String = "http://localhost:3000".to_owned(), "DENTICLOUD_PUBLIC_URL";
    /// Where e-mails go: `smtp`, or `file` for a folder of `.eml` files.
    mail_transport: MailTransport = MailTransport::File, "DENTICLOUD_MAIL_TRANSPORT";
    /// The folder of the transport `file`.
    mail_folder: String = ".denticloud/mail".to_owned(), "DENTICLOUD_MAIL_FOLDER";
    /// The server of the transport `smtp`: `smtps://user:password@host` or
    /// `smtp://user:password@host:587?tls=required`.
    smtp_url: Option<SecretString> = None, "DENTICLOUD_SMTP_URL";
    /// Whom e-mails are from.
    mail_from: String = "DentiCloud <no-reply@denticloud.example>".to_owned(), "DENTICLOUD_MAIL_FROM";
    /// How often the queue of e-mails is looked at for those of other processes, in milliseconds.
    mail_poll_ms: u64 = 5000, "DENTICLOUD_MAIL_POLL_MS";

    /// `text` or `json`.
    log_format: LogFormat = LogFormat::Text, "DENTICLOUD_LOG_FORMAT";
    /// Which events are logged, in the syntax of tracing-subscriber's `EnvFilter`; `api::access=debug`
    /// adds a line for each request.
    log_filter: String = "info".to_owned(), "RUST_LOG";
}

/// A configuration that the program cannot run with.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("configuration: {0}")]
    Unreadable(#[from] ::config::ConfigError),
    #[error("{0} is not set")]
    Missing(&'static str),
    #[error(
        "DENTICLOUD_JWT_SECRET has fewer than {JWT_SECRET_BYTES_MIN} bytes; \
         make one with: openssl rand -hex 32"
    )]
    WeakSecret,
}

impl Config {
    /// Reads the file and the environment.
    ///
    /// # Errors
    /// When something cannot be read or is not a setting.
    pub fn load() -> Result<Self, ConfigError> {
        Self::read(
            std::env::var_os(FILE_VARIABLE).as_deref().map(Path::new),
            |name| std::env::var(name).ok(),
        )
    }

    /// As [`Config::load`], from the given sources.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn read(
        file: Option<&Path>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let mut builder = ::config::Config::builder();
        if let Some(file) = file {
            builder = builder.add_source(::config::File::from(file));
        }
        for (key, name) in VARIABLES {
            // An empty variable is how shells and compose files say "not set".
            if let Some(value) = variable(name).filter(|value| !value.is_empty()) {
                builder = builder.set_override(*key, value)?;
            }
        }
        Ok(builder.build()?.try_deserialize()?)
    }

    /// The database's address.
    ///
    /// # Errors
    /// When it is not set.
    pub fn database_url(&self) -> Result<&str, ConfigError> {
        self.database_url
            .as_ref()
            .map(ExposeSecret::expose_secret)
            .ok_or(ConfigError::Missing("DATABASE_URL"))
    }

    /// How long what is kept.
    #[must_use]
    pub fn keep(&self) -> Keep {
        Keep {
            events_days: self.keep_events_days,
            answers_hours: self.keep_answers_hours,
            settled_months: self.settled_months,
        }
    }

    /// The key of access tokens.
    ///
    /// # Errors
    /// When it is not set or too short.
    pub fn jwt_secret(&self) -> Result<&[u8], ConfigError> {
        let secret = self
            .jwt_secret
            .as_ref()
            .ok_or(ConfigError::Missing("DENTICLOUD_JWT_SECRET"))?
            .expose_secret()
            .as_bytes();
        if secret.len() < JWT_SECRET_BYTES_MIN {
            return Err(ConfigError::WeakSecret);
        }
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `UPDATE_EXPECT=1 cargo test -p api config` writes the file anew.
    #[test]
    fn the_default_file_says_what_the_struct_says() {
        expect_test::expect_file!["../../config/default.toml"].assert_eq(&default_toml());
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/default.toml");
        let read = Config::read(Some(&file), |_| None).unwrap();
        assert_eq!(format!("{read:?}"), format!("{:?}", Config::default()));
    }

    #[test]
    fn the_production_file_has_known_keys_only() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/production.toml");
        Config::read(Some(&file), |_| None).unwrap();
    }

    #[test]
    fn the_environment_wins_and_is_typed() {
        let config = Config::read(None, |name| match name {
            "PORT" => Some("8080".to_owned()),
            "BIND" => Some(String::new()),
            "DENTICLOUD_LOG_FORMAT" => Some("json".to_owned()),
            _ => None,
        })
        .unwrap();
        assert_eq!(
            (config.port, config.bind.as_str(), config.log_format),
            (8080, "127.0.0.1", LogFormat::Json)
        );
        let wrong = |value: &str| {
            let value = value.to_owned();
            Config::read(None, move |name| (name == "PORT").then(|| value.clone())).is_err()
        };
        assert!(wrong("many") && wrong("70000"));
    }

    #[test]
    fn sign_in_services_come_from_a_table_or_from_json() {
        let file = tempfile(
            "[oidc.google]\nissuer = \"https://accounts.google.com\"\nclient_id = \"us\"\n\
             client_secret = \"hidden\"\n",
        );
        let from_file = Config::read(Some(&file), |_| None).unwrap();
        std::fs::remove_file(file).unwrap();
        let json = r#"{"google":{"issuer":"https://accounts.google.com","client_id":"us",
            "client_secret":"hidden"}}"#;
        let from = |json: &str| {
            let json = json.to_owned();
            Config::read(None, move |name| {
                (name == "DENTICLOUD_OIDC").then(|| json.clone())
            })
        };
        let from_json = from(json).unwrap();
        for config in [from_file, from_json] {
            assert_eq!(config.oidc.0["google"].client_id, "us");
            assert!(!format!("{config:?}").contains("hidden"));
        }
        for wrong in [
            "{",
            "[]",
            r#"{"google":{}}"#,
            r#"{"a/b":{"issuer":"x","client_id":"y"}}"#,
        ] {
            assert!(from(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        let file = tempfile("[http]\nport = 1\n");
        let error = Config::read(Some(&file), |_| None).unwrap_err().to_string();
        std::fs::remove_file(file).unwrap();
        assert!(error.contains("unknown field"), "{error}");
    }

    #[test]
    fn secrets_are_long_and_stay_out_of_debug_output() {
        let with = |secret: &str| Config {
            jwt_secret: Some(secret.to_owned().into()),
            ..Config::default()
        };
        assert!(
            with("0123456789abcdef0123456789abcde")
                .jwt_secret()
                .is_err()
        );
        let config = with("0123456789abcdef0123456789abcdef");
        assert!(config.jwt_secret().is_ok());
        assert!(!format!("{config:?}").contains("0123"));
        assert!(Config::default().jwt_secret().is_err());
    }

    fn tempfile(text: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("{}.toml", uuid::Uuid::new_v4()));
        std::fs::write(&path, text).unwrap();
        path
    }
}
