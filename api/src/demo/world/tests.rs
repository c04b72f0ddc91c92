//! The files of `config/demo` make a world in which people can work.

use super::*;

#[test]
fn the_world_is_as_large_as_promised() {
    let world = DemoWorld::build().unwrap();
    let of_role = |role: &str| {
        let providers = world.providers.iter();
        providers.filter(|provider| provider.role == role).count()
    };
    assert_eq!(
        (
            world.clinics.len(),
            world.operatories.len(),
            world.tenants.len()
        ),
        (2, 6, 5)
    );
    assert_eq!([of_role("dentist"), of_role("hygienist")], [5, 2]);
    assert_eq!(world.treatments.len(), 5 * 25);
    assert_eq!(world.patients.len(), 300);
    assert!(
        world
            .patients
            .iter()
            .filter(|patient| patient.tenants.len() > 1)
            .count()
            > 50
    );
    assert!(world.users.iter().any(|user| user.works.len() == 3));
    assert_eq!(world.patients[0].tenants.len(), 2);
}

#[test]
fn no_operatory_is_lent_twice_at_once() {
    let world = DemoWorld::build().unwrap();
    let chair = |hours: &AssignmentHours| {
        let assignment = world
            .assignments
            .iter()
            .find(|a| a.id == hours.assignment_id);
        assignment.unwrap().operatory_id
    };
    for (index, one) in world.assignment_hours.iter().enumerate() {
        for other in &world.assignment_hours[index + 1..] {
            let apart = chair(one) != chair(other)
                || one.weekday != other.weekday
                || one.to_minute <= other.from_minute
                || other.to_minute <= one.from_minute;
            assert!(apart, "{one:?} {other:?}");
        }
    }
}

#[test]
fn patterns_fit_their_visits_and_have_people_for_each_role() {
    let world = DemoWorld::build().unwrap();
    for treatment in &world.treatments {
        let wrong = format!("{} {:?}", treatment.code, treatment.pattern);
        for segment in &treatment.pattern {
            assert!(segment.from < segment.to, "{wrong}");
            assert!(segment.to <= i64::from(treatment.duration_min), "{wrong}");
            let role = serde_json::to_value(segment.role).unwrap();
            let there = segment.role == Role::Operatory
                || world.providers.iter().any(|provider| {
                    provider.tenant_id == treatment.tenant && role == provider.role.as_str()
                });
            assert!(there, "{wrong}");
        }
    }
}
