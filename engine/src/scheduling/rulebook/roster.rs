//! Who offers a treatment, in flat arrays: a search over thousands of people reads these and none of
//! their rules. In the order of their calendars' numbers, which a rule book gives so that those who
//! share operatories and hours come one after the other.

use std::collections::BTreeMap;
use std::ops::Range;

use schema::ids::{CalendarId, ProviderId};
use schema::models::pattern::Role;

use super::{Provider, Treatment};
use crate::scheduling::marks::Marks;

/// Gives the people's calendars the first numbers, and answers whose they are. `calendars` are
/// theirs in any order, and then others'.
pub(super) fn number(
    providers: &mut BTreeMap<ProviderId, Provider>,
    calendars: &mut [CalendarId],
) -> Vec<ProviderId> {
    let mut people: Vec<&mut Provider> = providers.values_mut().collect();
    // Stable: the rest is in the order of the ids.
    people.sort_by(|one, other| {
        let (seats, others) = [one, other]
            .map(|one| {
                one.seats
                    .iter()
                    .map(|seat| (seat.number, seat.schedule.number))
            })
            .into();
        (one.role.cmp(&other.role)).then_with(|| Iterator::cmp(seats, others))
    });
    let mut ids = Vec::with_capacity(people.len());
    for ((number, provider), calendar) in people.into_iter().enumerate().zip(calendars) {
        provider.number = number;
        *calendar = provider.calendar;
        ids.push(provider.id);
    }
    ids
}

/// Those who can be asked for a treatment, together with whoever has the same operatories and hours.
#[derive(Debug, Default)]
pub(in crate::scheduling) struct Roster {
    groups: Vec<Group>,
    members: Vec<Member>,
    chairs: Vec<Chair>,
    /// The members of each role that there is.
    roles: Vec<(Role, Marks)>,
    operatories: Marks,
}

/// People of one role, with the same operatories at the same hours, whose numbers are neighbours.
#[derive(Clone, Debug)]
pub(in crate::scheduling) struct Group {
    pub role: Role,
    /// From the first member's number to before this.
    pub end: usize,
    /// The first member's place in the search: of all members' the lowest.
    pub first: usize,
    members: Range<usize>,
    chairs: Range<usize>,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::scheduling) struct Member {
    number: u32,
    place: u32,
}

/// An operatory that a group may have the visit in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scheduling) struct Chair {
    number: u32,
    schedule: u32,
    seat: u32,
}

impl Member {
    /// Of the calendar in the rule book.
    pub(in crate::scheduling) fn number(self) -> usize {
        self.number as usize
    }

    /// In the search.
    pub(in crate::scheduling) fn place(self) -> usize {
        self.place as usize
    }
}

impl Chair {
    /// Of the operatory's calendar in the rule book.
    pub(in crate::scheduling) fn number(self) -> usize {
        self.number as usize
    }

    /// Of the schedule in the rule book.
    pub(in crate::scheduling) fn schedule(self) -> usize {
        self.schedule as usize
    }

    /// Its place among each member's seats.
    pub(in crate::scheduling) fn seat(self) -> usize {
        self.seat as usize
    }
}

impl Roster {
    /// Of active people who offer the treatment, with their places in the search; `calendars` is
    /// how many the book numbers.
    pub(in crate::scheduling) fn new<'a>(
        providers: impl Iterator<Item = (usize, &'a Provider)>,
        treatment: &Treatment,
        calendars: usize,
    ) -> Self {
        let mut all: Vec<(usize, &Provider)> = providers.collect();
        all.sort_unstable_by_key(|(place, one)| (one.number, *place));
        let mut found = Self {
            operatories: Marks::none(calendars),
            ..Self::default()
        };
        let mut chairs: Vec<Chair> = Vec::new();
        for (place, one) in all {
            let seats = one.seats.iter().enumerate();
            let seats = seats
                .filter(|(_, seat)| seat.active && treatment.can_be_done_in(seat.operatory))
                .map(|(place, seat)| Chair {
                    number: seat.number as u32,
                    schedule: seat.schedule.number as u32,
                    seat: place as u32,
                });
            chairs.clear();
            chairs.extend(seats);
            if !chairs.is_empty() {
                found.add(place, one, &chairs, calendars);
            }
        }
        found
    }

