//! Who is looking at a calendar, or moving something on it, just now. Best effort: told to the
//! calendar's other readers of the same practice, never a part of its state.

pub mod across;

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
    #[serde(skip)]
    pub is_key: bool,
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

/// What a session said, and when.
#[derive(Clone, Debug)]
pub struct Sighting {
    pub tenant: TenantId,
    pub at: Instant,
    /// Whether the session is one of this node's.
    pub here: bool,
    pub presence: Presence,
}

impl Sighting {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) >= FORGET_AFTER
    }
}

/// Who is present on one calendar, for those who come.
#[derive(Debug, Default)]
pub struct Board(Vec<Sighting>);

impl Board {
    /// Notes what a session does.
    pub fn note(&mut self, now: Instant, sighting: Sighting) {
        let session = sighting.presence.session;
        self.0
            .retain(|other| other.presence.session != session && !other.is_over(now));
        if sighting.presence.state != Doing::Gone {
            self.0.push(sighting);
        }
    }

    /// Who is there, for a reader of `tenant`.
    pub fn present(&self, tenant: TenantId, now: Instant) -> impl Iterator<Item = &Presence> {
        self.0
            .iter()
            .filter(move |sighting| sighting.tenant == tenant && !sighting.is_over(now))
            .map(|sighting| &sighting.presence)
    }

    /// Who is there by a session of this node.
    pub fn here(&self, now: Instant) -> impl Iterator<Item = &Sighting> {
        self.0
            .iter()
            .filter(move |sighting| sighting.here && !sighting.is_over(now))
    }

    /// What a session said last, if it is still there.
    #[must_use]
    pub fn of(&self, session: Uuid) -> Option<&Presence> {
        self.0
            .iter()
            .map(|sighting| &sighting.presence)
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
                is_key: false,
            },
            state,
            span: None,
        };
        let mut board = Board::default();
        let note = |board: &mut Board, at, presence: Presence| {
            let here = presence.session == Uuid::from_u128(1);
            let sighting = Sighting {
                tenant,
                at,
                here,
                presence,
            };
            board.note(at, sighting);
        };
        note(&mut board, start, presence(1, Doing::Viewing));
        let later = start + FORGET_AFTER / 2;
        note(&mut board, later, presence(2, Doing::Viewing));
        note(&mut board, later, presence(2, Doing::Dragging));
        assert_eq!(board.here(later).count(), 1);
        assert_eq!(board.here(start + FORGET_AFTER).count(), 0);
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
        note(&mut board, later, presence(2, Doing::Gone));
        assert_eq!(there(&board, tenant, later), [(1, Doing::Viewing)]);
    }
}
