//! Who is looking at a calendar, or moving something on it, just now. Best effort: told to the
//! calendar's other readers of the same practice, never a part of its state.

use std::time::{Duration, Instant};

use bytestring::ByteString;
use chrono::{DateTime, Utc};
use schema::ids::{CalendarId, TenantId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Nobody is present whom nothing was heard of for this long.
pub const FORGET_AFTER: Duration = Duration::from_secs(15);

/// What somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Doing {
    Viewing,
    Dragging,
    Holding,
    /// Said by the server, when a session ends or follows the calendar no longer.
    #[serde(skip_deserializing)]
    Gone,
}

/// Where on the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
}

/// Who it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Who {
    /// The account's id, or the API key's.
    pub id: Uuid,
    pub name: String,
}

/// As it is told.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename = "presence")]
pub struct Presence {
    pub calendar: CalendarId,
    /// One person may look from several windows.
    pub session: Uuid,
    pub who: Who,
    pub state: Doing,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span: Option<Place>,
}

impl Presence {
    /// As text; nothing, should it not be writable.
    #[must_use]
    pub fn text(&self) -> ByteString {
        serde_json::to_string(self).unwrap_or_default().into()
    }
}

/// Who is present on one calendar, for those who come.
#[derive(Debug, Default)]
pub struct Board(Vec<(TenantId, Instant, Presence)>);

impl Board {
    /// Notes what a session does; answers whether it is still there.
    pub fn note(&mut self, tenant: TenantId, now: Instant, presence: Presence) {
        self.0.retain(|(_, at, other)| {
            other.session != presence.session && now.duration_since(*at) < FORGET_AFTER
        });
        if presence.state != Doing::Gone {
            self.0.push((tenant, now, presence));
        }
    }

    /// Who is there, for a reader of `tenant`.
    pub fn present(&self, tenant: TenantId, now: Instant) -> impl Iterator<Item = &Presence> {
        self.0
            .iter()
            .filter(move |(of, at, _)| *of == tenant && now.duration_since(*at) < FORGET_AFTER)
            .map(|(_, _, presence)| presence)
    }

    /// What a session said last, if it is still there.
    #[must_use]
    pub fn of(&self, session: Uuid) -> Option<&Presence> {
        self.0
            .iter()
            .map(|(_, _, presence)| presence)
            .find(|presence| presence.session == session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_there_longer_than_they_say() {
        let (tenant, other) = (TenantId::new(), TenantId::new());
        let start = Instant::now();
        let presence = |session: u128, state| Presence {
            calendar: CalendarId(Uuid::nil()),
            session: Uuid::from_u128(session),
            who: Who {
                id: Uuid::nil(),
                name: "Ana".to_owned(),
            },
            state,
            span: None,
        };
        let mut board = Board::default();
        board.note(tenant, start, presence(1, Doing::Viewing));
        let later = start + FORGET_AFTER / 2;
        board.note(tenant, later, presence(2, Doing::Viewing));
        board.note(tenant, later, presence(2, Doing::Dragging));
        let there = |board: &Board, tenant, at| {
            let present = board.present(tenant, at);
            present
                .map(|one| (one.session.as_u128(), one.state))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            there(&board, tenant, later),
            [(1, Doing::Viewing), (2, Doing::Dragging)]
        );
        assert_eq!(there(&board, other, later), []);
        assert_eq!(
            there(&board, tenant, start + FORGET_AFTER),
            [(2, Doing::Dragging)]
        );
        board.note(tenant, later, presence(2, Doing::Gone));
        assert_eq!(there(&board, tenant, later), [(1, Doing::Viewing)]);
    }
}
