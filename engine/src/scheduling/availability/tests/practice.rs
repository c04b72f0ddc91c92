//! Random practices: hours, exceptions, patterns, buffers, what is taken, clock changes.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{Datelike, Days, NaiveDate};
use schema::ids::{
    AppointmentId, AssignmentId, CalendarId, ClinicId, ExceptionId, HoldId, OperatoryId,
    ProviderId, TenantId, TreatmentId,
};
use schema::models::catalogue as rows;
use schema::models::claim::Claim;
use schema::rules::TenantRows;
use schema::span::{DAY, Minute, Span};
use serde_json::{Value, json};
use uuid::Uuid;

use super::history::taken;
use crate::scheduling::diary::{Diary, Own};
use crate::scheduling::gaps::WORTHWHILE;
use crate::scheduling::placement::Asker;
use crate::scheduling::timeline::Timeline;
use crate::scheduling::zone::Zone;

const ZONES: [&str; 7] = [
    "America/Guayaquil",
    "America/New_York",
    "Europe/Madrid",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "America/Guayaquil",
];

/// A practice, what is taken in it, and what somebody looks for.
pub struct Practice {
    pub rows: TenantRows,
    pub taken: HashMap<CalendarId, Vec<Claim>>,
    timelines: HashMap<CalendarId, Arc<Timeline>>,
    pub own: Own,
    pub treatment: TreatmentId,
    pub interval: i64,
    pub asker: Asker,
    pub operatories: Vec<OperatoryId>,
    pub duration: Option<i64>,
    pub range: Span,
    pub limit: usize,
    pub now: Minute,
    /// Whether a day of the range has more or less than 24 hours.
    pub clock_changes: bool,
}

impl Diary for Practice {
    fn timeline(&self, calendar: CalendarId) -> Option<Arc<Timeline>> {
        self.timelines.get(&calendar).cloned()
    }

    fn own(&self) -> &Own {
        &self.own
    }
}

/// SplitMix64: small, and the same everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `from` to before `to`.
    pub fn within(&mut self, from: i64, to: i64) -> i64 {
        from + (self.next() % (to - from) as u64) as i64
    }

    pub fn one_in(&mut self, n: i64) -> bool {
        self.within(0, n) == 0
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.within(0, of.len() as i64) as usize]
    }

    /// A minute of the day, mostly on the quarter hour.
    pub fn minute(&mut self, from: i64, to: i64) -> i64 {
        let step = self.pick(&[15, 15, 15, 5, 1]);
        self.within(from, to) / step * step
    }
}

pub fn id(kind: u128, number: usize) -> Uuid {
    Uuid::from_u128(kind << 64 | number as u128)
}

impl Practice {
    pub fn random(seed: u64) -> Self {
        let mut random = Random(seed);
        let size = Size::few(&mut random);
        Self::of(&mut random, size)
    }

    /// With so many dentists that account is kept of their gaps, and a search over weeks.
    pub fn of_many(seed: u64) -> Self {
        let mut random = Random(seed);
        let size = Size {
            clinics: random.within(1, 4) as usize,
            chairs: random.within(1, 10) as usize,
            dentists: random.within(WORTHWHILE as i64, 110) as usize,
            assistants: random.within(0, 3) as usize,
            days: random.within(1, 24),
        };
        Self::of(&mut random, size)
    }

    fn of(random: &mut Random, size: Size) -> Self {
        let zone_name = random.pick(&ZONES);
        let zone: Zone = zone_name.parse().unwrap();
        let date = some_date(random, zone);
        let day = zone.day(date).unwrap();
        let rows = rows(random, zone_name, date, size);
        let treatment = rows.treatments[0].id;
        let taken = taken(random, &rows, day, size.days);
        let timelines = taken
            .iter()
            .map(|(id, claims)| (*id, Arc::new(Timeline::new(1, claims.clone()))))
            .collect();
        let own = match random.within(0, 6) {
            0 | 1 => Own::holds([HoldId(id(20, 0))]),
            // Some visit of theirs, if it is one.
            2 => Own::appointment(AppointmentId(id(13, random.within(0, 12) as usize))),
            _ => Own::default(),
        };
        let from = day.start().plus(random.minute(-60, 600));
        let long = random.pick(&[300, 600, 600, 1440, 1440, 2880]);
        let long = long + (size.days - 1) * DAY;
        let range = Span::lasting(from, long + random.minute(0, 60)).unwrap();
        let interval = rows.treatments[0].slot_interval_min.map_or(15, i64::from);
        let duration = rows.treatments[0].duration_min;
        Self {
            treatment,
            interval,
            asker: random.pick(&[Asker::Staff, Asker::Staff, Asker::Public]),
            operatories: match random.one_in(4) {
                true => vec![rows.operatories[0].id],
                false => Vec::new(),
            },
            duration: match random.one_in(5) {
                true => Some(i64::from(duration) + 10),
                false => None,
            },
            limit: random.pick(&[1, 3, 20, 1000, 1000]),
            now: from.plus(random.pick(&[-2000, -500, -61, 95])),
            clock_changes: [0, 1].into_iter().any(|days| {
                let date = date.checked_add_days(Days::new(days)).unwrap();
                zone.day(date).is_none_or(|day| day.minutes() != DAY)
            }),
            rows,
            taken,
            timelines,
            own,
            range,
        }
    }
}

