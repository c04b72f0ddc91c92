//! A client of REST with one connection that is kept alive.

use std::net::SocketAddr;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use reqwest::{Method, Response, StatusCode};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, CONFIRMED, Command, Lost, Question};

/// Far longer than any answer takes: a server that hangs must end the run.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection of one user.
#[derive(Debug)]
pub struct Rest {
    http: reqwest::Client,
    base: String,
    token: String,
}

#[derive(Deserialize)]
struct Appointment {
    id: Uuid,
    version: i64,
}

/// Slots of a search, or entries of a calendar.
#[derive(Deserialize)]
struct Found {
    #[serde(alias = "slots")]
    entries: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
struct Problem {
    code: String,
}

impl From<reqwest::Error> for Lost {
    fn from(error: reqwest::Error) -> Self {
        Self(format!("{error:?}"))
    }
}

impl Rest {
    /// A client that connects with its first request.
    ///
    /// # Errors
    /// When the token can be no header.
    pub fn open(address: SocketAddr, token: &str) -> Result<Self, Lost> {
        let http = crate::http::client()
            .http1_only()
            .pool_max_idle_per_host(1)
            .tcp_nodelay(true)
            .timeout(PATIENCE)
            .build()?;
        Ok(Self {
            http,
            base: format!("http://{address}"),
            token: token.to_owned(),
        })
    }

    /// The same connection for somebody else.
    #[must_use]
    pub fn speak_for(self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self
        }
    }

    pub(super) async fn give(
        &mut self,
        command: &Command,
        key: Option<&str>,
    ) -> Result<Answer, Lost> {
        let (method, path, body) = match command {
            Command::Book(booking) => (Method::POST, "/appointments".to_owned(), json!(booking)),
            Command::Note { appointment, text } => (
                Method::PATCH,
                format!("/appointments/{appointment}"),
                json!({ "notes": text }),
            ),
            Command::Move { appointment, to } => (
                Method::POST,
                format!("/appointments/{appointment}/reschedule"),
                to.as_new_time(),
            ),
            Command::Cancel { appointment } => (
                Method::POST,
                format!("/appointments/{appointment}/cancel"),
                json!({}),
            ),
            Command::Confirm { appointment } => (
                Method::POST,
                format!("/appointments/{appointment}/status"),
                json!({ "status": CONFIRMED }),
            ),
        };
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.token)
            .json(&body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        answer(request.send().await?).await
    }

    pub(super) async fn ask(&self, question: &Question) -> Result<usize, Answer> {
        let time = |at: &DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let path = match question {
            Question::Free {
                treatment,
                dentist,
                from,
                to,
            } => {
                let dentist = dentist.map_or_else(String::new, |id| format!("&dentist={id}"));
                let (from, to) = (time(from), time(to));
                format!("/availability?treatment={treatment}{dentist}&from={from}&to={to}")
            }
            Question::Calendar { calendar, from, to } => {
                format!("/calendars/{calendar}?from={}&to={}", time(from), time(to))
            }
        };
        let request = self.http.get(format!("{}{path}", self.base));
        let response = request.bearer_auth(&self.token).send().await;
        let response = response.map_err(Lost::from)?;
        if !response.status().is_success() {
            return Err(refusal(response).await?);
        }
        let Found { entries } = response.json().await.map_err(Lost::from)?;
        Ok(entries.len())
    }

    /// Reads a resource.
    ///
    /// # Errors
    /// When it is not there, or the connection ends.
    pub async fn get(&self, path: &str) -> Result<Value, Lost> {
        let request = self.http.get(format!("{}{path}", self.base));
        let response = request.bearer_auth(&self.token).send().await?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(Lost(format!("GET {path}: {status}")));
        }
        Ok(response.json().await?)
    }
}

async fn answer(response: Response) -> Result<Answer, Lost> {
    let status = response.status();
    if status.is_success() {
        let replay = response.headers().contains_key("idempotent-replay");
        let Appointment { id, version } = response.json().await?;
        return Ok(Answer::Done {
            appointment: id,
            version,
            replay,
        });
    }
    refusal(response).await
}

async fn refusal(response: Response) -> Result<Answer, Lost> {
    let status = response.status();
    let Problem { code } = response.json().await?;
    // The table of refusals binds each code to its status.
    let expected = match code.as_str() {
        "slot_taken" | "patient_busy" | "wrong_status" => StatusCode::CONFLICT,
        "busy" | "outcome_unknown" => StatusCode::SERVICE_UNAVAILABLE,
        _ => status,
    };
    Ok(Answer::Refused {
        code: match status == expected {
            true => code,
            false => format!("{code} with status {}", status.as_u16()),
        },
    })
}
