//! The one statement that writes a batch: the rows of every table as arrays, so that its text never
//! changes and a connection prepares it once, however many rows there are.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{
    Array, BigInt, Bool, Bytea, Jsonb, Nullable, Text, Timestamp, Timestamptz,
};
use diesel_async::AsyncPgConnection;
use diesel_async::methods::ExecuteDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::ids::{
    AppointmentId, BlockId, CalendarId, ClaimId, HoldId, OperatoryId, PatientId, ProviderId,
    SeriesId, TenantId, TreatmentId, TxId, UserId,
};

type SqlUuid = diesel::sql_types::Uuid;

/// Rows of tables, an array for each column.
macro_rules! array_rows {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: Vec<$rust:ty> as $sql:ty,)+ })+) => { $(
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(super) struct $name { $(pub(super) $field: Vec<$rust>),+ }

        impl $name {
            fn bind<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                $(
                    out.push_sql(", ");
                    out.push_bind_param::<Array<$sql>, _>(&self.$field)?;
                )+
                Ok(())
            }
        }
    )+ };
}

array_rows! {
    /// New appointments and new states of old ones.
    AppointmentRows {
        id: Vec<AppointmentId> as SqlUuid,
        tenant: Vec<TenantId> as SqlUuid,
        version: Vec<i64> as BigInt,
        status: Vec<&'static str> as Text,
        start_at: Vec<DateTime<Utc>> as Timestamptz,
        end_at: Vec<DateTime<Utc>> as Timestamptz,
        patient: Vec<PatientId> as SqlUuid,
        provider: Vec<ProviderId> as SqlUuid,
        operatory: Vec<OperatoryId> as SqlUuid,
        treatment: Vec<TreatmentId> as SqlUuid,
        pattern: Vec<Value> as Jsonb,
        series: Vec<Option<SeriesId>> as Nullable<SqlUuid>,
        occurrence: Vec<Option<NaiveDateTime>> as Nullable<Timestamp>,
        detached: Vec<bool> as Bool,
        notes: Vec<Option<String>> as Nullable<Text>,
        cancel_reason: Vec<Option<String>> as Nullable<Text>,
        cancel_code: Vec<Option<&'static str>> as Nullable<Text>,
        confirmed_via: Vec<Option<String>> as Nullable<Text>,
        created_by: Vec<Option<UserId>> as Nullable<SqlUuid>,
    }
    /// New holds, and those that now last longer or shorter.
    HoldRows {
        id: Vec<HoldId> as SqlUuid,
        tenant: Vec<TenantId> as SqlUuid,
        token_hash: Vec<Vec<u8>> as Bytea,
        start_at: Vec<DateTime<Utc>> as Timestamptz,
        end_at: Vec<DateTime<Utc>> as Timestamptz,
        provider: Vec<ProviderId> as SqlUuid,
        operatory: Vec<OperatoryId> as SqlUuid,
        treatment: Vec<TreatmentId> as SqlUuid,
        patient: Vec<Option<PatientId>> as Nullable<SqlUuid>,
        pattern: Vec<Value> as Jsonb,
        owner: Vec<String> as Text,
        address: Vec<Option<String>> as Nullable<Text>,
        expires_at: Vec<DateTime<Utc>> as Timestamptz,
        renewable_until: Vec<DateTime<Utc>> as Timestamptz,
    }
    EndedHoldRows {
        id: Vec<HoldId> as SqlUuid,
        how: Vec<&'static str> as Text,
    }
    DeletedClaimRows {
        id: Vec<ClaimId> as SqlUuid,
    }
    ClaimRows {
        id: Vec<ClaimId> as SqlUuid,
        calendar: Vec<CalendarId> as SqlUuid,
        tenant: Vec<TenantId> as SqlUuid,
        kind: Vec<&'static str> as Text,
        start_at: Vec<DateTime<Utc>> as Timestamptz,
        end_at: Vec<DateTime<Utc>> as Timestamptz,
        appointment: Vec<Option<AppointmentId>> as Nullable<SqlUuid>,
        hold: Vec<Option<HoldId>> as Nullable<SqlUuid>,
        source: Vec<Option<String>> as Nullable<Text>,
        title: Vec<Option<String>> as Nullable<Text>,
        block: Vec<Option<BlockId>> as Nullable<SqlUuid>,
        occurrence: Vec<Option<NaiveDateTime>> as Nullable<Timestamp>,
        detached: Vec<bool> as Bool,
    }
    EventRows {
        calendar: Vec<CalendarId> as SqlUuid,
        version: Vec<i64> as BigInt,
        tx: Vec<TxId> as SqlUuid,
        node: Vec<Uuid> as SqlUuid,
        ops: Vec<Value> as Jsonb,
    }
    VersionRows {
        calendar: Vec<CalendarId> as SqlUuid,
        version: Vec<i64> as BigInt,
    }
    /// In the order of the keys.
    KeyRows {
        tenant: Vec<TenantId> as SqlUuid,
        principal: Vec<String> as Text,
        key: Vec<String> as Text,
        fingerprint: Vec<Vec<u8>> as Bytea,
        tx: Vec<TxId> as SqlUuid,
        result: Vec<Value> as Jsonb,
    }
    OutboxRows {
        tenant: Vec<TenantId> as SqlUuid,
        tx: Vec<TxId> as SqlUuid,
        kind: Vec<&'static str> as Text,
        subject: Vec<Uuid> as SqlUuid,
    }
    AuditRows {
        tenant: Vec<TenantId> as SqlUuid,
        actor: Vec<String> as Text,
        action: Vec<&'static str> as Text,
        subject: Vec<Uuid> as SqlUuid,
        tx: Vec<TxId> as SqlUuid,
        overrides: Vec<String> as Text,
        before: Vec<Option<Value>> as Nullable<Jsonb>,
        after: Vec<Option<Value>> as Nullable<Jsonb>,
        role: Vec<Option<String>> as Nullable<Text>,
        address: Vec<Option<String>> as Nullable<Text>,
        request: Vec<Option<String>> as Nullable<Text>,
    }
    /// Spans that have come free, with the calendars on which they did.
    FreedRows {
        tenant: Vec<TenantId> as SqlUuid,
        calendars: Vec<Value> as Jsonb,
        from: Vec<DateTime<Utc>> as Timestamptz,
        to: Vec<DateTime<Utc>> as Timestamptz,
    }
}