/// Often a day on which the clocks change.
fn some_date(random: &mut Random, zone: Zone) -> NaiveDate {
    let year = random.within(2024, 2031) as i32;
    let date = NaiveDate::from_yo_opt(year, random.within(1, 360) as u32).unwrap();
    if random.one_in(2) {
        return date;
    }
    let from_here = date.iter_days().take(200);
    from_here
        .into_iter()
        .find(|date| zone.day(*date).is_none_or(|day| day.minutes() != DAY))
        .unwrap_or(date)
}

/// How many there are of what, and how many days are looked at.
#[derive(Clone, Copy)]
struct Size {
    clinics: usize,
    chairs: usize,
    dentists: usize,
    assistants: usize,
    days: i64,
}

impl Size {
    fn few(random: &mut Random) -> Self {
        Self {
            clinics: random.within(1, 3) as usize,
            chairs: random.within(1, 4) as usize,
            dentists: random.within(1, 3) as usize,
            assistants: random.within(0, 3) as usize,
            days: 1,
        }
    }
}

fn rows(random: &mut Random, zone: &str, date: NaiveDate, size: Size) -> TenantRows {
    let tenant = TenantId(id(1, 0));
    let Size {
        clinics,
        chairs,
        dentists,
        assistants,
        ..
    } = size;
    let provider = |number: usize, role: &str| rows::Provider {
        id: ProviderId(id(4, number)),
        tenant_id: tenant,
        user_id: None,
        role: role.to_owned(),
        name: format!("{role} {number}"),
        color: String::new(),
        calendar_id: CalendarId(id(7, number)),
        active: true,
    };
    let mut providers: Vec<_> = (0..dentists).map(|n| provider(n, "dentist")).collect();
    providers.extend((0..assistants).map(|n| provider(dentists + n, "assistant")));
    let mut found = TenantRows {
        tenant: rows::Tenant {
            id: tenant,
            name: String::new(),
            subdomain: String::new(),
            zone: zone.to_owned(),
            locale: "es".to_owned(),
            status: "active".to_owned(),
            policy: json!({ "minNoticeMin": random.pick(&[0, 60, 700]) }),
            rules_version: 1,
        },
        clinics: (0..clinics)
            .map(|number| rows::Clinic {
                id: ClinicId(id(2, number)),
                name: String::new(),
                zone: match random.one_in(4) {
                    true => random.pick(&ZONES).to_owned(),
                    false => zone.to_owned(),
                },
                city: String::new(),
                address: String::new(),
                active: !random.one_in(15),
                rules_version: 1,
            })
            .collect(),
        operatories: (0..chairs)
            .map(|number| rows::Operatory {
                id: OperatoryId(id(5, number)),
                clinic_id: ClinicId(id(2, number % clinics)),
                // Not in the order of the ids.
                name: format!("Chair {}", 9 - number),
                calendar_id: CalendarId(id(6, number)),
                active: !random.one_in(12),
            })
            .collect(),
        equipment: (0..random.within(0, 3) as usize)
            .map(|number| rows::Equipment {
                id: id(9, number),
                tenant_id: tenant,
                clinic_id: (random.one_in(3)).then(|| ClinicId(id(2, number % clinics))),
                name: String::new(),
                calendar_id: CalendarId(id(10, number)),
                active: !random.one_in(6),
            })
            .collect(),
        providers,
        assignments: Vec::new(),
        assignment_hours: Vec::new(),
        calendar_hours: Vec::new(),
        exceptions: Vec::new(),
        treatments: Vec::new(),
        treatment_providers: Vec::new(),
        treatment_operatories: Vec::new(),
        treatment_equipment: Vec::new(),
    };
    assign(random, &mut found, date);
    keep_hours(random, &mut found, date);
    except(random, &mut found, date);
    treat(random, &mut found);
    found
}

