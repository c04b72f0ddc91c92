//! Random rules: who works where and when, what is closed, and what a treatment needs.

use chrono::{Days, NaiveDate};
use schema::ids::{
    AssignmentId, CalendarId, ClinicId, ExceptionId, OperatoryId, ProviderId, TenantId, TreatmentId,
};
use schema::models::catalogue as rows;
use schema::rules::TenantRows;
use serde_json::{Value, json};

use super::{Random, ZONES, id};

/// How many there are of what, and how many days are looked at.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub clinics: usize,
    pub chairs: usize,
    pub dentists: usize,
    pub assistants: usize,
    pub days: i64,
}

impl Size {
    pub(super) fn few(random: &mut Random) -> Self {
        Self {
            clinics: random.within(1, 3) as usize,
            chairs: random.within(1, 4) as usize,
            dentists: random.within(1, 3) as usize,
            assistants: random.within(0, 3) as usize,
            days: 1,
        }
    }
}

pub(super) fn rows(random: &mut Random, zone: &str, date: NaiveDate, size: Size) -> TenantRows {
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
            let all = found.assignments.clone();
            for mut other in all.into_iter().filter(|one| one.provider_id == before) {
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
