//! Blocks and the commands on them, as bodies and answers.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use engine::command::Reply;
use engine::command::block::{BlockState, Blocked, Clash};
use garde::Validate;
use schema::ids::{AppointmentId, BlockId, CalendarId, ClaimId, OperatoryId, ProviderId};
use schema::models::block::{Block, BlockKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::repeat::positions;
use crate::rest::input::nullable;

/// A new block. It names one calendar: by its id, or by whose it is.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewBlock {
    #[garde(skip)]
    #[schema(value_type = Option<Uuid>)]
    pub calendar_id: Option<CalendarId>,
    #[garde(skip)]
    #[schema(value_type = Option<Uuid>)]
    pub dentist_id: Option<ProviderId>,
    #[garde(skip)]
    #[schema(value_type = Option<Uuid>)]
    pub operatory_id: Option<OperatoryId>,
    /// `time_off`, `meeting`, `cleaning` or `other`.
    #[garde(skip)]
    #[schema(value_type = String)]
    pub kind: BlockKind,
    #[garde(length(chars, max = 200))]
    pub title: Option<String>,
    #[garde(skip)]
    pub start: DateTime<Utc>,
    #[garde(skip)]
    pub end: DateTime<Utc>,
    /// RFC 5545, in the practice's zone: `FREQ=WEEKLY;BYDAY=FR;COUNT=10`.
    #[garde(length(bytes, max = 2000))]
    pub rrule: Option<String>,
    #[garde(length(max = 400))]
    #[serde(default)]
    pub rdates: Vec<DateTime<Utc>>,
    #[garde(length(max = 400))]
    #[serde(default)]
    pub exdates: Vec<DateTime<Utc>>,
    /// Also over appointments and holds, which stay; the answer lists them.
    #[garde(skip)]
    #[serde(default)]
    pub allow_clashes: bool,
    /// `outside_hours`: an operatory outside the practice's own time there.
    #[garde(skip)]
    #[serde(default, rename = "override")]
    pub overrides: Vec<String>,
}

/// What to change of a block; what is not named stays.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlockEdit {
    /// Of the whole block, so with `scope=all` only.
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    pub kind: Option<BlockKind>,
    /// `null` removes it.
    #[garde(inner(inner(length(chars, max = 200))))]
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub title: Option<Option<String>>,
    /// Of the named occurrence, or else the first; the others move as far, by the clock on the wall.
    #[garde(skip)]
    pub start: Option<DateTime<Utc>>,
    #[garde(skip)]
    pub end: Option<DateTime<Utc>>,
    #[garde(skip)]
    #[serde(default)]
    pub allow_clashes: bool,
    #[garde(skip)]
    #[serde(default, rename = "override")]
    pub overrides: Vec<String>,
}

/// A block with its occurrences.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlockView {
    #[schema(value_type = Uuid)]
    pub id: BlockId,
    /// Its ETag.
    pub version: i64,
    #[schema(value_type = Uuid)]
    pub calendar_id: CalendarId,
    #[schema(value_type = String)]
    pub kind: BlockKind,
    /// How it was asked for; the occurrences are as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rrule: Option<String>,
    pub occurrences: Vec<BlockedView>,
    /// Bookings under it that it was put over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub clashes: Vec<ClashView>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub positions: BTreeMap<Uuid, i64>,
}

/// One time that is blocked. Its id is its entry's on the calendar.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlockedView {
    #[schema(value_type = Uuid)]
    pub id: ClaimId,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    /// The local start that the rule gave it.
    pub occurrence: NaiveDateTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Changed on its own: edits of the block leave it alone.
    pub detached: bool,
}

/// A booking under a block.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClashView {
    #[schema(value_type = Uuid)]
    pub calendar_id: CalendarId,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    /// Absent for holds, and for what is another practice's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub appointment_id: Option<AppointmentId>,
}

/// What is blocked no longer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UnblockedView {
    /// Ids of the occurrences.
    #[schema(value_type = Vec<Uuid>)]
    pub removed: Vec<ClaimId>,
    pub positions: BTreeMap<Uuid, i64>,
}

impl BlockView {
    /// A block as it is, with some of its occurrences.
    #[must_use]
    pub fn new(block: Block, occurrences: Vec<BlockedView>) -> Self {
        Self {
            id: block.id,
            version: block.version,
            calendar_id: block.calendar,
            kind: block.kind,
            rrule: block.rrule,
            occurrences,
            clashes: Vec::new(),
            positions: BTreeMap::new(),
        }
    }

    /// A block as a command has left it.
    #[must_use]
    pub fn of(state: &BlockState, reply: &Reply) -> Self {
        let calendar = state.block.calendar;
        let occurrences = state.occurrences.iter().map(BlockedView::of).collect();
        let clash = |clash: &Clash| ClashView {
            calendar_id: calendar,
            start: clash.span.start().to_utc(),
            end: clash.span.end().to_utc(),
            appointment_id: clash.appointment,
        };
        Self {
            clashes: state.clashes.iter().map(clash).collect(),
            positions: positions(reply),
            ..Self::new(state.block.clone(), occurrences)
        }
    }
}

impl BlockedView {
    fn of(one: &Blocked) -> Self {
        Self {
            id: one.id,
            start: one.span.start().to_utc(),
            end: one.span.end().to_utc(),
            occurrence: one.at,
            title: one.title.clone(),
            detached: one.detached,
        }
    }
}

impl From<schema::blocks::BlockClaim> for BlockedView {
    fn from(claim: schema::blocks::BlockClaim) -> Self {
        Self {
            id: claim.id,
            start: claim.span.start().to_utc(),
            end: claim.span.end().to_utc(),
            occurrence: claim.occurrence,
            title: claim.title,
            detached: claim.detached,
        }
    }
}
