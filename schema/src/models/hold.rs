//! Holds as rows: time kept for whoever has the token.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{HoldId, OfferId, OperatoryId, PatientId, ProviderId, TenantId, TreatmentId};
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
    /// The user or session that limits count, or the offer that it stands for.
    pub owner: String,
    /// The public asker's network, where there is one.
    pub address: Option<String>,
    /// In whole milliseconds: events tell it as text.
    pub expires_at: DateTime<Utc>,
    pub renewable_until: DateTime<Utc>,
}

/// How a hold has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It has become an appointment.
    Confirmed,
    /// Its holder has let go.
    Released,
    Expired,
}

impl Ended {
    const ALL: [Self; 3] = [Self::Confirmed, Self::Released, Self::Expired];

    /// As the database calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Released => "released",
            Self::Expired => "expired",
        }
    }

    /// The end of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|end| end.name() == name)
    }
}

/// The owner of a hold that stands for an offer begins so.
const OFFER: &str = "offer:";
/// Owners that begin so are members and API keys: known to their colleagues, unlike guests.
const KNOWN: [&str; 2] = ["user:", "key:"];

/// The owner, where events may name it.
pub(crate) fn holder(owner: &str) -> Option<String> {
    let known = KNOWN.iter().any(|prefix| owner.starts_with(prefix));
    known.then(|| owner.to_owned())
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
            holder: holder(&self.owner),
        }
    }

    /// The owner of the hold behind an offer.
    #[must_use]
    pub fn owned_by_offer(offer: OfferId) -> String {
        format!("{OFFER}{offer}")
    }

    /// The offer to somebody on the waitlist that this hold stands for.
    #[must_use]
    pub fn offer(&self) -> Option<OfferId> {
        self.owner.strip_prefix(OFFER)?.parse().ok()
    }
}
