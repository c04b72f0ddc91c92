//! A front desk looks for patients: how long `GET /patients?q=` takes in a practice with very many of
//! them, beside very many practices. Nothing is booked, so there is nothing to audit.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use diesel_async::SimpleAsyncConnection;
use hdrhistogram::Histogram;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;

use crate::Outcome;
use crate::client::Rest;
use crate::measure::{Latency, Totals};
use crate::report::Summary;
use crate::seed::{Practice, Size};
use crate::stage::{Setup, Stage};
use crate::verdict::Verdict;

/// The longest time that is told apart, in microseconds.
const LONGEST_US: u64 = 120_000_000;
/// Not measured: the first searches of each connection.
const WARM_UP: usize = 20;

/// How to play it.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Practices
    #[arg(long, default_value_t = 10_000)]
    pub tenants: u64,
    /// Patients of the first practice, where half of the searches are
    #[arg(long, default_value_t = 100_000)]
    pub patients: u64,
    /// Patients of each other practice
    #[arg(long, default_value_t = 20)]
    pub others: u64,
    /// Connections, each with one search at a time
    #[arg(long, default_value_t = 4)]
    pub clients: u64,
    /// Searches of each connection
    #[arg(long, default_value_t = 500)]
    pub searches: usize,
}

/// Drawn from as people are named: some names are everywhere.
const FIRST: [&str; 16] = [
    "María", "José", "Luis", "Ana", "Carlos", "Carmen", "Juan", "Lucía", "Iván", "Gabriela",
    "Andrés", "Sofía", "Óscar", "Inés", "Tomás", "Martina",
];
const SECOND: [&str; 12] = [
    "Fernanda", "Alberto", "Belén", "Xavier", "Noemí", "Rafael", "Isabel", "Mateo", "Elena",
    "Raúl", "Paula", "Hugo",
];
const LAST: [&str; 40] = [
    "González",
    "Zambrano",
    "Sánchez",
    "Mora",
    "Cedeño",
    "Torres",
    "Núñez",
    "Vera",
    "Loor",
    "Muñoz",
    "Paz",
    "Quishpe",
    "Andrade",
    "Ramírez",
    "Espinoza",
    "Guamán",
    "Cárdenas",
    "Benítez",
    "Salazar",
    "Peña",
    "Chávez",
    "Arteaga",
    "Borja",
    "Cueva",
    "Dávila",
    "Erazo",
    "Flores",
    "Gallegos",
    "Herrera",
    "Iturralde",
    "Jaramillo",
    "Larrea",
    "Mendoza",
    "Naranjo",
    "Ordóñez",
    "Ponce",
    "Quiroz",
    "Rivas",
    "Suárez",
    "Yépez",
];

/// What is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// The first letters of a name.
    Letters,
    /// First and last name, without accents.
    Names,
    Phone,
    Email,
    /// A name with a letter wrong.
    Misspelt,
}

impl Kind {
    /// In every ten searches.
    const TEN: [Self; 10] = [
        Self::Letters,
        Self::Letters,
        Self::Letters,
        Self::Names,
        Self::Names,
        Self::Names,
        Self::Names,
        Self::Phone,
        Self::Email,
        Self::Misspelt,
    ];

    fn fact(self) -> &'static str {
        match self {
            Self::Letters => "first letters       p95, ms",
            Self::Names => "first and last name p95, ms",
            Self::Phone => "phone number        p95, ms",
            Self::Email => "e-mail address      p95, ms",
            Self::Misspelt => "misspelt name       p95, ms",
        }
    }

    fn query(self, random: &mut StdRng, patients: u64) -> String {
        let mut pick = |names: &[&str]| -> String {
            // Squared: the first ones are the common ones, as in the rows.
            let place: f64 = random.random();
            let place = (place * place * names.len() as f64) as usize;
            plain(names[place.min(names.len() - 1)])
        };
        match self {
            Self::Letters => pick(&LAST).chars().take(3).collect(),
            Self::Names => format!("{} {}", pick(&FIRST), pick(&LAST)),
            Self::Misspelt => {
                let name = pick(&LAST).replace(['n', 'z'], "s");
                format!("{name} {}", pick(&SECOND))
            }
            Self::Phone => format!("09{:08}", random.random_range(0..patients)),
            Self::Email => format!("p{}@correo", random.random_range(0..patients)),
        }
    }
}

/// As it is typed in a hurry.
fn plain(name: &str) -> String {
    let letter = |letter: char| match letter {
        'á' => 'a',
        'é' => 'e',
        'í' => 'i',
        'ó' | 'Ó' => 'o',
        'ú' => 'u',
        'ñ' => 'n',
        letter => letter.to_ascii_lowercase(),
    };
    name.chars().map(letter).collect()
}

