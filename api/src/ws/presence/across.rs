//! Presence between nodes. They tell each other ids; each looks the names up for itself.

use std::time::{Duration, Instant};

use actix_web::web;
use engine::bus::{Ear, Heard, Topic};
use schema::ids::{CalendarId, TenantId, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Doing, Place, Presence, Sighting, Who};
use crate::app::App;
use crate::auth::api_keys;
use crate::auth::principal;

/// What nodes say.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// A session does something.
    Seen(Seen),
    /// Somebody begins to follow the calendar: who is there?
    WhoIsOn(CalendarId),
}

/// A sighting without names.
#[derive(Debug, Serialize, Deserialize)]
pub struct Seen {
    tenant: TenantId,
    calendar: CalendarId,
    session: Uuid,
    who: Uuid,
    is_key: bool,
    /// `None`: it is gone.
    state: Option<Doing>,
    span: Option<Place>,
    age_ms: u64,
}

/// Tells other nodes what was seen here.
pub fn tell(app: &App, sighting: &Sighting) {
    let presence = &sighting.presence;
    let seen = Seen {
        tenant: sighting.tenant,
        calendar: presence.calendar,
        session: presence.session,
        who: presence.who.id,
        is_key: presence.who.is_key,
        state: (presence.state != Doing::Gone).then_some(presence.state),
        span: presence.span,
        age_ms: u64::try_from(sighting.at.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    app.engine.bus().say(Topic::Presence, &Said::Seen(seen));
}

/// Asks other nodes who is on a calendar.
pub fn ask(app: &App, calendar: CalendarId) {
    let question = Said::WhoIsOn(calendar);
    app.engine.bus().say(Topic::Presence, &question);
}

/// Listens until it is aborted.
pub async fn listen(app: web::Data<App>, mut ear: Ear<Said>) {
    while let Some(heard) = ear.hear().await {
        match heard {
            Heard::Said(Said::Seen(seen)) => {
                if app.hubs.follows(seen.calendar)
                    && let Some(sighting) = named(&app, seen).await
                {
                    app.hubs.show(sighting);
                }
            }
            Heard::Said(Said::WhoIsOn(calendar)) => {
                for sighting in app.hubs.present_here(calendar) {
                    tell(&app, &sighting);
                }
            }
            // Whoever is there says so again.
            Heard::Missed => {}
        }
    }
}

/// With the name of whom it is of, unless that cannot be found.
async fn named(app: &App, seen: Seen) -> Option<Sighting> {
    let known = app.hubs.seen(seen.calendar, seen.session);
    let who = match known.map(|presence| presence.who) {
        Some(who) => who,
        // Gone, and never seen here.
        None if seen.state.is_none() => return None,
        None => Who {
            id: seen.who,
            name: name(app, &seen).await?,
            is_key: seen.is_key,
        },
    };
    let now = Instant::now();
    Some(Sighting {
        tenant: seen.tenant,
        at: now
            .checked_sub(Duration::from_millis(seen.age_ms))
            .unwrap_or(now),
        here: false,
        presence: Presence {
            calendar: seen.calendar,
            session: seen.session,
            who,
            state: seen.state.unwrap_or(Doing::Gone),
            span: seen.span,
        },
    })
}

async fn name(app: &App, seen: &Seen) -> Option<String> {
    let name = if seen.is_key {
        let key = api_keys::find(app, seen.who).await;
        key.map(|key| Some(key.workspace.name.clone()))
    } else {
        let account = principal::account(app, UserId(seen.who)).await;
        account.map(|account| account.map(|account| account.name.clone()))
    };
    name.unwrap_or_else(|problem| {
        tracing::warn!(?problem, "a colleague's name cannot be read");
        None
    })
}
