//! Three hundred people of Ecuador who do not exist.

use chrono::{Days, NaiveDate};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use schema::ids::{CalendarId, PatientId, TenantId};

use super::source::People;
use super::world::id;

const PATIENTS: usize = 300;
/// One in this many is a child.
const CHILD_EVERY: usize = 5;
/// The first patient, who has an account.
const FIRST: (&str, &str) = ("Valentina", "Robalino Espín");

/// A demo patient with the practices that treat them.
#[derive(Clone, Debug)]
pub struct Patient {
    pub id: PatientId,
    pub calendar: CalendarId,
    pub first_name: String,
    pub last_name: String,
    pub email: Option<String>,
    pub phone: String,
    pub born: NaiveDate,
    pub child: bool,
    /// At least one; the first is where they come most.
    pub tenants: Vec<TenantId>,
}

pub(super) fn make(people: &People, tenants: &[TenantId], seed: u64) -> Vec<Patient> {
    let mut random = StdRng::seed_from_u64(seed);
    (0..PATIENTS)
        .map(|number| make_one(people, tenants, number, &mut random))
        .collect()
}

fn make_one(people: &People, tenants: &[TenantId], number: usize, random: &mut StdRng) -> Patient {
    let child = number % CHILD_EVERY == CHILD_EVERY - 1;
    let first_names = if random.random_bool(0.5) {
        &people.women
    } else {
        &people.men
    };
    let surname = |random: &mut StdRng| choose(&people.surnames, random);
    let (first_name, last_name) = if number == 0 {
        (FIRST.0.to_owned(), FIRST.1.to_owned())
    } else {
        let last_name = format!("{} {}", surname(random), surname(random));
        (choose(first_names, random), last_name)
    };
    let email = match number {
        0 => Some("patient@dentista.com".to_owned()),
        _ if child || random.random_bool(0.15) => None,
        _ => Some(address(&first_name, &last_name, number)),
    };
    // Adults are 18 to 80, children 5 to 15, as of 2026.
    let years = if child { 2011..2022 } else { 1946..2008 };
    let born = NaiveDate::from_ymd_opt(random.random_range(years), 1, 1).unwrap_or_default()
        + Days::new(random.random_range(0..365));
    Patient {
        id: id(&format!("patient/{number}"), PatientId),
        calendar: id(&format!("patient/{number}/calendar"), CalendarId),
        first_name,
        last_name,
        email,
        phone: format!("+5939{:08}", random.random_range(20_000_000..99_999_999)),
        born,
        child,
        tenants: relations(tenants, number, random),
    }
}

/// Practices take turns; every fifth patient has two, every twentieth three.
fn relations(tenants: &[TenantId], number: usize, random: &mut StdRng) -> Vec<TenantId> {
    let count = match number {
        0 => 2,
        number if number % 20 == 7 => 3,
        number if number % 5 == 2 => 2,
        _ => 1,
    };
    let home = number % tenants.len().max(1);
    let step = if number == 0 {
        1
    } else {
        random.random_range(1..tenants.len().max(2))
    };
    let mut found: Vec<TenantId> = Vec::new();
    for turn in 0..count {
        let other = tenants.get((home + turn * step) % tenants.len().max(1));
        found.extend(other.filter(|tenant| !found.contains(tenant)));
    }
    found
}

fn choose(names: &[String], random: &mut StdRng) -> String {
    names
        .get(random.random_range(0..names.len().max(1)))
        .cloned()
        .unwrap_or_default()
}

/// `maria.nunez17@example.ec`: nobody shall get mail from a demo.
fn address(first: &str, last: &str, number: usize) -> String {
    let plain = |name: &str| -> String {
        let word = name.split(' ').next().unwrap_or_default().to_lowercase();
        word.chars()
            .map(|letter| match letter {
                'á' => 'a',
                'é' => 'e',
                'í' => 'i',
                'ó' => 'o',
                'ú' => 'u',
                'ñ' => 'n',
                letter => letter,
            })
            .collect()
    };
    format!("{}.{}{number}@example.ec", plain(first), plain(last))
}
