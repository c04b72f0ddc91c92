//! Random practices: hours, exceptions, patterns, buffers, what is taken, clock changes.

mod rules;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{Datelike, Days, NaiveDate};
use schema::ids::{CalendarId, HoldId, OperatoryId, TreatmentId};
use schema::models::claim::{Claim, ClaimKind};
use schema::rules::TenantRows;
use schema::span::{DAY, Minute, Span};
use uuid::Uuid;

use super::history::taken;
use crate::scheduling::availability::Search;
use crate::scheduling::diary::{Diary, Own};
use crate::scheduling::gaps::WORTHWHILE;
use crate::scheduling::placement::Asker;
use crate::scheduling::rulebook::RuleBook;
use crate::scheduling::timeline::Timeline;
use crate::scheduling::zone::Zone;
pub use rules::plain;
use rules::{Size, rows};

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
    /// What is wanted of it, at anybody.
    pub fn search<'a>(&self, book: &'a RuleBook) -> Search<'a> {
        let treatment = &book.treatments[&self.treatment];
        Search {
            operatories: self.operatories.clone(),
            duration: self.duration,
            limit: self.limit,
            own: self.own.clone(),
            ..Search::any(treatment, self.range, self.asker)
        }
    }

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
            2 => longest_visit(&taken),
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

/// The visit that leaves the most time when it is moved.
fn longest_visit(taken: &HashMap<CalendarId, Vec<Claim>>) -> Own {
    let visits = taken
        .values()
        .flatten()
        .filter_map(|claim| match &claim.kind {
            ClaimKind::Appointment { visit } => Some((claim.span.minutes(), visit.id)),
            _ => None,
        });
    let longest = visits.max();
    longest.map_or_else(Own::default, |(_, id)| Own::appointment(id))
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

/// Weekdays as the rows number them.
pub fn weekday(date: NaiveDate) -> i16 {
    date.weekday().number_from_monday() as i16
}
