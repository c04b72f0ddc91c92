//! Typed ids: every table's key has its own type, so that a patient's id cannot be passed where a
//! calendar's is meant. All are UUIDs (version 7 when made here: they sort by creation time, which
//! keeps index inserts local).

use diesel::deserialize::{FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{Output, ToSql};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            AsExpression, FromSqlRow,
        )]
        #[diesel(sql_type = diesel::sql_types::Uuid)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id, later than every one made before by this process.
            #[must_use]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl ToSql<diesel::sql_types::Uuid, Pg> for $name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> diesel::serialize::Result {
                <Uuid as ToSql<diesel::sql_types::Uuid, Pg>>::to_sql(&self.0, out)
            }
        }

        impl FromSql<diesel::sql_types::Uuid, Pg> for $name {
            fn from_sql(value: PgValue<'_>) -> diesel::deserialize::Result<Self> {
                <Uuid as FromSql<diesel::sql_types::Uuid, Pg>>::from_sql(value).map(Self)
            }
        }
    )+};
}

typed_ids! {
    /// A practice that pays.
    TenantId,
    /// An account that logs in.
    UserId,
    /// A person who is treated, known to any number of tenants.
    PatientId,
    /// A place with operatories; not a tenant.
    ClinicId,
    /// A chair with its room.
    OperatoryId,
    /// A dentist, hygienist or assistant of a tenant.
    ProviderId,
    /// A dentist's right to use an operatory on a weekly schedule.
    AssignmentId,
    /// A closure or extra hours on single dates.
    ExceptionId,
    /// What is done in a visit.
    TreatmentId,
    /// The timeline of one resource that can be in one place at a time.
    CalendarId,
    /// A calendar × span that is taken.
    ClaimId,
    /// A visit.
    AppointmentId,
    /// Time kept for somebody until an expiry.
    HoldId,
    /// Visits made by one recurrence rule.
    SeriesId,
    /// One command's effect; the same on every calendar that it touches.
    TxId,
}
