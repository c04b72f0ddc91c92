//! Holds as rows: time kept for whoever has the token.

use chrono::{DateTime, Utc};

use crate::ids::{HoldId, OperatoryId, PatientId, ProviderId, TenantId, TreatmentId};
use crate::models::claim::{HeldVisit, HoldRef};
use crate::models::pattern::Placed;
use crate::span::Span;

/// A hold as it is kept. Its claims exist until an event removes them, whatever the clock says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub id: HoldId,
    pub tenant: TenantId,
    /// SHA-256 of the token whose bearer owns the hold.
    pub token_hash: Vec<u8>,
    pub span: Span,
    pub provider: ProviderId,
    pub operatory: OperatoryId,
    pub treatment: TreatmentId,
    pub patient: Option<PatientId>,
    pub pattern: Vec<Placed>,
    /// The user or session that limits count.
    pub owner: String,
    /// The public asker's network, where there is one.
    pub address: Option<String>,
    pub expires_at: DateTime<Utc>,
    pub renewable_until: DateTime<Utc>,
}

impl Hold {
    /// What its claims know of it.
    #[must_use]
    pub fn reference(&self) -> HoldRef {
        HoldRef {
            id: self.id,
            expires_at: self.expires_at,
            visit: Some(HeldVisit {
                provider: self.provider,
                treatment: self.treatment,
                start: self.span.start(),
            }),
        }
    }
}
