//! Equipment, own hours and closed clinics, as placing a visit and looking back at one see them.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use schema::ids::{
    AppointmentId, AssignmentId, CalendarId, ClinicId, ExceptionId, OperatoryId, PatientId,
    ProviderId, TenantId, TreatmentId,
};
use schema::models::appointment::{Appointment, Status};
use schema::models::catalogue as rows;
use schema::rules::TenantRows;
use schema::span::{Minute, Span};
use serde_json::json;
use uuid::Uuid;

use super::RuleBook;
use crate::scheduling::placement::{Asker, Placement, Wish, place};
use crate::scheduling::rejection::Rejection;

const TENANT: TenantId = TenantId(Uuid::from_u128(1));
const PRACTICE: ClinicId = ClinicId(Uuid::from_u128(2));
const CHAIR: OperatoryId = OperatoryId(Uuid::from_u128(3));
const DENTIST: ProviderId = ProviderId(Uuid::from_u128(4));
const SCAN: TreatmentId = TreatmentId(Uuid::from_u128(5));
const CHAIRS: CalendarId = CalendarId(Uuid::from_u128(13));
const DENTISTS: CalendarId = CalendarId(Uuid::from_u128(14));
const ASSISTANTS: CalendarId = CalendarId(Uuid::from_u128(15));

