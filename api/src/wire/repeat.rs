//! What series and blocks have in common on the wire: which occurrences a change is about.

use std::collections::BTreeMap;

use engine::command::{Reply, Scope, Which};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::time;
use crate::problem::Problem;

/// Which occurrences.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ScopeQuery {
    /// `this`, `following` or `all`; without, `this` where an occurrence is named, else `all`.
    scope: Option<String>,
    /// The occurrence that the change begins with: its appointment's (or entry's) id, or its start
    /// in RFC 3339, by the rule or as it is.
    occurrence: Option<String>,
}

impl ScopeQuery {
    /// As the engine takes it.
    ///
    /// # Errors
    /// 422 for another word, or an occurrence that is neither id nor time.
    pub fn read(&self) -> Result<(Scope, Option<Which>), Problem> {
        let which = match self.occurrence.as_deref() {
            None => None,
            Some(text) => Some(match text.parse() {
                Ok(id) => Which::Id(id),
                Err(_) => Which::Start(time::parse("occurrence", text)?),
            }),
        };
        let scope = match (self.scope.as_deref(), which) {
            (Some("this"), _) | (None, Some(_)) => Scope::This,
            (Some("following"), _) => Scope::Following,
            (Some("all"), _) | (None, None) => Scope::All,
            (Some(_), _) => {
                return Err(Problem::invalid("scope", "this, following or all"));
            }
        };
        Ok((scope, which))
    }
}

/// The versions that a command gave the calendars.
#[must_use]
pub fn positions(reply: &Reply) -> BTreeMap<Uuid, i64> {
    let positions = reply.positions.iter();
    positions.map(|(id, version)| (id.0, *version)).collect()
}
