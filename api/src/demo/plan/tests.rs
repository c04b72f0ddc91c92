//! The plan keeps the rules, is as full as a good diary, and is the same each time.

use super::super::SEED;
use super::*;

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 20).unwrap()
}

fn planned() -> (DemoWorld, Vec<PlannedVisit>) {
    let world = DemoWorld::build().unwrap();
    let visits = plan(&world, today(), SEED);
    (world, visits)
}

fn treatment<'a>(world: &'a DemoWorld, visit: &PlannedVisit) -> &'a Treatment {
    let mut treatments = world.treatments.iter();
    treatments.find(|one| one.id == visit.treatment).unwrap()
}

fn span(world: &DemoWorld, visit: &PlannedVisit) -> Span {
    let minutes = i64::from(treatment(world, visit).duration_min);
    Span::lasting(Minute::exact(visit.start).unwrap(), minutes).unwrap()
}

/// What a visit takes, worked out apart from the planner.
fn claims(world: &DemoWorld, visit: &PlannedVisit) -> Vec<(CalendarId, Span)> {
    let start = span(world, visit).start();
    let lead = world
        .providers
        .iter()
        .find(|one| one.id == visit.provider)
        .unwrap();
    let chair = world
        .operatories
        .iter()
        .find(|one| one.id == visit.operatory)
        .unwrap();
    let mut claims = vec![(visit.patient_calendar, span(world, visit))];
    for segment in &treatment(world, visit).pattern {
        let calendar = match segment.role {
            Role::Operatory => chair.calendar_id,
            role if name(role) == lead.role => lead.calendar_id,
            role => {
                let mut team = world.providers.iter();
                team.find(|one| one.tenant_id == visit.tenant && one.role == name(role))
                    .unwrap()
                    .calendar_id
            }
        };
        let from = start.plus(segment.from - segment.buffer_before);
        let to = start.plus(segment.to + segment.buffer_after);
        claims.push((calendar, Span::new(from, to).unwrap()));
    }
    claims
}

#[test]
fn nobody_is_in_two_places_and_no_chair_has_two_patients() {
    let (world, visits) = planned();
    let mut taken: HashMap<CalendarId, Vec<Span>> = HashMap::new();
    for (calendar, span) in visits.iter().flat_map(|visit| claims(&world, visit)) {
        taken.entry(calendar).or_default().push(span);
    }
    for spans in taken.values_mut() {
        spans.sort();
        for pair in spans.windows(2) {
            assert!(!pair[0].overlaps(pair[1]), "{pair:?}");
        }
    }
}

#[test]
fn visits_are_within_hours_and_never_on_holidays() {
    let (world, visits) = planned();
    let zone: Tz = "America/Guayaquil".parse().unwrap();
    for visit in &visits {
        let date = visit.start.with_timezone(&zone).date_naive();
        let provider = world
            .providers
            .iter()
            .find(|one| one.id == visit.provider)
            .unwrap();
        let open = shifts(&world, provider, date).into_iter().any(|shift| {
            shift.operatory.id == visit.operatory && shift.open.contains(span(&world, visit))
        });
        assert!(open, "{visit:?}");
    }
    // 2 November 2026, a Monday.
    let holiday = NaiveDate::from_ymd_opt(2026, 11, 2).unwrap();
    assert!(
        !visits
            .iter()
            .any(|visit| visit.start.with_timezone(&zone).date_naive() == holiday)
    );
}

#[test]
fn patients_are_the_practices_own_and_of_the_right_age() {
    let (world, visits) = planned();
    for visit in &visits {
        let patient = world
            .patients
            .iter()
            .find(|one| one.id == visit.patient)
            .unwrap();
        assert!(patient.tenants.contains(&visit.tenant));
        let audience = treatment(&world, visit).audience;
        assert!(audience != Audience::Adults || !patient.child);
        assert!(audience != Audience::Children || patient.child);
    }
    let seen = |tenant| {
        visits
            .iter()
            .any(|v| v.patient == world.patients[0].id && v.tenant == tenant)
    };
    assert!(world.patients[0].tenants.iter().all(|tenant| seen(*tenant)));
}

#[test]
fn the_diary_is_about_two_thirds_full() {
    let (world, visits) = planned();
    let (mut open, mut taken) = (0, 0);
    for provider in &world.providers {
        let mut minutes: Vec<(i64, i64)> = Vec::new();
        for date in days(today()) {
            let mut hours: Vec<_> = shifts(&world, provider, date)
                .iter()
                .map(|shift| (shift.open.start().0, shift.open.end().0))
                .collect();
            hours.sort_unstable();
            hours.dedup(); // two chairs at once are one working day
            open += hours.iter().map(|(from, to)| to - from).sum::<i64>();
        }
        for visit in visits.iter().filter(|visit| visit.provider == provider.id) {
            let span = span(&world, visit);
            minutes.push((span.start().0, span.end().0));
        }
        minutes.sort_unstable();
        let mut until = 0;
        for (from, to) in minutes {
            taken += (to - from.max(until)).max(0);
            until = until.max(to);
        }
    }
    let percent = taken * 100 / open;
    assert!(
        (60..=70).contains(&percent),
        "{percent} % of {} visits",
        visits.len()
    );
}

#[test]
fn the_past_is_over_and_the_future_is_not() {
    let (_, visits) = planned();
    let now = today().and_hms_opt(5, 0, 0).unwrap().and_utc(); // midnight in Ecuador
    let count = |past: bool, status: Status| {
        let visits = visits.iter().filter(|visit| (visit.start < now) == past);
        visits.filter(|visit| visit.status == status).count()
    };
    for status in [Status::Completed, Status::NoShow, Status::Cancelled] {
        assert!(
            count(true, status) > 0 && count(false, status) == 0,
            "{status:?}"
        );
    }
    for status in [Status::Scheduled, Status::Confirmed] {
        assert!(
            count(false, status) > 0 && count(true, status) == 0,
            "{status:?}"
        );
    }
    assert!(count(true, Status::Completed) > 10 * count(true, Status::NoShow));
}

#[test]
fn one_seed_is_one_plan() {
    let (world, visits) = planned();
    assert_eq!(visits, plan(&world, today(), SEED));
    assert_ne!(visits, plan(&world, today(), SEED + 1));
}
