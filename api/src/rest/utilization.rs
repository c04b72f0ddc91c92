//! How much operatories are used: the minutes that they are open by everybody's assignments and
//! exceptions, and the minutes of those that visits take.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use engine::scheduling::intervals::IntervalSet;
use engine::scheduling::rulebook::RuleBook;
use engine::scheduling::zone::Zone;
use schema::ids::{ClinicId, OperatoryId, TenantId};
use schema::schema::{assignments, clinics, operatories, tenants};
use schema::span::Span;
use schema::tenancy::{self, Access};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::app::App;
use crate::auth::permissions::Permission;
use crate::auth::principal::{Member, Principal, TENANT_HEADER};
use crate::problem::Problem;
use crate::rest::checks;
use crate::rest::input::Params;
use crate::rest::page::{Page, PageQuery, behind};
use crate::wire::time;

/// The longest range, in days.
const RANGE_DAYS_MAX: i64 = 366;

/// What is asked.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct UtilizationQuery {
    /// A local date of each clinic, from its first moment; or an RFC 3339 time.
    from: String,
    /// A local date, to its last moment; or an RFC 3339 time, excluded.
    to: String,
    #[param(value_type = Option<Uuid>)]
    operatory_id: Option<OperatoryId>,
    #[param(value_type = Option<Uuid>)]
    clinic_id: Option<ClinicId>,
}

/// How much an operatory is used.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Utilization {
    operatory_id: Uuid,
    name: String,
    clinic_id: Uuid,
    clinic_name: String,
    /// IANA name of the clinic's zone.
    zone: String,
    /// Minutes that it is lent and open: to anybody, or, for a practice, to itself. What several
    /// share counts once.
    open_minutes: i64,
    /// Minutes that visits take, with their buffers; for a practice, its own. Visits outside hours
    /// count too.
    booked_minutes: i64,
    /// `bookedMinutes` of `openMinutes`, 0.25 for a quarter; `null` where nothing is open.
    share: Option<f64>,
    /// For a practice: minutes that others have booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    others_booked_minutes: Option<i64>,
    /// For super admins: each practice's part.
    #[serde(skip_serializing_if = "Option::is_none")]
    by_practice: Option<Vec<PracticeShare>>,
}

/// One practice's part of an operatory.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PracticeShare {
    tenant_id: Uuid,
    name: String,
    open_minutes: i64,
    booked_minutes: i64,
    share: Option<f64>,
}

/// The range as it was given: dates mean something else in each zone.
#[derive(Clone, Copy, Debug)]
enum Range {
    Dates(NaiveDate, NaiveDate),
    Times(Span),
}

impl Range {
    fn parse(from: &str, to: &str) -> Result<Self, Problem> {
        let date = |text: &str| text.parse::<NaiveDate>().ok();
        let (Some(first), Some(last)) = (date(from), date(to)) else {
            return Ok(Self::Times(time::range(from, to, RANGE_DAYS_MAX)?));
        };
        for (field, date) in [("from", first), ("to", last)] {
            checks::date(&date, &()).map_err(|error| Problem::invalid(field, error.to_string()))?;
        }
        if last < first {
            return Err(Problem::invalid("to", "not before from"));
        }
        if (last - first).num_days() >= RANGE_DAYS_MAX {
            let message = format!("less than {RANGE_DAYS_MAX} days after from");
            return Err(Problem::invalid("to", message));
        }
        Ok(Self::Dates(first, last))
    }

    /// In a clinic's zone; `None` where a zone skipped all of it.
    fn within(self, zone: Zone) -> Option<Span> {
        match self {
            Self::Times(span) => Some(span),
            Self::Dates(first, last) => {
                let midnight = |date: NaiveDate| zone.to_utc(date.and_time(NaiveTime::MIN));
                Span::new(midnight(first), midnight(last.succ_opt()?))
            }
        }
    }
}

/// Who asks.
enum Asker {
    SuperAdmin,
    Practice(TenantId),
}

struct Chair {
    id: OperatoryId,
    name: String,
    clinic: ClinicId,
    clinic_name: String,
    zone: String,
}

#[derive(QueryableByName)]
struct Booked {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    operatory_id: OperatoryId,
    #[diesel(sql_type = Nullable<diesel::sql_types::Uuid>)]
    tenant_id: Option<TenantId>,
    #[diesel(sql_type = BigInt)]
    minutes: i64,
}

/// How much operatories are used. A super admin sees all of them and each practice's part; a member
/// with `canViewReports` those that are lent to the practice, its own part, and of others that time
/// is taken. Somebody who is both names the practice in `X-Tenant-Id` to see as its member.
#[utoipa::path(get, path = "/analytics/operatory-utilization", tag = "insight",
    params(UtilizationQuery, PageQuery), responses((status = 200, body = Page<Utilization>)))]
