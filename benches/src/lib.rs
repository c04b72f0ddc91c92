//! A practice with a month of visits, for the benches to decide on. No clock, no database.

use std::collections::HashMap;

use chrono::NaiveDate;
use engine::scheduling::rulebook::{BadRules, RuleBook};
use engine::scheduling::timeline::Timeline;
use schema::ids::{
    AssignmentId, CalendarId, ClaimId, ClinicId, OperatoryId, ProviderId, TenantId, TreatmentId,
};
use schema::models::catalogue::{
    Assignment, AssignmentHours, Clinic, Operatory, Provider, Tenant, Treatment,
};
use schema::models::claim::{Claim, ClaimKind};
use schema::rules::TenantRows;
use schema::span::{DAY, Minute, Span};
use serde_json::json;
use uuid::Uuid;

/// Monday, 2027-03-01T05:00Z: local midnight in Guayaquil.
pub const MONDAY: Minute = Minute(30_064_620);

/// Rules and what is taken.
#[derive(Debug)]
pub struct Month {
    pub book: RuleBook,
    pub timelines: HashMap<CalendarId, Timeline>,
}

impl Month {
    /// `dentists` who share `operatories`, open every day from 08:00 to 20:00; every calendar has
    /// twenty visits a day for thirty days, of 15 to 30 minutes.
    ///
    /// # Errors
    /// None: the rows are right.
    pub fn new(dentists: u128, operatories: u128) -> Result<Self, BadRules> {
        let book = RuleBook::new(rows(dentists, operatories))?;
        let timelines = book
            .calendars()
            .map(|calendar| (calendar, busy(calendar)))
            .collect();
        Ok(Self { book, timelines })
    }

    /// Whether nothing is in a span of a calendar.
    #[must_use]
    pub fn is_free(&self, calendar: CalendarId, span: Span) -> bool {
        let timeline = self.timelines.get(&calendar);
        timeline.is_some_and(|timeline| timeline.overlapping(span).next().is_none())
    }
}

/// A day's visits leave gaps of all sizes, and no two calendars are alike.
fn busy(calendar: CalendarId) -> Timeline {
    let shift = i64::from(calendar.0.as_bytes()[15] % 7) * 5;
    let visit = |n: i64| {
        let (day, number) = (n / 20, n % 20);
        let start = MONDAY.plus(day * DAY + 8 * 60 + number * 36 + shift);
        Some(Claim {
            id: ClaimId(Uuid::new_v5(&calendar.0, &n.to_be_bytes())),
            tenant: TenantId(Uuid::nil()),
            span: Span::lasting(start, 15 + (n % 4) * 5)?,
            kind: ClaimKind::Block,
        })
    };
    Timeline::new(600, (0..600).filter_map(visit))
}

fn id(kind: u128, number: u128) -> Uuid {
    Uuid::from_u128(kind << 64 | number)
}

fn rows(dentists: u128, operatories: u128) -> TenantRows {
    let tenant = TenantId(id(1, 0));
    let clinic = ClinicId(id(2, 0));
    let zone = "America/Guayaquil".to_owned();
    let mut assignments = Vec::new();
    let mut hours = Vec::new();
    for dentist in 0..dentists {
        for operatory in 0..operatories {
            let assignment = AssignmentId(id(3, dentist * operatories + operatory));
            assignments.push(Assignment {
                id: assignment,
                tenant_id: tenant,
                provider_id: ProviderId(id(4, dentist)),
                operatory_id: OperatoryId(id(5, operatory)),
                valid_from: NaiveDate::MIN,
                valid_to: None,
                shared: true,
            });
            hours.extend((1..=7).map(|weekday| AssignmentHours {
                tenant_id: tenant,
                assignment_id: assignment,
                weekday,
                from_minute: 480,
                to_minute: 1200,
            }));
        }
    }
    TenantRows {
        tenant: Tenant {
            id: tenant,
            name: String::new(),
            subdomain: String::new(),
            zone: zone.clone(),
            locale: "es".to_owned(),
            status: "active".to_owned(),
            policy: json!({}),
            rules_version: 1,
        },
        clinics: vec![Clinic {
            id: clinic,
            name: String::new(),
            zone,
            city: String::new(),
            address: String::new(),
            active: true,
            rules_version: 1,
        }],
        operatories: (0..operatories)
            .map(|number| Operatory {
                id: OperatoryId(id(5, number)),
                clinic_id: clinic,
                name: format!("Chair {number}"),
                calendar_id: CalendarId(id(6, number)),
                active: true,
            })
            .collect(),
        providers: (0..dentists)
            .map(|number| Provider {
                id: ProviderId(id(4, number)),
                tenant_id: tenant,
                user_id: None,
                role: "dentist".to_owned(),
                name: format!("Dentist {number}"),
                color: String::new(),
                calendar_id: CalendarId(id(7, number)),
                active: true,
            })
            .collect(),
        equipment: Vec::new(),
        assignments,
        assignment_hours: hours,
        calendar_hours: Vec::new(),
        exceptions: Vec::new(),
        treatments: vec![Treatment {
            id: TreatmentId(id(8, 0)),
            tenant_id: tenant,
            code: "D2391".to_owned(),
            name_es: String::new(),
            name_en: String::new(),
            duration_min: 45,
            pattern: json!([
                { "role": "operatory", "from": 0, "to": 45, "bufferAfter": 10 },
                { "role": "dentist", "from": 0, "to": 45 },
            ]),
            color: String::new(),
            price_cents: 0,
            online_bookable: true,
            min_notice_min: None,
            horizon_days: None,
            slot_interval_min: None,
            daily_cap: None,
            active: true,
        }],
        treatment_providers: Vec::new(),
        treatment_operatories: Vec::new(),
        treatment_equipment: Vec::new(),
    }
}
