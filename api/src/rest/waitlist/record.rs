//! Entries of the waitlist on the wire and as rows.

use chrono::{DateTime, NaiveDate, NaiveTime, Timelike, Utc};
use diesel::prelude::*;
use garde::Validate;
use schema::ids::{EntryId, OfferId, OperatoryId, PatientId, ProviderId, TenantId, TreatmentId};
use schema::schema::{waitlist_entries, waitlist_offers};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Problem;

/// Nobody names more.
const DENTISTS_MAX: usize = 50;

/// Somebody to be put on the waitlist. What is left out is "any".
#[derive(Clone, Debug, Deserialize, Serialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewEntry {
    #[garde(skip)]
    #[schema(value_type = Uuid)]
    pub patient_id: PatientId,
    #[garde(skip)]
    #[schema(value_type = Uuid)]
    pub treatment_id: TreatmentId,
    #[garde(length(max = DENTISTS_MAX))]
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>)]
    pub dentist_ids: Vec<ProviderId>,
    /// ISO 8601: Monday is 1.
    #[garde(length(max = 7), inner(range(min = 1, max = 7)))]
    #[serde(default)]
    pub weekdays: Vec<i16>,
    /// Local times between which the visit lies, `HH:MM`; `24:00` is midnight.
    #[garde(skip)]
    #[schema(example = "09:00")]
    pub from_time: Option<String>,
    #[garde(skip)]
    #[schema(example = "13:00")]
    pub to_time: Option<String>,
    /// Local dates.
    #[garde(skip)]
    pub earliest: Option<NaiveDate>,
    #[garde(skip)]
    pub latest: Option<NaiveDate>,
    /// The higher the sooner; 0 without.
    #[garde(range(min = -100, max = 100))]
    #[serde(default)]
    pub priority: i16,
}

/// A row to be inserted.
#[derive(Debug, Insertable)]
#[diesel(table_name = waitlist_entries)]
pub(super) struct NewRow {
    id: EntryId,
    tenant_id: TenantId,
    patient_id: PatientId,
    treatment_id: TreatmentId,
    provider_ids: Vec<ProviderId>,
    weekdays: Vec<i16>,
    from_minute: i16,
    to_minute: i16,
    earliest: Option<NaiveDate>,
    latest: Option<NaiveDate>,
    priority: i16,
}

impl NewRow {
    pub(super) fn id(&self) -> EntryId {
        self.id
    }
}

impl NewEntry {
    pub(super) fn into_row(mut self, tenant: TenantId) -> Result<NewRow, Problem> {
        let from_minute = minute("fromTime", self.from_time.as_deref(), 0)?;
        let to_minute = minute("toTime", self.to_time.as_deref(), 1440)?;
        if to_minute <= from_minute {
            return Err(Problem::invalid("toTime", "later than fromTime"));
        }
        if self.latest.zip(self.earliest).is_some_and(|(l, e)| l < e) {
            return Err(Problem::invalid("latest", "not before earliest"));
        }
        self.weekdays.sort_unstable();
        self.weekdays.dedup();
        self.dentist_ids.sort();
        self.dentist_ids.dedup();
        Ok(NewRow {
            id: EntryId::new(),
            tenant_id: tenant,
            patient_id: self.patient_id,
            treatment_id: self.treatment_id,
            provider_ids: self.dentist_ids,
            weekdays: self.weekdays,
            from_minute,
            to_minute,
            earliest: self.earliest,
            latest: self.latest,
            priority: self.priority,
        })
    }
}

fn minute(field: &str, text: Option<&str>, default: i16) -> Result<i16, Problem> {
    let Some(text) = text else { return Ok(default) };
    if text == "24:00" {
        return Ok(1440);
    }
    NaiveTime::parse_from_str(text, "%H:%M")
        .ok()
        .and_then(|time| i16::try_from(time.hour() * 60 + time.minute()).ok())
        .ok_or_else(|| Problem::invalid(field, "a local time such as 09:00"))
}

fn clock(minute: i16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = waitlist_entries)]
pub(super) struct EntryRow {
    id: EntryId,
    patient_id: PatientId,
    treatment_id: TreatmentId,
    provider_ids: Vec<Option<ProviderId>>,
    weekdays: Vec<Option<i16>>,
    from_minute: i16,
    to_minute: i16,
    earliest: Option<NaiveDate>,
    latest: Option<NaiveDate>,
    priority: i16,
    status: String,
    created_at: DateTime<Utc>,
}

impl EntryRow {
    pub(super) fn id(&self) -> EntryId {
        self.id
    }

    /// Whether they still wait.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.status.as_str(), "waiting" | "offered")
    }
}

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = waitlist_offers)]
pub(super) struct OfferRow {
    id: OfferId,
    entry_id: EntryId,
    provider_id: ProviderId,
    operatory_id: OperatoryId,
    start_at: DateTime<Utc>,
    end_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

/// Somebody on the waitlist.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntryView {
    #[schema(value_type = Uuid)]
    id: EntryId,
    #[schema(value_type = Uuid)]
    patient_id: PatientId,
    #[schema(value_type = Uuid)]
    treatment_id: TreatmentId,
    #[schema(value_type = Vec<Uuid>)]
    dentist_ids: Vec<ProviderId>,
    weekdays: Vec<i16>,
    from_time: String,
    to_time: String,
    earliest: Option<NaiveDate>,
    latest: Option<NaiveDate>,
    priority: i16,
    /// `waiting`, `offered`, `booked` or `withdrawn`.
    status: String,
    since: DateTime<Utc>,
    /// What they are being offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    offer: Option<OpenOffer>,
}

/// Time that is kept for somebody until they answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenOffer {
    #[schema(value_type = Uuid)]
    id: OfferId,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    #[schema(value_type = Uuid)]
    dentist_id: ProviderId,
    #[schema(value_type = Uuid)]
    operatory_id: OperatoryId,
    expires_at: DateTime<Utc>,
}

impl EntryView {
    pub(super) fn of(row: EntryRow, offers: &[OfferRow]) -> Self {
        let offer = offers.iter().find(|offer| offer.entry_id == row.id);
        Self {
            id: row.id,
            patient_id: row.patient_id,
            treatment_id: row.treatment_id,
            dentist_ids: row.provider_ids.into_iter().flatten().collect(),
            weekdays: row.weekdays.into_iter().flatten().collect(),
            from_time: clock(row.from_minute),
            to_time: clock(row.to_minute),
            earliest: row.earliest,
            latest: row.latest,
            priority: row.priority,
            status: row.status,
            since: row.created_at,
            offer: offer.map(|offer| OpenOffer {
                id: offer.id,
                start: offer.start_at,
                end: offer.end_at,
                dentist_id: offer.provider_id,
                operatory_id: offer.operatory_id,
                expires_at: offer.expires_at,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_times_are_minutes_of_the_day() {
        for (text, expected) in [
            (None, Some(0)),
            (Some("00:00"), Some(0)),
            (Some("09:30"), Some(570)),
            (Some("24:00"), Some(1440)),
            (Some("24:01"), None),
            (Some("9"), None),
            (Some(""), None),
        ] {
            assert_eq!(minute("fromTime", text, 0).ok(), expected, "{text:?}");
        }
        assert_eq!(clock(570), "09:30");
        assert_eq!(clock(1440), "24:00");
    }
}