pub async fn operatories(
    app: web::Data<App>,
    principal: Principal,
    request: HttpRequest,
    query: Params<UtilizationQuery>,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<Utilization>>, Problem> {
    let range = Range::parse(&query.from, &query.to)?;
    let (limit, after) = (page.limit()?, page.after::<(String, OperatoryId)>()?);
    let everywhere = principal.access();
    let named = request.headers().contains_key(TENANT_HEADER);
    let (asker, access) = if everywhere.super_admin && !named {
        (Asker::SuperAdmin, everywhere)
    } else {
        let member = Member::from_request(&request, &mut Payload::None).await?;
        member.require(Permission::CanViewReports)?;
        (Asker::Practice(member.tenant()), member.access())
    };
    let (chairs, lent) = tenancy::transaction(&app.app_pool, &access, async |connection| {
        let chairs = chairs(connection, &asker, &query, limit, after).await?;
        let ids: Vec<OperatoryId> = chairs.iter().map(|chair| chair.id).collect();
        let lent: Vec<(OperatoryId, TenantId)> = assignments::table
            .filter(assignments::operatory_id.eq_any(ids))
            .select((assignments::operatory_id, assignments::tenant_id))
            .distinct()
            .load(connection)
            .await?;
        Ok::<_, Problem>((chairs, lent))
    })
    .await?;
    let mut spans = BTreeMap::new();
    for chair in &chairs {
        let zone: Zone = chair
            .zone
            .parse()
            .map_err(|_| Problem::internal("a clinic's zone is unknown"))?;
        spans.extend(range.within(zone).map(|span| (chair.id, span)));
    }
    let mut books: HashMap<TenantId, Arc<RuleBook>> = HashMap::new();
    let practices: BTreeSet<TenantId> = match asker {
        Asker::Practice(tenant) => BTreeSet::from([tenant]),
        Asker::SuperAdmin => lent.iter().map(|(_, tenant)| *tenant).collect(),
    };
    for tenant in practices {
        books.insert(tenant, app.engine.rules(tenant).await?);
    }
    let booked = booked(&app, &access, &asker, &spans).await?;
    let names = match asker {
        Asker::SuperAdmin => practice_names(&app, &access, &booked, &lent).await?,
        Asker::Practice(_) => HashMap::new(),
    };
    let measured = chairs.into_iter().map(|chair| {
        let span = spans.get(&chair.id).copied();
        let mut of_practices: BTreeMap<TenantId, IntervalSet> = BTreeMap::new();
        for (operatory, tenant) in &lent {
            if let (true, Some(span), Some(book)) =
                (*operatory == chair.id, span, books.get(tenant))
            {
                of_practices.insert(*tenant, open(book, chair.id, span));
            }
        }
        let taken = booked.iter().filter(|row| row.operatory_id == chair.id);
        let taken: BTreeMap<Option<TenantId>, i64> =
            taken.map(|row| (row.tenant_id, row.minutes)).collect();
        utilization(&asker, chair, &of_practices, &taken, &names)
    });
    let rows: Vec<Utilization> = measured.collect();
    let key = |row: &Utilization| (row.name.clone(), row.operatory_id);
    Ok(web::Json(Page::of(
        rows,
        limit,
        key,
        std::convert::identity,
    )))
}

async fn chairs(
    connection: &mut AsyncPgConnection,
    asker: &Asker,
    wanted: &UtilizationQuery,
    limit: i64,
    after: Option<(String, OperatoryId)>,
) -> Result<Vec<Chair>, Problem> {
    let mut query = operatories::table
        .inner_join(clinics::table)
        .order((operatories::name, operatories::id))
        .limit(limit + 1)
        .select((
            operatories::id,
            operatories::name,
            operatories::clinic_id,
            clinics::name,
            clinics::zone,
        ))
        .into_boxed();
    if let Asker::Practice(tenant) = asker {
        let ours = assignments::table
            .filter(assignments::tenant_id.eq(*tenant))
            .select(assignments::operatory_id);
        query = query.filter(operatories::id.eq_any(ours));
    }
    if let Some(id) = wanted.operatory_id {
        query = query.filter(operatories::id.eq(id));
    }
    if let Some(id) = wanted.clinic_id {
        query = query.filter(operatories::clinic_id.eq(id));
    }
    if let Some(last) = after {
        query = query.filter(behind!((operatories::name, operatories::id), last));
    }
    let rows: Vec<(OperatoryId, String, ClinicId, String, String)> = query.load(connection).await?;
    let chairs = rows
        .into_iter()
        .map(|(id, name, clinic, clinic_name, zone)| Chair {
            id,
            name,
            clinic,
            clinic_name,
            zone,
        });
    Ok(chairs.collect())
}

/// When a practice's people may work in an operatory.
fn open(book: &RuleBook, operatory: OperatoryId, span: Span) -> IntervalSet {
    let Some(chair) = book
        .operatories
        .get(&operatory)
        .filter(|chair| chair.active)
    else {
        return IntervalSet::new();
    };
    let people = book.providers.values().filter(|person| person.active);
    people
        .flat_map(|person| book.lent(person, chair, span))
        .collect()
}

async fn booked(
    app: &App,
    access: &Access,
    asker: &Asker,
    spans: &BTreeMap<OperatoryId, Span>,
) -> Result<Vec<Booked>, Problem> {
    let ids: Vec<OperatoryId> = spans.keys().copied().collect();
    let times = |end: fn(&Span) -> DateTime<Utc>| spans.values().map(end).collect::<Vec<_>>();
    let (from, to) = (
        times(|span| span.start().to_utc()),
        times(|span| span.end().to_utc()),
    );
    let whose = match asker {
        Asker::SuperAdmin => None,
        Asker::Practice(tenant) => Some(*tenant),
    };
    tenancy::transaction(&app.app_pool, access, async |connection| {
        let rows = diesel::sql_query("SELECT * FROM operatory_booked($1, $2, $3, $4)")
            .bind::<Array<diesel::sql_types::Uuid>, _>(&ids)
            .bind::<Array<Timestamptz>, _>(&from)
            .bind::<Array<Timestamptz>, _>(&to)
            .bind::<Nullable<diesel::sql_types::Uuid>, _>(whose)
            .load(connection)
            .await?;
        Ok(rows)
    })
    .await
}

async fn practice_names(
    app: &App,
    access: &Access,
    booked: &[Booked],
    lent: &[(OperatoryId, TenantId)],
) -> Result<HashMap<TenantId, String>, Problem> {
    let booked = booked.iter().filter_map(|row| row.tenant_id);
    let ids: BTreeSet<TenantId> = booked.chain(lent.iter().map(|(_, id)| *id)).collect();
    let ids: Vec<TenantId> = ids.into_iter().collect();
    tenancy::transaction(&app.app_pool, access, async |connection| {
        let rows: Vec<(TenantId, String)> = tenants::table
            .filter(tenants::id.eq_any(ids))
            .select((tenants::id, tenants::name))
            .load(connection)
            .await?;
        Ok(rows.into_iter().collect())
    })
    .await
}

fn utilization(
    asker: &Asker,
    chair: Chair,
    open: &BTreeMap<TenantId, IntervalSet>,
    taken: &BTreeMap<Option<TenantId>, i64>,
    names: &HashMap<TenantId, String>,
) -> Utilization {
    let minutes = |tenant: TenantId| taken.get(&Some(tenant)).copied().unwrap_or(0);
    let (open_minutes, booked_minutes, others, by_practice) = match asker {
        Asker::Practice(tenant) => {
            let own = open.get(tenant).map_or(0, IntervalSet::minutes);
            let others: i64 = taken.values().sum::<i64>() - minutes(*tenant);
            (own, minutes(*tenant), Some(others), None)
        }
        Asker::SuperAdmin => {
            let anybody: IntervalSet = open.values().flatten().collect();
            let all: BTreeSet<TenantId> = open
                .keys()
                .copied()
                .chain(taken.keys().flatten().copied())
                .collect();
            let parts = all.into_iter().map(|tenant| {
                let own = open.get(&tenant).map_or(0, IntervalSet::minutes);
                PracticeShare {
                    tenant_id: tenant.0,
                    name: names.get(&tenant).cloned().unwrap_or_default(),
                    open_minutes: own,
                    booked_minutes: minutes(tenant),
                    share: share(minutes(tenant), own),
                }
            });
            let parts: Vec<PracticeShare> = parts.collect();
            (anybody.minutes(), taken.values().sum(), None, Some(parts))
        }
    };
    Utilization {
        operatory_id: chair.id.0,
        name: chair.name,
        clinic_id: chair.clinic.0,
        clinic_name: chair.clinic_name,
        zone: chair.zone,
        open_minutes,
        booked_minutes,
        share: share(booked_minutes, open_minutes),
        others_booked_minutes: others,
        by_practice,
    }
}

/// To four digits: what is told is for people to compare.
fn share(booked: i64, open: i64) -> Option<f64> {
    (open > 0).then(|| (booked as f64 / open as f64 * 10_000.0).round() / 10_000.0)
}
