//! Two assignments that would give one operatory to two people at once: refused when one of them is
//! made, and listed where they are there all the same.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::web;
use chrono::NaiveDate;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use engine::scheduling::hours::WeeklyWindow;
use engine::scheduling::lending::{self, Clash, Lending};
use engine::scheduling::zone::Zone;
use schema::ids::{AssignmentId, CalendarId, ClinicId, OperatoryId};
use schema::models::catalogue::{Assignment, AssignmentHours};
use schema::schema::{assignment_hours, assignments, clinics, operatories};
use schema::tenancy;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::app::App;
use crate::auth::principal::Principal;
use crate::problem::{Conflict, LentTime, Problem};
use crate::rest::input::Params;
use crate::rest::page::{Page, PageQuery};
use crate::rest::wall_clock;

/// An assignment with its hours as the rules compute with them.
#[derive(Clone, Debug)]
pub(super) struct Lent {
    pub row: Assignment,
    pub weekly: Vec<WeeklyWindow>,
}

impl Lent {
    fn lending(&self) -> Lending<'_> {
        Lending {
            weekly: &self.weekly,
            from: self.row.valid_from,
            to: self.row.valid_to,
        }
    }

    /// Where it meets another one; never itself.
    fn clash(&self, other: &Self) -> Option<Clash> {
        (self.row.id != other.row.id)
            .then(|| lending::clash(self.lending(), other.lending()))
            .flatten()
    }
}

/// Refuses `wanted` where it meets another assignment of its operatory, unless both are shared.
/// Whoever assigns the same operatory meanwhile waits.
///
/// # Errors
/// 409 `assignment_overlap`, naming the first one; 404 for an operatory that there is not.
pub(super) async fn check(
    connection: &mut AsyncPgConnection,
    wanted: &Lent,
) -> Result<(), Problem> {
    let operatory = wanted.row.operatory_id;
    // Not FOR UPDATE: bookings' foreign keys share the row, and must not wait for this.
    let (clinic, calendar): (ClinicId, CalendarId) = operatories::table
        .find(operatory)
        .select((operatories::clinic_id, operatories::calendar_id))
        .for_no_key_update()
        .first(connection)
        .await?;
    let others = of_operatories(connection, &[operatory]).await?;
    let met = others
        .iter()
        .filter(|other| !(other.row.shared && wanted.row.shared))
        .filter_map(|other| Some((wanted.clash(other)?, other)))
        .min_by_key(|(clash, other)| (clash.date, clash.window, other.row.id));
    let Some((clash, other)) = met else {
        return Ok(());
    };
    let zone: String = clinics::table
        .find(clinic)
        .select(clinics::zone)
        .first(connection)
        .await?;
    Err(refusal(&clash, other, calendar, &zone))
}

fn refusal(clash: &Clash, other: &Lent, calendar: CalendarId, zone: &str) -> Problem {
    let time = lent_time(clash, other);
    let detail = format!(
        "The operatory is lent to somebody else then: assignment {} has it on weekday {} from {} \
         to {}, first on {}. Two that overlap must both be shared.",
        time.assignment_id, time.weekday, time.from, time.to, time.date
    );
    let problem = Problem::new(StatusCode::CONFLICT, "assignment_overlap", detail);
    let span = zone
        .parse::<Zone>()
        .ok()
        .and_then(|zone| clash.window.on(clash.date, zone));
    let problem = match span {
        Some(span) => problem.with_conflict(Conflict {
            calendar_id: calendar.0,
            start: span.start().to_utc(),
            end: span.end().to_utc(),
        }),
        None => problem,
    };
    problem.with_lent_time(time)
}

fn lent_time(clash: &Clash, other: &Lent) -> LentTime {
    let minute = |minute: u16| wall_clock::text(i16::try_from(minute).unwrap_or(i16::MAX));
    LentTime {
        assignment_id: other.row.id.0,
        dentist_id: other.row.provider_id.0,
        tenant_id: other.row.tenant_id.0,
        shared: other.row.shared,
        weekday: clash.weekday.number_from_monday(),
        from: minute(clash.window.from()),
        to: minute(clash.window.to()),
        date: clash.date,
    }
}

/// The assignments of operatories, by id.
async fn of_operatories(
    connection: &mut AsyncPgConnection,
    ids: &[OperatoryId],
) -> Result<Vec<Lent>, Problem> {
    let rows: Vec<Assignment> = assignments::table
        .filter(assignments::operatory_id.eq_any(ids))
        .order(assignments::id)
        .select(Assignment::as_select())
        .load(connection)
        .await?;
    with_hours(connection, rows).await
}

