//! The rules of a practice as rows: who works where and when, and what is offered.

use chrono::NaiveDate;
use diesel::prelude::*;
use serde_json::Value;

use crate::ids::{
    AssignmentId, CalendarId, ClinicId, ExceptionId, OperatoryId, ProviderId, TenantId,
    TreatmentId, UserId,
};
use crate::schema;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = schema::tenants)]
pub struct Tenant {
    pub id: TenantId,
    pub name: String,
    pub subdomain: String,
    /// IANA name.
    pub zone: String,
    pub locale: String,
    pub status: String,
    pub policy: Value,
    pub rules_version: i64,
}

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::clinics)]
pub struct Clinic {
    pub id: ClinicId,
    pub name: String,
    pub zone: String,
    pub city: String,
    pub address: String,
    /// Nothing is booked in a clinic that is not.
    pub active: bool,
    pub rules_version: i64,
}

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::operatories)]
pub struct Operatory {
    pub id: OperatoryId,
    pub clinic_id: ClinicId,
    pub name: String,
    pub calendar_id: CalendarId,
    pub active: bool,
}

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::providers)]
pub struct Provider {
    pub id: ProviderId,
    pub tenant_id: TenantId,
    pub user_id: Option<UserId>,
    /// `dentist`, `hygienist` or `assistant`.
    pub role: String,
    pub name: String,
    /// `#rrggbb`
    pub color: String,
    pub calendar_id: CalendarId,
    pub active: bool,
}

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::equipment)]
pub struct Equipment {
    pub id: uuid::Uuid,
    pub tenant_id: TenantId,
    pub clinic_id: Option<ClinicId>,
    pub name: String,
    pub calendar_id: CalendarId,
    pub active: bool,
}

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::assignments)]
pub struct Assignment {
    pub id: AssignmentId,
    pub tenant_id: TenantId,
    pub provider_id: ProviderId,
    pub operatory_id: OperatoryId,
    pub valid_from: NaiveDate,
    /// The last day.
    pub valid_to: Option<NaiveDate>,
    pub shared: bool,
}

/// Local minutes of the day on one ISO weekday (Monday is 1); `to_minute` 1440 is midnight.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::assignment_hours)]
pub struct AssignmentHours {
    pub tenant_id: TenantId,
    pub assignment_id: AssignmentId,
    pub weekday: i16,
    pub from_minute: i16,
    pub to_minute: i16,
}

/// As [`AssignmentHours`], of a staff member or equipment.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::calendar_hours)]
pub struct CalendarHours {
    pub tenant_id: TenantId,
    pub calendar_id: CalendarId,
    pub weekday: i16,
    pub from_minute: i16,
    pub to_minute: i16,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
}

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::schedule_exceptions)]
pub struct ScheduleException {
    pub id: ExceptionId,
    /// `tenant`, `clinic`, `operatory` or `provider`.
    pub scope: String,
    pub tenant_id: Option<TenantId>,
    pub clinic_id: Option<ClinicId>,
    pub operatory_id: Option<OperatoryId>,
    pub provider_id: Option<ProviderId>,
    /// `closed` or `extra`.
    pub kind: String,
    pub from_date: NaiveDate,
    /// The last day.
    pub to_date: NaiveDate,
    /// The whole day without.
    pub from_minute: Option<i16>,
    pub to_minute: Option<i16>,
    pub name_es: String,
    pub name_en: String,
}

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::treatments)]
pub struct Treatment {
    pub id: TreatmentId,
    pub tenant_id: TenantId,
    pub code: String,
    pub name_es: String,
    pub name_en: String,
    pub duration_min: i16,
    /// `[{role, from, to, bufferBefore, bufferAfter}]`
    pub pattern: Value,
    pub color: String,
    pub price_cents: i32,
    pub online_bookable: bool,
    pub min_notice_min: Option<i32>,
    pub horizon_days: Option<i16>,
    pub slot_interval_min: Option<i16>,
    pub daily_cap: Option<i16>,
    pub active: bool,
}
