//! Commands about blocks: time that a practice keeps from being booked.

use chrono::NaiveDateTime;
use schema::ids::{AppointmentId, BlockId, CalendarId, ClaimId};
use schema::models::block::{Block, BlockKind};
use schema::span::{Minute, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use super::{Repeats, Scope, Which};
use crate::scheduling::rejection::Override;

/// A new block, once or again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewBlock {
    pub calendar: CalendarId,
    pub kind: BlockKind,
    pub title: Option<String>,
    /// The first time.
    pub span: Span,
    pub repeats: Repeats,
    /// Also over bookings, which are then told.
    pub allow_clashes: bool,
    pub overrides: BTreeSet<Override>,
}

/// Another state for occurrences of a block; what is not named stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EditBlock {
    pub block: BlockId,
    /// The version that the asker has seen.
    pub version: Option<i64>,
    pub scope: Scope,
    pub occurrence: Option<Which>,
    pub kind: Option<BlockKind>,
    pub title: Option<Option<String>>,
    /// Of the named occurrence, or else the first: the others move as far by the clock on the wall.
    pub start: Option<Minute>,
    pub end: Option<Minute>,
    pub allow_clashes: bool,
    pub overrides: BTreeSet<Override>,
}

/// Takes occurrences of a block away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unblock {
    pub block: BlockId,
    pub version: Option<i64>,
    pub scope: Scope,
    pub occurrence: Option<Which>,
}

/// One time that is blocked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// The claim's.
    pub id: ClaimId,
    pub span: Span,
    /// The local start that the rule gave it.
    pub at: NaiveDateTime,
    /// Changed on its own: edits of the block leave it alone.
    pub detached: bool,
    pub title: Option<String>,
}

/// A booking that a block lies over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clash {
    /// The claim's.
    pub id: ClaimId,
    pub span: Span,
    /// `None` for holds, and for what is another practice's.
    pub appointment: Option<AppointmentId>,
}

/// A block as a command has left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockState {
    pub block: Block,
    pub occurrences: Vec<Blocked>,
    pub clashes: Vec<Clash>,
}
