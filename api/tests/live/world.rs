//! A running server with a seeded practice, and clients for it.

use std::sync::Arc;

use api::config::Config;
use api::server::{self, RunningServer};
use chrono::{DateTime, Days, NaiveTime, TimeZone, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use engine::clock::Clock;
use reqwest::Method;
use schema::ids::{PatientId, ProviderId, UserId};
use schema::test_db::TestDb;
use schema::test_db::practice::{Practice, Size};
use serde_json::{Value, json};

use crate::socket::Socket;

pub const SIZE: Size = Size {
    dentists: 2,
    operatories: 2,
    patients: 60,
};

pub struct World {
    pub db: Arc<TestDb>,
    pub practice: Practice,
    config: Config,
    running: RunningServer,
    http: reqwest::Client,
}

/// Status and body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.body
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with(|config| config).await
    }

    /// With a server that is set otherwise.
    pub async fn with(settings: impl FnOnce(Config) -> Config) -> Self {
        Self::start(settings, Clock::system()).await
    }

    /// With a server that has another time.
    pub async fn at_time(clock: Clock) -> Self {
        Self::start(|config| config, clock).await
    }

    async fn start(settings: impl FnOnce(Config) -> Config, clock: Clock) -> Self {
        let db = TestDb::new().await;
        let practice = Practice::seed(&db, SIZE).await;
        let config = Config {
            database_url: Some(db.url.clone().into()),
            jwt_secret: Some(
                "a secret for tests, long enough for HS256"
                    .to_owned()
                    .into(),
            ),
            port: 0,
            workers: 2,
            app_pool_size: 8,
            shutdown_seconds: 1,
            membership_cache_ms: 0,
            mail_folder: std::env::temp_dir()
                .join(format!("denticloud-mail-{}", uuid::Uuid::new_v4()))
                .display()
                .to_string(),
            ..Config::default()
        };
        let config = settings(config);
        let running = server::start_at(config.clone(), clock).await.unwrap();
        Self {
            db: Arc::new(db),
            practice,
            config,
            running,
            http: load_tests::http::client().build().unwrap(),
        }
    }

    /// Another server over the same database, to be stopped before this one is ended.
    pub async fn neighbour(&self) -> Self {
        let running = server::start(self.config.clone()).await.unwrap();
        Self {
            db: Arc::clone(&self.db),
            practice: self.practice.clone(),
            config: self.config.clone(),
            running,
            http: self.http.clone(),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.running.address)
    }

    /// The server's own state: for what no request can do.
    pub fn running_app(&self) -> &api::app::App {
        &self.running.app
    }

    /// A token of somebody who works for the practice.
    pub fn token_of(&self, user: UserId) -> String {
        self.running
            .app
            .tokens
            .issue(user, Vec::new(), None, Utc::now())
            .unwrap()
    }

    pub fn token(&self) -> String {
        self.token_of(self.practice.owner)
    }

    /// Access and refresh token of a sign-in of the owner.
    pub async fn sign_in(&self) -> (String, String) {
        let app = &self.running.app;
        let user = self.practice.owner;
        let password = "Practice123!".to_owned();
        let hash = app.passwords.hash(password.clone()).await.unwrap();
        self.sql(&format!("UPDATE users SET password_hash = '{hash}'"))
            .await;
        let body = json!({ "email": format!("{user}@example.com"), "password": password });
        let session = self.post("/auth/login", &body).await.expect(200);
        let token = |name: &str| session[name].as_str().unwrap().to_owned();
        (token("accessToken"), token("refreshToken"))
    }

    pub async fn socket(&self) -> Socket {
        let mut socket = Socket::open(self.running.address).await;
        let connected = socket
            .ask(json!({ "type": "connect", "token": self.token() }))
            .await;
        assert_eq!(connected["type"], "connected", "{connected}");
        socket
    }

    /// A session on the practice's public side.
    pub async fn visitor(&self) -> Socket {
        let mut socket = self.bare_socket().await;
        let connect = json!({ "type": "connect", "practice": self.practice.subdomain });
        let connected = socket.ask(connect).await;
        assert_eq!(connected["type"], "connected", "{connected}");
        socket
    }

    /// Waits until something has become so that nobody tells of.
    pub async fn until(&self, what: &str, holds: impl Fn(&api::app::App) -> bool) {
        let waiting = async {
            while !holds(&self.running.app) {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        let patience = std::time::Duration::from_secs(30);
        tokio::time::timeout(patience, waiting).await.expect(what);
    }

    /// What somebody with the database's own rights does.
    pub async fn sql(&self, statements: &str) {
        let mut owner = AsyncPgConnection::establish(&self.db.url).await.unwrap();
        owner.batch_execute(statements).await.unwrap();
    }

    /// Ends once `SELECT count(*) FROM <what>` is at least `rows`.
    pub async fn until_rows(&self, what: &str, rows: i64) {
        #[derive(diesel::QueryableByName)]
        struct Number {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            number: i64,
        }
        let sql = format!("SELECT count(*) AS number FROM {what}");
        let mut owner = AsyncPgConnection::establish(&self.db.url).await.unwrap();
        let waiting = async {
            loop {
                let query = diesel::sql_query(&sql);
                let found: Number = diesel_async::RunQueryDsl::get_result(query, &mut owner)
                    .await
                    .unwrap();
                if found.number >= rows {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        let patience = std::time::Duration::from_secs(30);
        tokio::time::timeout(patience, waiting).await.expect(what);
    }

    pub fn address(&self) -> std::net::SocketAddr {
        self.running.address
    }

    pub async fn narrow_socket(&self) -> Socket {
        Socket::narrow(self.running.address).await
    }

    pub async fn bare_socket(&self) -> Socket {
        Socket::open(self.running.address).await
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.send_with(method, path, body, &[]).await
    }

    /// As somebody else.
    pub async fn send_as(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Answer {
        let url = format!("http://{}{path}", self.running.address);
        let mut request = self.http.request(method, url).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer {
            status,
            headers,
            body,
        }
    }

    pub async fn send_with(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let url = format!("http://{}{path}", self.running.address);
        let mut request = self.http.request(method, url).bearer_auth(self.token());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer {
            status,
            headers,
            body,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    /// A local time some days from today.
    pub fn at(&self, days: u64, hour: u32, minute: u32) -> DateTime<Utc> {
        let zone = chrono_tz::America::Guayaquil;
        let date = Utc::now().with_timezone(&zone).date_naive();
        let date = date.checked_add_days(Days::new(days)).unwrap();
        let local = date.and_time(NaiveTime::from_hms_opt(hour, minute, 0).unwrap());
        zone.from_local_datetime(&local).unwrap().to_utc()
    }

    pub fn dentist(&self, number: usize) -> ProviderId {
        self.practice.dentists[number].0
    }

    pub fn patient(&self, number: usize) -> PatientId {
        self.practice.patients[number].0
    }

    /// A booking of the short treatment, in the first operatory.
    pub fn booking(&self, patient: usize, dentist: usize, start: DateTime<Utc>) -> Value {
        json!({
            "patientId": self.patient(patient),
            "dentistId": self.dentist(dentist),
            "treatmentId": self.practice.short,
            "operatoryId": self.practice.operatories[0].0,
            "start": start,
        })
    }

    /// Stops the server, where the database has rows that nothing booked.
    pub async fn stop(self) {
        self.running.stop().await;
    }

    /// Stops the server and holds the database against every promise.
    pub async fn end(self) {
        let mail = self.running.app.config.mail_folder.clone();
        self.running.stop().await;
        // There is none where nobody wrote.
        let _ = std::fs::remove_dir_all(mail);
        let report = schema::audit::run(&self.db.url).await.unwrap();
        assert!(report.is_clean(), "{report}");
    }
}
