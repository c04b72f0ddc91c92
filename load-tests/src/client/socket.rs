//! A client of the WebSocket protocol `denticloud.v1`.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use uuid::Uuid;

use super::{Answer, Command, Lost, Question};

/// Far longer than any answer takes: a server that hangs must end the run.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes that are read at a time. The library zeroes as many before each read, and its own measure of
/// 128 KiB cost a fifth of a client's time.
const READ_AT_ONCE: usize = 16 * 1024;

/// A session.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// The number of the next frame.
    next: u64,
}

/// A frame from the server; which fields there are depends on its type.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Frame {
    pub id: Option<u64>,
    #[serde(rename = "type")]
    pub kind: String,
    pub code: String,
    pub replay: bool,
    pub result: Option<Told>,
    pub calendar: Option<Uuid>,
    pub epoch: String,
    pub prev: i64,
    pub version: i64,
    pub ops: Vec<Op>,
    pub entries: Vec<Value>,
}

/// What a command on an appointment answers, or a search, as far as it matters here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Told {
    pub id: Option<Uuid>,
    pub version: i64,
    pub slots: Option<Vec<IgnoredAny>>,
}

/// One step of a delta.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    Put(Value),
    Del(String),
}

impl From<tokio_tungstenite::tungstenite::Error> for Lost {
    fn from(error: tokio_tungstenite::tungstenite::Error) -> Self {
        Self(error.to_string())
    }
}

impl Socket {
    /// Connects and says who it is.
    ///
    /// # Errors
    /// When nobody listens, or the token is refused.
    pub async fn open(address: SocketAddr, token: &str) -> Result<Self, Lost> {
        let stream = TcpStream::connect(address)
            .await
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
            .map_err(|error| Lost(error.to_string()))?;
        let mut request = format!("ws://{address}/ws").into_client_request()?;
        let protocol = HeaderValue::from_static("denticloud.v1");
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        let config = WebSocketConfig::default().read_buffer_size(READ_AT_ONCE);
        let connecting = client_async_with_config(request, stream, Some(config));
        let (stream, _) = connecting.await?;
        let mut socket = Self { stream, next: 1 };
        let connect = json!({ "type": "connect", "token": token });
        let connected = socket.ask(connect).await?;
        match connected.kind.as_str() {
            "connected" => Ok(socket),
            _ => Err(Lost(format!("connect: {}", connected.code))),
        }
    }

    pub(super) async fn give(
        &mut self,
        command: &Command,
        key: Option<&str>,
    ) -> Result<Answer, Lost> {
        let frame = self.ask(command.frame(key)).await?;
        let outcome = frame.result.unwrap_or_default();
        Ok(match (frame.kind.as_str(), outcome.id) {
            ("ok", Some(appointment)) => Answer::Done {
                appointment,
                version: outcome.version,
                replay: frame.replay,
            },
            _ => Answer::Refused { code: frame.code },
        })
    }

    /// A calendar is followed for a moment: its state comes first.
    pub(super) async fn look(&mut self, question: &Question) -> Result<usize, Answer> {
        let frame = match question {
            Question::Free {
                treatment,
                dentist,
                from,
                to,
            } => {
                let mut frame = json!({
                    "type": "availability", "treatment": treatment, "from": from, "to": to,
                });
                if let Some(dentist) = dentist {
                    frame["dentist"] = json!([dentist]);
                }
                self.ask(frame).await?
            }
            Question::Calendar { calendar, from, to } => {
                let range = json!({ "from": from, "to": to });
                let subscribe =
                    json!({ "type": "subscribe", "calendar": calendar, "range": range });
                let state = self.ask(subscribe).await?;
                let leave = json!({ "type": "unsubscribe", "calendar": calendar });
                self.ask(leave).await?;
                state
            }
        };
        let slots = frame.result.unwrap_or_default().slots;
        match (frame.kind.as_str(), slots) {
            ("ok", Some(slots)) => Ok(slots.len()),
            ("snapshot", _) => Ok(frame.entries.len()),
            _ => Err(Answer::Refused { code: frame.code }),
        }
    }

    /// Sends a frame and answers its number.
    ///
    /// # Errors
    /// When the connection ends.
    pub async fn say(&mut self, mut frame: Value) -> Result<u64, Lost> {
        let id = self.next;
        self.next += 1;
        frame["id"] = id.into();
        self.stream.send(Message::text(frame.to_string())).await?;
        Ok(id)
    }

    /// Sends a frame and waits for its answer; other frames meanwhile are dropped.
    async fn ask(&mut self, frame: Value) -> Result<Frame, Lost> {
        let id = self.say(frame).await?;
        let answer = async {
            loop {
                let frame = self.receive().await?;
                if frame.id == Some(id) {
                    return Ok(frame);
                }
            }
        };
        tokio::time::timeout(PATIENCE, answer)
            .await
            .unwrap_or_else(|_| Err(Lost("no answer".to_owned())))
    }

    /// The next frame. Dropping this loses nothing.
    ///
    /// # Errors
    /// When the connection ends, or what comes is no frame.
    pub async fn receive(&mut self) -> Result<Frame, Lost> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(&text)
                        .map_err(|error| Lost(format!("{error}: {text}")));
                }
                Some(Ok(Message::Close(frame))) => {
                    let code = frame.map_or(1005, |frame| frame.code.into());
                    return Err(Lost(format!("closed with {code}")));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Err(Lost("closed".to_owned())),
            }
        }
    }
}
