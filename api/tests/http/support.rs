//! A running server over its own database, a client for it, and practices to fill it with.

use std::os::unix::fs::MetadataExt;

use api::config::Config;
use api::server::{self, RunningServer};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use reqwest::{Method, RequestBuilder, StatusCode, header};
use schema::connection::{Role, connect};
use schema::ids::{CalendarId, ClinicId, OperatoryId, ProviderId, TenantId, UserId};
use schema::schema::{
    assignments, calendars, clinics, memberships, operatories, providers, tenants, users,
};
use schema::tenancy::{Access, begin};
use schema::test_db::TestDb;
use serde_json::{Value, json};

pub const SECRET: &str = "a secret for tests, long enough for HS256";
pub const PASSWORD: &str = "Practice123!";

pub struct Server {
    running: RunningServer,
    client: reqwest::Client,
    pub db: TestDb,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: header::HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// A problem of that status and code, in the form that all of them have.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> &Self {
        assert_eq!(
            (self.status.as_u16(), self.code()),
            (status, code),
            "{self:?}"
        );
        assert_eq!(
            self.headers[header::CONTENT_TYPE],
            "application/problem+json"
        );
        assert_eq!(self.body["status"], status);
        assert_eq!(
            self.body["requestId"].as_str().unwrap(),
            self.headers["x-request-id"].to_str().unwrap()
        );
        self
    }

    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(self.status.is_success(), "{self:?}");
        self.body
    }
}

/// Cheap hashes; nothing remembered, so that a change of rights needs no waiting.
pub fn config(db: &TestDb) -> Config {
    Config {
        database_url: Some(db.url.clone().into()),
        jwt_secret: Some(SECRET.to_owned().into()),
        port: 0,
        workers: 1,
        app_pool_size: 4,
        shutdown_seconds: 1,
        membership_cache_ms: 0,
        argon2_memory_kib: 8,
        argon2_passes: 1,
        mail_folder: std::env::temp_dir()
            .join(format!("denticloud-mail-{}", uuid::Uuid::new_v4()))
            .to_string_lossy()
            .into_owned(),
        ..Config::default()
    }
}

impl Server {
    pub async fn start() -> Self {
        Self::start_with(config).await
    }

