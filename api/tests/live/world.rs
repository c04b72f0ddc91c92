//! A running server with a seeded practice, and clients for it.

use api::config::Config;
use api::server::{self, RunningServer};
use chrono::{DateTime, Days, NaiveTime, TimeZone, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
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
    pub db: TestDb,
    pub practice: Practice,
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
            ..Config::default()
        };
        let running = server::start(config).await.unwrap();
        Self {
            db,
            practice,
            running,
            http: reqwest::Client::new(),
        }
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

    /// What somebody with the database's own rights does.
    pub async fn sql(&self, statements: &str) {
        let mut owner = AsyncPgConnection::establish(&self.db.url).await.unwrap();
        owner.batch_execute(statements).await.unwrap();
    }

    pub async fn bare_socket(&self) -> Socket {
        Socket::open(self.running.address).await
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.send_with(method, path, body, &[]).await
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

    /// Stops the server and holds the database against every promise.
    pub async fn end(self) {
        self.running.stop().await;
        let report = schema::audit::run(&self.db.url).await.unwrap();
        assert!(report.is_clean(), "{report}");
    }
}