/// With their hours.
pub(super) async fn with_hours(
    connection: &mut AsyncPgConnection,
    rows: Vec<Assignment>,
) -> Result<Vec<Lent>, Problem> {
    let ids: Vec<AssignmentId> = rows.iter().map(|row| row.id).collect();
    let hours: Vec<AssignmentHours> = assignment_hours::table
        .filter(assignment_hours::assignment_id.eq_any(ids))
        .order((assignment_hours::weekday, assignment_hours::from_minute))
        .select(AssignmentHours::as_select())
        .load(connection)
        .await?;
    let mut by_id: HashMap<AssignmentId, Vec<WeeklyWindow>> = HashMap::new();
    for row in hours {
        let window = wall_clock::window(row.weekday, row.from_minute, row.to_minute);
        by_id.entry(row.assignment_id).or_default().extend(window);
    }
    let rows = rows.into_iter().map(|row| Lent {
        weekly: by_id.remove(&row.id).unwrap_or_default(),
        row,
    });
    Ok(rows.collect())
}

/// Two assignments that overlap.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overlap {
    operatory_id: Uuid,
    /// ISO 8601: Monday is 1.
    weekday: u32,
    /// What both have of the day, in the clinic's zone.
    from: String,
    to: String,
    /// The first date on which they meet.
    date: NaiveDate,
    /// Whether both are shared, and so may meet.
    shared: bool,
    assignments: [OverlapSide; 2],
}

/// One of two assignments that overlap.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OverlapSide {
    assignment_id: Uuid,
    tenant_id: Uuid,
    dentist_id: Uuid,
    shared: bool,
}

impl OverlapSide {
    fn of(lent: &Lent) -> Self {
        Self {
            assignment_id: lent.row.id.0,
            tenant_id: lent.row.tenant_id.0,
            dentist_id: lent.row.provider_id.0,
            shared: lent.row.shared,
        }
    }
}

/// Which overlaps.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct OverlapQuery {
    #[param(value_type = Option<Uuid>)]
    operatory_id: Option<OperatoryId>,
    /// Those that may be, too: both assignments are shared.
    #[serde(default)]
    include_shared: bool,
}

/// Assignments of one operatory that overlap each other in weekly time and dates. None can be made;
/// those that are here came with data from elsewhere. Pages are of operatories.
#[utoipa::path(get, path = "/admin/assignments/conflicts", tag = "admin",
    operation_id = "admin_assignment_conflicts", params(OverlapQuery, PageQuery),
    responses((status = 200, body = Page<Overlap>)))]
pub async fn conflicts(
    app: web::Data<App>,
    principal: Principal,
    wanted: Params<OverlapQuery>,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<Overlap>>, Problem> {
    let (limit, after) = (page.limit()?, page.after::<OperatoryId>()?);
    let (chairs, lent) =
        tenancy::transaction(&app.app_pool, &principal.access(), async |connection| {
            let (one, other) = diesel::alias!(assignments as one, assignments as other);
            let meets = one
                .inner_join(
                    other.on(one
                        .field(assignments::operatory_id)
                        .eq(other.field(assignments::operatory_id))
                        .and(one.field(assignments::id).lt(other.field(assignments::id)))),
                )
                .select(one.field(assignments::operatory_id))
                .distinct()
                .order(one.field(assignments::operatory_id))
                .limit(limit + 1);
            let mut query = meets.into_boxed();
            if let Some(id) = wanted.operatory_id {
                query = query.filter(one.field(assignments::operatory_id).eq(id));
            }
            if let Some(after) = after {
                query = query.filter(one.field(assignments::operatory_id).gt(after));
            }
            let chairs: Vec<OperatoryId> = query.load(connection).await?;
            let lent = of_operatories(connection, &chairs).await?;
            Ok::<_, Problem>((chairs, lent))
        })
        .await?;
    let mut by_chair: HashMap<OperatoryId, Vec<Lent>> = HashMap::new();
    for lent in lent {
        by_chair
            .entry(lent.row.operatory_id)
            .or_default()
            .push(lent);
    }
    let page = Page::of(
        chairs,
        limit,
        |id| *id,
        |id| {
            let lent = by_chair.remove(&id).unwrap_or_default();
            overlaps(&lent, wanted.include_shared)
        },
    );
    Ok(web::Json(Page {
        items: page.items.into_iter().flatten().collect(),
        next_cursor: page.next_cursor,
    }))
}

fn overlaps(lent: &[Lent], include_shared: bool) -> Vec<Overlap> {
    let mut found = Vec::new();
    for (index, one) in lent.iter().enumerate() {
        for other in lent.iter().skip(index + 1) {
            let shared = one.row.shared && other.row.shared;
            let Some(clash) = one.clash(other).filter(|_| include_shared || !shared) else {
                continue;
            };
            let LentTime {
                weekday,
                from,
                to,
                date,
                ..
            } = lent_time(&clash, other);
            found.push(Overlap {
                operatory_id: one.row.operatory_id.0,
                weekday,
                from,
                to,
                date,
                shared,
                assignments: [OverlapSide::of(one), OverlapSide::of(other)],
            });
        }
    }
    found
}
