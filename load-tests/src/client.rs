//! A client as the server sees one: a connection, and commands on it one after the other.

mod rest;
pub mod socket;

use std::net::SocketAddr;

use serde_json::{Value, json};
use uuid::Uuid;

pub use rest::Rest;
pub use socket::Socket;

use crate::diary::Booking;

/// How a client talks to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `POST` and `PATCH` over HTTP keep-alive.
    Rest,
    /// Frames of `denticloud.v1`.
    Socket,
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Rest => "REST",
            Self::Socket => "WebSocket",
        })
    }
}

/// Something that a client wants done.
#[derive(Clone, Debug)]
pub enum Command {
    Book(Booking),
    /// New notes; raises the appointment's version like every command on it.
    Note {
        appointment: Uuid,
        text: String,
    },
    Cancel {
        appointment: Uuid,
    },
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Done {
        appointment: Uuid,
        version: i64,
        /// Whether this is the first answer of an earlier command with the same key.
        replay: bool,
    },
    /// `slot_taken` and the like.
    Refused { code: String },
    /// No answer: it may or may not have taken effect.
    Lost(String),
}

impl Answer {
    /// Whether the same command may be sent again with the same key.
    #[must_use]
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Done { .. } => false,
            Self::Refused { code } => code == "busy" || code == "outcome_unknown",
            Self::Lost(_) => true,
        }
    }
}

/// A connection lost, or an answer that is none.
#[derive(Debug)]
pub struct Lost(pub String);

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
impl std::error::Error for Lost {}

/// A client of either kind.
#[derive(Debug)]
pub enum Client {
    Rest(Rest),
    Socket(Box<Socket>),
}

impl Client {
    /// Connects; a socket also says who it is.
    ///
    /// # Errors
    /// When nobody listens, or the token is refused.
    pub async fn open(protocol: Protocol, address: SocketAddr, token: &str) -> Result<Self, Lost> {
        Ok(match protocol {
            Protocol::Rest => Self::Rest(Rest::open(address, token)?),
            Protocol::Socket => Self::Socket(Box::new(Socket::open(address, token).await?)),
        })
    }

    /// Gives a command and waits for its answer.
    pub async fn give(&mut self, command: &Command, key: Option<&str>) -> Answer {
        let answer = match self {
            Self::Rest(rest) => rest.give(command, key).await,
            Self::Socket(socket) => socket.give(command, key).await,
        };
        answer.unwrap_or_else(|lost| Answer::Lost(lost.0))
    }

    /// Does what a client does between commands: a socket answers pings. Ends only when the
    /// connection does.
    pub async fn idle(&mut self) -> Lost {
        match self {
            Self::Rest(_) => std::future::pending().await,
            Self::Socket(socket) => loop {
                if let Err(lost) = socket.receive().await {
                    return lost;
                }
            },
        }
    }
}

impl Command {
    /// As a frame without number.
    fn frame(&self, key: Option<&str>) -> Value {
        let mut frame = match self {
            Self::Book(booking) => json!({ "type": "book", "appointment": booking }),
            Self::Note { appointment, text } => {
                json!({ "type": "editNotes", "appointmentId": appointment, "notes": text })
            }
            Self::Cancel { appointment } => {
                json!({ "type": "cancel", "appointmentId": appointment })
            }
        };
        if let Some(key) = key {
            frame["idempotencyKey"] = key.into();
        }
        frame
    }
}
