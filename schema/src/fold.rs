//! A calendar's state as its log tells it: events folded onto a base.

use std::collections::BTreeMap;

use diesel::QueryResult;
use serde_json::Value;

use crate::ids::ClaimId;
use crate::models::claim::{Claim, Op};

/// The claims at one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded(BTreeMap<ClaimId, Claim>);

impl Folded {
    /// Begins with a base as `calendars.base` keeps it.
    ///
    /// # Errors
    /// When it is none.
    pub fn onto(base: &Value) -> QueryResult<Self> {
        let claims: Vec<Claim> = serde_json::from_value(base.clone())
            .map_err(|error| diesel::result::Error::DeserializationError(Box::new(error)))?;
        Ok(Self(
            claims.into_iter().map(|claim| (claim.id, claim)).collect(),
        ))
    }

    /// What an event did.
    pub fn apply(&mut self, ops: Vec<Op>) {
        for op in ops {
            match op {
                Op::Put(claim) => self.0.insert(claim.id, claim),
                Op::Del { id, .. } => self.0.remove(&id),
            };
        }
    }

    /// Without claims that are kept elsewhere.
    pub fn leave_out(&mut self, ids: &[ClaimId]) {
        for id in ids {
            self.0.remove(id);
        }
    }

    /// By their ids.
    #[must_use]
    pub fn into_claims(self) -> BTreeMap<ClaimId, Claim> {
        self.0
    }
}
