//! What the database holds and how it is changed: Diesel tables, models, the commit transaction,
//! pools, test databases. Knows nothing of actors, HTTP or scheduling rules.

pub mod access_changes;
pub mod appointments;
pub mod audit;
pub mod audit_log;
pub mod blocks;
pub mod calendars;
pub mod commit;
pub mod connection;
pub mod epoch;
pub mod fold;
pub mod holds;
pub mod idempotency;
pub mod ids;
pub mod in_doubt;
pub mod log;
pub mod migrate;
pub mod models;
pub mod patients;
pub mod present;
pub mod request_answers;
pub mod retention;
pub mod rules;
#[allow(missing_debug_implementations)] // generated
#[rustfmt::skip]
pub mod schema;
pub mod series;
pub mod span;
pub mod tenancy;
#[cfg(feature = "test-db")]
pub mod test_db;
pub mod waitlist;
