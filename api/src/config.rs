//! What can be set, in one struct: its defaults, its environment variables and its documentation.
//! `config/default.toml` is written from it (a test compares). Later wins: defaults, the file that
//! `DENTICLOUD_CONFIG` names, the environment. Unknown keys are refused.

mod settings;

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

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

    /// Signs access tokens; at least 32 bytes, the same on every node.
    jwt_secret: Option<SecretString> = None, "DENTICLOUD_JWT_SECRET";
    /// Life of an access token, in seconds.
    access_token_seconds: u32 = 900, "DENTICLOUD_ACCESS_TOKEN_SECONDS";
    /// Life of an unused refresh token, in days.
    refresh_token_days: u32 = 30, "DENTICLOUD_REFRESH_TOKEN_DAYS";
    /// How long a user's memberships may be remembered, in milliseconds; 0 looks each time.
    membership_cache_ms: u64 = 1000, "DENTICLOUD_MEMBERSHIP_CACHE_MS";

    /// Memory of one password hash, in KiB (OWASP's second choice for Argon2id).
    argon2_memory_kib: u32 = 19_456, "DENTICLOUD_ARGON2_MEMORY_KIB";
    /// Passes of one password hash.
    argon2_passes: u32 = 2, "DENTICLOUD_ARGON2_PASSES";
    /// Passwords checked at the same time; 0 is one per core.
    argon2_parallel_checks: usize = 0, "DENTICLOUD_ARGON2_PARALLEL_CHECKS";
    /// Failed log-ins of one account from one address before it has to wait.
    login_attempts: u32 = 8, "DENTICLOUD_LOGIN_ATTEMPTS";
    /// Seconds after which such an address has one more attempt.
    login_wait_seconds: u64 = 15, "DENTICLOUD_LOGIN_WAIT_SECONDS";
    /// Log-ins of one address per minute, whatever the account.
    login_address_per_minute: u32 = 300, "DENTICLOUD_LOGIN_ADDRESS_PER_MINUTE";

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
