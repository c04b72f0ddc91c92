//! A client as the server sees one: a connection, and commands and questions on it one after the other.

mod rest;
pub mod socket;

use std::net::SocketAddr;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

pub use rest::Rest;
pub use socket::Socket;

use crate::diary::Booking;

/// What a visit is when its patient has said that they will come.
pub const CONFIRMED: &str = "confirmed";
/// What a cancelled visit is.
pub const CANCELLED: &str = "cancelled";

/// How a client talks to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Requests over HTTP keep-alive.
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
    /// To the time, the dentist and the operatory of `to`.
    Move {
        appointment: Uuid,
        to: Booking,
    },
    Cancel {
        appointment: Uuid,
    },
    /// The patient has said that they will come.
    Confirm {
        appointment: Uuid,
    },
}

/// Something that a client wants to see.
#[derive(Clone, Debug)]
pub enum Question {
    /// Free starts of a treatment.
    Free {
        treatment: Uuid,
        /// Any of the practice without.
        dentist: Option<Uuid>,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    },
    /// What is in a calendar.
    Calendar {
        calendar: Uuid,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
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

impl From<Lost> for Answer {
    fn from(lost: Lost) -> Self {
        Self::Lost(lost.0)
    }
}

impl Answer {
    /// The code of what is no success.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Done { .. } => None,
            Self::Refused { code } => Some(code),
            Self::Lost(_) => Some("lost"),
        }
    }

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

    /// Asks a question; answers how many slots, or entries, there are.
    ///
    /// # Errors
    /// The answer, where it is none to the question.
    pub async fn ask(&mut self, question: &Question) -> Result<usize, Answer> {
        match self {
            Self::Rest(rest) => rest.ask(question).await,
            Self::Socket(socket) => socket.look(question).await,
        }
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

impl Booking {
    /// The body of a reschedule.
    fn as_new_time(&self) -> Value {
        json!({
            "start": self.start,
            "dentistId": self.dentist_id,
            "operatoryId": self.operatory_id,
        })
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
            Self::Move { appointment, to } => {
                let mut frame = to.as_new_time();
                frame["type"] = "reschedule".into();
                frame["appointmentId"] = json!(appointment);
                frame
            }
            Self::Cancel { appointment } => {
                json!({ "type": "cancel", "appointmentId": appointment })
            }
            Self::Confirm { appointment } => {
                json!({ "type": "setStatus", "appointmentId": appointment, "status": CONFIRMED })
            }
        };
        if let Some(key) = key {
            frame["idempotencyKey"] = key.into();
        }
        frame
    }
}
