//! Frames to clients, but for deltas.

use std::collections::BTreeMap;

use bytestring::ByteString;
use chrono::{DateTime, Utc};
use schema::ids::CalendarId;
use serde::Serialize;
use uuid::Uuid;

use crate::problem::{Conflict, FieldError, Problem, Refused};
use crate::wire::entry::Entry;

/// A frame to the client.
#[derive(Serialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub(super) enum Reply<'a, T: Serialize> {
    Connected {
        id: u64,
        session: Uuid,
        ttl_ms: i64,
        ping_ms: u64,
        server_time: DateTime<Utc>,
    },
    Ok {
        id: u64,
        result: T,
        #[serde(skip_serializing_if = "Option::is_none")]
        positions: Option<&'a BTreeMap<Uuid, i64>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        replay: Option<bool>,
    },
    Error {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        code: &'a str,
        message: &'a str,
        retryable: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        conflict: Option<&'a Conflict>,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        errors: &'a [FieldError],
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        refused: &'a [Refused],
    },
    Snapshot {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        calendar: CalendarId,
        epoch: &'a str,
        version: i64,
        entries: Vec<Entry>,
    },
    Resumed {
        id: u64,
        calendar: CalendarId,
        epoch: &'a str,
        version: i64,
    },
    Delta(T),
    Mark {
        positions: BTreeMap<CalendarId, i64>,
    },
    Reset {
        calendar: CalendarId,
        reason: &'a str,
    },
}

/// For replies without a result.
pub(super) type Plain<'a> = Reply<'a, ()>;

impl<T: Serialize> Reply<'_, T> {
    /// As text. These types always can be written; should one not, the client hears an error.
    pub(super) fn text(&self) -> ByteString {
        serde_json::to_string(self)
            .unwrap_or_else(|error| {
                tracing::error!(%error, "a reply cannot be written");
                r#"{"type":"error","code":"internal","message":"","retryable":false}"#.to_owned()
            })
            .into()
    }
}

/// A problem as a frame.
pub(super) fn error(id: Option<u64>, problem: &Problem) -> ByteString {
    if let Some(cause) = problem.cause() {
        tracing::error!(code = problem.code, cause, "a frame failed");
    }
    Plain::Error {
        id,
        code: &problem.code,
        message: problem.detail(),
        retryable: problem.retryable(),
        conflict: problem.conflict.as_ref(),
        errors: &problem.errors,
        refused: &problem.refused,
    }
    .text()
}
