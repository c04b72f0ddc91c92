//! Hears whose rights have changed, whoever changed them, and has their sessions look again. What
//! this process changes itself is told at once ([`App::rights_changed`]); this is for the others.

use std::collections::HashSet;
use std::time::Duration;

use actix_web::{rt, web};
use diesel::QueryResult;
use schema::access_changes::{self, AccessChange};
use schema::log::{self, Horizon};
use schema::tenancy::unavailable;

use crate::app::App;

/// The moment from which on changes are to be heard.
///
/// # Errors
/// When the database cannot be read.
pub async fn now(app: &App) -> QueryResult<Horizon> {
    let mut connection = app
        .app_pool
        .get()
        .await
        .map_err(|error| unavailable(error.to_string()))?;
    log::horizon(&mut connection).await
}

/// Listens until it is aborted.
pub async fn watch(app: web::Data<App>, from: Horizon) {
    let every = Duration::from_millis(app.config.rights_poll_ms.max(1));
    let mut since = from;
    // An old transaction keeps the horizon back: what it covers comes again and again.
    let mut known: HashSet<i64> = HashSet::new();
    loop {
        rt::time::sleep(every).await;
        match changes(&app, since).await {
            Ok((next, changes)) => {
                for change in &changes {
                    if !known.contains(&change.id) {
                        tell(&app, change);
                    }
                }
                known = changes.into_iter().map(|change| change.id).collect();
                since = next;
            }
            // The next look begins where this one did: nothing is skipped.
            Err(error) => tracing::warn!(%error, "cannot look for changed rights"),
        }
    }
}

async fn changes(app: &App, since: Horizon) -> QueryResult<(Horizon, Vec<AccessChange>)> {
    let mut connection = app
        .app_pool
        .get()
        .await
        .map_err(|error| unavailable(error.to_string()))?;
    let next = log::horizon(&mut connection).await?;
    let changes = access_changes::since(&mut connection, since).await?;
    Ok((next, changes))
}

fn tell(app: &App, change: &AccessChange) {
    if let Some(user) = change.user_id {
        app.rights_changed(user);
    }
    if let Some(key) = change.key_id {
        app.key_changed(key);
    }
    if let Some(tenant) = change.tenant_id {
        app.practice_changed(tenant);
    }
}
