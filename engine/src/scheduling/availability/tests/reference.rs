//! Availability the slow and obvious way: from the rows, minute by minute, with no sets, no cells
//! and none of the code that the search is made of.

use std::collections::{BTreeSet, HashMap};

use chrono::{Days, NaiveDate, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;
use schema::ids::{CalendarId, OperatoryId, ProviderId};
use schema::models::catalogue as rows;
use schema::models::claim::ClaimKind;
use schema::span::{DAY, Minute};
use serde_json::Value;

use super::practice::{Practice, weekday};
use super::{Plain, RuleBook, Search};
use crate::scheduling::placement::Asker;

/// The clocks of a zone around the range: what they show at each minute.
struct Clock {
    from: i64,
    /// Local minutes since 1970 by the wall.
    shows: Vec<i64>,
}

impl Clock {
    fn new(zone: &str, from: i64, to: i64) -> Self {
        let zone: Tz = zone.parse().unwrap();
        // Offsets change on the quarter hour.
        let from = from.div_euclid(15) * 15;
        let mut shows = Vec::new();
        while (shows.len() as i64) < to - from {
            let at = from + shows.len() as i64;
            let utc = chrono::DateTime::from_timestamp(at * 60, 0)
                .unwrap()
                .naive_utc();
            let offset = zone.offset_from_utc_datetime(&utc).fix().local_minus_utc();
            shows.extend((at..at + 15).map(|at| at + i64::from(offset) / 60));
        }
        Self { from, shows }
    }

    fn at(&self, minute: i64) -> i64 {
        self.shows[(minute - self.from) as usize]
    }

    fn date(&self, minute: i64) -> NaiveDate {
        let local = chrono::DateTime::from_timestamp(self.at(minute) * 60, 0);
        local.unwrap().date_naive()
    }

    /// The first minute at which the wall shows that time; in a gap, the time is read by the
    /// clock from before it. `None` outside of what is looked at.
    fn when(&self, date: NaiveDate, minutes: i64) -> Option<i64> {
        let midnight = NaiveDateTime::from(date).and_utc().timestamp() / 60;
        let wanted = midnight + minutes;
        // Around where it would be without a clock change: none moves the clock by two hours.
        let around = wanted - (self.shows[0] - self.from);
        let first = (around - 120).max(self.from);
        let last = (around + 121).min(self.from + self.shows.len() as i64);
        for minute in first..last {
            if self.at(minute) == wanted {
                return Some(minute);
            }
            if self.at(minute) > wanted {
                if minute == first {
                    return None;
                }
                let offset_before = self.at(minute - 1) - (minute - 1);
                return Some(wanted - offset_before);
            }
        }
        None
    }
}

/// Minutes that are so, from the first one looked at on.
#[derive(Clone)]
struct Minutes {
    from: i64,
    so: Vec<bool>,
}

impl Minutes {
    fn none(from: i64, to: i64) -> Self {
        Self {
            from,
            so: vec![false; (to - from) as usize],
        }
    }

    fn set(&mut self, from: i64, to: i64, value: bool) {
        for minute in from.max(self.from)..to.min(self.from + self.so.len() as i64) {
            self.so[(minute - self.from) as usize] = value;
        }
    }

    fn all(&self, from: i64, to: i64) -> bool {
        (from..to).all(|minute| self.so[(minute - self.from) as usize])
    }

    fn any(&self, from: i64, to: i64) -> bool {
        (from..to).any(|minute| self.so[(minute - self.from) as usize])
    }
}

/// One week with its dates.
struct Week<'a> {
    windows: Vec<(i16, i16, i16)>,
    valid_from: Option<NaiveDate>,
    valid_to: Option<NaiveDate>,
    layers: Vec<Vec<&'a rows::ScheduleException>>,
}

struct World<'a> {
    rows: &'a schema::rules::TenantRows,
    from: i64,
    to: i64,
    clocks: HashMap<String, Clock>,
}