/// More patients: for the first practice many, for the others few. Names are drawn so that the
/// first ones of each list are the most common, and that both parts of one are independent.
fn rows(options: &Options, first: Practice) -> String {
    let list = |names: &[&str]| format!("ARRAY['{}']", names.join("','"));
    let pick = |names: &[&str], salt: u32| {
        format!(
            "({})[1 + floor({} * power(abs(hashint8extended(n, {salt})) / 9.3e18::float8, 2))::int]",
            list(names),
            names.len()
        )
    };
    format!(
        "CREATE TEMP TABLE people AS SELECT n, gen_random_uuid() AS id, gen_random_uuid() AS calendar_id,
             {first_name} || ' ' || {second} AS first_name, {last} || ' ' || {other} AS last_name,
             CASE WHEN n < {many} THEN '{tenant}'::uuid END AS tenant_id
             FROM generate_series(0::bigint, {many} + {few} * ({tenants} - 1) - 1) n;
         UPDATE people p SET tenant_id = t.id FROM (
             SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM tenants
             WHERE id <> '{tenant}') t
             WHERE p.tenant_id IS NULL AND t.place = (p.n - {many}) / greatest({few}, 1);
         INSERT INTO calendars (id, kind) SELECT calendar_id, 'patient' FROM people;
         INSERT INTO patients (id, first_name, last_name, email, phone, date_of_birth, calendar_id)
             SELECT id, first_name, last_name, 'p' || n || '@correo.ec', '+5939' || lpad(n::text, 8, '0'),
                 date '1940-01-01' + (n % 29000)::int, calendar_id FROM people;
         INSERT INTO patient_dentists (tenant_id, patient_id) SELECT tenant_id, id FROM people;
         DROP TABLE people;
         VACUUM ANALYZE patient_dentists; VACUUM ANALYZE patients; ANALYZE calendars",
        first_name = pick(&FIRST, 1),
        second = pick(&SECOND, 2),
        last = pick(&LAST, 3),
        other = pick(&LAST, 4),
        many = options.patients,
        few = options.others,
        tenants = options.tenants,
        tenant = first.tenant(),
    )
}

/// Plays it.
///
/// # Errors
/// When it cannot be played to its end.
pub async fn run(setup: &Setup, options: &Options, seed: u64) -> Outcome<Summary> {
    let size = Size {
        tenants: options.tenants.max(1),
        dentists: 1,
        patients: 1,
    };
    let stage = Stage::raise(setup, size).await?;
    let began = Instant::now();
    let mut database = stage.connect().await?;
    for statement in rows(options, size.practice(0)).split(';') {
        database.batch_execute(statement).await?;
    }
    drop(database);
    eprintln!("patients seeded in {:.1} s", began.elapsed().as_secs_f64());

    let options = Arc::new(options.clone());
    let mut working = JoinSet::new();
    let began = Instant::now();
    for number in 0..options.clients.max(1) {
        // Half of them in the practice with many patients, the others each in one of their own.
        let practice = match number % 2 {
            0 => size.practice(0),
            _ => size.practice(number % size.tenants),
        };
        let client = stage.site.reader(practice)?;
        let random = StdRng::seed_from_u64(seed.wrapping_add(number));
        let many = number % 2 == 0;
        working.spawn(search(client, Arc::clone(&options), random, many));
    }
    let mut whole = Histogram::<u64>::new_with_max(LONGEST_US, 3)?;
    let mut kinds: BTreeMap<Kind, Histogram<u64>> = BTreeMap::new();
    while let Some(done) = working.join_next().await {
        let (many, times) = done??;
        for (kind, took) in times {
            // Small practices answer at once; the figure is about the large one.
            if many {
                whole.saturating_record(took);
                kinds
                    .entry(kind)
                    .or_insert(Histogram::new_with_max(LONGEST_US, 3)?)
                    .saturating_record(took);
            }
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    stage.stop().await?;
    let at = |times: &Histogram<u64>, quantile| times.value_at_quantile(quantile) as f64 / 1000.0;
    let mut facts = vec![("all searches        p95, ms", at(&whole, 0.95))];
    facts.extend(
        kinds
            .iter()
            .map(|(kind, times)| (kind.fact(), at(times, 0.95))),
    );
    let totals = Totals {
        done: whole.len(),
        seconds,
        latency: Latency::of(&whole),
        errors: BTreeMap::new(),
        ..Totals::default()
    };
    let setting = format!(
        "{} clients, {} patients in one of {} practices, {} in each other",
        options.clients, options.patients, options.tenants, options.others
    );
    Ok(Summary::new(
        "patients",
        setting,
        totals,
        facts,
        Verdict::default(),
    ))
}

/// One connection's searches, with the microseconds that each took.
async fn search(
    client: Rest,
    options: Arc<Options>,
    mut random: StdRng,
    many: bool,
) -> Outcome<(bool, Vec<(Kind, u64)>)> {
    let mut times = Vec::with_capacity(options.searches);
    for number in 0..options.searches + WARM_UP {
        let kind = Kind::TEN[random.random_range(0..Kind::TEN.len())];
        let query = kind.query(&mut random, options.patients);
        let began = Instant::now();
        let page = client.get(&format!("/patients?q={query}&limit=20")).await?;
        let took: Duration = began.elapsed();
        if many && kind != Kind::Misspelt && page["items"].as_array().is_none_or(Vec::is_empty) {
            return Err(format!("nobody found by {query:?}").into());
        }
        if number >= WARM_UP {
            times.push((kind, u64::try_from(took.as_micros())?));
        }
    }
    Ok((many, times))
}
