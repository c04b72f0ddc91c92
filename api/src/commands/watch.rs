//! `denticloud watch`: follows a calendar in the terminal, over the protocol that every client
//! speaks. Reconnects, resumes, and prints each change once.

mod state;

use std::error::Error;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{SinkExt, StreamExt};
use rand::RngExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use uuid::Uuid;

use self::state::State;
use crate::ws::PROTOCOL;

type Failure = Box<dyn Error + Send + Sync>;
type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

/// Where the password of `--email` comes from.
const PASSWORD_VARIABLE: &str = "DENTICLOUD_PASSWORD";
/// Before the first and the last of many tries to connect.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// The server's own ping comes sooner.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// What is followed, where, and who follows.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The calendar's id, as `GET /calendars` lists it
    #[arg(long)]
    calendar: Uuid,
    /// Where the server is
    #[arg(long, default_value = "http://localhost:3000")]
    url: String,
    /// An access token or an API key
    #[arg(long, env = "DENTICLOUD_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Sign in with this address and the password in DENTICLOUD_PASSWORD
    #[arg(long, conflicts_with = "token")]
    email: Option<String>,
    /// The workspace, for those who work in several
    #[arg(long)]
    tenant: Option<Uuid>,
    /// How many days from today on
    #[arg(long, default_value_t = 30)]
    days: u16,
    /// Print the frames themselves, one a line
    #[arg(long)]
    json: bool,
}

/// How a connection ended.
enum Ended {
    /// Come back after a while.
    Lost(String),
    /// Nothing would be different another time.
    Refused(String),
}

impl<E: Error> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Lost(error.to_string())
    }
}

/// Follows until it is interrupted.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut state = State::default();
    let mut pause = PAUSE_MIN;
    loop {
        let before = state.position();
        match follow(&arguments, &mut state).await {
            Ok(never) => match never {},
            Err(Ended::Refused(why)) => return Err(why.into()),
            Err(Ended::Lost(why)) => {
                if state.position() != before {
                    pause = PAUSE_MIN;
                }
                // Not all at once, when a server comes back.
                let jitter = rand::rng().random_range(0.5..1.5);
                let wait = pause.mul_f64(jitter);
                eprintln!("{why}; again in {:.1} s", wait.as_secs_f64());
                tokio::time::sleep(wait).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

/// One connection, to its end.
async fn follow(
    arguments: &Arguments,
    state: &mut State,
) -> Result<std::convert::Infallible, Ended> {
    let token = token(arguments).await?;
    let mut socket = open(&arguments.url).await?;
    let mut connect = json!({ "id": 1, "type": "connect", "token": token });
    if let Some(tenant) = arguments.tenant {
        connect["tenant"] = json!(tenant);
    }
    say(&mut socket, &connect).await?;
    loop {
        let frame = hear(&mut socket).await?;
        if arguments.json {
            println!("{frame}");
        }
        match frame["type"].as_str() {
            Some("connected") => subscribe(&mut socket, arguments, state).await?,
            Some("error") => {
                let text = format!("{}: {}", text(&frame, "code"), text(&frame, "message"));
                return Err(match frame["retryable"].as_bool() {
                    Some(true) => Ended::Lost(text),
                    _ => Ended::Refused(text),
                });
            }
            _ => {}
        }
        let step = state.hear(&frame);
        if !arguments.json {
            for line in &step.lines {
                println!("{line}");
            }
        }
        if step.ask_again {
            subscribe(&mut socket, arguments, state).await?;
        }
    }
}

fn text<'a>(frame: &'a Value, field: &str) -> &'a str {
    frame[field].as_str().unwrap_or_default()
}

/// The token that was given, or that of a sign-in.
async fn token(arguments: &Arguments) -> Result<String, Ended> {
    if let Some(token) = &arguments.token {
        return Ok(token.clone());
    }
    let refused = |text: &str| Ended::Refused(text.to_owned());
    let email = arguments
        .email
        .as_deref()
        .ok_or_else(|| refused("say who you are: --token, or --email"))?;
    let password = std::env::var(PASSWORD_VARIABLE)
        .map_err(|_| Ended::Refused(format!("{PASSWORD_VARIABLE} is not set")))?;
    let url = format!("{}/auth/login", arguments.url.trim_end_matches('/'));
    // For `https` addresses; whoever was first has done it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let answer = reqwest::Client::new()
        .post(url)
        .json(&json!({ "email": email, "password": password }))
        .send()
        .await?;
    let status = answer.status();
    let body: Value = answer.json().await?;
    match body["accessToken"].as_str() {
        Some(token) => Ok(token.to_owned()),
        None if status.is_client_error() && status.as_u16() != 429 => {
            Err(Ended::Refused(text(&body, "detail").to_owned()))
        }
        None => Err(Ended::Lost(format!("sign-in: {status}"))),
    }
}

async fn open(url: &str) -> Result<Socket, Ended> {
    let base = url.trim_end_matches('/');
    let address = match base.split_once("://") {
        Some(("https" | "wss", rest)) => format!("wss://{rest}/ws"),
        Some((_, rest)) => format!("ws://{rest}/ws"),
        None => format!("ws://{base}/ws"),
    };
    let mut request = address.into_client_request()?;
    request
        .headers_mut()
        .insert("sec-websocket-protocol", HeaderValue::from_static(PROTOCOL));
    Ok(connect_async(request).await?.0)
}

async fn say(socket: &mut Socket, frame: &Value) -> Result<(), Ended> {
    Ok(socket.send(Message::text(frame.to_string())).await?)
}

/// The next frame; pings are answered on the way.
async fn hear(socket: &mut Socket) -> Result<Value, Ended> {
    loop {
        let message = tokio::time::timeout(SILENCE_MAX, socket.next()).await;
        match message.map_err(|_| Ended::Lost("nothing is heard".to_owned()))? {
            Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text)?),
            Some(Ok(Message::Close(frame))) => {
                let code: u16 = frame.map_or(1005, |frame| frame.code.into());
                let text = format!("closed with {code}");
                // 40xx: not unchanged (see docs/PROTOCOL.md).
                return Err(match code {
                    4000..=4099 => Ended::Refused(text),
                    _ => Ended::Lost(text),
                });
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error.into()),
            None => return Err(Ended::Lost("the connection ended".to_owned())),
        }
    }
}

async fn subscribe(
    socket: &mut Socket,
    arguments: &Arguments,
    state: &mut State,
) -> Result<(), Ended> {
    let from = Utc::now()
        .date_naive()
        .and_time(chrono::NaiveTime::MIN)
        .and_utc();
    let to: DateTime<Utc> = from + TimeDelta::days(i64::from(arguments.days.max(1)));
    let mut frame = json!({
        "id": 2, "type": "subscribe", "calendar": arguments.calendar,
        "range": { "from": from, "to": to },
    });
    if let Some((epoch, version)) = state.position() {
        frame["since"] = json!({ "epoch": epoch, "version": version });
    }
    if let Some(tenant) = arguments.tenant {
        frame["tenant"] = json!(tenant);
    }
    say(socket, &frame).await
}
