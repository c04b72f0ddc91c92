//! Plans of many visits over random diaries: whatever they decide, no two of their visits and
//! nothing that is taken get in each other's way, and what they refuse cannot be had.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::NaiveDate;
use proptest::prelude::*;
use schema::ids::{
    AppointmentId, AssignmentId, CalendarId, ClaimId, ClinicId, OperatoryId, PatientId, ProviderId,
    TenantId, TreatmentId,
};
use schema::models::appointment::{Appointment, Status};
use schema::models::catalogue as rows;
use schema::models::claim::{Claim, ClaimKind};
use schema::models::series::SeriesPolicy;
use schema::rules::TenantRows;
use schema::span::{DAY, Minute, Span};
use serde_json::json;
use uuid::Uuid;

use super::{Repeated, Rule, Verdict, starts};
use crate::scheduling::diary::Diary;
use crate::scheduling::draft::Draft;
use crate::scheduling::pattern;
use crate::scheduling::placement::{self, Asker, Placement};
use crate::scheduling::rejection::Rejection;
use crate::scheduling::relocation::{Place, Terms, Wanted, arrange};
use crate::scheduling::rulebook::RuleBook;
use crate::scheduling::timeline::Timeline;
use crate::scheduling::zone::Zone;

/// Monday, 2027-03-01T05:00Z: local midnight in Guayaquil.
const MONDAY: Minute = Minute(30_064_620);
const TENANT: TenantId = TenantId(Uuid::from_u128(1));
const TREATMENT: TreatmentId = TreatmentId(Uuid::from_u128(2));
const PATIENT: CalendarId = CalendarId(Uuid::from_u128(90));

fn provider(number: u128) -> ProviderId {
    ProviderId(Uuid::from_u128(10 + number))
}

fn operatory(number: u128) -> OperatoryId {
    OperatoryId(Uuid::from_u128(20 + number))
}

fn calendar(number: u128) -> CalendarId {
    CalendarId(Uuid::from_u128(80 + number))
}

/// Two dentists (calendars 0 and 1) who share two chairs (2 and 3), every day from 8 to 12.
fn book() -> RuleBook {
    let clinic = ClinicId(Uuid::from_u128(3));
    let zone = "America/Guayaquil".to_owned();
    let mut assignments = Vec::new();
    let mut assignment_hours = Vec::new();
    for (number, (dentist, chair)) in [(0, 0), (0, 1), (1, 0), (1, 1)].into_iter().enumerate() {
        let id = AssignmentId(Uuid::from_u128(30 + number as u128));
        assignments.push(rows::Assignment {
            id,
            tenant_id: TENANT,
            provider_id: provider(dentist),
            operatory_id: operatory(chair),
            valid_from: NaiveDate::MIN,
            valid_to: None,
            shared: true,
        });
        assignment_hours.extend((1..=7).map(|weekday| rows::AssignmentHours {
            tenant_id: TENANT,
            assignment_id: id,
            weekday,
            from_minute: 480,
            to_minute: 720,
        }));
    }
    let rows = TenantRows {
        tenant: rows::Tenant {
            id: TENANT,
            name: String::new(),
            subdomain: String::new(),
            zone: zone.clone(),
            locale: "es".into(),
            status: "active".into(),
            policy: json!({}),
            rules_version: 1,
        },
        clinics: vec![rows::Clinic {
            id: clinic,
            name: String::new(),
            zone,
            city: String::new(),
            address: String::new(),
            rules_version: 1,
            active: true,
        }],
        operatories: (0..2)
            .map(|number| rows::Operatory {
                id: operatory(number),
                clinic_id: clinic,
                name: format!("Chair {number}"),
                calendar_id: calendar(2 + number),
                active: true,
            })
            .collect(),
        providers: (0..2)
            .map(|number| rows::Provider {
                id: provider(number),
                tenant_id: TENANT,
                user_id: None,
                role: "dentist".into(),
                name: String::new(),
                color: String::new(),
                calendar_id: calendar(number),
                active: true,
            })
            .collect(),
        equipment: Vec::new(),
        assignments,
        assignment_hours,
        calendar_hours: Vec::new(),
        exceptions: Vec::new(),
        treatments: vec![rows::Treatment {
            id: TREATMENT,
            tenant_id: TENANT,
            code: "D1110".into(),
            name_es: String::new(),
            name_en: String::new(),
            duration_min: 40,
            pattern: json!([
                { "role": "operatory", "from": 0, "to": 40, "bufferAfter": 5 },
                { "role": "dentist", "from": 10, "to": 40 },
            ]),
            color: String::new(),
            price_cents: 0,
            online_bookable: true,
            min_notice_min: None,
            horizon_days: None,
            slot_interval_min: Some(20),
            daily_cap: None,
            active: true,
        }],
        treatment_providers: Vec::new(),
        treatment_operatories: Vec::new(),
        treatment_equipment: Vec::new(),
    };
    RuleBook::new(rows).unwrap()
}

