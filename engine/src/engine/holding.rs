//! What the outside asks of holds without changing them.

use schema::holds;
use schema::ids::{HoldId, TenantId};
use schema::models::hold::Hold;

use super::Engine;
use crate::failure::Failure;
use crate::tokens::{self, HolderTokens};

impl Engine {
    /// What makes the tokens of holds, offers and bookings.
    #[must_use]
    pub fn tokens(&self) -> &HolderTokens {
        &self.0.parts.settings.tokens
    }

    /// A practice's hold, also for a day after it has ended.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn find_hold(
        &self,
        tenant: TenantId,
        id: HoldId,
    ) -> Result<Option<holds::Stored>, Failure> {
        Ok(self.0.parts.store.hold(tenant, id).await?)
    }

    /// The live hold of a practice that `token` belongs to.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn hold_of(&self, tenant: TenantId, token: &str) -> Result<Option<Hold>, Failure> {
        let hash = tokens::hash(token);
        Ok(self.0.parts.store.hold_with_token(tenant, &hash).await?)
    }
}