    pub async fn start_with(config: impl FnOnce(&TestDb) -> Config) -> Self {
        let db = TestDb::new().await;
        let running = server::start(config(&db)).await.unwrap();
        let client = load_tests::http::client()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            running,
            client,
            db,
        }
    }

    pub async fn stop(self) {
        drop(self.client);
        self.running.stop().await;
    }

    pub fn app(&self) -> &api::app::App {
        &self.running.app
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.running.address);
        self.client.request(method, url)
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        send(self.request(Method::GET, path).bearer_auth(token)).await
    }

    pub async fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        send(
            self.request(Method::POST, path)
                .bearer_auth(token)
                .json(body),
        )
        .await
    }

    pub async fn delete(&self, path: &str, token: &str) -> Answer {
        send(self.request(Method::DELETE, path).bearer_auth(token)).await
    }

    /// Without a token.
    pub async fn open(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    pub async fn patch(&self, path: &str, token: &str, body: &Value) -> Answer {
        send(
            self.request(Method::PATCH, path)
                .bearer_auth(token)
                .json(body),
        )
        .await
    }

    pub async fn login(&self, email: &str, password: &str) -> Answer {
        let body = json!({ "email": email, "password": password });
        send(self.request(Method::POST, "/auth/login").json(&body)).await
    }

    pub async fn token(&self, email: &str) -> String {
        let session = self.login(email, PASSWORD).await.ok();
        session["accessToken"].as_str().unwrap().to_owned()
    }

    /// Everything that was sent to `recipient`, the oldest first; what is queued is sent before.
    pub async fn mail(&self, recipient: &str) -> Vec<Mail> {
        self.app().mail.deliver_due().await.unwrap();
        mail_in(&self.app().config.mail_folder)
            .into_iter()
            .filter(|mail| mail.to == recipient)
            .collect()
    }

    /// Runs as the app's role with every right: what another part of the program would do.
    pub async fn with_database<T>(
        &self,
        tenants: &[TenantId],
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> QueryResult<T>,
    ) -> T {
        let mut connection = connect(&self.db.url, Role::App).await.unwrap();
        let access = Access {
            tenants: tenants.to_vec(),
            user: None,
            super_admin: true,
        };
        begin(&mut connection, &access, work).await.unwrap()
    }

    /// The login itself, whom no policy binds.
    pub async fn owner(&self) -> AsyncPgConnection {
        AsyncPgConnection::establish(&self.db.url).await.unwrap()
    }

    /// Lets nobody connect any more, and ends the connections that there are.
    pub async fn close_database(&self) {
        let server = std::env::var("DATABASE_URL").unwrap();
        let name = self.db.url.rsplit('/').next().unwrap();
        let name = name.split('?').next().unwrap();
        let mut admin = AsyncPgConnection::establish(&server).await.unwrap();
        admin
            .batch_execute(&format!(
                "ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false;
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            ))
            .await
            .unwrap();
    }

    /// An account with the password [`PASSWORD`] that works nowhere yet.
    pub async fn user(&self, email: &str) -> UserId {
        let id = UserId::new();
        let hash = self
            .app()
            .passwords
            .hash(PASSWORD.to_owned())
            .await
            .unwrap();
        self.with_database(&[], async |connection| {
            diesel::insert_into(users::table)
                .values((
                    users::id.eq(id),
                    users::email.eq(email),
                    users::name.eq(email),
                    users::password_hash.eq(hash),
                    users::email_verified_at.eq(diesel::dsl::now),
                ))
                .execute(connection)
                .await
        })
        .await;
        id
    }

    /// A practice without members.
    pub async fn tenant(&self, subdomain: &str) -> TenantId {
        let id = TenantId::new();
        self.with_database(&[], async |connection| {
            diesel::insert_into(tenants::table)
                .values((
                    tenants::id.eq(id),
                    tenants::name.eq(format!("Consultorio {subdomain}")),
                    tenants::subdomain.eq(subdomain),
                    tenants::zone.eq("America/Guayaquil"),
                ))
                .execute(connection)
                .await
        })
        .await;
        id
    }

    pub async fn membership(
        &self,
        tenant: TenantId,
        user: UserId,
        role: &str,
        permissions: &[&str],
    ) {
        self.with_database(&[tenant], async |connection| {
            diesel::insert_into(memberships::table)
                .values((
                    memberships::tenant_id.eq(tenant),
                    memberships::user_id.eq(user),
                    memberships::role.eq(role),
                    memberships::permissions.eq(permissions),
                ))
                .execute(connection)
                .await
        })
        .await;
    }

    /// A practice with an owner, `{subdomain}@test.ec`, and the owner's token.
    pub async fn practice(&self, subdomain: &str) -> (TenantId, String) {
        let email = format!("{subdomain}@test.ec");
        let user = self.user(&email).await;
        let tenant = self.tenant(subdomain).await;
        self.membership(tenant, user, "dentist", &[]).await;
        (tenant, self.token(&email).await)
    }

    /// A dentist of the practice with an assignment to an operatory of a clinic of their own.
    pub async fn dentist(&self, tenant: TenantId, name: &str) -> (ProviderId, OperatoryId) {
        let (provider, operatory, clinic) =
            (ProviderId::new(), OperatoryId::new(), ClinicId::new());
        let (own, chair) = (CalendarId::new(), CalendarId::new());
        self.with_database(&[tenant], async |connection| {
            diesel::insert_into(calendars::table)
                .values(vec![
                    (
                        calendars::id.eq(own),
                        calendars::kind.eq("dentist"),
                        calendars::tenant_id.eq(Some(tenant)),
                    ),
                    (
                        calendars::id.eq(chair),
                        calendars::kind.eq("operatory"),
                        calendars::tenant_id.eq(None::<TenantId>),
                    ),
                ])
                .execute(connection)
                .await?;
            diesel::insert_into(providers::table)
                .values((
                    providers::id.eq(provider),
                    providers::tenant_id.eq(tenant),
                    providers::role.eq("dentist"),
                    providers::name.eq(name),
                    providers::calendar_id.eq(own),
                ))
                .execute(connection)
                .await?;
            diesel::insert_into(clinics::table)
                .values((
                    clinics::id.eq(clinic),
                    clinics::name.eq(format!("Clínica de {name}")),
                    clinics::zone.eq("America/Guayaquil"),
                ))
                .execute(connection)
                .await?;
            diesel::insert_into(operatories::table)
                .values((
                    operatories::id.eq(operatory),
                    operatories::clinic_id.eq(clinic),
                    operatories::name.eq("Sillón 1"),
                    operatories::calendar_id.eq(chair),
                ))
                .execute(connection)
                .await?;
            diesel::insert_into(assignments::table)
                .values((
                    assignments::id.eq(uuid::Uuid::now_v7()),
                    assignments::tenant_id.eq(tenant),
                    assignments::provider_id.eq(provider),
                    assignments::operatory_id.eq(operatory),
                    assignments::valid_from
                        .eq(chrono::NaiveDate::from_ymd_opt(2026, 1, 1).unwrap()),
                ))
                .execute(connection)
                .await
        })
        .await;
        (provider, operatory)
    }
}

/// An e-mail as it left.
#[derive(Debug)]
pub struct Mail {
    pub to: String,
    pub subject: String,
    pub body: String,
}

impl Mail {
    /// The secret of its link.
    #[track_caller]
    pub fn token(&self) -> String {
        let (_, token) = self.body.split_once("token=").unwrap();
        token.split_whitespace().next().unwrap().to_owned()
    }
}

/// The e-mails in a folder, the oldest first.
pub fn mail_in(folder: &str) -> Vec<Mail> {
    let Ok(files) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    // The clock of files is coarse; of one moment's, the later one has the higher number.
    files.sort_by_key(|path| {
        let file = path.metadata().unwrap();
        (file.modified().unwrap(), file.ino())
    });
    files
        .iter()
        .map(|path| parsed(&std::fs::read_to_string(path).unwrap()))
        .collect()
}

/// One of our own messages: no attachments, no folded headers that matter.
pub fn parsed(message: &str) -> Mail {
    let (head, body) = message.split_once("\r\n\r\n").unwrap();
    let header = |name: &str| {
        let lines = head.split("\r\n");
        let line = lines.into_iter().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    };
    let body = match header("Content-Transfer-Encoding:").as_str() {
        "quoted-printable" => unquoted(body),
        "base64" => {
            use base64::Engine;
            let bytes = base64::engine::general_purpose::STANDARD.decode(body.replace("\r\n", ""));
            String::from_utf8(bytes.unwrap()).unwrap()
        }
        _ => body.to_owned(),
    };
    Mail {
        to: header("To:").trim_matches(['<', '>']).to_owned(),
        subject: header("Subject:"),
        body,
    }
}

/// Quoted-printable (RFC 2045, 6.7) as text.
fn unquoted(text: &str) -> String {
    let text = text.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'=', [high, low, tail @ ..]) => {
                let pair = [*high, *low];
                let pair = std::str::from_utf8(&pair).unwrap();
                bytes.push(u8::from_str_radix(pair, 16).unwrap());
                rest = tail;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// Sends and reads the answer; a body that is not JSON reads as a string.
pub async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Answer {
        status,
        headers,
        body,
    }
}