/// One dentist in one operatory, every day in those windows; visits of half an hour, offered on the
/// hour.
pub fn plain(zone: &str, windows: &[(i16, i16)]) -> TenantRows {
    let date = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap();
    let mut random = Random(1);
    let size = Size::few(&mut random);
    let mut plain = rows(&mut random, zone, date, size);
    plain.clinics.truncate(1);
    plain.clinics[0].zone = zone.to_owned();
    plain.clinics[0].active = true;
    plain.operatories.truncate(1);
    plain.operatories[0].active = true;
    plain.providers.truncate(1);
    plain.equipment.clear();
    plain.calendar_hours.clear();
    plain.exceptions.clear();
    plain.treatment_providers.clear();
    plain.treatment_operatories.clear();
    plain.treatment_equipment.clear();
    let (tenant, assignment) = (plain.tenant.id, AssignmentId(id(3, 0)));
    plain.assignments = vec![rows::Assignment {
        id: assignment,
        tenant_id: tenant,
        provider_id: plain.providers[0].id,
        operatory_id: plain.operatories[0].id,
        valid_from: NaiveDate::MIN,
        valid_to: None,
        shared: false,
    }];
    let days = (1..=7).flat_map(|weekday| windows.iter().map(move |window| (weekday, *window)));
    plain.assignment_hours = days
        .map(|(weekday, (from, to))| rows::AssignmentHours {
            tenant_id: tenant,
            assignment_id: assignment,
            weekday,
            from_minute: from,
            to_minute: to,
        })
        .collect();
    let treatment = &mut plain.treatments[0];
    treatment.duration_min = 30;
    treatment.pattern = json!([{ "role": "dentist", "from": 0, "to": 30 }]);
    treatment.slot_interval_min = Some(60);
    treatment.daily_cap = None;
    treatment.horizon_days = None;
    plain
}

/// A week's windows of one day, perhaps split, perhaps to midnight and on.
fn windows(random: &mut Random) -> Vec<(i16, i16)> {
    let from = random.minute(0, 720);
    let to = random.minute(from + 60, 1441);
    let (from, to) = (from as i16, to.max(from + 30) as i16);
    match random.within(0, 4) {
        0 => vec![(0, 1440)],
        1 if to - from > 200 => vec![(from, from + 90), (from + 120, to)],
        _ => vec![(from, to)],
    }
}

fn validity(random: &mut Random, date: NaiveDate) -> (NaiveDate, Option<NaiveDate>) {
    match random.within(0, 6) {
        0 => (date, None),
        1 => (date - Days::new(30), Some(date)),
        _ => (date - Days::new(300), None),
    }
}

fn assign(random: &mut Random, found: &mut TenantRows, date: NaiveDate) {
    let tenant = found.tenant.id;
    for (number, provider) in found.providers.iter().enumerate() {
        if provider.role != "dentist" {
            continue;
        }
        // Many have the operatories and hours of the one before.
        if number > 0 && random.one_in(2) {
            let before = found.providers[number - 1].id;
            let same: Vec<_> = found.assignments.iter().cloned().collect();
            for mut other in same.into_iter().filter(|one| one.provider_id == before) {
                let assignment = AssignmentId(id(3, found.assignments.len()));
                let hours = found.assignment_hours.iter();
                let hours = hours.filter(|one| one.assignment_id == other.id).cloned();
                let hours = hours.map(|one| rows::AssignmentHours {
                    assignment_id: assignment,
                    ..one
                });
                let hours: Vec<_> = hours.collect();
                found.assignment_hours.extend(hours);
                (other.id, other.provider_id) = (assignment, provider.id);
                found.assignments.push(other);
            }
            continue;
        }
        for operatory in &found.operatories {
            for _ in 0..random.pick(&[0, 1, 1, 1, 2]) {
                let assignment = AssignmentId(id(3, found.assignments.len()));
                let (valid_from, valid_to) = validity(random, date);
                found.assignments.push(rows::Assignment {
                    id: assignment,
                    tenant_id: tenant,
                    provider_id: provider.id,
                    operatory_id: operatory.id,
                    valid_from,
                    valid_to,
                    shared: true,
                });
                for weekday in 1..=7 {
                    let windows = match random.one_in(6) {
                        true => Vec::new(),
                        false => windows(random),
                    };
                    let rows = windows.into_iter().map(|(from, to)| rows::AssignmentHours {
                        tenant_id: tenant,
                        assignment_id: assignment,
                        weekday,
                        from_minute: from,
                        to_minute: to,
                    });
                    found.assignment_hours.extend(rows);
                }
            }
        }
    }
}