type Diaries = HashMap<CalendarId, Arc<Timeline>>;

/// Blocks on each calendar: day, minute of the morning, length.
fn diaries() -> impl Strategy<Value = Diaries> {
    let claims = prop::collection::vec((0i64..6, 0i64..240, 5i64..90), 0..12);
    prop::collection::vec(claims, 5).prop_map(|all| {
        let timeline = |claims: Vec<(i64, i64, i64)>| {
            let claims = claims.into_iter().map(|(day, minute, length)| Claim {
                id: ClaimId::new(),
                tenant: TENANT,
                span: Span::lasting(MONDAY.plus(day * DAY + 480 + minute), length).unwrap(),
                kind: ClaimKind::Block,
            });
            Arc::new(Timeline::new(1, claims))
        };
        let ids = (0..4).map(calendar).chain([PATIENT]);
        ids.zip(all.into_iter().map(timeline)).collect()
    })
}

fn appointment(repeated: &Repeated<'_>, placement: &Placement) -> Appointment {
    Appointment {
        id: AppointmentId::new(),
        tenant: TENANT,
        version: 1,
        status: Status::Scheduled,
        span: placement.span,
        patient: PatientId(Uuid::from_u128(91)),
        provider: repeated.provider.id,
        operatory: placement.operatory,
        treatment: TREATMENT,
        pattern: repeated.whole(placement),
        series: None,
        occurrence: None,
        detached: false,
        notes: None,
        cancel_reason: None,
        cancel_code: None,
        confirmed_via: None,
        created_by: None,
    }
}

