//! Which rows of an import are somebody whom the practice has already. Pure: an import of the same
//! file again must come to "everybody is there".

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::NaiveDate;
use schema::ids::PatientId;

/// A person as far as imports tell people apart. Digests, so that a long file needs little memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Person {
    name: u64,
    email: Option<u64>,
    phone: Option<u64>,
    born: Option<NaiveDate>,
    /// Unless they were only met in the file.
    id: Option<PatientId>,
}

impl Person {
    /// `name` as `patient_sort_name` spells it.
    pub(super) fn new(
        name: &str,
        email: Option<&str>,
        phone: Option<&str>,
        born: Option<NaiveDate>,
        id: Option<PatientId>,
    ) -> Self {
        Self {
            name: digest(name),
            email: email.map(digest),
            phone: phone.map(digest),
            born,
            id,
        }
    }

    /// Nothing but a name is known.
    fn is_bare(&self) -> bool {
        self.email.is_none() && self.phone.is_none() && self.born.is_none()
    }
}

fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Somebody new to the practice.
    New,
    /// Somebody whom it has.
    Known,
    /// Somebody of the same address or number, but of another name, and not surely the same.
    Doubtful(Option<PatientId>),
}

/// The people of the practice whom rows may be.
#[derive(Debug, Default)]
pub(super) struct People {
    all: Vec<Person>,
    by_name: HashMap<u64, Vec<usize>>,
    by_email: HashMap<u64, Vec<usize>>,
    by_phone: HashMap<u64, Vec<usize>>,
}

impl People {
    pub(super) fn add(&mut self, person: Person) {
        let place = self.all.len();
        self.all.push(person);
        self.by_name.entry(person.name).or_default().push(place);
        if let Some(email) = person.email {
            self.by_email.entry(email).or_default().push(place);
        }
        if let Some(phone) = person.phone {
            self.by_phone.entry(phone).or_default().push(place);
        }
    }

    fn at<'a>(
        &'a self,
        index: &'a HashMap<u64, Vec<usize>>,
        key: Option<u64>,
    ) -> impl Iterator<Item = &'a Person> {
        let places = key.and_then(|key| index.get(&key));
        places.into_iter().flatten().map(|place| &self.all[*place])
    }

    /// What somebody is to those who are known.
    pub(super) fn judge(&self, row: &Person) -> Judgement {
        let mut doubtful = None;
        let contacts = self
            .at(&self.by_email, row.email)
            .chain(self.at(&self.by_phone, row.phone));
        for known in contacts {
            let other_birth = matches!((known.born, row.born), (Some(a), Some(b)) if a != b);
            let same_birth = known.born.is_some() && known.born == row.born;
            if (known.name == row.name && !other_birth) || same_birth {
                return Judgement::Known;
            }
            doubtful.get_or_insert(known.id);
        }
        for known in self.at(&self.by_name, Some(row.name)) {
            let same_birth = known.born.is_some() && known.born == row.born;
            // A name alone tells nobody apart, so it is whoever has it.
            if same_birth || row.is_bare() {
                return Judgement::Known;
            }
        }
        match doubtful {
            Some(id) => Judgement::Doubtful(id),
            None => Judgement::New,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn person(text: &str) -> Person {
        let parts: Vec<&str> = text.split('|').collect();
        let part = |place: usize| parts.get(place).copied().filter(|part| !part.is_empty());
        let born = part(3).map(|date| date.parse().unwrap());
        Person::new(part(0).unwrap(), part(1), part(2), born, None)
    }

    #[test]
    fn who_is_the_same() {
        let known = "mora ana|ana@x|+1|1990-01-01";
        for (row, judgement) in [
            ("mora ana|ana@x|+1|1990-01-01", Judgement::Known),
            ("mora ana|ana@x||", Judgement::Known),
            ("mora ana||+1|", Judgement::Known),
            ("mora ana|||1990-01-01", Judgement::Known),
            ("mora ana|||", Judgement::Known),
            ("paz ana|ana@x||1990-01-01", Judgement::Known),
            ("paz eva|ana@x||", Judgement::Doubtful(None)),
            ("paz eva||+1|2015-01-01", Judgement::Doubtful(None)),
            ("mora ana|ana@x||1991-01-01", Judgement::Doubtful(None)),
            ("mora ana|other@x||", Judgement::New),
            ("mora ana|||1991-01-01", Judgement::New),
            ("paz eva|||1990-01-01", Judgement::New),
            ("paz eva|||", Judgement::New),
        ] {
            let mut people = People::default();
            people.add(person(known));
            assert_eq!(people.judge(&person(row)), judgement, "{row}");
        }
    }

    fn import(people: &mut People, rows: &[Person], take_doubtful: bool) -> usize {
        let mut added = 0;
        for row in rows {
            match people.judge(row) {
                Judgement::New => {}
                Judgement::Doubtful(_) if take_doubtful => {}
                _ => continue,
            }
            people.add(*row);
            added += 1;
        }
        added
    }

    proptest! {
        /// The same file again adds nobody, whether the doubtful are taken or not.
        #[test]
        fn again_is_nothing(
            rows in prop::collection::vec(
                ("[ab]", "[cd]?", "[ef]?", prop::option::of(0u64..2)), 0..20),
            take_doubtful: bool,
        ) {
            let rows: Vec<Person> = rows
                .iter()
                .map(|(name, email, phone, born)| {
                    let given = |text: &'_ String| (!text.is_empty()).then(|| text.clone());
                    let born = born.map(|days| NaiveDate::default() + chrono::Days::new(days));
                    Person::new(name, given(email).as_deref(), given(phone).as_deref(), born, None)
                })
                .collect();
            let mut people = People::default();
            import(&mut people, &rows, take_doubtful);
            prop_assert_eq!(import(&mut people, &rows, take_doubtful), 0);
        }
    }
}