fn keep_hours(random: &mut Random, found: &mut TenantRows, date: NaiveDate) {
    let mut people: Vec<CalendarId> = Vec::new();
    for person in &found.providers {
        // Few dentists keep hours of their own beside those that they are lent an operatory for.
        if person.role != "dentist" || random.one_in(3) {
            people.push(person.calendar_id);
        }
    }
    let calendars: Vec<CalendarId> = people
        .into_iter()
        .chain(found.equipment.iter().map(|one| one.calendar_id))
        .collect();
    for calendar in calendars {
        if random.one_in(2) {
            continue;
        }
        for weekday in 1..=7 {
            for (from, to) in windows(random) {
                let (valid_from, valid_to) = validity(random, date);
                found.calendar_hours.push(rows::CalendarHours {
                    tenant_id: found.tenant.id,
                    calendar_id: calendar,
                    weekday,
                    from_minute: from,
                    to_minute: to,
                    valid_from,
                    valid_to,
                });
            }
        }
    }
}

fn except(random: &mut Random, found: &mut TenantRows, date: NaiveDate) {
    for number in 0..random.within(0, 4) as usize {
        let scope = random.pick(&["tenant", "clinic", "operatory", "provider", "provider"]);
        let window = random.one_in(2).then(|| windows(random)[0]);
        let first = date + Days::new(random.within(0, 3) as u64) - Days::new(1);
        let provider = random.within(0, found.providers.len() as i64) as usize;
        found.exceptions.push(rows::ScheduleException {
            id: ExceptionId(id(11, number)),
            scope: scope.to_owned(),
            tenant_id: Some(found.tenant.id).filter(|_| scope == "tenant" || scope == "provider"),
            clinic_id: (scope == "clinic").then(|| found.clinics[0].id),
            operatory_id: (scope == "operatory").then(|| found.operatories[0].id),
            provider_id: (scope == "provider").then(|| found.providers[provider].id),
            kind: random.pick(&["closed", "extra", "extra"]).to_owned(),
            from_date: first,
            to_date: first + Days::new(random.within(0, 2) as u64),
            from_minute: window.map(|(from, _)| from),
            to_minute: window.map(|(_, to)| to),
            name_es: String::new(),
            name_en: String::new(),
        });
    }
}

fn treat(random: &mut Random, found: &mut TenantRows) {
    let tenant = found.tenant.id;
    let odd = random.one_in(10);
    let long = random.within(3, 19) * 5 + i64::from(odd);
    let mut pattern: Vec<Value> = Vec::new();
    let mut part = |role: &str, from: i64, to: i64, before: i64, after: i64| {
        pattern.push(json!({ "role": role, "from": from, "to": to,
            "bufferBefore": before, "bufferAfter": after }));
    };
    let other = if random.one_in(8) { 7 } else { 20 };
    let buffer = |random: &mut Random| random.pick(&[0, 0, 5, 10, 15, other]);
    if !random.one_in(4) {
        part("operatory", 0, long, buffer(random), buffer(random));
    }
    let end = if random.one_in(2) { long } else { long - 10 };
    let from = random.pick(&[0, 0, 5, 10]).min(end - 1).max(0);
    part("dentist", from, end.max(from + 1), buffer(random), 0);
    if random.one_in(4) && end + 5 < long {
        part("dentist", end + 5, long, 0, buffer(random));
    }
    if random.one_in(3) {
        part("assistant", 0, (long / 2).max(1), 0, buffer(random));
        if random.one_in(3) {
            part("assistant", long - 5, long, 0, 0);
        }
    }
    if random.one_in(4) {
        part("equipment", 5, 15.min(long), buffer(random), 0);
    }
    let treatment = TreatmentId(id(8, 0));
    found.treatments.push(rows::Treatment {
        id: treatment,
        tenant_id: tenant,
        code: "D1".to_owned(),
        name_es: String::new(),
        name_en: String::new(),
        duration_min: long as i16,
        pattern: Value::Array(pattern),
        color: String::new(),
        price_cents: 0,
        online_bookable: true,
        min_notice_min: random.one_in(4).then_some(30),
        horizon_days: random.one_in(5).then_some(1),
        slot_interval_min: match random.one_in(12) {
            true => Some(7),
            false => random.pick(&[None, Some(5), Some(10), Some(15), Some(30)]),
        },
        daily_cap: match random.within(0, 12) {
            cap @ 0..4 => Some(cap as i16),
            _ => None,
        },
        active: true,
    });
    if random.one_in(5) {
        let chair = found.operatories[0].id;
        found.treatment_operatories.push((treatment, chair));
    }
    if random.one_in(6) {
        let dentist = found.providers[0].id;
        found.treatment_providers.push((treatment, dentist));
    }
    for device in &found.equipment {
        if random.one_in(2) {
            found.treatment_equipment.push((treatment, device.id));
        }
    }
}

/// Weekdays as the rows number them.
pub fn weekday(date: NaiveDate) -> i16 {
    date.weekday().number_from_monday() as i16
}