impl World<'_> {
    /// When a week with its exceptions is open, each date by itself.
    fn open(&self, zone: &str, week: &Week<'_>, into: &mut Minutes) {
        let clock = &self.clocks[zone];
        let first = clock.date(self.from) - Days::new(1);
        for date in first
            .iter_days()
            .take(((self.to - self.from) / DAY + 4) as usize)
        {
            let early = week.valid_from.is_some_and(|from| date < from);
            let late = week.valid_to.is_some_and(|to| date > to);
            if early || late {
                continue;
            }
            let mut today = Minutes::none(self.from, self.to);
            for (day, from, to) in &week.windows {
                if *day == weekday(date) {
                    self.mark(clock, date, *from, *to, &mut today, true);
                }
            }
            for layer in &week.layers {
                for kind in ["closed", "extra"] {
                    for row in layer.iter().filter(|row| row.kind == kind) {
                        if (row.from_date..=row.to_date).contains(&date) {
                            let from = row.from_minute.unwrap_or(0);
                            let to = row.to_minute.unwrap_or(1440);
                            self.mark(clock, date, from, to, &mut today, kind == "extra");
                        }
                    }
                }
            }
            for (place, open) in today.so.iter().enumerate() {
                into.so[place] |= open;
            }
        }
    }

    fn mark(
        &self,
        clock: &Clock,
        date: NaiveDate,
        from: i16,
        to: i16,
        into: &mut Minutes,
        as_: bool,
    ) {
        let begins = clock.when(date, from.into());
        let ends = clock.when(date, to.into());
        // Beyond what is looked at: as far as that reaches.
        let (Some(begins), Some(ends)) = (begins, ends) else {
            if let Some(ends) = ends {
                into.set(self.from, ends, as_);
            } else if let Some(begins) = begins {
                into.set(begins, self.to, as_);
            }
            return;
        };
        into.set(begins, ends, as_);
    }

    fn exceptions(
        &self,
        belongs: impl Fn(&rows::ScheduleException) -> bool,
    ) -> Vec<&rows::ScheduleException> {
        self.rows
            .exceptions
            .iter()
            .filter(|row| belongs(row))
            .collect()
    }

    fn assigned(&self, provider: ProviderId, chair: &rows::Operatory) -> Minutes {
        let mut open = Minutes::none(self.from, self.to);
        let clinic = self
            .rows
            .clinics
            .iter()
            .find(|one| one.id == chair.clinic_id);
        for row in &self.rows.assignments {
            if row.provider_id != provider || row.operatory_id != chair.id {
                continue;
            }
            let hours = self.rows.assignment_hours.iter();
            let week = Week {
                windows: hours
                    .filter(|hours| hours.assignment_id == row.id)
                    .map(|hours| (hours.weekday, hours.from_minute, hours.to_minute))
                    .collect(),
                valid_from: Some(row.valid_from),
                valid_to: row.valid_to,
                layers: vec![
                    self.exceptions(|one| one.clinic_id == Some(chair.clinic_id)),
                    self.exceptions(|one| one.scope == "tenant"),
                    self.exceptions(|one| one.operatory_id == Some(chair.id)),
                    self.exceptions(|one| one.provider_id == Some(provider)),
                ],
            };
            self.open(&clinic.unwrap().zone, &week, &mut open);
        }
        // Where a dentist keeps hours of their own, only within those.
        let person = self
            .rows
            .providers
            .iter()
            .find(|one| one.id == provider)
            .unwrap();
        let keeps = |row: &rows::CalendarHours| row.calendar_id == person.calendar_id;
        if self.rows.calendar_hours.iter().any(keeps) {
            let own = self.kept(person.calendar_id, Some(provider));
            for (place, so) in own.so.iter().enumerate() {
                open.so[place] &= so;
            }
        }
        open
    }

    /// The hours kept for a calendar; without any, always but for time off.
    fn kept(&self, calendar: CalendarId, provider: Option<ProviderId>) -> Minutes {
        let mut open = Minutes::none(self.from, self.to);
        let own = self.exceptions(|one| provider.is_some() && one.provider_id == provider);
        let rows: Vec<_> = self
            .rows
            .calendar_hours
            .iter()
            .filter(|row| row.calendar_id == calendar)
            .collect();
        for row in &rows {
            let week = Week {
                windows: vec![(row.weekday, row.from_minute, row.to_minute)],
                valid_from: Some(row.valid_from),
                valid_to: row.valid_to,
                layers: vec![self.exceptions(|one| one.scope == "tenant"), own.clone()],
            };
            self.open(&self.rows.tenant.zone, &week, &mut open);
        }
        if rows.is_empty() {
            let week = Week {
                windows: (1..=7).map(|day| (day, 0, 1440)).collect(),
                valid_from: None,
                valid_to: None,
                layers: vec![own],
            };
            self.open(&self.rows.tenant.zone, &week, &mut open);
        }
        open
    }
}

