//! From rows to rules: what the database keeps as numbers and text.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use schema::ids::{AssignmentId, CalendarId, TreatmentId};
use schema::models::catalogue as rows;
use schema::models::pattern::{Role, Segment};
use schema::rules::TenantRows;
use uuid::Uuid;

use super::schedule::Hours;
use super::{Assignment, Equipment, Treatment};
use crate::scheduling::hours::{DayWindow, Exception, ExceptionKind, WeeklyHours, WeeklyWindow};
use crate::scheduling::pattern;
use crate::scheduling::zone::{UnknownZone, Zone};

pub(super) fn zone(name: &str) -> Result<Zone, String> {
    name.parse().map_err(|error: UnknownZone| error.to_string())
}

pub(super) fn role(name: &str) -> Result<Role, String> {
    serde_json::from_value(serde_json::Value::String(name.to_owned()))
        .map_err(|_| format!("unknown role {name}"))
}

fn window(from: i16, to: i16) -> Result<DayWindow, String> {
    let minute = |value: i16| u16::try_from(value).map_err(|error| error.to_string());
    DayWindow::new(minute(from)?, minute(to)?).map_err(|error| error.to_string())
}

fn weekly_window(weekday: i16, from: i16, to: i16) -> Result<WeeklyWindow, String> {
    let weekday = u8::try_from(weekday - 1)
        .ok()
        .and_then(|day| chrono::Weekday::try_from(day).ok())
        .ok_or_else(|| format!("unknown weekday {weekday}"))?;
    Ok(WeeklyWindow {
        weekday,
        window: window(from, to)?,
    })
}

pub(super) fn exception(row: &rows::ScheduleException) -> Result<Exception, String> {
    Ok(Exception {
        first: row.from_date,
        last: row.to_date,
        kind: if row.kind == "extra" {
            ExceptionKind::Extra
        } else {
            ExceptionKind::Closed
        },
        window: match (row.from_minute, row.to_minute) {
            (Some(from), Some(to)) => Some(window(from, to)?),
            _ => None,
        },
    })
}

/// Every assignment with its week.
pub(super) fn assignments(rows: &TenantRows) -> Result<Vec<Assignment>, String> {
    let mut windows: HashMap<AssignmentId, Vec<WeeklyWindow>> = HashMap::new();
    for hours in &rows.assignment_hours {
        let window = weekly_window(hours.weekday, hours.from_minute, hours.to_minute)?;
        windows.entry(hours.assignment_id).or_default().push(window);
    }
    let assignments = rows.assignments.iter().map(|row| Assignment {
        provider: row.provider_id,
        operatory: row.operatory_id,
        hours: Hours {
            weekly: WeeklyHours(windows.remove(&row.id).unwrap_or_default()),
            valid_from: Some(row.valid_from),
            valid_to: row.valid_to,
        },
    });
    Ok(assignments.collect())
}

/// The hours that are kept for staff and equipment.
pub(super) fn calendar_hours(rows: &TenantRows) -> Result<HashMap<CalendarId, Vec<Hours>>, String> {
    let mut found: HashMap<CalendarId, Vec<Hours>> = HashMap::new();
    for row in &rows.calendar_hours {
        let window = weekly_window(row.weekday, row.from_minute, row.to_minute)?;
        found.entry(row.calendar_id).or_default().push(Hours {
            weekly: WeeklyHours(vec![window]),
            valid_from: Some(row.valid_from),
            valid_to: row.valid_to,
        });
    }
    Ok(found)
}

/// What is offered.
pub(super) fn treatments(
    rows: &TenantRows,
    equipment: &BTreeMap<Uuid, Equipment>,
) -> Result<BTreeMap<TreatmentId, Treatment>, String> {
    let mut found = BTreeMap::new();
    for row in &rows.treatments {
        let segments: Vec<Segment> = serde_json::from_value(row.pattern.clone())
            .map_err(|error| format!("pattern of {}: {error}", row.code))?;
        let duration = i64::from(row.duration_min);
        if !pattern::is_valid(&segments, duration) {
            return Err(format!(
                "the pattern of {} does not fit its duration",
                row.code
            ));
        }
        let devices: Vec<Uuid> = of_treatment(&rows.treatment_equipment, row.id);
        let devices = devices.iter().filter_map(|id| equipment.get(id));
        let treatment = Treatment {
            id: row.id,
            code: row.code.clone(),
            name_es: row.name_es.clone(),
            name_en: row.name_en.clone(),
            duration,
            pattern: segments,
            active: row.active,
            online_bookable: row.online_bookable,
            min_notice_min: row.min_notice_min.map(i64::from),
            horizon_days: row.horizon_days.map(i64::from),
            slot_interval_min: row.slot_interval_min.map(i64::from),
            providers: sorted(of_treatment(&rows.treatment_providers, row.id)),
            operatories: sorted(of_treatment(&rows.treatment_operatories, row.id)),
            equipment: devices.filter(|one| one.active).cloned().collect(),
            needs_equipment: rows.treatment_equipment.iter().any(|(id, _)| *id == row.id),
            roster: OnceLock::new(),
            daily_cap: row.daily_cap.map(|cap| usize::try_from(cap).unwrap_or(0)),
        };
        found.insert(row.id, treatment);
    }
    Ok(found)
}

fn of_treatment<T: Copy>(pairs: &[(TreatmentId, T)], id: TreatmentId) -> Vec<T> {
    pairs
        .iter()
        .filter(|(treatment, _)| *treatment == id)
        .map(|(_, other)| *other)
        .collect()
}

fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort_unstable();
    all
}
