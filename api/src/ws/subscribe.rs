//! Beginning to follow a calendar: from where the client was if the log goes back that far, else
//! from a snapshot.

use std::sync::Arc;

use actix_web::web;
use bytestring::ByteString;
use engine::feed::Delta;
use engine::scheduling::timeline::Timeline;
use schema::span::Span;

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

/// What a session follows, and how to start again.
pub(super) struct Followed {
    pub member: Member,
    pub range: Span,
    pub attached: Attached,
}

/// Attaches and queues the first frames. `id` is absent where the server starts again by itself.
pub(super) async fn follow(
    app: web::Data<App>,
    outbox: Arc<Outbox>,
    member: Member,
    calendar: schema::ids::CalendarId,
    range: Span,
    since: Option<Position>,
    id: Option<u64>,
) -> Result<Followed, Problem> {
    let cell = readable(&app, member.tenant(), calendar).await?;
    let reader = reader(&member);
    let (attached, timeline) = app.hubs.attach(&app, &cell, reader, outbox);
    let epoch = epoch(app.engine.epoch(), reader);
    let resumed = match (since, id) {
        (Some(since), Some(id)) if since.epoch == epoch => {
            resume(&app, reader, &epoch, &timeline, calendar, since.version, id).await?
        }
        _ => None,
    };
    let first = match resumed {
        Some(frames) => frames,
        None => vec![snapshot(&app, reader, &epoch, &timeline, calendar, range, id).await?],
    };
    attached.subscription.open(first);
    Ok(Followed {
        member,
        range,
        attached,
    })
}

async fn snapshot(
    app: &App,
    reader: Reader,
    epoch: &str,
    timeline: &Timeline,
    calendar: schema::ids::CalendarId,
    range: Span,
    id: Option<u64>,
) -> Result<ByteString, Problem> {
    let shown = || timeline.overlapping(range).map(|claim| &**claim);
    let names = names::of(app, reader.tenant, reader.sees_patients, shown()).await?;
    let entries = shown()
        .map(|claim| Entry::of(claim, reader.sees(claim), &names))
        .collect();
    let version = timeline.version();
    Ok(Plain::Snapshot {
        id,
        calendar,
        epoch,
        version,
        entries,
    }
    .text())
}

/// The frames from `version` to the attached state; `None` where the log does not have them.
async fn resume(
    app: &App,
    reader: Reader,
    epoch: &str,
    timeline: &Timeline,
    calendar: schema::ids::CalendarId,
    version: i64,
    id: u64,
) -> Result<Option<Vec<ByteString>>, Problem> {
    let behind = timeline.version() - version;
    if version < 0 || !(0..=RESUME_EVENTS_MAX).contains(&behind) {
        return Ok(None);
    }
    let resumed = Plain::Resumed {
        id,
        calendar,
        epoch,
        version: timeline.version(),
    }
    .text();
    let mut frames = vec![resumed];
    let events = match behind {
        0 => Vec::new(),
        _ => app.engine.events_after(calendar, version, behind).await?,
    };
    let mut reached = version;
    for event in events {
        let delta = Delta::from(event);
        if delta.prev != reached {
            return Ok(None);
        }
        reached = delta.version;
        let puts = DeltaView::puts(&delta);
        let names = names::of(app, reader.tenant, reader.sees_patients, puts).await?;
        let view = DeltaView::of(&delta, epoch.to_owned(), &names, |claim| reader.sees(claim));
        frames.push(Reply::Delta(view).text());
    }
    Ok((reached == timeline.version()).then_some(frames))
}