fn machine(number: u128) -> CalendarId {
    CalendarId(Uuid::from_u128(100 + number))
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Monday, 1 March 2027, at an hour of Quito, which is five hours behind UTC all year.
fn at(hour: u32, minutes: i64) -> Span {
    let start = date("2027-03-01").and_hms_opt(hour + 5, 0, 0).unwrap();
    Span::lasting(Minute::floor(start.and_utc()), minutes).unwrap()
}

fn hours(calendar: CalendarId, from: i16, to: i16) -> rows::CalendarHours {
    rows::CalendarHours {
        tenant_id: TENANT,
        calendar_id: calendar,
        weekday: 1,
        from_minute: from * 60,
        to_minute: to * 60,
        valid_from: date("2027-01-01"),
        valid_to: None,
    }
}

/// A dentist in a chair from 8 to 20 on Mondays; a treatment that needs a scanner, of which there
/// are two, for its first half hour, and an assistant for its second.
fn practice() -> TenantRows {
    let zone = "America/Guayaquil".to_owned();
    let provider = |id: ProviderId, role: &str, calendar: CalendarId| rows::Provider {
        id,
        tenant_id: TENANT,
        user_id: None,
        role: role.to_owned(),
        name: role.to_owned(),
        color: String::new(),
        calendar_id: calendar,
        active: true,
    };
    let scanner = |number: u128| rows::Equipment {
        id: Uuid::from_u128(number),
        tenant_id: TENANT,
        clinic_id: None,
        name: format!("Scanner {number}"),
        calendar_id: machine(number),
        active: true,
    };
    TenantRows {
        tenant: rows::Tenant {
            id: TENANT,
            name: String::new(),
            subdomain: String::new(),
            zone: zone.clone(),
            locale: "es".to_owned(),
            status: "active".to_owned(),
            policy: json!({}),
            rules_version: 1,
        },
        clinics: vec![rows::Clinic {
            id: PRACTICE,
            name: String::new(),
            zone,
            city: String::new(),
            address: String::new(),
            active: true,
            rules_version: 1,
        }],
        operatories: vec![rows::Operatory {
            id: CHAIR,
            clinic_id: PRACTICE,
            name: String::new(),
            calendar_id: CHAIRS,
            active: true,
        }],
        providers: vec![
            provider(DENTIST, "dentist", DENTISTS),
            provider(ProviderId(Uuid::from_u128(6)), "assistant", ASSISTANTS),
        ],
        equipment: vec![scanner(1), scanner(2), scanner(3)],
        assignments: vec![rows::Assignment {
            id: AssignmentId(Uuid::from_u128(7)),
            tenant_id: TENANT,
            provider_id: DENTIST,
            operatory_id: CHAIR,
            valid_from: date("2027-01-01"),
            valid_to: None,
            shared: false,
        }],
        assignment_hours: vec![rows::AssignmentHours {
            tenant_id: TENANT,
            assignment_id: AssignmentId(Uuid::from_u128(7)),
            weekday: 1,
            from_minute: 480,
            to_minute: 1200,
        }],
        calendar_hours: Vec::new(),
        exceptions: Vec::new(),
        treatments: vec![rows::Treatment {
            id: SCAN,
            tenant_id: TENANT,
            code: "D0360".to_owned(),
            name_es: String::new(),
            name_en: String::new(),
            duration_min: 60,
            pattern: json!([
                { "role": "dentist", "from": 0, "to": 60 },
                { "role": "equipment", "from": 0, "to": 30, "bufferAfter": 10 },
                { "role": "assistant", "from": 30, "to": 60 },
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
        treatment_equipment: vec![(SCAN, Uuid::from_u128(1)), (SCAN, Uuid::from_u128(2))],
    }
}

fn placed(rows: &TenantRows, hour: u32, taken: &[CalendarId]) -> Result<Placement, Rejection> {
    let book = RuleBook::new(rows.clone()).unwrap();
    let wish = Wish {
        provider: &book.providers[&DENTIST],
        treatment: &book.treatments[&SCAN],
        segments: &book.treatments[&SCAN].pattern,
        span: at(hour, 60),
        operatory: None,
        preferred: None,
        asker: Asker::Staff,
        overrides: &BTreeSet::new(),
        avoid: &BTreeSet::new(),
    };
    let is_free = |calendar: CalendarId, _: Span| !taken.contains(&calendar);
    place(&book, &wish, at(0, 1).start(), &is_free)
}

/// The scanner that a visit at `hour` would take, or the refusal's code.
fn scanner(rows: &TenantRows, hour: u32) -> Result<CalendarId, &'static str> {
    let placement = placed(rows, hour, &[]).map_err(|refused| refused.code())?;
    Ok(placement.pattern[1].calendar_id)
}

#[test]
fn equipment_has_hours_a_place_and_can_be_out_of_use() {
    let mut rows = practice();
    assert_eq!(scanner(&rows, 9), Ok(machine(1)));
    let second = placed(&rows, 9, &[machine(1)]).unwrap();
    assert_eq!(second.pattern[1].calendar_id, machine(2), "the free one");

    // The first only in the morning: until 9:30 is enough for a visit at 9, its buffer needs none.
    rows.calendar_hours.push(hours(machine(1), 8, 10));
    assert_eq!(scanner(&rows, 9), Ok(machine(1)));
    assert_eq!(scanner(&rows, 10), Ok(machine(2)));
    rows.calendar_hours.push(hours(machine(2), 14, 18));
    assert_eq!(scanner(&rows, 10), Err("outside_hours"));
    assert_eq!(scanner(&rows, 14), Ok(machine(2)));

    rows.equipment[1].active = false;
    assert_eq!(scanner(&rows, 14), Err("outside_hours"));
    assert_eq!(scanner(&rows, 9), Ok(machine(1)));
    rows.equipment[0].clinic_id = Some(ClinicId(Uuid::from_u128(99)));
    assert_eq!(
        scanner(&rows, 9),
        Err("outside_hours"),
        "it stands elsewhere"
    );
    rows.equipment[0].clinic_id = Some(PRACTICE);
    assert_eq!(scanner(&rows, 9), Ok(machine(1)));
    rows.equipment[0].active = false;
    assert_eq!(scanner(&rows, 9), Err("not_offered"), "none is in use");
}

#[test]
fn own_hours_narrow_what_is_lent() {
    let mut rows = practice();
    rows.calendar_hours.push(hours(DENTISTS, 6, 12));
    assert!(placed(&rows, 11, &[]).is_ok());
    for hour in [7, 12] {
        assert_eq!(
            placed(&rows, hour, &[]).unwrap_err().code(),
            "outside_hours"
        );
    }
    rows.clinics[0].active = false;
    assert_eq!(placed(&rows, 11, &[]).unwrap_err().code(), "no_assignment");
}

#[test]
fn a_treatment_is_done_where_it_can_be() {
    let mut rows = practice();
    rows.treatment_operatories = vec![(SCAN, OperatoryId(Uuid::from_u128(98)))];
    assert_eq!(placed(&rows, 9, &[]).unwrap_err().code(), "no_assignment");
    rows.treatment_operatories.push((SCAN, CHAIR));
    assert!(placed(&rows, 9, &[]).is_ok());
}

#[test]
fn a_visit_is_covered_while_everybody_and_everything_is_there() {
    let rows = practice();
    let placement = placed(&rows, 9, &[]).unwrap();
    let visit = Appointment {
        id: AppointmentId(Uuid::from_u128(50)),
        tenant: TENANT,
        version: 1,
        status: Status::Scheduled,
        span: placement.span,
        patient: PatientId(Uuid::from_u128(51)),
        provider: DENTIST,
        operatory: CHAIR,
        treatment: SCAN,
        pattern: placement.pattern,
        series: None,
        notes: None,
        cancel_reason: None,
        confirmed_via: None,
        created_by: None,
    };
    let closed = |scope: &str, from: i16, to: i16| rows::ScheduleException {
        id: ExceptionId(Uuid::from_u128(60)),
        scope: scope.to_owned(),
        tenant_id: (scope == "tenant").then_some(TENANT),
        clinic_id: (scope == "clinic").then_some(PRACTICE),
        operatory_id: None,
        provider_id: None,
        kind: "closed".to_owned(),
        from_date: date("2027-03-01"),
        to_date: date("2027-03-01"),
        from_minute: Some(from * 60),
        to_minute: Some(to * 60),
        name_es: String::new(),
        name_en: String::new(),
    };
    let covered_after = |change: &dyn Fn(&mut TenantRows)| {
        let mut rows = rows.clone();
        change(&mut rows);
        RuleBook::new(rows).unwrap().covers(&visit)
    };
    assert!(covered_after(&|_| ()));
    assert!(covered_after(&|rows| rows
        .exceptions
        .push(closed("tenant", 10, 12))));
    assert!(covered_after(&|rows| rows
        .calendar_hours
        .push(hours(ASSISTANTS, 9, 10))));
    assert!(
        covered_after(&|rows| rows.equipment[1].active = false),
        "not the one it takes"
    );
    for (what, change) in [
        (
            "closed",
            (&|rows: &mut TenantRows| rows.exceptions.push(closed("tenant", 9, 10)))
                as &dyn Fn(&mut TenantRows),
        ),
        ("the clinic", &|rows| {
            rows.exceptions.push(closed("clinic", 8, 12))
        }),
        ("no more lent", &|rows| rows.assignments.clear()),
        ("lent until then", &|rows| {
            rows.assignments[0].valid_to = Some(date("2027-02-28"))
        }),
        ("another zone", &|rows| {
            rows.clinics[0].zone = "Asia/Tokyo".to_owned()
        }),
        ("the chair", &|rows| rows.operatories[0].active = false),
        ("the dentist", &|rows| rows.providers[0].active = false),
        ("own hours", &|rows| {
            rows.calendar_hours.push(hours(DENTISTS, 10, 12))
        }),
        ("the assistant", &|rows| rows.providers[1].active = false),
        ("the assistant's hours", &|rows| {
            rows.calendar_hours.push(hours(ASSISTANTS, 10, 12))
        }),
        ("the scanner", &|rows| rows.equipment[0].active = false),
        ("the scanner's hours", &|rows| {
            rows.calendar_hours.push(hours(machine(1), 10, 12))
        }),
    ] {
        assert!(!covered_after(change), "{what}");
    }
}
