//! Reads whose rights have changed, whoever changed them, and has their sessions look again. What
//! this process changes itself is told at once ([`App::rights_changed`]), to other nodes too while
//! there is a bus; this is for what they miss.

use std::collections::HashSet;
use std::time::Duration;

use actix_web::{rt, web};
use diesel::QueryResult;
use schema::access_changes::{self, AccessChange};
use schema::ids::{TenantId, UserId};
use schema::log::{self, Horizon};
use schema::tenancy::unavailable;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::app::App;

/// Whose rights have changed, also as nodes tell each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RightsOf {
    User(UserId),
    /// An API key's.
    Key(Uuid),
    /// Everybody's of a practice.
    Practice(TenantId),
}

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
    let mut begun_again = app.engine.begun_again();
    loop {
        rt::time::sleep(every).await;
        if begun_again.has_changed().unwrap_or(false) {
            // The server may have crashed, and the horizon hide what was changed since.
            begun_again.mark_unchanged();
            match now(&app).await {
                Ok(next) => since = next,
                Err(error) => tracing::warn!(%error, "cannot look for changed rights"),
            }
            app.everybody_looks_again();
        }
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
        app.look_again(RightsOf::User(user));
    }
    if let Some(key) = change.key_id {
        app.look_again(RightsOf::Key(key));
    }
    match (change.tenant_id, change.patient_id) {
        (Some(tenant), Some(patient)) => app.patients.forget(tenant, patient),
        (Some(tenant), None) => app.look_again(RightsOf::Practice(tenant)),
        (None, _) => {}
    }
}