/// Every span that the visits take, by calendar, is free of all else.
fn assert_apart(diaries: &Diaries, visits: &[Appointment]) {
    let mut taken: HashMap<CalendarId, Vec<Span>> = HashMap::new();
    for visit in visits {
        for (calendar, spans) in pattern::claims(&visit.pattern, visit.span.start()) {
            for span in spans {
                let other = diaries[&calendar].overlapping(span).next();
                assert!(other.is_none(), "{visit:?} is over {other:?}");
                let mine = taken.entry(calendar).or_default();
                let other = mine.iter().find(|other| other.overlaps(span));
                assert!(
                    other.is_none(),
                    "{visit:?} is over one of its plan at {other:?}"
                );
                mine.push(span);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_series_is_placed_apart_and_refuses_only_what_cannot_be_had(
        diaries in diaries(),
        policy in prop::sample::select(&SeriesPolicy::ALL[..]),
        window in 1i64..150,
        minute in 0i64..240,
        named in prop::option::of(0u128..2),
        interval in 1i64..40,
    ) {
        let book = book();
        let (dentist, treatment) =
            placement::named(&book, provider(0), TREATMENT).unwrap();
        let repeated = Repeated {
            rules: &book,
            provider: dentist,
            treatment,
            segments: &treatment.pattern,
            duration: 40,
            operatory: named.map(operatory),
            patient: PATIENT,
            asker: Asker::Staff,
            overrides: &BTreeSet::new(),
            policy,
            window,
            now: MONDAY,
        };
        let published = |id: CalendarId| diaries.get(&id).cloned();
        let mut draft = Draft::new(&published);
        let mut placed: Vec<Appointment> = Vec::new();
        let mut usual = None;
        // Closer together than a visit is long, so that they meet each other too.
        for n in 0..8 {
            let start = MONDAY.plus((n / 4) * DAY + 480 + minute + (n % 4) * interval);
            let verdict = repeated.judge(start, usual, &draft);
            let at = |start: Minute, chair: Option<OperatoryId>| {
                repeated.at(start, chair, None, &draft)
            };
            match verdict {
                Verdict::Wanted(placement) => {
                    prop_assert_eq!(placement.span.start(), start);
                    prop_assert!(named.is_none_or(|one| placement.operatory == operatory(one)));
                    usual.get_or_insert(placement.operatory);
                    let visit = appointment(&repeated, &placement);
                    draft.add(&visit);
                    placed.push(visit);
                }
                Verdict::Alternative(placement) => {
                    prop_assert_eq!(policy, SeriesPolicy::Nearest);
                    prop_assert!(at(start, named.map(operatory)).is_err());
                    let away = (placement.span.start().0 - start.0).abs();
                    prop_assert!(away <= window);
                    for closer in (0..away).step_by(20) {
                        for start in [start.plus(closer), start.plus(-closer)] {
                            prop_assert!(start < MONDAY || at(start, None).is_err());
                        }
                    }
                    usual.get_or_insert(placement.operatory);
                    let visit = appointment(&repeated, &placement);
                    draft.add(&visit);
                    placed.push(visit);
                }
                Verdict::Refused(_) => {
                    prop_assert!(at(start, named.map(operatory)).is_err());
                    if policy == SeriesPolicy::Nearest {
                        for away in (-(window / 20)..=window / 20).map(|n| n * 20) {
                            prop_assert!(at(start.plus(away), None).is_err(), "{away} was free");
                        }
                    }
                }
            }
        }
        assert_apart(&diaries, &placed);
    }

    #[test]
    fn a_replanned_day_is_apart_whoever_stays(
        diaries in diaries(),
        minutes in prop::sample::select(&[-60i64, -20, 15, 20, 30, 45, 90, 1440][..]),
        other_dentist in any::<bool>(),
        skip in any::<bool>(),
    ) {
        let book = book();
        let (dentist, treatment) = placement::named(&book, provider(0), TREATMENT).unwrap();
        let nothing = BTreeSet::new();
        let repeated = Repeated {
            rules: &book,
            provider: dentist,
            treatment,
            segments: &treatment.pattern,
            duration: 40,
            operatory: None,
            patient: PATIENT,
            asker: Asker::Staff,
            overrides: &nothing,
            policy: SeriesPolicy::Skip,
            window: 1,
            now: MONDAY,
        };
        // A morning with what could be booked of it.
        let published = |id: CalendarId| diaries.get(&id).cloned();
        let mut draft = Draft::new(&published);
        let mut visits = Vec::new();
        for n in 0..5 {
            let start = MONDAY.plus(480 + n * 45);
            if let Verdict::Wanted(placement) = repeated.judge(start, None, &draft) {
                let visit = appointment(&repeated, &placement);
                draft.add(&visit);
                visits.push(visit);
            }
        }
        let morning: Diaries = diaries
            .keys()
            .map(|id| (*id, draft.timeline(*id).unwrap()))
            .collect();
        let published = |id: CalendarId| morning.get(&id).cloned();
        let wanted: Vec<Wanted> = visits
            .iter()
            .map(|before| Wanted {
                before: before.clone(),
                places: vec![Place {
                    start: before.span.start().plus(minutes),
                    provider: provider(u128::from(other_dentist)),
                    operatory: None,
                    duration: None,
                }],
            })
            .collect();
        let terms = Terms {
            rules: &book,
            asker: Asker::Staff,
            overrides: &nothing,
            avoid: &nothing_avoided(),
            now: MONDAY,
        };
        let outcomes = arrange(&terms, &wanted, &[], skip, &published);
        prop_assert_eq!(outcomes.len(), visits.len());
        let refused = outcomes.iter().any(Result::is_err);
        if skip || !refused {
            let after: Vec<Appointment> = visits
                .iter()
                .zip(&outcomes)
                .map(|(before, outcome)| match outcome {
                    Ok((after, _)) => after.clone(),
                    Err(_) => before.clone(),
                })
                .collect();
            assert_apart(&diaries, &after);
        }
        let moved = outcomes.iter().flatten();
        for ((after, _), before) in moved.zip(visits.iter().zip(&outcomes).filter_map(
            |(before, outcome)| outcome.is_ok().then_some(before),
        )) {
            prop_assert_eq!(after.span.start(), before.span.start().plus(minutes));
            prop_assert_eq!(after.version, before.version + 1);
        }
        if !refused {
            // Nobody stays: leaving out and refusing come to the same.
            let strict = arrange(&terms, &wanted, &[], !skip, &published);
            prop_assert_eq!(strict, outcomes);
        }
    }
}

fn nothing_avoided() -> BTreeSet<CalendarId> {
    BTreeSet::new()
}

fn count(rrule: Option<&str>, rdates: &[&str], exdates: &[&str]) -> Result<usize, String> {
    let at = |text: &&str| format!("{text}:00").parse().unwrap();
    let rdates: Vec<_> = rdates.iter().map(at).collect();
    let exdates: Vec<_> = exdates.iter().map(at).collect();
    let rule = Rule {
        rrule,
        start: at(&"2027-03-01T09:00"),
        rdates: &rdates,
        exdates: &exdates,
    };
    let zone: Zone = "America/New_York".parse().unwrap();
    match starts(&rule, zone, 104) {
        Ok(found) => Ok(found.len()),
        Err(Rejection::Invalid { field, message }) => Err(format!("{field}: {message}")),
        Err(other) => Err(format!("{other:?}")),
    }
}

#[test]
fn a_rule_has_an_end_and_a_bound() {
    assert_eq!(count(Some("FREQ=WEEKLY;COUNT=104"), &[], &[]), Ok(104));
    assert_eq!(
        count(Some("FREQ=MONTHLY;UNTIL=20271231T235959Z"), &[], &[]),
        Ok(10)
    );
    // The start counts whether the rule matches it or not.
    assert_eq!(count(Some("FREQ=WEEKLY;BYDAY=TU;COUNT=3"), &[], &[]), Ok(3));
    let dates = ["2027-04-05T10:00", "2027-02-01T10:00"];
    assert_eq!(count(None, &dates, &[]), Ok(3));
    assert_eq!(count(None, &dates, &["2027-03-01T09:00"]), Ok(2));
    for (rule, field) in [
        ("FREQ=WEEKLY;COUNT=105", "rrule: gives more than 104"),
        ("FREQ=DAILY", "rrule: gives more than 104"),
        (
            "FREQ=YEARLY;COUNT=5",
            "rrule: goes on for more than three years",
        ),
        ("FREQ=HOURLY;COUNT=2", "rrule: FREQ=HOURLY"),
        ("COUNT=2", "rrule: the rule has no FREQ"),
    ] {
        let error = count(Some(rule), &[], &[]).unwrap_err();
        assert!(error.starts_with(field), "{rule}: {error}");
    }
    let nothing = count(Some("FREQ=DAILY;COUNT=1"), &[], &["2027-03-01T09:00"]);
    assert!(nothing.unwrap_err().starts_with("rrule: gives no time"));
}

#[test]
fn a_start_that_the_clock_change_skips_moves_by_the_gap() {
    let start: chrono::NaiveDateTime = "2027-03-07T02:30:00".parse().unwrap();
    let zone: Zone = "America/New_York".parse().unwrap();
    let rule = Rule {
        rrule: Some("FREQ=WEEKLY;COUNT=3"),
        start,
        rdates: &[],
        exdates: &[],
    };
    let found = starts(&rule, zone, 104).unwrap();
    let utc: Vec<String> = found
        .iter()
        .map(|(_, at)| at.to_utc().format("%m-%d %H:%M").to_string())
        .collect();
    // 14 March has no 02:30: it is 03:30 there, and 02:30 again a week later.
    assert_eq!(utc, ["03-07 07:30", "03-14 07:30", "03-21 06:30"]);
}
