//! A practice with a month of visits, for the benches to decide on. No clock, no database.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use chrono::{Days, NaiveDate};
use engine::scheduling::diary::Diary;
use engine::scheduling::gaps::Gaps;
use engine::scheduling::rulebook::{BadRules, RuleBook};
use engine::scheduling::timeline::Timeline;
use schema::ids::{
    AssignmentId, CalendarId, ClaimId, ClinicId, ExceptionId, OperatoryId, ProviderId, TenantId,
    TreatmentId,
};
use schema::models::catalogue::{
    Assignment, AssignmentHours, Clinic, Operatory, Provider, ScheduleException, Tenant, Treatment,
};
use schema::models::claim::{Claim, ClaimKind, Op};
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
    numbers: HashMap<CalendarId, usize>,
    published: Vec<ArcSwap<Timeline>>,
    gaps: Gaps,
}

/// Who is booked up for thirty days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookedUp {
    Nobody,
    Dentists,
    /// But for the last dentist, whose last afternoon is free.
    DentistsButOne,
    Operatories,
    /// Dentists from two in the afternoon on, operatories until then.
    Halves,
}

impl Month {
    /// `dentists` who share `operatories` in each of `clinics`, open every day from 08:00 to 20:00;
    /// every calendar has twenty visits a day for thirty days, of 15 to 30 minutes.
    ///
    /// # Errors
    /// None: the rows are right.
    pub fn new(clinics: u128, dentists: u128, operatories: u128) -> Result<Self, BadRules> {
        Self::with(rows(clinics, dentists, operatories), busy)
    }

    /// The same where each dentist has had a day off: no two keep the same hours.
    ///
    /// # Errors
    /// None: the rows are right.
    pub fn with_days_off(
        clinics: u128,
        dentists: u128,
        operatories: u128,
    ) -> Result<Self, BadRules> {
        let mut rows = rows(clinics, dentists, operatories);
        rows.exceptions = (rows.providers.iter().enumerate())
            .map(|(number, provider)| day_off(number, provider.id))
            .collect();
        Self::with(rows, busy)
    }

    /// The same with empty diaries, but for whose are full.
    ///
    /// # Errors
    /// None: the rows are right.
    pub fn booked_up(
        clinics: u128,
        dentists: u128,
        operatories: u128,
        who: BookedUp,
    ) -> Result<Self, BadRules> {
        let last = CalendarId(id(7, clinics * dentists - 1));
        Self::with(rows(clinics, dentists, operatories), |calendar| {
            let is_dentist = calendar.0.as_u128() >> 64 == 7;
            if who == BookedUp::Halves {
                return half(calendar, is_dentist);
            }
            let full = match is_dentist {
                true => matches!(who, BookedUp::Dentists | BookedUp::DentistsButOne),
                false => who == BookedUp::Operatories,
            };
            let until = match full {
                true if who == BookedUp::DentistsButOne && calendar == last => 29 * DAY + 15 * 60,
                true => 30 * DAY,
                false => 0,
            };
            let visits = (0..until.div_euclid(DAY) + 1).filter_map(|day| {
                let start = MONDAY.plus(day * DAY);
                let end = MONDAY.plus(until.min((day + 1) * DAY));
                claim(calendar, day, Span::new(start, end)?)
            });
            Timeline::new(30, visits)
        })
    }

    fn with(rows: TenantRows, diary: impl Fn(CalendarId) -> Timeline) -> Result<Self, BadRules> {
        let book = RuleBook::new(rows)?;
        let timelines = book.calendars().map(diary);
        Ok(Self {
            published: timelines.map(ArcSwap::from_pointee).collect(),
            numbers: book.calendars().zip(0..).collect(),
            gaps: Gaps::new(&book),
            book,
        })
    }

