//! Commands that keep time for somebody, and turn it into a visit or let it go. Whoever builds one
//! of those that name a hold has checked that the asker is its holder.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use schema::ids::{
    AppointmentId, EntryId, HoldId, OfferId, OperatoryId, PatientId, ProviderId, TenantId,
    TreatmentId,
};
use schema::models::hold::{Ended, Hold as Row};
use schema::span::{Minute, Span};
use serde::{Deserialize, Serialize};

use super::PatientRef;
use crate::scheduling::rejection::Override;

/// Keeps time. Its id and its token are made by whoever asks, anew each time: they are no part of
/// what is asked, so a repeated command is the same command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hold {
    #[serde(skip)]
    pub id: HoldId,
    /// SHA-256 of the token that makes its bearer the holder.
    #[serde(skip)]
    pub token_hash: Vec<u8>,
    pub provider: ProviderId,
    pub treatment: TreatmentId,
    pub start: Minute,
    /// `None`: any that the provider may use.
    pub operatory: Option<OperatoryId>,
    /// Minutes; the treatment's own without.
    pub duration: Option<i64>,
    /// Their time is kept too.
    pub patient: Option<PatientRef>,
    pub overrides: BTreeSet<Override>,
    #[serde(skip)]
    pub owner: String,
    /// The network that a public asker comes from.
    #[serde(skip)]
    pub address: Option<String>,
    #[serde(skip)]
    pub limits: HoldLimits,
    /// What it stands for, when somebody on the waitlist is offered the time.
    #[serde(skip)]
    pub offer: Option<Offer>,
}

/// How many live holds there may be with this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HoldLimits {
    pub per_owner: Option<i64>,
    pub per_address: Option<i64>,
    /// Of the provider's free starts of that day, for the public's holds together; at least one.
    pub percent_of_day: Option<i64>,
}

/// An offer to somebody on the waitlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub id: OfferId,
    pub entry: EntryId,
    pub token_hash: Vec<u8>,
}

/// Makes a hold an appointment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Confirm {
    pub hold: HoldId,
    /// The appointment's id; not a part of what is asked.
    #[serde(skip)]
    pub appointment: AppointmentId,
    /// For whom; `None`: for whom the time is kept.
    #[serde(skip)]
    pub patient: Option<PatientRef>,
    /// Names the patient as the asker did: a repeated command has the same.
    pub applicant: String,
    pub notes: Option<String>,
}

/// Lets a hold end earlier because the connection that it was made on is gone; nothing happens if
/// its holder has been heard of since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Abandon {
    pub hold: HoldId,
    /// The expiry that the lost connection knew.
    pub seen: DateTime<Utc>,
    /// How long its holder has to come back, in milliseconds.
    pub grace_ms: i64,
}

/// A hold as a command has left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HoldState {
    pub id: HoldId,
    pub tenant: TenantId,
    pub span: Span,
    pub provider: ProviderId,
    pub operatory: OperatoryId,
    pub treatment: TreatmentId,
    pub patient: Option<PatientId>,
    pub expires_at: DateTime<Utc>,
    pub renewable_until: DateTime<Utc>,
    pub ended: Option<Ended>,
}

impl HoldState {
    /// A row's public part.
    #[must_use]
    pub fn of(hold: &Row, ended: Option<Ended>) -> Self {
        Self {
            id: hold.id,
            tenant: hold.tenant,
            span: hold.span,
            provider: hold.provider,
            operatory: hold.operatory,
            treatment: hold.treatment,
            patient: hold.patient,
            expires_at: hold.expires_at,
            renewable_until: hold.renewable_until,
            ended,
        }
    }
}
