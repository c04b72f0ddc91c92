//! Loading calendars: what is taken, and the version that this is the state of.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};

use crate::ids::{
    AppointmentId, CalendarId, ClaimId, HoldId, OperatoryId, PatientId, ProviderId, SeriesId,
    TenantId, TreatmentId,
};
use crate::models::appointment::Status;
use crate::models::claim::{Claim, ClaimKind, HeldVisit, HoldRef, Visit};
use crate::models::hold;
use crate::schema::calendars;
use crate::span::{Minute, Span};

type SqlUuid = diesel::sql_types::Uuid;

/// What a calendar is the timeline of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Dentist,
    Operatory,
    Staff,
    Equipment,
    Patient,
}

impl Kind {
    pub const ALL: [Self; 5] = [
        Self::Dentist,
        Self::Operatory,
        Self::Staff,
        Self::Equipment,
        Self::Patient,
    ];

    /// As the database and the wire call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dentist => "dentist",
            Self::Operatory => "operatory",
            Self::Staff => "staff",
            Self::Equipment => "equipment",
            Self::Patient => "patient",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Makes a calendar on which nothing is yet; `tenant` for those that belong to a practice.
///
/// # Errors
/// The database's own.
pub async fn create(
    connection: &mut AsyncPgConnection,
    id: CalendarId,
    kind: Kind,
    tenant: Option<TenantId>,
) -> QueryResult<()> {
    diesel::insert_into(calendars::table)
        .values((
            calendars::id.eq(id),
            calendars::kind.eq(kind.name()),
            calendars::tenant_id.eq(tenant),
        ))
        .execute(connection)
        .await
        .map(drop)
}

/// A calendar at one version.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub id: CalendarId,
    pub kind: Kind,
    /// `None` for operatories and patients, which several tenants share.
    pub tenant: Option<TenantId>,
    pub version: i64,
    /// In no order.
    pub claims: Vec<Claim>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    calendar_id: CalendarId,
    #[diesel(sql_type = Text)]
    calendar_kind: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    calendar_tenant: Option<TenantId>,
    #[diesel(sql_type = BigInt)]
    calendar_version: i64,
    #[diesel(embed)]
    claim: ClaimRow,
}

#[derive(QueryableByName)]
struct ClaimRow {
    #[diesel(sql_type = Nullable<SqlUuid>)]
    claim_id: Option<ClaimId>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    tenant_id: Option<TenantId>,
    #[diesel(sql_type = Nullable<Text>)]
    claim_kind: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    claim_start: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    claim_end: Option<DateTime<Utc>>,
    #[diesel(embed)]
    visit: VisitRow,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    hold_id: Option<HoldId>,
    #[diesel(embed)]
    held: HeldRow,
}

#[derive(QueryableByName)]
struct HeldRow {
    #[diesel(sql_type = Nullable<Timestamptz>)]
    expires_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    held_provider: Option<ProviderId>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    held_treatment: Option<TreatmentId>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    held_start: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    held_by: Option<String>,
}

impl HeldRow {
    fn visit(&self) -> Option<HeldVisit> {
        Some(HeldVisit {
            provider: self.held_provider?,
            treatment: self.held_treatment?,
            start: Minute::floor(self.held_start?),
        })
    }
}

#[derive(QueryableByName)]
struct VisitRow {
    #[diesel(sql_type = Nullable<SqlUuid>)]
    appointment_id: Option<AppointmentId>,
    #[diesel(sql_type = Nullable<BigInt>)]
    appointment_version: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    status: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    start_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    end_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    patient_id: Option<PatientId>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    provider_id: Option<ProviderId>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    operatory_id: Option<OperatoryId>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    treatment_id: Option<TreatmentId>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    series_id: Option<SeriesId>,
}

fn span(start: Option<DateTime<Utc>>, end: Option<DateTime<Utc>>) -> Option<Span> {
    Span::new(Minute::floor(start?), Minute::ceil(end?))
}

impl ClaimRow {
    fn claim(self) -> Option<Claim> {
        let kind = match self.claim_kind.as_deref()? {
            "appointment" => ClaimKind::Appointment {
                visit: self.visit.visit()?,
            },
            "hold" => ClaimKind::Hold {
                hold: HoldRef {
                    id: self.hold_id?,
                    expires_at: self.held.expires_at?,
                    visit: self.held.visit(),
                    holder: self.held.held_by.as_deref().and_then(hold::holder),
                },
            },
            "block" => ClaimKind::Block,
            _ => ClaimKind::External,
        };
        Some(Claim {
            id: self.claim_id?,
            tenant: self.tenant_id?,
            span: span(self.claim_start, self.claim_end)?,
            kind,
        })
    }
}