    /// In turns books half an hour at somebody in some operatory, and cancels it. Where diaries are
    /// full, it lies over what is there.
    pub fn book_or_cancel(&self, turn: usize) {
        let visit = turn / 2;
        let chosen = self.book.providers.values().nth(visit * 7 % 64);
        let Some((provider, seat)) = chosen.and_then(|one| Some((one, one.seats().first()?)))
        else {
            return;
        };
        let start = MONDAY.plus(visit as i64 % 30 * DAY + 9 * 60);
        for (number, calendar) in [
            (provider.number, provider.calendar),
            (seat.number, seat.calendar),
        ] {
            let Some(claim) = Span::lasting(start, 30).and_then(|span| claim(calendar, -1, span))
            else {
                return;
            };
            let op = match turn % 2 {
                0 => Op::Put(claim),
                _ => Op::Del {
                    id: claim.id,
                    span: claim.span,
                },
            };
            if let Some(published) = self.published.get(number) {
                published.store(Arc::new(published.load().after(&[op])));
                self.gaps.changed(number);
            }
        }
    }
}

fn claim(calendar: CalendarId, n: i64, span: Span) -> Option<Claim> {
    Some(Claim {
        id: ClaimId(Uuid::new_v5(&calendar.0, &n.to_be_bytes())),
        tenant: TenantId(Uuid::nil()),
        span,
        kind: ClaimKind::Block,
    })
}

impl Diary for Month {
    fn timeline(&self, calendar: CalendarId) -> Option<Arc<Timeline>> {
        self.numbered(*self.numbers.get(&calendar)?, calendar)
    }

    fn numbered(&self, number: usize, _: CalendarId) -> Option<Arc<Timeline>> {
        Some(self.published.get(number)?.load_full())
    }

    fn gaps(&self) -> Option<&Gaps> {
        Some(&self.gaps)
    }
}

/// A day's visits leave gaps of all sizes, and no two calendars are alike.
fn busy(calendar: CalendarId) -> Timeline {
    let shift = i64::from(calendar.0.as_bytes()[15] % 7) * 5;
    let visit = |n: i64| {
        let (day, number) = (n / 20, n % 20);
        let start = MONDAY.plus(day * DAY + 8 * 60 + number * 36 + shift);
        claim(calendar, n, Span::lasting(start, 15 + (n % 4) * 5)?)
    };
    Timeline::new(600, (0..600).filter_map(visit))
}

/// Thirty days, each taken from 14:00 on or until then.
fn half(calendar: CalendarId, afternoon: bool) -> Timeline {
    let (from, to) = if afternoon {
        (14 * 60, DAY)
    } else {
        (0, 14 * 60)
    };
    let days = (0..30).filter_map(|day| {
        let midnight = MONDAY.plus(day * DAY);
        claim(
            calendar,
            day,
            Span::new(midnight.plus(from), midnight.plus(to))?,
        )
    });
    Timeline::new(30, days)
}

/// A day long ago.
fn day_off(number: usize, provider: ProviderId) -> ScheduleException {
    let date = NaiveDate::default() + Days::new(number as u64);
    ScheduleException {
        id: ExceptionId(id(9, number as u128)),
        scope: "provider".to_owned(),
        tenant_id: Some(TenantId(id(1, 0))),
        clinic_id: None,
        operatory_id: None,
        provider_id: Some(provider),
        kind: "closed".to_owned(),
        from_date: date,
        to_date: date,
        from_minute: None,
        to_minute: None,
        name_es: String::new(),
        name_en: String::new(),
    }
}

fn id(kind: u128, number: u128) -> Uuid {
    Uuid::from_u128(kind << 64 | number)
}

fn rows(clinics: u128, dentists: u128, operatories: u128) -> TenantRows {
    let tenant = TenantId(id(1, 0));
    let zone = "America/Guayaquil".to_owned();
    let mut assignments = Vec::new();
    let mut hours = Vec::new();
    for dentist in 0..clinics * dentists {
        for number in 0..operatories {
            let operatory = dentist / dentists * operatories + number;
            let assignment = AssignmentId(id(3, dentist * operatories + number));
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
        clinics: (0..clinics)
            .map(|number| Clinic {
                id: ClinicId(id(2, number)),
                name: String::new(),
                zone: zone.clone(),
                city: String::new(),
                address: String::new(),
                active: true,
                rules_version: 1,
            })
            .collect(),
        operatories: (0..clinics * operatories)
            .map(|number| Operatory {
                id: OperatoryId(id(5, number)),
                clinic_id: ClinicId(id(2, number / operatories)),
                name: format!("Chair {number}"),
                calendar_id: CalendarId(id(6, number)),
                active: true,
            })
            .collect(),
        providers: (0..clinics * dentists)
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
