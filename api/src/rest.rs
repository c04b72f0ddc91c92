//! The REST API, one file per area: what comes in, what goes out, and the query between.

pub mod api_keys;
pub mod appointments;
pub mod assignments;
pub mod availability;
pub mod calendars;
pub mod clinics;
pub mod exceptions;
pub mod input;
pub mod language;
pub mod me;
pub mod oidc;
pub mod operations;
pub mod operatories;
pub mod own_sessions;
pub mod page;
pub mod passwords;
pub mod patients;
pub mod providers;
pub mod registration;
pub mod sessions;
pub mod tenants;
pub mod treatments;
pub mod wall_clock;
