//! Beginning to follow a calendar: from where the client was if the log goes back that far, else
//! from a snapshot.

use std::sync::Arc;

use actix_web::web;
use bytestring::ByteString;
use engine::feed::Delta;
use engine::scheduling::timeline::Timeline;
use schema::ids::{CalendarId, TenantId};
use schema::span::Span;
use uuid::Uuid;

use super::frames::Position;
use super::hub::Attached;
use super::outbox::Outbox;
use super::replies::{Plain, Reply};
use crate::app::App;
use crate::auth::principal::Member;
use crate::names;
use crate::problem::Problem;
use crate::rest::calendars::{readable, reader};
use crate::wire::delta::{DeltaView, epoch};
use crate::wire::entry::{Entry, Reader};

/// A client that is further behind gets a snapshot: shorter than the log.
const RESUME_EVENTS_MAX: i64 = 500;
/// More events than this are told as one.
const RESUME_APART_MAX: usize = 8;

/// What a session follows, and how to start again.
pub(super) struct Followed {
    pub tenant: TenantId,
    pub reader: Reader,
    pub range: Span,
    pub attached: Attached,
}

/// Where a follower is.
pub(super) enum From {
    /// The client asked, and told where it is.
    Client { id: u64, since: Option<Position> },
    /// Nobody asked: the client has this version of the same state, and missed what came after.
    Version(i64),
    /// Nobody asked, and what the client has cannot be continued.
    Nothing,
}

impl From {
    /// The number of the frame to answer.
    pub(super) fn id(&self) -> Option<u64> {
        match self {
            Self::Client { id, .. } => Some(*id),
            Self::Version(_) | Self::Nothing => None,
        }
    }
}

/// Attaches and queues the first frames of a session.
pub(super) async fn follow(
    app: web::Data<App>,
    session: Uuid,
    outbox: Arc<Outbox>,
    member: &Member,
    calendar: CalendarId,
    range: Span,
    from: From,
) -> Result<Followed, Problem> {
    let tenant = member.tenant();
    let cell = readable(&app, tenant, calendar).await?;
    let reader = reader(member);
    let actor = member.actor();
    let (attached, timeline) = app
        .hubs
        .attach(&app, &cell, reader, actor.as_str().into(), outbox);
    let state = State {
        app: &app,
        reader,
        actor: &actor,
        epoch: epoch(app.engine.epoch(), reader),
        timeline: &timeline,
        calendar,
    };
    let continued = match &from {
        From::Client {
            since: Some(since), ..
        } if since.epoch == state.epoch => Some(since.version),
        From::Version(version) => Some(*version),
        From::Client { .. } | From::Nothing => None,
    };
    let resumed = match continued {
        Some(version) => state.resumed(version, from.id()).await?,
        None => None,
    };
    let first = match resumed {
        Some(frames) => frames,
        None => vec![state.snapshot(range, from.id()).await?],
    };
    attached.subscription.open(first);
    if from.id().is_some() {
        attached.greet(session);
    }
    Ok(Followed {
        tenant,
        reader,
        range,
        attached,
    })
}

/// The state that a subscription begins with, as its reader sees it.
struct State<'a> {
    app: &'a App,
    reader: Reader,
    actor: &'a str,
    epoch: String,
    timeline: &'a Timeline,
    calendar: CalendarId,
}

impl State<'_> {
    async fn snapshot(&self, range: Span, id: Option<u64>) -> Result<ByteString, Problem> {
        let shown = || self.timeline.overlapping(range).map(|claim| &**claim);
        let reader = self.reader;
        let names = names::of(self.app, reader.tenant, reader.sees_patients, shown()).await?;
        let entries = shown()
            .map(|claim| Entry::of(claim, reader.sees(claim), &names, Some(self.actor)))
            .collect();
        Ok(Plain::Snapshot {
            id,
            calendar: self.calendar,
            epoch: &self.epoch,
            version: self.timeline.version(),
            entries,
        }
        .text())
    }

    /// The frames from `version` to the state; `None` where the log does not have them.
    async fn resumed(
        &self,
        version: i64,
        id: Option<u64>,
    ) -> Result<Option<Vec<ByteString>>, Problem> {
        let behind = self.timeline.version() - version;
        if version < 0 || !(0..=RESUME_EVENTS_MAX).contains(&behind) {
            return Ok(None);
        }
        let mut frames = Vec::new();
        if let Some(id) = id {
            let resumed = Plain::Resumed {
                id,
                calendar: self.calendar,
                epoch: &self.epoch,
                version: self.timeline.version(),
            };
            frames.push(resumed.text());
        }
        let events = match behind {
            0 => Vec::new(),
            _ => {
                let engine = &self.app.engine;
                engine.events_after(self.calendar, version, behind).await?
            }
        };
        let mut deltas: Vec<Delta> = events.into_iter().map(Delta::from).collect();
        let mut reached = version;
        for delta in &deltas {
            if delta.prev != reached {
                return Ok(None);
            }
            reached = delta.version;
        }
        if reached != self.timeline.version() {
            return Ok(None);
        }
        if id.is_none() || deltas.len() > RESUME_APART_MAX {
            deltas = Delta::merged(deltas).into_iter().collect();
        }
        for delta in &deltas {
            frames.push(self.delta(delta).await?);
        }
        Ok(Some(frames))
    }

    async fn delta(&self, delta: &Delta) -> Result<ByteString, Problem> {
        let reader = self.reader;
        let puts = DeltaView::puts(delta);
        let names = names::of(self.app, reader.tenant, reader.sees_patients, puts).await?;
        let sees = |claim: &_| reader.sees(claim);
        let view = DeltaView::of(delta, self.epoch.clone(), &names, Some(self.actor), sees);
        Ok(Reply::Delta(view).text())
    }
}
