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
        let mut connection = self.0.parts.connection().await?;
        Ok(holds::find(&mut connection, tenant, id).await?)
    }

    /// The live hold of a practice that `token` belongs to.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn hold_of(&self, tenant: TenantId, token: &str) -> Result<Option<Hold>, Failure> {
        let mut connection = self.0.parts.connection().await?;
        Ok(holds::with_token(&mut connection, tenant, &tokens::hash(token)).await?)
    }
}
