//! What the database itself promises, and what the commit makes of it; against a real Postgres.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod audit;
mod audit_log;
mod bookings;
mod commit;
mod commit_batches;
mod grants;
mod in_doubt;
mod many;
mod migrations;
mod overbooking;
mod patient_search;
mod patients;
mod retention;
mod support;
mod tenants;
mod tenants_seed;