impl VisitRow {
    fn visit(self) -> Option<Visit> {
        Some(Visit {
            id: self.appointment_id?,
            version: self.appointment_version?,
            status: Status::parse(&self.status?)?,
            span: span(self.start_at, self.end_at)?,
            patient: self.patient_id?,
            provider: self.provider_id?,
            operatory: self.operatory_id?,
            treatment: self.treatment_id?,
            series: self.series_id,
        })
    }
}

/// Loads calendars with one statement, so that each state belongs to its version. Unknown ids are
/// absent from the answer.
///
/// # Errors
/// When the database cannot be read, or a row cannot be understood: a claim that is dropped in
/// silence would be booked over.
pub async fn load(
    connection: &mut AsyncPgConnection,
    ids: &[CalendarId],
) -> QueryResult<Vec<Loaded>> {
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT c.id AS calendar_id, c.kind AS calendar_kind, c.tenant_id AS calendar_tenant, \
         c.version AS calendar_version, k.id AS claim_id, k.tenant_id, k.kind AS claim_kind, \
         lower(k.during) AS claim_start, upper(k.during) AS claim_end, k.appointment_id, \
         a.version AS appointment_version, a.status, a.start_at, a.end_at, a.patient_id, \
         a.provider_id, a.operatory_id, a.treatment_id, a.series_id, k.hold_id, h.expires_at, \
         h.provider_id AS held_provider, h.treatment_id AS held_treatment, h.start_at AS held_start, \
         h.owner AS held_by \
         FROM calendars c LEFT JOIN claims k ON k.calendar_id = c.id \
         LEFT JOIN appointments a ON a.id = k.appointment_id LEFT JOIN holds h ON h.id = k.hold_id \
         WHERE c.id = ANY ($1) ORDER BY c.id",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .load(connection)
    .await?;

    let mut loaded: Vec<Loaded> = Vec::new();
    for row in rows {
        if loaded.last().is_none_or(|last| last.id != row.calendar_id) {
            loaded.push(Loaded {
                id: row.calendar_id,
                kind: Kind::parse(&row.calendar_kind)
                    .ok_or_else(|| unreadable("calendar", row.calendar_id))?,
                tenant: row.calendar_tenant,
                version: row.calendar_version,
                claims: Vec::new(),
            });
        }
        if row.claim.claim_id.is_some() {
            let claim = row
                .claim
                .claim()
                .ok_or_else(|| unreadable("a claim of", row.calendar_id))?;
            if let Some(last) = loaded.last_mut() {
                last.claims.push(claim);
            }
        }
    }
    Ok(loaded)
}

fn unreadable(what: &str, calendar: CalendarId) -> diesel::result::Error {
    diesel::result::Error::DeserializationError(
        format!("{what} calendar {calendar} cannot be read").into(),
    )
}

/// The ids of the next `limit` calendars that can be booked (all but patients'), by id.
///
/// # Errors
/// When the database cannot be read.
pub async fn bookable_after(
    connection: &mut AsyncPgConnection,
    after: Option<CalendarId>,
    limit: i64,
) -> QueryResult<Vec<CalendarId>> {
    let mut query = calendars::table
        .filter(calendars::kind.ne(Kind::Patient.name()))
        .order(calendars::id)
        .select(calendars::id)
        .limit(limit)
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(calendars::id.gt(after));
    }
    query.load(connection).await
}

/// The versions that those calendars are at now.
///
/// # Errors
/// When the database cannot be read.
pub async fn versions(
    connection: &mut AsyncPgConnection,
    ids: &[CalendarId],
) -> QueryResult<Vec<(CalendarId, i64)>> {
    calendars::table
        .filter(calendars::id.eq_any(ids))
        .select((calendars::id, calendars::version))
        .load(connection)
        .await
}

/// The external claims that `source` has put on a calendar, with their spans.
///
/// # Errors
/// When the database cannot be read.
pub async fn external_claims(
    connection: &mut AsyncPgConnection,
    calendar: CalendarId,
    source: &str,
) -> QueryResult<Vec<(ClaimId, Span)>> {
    let rows: Vec<ExternalRow> = diesel::sql_query(
        "SELECT id, lower(during) AS start_at, upper(during) AS end_at FROM claims \
         WHERE calendar_id = $1 AND kind = 'external' AND source = $2",
    )
    .bind::<SqlUuid, _>(calendar)
    .bind::<Text, _>(source)
    .load(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let span = span(Some(row.start_at), Some(row.end_at));
            Ok((
                row.id,
                span.ok_or_else(|| unreadable("a claim of", calendar))?,
            ))
        })
        .collect()
}

#[derive(QueryableByName)]
struct ExternalRow {
    #[diesel(sql_type = SqlUuid)]
    id: ClaimId,
    #[diesel(sql_type = Timestamptz)]
    start_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    end_at: DateTime<Utc>,
}