    fn add(&mut self, place: usize, one: &Provider, chairs: &[Chair], calendars: usize) {
        let number = one.number;
        let same = self.groups.last_mut().filter(|group| {
            group.role == one.role && self.chairs.get(group.chairs.clone()) == Some(chairs)
        });
        match same {
            Some(group) => {
                group.end = number + 1;
                group.first = group.first.min(place);
                group.members.end += 1;
            }
            None => {
                let (members, known) = (self.members.len(), self.chairs.len());
                self.chairs.extend_from_slice(chairs);
                (chairs.iter()).for_each(|chair| self.operatories.add(chair.number()));
                self.groups.push(Group {
                    role: one.role,
                    end: number + 1,
                    first: place,
                    members: members..members + 1,
                    chairs: known..known + chairs.len(),
                });
            }
        }
        self.members.push(Member {
            number: number as u32,
            place: place as u32,
        });
        let known = self.roles.iter().position(|(role, _)| *role == one.role);
        let role = known.unwrap_or_else(|| {
            self.roles.push((one.role, Marks::none(calendars)));
            self.roles.len() - 1
        });
        self.roles[role].1.add(number);
    }

    /// The members of each role that there is.
    pub(in crate::scheduling) fn roles(&self) -> &[(Role, Marks)] {
        &self.roles
    }

    /// Every operatory of any group.
    pub(in crate::scheduling) fn operatories(&self) -> &Marks {
        &self.operatories
    }

    /// The group of the member with that number, where `from` is the place of one that is not
    /// behind it; and its own place.
    pub(in crate::scheduling) fn group_of(
        &self,
        number: usize,
        from: usize,
    ) -> Option<(usize, &Group)> {
        let rest = self.groups.get(from..)?;
        // Mostly it is the next one.
        let skipped = match rest.first() {
            Some(group) if number < group.end => 0,
            _ => rest.partition_point(|group| group.end <= number),
        };
        Some((from + skipped, rest.get(skipped)?))
    }

    pub(in crate::scheduling) fn members(&self, group: &Group) -> &[Member] {
        self.members.get(group.members.clone()).unwrap_or_default()
    }

    /// By name, as each member has them.
    pub(in crate::scheduling) fn chairs(&self, group: &Group) -> &[Chair] {
        self.chairs.get(group.chairs.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::scheduling::availability::tests::practice::Practice;
    use crate::scheduling::rulebook::RuleBook;

    /// Each who offers the treatment and has somewhere to do it is in one group, with those who
    /// have the same operatories and hours, and nobody else is.
    #[test]
    fn neighbours_share_operatories_and_hours() {
        let mut shared = 0;
        for seed in 0..40 {
            let practice = Practice::of_many(seed);
            let book = RuleBook::new(practice.rows.clone()).unwrap();
            for (number, calendar) in book.calendars().enumerate() {
                let person = book.person(number);
                assert!(person.is_none_or(|one| (one.number, one.calendar) == (number, calendar)));
            }
            let treatment = &book.treatments[&practice.treatment];
            let roster = book.roster(treatment);
            let offering: Vec<&Provider> = book.who_offers(treatment).collect();
            let (mut seen, mut keys, mut from) = (BTreeSet::new(), BTreeSet::new(), 0);
            for (place, group) in roster.groups.iter().enumerate() {
                let chairs = roster.chairs(group);
                assert!(!chairs.is_empty());
                // All of them are together: nobody is left out in between, with so many.
                let key: Vec<_> = chairs
                    .iter()
                    .map(|one| (one.number, one.schedule))
                    .collect();
                let whole = treatment.providers.is_empty() && treatment.operatories.is_empty();
                assert!(keys.insert(key) || !whole);
                let members = roster.members(group);
                shared += members.len() - 1;
                let places = members.iter().map(|member| member.place());
                assert_eq!(places.min(), Some(group.first));
                for member in members {
                    assert!((from..group.end).contains(&member.number()));
                    from = member.number() + 1;
                    assert!(seen.insert(member.number()));
                    let found = roster.group_of(member.number(), place.saturating_sub(2));
                    assert_eq!(found.map(|(place, _)| place), Some(place));
                    let one = offering[member.place()];
                    assert_eq!((one.number, one.role), (member.number(), group.role));
                    for chair in chairs {
                        let seat = &one.seats[chair.seat()];
                        assert!(roster.operatories().has(seat.number));
                        assert_eq!(seat.number, chair.number());
                        assert_eq!(seat.schedule.number, chair.schedule());
                        assert!(seat.active && treatment.can_be_done_in(seat.operatory));
                    }
                    let (_, marks) = &roster.roles[0];
                    assert!(marks.has(member.number()));
                }
            }
            let able = offering.iter().filter(|one| {
                let mut seats = one.seats.iter();
                seats.any(|seat| seat.active && treatment.can_be_done_in(seat.operatory))
            });
            assert_eq!(able.count(), seen.len());
        }
        assert!(shared > 500, "{shared}");
    }
}