/// The rows of a batch, by table.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The number of the transaction in which alone it may be written.
    pub(super) transaction: i64,
    pub(super) appointments: AppointmentRows,
    pub(super) holds: HoldRows,
    pub(super) ended_holds: EndedHoldRows,
    pub(super) deleted_claims: DeletedClaimRows,
    pub(super) claims: ClaimRows,
    pub(super) events: EventRows,
    pub(super) versions: VersionRows,
    pub(super) keys: KeyRows,
    pub(super) outbox: OutboxRows,
    pub(super) audit: AuditRows,
    pub(super) freed: FreedRows,
}

impl QueryFragment<Pg> for Batch {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT write_batch(");
        out.push_bind_param::<BigInt, _>(&self.transaction)?;
        self.appointments.bind(out.reborrow())?;
        self.holds.bind(out.reborrow())?;
        self.ended_holds.bind(out.reborrow())?;
        self.deleted_claims.bind(out.reborrow())?;
        self.claims.bind(out.reborrow())?;
        self.events.bind(out.reborrow())?;
        self.versions.bind(out.reborrow())?;
        self.keys.bind(out.reborrow())?;
        self.outbox.bind(out.reborrow())?;
        self.audit.bind(out.reborrow())?;
        self.freed.bind(out.reborrow())?;
        out.push_sql(")");
        Ok(())
    }
}

impl QueryId for Batch {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Batch {
    /// Writes it; a row that is not as the decision had it is an error, as is any other transaction.
    pub(super) async fn write(self, connection: &AsyncPgConnection) -> QueryResult<()> {
        ExecuteDsl::execute(self, &mut &*connection).await.map(drop)
    }
}

/// The end of the transaction: prepared like every other statement, so that it is sent in its turn.
#[derive(Debug)]
pub(super) struct Commit;

impl QueryFragment<Pg> for Commit {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("COMMIT");
        Ok(())
    }
}

impl QueryId for Commit {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Commit {
    pub(super) async fn send(self, connection: &AsyncPgConnection) -> QueryResult<()> {
        ExecuteDsl::execute(self, &mut &*connection).await.map(drop)
    }
}
