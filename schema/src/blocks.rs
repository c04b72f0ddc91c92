//! Reading and writing blocks' rows, and the claims that are their occurrences.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::QueryResult;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Nullable, Text, Timestamp, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::ids::{BlockId, CalendarId, ClaimId, TenantId, UserId};
use crate::models::block::{Block, BlockKind};
use crate::schema::blocks;
use crate::span::{Minute, Span};

type SqlUuid = diesel::sql_types::Uuid;

/// One occurrence of a block: a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockClaim {
    pub id: ClaimId,
    pub block: BlockId,
    pub span: Span,
    /// The local start that the rule gave it.
    pub occurrence: NaiveDateTime,
    /// Changed on its own.
    pub detached: bool,
    pub title: Option<String>,
}

/// A block's row as the database has it.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = blocks)]
struct Row {
    id: BlockId,
    tenant_id: TenantId,
    version: i64,
    calendar_id: CalendarId,
    kind: String,
    first_start: NaiveDateTime,
    first_end: NaiveDateTime,
    zone: String,
    rrule: Option<String>,
    rdates: Vec<Option<NaiveDateTime>>,
    exdates: Vec<Option<NaiveDateTime>>,
    created_by: Option<UserId>,
}

impl TryFrom<Row> for Block {
    type Error = diesel::result::Error;

    fn try_from(row: Row) -> QueryResult<Self> {
        Ok(Self {
            id: row.id,
            tenant: row.tenant_id,
            version: row.version,
            calendar: row.calendar_id,
            kind: BlockKind::parse(&row.kind).ok_or_else(|| unreadable(row.id))?,
            first_start: row.first_start,
            first_end: row.first_end,
            zone: row.zone,
            rrule: row.rrule,
            rdates: row.rdates.into_iter().flatten().collect(),
            exdates: row.exdates.into_iter().flatten().collect(),
            created_by: row.created_by,
        })
    }
}

fn unreadable(block: BlockId) -> diesel::result::Error {
    diesel::result::Error::DeserializationError(format!("block {block} cannot be read").into())
}

/// The block of that id, if the connection's role and settings may see it.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    id: BlockId,
) -> QueryResult<Option<Block>> {
    blocks::table
        .filter(blocks::tenant_id.eq(tenant))
        .filter(blocks::id.eq(id))
        .select(Row::as_select())
        .first(connection)
        .await
        .optional()?
        .map(Block::try_from)
        .transpose()
}

/// Which blocks to list.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub tenant: TenantId,
    /// Those that take time in it.
    pub range: Span,
    pub calendar: Option<CalendarId>,
    /// Only later ids.
    pub after: Option<BlockId>,
}

/// At most `limit` blocks, by id.
///
/// # Errors
/// When the database cannot be read.
pub async fn list(
    connection: &mut AsyncPgConnection,
    wanted: &Wanted,
    limit: i64,
) -> QueryResult<Vec<Block>> {
    let in_range = diesel::dsl::sql::<Bool>(
        "EXISTS (SELECT FROM claims k WHERE k.block_id = blocks.id AND k.during && tstzrange(",
    )
    .bind::<Timestamptz, _>(wanted.range.start().to_utc())
    .sql(", ")
    .bind::<Timestamptz, _>(wanted.range.end().to_utc())
    .sql("))");
    let mut query = blocks::table
        .filter(blocks::tenant_id.eq(wanted.tenant))
        .filter(in_range)
        .order(blocks::id)
        .limit(limit)
        .select(Row::as_select())
        .into_boxed();
    if let Some(calendar) = wanted.calendar {
        query = query.filter(blocks::calendar_id.eq(calendar));
    }
    if let Some(after) = wanted.after {
        query = query.filter(blocks::id.gt(after));
    }
    let rows: Vec<Row> = query.load(connection).await?;
    rows.into_iter().map(Block::try_from).collect()
}

#[derive(QueryableByName)]
struct ClaimRow {
    #[diesel(sql_type = SqlUuid)]
    id: ClaimId,
    #[diesel(sql_type = SqlUuid)]
    block_id: BlockId,
    #[diesel(sql_type = Timestamptz)]
    start_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    end_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamp)]
    occurrence: NaiveDateTime,
    #[diesel(sql_type = Bool)]
    detached: bool,
    #[diesel(sql_type = Nullable<Text>)]
    title: Option<String>,
}

/// The occurrences of blocks that overlap `range`, or all of them, by start.
///
/// # Errors
/// When the database cannot be read.
pub async fn claims(
    connection: &mut AsyncPgConnection,
    blocks: &[BlockId],
    range: Option<Span>,
) -> QueryResult<Vec<BlockClaim>> {
    let rows: Vec<ClaimRow> = diesel::sql_query(
        "SELECT id, block_id, lower(during) AS start_at, upper(during) AS end_at, occurrence, \
         detached, title FROM claims WHERE block_id = ANY ($1) \
         AND ($2 IS NULL OR during && tstzrange($2, $3)) ORDER BY lower(during), id",
    )
    .bind::<Array<SqlUuid>, _>(blocks)
    .bind::<Nullable<Timestamptz>, _>(range.map(|range| range.start().to_utc()))
    .bind::<Nullable<Timestamptz>, _>(range.map(|range| range.end().to_utc()))
    .load(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let span = Span::new(Minute::floor(row.start_at), Minute::ceil(row.end_at));
            Ok(BlockClaim {
                id: row.id,
                block: row.block_id,
                span: span.ok_or_else(|| unreadable(row.block_id))?,
                occurrence: row.occurrence,
                detached: row.detached,
                title: row.title,
            })
        })
        .collect()
}

/// Writes a new block, or another state of one that is at the version before.
///
/// # Errors
/// [`diesel::result::Error::NotFound`] for one that is at another version.
pub(crate) async fn write(connection: &mut AsyncPgConnection, state: &Block) -> QueryResult<()> {
    let touched = if state.version == 1 {
        diesel::insert_into(blocks::table)
            .values((
                blocks::id.eq(state.id),
                blocks::tenant_id.eq(state.tenant),
                blocks::version.eq(state.version),
                blocks::calendar_id.eq(state.calendar),
                blocks::kind.eq(state.kind.name()),
                blocks::first_start.eq(state.first_start),
                blocks::first_end.eq(state.first_end),
                blocks::zone.eq(&state.zone),
                blocks::rrule.eq(&state.rrule),
                blocks::rdates.eq(&state.rdates),
                blocks::exdates.eq(&state.exdates),
                blocks::created_by.eq(state.created_by),
            ))
            .execute(connection)
            .await?
    } else {
        let before = blocks::table
            .filter(blocks::tenant_id.eq(state.tenant))
            .filter(blocks::id.eq(state.id))
            .filter(blocks::version.eq(state.version - 1));
        diesel::update(before)
            .set((
                blocks::version.eq(state.version),
                blocks::kind.eq(state.kind.name()),
            ))
            .execute(connection)
            .await?
    };
    match touched {
        1 => Ok(()),
        _ => Err(diesel::result::Error::NotFound),
    }
}