/// A part of the pattern: role, from, to, buffers.
struct Part {
    role: String,
    from: i64,
    to: i64,
    before: i64,
    after: i64,
}

fn parts(treatment: &rows::Treatment, duration: i64, needs_equipment: bool) -> Vec<Part> {
    let own = i64::from(treatment.duration_min);
    let number = |part: &Value, name: &str| part[name].as_i64().unwrap_or(0);
    let mut parts: Vec<Part> = treatment
        .pattern
        .as_array()
        .unwrap()
        .iter()
        .map(|part| Part {
            role: part["role"].as_str().unwrap().to_owned(),
            from: number(part, "from"),
            to: match number(part, "to") {
                to if to == own => duration,
                to => to,
            },
            before: number(part, "bufferBefore"),
            after: number(part, "bufferAfter"),
        })
        .collect();
    for (role, needed) in [("operatory", true), ("equipment", needs_equipment)] {
        if needed && parts.iter().all(|part| part.role != role) {
            parts.push(Part {
                role: role.to_owned(),
                from: 0,
                to: duration,
                before: 0,
                after: 0,
            });
        }
    }
    parts
}

/// Every slot of the range.
pub fn slots(practice: &Practice, book: &RuleBook, search: &Search<'_>) -> Vec<Plain> {
    let rows = &practice.rows;
    let treatment = &rows.treatments[0];
    let duration = search.duration.unwrap_or(i64::from(treatment.duration_min));
    let (from, to) = (practice.range.start().0 - 700, practice.range.end().0 + 700);
    let zones: BTreeSet<String> = rows
        .clinics
        .iter()
        .map(|clinic| clinic.zone.clone())
        .chain([rows.tenant.zone.clone()])
        .collect();
    let world = World {
        rows,
        from,
        to,
        clocks: zones
            .into_iter()
            .map(|zone| (zone.clone(), Clock::new(&zone, from - 3000, to + 4500)))
            .collect(),
    };
    let clock = &world.clocks[&rows.tenant.zone];
    let taken: HashMap<CalendarId, Minutes> = practice
        .taken
        .iter()
        .map(|(id, claims)| {
            let mut minutes = Minutes::none(from, to);
            for claim in claims.iter().filter(|claim| !practice.own.has(claim)) {
                minutes.set(claim.span.start().0, claim.span.end().0, true);
            }
            (*id, minutes)
        })
        .collect();
    let needs_equipment = !rows.treatment_equipment.is_empty();
    let parts = parts(treatment, duration, needs_equipment);
    let free = |calendar: CalendarId, role: &str, start: i64| {
        parts.iter().filter(|part| part.role == role).all(|part| {
            !taken[&calendar].any(
                start + part.from - part.before,
                start + part.to + part.after,
            )
        })
    };
    let there = |hours: &Minutes, role: &str, start: i64| {
        parts
            .iter()
            .filter(|part| part.role == role)
            .all(|part| hours.all(start + part.from, start + part.to))
    };
    let assistants: Vec<(CalendarId, Minutes)> = rows
        .providers
        .iter()
        .filter(|one| one.role == "assistant")
        .map(|one| (one.calendar_id, world.kept(one.calendar_id, Some(one.id))))
        .collect();
    let devices: Vec<(&rows::Equipment, Minutes)> = rows
        .equipment
        .iter()
        .filter(|one| one.active && rows.treatment_equipment.iter().any(|(_, id)| *id == one.id))
        .map(|one| (one, world.kept(one.calendar_id, None)))
        .collect();
    let mut chairs: Vec<&rows::Operatory> = rows
        .operatories
        .iter()
        .filter(|chair| chair.active)
        .filter(|chair| {
            rows.clinics
                .iter()
                .any(|one| one.id == chair.clinic_id && one.active)
        })
        .filter(|chair| search.operatories.is_empty() || search.operatories.contains(&chair.id))
        .filter(|chair| {
            rows.treatment_operatories.is_empty()
                || rows
                    .treatment_operatories
                    .iter()
                    .any(|(_, id)| *id == chair.id)
        })
        .collect();
    chairs.sort_by(|a, b| a.name.cmp(&b.name));
    let dentists: Vec<&rows::Provider> = rows
        .providers
        .iter()
        .filter(|one| one.role == "dentist")
        .filter(|one| {
            rows.treatment_providers.is_empty()
                || rows.treatment_providers.iter().any(|(_, id)| *id == one.id)
        })
        .collect();
    let open: HashMap<(ProviderId, OperatoryId), Minutes> = dentists
        .iter()
        .flat_map(|dentist| {
            chairs
                .iter()
                .map(|chair| ((dentist.id, chair.id), world.assigned(dentist.id, chair)))
        })
        .collect();

    let notice = treatment
        .min_notice_min
        .map_or(book.policy.min_notice_min, i64::from);
    let horizon = treatment
        .horizon_days
        .map_or(book.policy.horizon_days, i64::from);
    let earliest = match practice.asker {
        Asker::Public => practice.now.0 + notice,
        Asker::Staff => practice.now.0,
    };
    let mut found = Vec::new();
    for start in practice.range.start().0..practice.range.end().0 {
        if start < earliest || start > practice.now.0 + horizon * DAY {
            continue;
        }
        let today = clock.date(start);
        let midnight = clock.when(today, 0).unwrap();
        if (start - midnight) % practice.interval != 0 {
            continue;
        }
        for dentist in &dentists {
            if !free(dentist.calendar_id, "dentist", start) {
                continue;
            }
            if let Some(cap) = treatment.daily_cap {
                let (mut that_day, mut with_own) = (BTreeSet::new(), BTreeSet::new());
                for claim in &practice.taken[&dentist.calendar_id] {
                    let visit = match &claim.kind {
                        ClaimKind::Appointment { visit } => Some((
                            visit.id.0,
                            visit.provider,
                            visit.treatment,
                            visit.span.start(),
                        )),
                        ClaimKind::Hold { hold } => hold
                            .visit
                            .map(|visit| (hold.id.0, visit.provider, visit.treatment, visit.start)),
                        ClaimKind::Block | ClaimKind::External => None,
                    };
                    if let Some((id, provider, of, at)) = visit
                        && provider == dentist.id
                        && of == treatment.id
                        && clock.date(at.0) == today
                    {
                        with_own.insert(id);
                        if !practice.own.has(claim) {
                            that_day.insert(id);
                        }
                    }
                }
                // One's own hold has its place in the day already.
                if that_day.len() as i64 >= i64::from(cap) && with_own.len() == that_day.len() {
                    continue;
                }
            }
            let needs_assistant = parts.iter().any(|part| part.role == "assistant");
            let assisted = !needs_assistant
                || assistants.iter().any(|(calendar, hours)| {
                    free(*calendar, "assistant", start) && there(hours, "assistant", start)
                });
            if !assisted {
                continue;
            }
            let mut possible = Vec::new();
            for chair in &chairs {
                let equipped = parts.iter().all(|part| part.role != "equipment")
                    || devices.iter().any(|(device, hours)| {
                        device
                            .clinic_id
                            .is_none_or(|clinic| clinic == chair.clinic_id)
                            && free(device.calendar_id, "equipment", start)
                            && there(hours, "equipment", start)
                    });
                if equipped
                    && open[&(dentist.id, chair.id)].all(start, start + duration)
                    && free(chair.calendar_id, "operatory", start)
                {
                    possible.push(chair.id);
                }
            }
            if !possible.is_empty() {
                found.push((Minute(start), dentist.id, possible));
            }
        }
    }
    found
}
